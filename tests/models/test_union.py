import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgpack.models import union_volume
from openmm_cgpack.models.ball_geometry import scaled_radii


def ball(radius):
    return 4 / 3 * np.pi * radius**3


def lens(a, b, d):
    """Volume shared by two balls (Weisstein, "Sphere-Sphere Intersection")."""
    if d >= a + b:
        return 0.0
    # The formula below divides by d, and has no digits left where that is next to nothing.
    if d <= abs(a - b) + 1e-9:
        return ball(min(a, b))
    return np.pi * (a + b - d) ** 2 * (d * d + 2 * d * (a + b) - 3 * (a - b) ** 2) / (12 * d)


@given(
    a=st.floats(0.2, 5),
    b=st.floats(0.2, 5),
    fraction=st.floats(0, 1.2),
    direction=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
)
@settings(max_examples=60, deadline=None)
def test_two_balls_against_the_analytic_lens(a, b, fraction, direction):
    d = fraction * (a + b)
    second = d * np.array(direction) / np.linalg.norm(direction)
    expected = ball(a) + ball(b) - lens(a, b, d)
    assert union_volume([[0, 0, 0], second], [a, b]) == pytest.approx(expected, rel=1e-3)


def test_many_balls_against_counting_points():
    rng = np.random.default_rng(4)
    positions = rng.normal(size=(80, 3)) * [1, 2, 3]
    radii = rng.uniform(0.4, 1.4, 80)
    axes = [
        np.arange(positions[:, i].min() - 1.5, positions[:, i].max() + 1.5, 0.1) for i in range(3)
    ]
    inside = np.zeros([len(axis) for axis in axes], bool)
    for centre, radius in zip(positions, radii, strict=True):
        along = list(zip(axes, centre, strict=True))
        near = tuple(slice(*np.searchsorted(axis, [c - radius, c + radius])) for axis, c in along)
        x, y, z = (axis[part] - c for (axis, c), part in zip(along, near, strict=True))
        inside[near] |= x[:, None, None] ** 2 + y[:, None] ** 2 + z**2 < radius**2
    assert union_volume(positions, radii) == pytest.approx(inside.sum() * 0.1**3, rel=3e-3)


def test_swallowed_and_equal_balls_count_once():
    positions = [[0, 0, 0], [0.3, 0, 0.1], [0, 0, 0], [9, 0, 0]]
    assert union_volume(positions, [2, 0.5, 2, 1]) == pytest.approx(ball(2) + ball(1), rel=1e-6)


def test_scaled_radii_reach_the_volume_and_keep_their_ratios():
    rng = np.random.default_rng(5)
    positions = rng.normal(size=(15, 3)) * 2
    base = rng.uniform(0.5, 1.5, 15)
    for volume in (1.0, 150.0, 4000.0):
        radii = scaled_radii(positions, base, volume)
        assert np.ptp(radii / base) < 1e-9
        assert union_volume(positions, radii) == pytest.approx(volume, rel=1e-4)


def test_balls_apart_need_no_more_than_their_own_volume():
    radii = scaled_radii(np.diag([10.0, 20, 30]), np.ones(3), 3 * ball(2.0))
    np.testing.assert_allclose(radii, 2.0, rtol=1e-6)


def test_bad_radii():
    with pytest.raises(ValueError, match="radii: wanted positive numbers, got 0"):
        union_volume([[0, 0, 0]], [0.0])
    with pytest.raises(ValueError, match="radii: wanted shape"):
        union_volume([[0, 0, 0]], [1.0, 2.0])
