import itertools
from dataclasses import replace

import numpy as np
import pytest

from openmm_cgpack.core.settings import kind
from openmm_cgpack.core.tables import from_table, to_table
from openmm_cgpack.imaging import (
    IDEAL_MICROSCOPE,
    PRESETS,
    Carbon,
    ContrastTransfer,
    Envelope,
    Gold,
    Ice,
    Illumination,
    Imaging,
    Microscope,
    OneStep,
    Projection,
    Reconstruction,
    Rendered,
    TiltErrors,
    TiltImaging,
    TiltScheme,
    acquire,
    fourier_shell_correlation,
    measure_series_snr,
    measure_snr,
    preset,
    reconstruct,
    render,
)
from openmm_cgpack.imaging.optics import ctf

from .conftest import as_volume, smooth

FEW = TiltScheme(tilt_step_deg=10)
SMOOTH = Ice(grain=0.0, cover=0.0)


def quick(**changes):
    return replace(TiltImaging(microscope=Microscope(scheme=FEW)), **changes)


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
    scope = Microscope(
        scheme=TiltScheme(tilt_step_deg=6),
        projection=Projection(gradient="none"),
        damage=None,
        motion=None,
        transfer=ContrastTransfer(defocus_um=3.0),
        illumination=Illumination(plural_scattering=False),
        detector=None,
        errors=TiltErrors(),
        padding=0.0,
    )
    snr = 0.2
    rendered = render(
        lumps, TiltImaging(microscope=scope, snr=snr, snr_definition="pei2016"), seed=1
    )
    clean = rendered.series_signal
    shape = clean.images.shape[1:]
    ky, kx = np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")
    k = np.hypot(ky, kx)
    curve = ctf(
        (k,),
        defocus_um=(3.0, 3.0),
        astigmatism_angle=0.0,
        phase_shift=0.0,
        voltage_kv=300.0,
        cs_mm=2.7,
        amplitude_contrast=0.07,
    )
    electrons = clean.images.mean(axis=(1, 2), keepdims=True)
    rng = np.random.default_rng(11)

    def volume_variance(share_before, share_after):
        found = []
        for _ in range(6):
            one, two = rng.standard_normal((2, *clean.images.shape))
            before = np.fft.ifft2(np.fft.fft2(one) * curve).real
            noise = np.sqrt(share_before) * before + np.sqrt(share_after) * two
            images = (clean.images + electrons * noise).astype(np.float32)
            noisy = reconstruct(replace(clean, images=images), Reconstruction())
            found.append((noisy.data.astype(float) - rendered.signal.data).var())
        return np.mean(found)

    loss, gain = volume_variance(1, 0), volume_variance(0.5, 0.5)
    noise = rendered.tomogram.data.astype(float) - rendered.signal.data
    found = (rendered.signal.data.astype(float).var() / loss) / (noise.var() / gain)
    assert found == pytest.approx(snr, rel=0.02)
    assert rendered.snr["pei2016"] == pytest.approx(snr, rel=0.02)
    # The definitions are not the same number.
    assert abs(rendered.snr["volume"] / snr - 1) > 0.2


@pytest.mark.parametrize("halves", ["none", "dose"])
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


@pytest.mark.parametrize("halves", ["tilts", "dose"])
@pytest.mark.parametrize("snr", [None, 0.1])
def test_halves_share_no_noise(halves, snr):
    rng = np.random.default_rng(0)
    volume = as_volume((rng.random((24, 96, 96)) > 0.999) * 500.0)
    imaging = quick(halves=halves, snr=snr, ice=SMOOTH)
    both = render(volume, imaging, seed=1)
    series = acquire(smooth(volume), imaging.microscope, noise=False, seed=1)
    silent = reconstruct(series, imaging.reconstruction)
    np.testing.assert_allclose(silent.data, both.signal.data, atol=1e-6)
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
        scheme = TiltScheme(tilt_step_deg=10, total_dose_e_per_a2=dose)
        imaging = TiltImaging(ice=SMOOTH, microscope=Microscope(scheme=scheme, damage=None))
        found.append(render(lumps, imaging, seed=1).snr["projection"])
    # Without damage and grain the ratio goes with the dose.
    np.testing.assert_allclose(np.array(found) / found[0], [1, 4, 16], rtol=0.05)


def test_paper_is_the_one_step_model(lumps):
    rendered = render(lumps, "paper", seed=4)
    assert rendered.imaging == OneStep()
    assert rendered.series is None
    assert rendered.snr["volume"] == pytest.approx(200, rel=1e-3)
    same = render(smooth(lumps), OneStep(snr=None), seed=4)
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


def test_defaults_of_the_class_are_a_working_microscope(lumps):
    assert TiltImaging() == preset("titan_krios_k3")
    rendered = render(lumps, TiltImaging(), seed=0)
    assert np.isfinite(list(rendered.snr.values())).all()
    assert rendered.tomogram.data.std() > 0


def test_gold_and_carbon_come_with_their_masks(lumps):
    imaging = quick(gold=Gold(count=3, diameter=6.0), carbon=Carbon(edge=10.0, thickness=5.0))
    rendered = render(lumps, imaging, seed=1)
    assert sorted(rendered.additions) == ["carbon", "gold"]
    assert set(np.unique(rendered.additions["gold"].data)) == {0, 1, 2, 3}
    gold = rendered.additions["gold"].data > 0
    assert (
        rendered.signal.data[gold].mean() < rendered.signal.data.mean() - rendered.signal.data.std()
    )
    other = render(lumps, imaging, seed=2)
    assert (other.additions["gold"].data != rendered.additions["gold"].data).any()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_go_to_a_table_and_back(name):
    table = to_table(preset(name))
    assert from_table(Imaging, table) == preset(name)


def test_a_table_changes_only_what_it_names():
    table = {"kind": "tilt_series", "snr": 0.1, "microscope": {"transfer": {"defocus_um": 3}}}
    made = from_table(Imaging, table)
    assert made.microscope.transfer == ContrastTransfer(defocus_um=3)
    assert replace(made, snr=None, microscope=Microscope()) == TiltImaging()
    assert from_table(Imaging, {"kind": "one_step", "transfer": {"defocus_um": 3}}) == OneStep(
        transfer=ContrastTransfer(defocus_um=3, cs_mm=2.0)
    )


class Flat(Imaging):
    """An imaging of one's own, which loses the signal."""

    def __call__(self, specimen, *, seed, threads=None, progress=False):
        nothing = replace(specimen, data=np.full(specimen.data.shape, 0.1, np.float32))
        return Rendered(imaging=self, tomogram=nothing, signal=nothing)


def test_a_tomogram_without_signal_is_an_error_wherever_it_arises(lumps):
    with pytest.raises(ValueError, match="signal: wanted a tomogram that varies"):
        render(lumps, Flat(), seed=0)
    for imaging in (TiltImaging(), preset("clean"), quick(snr=1.0)):
        with pytest.raises(ValueError, match="density: wanted one that varies"):
            render(as_volume(np.zeros((8, 16, 16))), imaging, seed=0)
    blind = ContrastTransfer(defocus_um=0.0, cs_mm=0.0, amplitude_contrast=0.0)
    nothing = replace(IDEAL_MICROSCOPE, scheme=FEW, transfer=blind)
    with pytest.raises(ValueError, match="signal: wanted a tomogram that varies"):
        render(lumps, TiltImaging(ice=SMOOTH, microscope=nothing), seed=0)


def test_a_specimen_has_its_own_ice(lumps):
    thick = render(smooth(lumps, thickness=200.0), quick(), seed=0)
    thin = render(smooth(lumps), quick(), seed=0)
    assert thick.series_signal.images.mean() < 0.7 * thin.series_signal.images.mean()
    with pytest.raises(ValueError, match="ice, gold, carbon: mean nothing for a specimen"):
        render(smooth(lumps), quick(ice=Ice(grain=0.5)), seed=0)
    clean, own = (render(given, "clean", seed=0).tomogram.data for given in (lumps, smooth(lumps)))
    np.testing.assert_array_equal(clean, own)


def test_stages_that_make_no_noise_leave_no_ratio(lumps):
    scope = replace(IDEAL_MICROSCOPE, scheme=FEW, stages=(Envelope(),))
    rendered = render(lumps, TiltImaging(ice=SMOOTH, microscope=scope), seed=0)
    assert rendered.snr == {}
    assert render(lumps, OneStep(snr=None, stages=(Envelope(),)), seed=0).snr == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: preset("glacios"), "preset: wanted one of paper, titan_krios_k3, clean, got"),
        (lambda: TiltImaging(snr=0), "snr: wanted a number > 0, got 0"),
        (
            lambda: TiltImaging(snr_definition="pei"),
            'snr_definition: wanted "volume" or "projection" or "pei2016", got "pei"',
        ),
        (lambda: TiltImaging(halves="frames"), 'halves: wanted "none" or "tilts" or "dose"'),
        (
            lambda: replace(preset("clean"), snr=1),
            "snr: means nothing where nothing makes noise",
        ),
        (
            lambda: TiltImaging(ice=Ice(thickness=8), gold=Gold(count=1)),
            "gold: diameter: wanted at most the ice's thickness, 8 nm, got 10",
        ),
        (lambda: replace(preset("clean"), halves="dose"), "halves: means nothing where nothing"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_family_has_its_kinds():
    assert {"one_step", "tilt_series"} <= set(Imaging.kinds)
    with pytest.raises(ValueError, match=r"is openmm_cgpack\.imaging\.one_step\.OneStep already"):
        kind("one_step")(Flat)
