"""Differences of Gaussians on spheres whose places are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from openmm_cgpack.core import Volume
from openmm_cgpack.evaluation import DogPicker
from openmm_cgpack.evaluation.dog_picker import local_maxima, suppress_neighbours

CENTRES = np.array(
    # x, y, z, none of them on a diagonal of the box
    [(12, 20, 9), (40, 13, 11), (66, 22, 14), (15, 48, 12), (41, 45, 16), (68, 52, 10)]
)


def spheres(centres, radius, *, shape=(28, 66, 82), voxel_size=1.0, value=1.0, base=0.0):
    """Return a volume of balls; centres and radius in nm, in the files' frame."""
    z, y, x = (np.arange(n) * voxel_size for n in shape)
    data = np.full(shape, base, np.float32)
    for cx, cy, cz in np.asarray(centres, float):
        far = (
            (z - cz)[:, None, None] ** 2 + (y - cy)[None, :, None] ** 2 + (x - cx)[None, None] ** 2
        )
        data[far <= radius**2] += value
    return Volume(data=data, voxel_size=voxel_size, origin=(-7.0, 3.0, 100.0))


def in_order(points):
    return points[np.lexsort(points.T)]


@pytest.mark.parametrize(("value", "dark"), [(1.0, False), (-1.0, True)])
@pytest.mark.parametrize("radius", [4.0, 6.0])
def test_finds_all_spheres_and_nothing_else(radius, value, dark):
    volume = spheres(CENTRES, radius, value=value, base=5.0)
    picks = DogPicker(sigma=radius / np.sqrt(3), dark=dark).pick(volume)
    assert len(picks) == len(CENTRES)
    np.testing.assert_allclose(in_order(picks.positions), in_order(CENTRES), atol=0.6)


def test_wrong_contrast_finds_no_sphere():
    volume = spheres(CENTRES, 5.0)
    picks = DogPicker(sigma=3.0, dark=True).pick(volume)
    assert cdist(picks.positions, CENTRES).min() > 4.0


def test_lengths_are_nm_whatever_the_voxels():
    coarse = spheres(CENTRES, 6.0)
    fine = spheres(CENTRES / 2, 3.0, voxel_size=0.5)
    np.testing.assert_allclose(
        DogPicker(sigma=1.7, dark=False).pick(fine).positions,
        DogPicker(sigma=3.4, dark=False).pick(coarse).positions / 2,
    )


@pytest.mark.parametrize("radius", [3.0, 5.0, 8.0])
def test_a_ball_answers_most_to_its_own_scale(radius):
    volume = spheres([(30, 30, 30)], radius, shape=(61, 61, 61))
    sigmas = radius / np.sqrt(3) * np.array([0.5, 0.7, 0.85, 0.953, 1.1, 1.3, 1.8])
    heights = [DogPicker(sigma=s, dark=False).response(volume)[30, 30, 30] for s in sigmas]
    # The two Gaussians' geometric mean is sqrt(1.1) times the narrower one.
    assert np.argmax(heights) == 3


def test_response_is_the_difference_of_two_blurs():
    rng = np.random.default_rng(3)
    data = rng.normal(size=(14, 15, 16)) + 1e3
    volume = Volume(data=data, voxel_size=2.0, origin=(0, 0, 0))
    expected = gaussian_filter(data, 1.5, truncate=8) - gaussian_filter(data, 1.8, truncate=8)
    found = DogPicker(sigma=3.0, ratio=1.2, dark=False).response(volume)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_threshold_is_the_papers():
    rng = np.random.default_rng(5)
    volume = Volume(data=rng.normal(size=(30, 31, 32)), voxel_size=1.0, origin=(0, 0, 0))
    _, heights = local_maxima(DogPicker(sigma=1.0).response(volume))
    low, high = heights.min(), heights.max()
    for t in (0, 3, 5, 12, 20):
        expected = np.sort(heights[heights >= low + t * (high - low) / 20])[::-1]
        # No two peaks are nearer than a voxel: only the threshold acts.
        np.testing.assert_array_equal(
            DogPicker(sigma=1.0, threshold=t).pick(volume).scores, expected
        )
    assert len(DogPicker(sigma=1.0, threshold=20).pick(volume)) == 1
    assert len(DogPicker(sigma=1.0, threshold=0).pick(volume)) == len(heights) > 100


def test_as_many_picks_as_asked_and_the_best():
    volume = spheres(CENTRES[:5], 5.0)
    volume = Volume(
        data=volume.data + 3 * spheres(CENTRES[5:], 5.0).data, voxel_size=1.0, origin=(0, 0, 0)
    )
    picks = DogPicker(sigma=3.0, threshold=0, n_picks=2, dark=False).pick(volume)
    assert len(picks) == 2
    np.testing.assert_allclose(picks.positions[0], CENTRES[5], atol=0.6)
    assert picks.scores[0] > picks.scores[1]


def test_nothing_in_a_constant_volume():
    assert (
        len(
            DogPicker(sigma=2).pick(
                Volume(data=np.full((9, 9, 9), 2.0), voxel_size=1, origin=(0, 0, 0))
            )
        )
        == 0
    )


def test_18_neighbours():
    values = np.zeros((5, 5, 5))
    values[2, 2, 2] = 1.0
    values[1, 1, 2] = 2.0  # along an edge: a neighbour
    voxels, _ = local_maxima(values)
    assert voxels.tolist() == [[1, 1, 2]]
    values[1, 1, 2] = 0.0
    values[1, 1, 1] = 2.0  # along a corner: none
    voxels, _ = local_maxima(values)
    assert sorted(voxels.tolist()) == [[1, 1, 1], [2, 2, 2]]


def test_plateaus():
    values = np.zeros((3, 5, 12))
    values[1, 2, 1:4] = 1.0  # a plateau: one peak, in its middle
    values[1, 2, 6:9] = 1.0
    values[1, 2, 9] = 2.0  # the plateau before it is a shoulder
    voxels, heights = local_maxima(values)
    assert voxels.tolist() == [[1, 2, 2], [1, 2, 9]]
    assert heights.tolist() == [1.0, 2.0]


@given(
    points=st.lists(
        st.tuples(*[st.integers(0, 12)] * 3, st.integers(0, 5)), min_size=1, max_size=25
    ),
    distance=st.floats(0.5, 8),
)
@settings(max_examples=60, deadline=None)
def test_suppression(points, distance):
    table = np.array(points, float)
    positions, scores = table[:, :3], table[:, 3]
    kept = suppress_neighbours(positions, scores, distance)
    gaps = cdist(positions, positions)
    # None of those kept are near each other; all others are near to a better one that is kept.
    inner = gaps[np.ix_(kept, kept)] + 99 * np.eye(len(kept))
    assert (inner >= distance).all()
    assert (np.diff(scores[kept]) <= 0).all()
    for i in set(range(len(positions))) - set(kept.tolist()):
        assert any(gaps[i, k] < distance and scores[k] >= scores[i] for k in kept)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigma": 0.0}, "sigma: wanted a number > 0, got 0"),
        ({"ratio": 1.0}, "ratio: wanted a number > 1, got 1"),
        ({"threshold": 21}, "threshold: wanted a number >= 0 and <= 20, got 21"),
        ({"n_picks": -1}, "n_picks: wanted a whole number >= 0, got -1"),
    ],
)
def test_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        DogPicker(**{"sigma": 2.0, **arguments})


def test_spheres_on_the_faces_of_a_periodic_volume_are_one_peak_each():
    whole = spheres(CENTRES, 5.0)
    moved = (9, -13, 40)
    rolled = Volume(data=np.roll(whole.data, moved, (0, 1, 2)), voxel_size=1.0, origin=(0, 0, 0))
    picks = DogPicker(sigma=3.0, dark=False, threshold=10).pick(rolled, periodic=True)
    centres = (CENTRES + moved[::-1]) % whole.data.shape[::-1]
    # Moving all by whole voxels moves every peak and changes none.
    np.testing.assert_array_equal(in_order(picks.positions), in_order(centres.astype(float)))
    unmoved = DogPicker(sigma=3.0, dark=False, threshold=10).pick(whole, periodic=True)
    np.testing.assert_allclose(picks.scores, unmoved.scores, rtol=1e-5)
    assert len(DogPicker(sigma=3.0, dark=False, threshold=10).pick(rolled)) > len(CENTRES)


def test_peaks_are_suppressed_across_faces():
    points, scores = np.array([[1.0, 5, 5], [9.5, 5, 5], [5.0, 5, 5]]), np.array([3.0, 2, 1])
    assert suppress_neighbours(points, scores, 2.0).tolist() == [0, 1, 2]
    assert suppress_neighbours(points, scores, 2.0, box=np.full(3, 10.0)).tolist() == [0, 2]
