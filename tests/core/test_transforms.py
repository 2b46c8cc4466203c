"""Rigid transforms against 4 x 4 matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import RigidTransforms


def some(seed, n=4):
    rng = np.random.default_rng(seed)
    return RigidTransforms(
        rotations=Rotation.from_quat(rng.normal(size=(n, 4))).as_matrix(),
        translations=rng.normal(size=(n, 3)),
    )


def matrices(transforms):
    m = np.tile(np.eye(4), (len(transforms), 1, 1))
    m[:, :3, :3] = transforms.rotations
    m[:, :3, 3] = transforms.translations
    return m


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_composition_is_that_of_matrices(a, b):
    first, second = some(a), some(b)
    np.testing.assert_allclose(
        matrices(second.compose(first)), matrices(second) @ matrices(first), atol=1e-12
    )


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_the_inverse_undoes(seed):
    transforms = some(seed)
    points = np.random.default_rng(seed).normal(size=(5, 3))
    moved = transforms.apply(points)
    back = transforms.invert()
    for i in range(len(transforms)):
        np.testing.assert_allclose(back[i].apply(moved[i])[0], points, atol=1e-12)


def test_columns_not_rows():
    """A quarter turn about z takes x to y."""
    turn = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    moved = RigidTransforms(rotations=turn, translations=[[0, 0, 5]]).apply(np.eye(3))
    np.testing.assert_array_equal(moved[0], [[0, 1, 5], [-1, 0, 5], [0, 0, 6]])


@pytest.mark.parametrize("bad", [np.diag([1.0, 1, -1]), 2 * np.eye(3), np.zeros((3, 3))])
def test_only_proper_rotations(bad):
    rotations = np.stack([np.eye(3), bad])
    with pytest.raises(ValueError, match="number 1 is not a proper rotation"):
        RigidTransforms(rotations=rotations, translations=np.zeros((2, 3)))
