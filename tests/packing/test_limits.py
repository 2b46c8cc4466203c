"""Walls and obstacle: depths and ways out, by hand."""

import numpy as np
import pytest

from openmm_cgpack.core import Grid, Obstacle, Open, Periodic, Slab
from openmm_cgpack.packing.surfaces import Limits

PLACES = np.array([[0.0, 0, 3.5], [0, 0, -3.9], [9, 9, 1]])


def test_a_slab_has_walls_at_the_ends_of_z():
    depth, out = Limits(Slab(box=8.0), None, 1.0).depth(PLACES, np.array([1.0, 0.5, 1.0]))
    np.testing.assert_allclose(depth, [0.5, 0.4, -2.0])
    np.testing.assert_allclose(out[:2], [[0, 0, -1], [0, 0, 1]])


@pytest.mark.parametrize("boundary", [Open(), Periodic(box=8.0)], ids=lambda b: b.kind)
def test_others_have_none(boundary):
    limits = Limits(boundary, None, 1.0)
    assert not limits.exist
    assert (limits.depth(PLACES, np.ones(3))[0] < 0).all()


def test_an_obstacle_is_there_in_every_image_of_a_box():
    grid = Grid(shape=(41, 41, 41), voxel_size=0.25, origin=[-5.0] * 3)
    sphere = Obstacle.inside_of(lambda points: np.linalg.norm(points, axis=1) < 3, grid)
    places = np.array([[3.5, 0, 0], [3.5 - 20, 0, 0], [4.5, 0, 0]])
    depth, out = Limits(Periodic(box=20.0), sphere, 1.0).depth(places, np.ones(3))
    np.testing.assert_allclose(depth[:2], 0.5, atol=0.2)
    assert depth[2] <= 0
    np.testing.assert_allclose(out[:2], [[1, 0, 0]] * 2, atol=0.05)


def test_the_nearer_of_wall_and_obstacle_counts():
    grid = Grid(shape=(41, 41, 41), voxel_size=0.25, origin=[-5.0] * 3)
    sphere = Obstacle.inside_of(lambda points: np.linalg.norm(points, axis=1) < 3, grid)
    limits = Limits(Slab(box=(20.0, 20.0, 8.0)), sphere, 1.0)
    depth, out = limits.depth(np.array([[0.0, 0, 3.2], [0, 0, 3.9]]), np.ones(2))
    np.testing.assert_allclose(depth, [0.8, 0.9], atol=0.2)
    np.testing.assert_allclose(np.abs(out[:, 2]), 1, atol=0.05)
    assert out[1, 2] < 0 < out[0, 2]
