"""Exports of a whole data set."""

import csv

import pytest

import openmm_cgpack as cgp
from openmm_cgpack.cli import main
from openmm_cgpack.io.particle_lists import read_particles


def test_one_list_of_all_scenes_and_a_folder_for_each_where_files_have_no_names(
    made, tmp_path, capsys
):
    words = ["export", str(made.path), "--to", str(tmp_path)]
    formats = ["--format", "kaggle", "--format", "shrec", "--format", "relion5"]
    assert main([*words, *formats]) == 0
    with open(tmp_path / "kaggle" / "particles.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "experiment", "particle_type", "x", "y", "z"]
    assert [int(row["id"]) for row in rows] == list(range(len(rows)))
    starfile = pytest.importorskip("starfile")
    stars = starfile.read(tmp_path / "relion5" / "particles.star")["particles"]
    for index in range(3):
        name = f"scene-{index:04d}"
        particles = read_particles(made.scene(index) / "particles.csv")
        mine = [row for row in rows if (row["experiment"], row["particle_type"]) == (name, "3hhb")]
        own = particles.centre[particles.species == "3hhb"] * 10
        assert [[float(row[x]) for x in "xyz"] for row in mine] == pytest.approx(own, abs=1e-3)
        assert (tmp_path / "shrec" / name / "class_mask.mrc").is_file()
        assert (stars.rlnTomoName == name).sum() == len(own)
    assert main([*words, *formats]) == 0
    with open(tmp_path / "kaggle" / "particles.csv", newline="") as file:
        assert list(csv.DictReader(file)) == rows


def test_a_split_alone(made, tmp_path):
    split = made.plan.split(1)
    made.export(["kaggle"], split=split, folder=tmp_path)
    with open(tmp_path / "kaggle" / "particles.csv", newline="") as file:
        there = {int(row["experiment"].removeprefix("scene-")) for row in csv.DictReader(file)}
    assert there == {index for index in range(3) if made.plan.split(index) == split}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "format: wanted at least one"),
        (["--format", "copick"], "copick.json: is the copick project"),
        (["--format", "kaggle", "--name", "a"], "name: means nothing with several runs"),
    ],
)
def test_what_means_nothing(made, capsys, words, said):
    assert main(["export", str(made.path), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (made.path / "kaggle").exists()


def test_split_is_for_data_sets(made, capsys):
    assert main(["export", str(made.scene(0)), "--split", "train"]) == 2
    assert "--split: means nothing for a run" in capsys.readouterr().err


def test_rows_that_somebody_changed_are_not_replaced(made, tmp_path):
    made.export(["kaggle"], folder=tmp_path)
    path = tmp_path / "kaggle" / "particles.csv"
    path.write_text(path.read_text().replace("0,scene-0000,", "0,scene-0000,my-", 1))
    with pytest.raises(FileExistsError, match="its rows of scene-0000 are not those"):
        cgp.DatasetFolder(made.path).export(["kaggle"], folder=tmp_path)
    assert "my-" in path.read_text()
    made.export(["kaggle"], folder=tmp_path, force=True)
    assert "my-" not in path.read_text()
