import itertools
from dataclasses import replace

import numpy as np
import pytest

from openmm_cgpack.imaging import (
    Illumination,
    Microscope,
    OneStep,
    TiltImaging,
    TiltScheme,
    TiltTransfer,
    ctf,
    fourier_shell_correlation,
    in_ice,
    measure_series_snr,
    measure_snr,
    microscope,
    preset,
    reconstruct,
    render,
    simulate_tomogram,
)

from .conftest import as_volume

FEW = TiltScheme(tilt_step=10)


def quick(**changes):
    return replace(TiltImaging(microscope=microscope(scheme=FEW)), **changes)


@pytest.mark.parametrize("snr", [5.0, 0.05])
@pytest.mark.parametrize("definition", ["volume", "projection"])
def test_the_snr_asked_for_is_measured_back(lumps, snr, definition):
    rendered = render(lumps, quick(snr=snr, snr_definition=definition), seed=1)
    if definition == "volume":
        # By hand, beside the library's own measure.
        noise = rendered.tomogram.data.astype(float) - rendered.signal.data
        found = rendered.signal.data.var(dtype=float) / noise.var()
        assert measure_snr(rendered.tomogram, rendered.signal) == pytest.approx(found, rel=1e-4)
    else:
        clean, noisy = (s.images.astype(float) for s in (rendered.series_signal, rendered.series))
        mean = clean.mean(axis=(1, 2), keepdims=True)
        found = (clean / mean).var(axis=(1, 2)).sum() / (
            ((noisy - clean) / mean).var(axis=(1, 2)).sum()
        )
        own = measure_series_snr(rendered.series, rendered.series_signal)
        assert own == pytest.approx(found, rel=1e-4)
    assert found == pytest.approx(snr, rel=0.02)
    assert rendered.snr[definition] == pytest.approx(snr, rel=0.02)


def test_pei2016_by_hand(lumps):
    """White noise put in by hand, half of it before the CTF, with numpy's transforms."""
    scheme, transfer = TiltScheme(tilt_step=6), TiltTransfer(defocus_um=3.0)
    scope = Microscope(scheme=scheme, stages=(transfer, Illumination()), padding=0.0)
    snr = 0.2
    rendered = render(
        lumps, TiltImaging(microscope=scope, snr=snr, snr_definition="pei2016"), seed=1
    )
    clean = rendered.series_signal
    shape = clean.images.shape[1:]
    ky, kx = np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")
    k = np.hypot(ky, kx)
    curve = ctf(k, defocus_um=3.0, cs_mm=2.7, amplitude_contrast=0.07)
    electrons = clean.images.mean(axis=(1, 2), keepdims=True)
    rng = np.random.default_rng(11)

    def volume_variance(share_before, share_after):
        found = []
        for _ in range(6):
            one, two = rng.standard_normal((2, *clean.images.shape))
            before = np.fft.ifft2(np.fft.fft2(one) * curve).real
            noise = np.sqrt(share_before) * before + np.sqrt(share_after) * two
            images = (clean.images + electrons * noise).astype(np.float32)
            noisy = reconstruct(replace(clean, images=images))
            found.append((noisy.data.astype(float) - rendered.signal.data).var())
        return np.mean(found)

    loss, gain = volume_variance(1, 0), volume_variance(0.5, 0.5)
    noise = rendered.tomogram.data.astype(float) - rendered.signal.data
    found = (rendered.signal.data.astype(float).var() / loss) / (noise.var() / gain)
    assert found == pytest.approx(snr, rel=0.02)
    assert rendered.snr["pei2016"] == pytest.approx(snr, rel=0.02)
    # The definitions are not the same number.
    assert abs(rendered.snr["volume"] / snr - 1) > 0.2


@pytest.mark.parametrize("halves", [None, "dose"])
def test_pei2016_is_measured_back_with_damage_camera_and_gradient(lumps, halves):
    imaging = quick(snr=0.1, snr_definition="pei2016", halves=halves)
    rendered = render(lumps, imaging, seed=1)
    gains = imaging.gains(lumps, seed=5)
    found = measure_snr(rendered.tomogram, rendered.signal, definition="pei2016", gains=gains)
    assert found == pytest.approx(0.1, rel=0.02)
    again = render(lumps, imaging, seed=1, threads=1)
    assert again.tomogram.data.tobytes() == rendered.tomogram.data.tobytes()
    for first, second in itertools.pairwise(rendered.halves):
        one, two = (h.data - rendered.signal.data for h in (first, second))
        assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.05


def test_pei2016_needs_a_ctf(lumps):
    scope = Microscope(scheme=FEW, stages=(Illumination(),))
    with pytest.raises(ValueError, match="stages: wanted a TiltTransfer"):
        render(lumps, TiltImaging(microscope=scope, snr=1, snr_definition="pei2016"), seed=0)


@pytest.mark.parametrize("halves", ["tilts", "dose"])
@pytest.mark.parametrize("snr", [None, 0.1])
def test_halves_share_no_noise(halves, snr):
    rng = np.random.default_rng(0)
    volume = as_volume((rng.random((24, 96, 96)) > 0.999) * 500.0)
    imaging = quick(halves=halves, snr=snr, microscope=microscope(scheme=FEW, ice_grain=0.0))
    both = render(volume, imaging, seed=1)
    silent = render(volume, replace(imaging, noise=False, halves=None, snr=None), seed=1)
    np.testing.assert_allclose(silent.tomogram.data, both.signal.data, atol=1e-6)
    first, second = both.halves
    noise = (
        replace(first, data=first.data - both.signal.data),
        replace(second, data=second.data - both.signal.data),
    )
    frequency, shared = fourier_shell_correlation(*noise, width=0.05)
    # Some thousand frequencies a shell, smeared over each other by 13 tilts only.
    assert np.abs(shared[frequency > 0.3]).max() < 0.1
    alone = fourier_shell_correlation(noise[0], noise[0], width=0.05)[1]
    np.testing.assert_allclose(alone, 1.0, rtol=1e-6)


def test_dose_halves_add_up_to_the_series(lumps):
    whole = render(lumps, quick(halves="dose"), seed=1)
    assert whole.series.dose_e_per_a2.sum() == pytest.approx(120)
    mean = (whole.halves[0].data + whole.halves[1].data) / 2
    assert np.corrcoef(mean.ravel(), whole.tomogram.data.ravel())[0, 1] > 0.999


def test_more_dose_less_noise(lumps):
    found = []
    for dose in (30.0, 120.0, 480.0):
        scheme = TiltScheme(tilt_step=10, total_dose_e_per_a2=dose)
        imaging = TiltImaging(microscope=microscope(scheme=scheme, damage=False, ice_grain=0.0))
        found.append(render(lumps, imaging, seed=1).snr["projection"])
    # Without damage and grain the ratio goes with the dose.
    np.testing.assert_allclose(np.array(found) / found[0], [1, 4, 16], rtol=0.05)


def test_paper_is_the_one_step_model(lumps):
    rendered = render(lumps, "paper", seed=4)
    expected = simulate_tomogram(lumps, snr=200.0, seed=4)
    assert rendered.tomogram.data.tobytes() == expected.data.tobytes()
    assert rendered.series is None
    assert rendered.snr["volume"] == pytest.approx(200, rel=1e-3)
    same = render(in_ice(lumps), OneStep(snr=None), seed=4)
    likeness = np.corrcoef(same.signal.data.ravel(), rendered.signal.data.ravel())[0, 1]
    assert likeness > 0.9999


def test_clean_is_the_density_turned_dark(lumps):
    rendered = render(lumps, "clean", seed=0)
    likeness = np.corrcoef(rendered.tomogram.data.ravel(), lumps.data.ravel())[0, 1]
    assert likeness < -0.6
    assert rendered.tomogram is rendered.signal


def test_krios_is_dark_noisy_and_repeats(lumps):
    one = render(lumps, "titan_krios_k3", seed=0)
    assert np.corrcoef(one.signal.data.ravel(), lumps.data.ravel())[0, 1] < -0.3
    assert 1e-3 < one.snr["volume"] < 1
    again = render(lumps, preset("titan_krios_k3"), seed=0, threads=1)
    assert one.tomogram.data.tobytes() == again.tomogram.data.tobytes()
    other = render(lumps, "titan_krios_k3", seed=1)
    assert one.tomogram.data.tobytes() != other.tomogram.data.tobytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: preset("glacios"), "preset: wanted one of paper, titan_krios_k3, clean, got"),
        (lambda: TiltImaging(snr=0), "snr: wanted a positive number, got 0"),
        (
            lambda: TiltImaging(snr_definition="pei"),
            "snr_definition: wanted one of volume, projection, pei2016, got 'pei'",
        ),
        (lambda: TiltImaging(halves="frames"), "halves: wanted None, 'tilts' or 'dose'"),
        (lambda: TiltImaging(noise=False, snr=1), "noise: wanted True where an snr or halves"),
        (
            lambda: render(as_volume(np.zeros((8, 16, 16))), quick(snr=1.0), seed=0),
            "snr: wanted stages that make noise and a density that varies",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
