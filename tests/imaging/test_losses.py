from dataclasses import replace

import numpy as np
import pytest

from openmm_cgpack.imaging import (
    PRESETS,
    Ice,
    Illumination,
    Motion,
    RadiationDamage,
    TiltErrors,
    TiltScheme,
    acquire,
    in_ice,
    potential,
    reconstruct,
)
from openmm_cgpack.imaging.losses import mean_free_path
from openmm_cgpack.imaging.optics import electron_wavelength
from openmm_cgpack.imaging.specimen import DA_PER_NM3, ICE

from .conftest import as_volume, exposure

KRIOS = PRESETS["titan_krios_k3"]
FLAT = np.zeros((4, 4), np.float32)


def test_critical_dose_of_grant_and_grigorieff():
    # 0.245 k^-1.665 + 2.81 at 1/(5 Å) and 1/(20 Å), worked out by hand.
    found = RadiationDamage().critical_dose(np.array([2.0, 0.5, 0.0]), voltage_kv=300.0)
    np.testing.assert_allclose(found, [6.3825, 38.7435, np.inf], rtol=1e-3)


def test_damage_is_the_mean_over_the_exposure():
    damage, k = RadiationDamage(), np.array([[0.05, 0.2, 0.5]])
    tilt = exposure(dose_e_per_a2=6.0, pre_dose_e_per_a2=30.0)
    taken = 30.0 + (np.arange(6000) + 0.5) / 1000
    rate = 0.5 / damage.critical_dose(k[0], voltage_kv=300.0)
    expected = np.exp(-taken[:, None] * rate).mean(axis=0)
    np.testing.assert_allclose(damage.transfer((np.zeros((1, 1)), k), tilt)[0], expected, 1e-6)
    assert damage.transfer((np.zeros((1, 1)), np.zeros((1, 1))), tilt) == 1


def test_mean_free_paths():
    assert mean_free_path("inelastic", 300.0) == 395
    assert mean_free_path("inelastic", 200.0) == pytest.approx(395 * 0.4835 / 0.6030, rel=1e-4)
    # Langmore and Smith's cross section of H2O, nm², times molecules per nm³.
    for kv, ratio in ((300.0, 0.77653), (100.0, 0.54822)):
        atoms = {1: 2, 8: 1}
        molecule = sum(
            n * 1.4e-6 * z**1.5 * (1 - 0.26 * z / (137 * ratio)) / ratio**2
            for z, n in atoms.items()
        )
        path = 1 / (molecule * ICE.density * DA_PER_NM3 / ICE.mass)
        assert mean_free_path("elastic", kv) == pytest.approx(path, rel=0.01)
    # Peet et al. measured 2.01 between 100 and 300 kV.
    ratio = mean_free_path("elastic", 300.0) / mean_free_path("elastic", 100.0)
    assert ratio == pytest.approx(2.01, abs=0.01)


def test_the_elastic_path_of_free_atoms_is_longer():
    # Doyle and Turner's Gaussians, Å; sigma = 4 pi (g lambda)² sum a_i a_j / (b_i + b_j).
    gaussians = {
        "O": ([0.4548, 0.9173, 0.4719, 0.1384], [23.7803, 7.6220, 2.1440, 0.2959]),
        "H": ([0.2020, 0.2437, 0.0825], [30.8682, 8.5437, 1.2726]),
    }
    speed = (1 + 300 / 510.99895) * electron_wavelength(300.0) * 10
    sigma = {
        name: 4 * np.pi * speed**2 * (np.outer(a, a) / np.add.outer(b, b)).sum() / 100
        for name, (a, b) in gaussians.items()
    }
    path = 1 / ((sigma["O"] + 2 * sigma["H"]) * ICE.density * DA_PER_NM3 / ICE.mass)
    assert path == pytest.approx(656, abs=1)


def test_electrons_and_contrast_are_lost_with_thickness():
    tilt = exposure(dose_e_per_a2=2.0, pixel_size=0.5, path=np.array([0.0, 100, 200, 395]))
    path, contrast = tilt.path, np.float32(0.1)

    def counted(**settings):
        return Illumination(**settings)(FLAT + contrast, tilt)[0]

    elastic, inelastic = np.exp(-path / 567), np.exp(-path / 395)
    filtered = 50 * inelastic * (1 + 0.1 * elastic)
    np.testing.assert_allclose(counted(), filtered, rtol=1e-6)
    unfiltered = 50 * (1 + 0.1 * elastic * inelastic)
    np.testing.assert_allclose(counted(energy_filter=False), unfiltered, rtol=1e-6)
    thin = counted(plural_scattering=False)
    np.testing.assert_allclose(thin, 50 * inelastic * 1.1, rtol=1e-6)
    neither = counted(plural_scattering=False, energy_filter=False)
    np.testing.assert_allclose(neither, 55, rtol=1e-6)
    own = counted(mean_free_path=100, elastic_mean_free_path=200)
    expected = 50 * np.exp(-path / 100) * (1 + 0.1 * np.exp(-path / 200))
    np.testing.assert_allclose(own, expected, rtol=1e-6)
    assert Illumination(plural_scattering=False)(FLAT - 1.5, tilt).max() == 0


def test_motion_is_the_mean_over_places():
    motion, angle = Motion(in_plane=0.4, normal=1.5), np.deg2rad(50)
    rng, k = np.random.default_rng(0), (np.array([0.05, 0.2, 0.0]), np.array([0.0, 0.1, 0.15]))
    places = rng.standard_normal((200_000, 3)) * [0.4, 0.4, 1.5]
    # The lateral coordinate is small beside x cos: the plane's x is taken unforeshortened.
    u, v = places[:, 0] + places[:, 2] * np.sin(angle), places[:, 1]
    waves = np.exp(2j * np.pi * (np.outer(v, k[0]) + np.outer(u, k[1]))).mean(axis=0)
    found = motion.transfer(k, exposure(angle=angle))
    np.testing.assert_allclose(found, waves.real, atol=0.01)


def lumps(number, shape=(48, 96, 96), radius=4.0):
    """Return balls of protein at random places of a box that repeats."""
    rng = np.random.default_rng(3)
    points = np.zeros(shape)
    points[tuple(rng.integers(0, shape, (number, 3)).T)] = 1
    z, y, x = (np.fft.fftfreq(n) * n for n in shape)
    ball = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < radius**2
    data = np.fft.irfftn(np.fft.rfftn(points) * np.fft.rfftn(ball), shape, axes=(0, 1, 2))
    return replace(as_volume(700 * np.minimum(data, 1)), periodic=(True, True, True))


def snr_by_tilt(density, imaging):
    few = TiltScheme(tilt_step_deg=60, total_dose_e_per_a2=120 * 3 / 41)
    scope = replace(imaging.microscope, scheme=few)
    specimen = in_ice(potential(density), imaging.ice)
    noisy, clean = (acquire(specimen, scope, noise=n, seed=1).images for n in (True, False))
    left, middle, right = clean.var(axis=(1, 2)) / (noisy - clean).var(axis=(1, 2))
    return middle, (left + right) / 2


@pytest.mark.parametrize("number", [400, 20])
def test_high_tilts_are_worse(number):
    density = lumps(number)
    middle, steep = snr_by_tilt(density, KRIOS)
    assert steep < 0.8 * middle
    scope = replace(
        KRIOS.microscope,
        motion=None,
        illumination=Illumination(plural_scattering=False, mean_free_path=310.0),
    )
    as_before = replace(KRIOS, ice=Ice(cover=0), microscope=scope)
    middle, steep = snr_by_tilt(density, as_before)
    assert steep > middle


def test_what_alignment_leaves_is_not_listed():
    density = lumps(20, shape=(16, 48, 48))
    scope = replace(
        KRIOS.microscope,
        scheme=TiltScheme(tilt_step_deg=10),
        errors=TiltErrors(shift=1.0),
    )
    crooked = replace(scope, errors=TiltErrors(shift=1.0, alignment=2.0))
    specimen = in_ice(potential(density), Ice(grain=0))
    right, wrong = (acquire(specimen, s, noise=False, seed=2) for s in (scope, crooked))
    np.testing.assert_array_equal(right.shifts, wrong.shifts)
    assert np.abs(right.images - wrong.images).max() > 1
    tomograms = [reconstruct(series, KRIOS.reconstruction).data for series in (right, wrong)]
    assert tomograms[1].std() < 0.95 * tomograms[0].std()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Illumination(mean_free_path=0), "mean_free_path: wanted a number > 0, got 0"),
        (
            lambda: Illumination(energy_filter=False, plural_scattering=False, mean_free_path=300),
            "mean_free_path: means nothing without an energy filter and plural scattering",
        ),
        (
            lambda: Illumination(plural_scattering=False, elastic_mean_free_path=600),
            "elastic_mean_free_path: means nothing without plural scattering",
        ),
        (lambda: RadiationDamage(scale=-1), "scale: wanted a number > 0, got -1"),
        (lambda: Motion(normal=-1), "normal: wanted a number >= 0, got -1"),
        (lambda: TiltErrors(alignment=-1), "alignment: wanted a number >= 0, got -1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
