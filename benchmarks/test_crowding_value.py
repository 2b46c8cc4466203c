"""What the experiment on crowding is made of; the experiment itself takes most of an hour."""

import dataclasses
import json

import numpy as np
import pytest
from crowding_report import Results, tables
from crowding_value import (
    CROWDS,
    DOCS,
    MIXED,
    PLANS,
    TARGETS,
    Scene,
    inner_counts,
    load_scene,
    make_scene,
    pooled,
)

import openmm_cgpack as cgp
from openmm_cgpack import evaluation as ev


@pytest.mark.parametrize("size", PLANS)
def test_trainings_differ_in_nothing_but_the_fraction(size):
    plan = PLANS[size]
    for model in plan.models():
        scenes = model.scenes(plan)
        assert len(set(scenes)) == model.n
        assert {(scene.part, scene.crowd) for scene in scenes} == {("train", "known")}
        assert set(scenes) <= set(plan.scenes())
        used = [scene.fraction for scene in scenes]
        if model.train == MIXED:
            numbers = [used.count(fraction) for fraction in plan.fractions]
            assert max(numbers) - min(numbers) <= 1
        else:
            assert set(used) == {float(model.train)}
    names = [str(model) for model in plan.models()]
    assert len(set(names)) == len(names)


def test_tests_have_neighbours_that_no_training_has():
    assert not set(CROWDS["known"]) & set(CROWDS["new"])
    assert not set(TARGETS) & {name for crowd in CROWDS.values() for name in crowd}


def test_a_scene_is_at_its_fraction_with_the_same_targets(tmp_path):
    plan = dataclasses.replace(PLANS["tiny"], box=(48.0, 48.0, 40.0))
    (tmp_path / "scenes").mkdir()
    counts = []
    for scene in (Scene("test", 0.10, "known", 0), Scene("test", 0.15, "known", 0)):
        about = make_scene(tmp_path, plan, scene)
        assert about["fraction"] == pytest.approx(scene.fraction, rel=0.15)
        tomogram, particles = load_scene(tmp_path, scene)
        assert tomogram.names == TARGETS
        counts.append([(particles.species == name).sum() for name in TARGETS])
        # What is there is not made again.
        assert make_scene(tmp_path, plan, scene) == about
        truth = ev.select_particles(particles, species=TARGETS)
        perfect = ev.Picks(positions=truth.centre, species=truth.species)
        tp, fp, fn = inner_counts(perfect, truth, ev.CziiRule(beta=1.0), tomogram.volume)
        assert tp > 0
        assert (fp, fn) == (0, 0)
    assert counts[0] == counts[1]


def test_counts_near_a_face_do_not_count():
    volume = cgp.Volume(data=np.zeros((20, 20, 20)), voxel_size=2.0, origin=(0, 0, 0))
    truth = cgp.ParticleTable(
        instance=[1, 2],
        species=["a", "a"],
        centre=[(20, 20, 20), (1, 20, 20)],
        radius=[4, 4],
        rotation=[np.eye(3)] * 2,
    )
    picks = ev.Picks(positions=[(20, 20, 21), (20, 20, 10), (20, 20, 37)])
    assert inner_counts(picks, truth, ev.PaperRule(reach=0.5), volume).tolist() == [1, 1, 0]


def test_pooling_adds_up():
    one = {"fraction": 0.1, "crowd": "new", "confusion": [[8, 0], [1, 1]], "any": [1, 2, 3]}
    two = one | {"confusion": [[8, 0], [0, 2]]}
    (entry,) = pooled([one, two])
    assert entry["any"] == [2, 4, 6]
    assert entry["dice"] == [round(6 / 7, 4)]


def test_the_docs_tables_are_those_of_the_results():
    held = json.loads((DOCS / "tables" / "crowding_value.json").read_text(encoding="utf-8"))
    assert tables(held) == (DOCS / "tables" / "crowding_value.md").read_text(encoding="utf-8")
    results = Results(held)
    assert all(results.n in curve for curve in results.curves.values())
