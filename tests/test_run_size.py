"""How much a run takes, worked out before it does: refused where there is less."""

import dataclasses
from pathlib import Path

import pytest

from openmm_cgpack import Filament, MapSettings, Recipe
from openmm_cgpack.cli import main
from openmm_cgpack.core.runtime import available_memory
from openmm_cgpack.imaging import OneStep, TiltImaging
from openmm_cgpack.packing import Dense, Start
from openmm_cgpack.recipe import Files
from openmm_cgpack.runs.size import Part, check_size, extent, map_size, run_seconds, run_size

ENTRY = Filament(n_balls=4, count=3)
RECIPE = Recipe(structures=(ENTRY,))
MODELS = [(ENTRY.build(), 3)]
SLAB = Recipe(
    structures=(ENTRY,),
    start=Start(boundary="slab", box=(160.0, 160.0, 60.0)),
    pack=Dense(),
    density=MapSettings(voxel_size=0.8),
)

FRAMES = "[files]\ntrajectory = true\nframe_interval = 1\n[pack]\nmax_steps = 1000000000\n"


def sizes(recipe, models=MODELS):
    return {part.what: part for part in run_size(recipe, models)}


def test_maps_grow_with_the_cube_of_the_voxels_and_say_so():
    coarse = sizes(SLAB)["maps and masks"]
    fine = sizes(dataclasses.replace(SLAB, density=MapSettings(voxel_size=0.4)))["maps and masks"]
    assert fine.memory == pytest.approx(8 * coarse.memory)
    # 200 x 200 x 75 voxels: 4 bytes of density and 2 of each mask.
    assert coarse.disk == pytest.approx(8 * 200 * 200 * 75)
    assert "voxel_size" in coarse.key


def test_frames_grow_with_the_steps_that_a_packing_may_take():
    few, many = (
        sizes(dataclasses.replace(RECIPE, files=Files(trajectory=True, frame_interval=each)))
        for each in (250, 1)
    )
    # 28000 steps of 12 balls, of which each is 12 bytes in memory.
    assert many["trajectory"].memory == pytest.approx(28_002 * 12 * 12)
    assert few["trajectory"].memory < many["trajectory"].memory / 200
    assert "trajectory" not in sizes(RECIPE)


def test_relative_counts_fill_their_box():
    start = Start(boundary="periodic", box=1000.0, counts="relative")
    recipe = Recipe(structures=(ENTRY,), start=start, pack=Dense(fraction=0.2))
    model = MODELS[0][0]
    instances = 0.2 * 1000.0**3 / model.volume
    balls = instances * model.n_balls
    assert 0.99 < sizes(recipe)["balls and bonds"].disk / (70 * balls) < 1.01


def test_tilt_images_and_halves_count():
    shape = (75, 200, 200)
    one, tilts, halves = (
        dataclasses.replace(SLAB, imaging=imaging)
        for imaging in (OneStep(), TiltImaging(), TiltImaging(halves="tilts"))
    )
    disk = [sum(part.disk for part in map_size(r, shape)) for r in (one, tilts, halves)]
    assert disk[1] - disk[0] == pytest.approx(4 * 41 * 200 * 200)
    assert disk[2] - disk[1] == pytest.approx(8 * 75 * 200 * 200)


@pytest.mark.parametrize(("memory", "disk", "what"), [(1e16, 0, "memory"), (0, 1e20, "disk")])
def test_more_than_there_is(memory, disk, what, tmp_path):
    parts = [Part("small", "a", 1, 1), Part("the maps", "[density] voxel_size", memory, disk)]
    with pytest.raises(ValueError, match=rf"^{what}: .* for the maps: see \[density\] voxel_size;"):
        check_size(parts, tmp_path / "not" / "yet")
    with pytest.warns(UserWarning, match=what):
        check_size(parts, tmp_path, force=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[density]\nvoxel_size = 0.001\nresolution = 0.01\n", "maps and masks|tomogram"),
        (
            FRAMES,
            "trajectory",
        ),
        ("[imaging]\npadding = 100000\n", "tomogram"),
    ],
)
def test_a_run_of_more_than_there_is_leaves_nothing(text, words, tmp_path, capsys):
    recipe = tmp_path / "large.toml"
    recipe.write_text(f"[[filament]]\nn_balls = 4000\ncount = 1000\n{text}")
    assert main(["simulate", str(recipe), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "memory: the run takes about" in error
    assert "--force" in error
    assert any(word in error for word in words.split("|"))
    assert [path.name for path in Path(tmp_path).iterdir()] == ["large.toml"]


def test_copies_without_end_are_refused_before_they_are_placed(tmp_path, capsys):
    recipe = tmp_path / "many.toml"
    recipe.write_text("[[filament]]\nn_balls = 4\ncount = 1000000000\n")
    assert main(["simulate", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert "memory: the run takes about" in capsys.readouterr().err


def test_the_command_tells_the_size(tmp_path, capsys):
    recipe = tmp_path / "small.toml"
    recipe.write_text("[[filament]]\nn_balls = 4\ncount = 2\n")
    assert main(["check", str(recipe)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("will make  2 instances of 1 species, voxels of 1 nm\ntakes      about ")
    assert "maps and masks" in out
    assert "there is" in out


def test_a_limit_of_the_process_is_what_there_is():
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    free = available_memory()
    if before[1] != resource.RLIM_INFINITY:
        pytest.skip("there is a limit already")
    try:
        resource.setrlimit(resource.RLIMIT_AS, (2**46, before[1]))
        assert available_memory() <= min(free * 1.5, 2**46)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_the_first_line_of_a_run_says_what_it_will_do(tmp_path, capsys):
    """Molecules, box and voxels at once; memory, disk and time when the models are known."""
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        "[[filament]]\nn_balls = 4\ncount = 2\n[start]\nboundary = 'slab'\nbox = [20, 22, 24]\n"
        "[pack]\nkind = 'dense'\nfraction = 0.9\n[density]\nvoxel_size = 2.0\n"
        "[run]\nthreads = 3\n"
    )
    assert main(["simulate", str(recipe), "-o", str(tmp_path / "out")]) == 2
    recipe.write_text(recipe.read_text().replace("fraction = 0.9\n", ""))
    capsys.readouterr()
    assert main(["simulate", str(recipe), "-o", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().err.splitlines()
    made = "2 instances of 1 species{} in 20 x 22 x 24 nm, 10 x 11 x 12 voxels of 2 nm"
    assert lines[0] == f"will make  {made.format('')}"
    assert lines[1].startswith("takes      about ")
    assert " MiB of memory, " in lines[1]
    assert " on one core of a CPU, less on the 3 here: " in lines[1]
    assert lines[1].endswith(made.format(" (8 balls)"))
    assert lines[2].startswith("models ")


def test_time_grows_with_what_there_is():
    few, many = (
        run_seconds(recipe, extent(recipe, [(MODELS[0][0], count)]))
        for recipe, count in ((RECIPE, 3), (RECIPE, 300))
    )
    assert few < many
    fine = dataclasses.replace(SLAB, density=MapSettings(voxel_size=0.4))
    assert run_seconds(SLAB, extent(SLAB, MODELS)) < run_seconds(fine, extent(fine, MODELS))
    crowded = [Dense().seconds(MODELS, fraction) for fraction in (0.1, 0.25, 0.3, 0.35, 0.4)]
    assert crowded == sorted(crowded)
    tilts = [TiltImaging(halves=halves).seconds((9, 9, 9), 1) for halves in ("none", "tilts")]
    assert OneStep().seconds((9, 9, 9), 1) < tilts[0] * 1e3 < tilts[1] * 1e3
