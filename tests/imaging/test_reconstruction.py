from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from openmm_cgpack.core import Grid, TiltSeries
from openmm_cgpack.imaging import (
    IDEAL_MICROSCOPE,
    ContrastTransfer,
    Projection,
    Projector,
    Reconstruction,
    TiltErrors,
    TiltScheme,
    acquire,
    fourier_shell_correlation,
    potential,
    reconstruct,
)
from openmm_cgpack.imaging.one_step import sampled_by_tilts
from openmm_cgpack.imaging.optics import interaction_constant
from openmm_cgpack.imaging.reconstruction import tilt_weights

from .conftest import as_volume, smooth


def scope(step=3.0, *, tilt_max=60.0, **changes):
    """Return an ideal microscope for a specimen that stands free."""
    settings = {"projection": Projection(border="vacuum", gradient="none"), **changes}
    scheme = TiltScheme(tilt_min_deg=-tilt_max, tilt_max_deg=tilt_max, tilt_step_deg=step)
    return replace(IDEAL_MICROSCOPE, scheme=scheme, **settings)


def taken(density, microscope, seed=0):
    """Return a tilt series without noise."""
    return acquire(smooth(density), microscope, noise=False, seed=seed)


def tomogram_of(series, *, grid=None, threads=None, **settings):
    """Return a reconstruction with some settings."""
    return reconstruct(series, Reconstruction(**settings), grid=grid, threads=threads)


@pytest.fixture(scope="module")
def dots():
    """Return small blobs that stand free in the middle of a cube."""
    data = np.zeros((64, 48, 64), np.float32)
    rng = np.random.default_rng(3)
    for centre in rng.integers([18, 12, 18], [46, 36, 46], (40, 3)):
        data[tuple(centre)] += 1
    return as_volume(gaussian_filter(data, 1.2) * 3000)


@pytest.fixture(scope="module")
def clean(dots):
    return taken(dots, scope(), seed=0)


def likeness(tomogram, truth):
    return -np.corrcoef(tomogram.data.ravel(), truth.data.ravel())[0, 1]


def shells(tomogram, truth):
    inverted = replace(tomogram, data=-tomogram.data)
    return fourier_shell_correlation(inverted, truth, width=0.05)[1]


@pytest.mark.parametrize("method", ["wbp", "sirt"])
def test_more_tilts_are_better(dots, method, record_property):
    found = []
    for step in (20.0, 12.0, 6.0, 4.0):
        series = taken(dots, scope(step), seed=0)
        tomogram = tomogram_of(
            series, method=method, **({"iterations": 40} if method == "sirt" else {})
        )
        found.append((likeness(tomogram, dots), *shells(tomogram, dots)[1:6]))
    table = np.array(found)
    record_property("correlation and FSC at 0.1 to 0.3 /nm by tilts", table.round(3).tolist())
    assert (np.diff(table[:, 0]) > 0).all()
    assert (np.diff(table[:, 3]) > 0).all()
    assert table[-1, 0] > 0.8


def test_all_tilts_of_a_half_turn_bring_everything_back(dots):
    series = taken(dots, scope(1.0, tilt_max=89.5), seed=0)
    tomogram = tomogram_of(series)
    assert (shells(tomogram, dots)[:6] > 0.97).all()
    # And in its own units: contrast per nm is twice the phase per nm. The mean is lost.
    truth = 2 * interaction_constant(300.0) * potential(dots).data
    # At low frequency, as linear interpolation takes from the high ones.
    got, truth = (gaussian_filter(data, 3.0) for data in (tomogram.data, truth))
    truth = truth - truth.mean()
    assert np.vdot(got, truth) / np.vdot(truth, truth) == pytest.approx(-1.0, abs=0.03)


def test_more_iterations_fit_the_images_better(clean, dots):
    found = [
        likeness(tomogram_of(clean, method="sirt", iterations=n), dots) for n in (1, 5, 20, 60)
    ]
    assert (np.diff(found) > 0).all()


def test_nothing_outside_the_sampled_range(dots, clean):
    tomogram = tomogram_of(clean).data
    # A window takes the borders, whose streaks are cut, out of the account.
    window = np.hanning(64)[:, None, None] * np.hanning(64)[None, None, :]
    power = np.abs(np.fft.rfftn(tomogram * window)) ** 2
    kz = np.fft.fftfreq(64)[:, None, None]
    kx = np.fft.rfftfreq(64)[None, None, :]
    missing = ~sampled_by_tilts(kz, kx, 65.0) & (np.abs(kz) > 3 / 64)
    seen = sampled_by_tilts(kz, kx, 58.0) & (np.abs(kx) > 3 / 64)
    here, there = (np.broadcast_to(m, power.shape) for m in (missing, seen))
    truth = np.abs(np.fft.rfftn(dots.data * window)) ** 2
    assert power[here].sum() / truth[here].sum() < 0.01 * power[there].sum() / truth[there].sum()


def test_the_transpose_is_what_sirt_uses(dots):
    # One iteration from nothing is the weighted transpose of the weighted images.
    projector = Projector(shape=(20, 24), angles=(-0.6, 0.0, 0.3), n_pixels=24)
    truth = np.random.default_rng(0).random((20, 6, 24), dtype=np.float32)
    images = projector.forward(truth)
    series = TiltSeries(
        images=1 + images - images.mean(axis=(1, 2), keepdims=True),
        angles=np.array(projector.angles),
        pixel_size=1.0,
        dose_e_per_a2=np.ones(3),
        grid=Grid(shape=(20, 6, 24), voxel_size=1.0, origin=np.zeros(3)),
    )
    once = tomogram_of(series, method="sirt", iterations=1)
    flat = tomogram_of(series, filter="none")
    assert np.corrcoef(once.data.ravel(), flat.data.ravel())[0, 1] > 0.95


def test_the_ramp_is_the_ramp():
    weights = tilt_weights(np.deg2rad(np.arange(-60, 61, 3)), 64)
    k = np.fft.rfftfreq(128)
    np.testing.assert_allclose(weights[20], np.deg2rad(3) * k, atol=2e-4)
    uneven = tilt_weights(np.deg2rad([-10, 0, 30]), 64)
    assert uneven[1, 30] / uneven[0, 30] == pytest.approx(2.0)


def test_the_exact_filter_follows_the_ramp_up_to_crowther_and_is_level_beyond():
    angles, thickness = np.deg2rad(np.arange(-60, 61, 3.0)), 32
    weights = tilt_weights(angles, 128, filter="exact", thickness=thickness)[20]
    k = np.fft.rfftfreq(256)
    crowther = 1 / (thickness * np.deg2rad(3))
    # Below half of it, ramp to a few per cent (the wedge takes what overlaps at low frequency).
    low = (k > 0.1 * crowther) & (k < 0.5 * crowther)
    np.testing.assert_allclose(weights[low], np.deg2rad(3) * k[low], rtol=0.1)
    np.testing.assert_allclose(weights[k > 1.01 * crowther], 1 / thickness)


@pytest.mark.parametrize("kind", ["ramp", "exact", "none"])
def test_weights_fall_off_as_imods(kind):
    angles, k = np.deg2rad(np.arange(-60, 61, 3)), np.fft.rfftfreq(200)
    whole = tilt_weights(angles, 100, filter=kind, thickness=30.0)
    found = tilt_weights(angles, 100, filter=kind, thickness=30.0, cutoff=0.35, falloff=0.035)
    assert k[70] == pytest.approx(0.35)
    np.testing.assert_allclose(found[:, :71], whole[:, :71], rtol=1e-12)
    # A standard deviation, two, and Nyquist frequency: exp(-1/2), exp(-2), exp(-(0.15/0.035)²/2).
    for i, part in ((77, 0.60653), (84, 0.13534), (100, 1.0270e-4)):
        np.testing.assert_allclose(found[:, i], part * whole[:, 70], rtol=1e-4)


def test_a_cutoff_takes_the_noise_and_leaves_what_is_coarse():
    rng = np.random.default_rng(1)
    noise = as_volume(rng.standard_normal((16, 32, 64)).astype(np.float32))
    series = taken(noise, scope())
    on, off = (tomogram_of(series, cutoff=cutoff).data for cutoff in (0.35, None))
    assert on.std() < 0.9 * off.std()
    along_x = [np.abs(np.fft.rfft(data, axis=2)).mean(axis=(0, 1)) for data in (on, off)]
    np.testing.assert_allclose(along_x[0][1:8], along_x[1][1:8], rtol=0.02)


def test_exact_weights_beat_the_ramp_for_few_tilts(dots):
    series = taken(dots, scope(10.0), seed=0)
    assert likeness(tomogram_of(series, filter="exact"), dots) > likeness(tomogram_of(series), dots)


def test_flipping_phases_gives_signs_back(dots):
    series = taken(dots, scope(transfer=ContrastTransfer(defocus_um=6.0)))
    first_zero = np.sqrt(1 / (0.0019687 * 6000))
    frequency, raw = fourier_shell_correlation(tomogram_of(series), dots, width=0.02)
    _, flipped = fourier_shell_correlation(tomogram_of(series, ctf="flip"), dots, width=0.02)
    second = (frequency > first_zero + 0.03) & (frequency < first_zero * 1.3)
    below = (frequency > 0.1) & (frequency < first_zero - 0.03)
    assert (raw[below] < -0.5).all()
    assert (flipped[below] < -0.5).all()
    assert (raw[second] > 0.2).all()
    assert (flipped[second] < -0.2).all()


def test_strips_flip_by_the_defocus_of_their_columns():
    # A wide thin specimen at one steep tilt: the right signs differ from side to side.
    data = np.zeros((8, 16, 1024), np.float32)
    data[4] = gaussian_filter(np.random.default_rng(0).standard_normal((16, 1024)), 0.8) * 200
    volume = as_volume(data, voxel_size=0.5)
    settings = replace(
        IDEAL_MICROSCOPE,
        scheme=TiltScheme(tilt_min_deg=55, tilt_max_deg=55),
        projection=Projection(gradient="across", depth_step=50.0),
        transfer=ContrastTransfer(defocus_um=3.0),
    )
    series = taken(volume, settings, seed=0)
    ideal = taken(volume, replace(settings, transfer=IDEAL_MICROSCOPE.transfer), seed=0)
    truth = tomogram_of(ideal, filter="none").data[4]
    plain = tomogram_of(series, filter="none", ctf="flip").data[4]
    strips = tomogram_of(series, filter="none", ctf="flip", depth_step=50.0).data[4]
    other_hand = replace(series, optics=replace(series.optics, hand=1))
    wrong = tomogram_of(other_hand, filter="none", ctf="flip", depth_step=50.0).data[4]

    def against(part):
        return np.corrcoef(part[:, :150].ravel(), truth[:, :150].ravel())[0, 1]

    assert against(wrong) + 0.02 < against(plain) < against(strips) - 0.02


def test_alignment_undoes_what_the_series_tells(dots):
    errors = TiltErrors(shift=2.0, rotation_deg=2.0)
    series = taken(dots, scope(errors=errors), seed=2)
    straight = likeness(tomogram_of(taken(dots, scope(), seed=2)), dots)
    known = likeness(tomogram_of(series), dots)
    ignored = likeness(tomogram_of(series, align=False), dots)
    assert known > straight - 0.03
    assert ignored < straight - 0.2


def test_bright_is_minus_dark_and_threads_change_nothing(clean):
    dark = tomogram_of(clean, threads=1)
    np.testing.assert_array_equal(tomogram_of(clean, dark=False, threads=2).data, -dark.data)


def test_a_grid_of_ones_own(clean):
    grid = Grid(shape=(20, 48, 64), voxel_size=1.0, origin=np.array([0.0, 0.0, 22.0]))
    thin = tomogram_of(clean, grid=grid)
    np.testing.assert_allclose(thin.data, tomogram_of(clean).data[22:42], atol=1e-6)
    assert thin.origin[2] == 22.0


def test_a_dead_tilt_says_nothing(clean):
    images = clean.images.copy()
    images[7] = 0
    assert np.isfinite(tomogram_of(replace(clean, images=images)).data).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "fbp"}, 'method: wanted "wbp" or "sirt", got "fbp"'),
        ({"filter": "hann"}, 'filter: wanted "ramp" or "exact" or "none", got "hann"'),
        ({"ctf": "wiener"}, 'ctf: wanted "none" or "flip", got "wiener"'),
        ({"iterations": 0}, "iterations: wanted a whole number >= 1, got 0"),
        ({"iterations": 5}, 'iterations: means nothing with "wbp"'),
        ({"filter": "exact", "method": "sirt"}, 'filter: means nothing with "sirt"'),
        ({"depth_step": 0.0, "ctf": "flip"}, "depth_step: wanted a number > 0, got 0"),
        ({"depth_step": 9.0}, 'depth_step: means nothing with ctf = "none"'),
    ],
)
def test_bad_settings(change, message):
    with pytest.raises(ValueError, match=message):
        Reconstruction(**change)


def test_what_a_series_must_have(clean):
    bare = replace(clean, grid=None, optics=None)
    with pytest.raises(ValueError, match="grid: wanted one, as the series has none"):
        tomogram_of(bare)
    with pytest.raises(ValueError, match="ctf: wanted a series with optics"):
        tomogram_of(bare, ctf="flip")
    wrong = Grid(shape=(20, 48, 63), voxel_size=1.0, origin=np.zeros(3))
    with pytest.raises(ValueError, match="grid: wanted planes of the images' shape"):
        tomogram_of(clean, grid=wrong)
