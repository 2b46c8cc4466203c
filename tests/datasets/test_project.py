"""One copick project over all scenes, as copick itself reads it."""

import json
import shutil

import numpy as np
import pytest

import openmm_cgpack as cgp
from openmm_cgpack.cli import main
from openmm_cgpack.datasets.copick_project import TARGETS
from openmm_cgpack.io.particle_lists import read_particles

LABELS = {"filament": 2, "3hhb": 1}
"""Kinds of structures have one order, whatever that of the recipe."""


def test_copick_reads_every_scene_and_the_targets_are_where_the_picks_are(made):
    copick = pytest.importorskip("copick")
    root = copick.from_file(str(made.path / "copick.json"))
    assert sorted(run.name for run in root.runs) == ["scene-0000", "scene-0001", "scene-0002"]
    assert {entry.name: entry.label for entry in root.pickable_objects} == LABELS
    for index, run in enumerate(sorted(root.runs, key=lambda run: run.name)):
        folder = cgp.RunFolder(made.scene(index))
        (spacing,) = run.voxel_spacings
        (tomogram,) = spacing.tomograms
        assert np.array_equal(tomogram.numpy(), folder.tomogram().data)
        (everything,) = run.get_segmentations(name="all", is_multilabel=True)
        own = {number + 1: LABELS[name] for number, name in enumerate(folder.species)}
        semantic = folder.labels("semantic").data
        wanted = np.vectorize({0: 0, **own}.get)(semantic)
        assert np.array_equal(everything.numpy(), wanted)
        (targets,) = run.get_segmentations(name="targets", is_multilabel=True)
        targets = targets.numpy()
        particles = read_particles(made.scene(index) / "particles.csv")
        for picks in run.picks:
            places, _ = picks.numpy()
            z, y, x = (places / spacing.voxel_size).round().astype(int).T[::-1]
            assert set(targets[z, y, x].tolist()) == {LABELS[picks.pickable_object_name]}
            if picks.pickable_object_name == "3hhb":
                assert len(places) == (particles.species == "3hhb").sum()


def test_spheres_have_half_the_radius_of_the_object(made):
    config = json.loads((made.path / "copick.json").read_text())
    (molecule,) = (o for o in config["pickable_objects"] if o["name"] == "3hhb")
    copick = pytest.importorskip("copick")
    root = copick.from_file(str(made.path / "copick.json"))
    run = next(run for run in root.runs if run.get_picks("3hhb"))
    (targets,) = run.get_segmentations(name="targets", is_multilabel=True)
    number = len(run.get_picks("3hhb")[0].points)
    volume = (targets.numpy() == 1).sum() * run.voxel_spacings[0].voxel_size ** 3
    radius = (volume / number * 3 / (4 * np.pi)) ** (1 / 3)
    # A few voxels across, and filaments may lie over it.
    assert radius == pytest.approx(TARGETS * molecule["radius"], rel=0.2)


def test_a_data_set_that_was_moved_is_gone_on_with_and_what_was_added_stays(made, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(made.path, moved)
    path = moved / "copick.json"
    config = json.loads(path.read_text())
    added = {"name": "mine", "is_particle": True, "label": 9}
    config["pickable_objects"].append(added)
    path.write_text(json.dumps({**config, "description": "my own"}))
    assert main(["dataset", "--resume", "-o", str(moved), "--quiet", "--workers", "0"]) == 0
    after = json.loads(path.read_text())
    assert after["pickable_objects"] == config["pickable_objects"]
    assert after["description"] == "my own"
    assert after["overlay_root"] == f"local://{moved / 'copick'}"
    (moved / "copick" / "ExperimentRuns" / "scene-0001" / "Picks" / "me_1_mine.json").write_text(
        "{}"
    )
    words = ["dataset", "--resume", "-o", str(moved), "--only", "1", "--force", "--workers", "0"]
    assert main(words) == 1
    assert (
        moved / "copick" / "ExperimentRuns" / "scene-0001" / "Picks" / "me_1_mine.json"
    ).exists()
