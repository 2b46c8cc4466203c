import numpy as np
import pytest
from openmm_cgpack.imaging.noise import variance, white_gain

from openmm_cgpack.imaging import (
    ContrastTransfer,
    GaussianNoise,
    MissingWedge,
    measure_snr,
    one_step_stages,
    render_tomogram,
    sampled_by_tilts,
    simulate_tomogram,
    wedge_mask,
)

from .conftest import as_volume


@pytest.mark.parametrize("snr", [1000.0, 200.0, 0.05])
@pytest.mark.parametrize("definition", ["volume", "projection", "pei2016"])
@pytest.mark.parametrize("envelope", [None, 0.4])
def test_the_snr_asked_for_is_measured_back(lumps, snr, definition, envelope):
    options = {"envelope": envelope, "snr_definition": definition, "seed": 3}
    clean = simulate_tomogram(lumps, snr=None, **options)
    tomogram = simulate_tomogram(lumps, snr=snr, **options)
    stages = one_step_stages(envelope=envelope)
    measured = measure_snr(tomogram, clean, definition=definition, stages=stages)
    assert measured == pytest.approx(snr, rel=1e-4)


def test_the_volume_snr_is_a_plain_ratio_of_variances(lumps):
    clean = simulate_tomogram(lumps, snr=None, seed=3).data.astype(np.float64)
    tomogram = simulate_tomogram(lumps, snr=0.05, seed=3).data
    assert clean.var() / (tomogram - clean).var() == pytest.approx(0.05, rel=1e-4)


def test_pei2016_by_hand(lumps):
    # Put the noise in by hand with numpy: its variance is the signal's over the loss, over SNR.
    optics, snr = ContrastTransfer(), 0.5
    shape = lumps.data.shape
    kz, ky, kx = np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")
    c = optics.transfer(kz, ky, kx, 1.0)
    w = sampled_by_tilts(kz, kx, 60.0)
    signal = np.fft.ifftn(np.fft.fftn(lumps.data) * c * w).real
    put_in = signal.var() / np.mean((c * w) ** 2) / snr
    left = []
    rng = np.random.default_rng(2)
    for _ in range(4):
        before, after = rng.standard_normal((2, *shape)) * np.sqrt(put_in / 2)
        spectrum = (np.fft.fftn(before) * c + np.fft.fftn(after)) * w
        left.append(np.fft.ifftn(spectrum).real.var())
    options = {"snr_definition": "pei2016", "padding": 0.0, "seed": 3}
    clean = simulate_tomogram(lumps, snr=None, **options).data
    noise = simulate_tomogram(lumps, snr=snr, **options).data - clean
    np.testing.assert_allclose(clean, signal, atol=1e-5 * np.abs(signal).max())
    assert noise.var() == pytest.approx(np.mean(left), rel=0.01)


def test_pei2016_against_the_ratio_in_the_finished_volume():
    # With a wedge of 30 degrees the CTF at 5 µm leaves 0.36 of white noise, and 0.54 of the noise
    # put in is left: the finished ratio is 0.36 / 0.54 of the number asked for.
    volume = as_volume(np.random.default_rng(0).random((64, 64, 64), dtype=np.float32))
    stages = one_step_stages()
    assert white_gain(volume, stages) == pytest.approx(0.360, abs=0.005)
    assert white_gain(volume, stages[3:]) == pytest.approx(0.711, abs=0.005)
    options = {"snr_definition": "pei2016", "seed": 3}
    clean = simulate_tomogram(volume, snr=None, **options)
    tomogram = simulate_tomogram(volume, snr=100.0, **options)
    assert measure_snr(tomogram, clean) == pytest.approx(67.3, abs=1.0)


def test_a_sphere_is_dark_on_brighter_ground():
    z, y, x = np.indices((48, 48, 48)) - 24
    r = np.sqrt(z**2 + y**2 + x**2)
    density = as_volume((r < 5).astype(np.float32) * 800)
    clean = simulate_tomogram(density, snr=None, seed=0).data
    assert clean[r < 4].mean() < clean[(r > 14) & (r < 20)].mean()
    assert clean[24, 24, 24] < clean.mean() - 3 * clean.std()


def test_nothing_is_left_in_the_missing_wedge_of_a_noisy_tomogram(lumps):
    tomogram = simulate_tomogram(lumps, snr=0.05, padding=0.0, seed=1)
    power = np.abs(np.fft.rfftn(tomogram.data.astype(np.float64))) ** 2
    missing = np.broadcast_to(~wedge_mask(lumps.data.shape, 60.0), power.shape)
    assert power[missing].mean() < 1e-9 * power[~missing].mean()


def test_the_size_of_the_density_does_not_matter_to_the_picture(lumps):
    small = as_volume(lumps.data / 1000)
    first = simulate_tomogram(lumps, snr=0.1, seed=4).data
    second = simulate_tomogram(small, snr=0.1, seed=4).data * 1000
    np.testing.assert_allclose(first, second, atol=1e-5 * np.abs(first).max())


def test_same_seed_same_bytes_and_another_seed_others(lumps):
    first, again, other = (
        simulate_tomogram(lumps, snr=0.1, seed=s).data for s in (4, np.random.SeedSequence(4), 5)
    )
    np.testing.assert_array_equal(first, again)
    clean = simulate_tomogram(lumps, snr=None, seed=4).data
    assert abs(np.corrcoef((first - clean).ravel(), (other - clean).ravel())[0, 1]) < 0.05


def test_the_number_of_threads_changes_no_byte(lumps):
    first, second = (simulate_tomogram(lumps, snr=0.1, threads=n, seed=4).data for n in (1, 2))
    np.testing.assert_array_equal(first, second)


def test_the_frame_keeps_one_side_from_the_other():
    # A lump at the far end in x must not show at the near end.
    data = np.zeros((40, 40, 96), np.float32)
    data[18:22, 18:22, 92:] = 1
    far = [
        np.abs(
            np.diff(simulate_tomogram(as_volume(data), snr=None, padding=p, seed=0).data[20, 20])
        )
        for p in (0.0, 16.0)
    ]
    assert far[0][:8].max() > 20 * far[1][:8].max()


def test_the_grid_stays(lumps):
    tomogram = simulate_tomogram(lumps, snr=0.1, seed=4)
    assert tomogram.data.shape == lumps.data.shape
    assert tomogram.data.dtype == np.float32
    assert tomogram.voxel_size == lumps.voxel_size
    np.testing.assert_array_equal(tomogram.origin, lumps.origin)


def test_variance_of_a_large_offset():
    data = np.random.default_rng(0).standard_normal((20, 30, 40)).astype(np.float32) + 1000
    assert variance(data) == pytest.approx(data.astype(np.float64).var(), rel=1e-10)
    assert variance(data, data) == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"snr": 0.0}, "snr: wanted a positive number, got 0"),
        ({"snr": -1.0}, "snr: wanted a positive number, got -1"),
        ({"snr": np.nan}, "snr: wanted a positive number, got nan"),
        ({"tilt_max": 0.0}, "tilt_max: wanted degrees over 0 and up to 90, got 0"),
        ({"tilt_max": 91.0}, "tilt_max: wanted degrees over 0 and up to 90, got 91"),
        ({"defocus_um": -5.0}, "defocus_um: wanted underfocus as a number >= 0, got -5"),
        ({"voltage_kv": -300.0}, "voltage_kv: wanted a positive number, got -300"),
        ({"cs_mm": -2.0}, "cs_mm: wanted a number >= 0, got -2"),
        ({"amplitude_contrast": 2.0}, "amplitude_contrast: wanted a number from 0 to below 1"),
        ({"envelope": -0.4}, "envelope: wanted a positive number, got -0.4"),
        ({"threads": 0}, "threads: wanted 1 or more, got 0"),
        ({"padding": -1.0}, "padding: wanted a number >= 0, got -1"),
        (
            {"snr_definition": "pei"},
            "snr_definition: wanted one of volume, projection, pei2016, got 'pei'",
        ),
    ],
)
def test_bad_arguments(lumps, change, message):
    with pytest.raises(ValueError, match=message) as error:
        simulate_tomogram(lumps, **({"snr": 1.0, "seed": 0} | change))
    assert "\n" not in str(error.value)


def test_a_constant_density_has_no_snr():
    with pytest.raises(ValueError, match="volume: wanted a density that varies"):
        simulate_tomogram(as_volume(np.zeros((8, 8, 8))), snr=1.0, seed=0)


def test_stages_without_noise_have_no_snr(lumps):
    with pytest.raises(ValueError, match="stages: wanted stages that make noise"):
        render_tomogram(lumps, stages=(MissingWedge(),), snr=1.0, seed=0)
    with pytest.raises(ValueError, match="stages: wanted at least one GaussianNoise"):
        measure_snr(lumps, as_volume(lumps.data + 1), definition="pei2016")


def test_other_stages_take_their_place(lumps):
    stages = (ContrastTransfer(defocus_um=2.0), GaussianNoise())
    clean = render_tomogram(lumps, stages=stages, snr=None, seed=0)
    tomogram = render_tomogram(lumps, stages=stages, snr=2.0, seed=0)
    assert measure_snr(tomogram, clean) == pytest.approx(2.0, rel=1e-4)
