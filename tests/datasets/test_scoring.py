"""Picks of many tomograms: the folders of exports, projects and data sets against the truth."""

import json
import shutil

import pytest

import openmm_cgpack as cgp
from openmm_cgpack.cli import main

EXPORTS = ("copick", "relion5", "kaggle")


@pytest.fixture(scope="module")
def exports(made, tmp_path_factory):
    """Return a folder with the scenes of a data set, in formats with lists of particles."""
    folder = tmp_path_factory.mktemp("exports")
    made.export(EXPORTS, folder=folder)
    return folder


@pytest.mark.parametrize("name", EXPORTS)
def test_an_exports_folder_holds_picks_of_every_scene(made, exports, name):
    """The truth itself, read back as picks, finds every molecule of the data set."""
    scores = cgp.score_picks(exports / name, made.path, without=["filament"])
    n = sum((run.particles().species == "3hhb").sum() for run in made.runs())
    assert (scores.tp, scores.fn) == (n, 0)


def test_a_project_is_truth_and_picks_in_one(exports, tmp_path, capsys):
    """Beside the truth a user's picks are taken; of these there are some of one scene only."""
    project = tmp_path / "copick"
    shutil.copytree(exports / "copick", project)
    scene = sorted((project / "ExperimentRuns").iterdir())[0]
    mine = next((scene / "Picks").glob("cgpack_0_*.json"))
    held = json.loads(mine.read_text())
    held["points"] = held["points"][:1]
    (scene / "Picks" / mine.name.replace("cgpack_0", "me_1")).write_text(json.dumps(held))
    with pytest.warns(match="the picks of me_1 are taken, not the truth"):
        scores = cgp.score_picks(project, project)
    assert (scores.tp, scores.fp) == (1, 0)
    assert scores.fn == len(cgp.io.read_truth(scene).instance) - 1
    assert main(["score", "picks", str(tmp_path), str(project)]) == 2
    assert (
        "wanted picks: a copick project, or .json, .star or .csv files" in capsys.readouterr().err
    )


def test_a_split_is_scored_alone(made, exports):
    n = {
        split: cgp.score_picks(exports / "copick", made.path, split=split).fn
        for split in ("train", "validation", "test")
        if made.indices(split)
    }
    assert set(n.values()) == {0}
    assert len(n) > 0
