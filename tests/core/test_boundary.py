"""The arithmetic of periodic boxes, and obstacles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openmm_cgpack.core import Grid, Obstacle, Periodic, Slab

EDGES = st.tuples(*[st.floats(1.0, 200.0)] * 3)
POINTS = arrays(np.float64, (4, 3), elements=st.floats(-500, 500))
BOXES = st.one_of(EDGES.map(lambda b: Periodic(box=b)), EDGES.map(lambda b: Slab(box=b)))


@given(BOXES, POINTS)
def test_wrapping_moves_by_whole_boxes_into_the_box(boundary, points):
    wrapped = boundary.wrap(points)
    moved = (wrapped - points) / boundary.box
    np.testing.assert_allclose(moved, np.round(moved), atol=1e-9)
    half = np.array(boundary.box)[boundary.periodic] / 2
    assert (np.abs(wrapped[:, boundary.periodic]) <= half * (1 + 1e-12) + 1e-9).all()
    np.testing.assert_array_equal(wrapped[:, ~boundary.periodic], points[:, ~boundary.periodic])


@given(BOXES, POINTS)
def test_the_minimum_image_is_the_shortest_of_all(boundary, points):
    nearest = np.linalg.norm(boundary.minimum_image(points), axis=1)
    wrapped = boundary.wrap(points)
    steps = [(-1, 0, 1) if periodic else (0,) for periodic in boundary.periodic]
    images = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3) * boundary.box
    every = np.linalg.norm(wrapped[:, None] + images, axis=2).min(axis=1)
    np.testing.assert_allclose(nearest, every, atol=1e-7)


@given(BOXES, POINTS, st.integers(-3, 3), st.integers(-3, 3))
def test_whole_boxes_change_no_offset(boundary, points, i, j):
    shift = np.array([i, j, 0]) * boundary.box
    one, other = boundary.minimum_image(points), boundary.minimum_image(points + shift)
    np.testing.assert_allclose(
        np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1), atol=1e-6
    )


@given(BOXES, st.tuples(*[st.floats(0.5, 2.0)] * 3))
def test_scaling_multiplies_volumes(boundary, factors):
    scaled = boundary.scaled(factors)
    assert type(scaled) is type(boundary)
    assert scaled.volume == pytest.approx(boundary.volume * np.prod(factors))


def ball(radius, *, outside):
    grid = Grid(shape=(40, 40, 40), voxel_size=0.5, origin=[-9.75] * 3)
    make = Obstacle.outside_of if outside else Obstacle.inside_of
    return make(lambda points: np.linalg.norm(points, axis=1) < radius, grid)


def test_obstacles_forbid_what_they_cover():
    points = np.array([[0.0, 0, 0], [4, 0, 0], [0, 7, 0], [30, 0, 0]])
    assert ball(5, outside=False).contains(points).tolist() == [True, True, False, False]
    assert ball(5, outside=True).contains(points).tolist() == [False, False, True, True]


def test_the_volume_of_an_obstacle_in_a_box():
    sphere = 4 / 3 * np.pi * 5**3
    box = (30.0, 20.0, 25.0)
    assert ball(5, outside=False).volume_in(box) == pytest.approx(sphere, rel=0.01)
    assert ball(5, outside=True).volume_in(box) == pytest.approx(15000 - sphere, rel=0.01)
    # Cut by the box: half of the sphere, and all of the box is inside it.
    assert ball(8, outside=False).volume_in((4, 4, 4)) == pytest.approx(64)
    np.testing.assert_allclose(ball(5, outside=False).outermost(), 5.0)
