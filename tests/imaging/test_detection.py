import numpy as np
import pytest

from openmm_cgpack.imaging import (
    ContrastTransfer,
    Detector,
    Envelope,
    FourierFilter,
    Illumination,
    MissingWedge,
    Motion,
    RadiationDamage,
    Stage,
    WhiteNoise,
    electron_wavelength,
)
from openmm_cgpack.imaging.optics import Displacement, displaced
from openmm_cgpack.imaging.stages import run_stages
from openmm_cgpack.testing import check_stage

from .conftest import exposure

STAGES = [
    RadiationDamage(),
    Motion(),
    ContrastTransfer(astigmatism_um=0.5, astigmatism_angle_deg=17.0),
    Displacement(),
    Illumination(),
    Detector(camera="perfect"),
    Detector(),
    Detector(camera="scintillator", pixel_size=0.5),
    Envelope(),
    MissingWedge(),
    WhiteNoise(),
]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: type(stage).__name__)
def test_stages_keep_their_contract(stage):
    check_stage(stage)
    told = exposure(dose_e_per_a2=1.0, shift=np.array([1.0, -0.5]), rotation=0.02, padding=3.0)
    check_stage(stage, exposure=told)


class Loud(Stage):
    """Draws from a generator of its own."""

    def __call__(self, image, exposure, rng=None):
        return image + np.random.default_rng().random(image.shape, dtype=np.float32)


class Writes(Stage):
    """Writes into its input."""

    def __call__(self, image, exposure, rng=None):
        image += 1
        return image


class Doubles(Stage):
    """Returns another type."""

    def __call__(self, image, exposure, rng=None):
        return image.astype(np.float64)


class Squares(FourierFilter):
    """Is no filter."""

    def transfer(self, k, exposure):
        return np.ones(1)

    def __call__(self, image, exposure, rng=None):
        return image**2


class Elsewhere(Stage):
    """Acts on what no image holds."""

    acts_on = "film"

    def __call__(self, image, exposure, rng=None):
        return image


@pytest.mark.parametrize(
    ("stage", "complaint"),
    [
        (Loud(), "without a generator it varies"),
        (Writes(), "the input has been written to"),
        (Doubles(), "wanted float32 back, got float64"),
        (Squares(), "it is not linear"),
        (Elsewhere(), "acts_on: wanted one of phase, contrast"),
    ],
)
def test_the_contract_catches(stage, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_stage(stage)


def radial_power(image, pixel_size, angle_range=None):
    n = len(image)
    k = np.fft.fftfreq(n, pixel_size)
    power = np.abs(np.fft.fft2(image)) ** 2
    length = np.hypot(k[:, None], k[None, :])
    if angle_range is not None:
        phi = np.mod(np.arctan2(k[:, None], k[None, :]), np.pi)
        power = np.where((phi >= angle_range[0]) & (phi < angle_range[1]), power, np.nan)
    shell = np.rint(length * n * pixel_size).astype(int)
    keep = (shell < n // 2) & np.isfinite(power)
    mean = np.bincount(shell[keep], power[keep]) / np.maximum(np.bincount(shell[keep]), 1)
    return np.arange(len(mean)) / (n * pixel_size), mean


def zeros_by_hand(defocus_nm, nyquist, amplitude=0.07, cs_nm=2.7e6):
    # sin(pi l z k2 - pi/2 Cs l3 k4 + asin A) = 0: the roots of a quadratic in k squared.
    wavelength = electron_wavelength(300.0)
    roots = []
    for n in range(1, 50):
        a, b = -0.5 * cs_nm * wavelength**3, wavelength * defocus_nm
        c = np.arcsin(amplitude) / np.pi - n
        root = np.sqrt((-b + np.sqrt(b**2 - 4 * a * c)) / (2 * a))
        if root < nyquist:
            roots.append(root)
    return roots


def minima(frequency, power):
    inner = (power[1:-1] < power[:-2]) & (power[1:-1] < power[2:])
    low = power[1:-1] < 0.2 * np.median(power)
    return frequency[1:-1][inner & low]


def test_ctf_zeros_lie_where_computed_by_hand():
    pixel = 0.5
    noise = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    image = ContrastTransfer(defocus_um=3.0)(noise, exposure(pixel_size=pixel, padding=16.0))
    found = minima(*radial_power(image, pixel))
    expected = zeros_by_hand(3000.0, 0.95)
    assert len(expected) >= 5
    for zero in expected[:5]:
        assert np.abs(found - zero).min() < 1.5 / (512 * pixel)


def test_astigmatism_moves_the_zeros_along_its_axis():
    pixel = 0.5
    noise = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    angle = np.deg2rad(40)
    optics = ContrastTransfer(defocus_um=3.0, astigmatism_um=1.0, astigmatism_angle_deg=40)
    image = optics(noise, exposure(pixel_size=pixel, padding=16.0))
    for middle, defocus in ((angle, 3500.0), (angle + np.pi / 2, 2500.0)):
        wedge = (middle - 0.07, middle + 0.07)
        found = minima(*radial_power(image, pixel, wedge))
        for zero in zeros_by_hand(defocus, 0.95)[:2]:
            assert np.abs(found - zero).min() < 2.5 / (512 * pixel)


def test_slabs_have_the_defocus_of_their_depth():
    rng = np.random.default_rng(1)
    slabs = rng.standard_normal((2, 64, 64)).astype(np.float32)
    depths_um = np.array([0.3, -0.5])
    both = run_stages(
        slabs, exposure(), (ContrastTransfer(defocus_um=3.0),), defocus_depths_um=depths_um
    )
    apart = [
        ContrastTransfer(defocus_um=z)(slab, exposure())
        for slab, z in zip(slabs, (3.3, 2.5), strict=True)
    ]
    np.testing.assert_allclose(both, sum(apart), atol=1e-5)


@pytest.mark.parametrize("electrons", [0.3, 40.0, 1e7])
def test_counts_are_poisson(electrons):
    flat = np.full((400, 400), electrons, np.float32)
    counts = Detector(camera="perfect")(flat, exposure(), np.random.default_rng(1)).astype(float)
    assert counts.mean() == pytest.approx(electrons, rel=0.01)
    assert counts.var() == pytest.approx(electrons, rel=0.02)
    assert (counts == np.rint(counts)).all()


def spectrum(image, bands=6):
    # Whole bands of |k| along the axes' square, so that all have many frequencies.
    n = len(image)
    k = np.abs(np.fft.fftfreq(n))
    band = np.minimum(np.maximum(k[:, None], k[None, :]) * 2 * bands, bands - 1).astype(int)
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2 / image.size
    return np.bincount(band.ravel(), power.ravel()) / np.bincount(band.ravel())


def test_noise_of_a_perfect_camera_is_white_and_that_of_a_real_one_is_not():
    flat = np.full((300, 300), 50.0, np.float32)
    rng = np.random.default_rng(2)
    np.testing.assert_allclose(
        spectrum(Detector(camera="perfect")(flat, exposure(), rng)), 50, rtol=0.1
    )
    real = Detector(camera="scintillator", pixel_size=0.5)
    tilt = exposure(pixel_size=0.5, padding=16.0)
    power = spectrum(real(flat, tilt, rng))
    # By hand: 15 electrons counted, times MTF² DQE(0) / DQE, a little way along the axis.
    for band, w in ((0, 0.12), (3, 0.62)):
        expected = 15 * (0.1 ** (2 * w**1.5)) * 0.30 / (0.30 - 0.25 * w)
        assert power[band] == pytest.approx(expected, rel=0.25)
    assert power[-1] < 0.2 * power[0]


def test_signal_passes_with_the_mtf_and_the_dqe_is_what_is_left():
    # DQE = MTF^2 DQE(0) n / NPS with the noise's power, by independent measurements of each.
    detector, n, mean = Detector(camera="k3", pixel_size=1.0), 256, 100.0
    camera = detector.curves
    x = np.arange(n)
    for cycles in (16, 64, 112):
        w = 2 * cycles / n
        wave = np.broadcast_to(mean * (1 + 0.5 * np.cos(2 * np.pi * cycles * x / n)), (n, n))
        out = detector(wave.astype(np.float32), exposure(), None)
        gain = np.abs(np.fft.fft(out.mean(axis=0))[cycles]) / (n * mean * 0.25 * camera.dqe_zero)
        assert gain == pytest.approx(camera.mtf(w), rel=1e-3)
        flat = np.full((n, n), mean, np.float32)
        rng = np.random.default_rng(3)
        power = np.mean(
            [
                np.mean(np.abs(np.fft.fft(detector(flat, exposure(), rng))[:, cycles]) ** 2)
                for _ in range(8)
            ]
        )
        noise = power / n / (mean * camera.dqe_zero)
        # The noise along one row averages over the other direction's transfer.
        k = np.fft.fftfreq(n)
        across = camera.noise_transfer(2 * np.hypot(k, cycles / n)) ** 2
        assert noise == pytest.approx(across.mean(), rel=0.1)


def test_displacement_of_a_point():
    image = np.zeros((65, 80), np.float32)
    image[32 + 5, 40 + 20] = 1
    turn, shift = np.deg2rad(30), np.array([3.0, -4.0])
    out = displaced(image, shift=shift, turn=turn)
    y, x = np.indices(out.shape)
    found = np.array([(x * out).sum(), (y * out).sum()]) / out.sum() - [40, 32]
    cosine, sine = np.cos(turn), np.sin(turn)
    expected = np.array([20 * cosine - 5 * sine, 20 * sine + 5 * cosine]) + shift
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_numbers_of_ones_own_take_the_place_of_the_cameras():
    curves = Detector(camera="k3", mtf_nyquist=0.5).curves
    assert (curves.dqe_zero, curves.dqe_nyquist, curves.mtf_nyquist) == (0.90, 0.38, 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Detector(dqe_zero=1.2), "dqe_zero: wanted a number > 0 and <= 1, got 1.2"),
        (lambda: Detector(dqe_zero=0.3), "dqe_nyquist: wanted at most dqe_zero, 0.3, got 0.38"),
        (lambda: Detector(camera="film"), 'camera: wanted "k3" or "falcon4"'),
        (lambda: Detector(pixel_size=0), "pixel_size: wanted a number > 0, got 0"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
