import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openmm_cgpack.models import minimal_sphere


def holds_up(centre, points, radii, radius):
    """Whether the centre is within the hull of the balls that touch: then none is smaller."""
    from scipy.optimize import nnls

    touching = np.linalg.norm(points - centre, axis=1) + radii > radius - 1e-6 * (1 + radius)
    weights = np.concatenate([points[touching].T - centre[:, None], np.ones((1, touching.sum()))])
    return nnls(weights, np.array([0, 0, 0, 1.0]))[1] < 1e-4


@given(
    arrays(np.float64, st.tuples(st.integers(1, 30), st.just(4)), elements=st.floats(-10, 10)),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_it_holds_all_balls_and_none_smaller_does(numbers, points_only):
    points = numbers[:, :3]
    radii = np.zeros(len(points)) if points_only else np.abs(numbers[:, 3])
    centre, radius = minimal_sphere(points, radii)
    reach = np.linalg.norm(points - centre, axis=1) + radii
    assert reach.max() <= radius * (1 + 1e-9) + 1e-12
    assert holds_up(centre, points, radii, radius)


def test_known_spheres():
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]])
    centre, radius = minimal_sphere(np.concatenate([tetrahedron + 5, [[5, 5, 5.5]]]))
    np.testing.assert_allclose(centre, 5)
    assert radius == pytest.approx(np.sqrt(3))
    # two balls in a row: from -3 to 6
    centre, radius = minimal_sphere([[-1, 0, 0], [5, 0, 0]], [2, 1])
    np.testing.assert_allclose(centre, [1.5, 0, 0])
    assert radius == pytest.approx(4.5)
    # one ball within another
    centre, radius = minimal_sphere([[0, 0, 0], [0.5, 0, 0]], [2, 1])
    np.testing.assert_allclose(centre, 0, atol=1e-12)
    assert radius == pytest.approx(2)


def test_many_points_on_one_sphere():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(20000, 3))
    points *= 3 / np.linalg.norm(points, axis=1, keepdims=True)
    centre, radius = minimal_sphere(points + np.array([100, 0, -50]))
    np.testing.assert_allclose(centre, [100, 0, -50], atol=1e-2)
    assert radius == pytest.approx(3, rel=1e-4)


def test_bad_balls():
    with pytest.raises(ValueError, match="at least one ball"):
        minimal_sphere(np.empty((0, 3)))
    with pytest.raises(ValueError, match="radii: wanted numbers from 0 up, got -1"):
        minimal_sphere([[0, 0, 0]], [-1])
