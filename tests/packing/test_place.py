"""Dispersed starts."""

import numpy as np
import pytest
from helpers import body, chain
from scipy.spatial.distance import cdist
from scipy.stats import kstest

from openmm_cgpack.core import PlacementError, RigidTransforms
from openmm_cgpack.packing import Placement, place


def touching(scene):
    """Return how many pairs of balls of different instances overlap, by brute force."""
    instance = scene.instance_of_ball
    close = cdist(scene.positions, scene.positions) < scene.radii[:, None] + scene.radii
    return int((close & (instance[:, None] != instance)).sum() // 2)


def test_nothing_overlaps_and_all_is_inside():
    scene = place(
        [(body("a", 7, 1), 20), (chain(n=9), 6), (body("b", 3, 2), 10)],
        Placement(extent=80),
        seed=1,
    )
    assert scene.n_instances == 36
    assert touching(scene) == 0
    assert (np.abs(scene.positions) + scene.radii[:, None] <= 40 + 1e-9).all()


def test_bodies_start_undeformed():
    model = chain(n=9)
    scene = place([(model, 5)], seed=2)
    for i in range(5):
        moved = scene.positions[scene.balls(i)]
        np.testing.assert_allclose(cdist(moved, moved), cdist(model.positions, model.positions))


def test_rotations_are_uniform():
    scene = place([(chain(n=2), 3000)], Placement(extent=300), seed=3)
    rotations = scene.transforms.rotations
    # The z components of a uniformly turned vector are uniform in [-1, 1].
    for axis in range(3):
        assert kstest(rotations[:, 2, axis], "uniform", args=(-1, 2)).pvalue > 1e-3


def test_one_seed_one_scene():
    counts = [(body("a", 7, 1), 5), (chain(), 5)]
    first, again, other = (place(counts, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions, other.positions)


def test_the_start_grows_with_a_message():
    with pytest.warns(UserWarning, match=r"do not fit into 12 x 12 x 12 nm.*enlarged to"):
        scene = place([(body("a", 7, 1), 20)], Placement(extent=12), seed=1)
    assert touching(scene) == 0


def test_no_room_is_an_error_with_numbers():
    with pytest.raises(PlacementError, match=r"no room: \d+ of 20 instances fit into 25 x 25 x 25"):
        place([(body("a", 7, 1), 20)], Placement(extent=25, grow=False), seed=1)


def test_given_poses_stay():
    model = body("a", 7, 1)
    poses = RigidTransforms(
        rotations=np.tile(np.diag([1.0, -1.0, -1.0]), (2, 1, 1)),
        translations=np.array([[0.0, 0, 0], [25.0, 0, 0]]),
    )
    scene = place([(model, 10), (chain(), 3)], Placement(extent=60), poses=[(model, poses)], seed=1)
    assert scene.n_instances == 15
    assert len(scene.species) == 2
    np.testing.assert_array_equal(scene.transforms.rotations[-2:], poses.rotations)
    np.testing.assert_array_equal(scene.transforms.translations[-2:], poses.translations)
    assert touching(scene) == 0


def test_given_poses_that_overlap_are_named():
    with pytest.raises(PlacementError, match=r"instance 2 \(a\) overlaps instance 1 \(a\)"):
        place([], poses=[(body("a", 7, 1), RigidTransforms.identity(2))], seed=1)


@pytest.mark.parametrize(
    ("counts", "extent", "match"),
    [
        ([], None, "at least one instance"),
        ([(chain(), 0)], None, "at least one instance"),
        ([(chain(), -1)], None, r"chain: count: wanted a whole number >= 0, got -1"),
        ([(chain(), 1.5)], None, r"count: wanted a whole number"),
        ([(chain(), 1)], -5.0, "extent"),
        ([(chain(), 1)], float("nan"), "extent"),
    ],
)
def test_bad_arguments(counts, extent, match):
    with pytest.raises(ValueError, match=match):
        place(counts, Placement(extent=extent), seed=1)
