import numpy as np
import pytest

from openmm_cgpack.core.tables import to_table
from openmm_cgpack.imaging import (
    ContrastTransfer,
    Envelope,
    Illumination,
    MissingWedge,
    OneStep,
    WhiteNoise,
    measure_snr,
    render,
)
from openmm_cgpack.imaging.measures import variance
from openmm_cgpack.imaging.one_step import sampled_by_tilts

from .conftest import as_volume, exposure, wedge_mask


def one_step(volume, *, seed, threads=None, **settings):
    """Return the tomogram of the one-step model."""
    return render(volume, OneStep(**settings), seed=seed, threads=threads).tomogram


@pytest.mark.parametrize("snr", [1000.0, 200.0, 0.05])
@pytest.mark.parametrize("definition", ["volume", "projection", "pei2016"])
@pytest.mark.parametrize("envelope", [None, Envelope(cutoff=0.4)])
def test_the_snr_asked_for_is_measured_back(lumps, snr, definition, envelope):
    imaging = OneStep(envelope=envelope, snr=snr, snr_definition=definition)
    rendered = render(lumps, imaging, seed=3)
    measured = measure_snr(
        rendered.tomogram, rendered.signal, definition=definition, gains=imaging.gains(lumps)
    )
    assert measured == pytest.approx(snr, rel=1e-4)
    assert rendered.snr[definition] == pytest.approx(snr, rel=1e-4)
    silent = render(lumps, OneStep(envelope=envelope, snr=None), seed=3)
    assert silent.tomogram is silent.signal
    np.testing.assert_allclose(
        silent.signal.data, rendered.signal.data, atol=1e-6 * np.abs(rendered.signal.data).max()
    )


def test_the_volume_snr_is_a_plain_ratio_of_variances(lumps):
    clean = one_step(lumps, snr=None, seed=3).data.astype(np.float64)
    tomogram = one_step(lumps, snr=0.05, seed=3).data
    assert clean.var() / (tomogram - clean).var() == pytest.approx(0.05, rel=1e-4)


def test_pei2016_by_hand(lumps):
    # Put the noise in by hand with numpy: its variance is the signal's over the loss, over SNR.
    optics, snr = ContrastTransfer(defocus_um=5.0, cs_mm=2.0), 0.5
    shape = lumps.data.shape
    kz, ky, kx = np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")
    c = optics.transfer((kz, ky, kx), exposure())
    w = sampled_by_tilts(kz, kx, 60.0)
    signal = np.fft.ifftn(np.fft.fftn(lumps.data) * c * w).real
    put_in = signal.var() / np.mean((c * w) ** 2) / snr
    left = []
    rng = np.random.default_rng(2)
    for _ in range(4):
        before, after = rng.standard_normal((2, *shape)) * np.sqrt(put_in / 2)
        spectrum = (np.fft.fftn(before) * c + np.fft.fftn(after)) * w
        left.append(np.fft.ifftn(spectrum).real.var())
    imaging = OneStep(snr=snr, snr_definition="pei2016", padding=0.0)
    rendered = render(lumps, imaging, seed=3)
    clean = rendered.signal.data
    noise = rendered.tomogram.data - clean
    np.testing.assert_allclose(clean, signal, atol=1e-5 * np.abs(signal).max())
    assert noise.var() == pytest.approx(np.mean(left), rel=0.01)


def test_pei2016_against_the_ratio_in_the_finished_volume():
    # With a wedge of 30 degrees the CTF at 5 µm leaves 0.36 of white noise, and 0.54 of the noise
    # put in is left: the finished ratio is 0.36 / 0.54 of the number asked for.
    volume = as_volume(np.random.default_rng(0).random((64, 64, 64), dtype=np.float32))
    imaging = OneStep(snr=100.0, snr_definition="pei2016")
    loss, gain = imaging.gains(volume)
    assert loss == pytest.approx(0.360, abs=0.005)
    assert 2 * gain - loss == pytest.approx(0.711, abs=0.005)
    rendered = render(volume, imaging, seed=3)
    assert measure_snr(rendered.tomogram, rendered.signal) == pytest.approx(67.3, abs=1.0)


def test_a_sphere_is_dark_on_brighter_ground():
    z, y, x = np.indices((48, 48, 48)) - 24
    r = np.sqrt(z**2 + y**2 + x**2)
    density = as_volume((r < 5).astype(np.float32) * 800)
    clean = one_step(density, snr=None, seed=0).data
    assert clean[r < 4].mean() < clean[(r > 14) & (r < 20)].mean()
    assert clean[24, 24, 24] < clean.mean() - 3 * clean.std()


def test_nothing_is_left_in_the_missing_wedge_of_a_noisy_tomogram(lumps):
    tomogram = one_step(lumps, snr=0.05, padding=0.0, seed=1)
    power = np.abs(np.fft.rfftn(tomogram.data.astype(np.float64))) ** 2
    missing = np.broadcast_to(~wedge_mask(lumps.data.shape, 60.0), power.shape)
    assert power[missing].mean() < 1e-9 * power[~missing].mean()


def test_the_size_of_the_density_does_not_matter_to_the_picture(lumps):
    small = as_volume(lumps.data / 1000)
    first = one_step(lumps, snr=0.1, seed=4).data
    second = one_step(small, snr=0.1, seed=4).data * 1000
    np.testing.assert_allclose(first, second, atol=1e-5 * np.abs(first).max())


def test_same_seed_same_bytes_and_another_seed_others(lumps):
    first, again, other = (
        one_step(lumps, snr=0.1, seed=s).data for s in (4, np.random.SeedSequence(4), 5)
    )
    np.testing.assert_array_equal(first, again)
    clean = one_step(lumps, snr=None, seed=4).data
    assert abs(np.corrcoef((first - clean).ravel(), (other - clean).ravel())[0, 1]) < 0.05


def test_the_number_of_threads_changes_no_byte(lumps):
    first, second = (one_step(lumps, snr=0.1, threads=n, seed=4).data for n in (1, 2))
    np.testing.assert_array_equal(first, second)


def test_the_frame_keeps_one_side_from_the_other():
    # A lump at the far end in x must not show at the near end.
    data = np.zeros((40, 40, 96), np.float32)
    data[18:22, 18:22, 92:] = 1
    far = [
        np.abs(np.diff(one_step(as_volume(data), snr=None, padding=p, seed=0).data[20, 20]))
        for p in (0.0, 16.0)
    ]
    assert far[0][:8].max() > 20 * far[1][:8].max()


def test_the_grid_stays(lumps):
    tomogram = one_step(lumps, snr=0.1, seed=4)
    assert tomogram.data.shape == lumps.data.shape
    assert tomogram.data.dtype == np.float32
    assert tomogram.voxel_size == lumps.voxel_size
    np.testing.assert_array_equal(tomogram.origin, lumps.origin)


def test_variance_of_a_large_offset():
    data = np.random.default_rng(0).standard_normal((20, 30, 40)).astype(np.float32) + 1000
    assert variance(data) == pytest.approx(data.astype(np.float64).var(), rel=1e-10)
    assert variance(data, data) == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneStep(snr=0.0), "snr: wanted a number > 0, got 0"),
        (lambda: OneStep(snr=np.nan), "snr: wanted a number > 0, finite, got nan"),
        (lambda: OneStep(voltage_kv=-300.0), "voltage_kv: wanted a number > 0, got -300"),
        (lambda: OneStep(padding=-1.0), "padding: wanted a number >= 0, got -1"),
        (lambda: OneStep(snr_definition="pei"), 'snr_definition: wanted "volume" or "projection"'),
        (
            lambda: OneStep(snr=None, snr_definition="pei2016"),
            "snr_definition: means nothing without noise",
        ),
        (
            lambda: OneStep(transfer=ContrastTransfer(astigmatism_um=0.1)),
            "transfer: astigmatism_um: wanted 0",
        ),
        (lambda: OneStep(stages=(Illumination(),)), "stages: wanted stages registered by @kind"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_bad_threads(lumps):
    with pytest.raises(ValueError, match="threads: wanted 1 or more, got 0"):
        one_step(lumps, seed=0, threads=0)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_density_has_no_tomogram(value):
    constant = as_volume(np.full((8, 8, 8), value))
    for snr in (1.0, None):
        with pytest.raises(ValueError, match="density: wanted one that varies, got a constant"):
            one_step(constant, snr=snr, seed=0)


def test_optics_that_let_nothing_through_have_no_tomogram(lumps):
    blind = ContrastTransfer(defocus_um=0.0, cs_mm=0.0, amplitude_contrast=0.0)
    with pytest.raises(ValueError, match="signal: wanted a tomogram that varies"):
        one_step(lumps, transfer=blind, seed=0)


def test_pei2016_wants_its_gains(lumps):
    with pytest.raises(ValueError, match="gains: wanted L and G for 'pei2016', got None"):
        measure_snr(lumps, as_volume(lumps.data + 1), definition="pei2016")
    with pytest.raises(ValueError, match="snr: wanted one, or WhiteNoise among the stages"):
        OneStep(snr=None).gains(lumps)
    with pytest.raises(ValueError, match="definition: wanted one of volume, projection, pei2016"):
        measure_snr(lumps, lumps, definition="pei")


def test_noise_of_ones_own_without_an_snr_is_as_strong_as_it_says(lumps):
    rendered = render(lumps, OneStep(snr=None, stages=(WhiteNoise(deviation=3.0),)), seed=0)
    noise = rendered.tomogram.data - rendered.signal.data
    assert noise.std() == pytest.approx(3.0, rel=0.01)


def test_a_wedge_may_be_left_out(lumps):
    none, all_tilts = (
        one_step(lumps, wedge=wedge, seed=1).data
        for wedge in (None, MissingWedge(tilt_max_deg=90.0))
    )
    np.testing.assert_allclose(none, all_tilts, atol=1e-5 * np.abs(none).max())
    assert to_table(OneStep(wedge=None))["wedge"] is False


def test_halves_share_no_noise_and_their_mean_is_the_tomogram(lumps):
    """Each has twice the variance of noise that the tomogram has, which is the one without them."""
    rendered = render(lumps, OneStep(snr=0.5, halves="dose"), seed=3)
    whole, (one, two) = rendered.tomogram.data, (half.data for half in rendered.halves)
    np.testing.assert_array_equal(whole, one_step(lumps, snr=0.5, seed=3).data)
    np.testing.assert_allclose((one + two) / 2, whole, atol=1e-5 * np.abs(whole).max())
    noises = [half - rendered.signal.data for half in (one, two)]
    assert abs(np.corrcoef(*(noise.ravel() for noise in noises))[0, 1]) < 0.03
    ratio = [noise.var() / (whole - rendered.signal.data).var() for noise in noises]
    np.testing.assert_allclose(ratio, 2, rtol=0.1)
    with pytest.raises(ValueError, match="halves: means nothing without noise"):
        OneStep(snr=None, halves="dose")
