import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from openmm_cgpack.core.transforms import from_zyz, to_quaternion, to_zyz

angle = st.floats(-np.pi, np.pi)


def test_eq_14_by_turning_the_axes_one_after_the_other():
    alpha, beta, gamma = 0.4, 1.1, -2.0

    def turn(axis, by):
        return Rotation.from_rotvec(by * axis)

    # As in figure 4: about z, about the new y, about the new z.
    first = turn(np.array([0, 0, 1.0]), alpha)
    second = turn(first.apply([0, 1, 0]), beta) * first
    third = turn(second.apply([0, 0, 1]), gamma) * second
    np.testing.assert_allclose(from_zyz([[alpha, beta, gamma]])[0], third.as_matrix(), atol=1e-12)
    # x goes to y under a quarter turn about z: active, on column vectors
    np.testing.assert_allclose(from_zyz([[np.pi / 2, 0, 0]])[0] @ [1, 0, 0], [0, 1, 0], atol=1e-15)


def test_random_rotations_against_scipy():
    rotations = Rotation.random(500, random_state=1)
    ours = to_zyz(rotations.as_matrix())
    np.testing.assert_allclose(ours, rotations.as_euler("ZYZ"), atol=1e-9)
    np.testing.assert_allclose(
        from_zyz(ours), Rotation.from_euler("ZYZ", ours).as_matrix(), atol=1e-12
    )
    assert ((ours[:, 1] >= 0) & (ours[:, 1] <= np.pi)).all()


@given(st.lists(st.tuples(angle, angle, angle), min_size=1, max_size=5))
@settings(deadline=None)
def test_rotations_survive_the_round_trip(angles):
    rotations = from_zyz(angles)
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    # scipy takes a beta below 1e-7 as none.
    np.testing.assert_allclose(from_zyz(to_zyz(rotations)), rotations, atol=2.1e-7)


@pytest.mark.parametrize("beta", [0.0, 1e-14, 1e-7, 1e-4, np.pi - 1e-7, np.pi])
def test_near_gimbal_lock_the_rotation_is_kept_without_a_warning(beta):
    angles = np.array([[0.3, beta, 1.9], [-3.0, beta, 3.0], [0, beta, 0]])
    rotations = from_zyz(angles)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = to_zyz(rotations)
    np.testing.assert_allclose(from_zyz(back), rotations, atol=2.1e-7)
    if beta in (0, np.pi):
        assert (back[:, 2] == 0).all()


def test_quaternions_turn_vectors_as_the_matrices_do():
    rotations = Rotation.random(50, random_state=2).as_matrix()
    rotations = np.concatenate([rotations, np.diag([1.0, -1, -1])[None], np.eye(3)[None]])
    quaternions = to_quaternion(rotations)
    assert (quaternions[:, 3] >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1)
    point = np.array([1.0, 2.0, 3.0])
    axis, w = quaternions[:, :3], quaternions[:, 3:]
    turned = point + 2 * np.cross(axis, np.cross(axis, point) + w * point)
    np.testing.assert_allclose(turned, rotations @ point, atol=1e-12)


def test_no_rotations():
    nothing = np.empty((0, 3, 3))
    assert to_zyz(nothing).shape == (0, 3)
    assert to_quaternion(nothing).shape == (0, 4)
    assert from_zyz(np.empty((0, 3))).shape == (0, 3, 3)
