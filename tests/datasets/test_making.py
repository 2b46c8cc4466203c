"""Data sets: scenes that depend on recipe, seed and number alone, and what is said of bad input."""

import csv
import shutil
from pathlib import Path

import pytest
from tiny_datasets import RECIPE, content, write_recipe

import openmm_cgpack as cgp
from openmm_cgpack.cli import main
from openmm_cgpack.datasets.plan import Plan, plan_of


def table(held):
    with open(held.path / "scenes.csv", newline="") as file:
        return list(csv.DictReader(file))


def fails(capsys, *arguments):
    """Run the command; return its one line on standard error."""
    capsys.readouterr()
    assert main(["dataset", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_the_table_has_what_was_drawn_and_what_came_of_it(made):
    rows = table(made)
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    assert {row["state"] for row in rows} == {"done"}
    for index, row in enumerate(rows):
        run = cgp.RunFolder(made.scene(index))
        recipe = run.recipe()
        assert recipe.index == index
        assert recipe.imaging.snr == float(row["imaging.snr"])
        counts = {entry.label: entry.count for entry in recipe.structures}
        assert int(row["count.filament"]) == counts["filament"] == int(row["filament.1.count"])
        assert int(row["count.3hhb"] or 0) == counts.get("3hhb", 0) == int(row["molecule.1.count"])
        assert float(row["fraction"]) == pytest.approx(
            run.manifest["packing"]["fraction_end"], abs=1e-5
        )
        assert row["split"] == made.plan.split(index)
    assert len({row["imaging.snr"] for row in rows}) == 3


def test_a_scene_is_the_same_alone_and_from_its_own_recipe(made, tmp_path):
    alone = cgp.dataset(write_recipe(tmp_path), 9, tmp_path / "set", only=2, workers=0)
    assert content(alone.scene(2)) == content(made.scene(2))
    assert [row["state"] for row in table(alone)] == ["missing"] * 2 + ["done"] + ["missing"] * 6
    again = tmp_path / "again"
    cgp.run(made.scene(2) / "recipe.toml", again)
    assert content(again) == content(made.scene(2))


def test_every_scene_has_a_log(made):
    for index in range(3):
        text = made.log(index).read_text()
        assert "begun 2" in text
        assert "packing" in text


def test_splits_are_exact_in_each_ten_and_do_not_hang_on_n(tmp_path):
    plan = Plan(table={}, seed=3, folder=tmp_path)
    names = [plan.split(index) for index in range(40)]
    for first in range(0, 40, 10):
        block = names[first : first + 10]
        assert [block.count(name) for name in ("train", "validation", "test")] == [8, 1, 1]
    assert names[:10] != names[10:20] or names[10:20] != names[20:30]
    other = Plan(table={}, seed=4, folder=tmp_path)
    assert [other.split(index) for index in range(40)] != names


def test_a_small_set_without_a_split_says_so_and_what_is_enough(tmp_path):
    plan = Plan(table={}, seed=3, folder=tmp_path)
    names = [plan.split(index) for index in range(10)]
    for n in range(1, 11):
        lacking = [name for name in ("train", "validation", "test") if name not in names[:n]]
        said = plan.too_few(n)
        assert (said is None) == (not lacking)
        if said:
            assert f"of {n} scenes none is for {' or '.join(lacking)}; make " in said
            enough = int(said.split("make ")[1].split()[0])
            assert plan.too_few(enough) is None
            assert plan.too_few(enough - 1) is not None
    assert Plan(table={}, seed=3, shares=(1.0, 0.0, 0.0), folder=tmp_path).too_few(1) is None


def test_resume_makes_what_is_missing_and_nothing_else(made, tmp_path, capsys):
    moved = tmp_path / "moved"
    shutil.copytree(made.path, moved)
    shutil.copy(made.path.parent / "recipe.toml", tmp_path)
    kept = {p: p.stat().st_mtime_ns for p in (moved / "scenes" / "0000").iterdir()}
    shutil.rmtree(moved / "scenes" / "0001")
    assert main(["dataset", "--resume", "-o", str(moved), "-n", "4", "--workers", "0"]) == 0
    held = cgp.DatasetFolder(moved)
    assert held.n == 4
    assert held.indices() == [0, 1, 2, 3]
    assert content(held.scene(1)) == content(made.scene(1))
    assert kept == {p: p.stat().st_mtime_ns for p in (moved / "scenes" / "0000").iterdir()}
    out, err = capsys.readouterr()
    assert "4 of 4 scenes" in out
    assert err.startswith("will make  2 scenes of about ")


CROWDED = """
[start]
boundary = "periodic"
box = { choose = [5, 30] }
[pack]
kind = "cell"
[[molecule]]
species = "3hhb"
atoms_per_ball = 1600
count = 2
[density]
voxel_size = 2.0
resolution = 6.0
"""


def test_scenes_that_cannot_be_packed_are_told_of_and_the_others_go_on(tmp_path, capsys):
    recipe, out = write_recipe(tmp_path, CROWDED), tmp_path / "set"
    assert main(["dataset", str(recipe), "-n", "3", "-o", str(out), "--workers", "0"]) == 1
    rows = table(cgp.DatasetFolder(out))
    assert {row["start.box"] for row in rows} == {"5", "30"}
    for row in rows:
        assert row["state"] == ("failed" if row["start.box"] == "5" else "done")
        assert ("no room" in row["error"]) == (row["start.box"] == "5")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-n", "0"], "n: wanted a number of scenes from 1 to 1000000, got 0"),
        (["-n", "3", "--only", "3"], "only: wanted scenes from 0 to 2, got 3"),
        ([], "wanted RECIPE, -n N and -o DIR"),
        (["-n", "2", "--seed", "-1"], "seed: wanted a whole number"),
        (["-n", "2", "--shares", "0.5", "0.3", "0.1"], "shares: wanted numbers that add up to 1"),
        (["-n", "2", "--shares", "0.75", "0.15", "0.1"], "shares: wanted 3 tenths"),
        (["-n", "2", "--set", "imaging.snr={uniform=[2, 1]}"], "imaging.snr: uniform: wanted the"),
        (["-n", "9", "--set", "imaging.snr={normal=[0, 1]}"], "[imaging]: snr: wanted a number >"),
        (["-n", "2", "--set", "imaging.snr={uniforn=[1, 2]}"], "[imaging]: snr: wanted a number"),
        (
            [
                "-n",
                "2",
                "--set",
                "files.trajectory=true",
                "--set",
                "files.frame_interval=1",
                "--set",
                "pack.max_steps=1000000000",
            ],
            "disk: 2 scenes take about",
        ),
        (["-n", "2", "--scheduler", "tcp://here:1", "--workers", "2"], "workers: means nothing"),
        (["-n", "2", "--slurm", "queue.toml"], "workers: wanted how many jobs"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_made(tmp_path, capsys, words, said):
    line = fails(capsys, write_recipe(tmp_path), "-o", tmp_path / "set", *words)
    assert said in line
    assert not (tmp_path / "set").exists()


def test_a_folder_of_something_else_is_left_alone(made, tmp_path, capsys):
    recipe = write_recipe(tmp_path)
    assert "--resume makes what is missing" in fails(capsys, recipe, "-n", 3, "-o", made.path)
    (tmp_path / "mine").mkdir()
    line = fails(capsys, recipe, "-n", 3, "-o", tmp_path / "mine")
    assert "exists, and is no data set" in line
    assert "no such file; wanted a data set" in fails(capsys, "--resume", "-o", tmp_path / "mine")
    other = write_recipe(tmp_path, RECIPE.replace("0.5, 2", "0.5, 3"))
    line = fails(capsys, other, "-n", 3, "-o", made.path, "--resume")
    assert "is a data set of another recipe" in line
    line = fails(capsys, "--resume", "-o", made.path, "-n", 2)
    assert "n: wanted 3 scenes" in line
    line = fails(capsys, "--resume", "-o", made.path, "--seed", 2)
    assert "it takes no seed" in line


def test_a_recipe_without_distributions_is_fine(tmp_path):
    plain = "[[filament]]\nn_balls = 4\n" + RECIPE[RECIPE.index("[pack]") : RECIPE.index("[imag")]
    held = cgp.dataset(write_recipe(tmp_path, plain), 2, tmp_path / "set", workers=0, seed=8)
    assert [row["state"] for row in table(held)] == ["done", "done"]
    first, second = (cgp.RunFolder(held.scene(index)) for index in range(2))
    assert first.recipe().seed == 8
    assert (first.tomogram().data.shape != second.tomogram().data.shape) or (
        first.tomogram().data != second.tomogram().data
    ).any()


def test_the_recipe_in_the_docs_is_good(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "how_to" / "datasets.md"
    text = page.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    plan = plan_of(write_recipe(tmp_path, text))
    drawn = [plan.scene(index) for index in range(8)]
    assert len({recipe.start.box for recipe, _ in drawn}) == 8
    with_vesicle = ["vesicle" in [e.label for e in recipe.structures] for recipe, _ in drawn]
    assert 0 < sum(with_vesicle) < 8
    assert len(plan.species) > 20
