"""Widths of Gaussians, and the projection before them."""

import numpy as np
import pytest

from openmm_cgpack.density import gaussian_sigma
from openmm_cgpack.density.splatting import (
    band,
    blurred_boxes,
    kernel,
    lattice_factor,
    splat,
    trilinear_variance,
)


def test_conventions_at_four_nanometres():
    # facts.md: 11.55, 9.0 and 17.0 Angstrom.
    assert gaussian_sigma(4.0) == pytest.approx(1.1547, abs=1e-4)
    assert gaussian_sigma(4.0, "molmap") == pytest.approx(0.9003, abs=1e-4)
    assert gaussian_sigma(4.0, "fwhm") == pytest.approx(1.6986, abs=1e-4)
    # A full width at half maximum of 4 nm: half the height 2 nm from the centre.
    assert np.exp(-0.5 * (2.0 / gaussian_sigma(4.0, "fwhm")) ** 2) == pytest.approx(0.5)


def test_bad_resolution_and_convention_are_named():
    with pytest.raises(ValueError, match=r"convention: wanted one of 'situs'.*got 'emtocaster'"):
        gaussian_sigma(4.0, "emtocaster")
    with pytest.raises(ValueError, match="resolution: wanted a positive number, got -1"):
        gaussian_sigma(-1.0)
    with pytest.raises(ValueError, match=r"resolution: wanted a Gaussian with sigma >= 1 nm"):
        lattice_factor(gaussian_sigma(2.0), 2.0)


def test_mean_trilinear_variance_is_a_sixth():
    points = np.random.default_rng(0).uniform(size=(3, 200_000))
    variance = trilinear_variance(points, np.ones(points.shape[1]))
    assert variance == pytest.approx(np.full(3, 1 / 6), abs=1e-3)


def test_trilinear_variance_is_that_of_the_projection():
    rng = np.random.default_rng(2)
    points, masses = rng.uniform(2, 5, size=(3, 40)), rng.uniform(1, 2, 40)
    box = splat(points, masses, (8, 8, 8)).astype(float)
    for axis in range(3):
        lattice = np.arange(8) - masses @ points[axis] / masses.sum()
        spread = box.sum(axis=tuple(a for a in range(3) if a != 2 - axis)) @ lattice**2 / box.sum()
        of_points = np.average(
            (points[axis] - np.average(points[axis], weights=masses)) ** 2, weights=masses
        )
        added = trilinear_variance(points % 1, masses)[axis]
        assert spread - of_points == pytest.approx(added, abs=1e-6)


@pytest.mark.parametrize(("sigma", "factor"), [(2.0, 1), (2.2, 2), (2.0, 3), (2.0, 4)])
def test_every_phase_of_a_kernel_sums_to_one(sigma, factor):
    values = kernel(sigma, factor=factor)
    assert np.allclose(values, values[::-1])
    for phase in range(factor):
        assert values[phase::factor].sum() == pytest.approx(1, abs=1e-12)


def test_band_is_a_convolution():
    rng = np.random.default_rng(1)
    signal, values = rng.normal(size=12), kernel(1.3)
    half = len(values) // 2
    wanted = np.convolve(signal, values)
    got = band(values, 5 - half, 12 + 2 * half, 5, 12) @ signal
    assert got == pytest.approx(wanted, abs=1e-6)
    cropped = band(values, 7, 3, 5, 12) @ signal
    assert cropped == pytest.approx(wanted[2 + half : 5 + half], abs=1e-6)


def test_one_point_keeps_mass_centre_and_width():
    point, sigma = np.array([[3.3, -2.2, 7.9]]), 1.7
    ((corner, box),) = blurred_boxes(point, np.array([5.0]), sigma=sigma, voxel_size=1.0)
    assert box.sum() == pytest.approx(5.0, rel=1e-6)
    for axis in range(3):
        profile = box.sum(axis=tuple(a for a in range(3) if a != axis)).astype(float) / 5.0
        along = corner[axis] + np.arange(len(profile))
        mean = profile @ along
        assert mean == pytest.approx(point[0, 2 - axis], abs=1e-3)
        # The cut at four sigma takes 0.1 % off the variance.
        assert profile @ (along - mean) ** 2 == pytest.approx(sigma**2, rel=3e-3)


def test_tiles_make_the_same_map_as_one_box():
    rng = np.random.default_rng(4)
    points, masses = rng.uniform(0, 60, (4000, 3)), rng.uniform(1, 2, 4000)
    whole, tiled = np.zeros((2, 90, 90, 90), np.float32)
    options = {"sigma": 1.15, "voxel_size": 1.0, "shape": whole.shape}
    ((corner, box),) = blurred_boxes(points + 10, masses, tile=1000, **options)
    k, j, i = corner
    whole[k : k + box.shape[0], j : j + box.shape[1], i : i + box.shape[2]] = box
    count = 0
    for (k, j, i), box in blurred_boxes(points + 10, masses, tile=32, **options):
        there = tiled[k : k + box.shape[0], j : j + box.shape[1], i : i + box.shape[2]]
        assert not there.any()
        there[:] = box
        count += 1
    assert count > 27
    np.testing.assert_allclose(tiled, whole, rtol=1e-6, atol=1e-5 * float(whole.max()))


def test_a_point_a_hair_below_a_lattice_point_is_in_the_box():
    # Counted from the first point, in whole numbers, it is on the lattice point.
    points = np.array([[-5.0, -5, -5], [-1e-18, -1e-18, -1e-18]])
    boxes = list(blurred_boxes(points, np.ones(2), sigma=1.0, voxel_size=1.0))
    assert sum(box.sum() for _, box in boxes) == pytest.approx(2, rel=1e-5)
