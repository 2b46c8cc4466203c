"""Recipes of scenes in boxes."""

import pytest

from openmm_cgpack.core import Periodic, Slab
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.recipe import load_recipe, simulate
from openmm_cgpack.recipe.build import build_models, build_start, target_fraction

ENTRY = """
seed = 3
[[molecule]]
species = "3hhb"
count = 12
atoms_per_ball = 300
radius = "volume"
[[molecule]]
species = "2bo9"
count = 4
atoms_per_ball = 300
radius = "volume"
"""


@pytest.fixture
def recipe_of(tmp_path):
    def load(text):
        path = tmp_path / "recipe.toml"
        path.write_text(ENTRY + text)
        return load_recipe(path)

    return load


def start_of(recipe):
    counts = build_models(recipe)
    return build_start(recipe, counts, seed=stage_seed(1, "placement"))


def test_counts_and_fraction_give_the_box(recipe_of):
    recipe = recipe_of('[scene]\nboundary = "periodic"\nfraction = 0.3\n')
    packed = simulate(recipe).packed
    assert isinstance(packed.boundary, Periodic)
    assert packed.scene.n_instances == 16
    assert packed.scene.volume / packed.boundary.volume == pytest.approx(0.3, rel=0.005)


def test_box_and_fraction_give_relative_counts(recipe_of):
    recipe = recipe_of(
        '[scene]\nboundary = "slab"\nbox = [60, 60, 30]\nfraction = 0.2\ncounts = "relative"\n'
    )
    scene = start_of(recipe)
    assert isinstance(scene.boundary, Slab)
    hhb, bo9 = (int((scene.species_index == s).sum()) for s in range(2))
    assert hhb / bo9 == pytest.approx(3, rel=0.05)
    fraction = target_fraction(recipe, scene.volume)
    assert fraction == pytest.approx(0.2, rel=0.005)
    # Packed to it, the box is the one asked for.
    assert scene.volume / fraction == pytest.approx(60 * 60 * 30)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('boundary = "periodic"', "wants box or fraction, got neither"),
        ("fraction = 0.3", 'fraction: is for boundary = "periodic" or "slab"'),
        ('boundary = "slab"\nfraction = 0.3\nextent = 50', 'extent: is for boundary = "open"'),
        ('boundary = "periodic"\nfraction = 0.3\ncounts = "relative"', "wants both box and"),
    ],
)
def test_what_does_not_go_together_is_said(recipe_of, text, message):
    with pytest.raises(ValueError, match=message):
        recipe_of(f"[scene]\n{text}\n")


def test_a_contradiction_shows_the_arithmetic(recipe_of):
    recipe = recipe_of('[scene]\nboundary = "periodic"\nbox = 30\nfraction = 0.3\n')
    with pytest.raises(ValueError, match=r"contradict.*30 x 30 x 30 = 2.7e\+04 nm\^3"):
        start_of(recipe)
