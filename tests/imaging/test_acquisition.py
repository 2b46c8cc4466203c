from dataclasses import replace

import numpy as np
import pytest

from openmm_cgpack.imaging import (
    IDEAL_MICROSCOPE,
    ContrastTransfer,
    Detector,
    Microscope,
    Projection,
    TiltErrors,
    TiltScheme,
    acquire,
    potential,
)
from openmm_cgpack.imaging.acquisition import acquire_fractions, add_fractions, split_tilts
from openmm_cgpack.imaging.optics import interaction_constant
from openmm_cgpack.imaging.projection import joseph_matrix

from .conftest import as_volume, smooth

FEW = TiltScheme(tilt_step_deg=30)
VACUUM = Projection(border="vacuum", gradient="none")


def bare(**changes):
    """Return an ideal microscope; filters act without a frame."""
    return replace(IDEAL_MICROSCOPE, **{"scheme": FEW, "padding": 0.0, **changes})


def blob(shape, centre, width=2.0):
    grid = np.indices(shape, dtype=np.float64)
    square = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
    return as_volume((400 * np.exp(-square / (2 * width**2))).astype(np.float32))


def middle_of(image):
    weight = image.mean() - image
    weight = np.where(weight > 0.3 * weight.max(), weight, 0)
    y, x = np.indices(image.shape)
    total = weight.sum()
    return np.array([(x * weight).sum(), (y * weight).sum()]) / total


def test_a_blob_is_dark_and_falls_where_geometry_says():
    volume = blob((48, 40, 64), (30, 14, 38))
    scope = bare(projection=VACUUM)
    series = acquire(smooth(volume), scope, noise=False, seed=0)
    for picture, angle in zip(series.images, series.angles, strict=True):
        u = 6 * np.cos(angle) + 6 * np.sin(angle) + 32
        np.testing.assert_allclose(middle_of(picture), [u, 14], atol=0.1)


def test_contrast_is_twice_the_phase():
    volume = as_volume(np.full((20, 8, 8), 100.0, np.float32))
    series = acquire(smooth(volume), bare(), noise=False, seed=0)
    electrons = 100 * FEW.dose[2]
    phase = interaction_constant(300.0) * 20 * potential(volume).data[0, 0, 0]
    np.testing.assert_allclose(series.images[2], electrons * (1 - 2 * phase), rtol=1e-4)


def test_tilts_out_of_place_are_drawn_and_told():
    errors = TiltErrors(shift=2.0, rotation_deg=3.0)
    volume = blob((48, 60, 64), (24, 40, 32))
    scope = bare(errors=errors, projection=VACUUM)
    series = acquire(smooth(volume), scope, noise=False, seed=5)
    assert np.abs(series.shifts).min() > 0
    for picture, shift, turn in zip(series.images, series.shifts, series.rotations, strict=True):
        expected = np.array([-10 * np.sin(turn), 10 * np.cos(turn)]) + shift + [32, 30]
        np.testing.assert_allclose(middle_of(picture), expected, atol=0.06)


def test_doses_and_optics_are_told():
    transfer = ContrastTransfer(astigmatism_um=0.4)
    scope = Microscope(scheme=FEW, transfer=transfer, errors=TiltErrors(defocus_um=0.2))
    series = acquire(smooth(as_volume(np.zeros((8, 16, 16))), grain=1.0), scope, seed=1)
    assert series.dose_e_per_a2.sum() == pytest.approx(120)
    np.testing.assert_allclose(series.pre_dose_e_per_a2, FEW.dose_before)
    defocus = series.optics.defocus_um
    np.testing.assert_allclose(defocus[:, 0] - defocus[:, 1], 0.4)
    assert 0.02 < (defocus.mean(axis=1) - 4.0).std() < 0.6
    assert series.grid.shape == (8, 16, 16)


@pytest.mark.parametrize("border", ["mirror", "vacuum"])
def test_tilted_ice_takes_more_electrons(border):
    empty = smooth(as_volume(np.zeros((40, 16, 200))), thickness=40.0)
    scope = Microscope(
        scheme=FEW,
        projection=Projection(border=border),
        detector=Detector(camera="perfect"),
        padding=0.0,
    )
    series = acquire(empty, scope, noise=False, seed=0)
    middle = series.images[:, 8, 100]
    assert middle[4] / middle[2] == pytest.approx(np.exp(-40 / 395), rel=0.01)
    assert middle[2] == pytest.approx(100 * 120 / 5 * np.exp(-40 / 395), rel=1e-3)
    edge = series.images[4, 8, 0] / middle[4]
    # A pillar is thinner at its edges; a film is not.
    assert edge == pytest.approx(1.0 if border == "mirror" else np.exp(80 / 395), rel=0.02)


def through_the_faces(shape=(24, 30, 40)):
    """Return rods that leave a box through its faces and come in on the other side."""
    z, y, x = np.indices(shape).astype(float)
    near = [
        # Along x and up; along y and x; a period's worth of each is a whole number of turns.
        [np.remainder(y - x * 30 / 40, 30) - 15, np.remainder(z - x * 24 / 40, 24) - 12],
        [np.remainder(x - y * 40 / 30 - 7, 40) - 20, z - 12],
    ]
    data = sum(300 * np.exp(-(a**2 + b**2) / (2 * 1.5**2)) for a, b in near)
    return replace(as_volume(data.astype(np.float32)), periodic=(True, True, False))


@pytest.mark.parametrize("gradient", ["none", "through"])
def test_a_scene_that_repeats_is_continued_as_by_tiles(gradient):
    volume = through_the_faces()
    scope = bare(
        scheme=TiltScheme(tilt_step_deg=60),
        projection=Projection(gradient=gradient),
        transfer=ContrastTransfer(defocus_um=1.0),
        padding=16.0,
    )
    found = acquire(smooth(volume), scope, noise=False, seed=0).images
    # The same by hand: a pillar of 7 x 3 boxes, of whose image the middle is taken.
    tiles = as_volume(np.tile(volume.data, (1, 3, 7)))
    pillar = replace(scope, projection=Projection(gradient=gradient, border="vacuum"))
    wide = acquire(smooth(tiles), pillar, noise=False, seed=0).images
    expected = wide[:, 30:60, 120:160]
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() < 0.01 * np.ptp(other)
    mirrored = acquire(smooth(replace(volume, periodic=(False,) * 3)), scope, noise=False, seed=0)
    assert np.abs(mirrored.images[2] - expected[2]).max() > 0.3 * np.ptp(expected[2])


def test_a_filament_stays_straight_at_high_tilt():
    data = np.zeros((40, 8, 64))
    z, y, x = np.indices(data.shape)
    slope = 40 / 64
    data = 400 * np.exp(-((np.remainder(z - slope * x, 40) - 20) ** 2 + (y - 4) ** 2) / 4)
    volume = replace(as_volume(data.astype(np.float32)), periodic=(True, True, True))
    angle = np.deg2rad(60)
    assert Projection().beyond(volume) == "periodic"
    matrix = joseph_matrix((40, 64), angle, border=Projection().beyond(volume))
    image = (matrix @ volume.data[:, 4].ravel().astype(float))[8:56]
    # Straight lines of equal distance: repeated along x cos(angle) alone, without a kink.
    period = 64 * np.cos(angle)
    assert period == pytest.approx(32)
    np.testing.assert_allclose(image[32:], image[:16], atol=0.02 * np.ptp(image))


def test_ninety_degrees():
    scheme = TiltScheme(tilt_min_deg=-90, tilt_max_deg=90, tilt_step_deg=45)
    volume = blob((32, 16, 32), (20, 8, 16))
    series = acquire(smooth(volume), bare(scheme=scheme, projection=VACUUM), seed=1)
    assert np.isfinite(series.images).all()
    np.testing.assert_allclose(middle_of(series.images[4]), [16 + 4, 8], atol=0.05)
    for gradient in ("across", "through"):
        for border in ("mirror", "vacuum"):
            projection = Projection(gradient=gradient, border=border)
            scope = Microscope(scheme=scheme, projection=projection)
            grainy = smooth(volume, grain=1.0)
            assert np.isfinite(acquire(grainy, scope, seed=1).images).all()


def test_depth_changes_the_defocus_as_relion_has_it():
    # A thin blob off the middle at a tilt: its depth is -x sin + z cos, its own rings follow.
    volume = blob((64, 64, 128), (50, 32, 90), width=1.5)
    scheme = TiltScheme(tilt_min_deg=40, tilt_max_deg=40)
    depth = -26 * np.sin(np.deg2rad(40)) + 18 * np.cos(np.deg2rad(40))

    def taken(defocus_um, projection):
        transfer = ContrastTransfer(defocus_um=defocus_um)
        scope = bare(scheme=scheme, projection=projection, transfer=transfer, hand=-1)
        return acquire(smooth(volume), scope, noise=False, seed=0).images[0]

    # Little defocus, so that 3 nm of depth are a good part of it.
    slabs = taken(0.1, Projection(gradient="through", depth_step=0.5, border="vacuum"))
    flat = taken(0.1 - depth * 1e-3, VACUUM)
    other = taken(0.1 + depth * 1e-3, VACUUM)
    assert np.abs(slabs - flat).max() < 0.15 * np.abs(other - flat).max()


def test_strips_and_slabs_agree_for_a_thin_specimen():
    rng = np.random.default_rng(6)
    data = np.zeros((9, 48, 192), np.float32)
    data[4] = 300 * rng.random((48, 192))
    volume = as_volume(data)
    scheme = TiltScheme(tilt_min_deg=50, tilt_max_deg=50)

    def taken(**settings):
        scope = bare(
            scheme=scheme,
            projection=Projection(**settings),
            transfer=ContrastTransfer(defocus_um=1.0),
            padding=16.0,
        )
        return acquire(smooth(volume), scope, noise=False, seed=0).images[0]

    none = taken(gradient="none")
    across, through = (taken(gradient=g, depth_step=4.0) for g in ("across", "through"))
    assert np.std(across - through) < 0.15 * np.std(across - none)


def test_the_same_seed_repeats_on_any_number_of_threads():
    specimen = smooth(blob((16, 20, 24), (8, 10, 12)), grain=1.0)
    scope = Microscope(scheme=FEW, errors=TiltErrors(shift=1.0))
    one, two = (acquire(specimen, scope, seed=3, threads=n).images for n in (1, 3))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != acquire(specimen, scope, seed=4).images.tobytes()
    sequence = np.random.SeedSequence(3)
    sequence.spawn(2)
    assert one.tobytes() == acquire(specimen, scope, seed=sequence).images.tobytes()


def test_dose_fractions_add_up():
    specimen = smooth(blob((16, 20, 24), (8, 10, 12)))
    scope = Microscope(scheme=FEW)
    whole = acquire(specimen, scope, noise=False, seed=3)
    parts = acquire_fractions(specimen, scope, fractions=3, noise=False, seed=3)
    total = add_fractions(parts)
    np.testing.assert_allclose(total.images, whole.images, rtol=2e-5)
    np.testing.assert_allclose(total.dose_e_per_a2, whole.dose_e_per_a2)
    assert total.dose_e_per_a2.sum() == pytest.approx(120)
    # A later fraction has less contrast than an earlier one.
    assert parts[2].images[0].std() < parts[0].images[0].std()


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_fractions_share_no_noise_and_neither_do_tilts():
    volume = smooth(as_volume(np.zeros((8, 128, 128))))
    first, second = acquire_fractions(volume, Microscope(scheme=FEW), fractions=2, seed=3)
    n = first.images.size
    noise = [part.images - part.images.mean(axis=(1, 2), keepdims=True) for part in (first, second)]
    assert abs(correlation(*noise)) < 4 / np.sqrt(n)
    even, odd = split_tilts(first)
    assert len(even) == 3
    assert len(odd) == 2
    pair = even.images[:2] - even.images[:2].mean(), odd.images - odd.images.mean()
    per_tilt = [correlation(a, b) for a, b in zip(*pair, strict=True)]
    assert np.abs(per_tilt).max() < 4 / 128
    assert even.order.tolist() == [2, 0, 1]
    np.testing.assert_allclose(even.optics.defocus_um, first.optics.defocus_um[::2])


def test_the_grain_of_the_ice_is_one_for_all_tilts_and_white():
    empty = smooth(as_volume(np.zeros((16, 96, 96))), grain=1.0)
    two = TiltScheme(tilt_step_deg=1, tilt_max_deg=1, tilt_min_deg=0)
    series = acquire(empty, bare(scheme=two), seed=1)
    assert correlation(*series.images) > 0.9
    flat = series.images[0] / series.images[0].mean() - 1
    expected = 2 * interaction_constant(300.0) * 0.19972 * 4
    assert flat.std() == pytest.approx(expected, rel=0.03)
    power = np.abs(np.fft.fft2(flat)) ** 2
    halves = power[:, 5:24].mean(), power[:, 24:48].mean()
    assert halves[0] == pytest.approx(halves[1], rel=0.1)
    silent = acquire(empty, bare(), noise=False, seed=1)
    assert np.ptp(silent.images[0]) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Projection(gradient="up"), 'gradient: wanted "none" or "across" or "through"'),
        (lambda: Projection(depth_step=0), "depth_step: wanted a number > 0, got 0"),
        (
            lambda: Projection(gradient="none", depth_step=1),
            'depth_step: means nothing with gradient = "none"',
        ),
        (lambda: TiltErrors(shift=-1), "shift: wanted a number >= 0, got -1"),
        (lambda: add_fractions([]), "fractions: wanted at least one tilt series, got none"),
        (
            lambda: acquire(smooth(as_volume(np.zeros((4, 4, 4)))), bare(), seed=0, threads=0),
            "threads: wanted 1 or more, got 0",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
