"""Close pairs across boundaries, against all images."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from openmm_cgpack.core import Open, Periodic, Slab
from openmm_cgpack.core.boundary import close_pairs

BOUNDARIES = [Open(), Periodic(box=(7.0, 9.0, 8.0)), Slab(box=(7.0, 9.0, 8.0))]


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda b: type(b).__name__)
def test_close_pairs_against_all_images(boundary):
    rng = np.random.default_rng(3)
    centres = rng.uniform(-12, 12, (40, 3)) * [1, 1, 0.33]
    # Several classes of size.
    radii = rng.uniform(0.2, 2.5, 40)
    first, second, shift = close_pairs(boundary, centres, radii, gap=0.3)
    length = np.linalg.norm(centres[second] + shift - centres[first], axis=1)
    assert (length < radii[first] + radii[second] + 0.3).all()
    box = np.zeros(3) if isinstance(boundary, Open) else np.array(boundary.box) * boundary.periodic
    expected = 0
    for step in itertools.product(*[range(-6, 7) if edge else (0,) for edge in box]):
        distance = cdist(centres, centres + np.array(step) * box)
        near = distance < radii[:, None] + radii + 0.3
        if not any(step):
            np.fill_diagonal(near, False)
        expected += int(near.sum())
    assert 2 * len(first) == expected
    pairs = set(zip(first, second, map(tuple, shift.round(6)), strict=True))
    assert len(pairs) == len(first)


def test_shifts_are_whole_boxes_and_pairs_are_in_order():
    rng = np.random.default_rng(4)
    centres = rng.uniform(-30, 30, (200, 3))
    first, second, shift = close_pairs(Periodic(box=8.3), centres, np.full(200, 0.4))
    assert len(first) > 20
    assert (np.lexsort([second, first]) == np.arange(len(first))).all()
    assert set(np.unique(shift)) <= {8.3 * number for number in range(-20, 21)}


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda b: type(b).__name__)
def test_pairs_of_one_body_are_told_only_across_images(boundary):
    rng = np.random.default_rng(6)
    centres, radii = rng.uniform(-12, 12, (60, 3)) * [1, 1, 0.33], rng.uniform(0.2, 2.5, 60)
    groups = np.arange(60) // 6

    def other(first, second, shift):
        keep = (groups[first] != groups[second]) | shift.any(axis=1)
        return first[keep].tolist(), second[keep].tolist(), shift[keep].tolist()

    every = close_pairs(boundary, centres, radii)
    fewer = close_pairs(boundary, centres, radii, groups=groups)
    assert len(fewer[0]) < len(every[0])
    assert other(*fewer) == other(*every)


def test_no_spheres_have_no_pairs():
    first, second, shift = close_pairs(Periodic(box=8.0), np.empty((0, 3)), np.empty(0))
    assert len(first) == len(second) == 0
    assert shift.shape == (0, 3)
