"""Recipes of scenes in boxes."""

import numpy as np
import pytest

from openmm_cgpack.core import Periodic, Slab
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.io.scenes import load_packed
from openmm_cgpack.packing import dense
from openmm_cgpack.recipe import (
    load_recipe,
    render_again,
    resume,
    run,
    simulate,
    simulate_series,
)
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
        ("fractions = [0.1]", 'fractions: is for boundary = "periodic" or "slab"'),
        ('boundary = "slab"\nbox = 50\nfractions = [0.1]', "in place of box and fraction"),
        ('boundary = "slab"\nfractions = [0.2, 0.1]', r"rising numbers, got \[0.2, 0.1\]"),
        ('boundary = "slab"\nfractions = []', r"rising numbers, got \[\]"),
        ('boundary = "slab"\nfractions = [0.2, 1]', "fractions: .*> 0 and < 1, got 1"),
        ('boundary = "slab"\nfraction = 1', "fraction: wanted a number > 0 and < 1, got 1"),
        ('boundary = "slab"\nfractions = [0.2, 2]', "list of numbers > 0 and < 1, got 2"),
    ],
)
def test_what_does_not_go_together_is_said(recipe_of, text, message):
    with pytest.raises(ValueError, match=message):
        recipe_of(f"[scene]\n{text}\n")


def test_a_contradiction_shows_the_arithmetic(recipe_of):
    recipe = recipe_of('[scene]\nboundary = "periodic"\nbox = 30\nfraction = 0.3\n')
    with pytest.raises(ValueError, match=r"contradict.*30 x 30 x 30 = 2.7e\+04 nm\^3"):
        start_of(recipe)


SERIES = """
[scene]
boundary = "periodic"
fractions = [0.1, 0.2, 0.3]
[density]
voxel_size = 2.0
[run]
platform = "CPU"
threads = 1
"""


def test_a_series_is_a_folder_of_runs_of_the_same_molecules(recipe_of, tmp_path):
    out = tmp_path / "out"
    manifest = run(recipe_of(SERIES), None, out)
    names = ["fraction_0.1", "fraction_0.2", "fraction_0.3"]
    assert list(manifest["series"]) == names
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == names
    packed = [load_packed(out / name / "packed.npz") for name in names]
    reached = [scene.scene.volume / scene.boundary.volume for scene in packed]
    assert reached == pytest.approx([0.1, 0.2, 0.3], rel=0.005)
    for scene in packed:
        assert np.array_equal(scene.scene.species_index, packed[0].scene.species_index)
    with pytest.raises(FileNotFoundError, match=r"there are .*fraction_0\.1/packed\.npz, "):
        load_packed(out / "packed.npz")
    # Each folder is a run's: it can be imaged again, and its recipe makes it again, as the last.
    imaging = tmp_path / "other.toml"
    imaging.write_text("[tomogram]\nsnr = 0.5\n")
    render_again(out / names[1], imaging)
    again = list(simulate_series(load_recipe(out / names[1] / "recipe.toml")))
    assert np.array_equal(again[-1].packed.positions, packed[1].positions)
    # The top one is the whole series'.
    assert load_recipe(out / "recipe.toml").scene.fractions == (0.1, 0.2, 0.3)


def test_a_series_that_was_cut_off_goes_on(recipe_of, tmp_path, monkeypatch):
    whole = run(recipe_of(SERIES), None, tmp_path / "whole")
    stages, remove = [], dense.remove_clashes

    def cut(packed, **settings):
        if len(stages) == 1:
            raise KeyboardInterrupt
        stages.append(1)
        return remove(packed, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(dense, "remove_clashes", cut)
        with pytest.raises(KeyboardInterrupt, match="--resume"):
            run(recipe_of(SERIES), None, tmp_path / "out", resumable=True)
    manifest = resume(tmp_path / "out")
    assert not (tmp_path / "out.unfinished").exists()
    same = {name for name in whole["files"] if not name.endswith("manifest.json")}
    assert same <= set(manifest["files"])
    for name in same:
        assert manifest["files"][name] == whole["files"][name], name
