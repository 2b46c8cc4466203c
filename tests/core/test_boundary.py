"""Periodic arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmm_cgpack.core import Periodic, Slab

coordinates = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3).map(np.array)
boxes = st.lists(st.floats(1.0, 100.0), min_size=3, max_size=3).map(tuple)
kinds = st.sampled_from([Periodic, Slab])


@given(kinds, boxes, coordinates)
def test_the_minimum_image_is_the_shortest(kind, box, offset):
    boundary = kind(box=box)
    found = boundary.minimum_image(offset)
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 3)
    shifts = shifts * np.where(boundary.periodic, 1, 0)
    others = np.linalg.norm(found + shifts * np.array(box), axis=1)
    assert np.linalg.norm(found) <= others.min() + 1e-9
    whole = (found - offset) / np.array(box)
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-9)


@given(kinds, boxes, coordinates)
def test_wrapped_points_are_in_the_box_and_the_same_point(kind, box, point):
    boundary = kind(box=box)
    wrapped = boundary.wrap(point)
    half = np.array(box) / 2
    inside = np.abs(wrapped) <= half * (1 + 1e-9)
    assert inside[boundary.periodic].all()
    assert (wrapped == point)[~boundary.periodic].all()
    np.testing.assert_allclose(
        boundary.minimum_image(wrapped - point)[boundary.periodic], 0, atol=1e-9
    )


def test_scaling_keeps_the_kind():
    slab = Slab(box=(10, 20, 30)).scaled((0.5, 1, 2))
    assert slab == Slab(box=(5, 20, 60))
    assert slab.volume == pytest.approx(6000)
    assert Periodic(box=4).box == (4.0, 4.0, 4.0)


@pytest.mark.parametrize("box", [0, (1, 2, -3), (1, 2, np.nan)])
def test_edges_are_positive(box):
    with pytest.raises(ValueError, match="box: wanted"):
        Periodic(box=box)
