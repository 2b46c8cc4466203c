import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from openmm_cgpack.core.transforms import superpose

BODY = np.random.default_rng(7).normal(size=(9, 3)) * [4, 2, 1] + [1, -2, 0.5]


def test_one_body_and_many_alike():
    turns = Rotation.random(5, random_state=1).as_matrix()
    moved = BODY @ np.swapaxes(turns, 1, 2) + np.arange(15).reshape(5, 1, 3)
    many = superpose(BODY, moved)
    np.testing.assert_allclose(many.transforms.rotations, turns, atol=1e-9)
    np.testing.assert_allclose(many.transforms.apply(BODY)[range(5), :], moved, atol=1e-9)
    one = superpose(BODY, moved[3])
    np.testing.assert_allclose(one.transforms.rotations[0], turns[3], atol=1e-9)
    assert len(one.transforms) == len(one.rms) == len(one.mirrored) == 1


def test_weights_against_scipy():
    rng = np.random.default_rng(2)
    moved = Rotation.random(random_state=3).apply(BODY) + rng.normal(size=BODY.shape) * 0.3
    weights = rng.uniform(0.1, 5, len(BODY))
    found = superpose(BODY, moved, weights=weights)
    a, b = (points - np.average(points, axis=0, weights=weights) for points in (BODY, moved))
    expected, misfit = Rotation.align_vectors(b, a, weights=weights)
    np.testing.assert_allclose(found.transforms.rotations[0], expected.as_matrix(), atol=1e-7)
    assert found.rms[0] == pytest.approx(misfit / np.sqrt(weights.sum()), rel=1e-6)
    # A point that weighs nothing has no say.
    weights[0] = 0
    moved[0] += 100
    before = superpose(BODY[1:], moved[1:], weights=weights[1:])
    after = superpose(BODY, moved, weights=weights)
    np.testing.assert_allclose(after.transforms.rotations, before.transforms.rotations, atol=1e-12)


def test_a_mirror_image_is_told_from_a_flat_body():
    assert superpose(BODY, BODY * [1, 1, -1]).mirrored.tolist() == [True]
    flat = superpose(BODY * [1, 1, 0], BODY * [1, -1, 0])
    assert flat.mirrored.tolist() == [False]
    assert flat.rms[0] == pytest.approx(0, abs=1e-9)


def test_a_lone_point_keeps_its_rotation():
    start = Rotation.random(2, random_state=1).as_matrix()
    found = superpose(np.ones((1, 3)), np.arange(6.0).reshape(2, 1, 3), start=start)
    np.testing.assert_array_equal(found.transforms.rotations, start)
    np.testing.assert_allclose(
        found.transforms.apply(np.ones((1, 3)))[:, 0], [[0, 1, 2], [3, 4, 5]]
    )


def test_shapes_and_weights_that_do_not_fit():
    with pytest.raises(ValueError, match=r"moved: wanted shape \(any, 9, 3\), got \(1, 8, 3\)"):
        superpose(BODY, BODY[1:])
    with pytest.raises(ValueError, match="weights: wanted a positive sum, got 0"):
        superpose(BODY, BODY, weights=np.zeros(9))
    assert len(superpose(BODY, np.empty((0, 9, 3))).transforms) == 0
