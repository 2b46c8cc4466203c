"""Recipes of scenes in boxes."""

import re

import numpy as np
import pytest

from openmm_cgpack import Cell, Filament, Helix, Recipe, Start
from openmm_cgpack.cli import main
from openmm_cgpack.core import Periodic, Slab
from openmm_cgpack.io.scenes import load_packed
from openmm_cgpack.recipe import load_recipe
from openmm_cgpack.runs import render_again, resume, run, simulate, simulate_series
from openmm_cgpack.runs.size import intention

ENTRY = """
seed = 3
[[molecule]]
species = "3hhb"
count = 12
[[molecule]]
species = "2bo9"
count = 4
"""


@pytest.fixture
def recipe_of(tmp_path):
    def load(text, fractions=None):
        path = tmp_path / "recipe.toml"
        head = "" if fractions is None else f"fractions = {fractions}\n"
        path.write_text(head + ENTRY + text)
        return load_recipe(path)

    return load


class Started(Exception):
    """Ends a run that has its start."""


def start_of(recipe):
    """Return the scene as it is placed."""
    found = []

    def hook(stage, made):
        if stage == "placement":
            found.append(made.scene)
            raise Started

    with pytest.raises(Started):
        simulate(recipe, hook=hook)
    return found[0]


def test_molecules_that_say_nothing_get_balls_of_their_shape(recipe_of):
    recipe = recipe_of('[start]\nboundary = "periodic"\n[pack]\nkind = "dense"\nfraction = 0.2\n')
    assert start_of(recipe).species[0].n_balls == 16
    assert start_of(recipe_of("")).species[0].n_balls == 3


def test_counts_and_fraction_give_the_box(recipe_of):
    recipe = recipe_of('[start]\nboundary = "periodic"\n[pack]\nkind = "dense"\nfraction = 0.3\n')
    packed = simulate(recipe).packed
    assert isinstance(packed.boundary, Periodic)
    assert packed.scene.n_instances == 16
    assert packed.scene.volume / packed.boundary.volume == pytest.approx(0.3, rel=0.005)


def test_a_box_alone_is_packed_as_it_is(recipe_of):
    recipe = recipe_of('[start]\nboundary = "slab"\nbox = [21, 21, 21]\n[pack]\nkind = "dense"\n')
    packed = simulate(recipe).packed
    assert packed.boundary.box == pytest.approx((21, 21, 21))


def test_box_and_fraction_give_relative_counts(recipe_of):
    recipe = recipe_of(
        '[start]\nboundary = "slab"\nbox = [60, 60, 30]\ncounts = "relative"\n'
        '[pack]\nkind = "dense"\nfraction = 0.2\n'
    )
    scene = start_of(recipe)
    assert isinstance(scene.boundary, Slab)
    hhb, bo9 = (int((scene.species_index == s).sum()) for s in range(2))
    assert hhb / bo9 == pytest.approx(3, rel=0.05)
    fraction = recipe.start.reached(scene, recipe.fraction)
    assert fraction == pytest.approx(0.2, rel=0.005)
    # Packed to it, the box is the one asked for.
    assert scene.volume / fraction == pytest.approx(60 * 60 * 30)
    # What was asked for is what the abundances come to, not the abundances.
    models = [(model, count) for model, count in zip(scene.species, (3, 1), strict=True)]
    asked = recipe.start.asked(models, fraction=recipe.fraction)
    assert [count for _, count in asked] == [hhb, bo9]


PERIODIC, SLAB = '[start]\nboundary = "periodic"\n', '[start]\nboundary = "slab"\n'
DENSE = '[pack]\nkind = "dense"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PERIODIC + DENSE, "wants a box, or a fraction in"),
        (PERIODIC, 'boundary: wanted "open" with kind = "pull" in \\[pack\\], got "periodic"'),
        (DENSE + "fraction = 0.3\n", 'wanted "periodic" or "slab" with kind = "dense"'),
        ("[start]\nbox = 30\n", 'box: means nothing with boundary = "open"'),
        (SLAB + "extent = 50\n" + DENSE, 'extent: means nothing with boundary = "slab"'),
        (PERIODIC + 'counts = "relative"\n' + DENSE + "fraction = 0.3\n", "wants both a box"),
        (SLAB + DENSE + "fraction = 1\n", "fraction: wanted a number > 0 and < 1, got 1"),
    ],
)
def test_what_does_not_go_together_is_said(recipe_of, text, message):
    with pytest.raises(ValueError, match=message):
        recipe_of(text)


@pytest.mark.parametrize(
    ("fractions", "text", "message"),
    [
        ("[0.1]", "", 'wanted kind = "dense"'),
        ("[0.1]", SLAB + "box = 50\n" + DENSE, "stand in place of the box"),
        ("[0.1]", SLAB + DENSE + "fraction = 0.2\n", "stand in place of the box"),
        ("[0.2, 0.1]", SLAB + DENSE, r"rising numbers, got \[0.2, 0.1\]"),
        ("[]", SLAB + DENSE, r"rising numbers, got \[\]"),
        ("[0.2, 1]", SLAB + DENSE, "fractions: .*> 0 and < 1, got 1"),
    ],
)
def test_a_series_that_is_none_is_said(recipe_of, fractions, text, message):
    with pytest.raises(ValueError, match=message):
        recipe_of(text, fractions=fractions)


@pytest.mark.parametrize("command", ["check", "simulate"])
def test_a_contradiction_is_said_before_anything_is_placed(tmp_path, capsys, command):
    path = tmp_path / "recipe.toml"
    rods = "[[filament]]\nn_balls = 4\n"
    path.write_text(rods + PERIODIC + "box = 30\n" + DENSE + "fraction = 0.2\n")
    out = [] if command == "check" else ["-o", str(tmp_path / "out")]
    assert main([command, str(path), *out]) == 2
    error = capsys.readouterr().err
    assert re.search(r"\[start\]: .* contradict .*30 x 30 x 30 = 2.7e\+04 nm\^3", error)
    assert error.endswith(
        '; counts = "relative" in [start] makes as many as fill the box, in the ratio of the '
        "counts; or leave box or fraction out\n"
    )


def test_relative_counts_are_announced_when_they_are_known(tmp_path, capsys):
    path = tmp_path / "recipe.toml"
    rods = "[[filament]]\nn_balls = 4\ncount = 60\n"
    fill = 'box = 60\ncounts = "relative"\n'
    path.write_text(rods + PERIODIC + fill + DENSE + "fraction = 0.2\n")
    assert main(["check", str(path)]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("will make  1 species in 60 x 60 x 60 nm, ")
    model = Filament(n_balls=4).build()
    assert f": about {0.2 * 60**3 / model.volume:.0f} instances of 1 species" in second


def test_a_count_of_bundles_is_announced_in_filaments():
    bundles = Helix(lattice="actin", length=50.0, count=2, bundle=7)
    cell = Recipe(structures=(bundles,), start=Start(boundary="periodic", box=60.0), pack=Cell())
    assert intention(cell).startswith("will make  14 instances of 1 species in 60 x 60 x 60 nm")


SERIES = """
[start]
boundary = "periodic"
[pack]
kind = "dense"
[density]
voxel_size = 2.0
[files]
overview = false
[run]
platform = "CPU"
threads = 1
"""


def test_a_series_is_a_folder_of_runs_of_the_same_molecules(recipe_of, tmp_path):
    out = tmp_path / "out"
    manifest = run(recipe_of(SERIES, fractions="[0.1, 0.2, 0.3]"), out)
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
    imaging.write_text("[imaging]\nsnr = 0.5\n")
    render_again(out / names[1], imaging)
    again = list(simulate_series(load_recipe(out / names[1] / "recipe.toml")))
    assert np.array_equal(again[-1].packed.positions, packed[1].positions)
    # The top one is the whole series'.
    assert load_recipe(out / "recipe.toml").fractions == (0.1, 0.2, 0.3)


def test_a_series_that_was_cut_off_goes_on(recipe_of, tmp_path):
    series = SERIES.replace('"dense"', '"dense"\nsqueeze = { up_to = 0 }')
    recipe = recipe_of(series, fractions="[0.1, 0.2]")
    finished = []

    def note(block):
        finished.append(block.stage) if block.finished else None

    whole = run(recipe, tmp_path / "whole", watch=note)
    done = []

    def cut(block):
        done.append(block.stage) if block.finished else None
        if len(done) == len(finished) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="--resume"):
        run(recipe, tmp_path / "out", watch=cut)
    again = []
    manifest = resume(
        tmp_path / "out", watch=lambda block: again.append(block.stage) if block.finished else None
    )
    assert done + again == finished
    assert not (tmp_path / "out.unfinished").exists()
    same = {name for name in whole["files"] if not name.endswith("manifest.json")}
    assert same <= set(manifest["files"])
    for name in same:
        assert manifest["files"][name] == whole["files"][name], name
