from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from openmm_cgpack.imaging import (
    ContrastTransfer,
    Envelope,
    FourierFilter,
    MissingWedge,
    Stage,
    WhiteNoise,
)
from openmm_cgpack.imaging.stages import run_stages
from openmm_cgpack.testing import check_stage

from .conftest import exposure

TOLD = exposure()

STAGES = (
    ContrastTransfer(defocus_um=3.0),
    Envelope(cutoff=0.4),
    MissingWedge(tilt_max_deg=55.0),
    WhiteNoise(deviation=2.0),
)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: type(stage).__name__)
class TestEveryStage:
    """The contract of a stage."""

    def test_keeps_its_contract(self, stage):
        assert isinstance(stage, Stage)
        check_stage(stage)

    def test_is_frozen(self, stage):
        with pytest.raises(FrozenInstanceError):
            stage.anything = 1.0

    def test_is_linear_without_noise(self, stage, lumps):
        rng = np.random.default_rng(1)
        other = rng.standard_normal(lumps.data.shape, dtype=np.float32) * 300
        sum_first = stage(2 * lumps.data - 3 * other, TOLD)
        stage_first = 2 * stage(lumps.data, TOLD) - 3 * stage(other, TOLD)
        np.testing.assert_allclose(sum_first, stage_first, atol=5e-6 * np.abs(lumps.data).max() * 5)

    def test_draws_from_its_generator_only(self, stage, lumps):
        first, second = (stage(lumps.data, TOLD, np.random.default_rng(5)) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_is_the_same_everywhere(self, stage, lumps):
        moved = np.roll(lumps.data, (5, -7, 11), axis=(0, 1, 2))
        np.testing.assert_allclose(
            stage(moved, TOLD),
            np.roll(stage(lumps.data, TOLD), (5, -7, 11), axis=(0, 1, 2)),
            atol=2e-6 * np.abs(lumps.data).max(),
        )


def radial_power(data: np.ndarray, voxel_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Return shell radii (1/nm) and mean power in shells one frequency step wide."""
    n = data.shape[0]
    f = np.fft.fftfreq(n, voxel_size)
    k = np.sqrt(f[:, None, None] ** 2 + f[None, :, None] ** 2 + f[None, None, :] ** 2)
    shell = np.rint(k * n * voxel_size).astype(int).ravel()
    power = np.abs(np.fft.fftn(data)).ravel() ** 2
    mean = np.bincount(shell, power) / np.bincount(shell)
    return np.arange(len(mean)) / (n * voxel_size), mean


@pytest.mark.parametrize(("defocus", "voxel_size"), [(5.0, 1.0), (3.0, 0.7)])
def test_white_noise_through_the_ctf_has_zeros_where_they_belong(defocus, voxel_size):
    noise = np.random.default_rng(3).standard_normal((96, 96, 96), dtype=np.float32)
    optics = ContrastTransfer(defocus_um=defocus)
    image = optics(noise, exposure(pixel_size=voxel_size))
    k, power = radial_power(image, voxel_size)
    # By hand: without Cs, which moves these zeros by less than 1e-4 of a frequency,
    # lambda z k^2 = n - asin(A) / pi.
    n_zeros = 0
    for n in range(1, 20):
        zero = np.sqrt((n - np.arcsin(0.07) / np.pi) / (0.00196875 * defocus * 1000))
        if zero > 0.5 / voxel_size:
            break
        n_zeros += 1
        near = np.abs(k - zero) < 3.5 * k[1]
        lowest = k[near][np.argmin(power[near])]
        assert abs(lowest - zero) <= 0.75 * k[1]
    assert n_zeros >= 2
    assert power[5:40].max() > 0.9 * noise.size


def test_a_point_becomes_the_ctf():
    dot = np.zeros((40, 32, 36), np.float32)
    dot[0, 0, 0] = 1
    optics, told = ContrastTransfer(defocus_um=4.0), exposure(pixel_size=0.9)
    spectrum = np.fft.rfftn(optics(dot, told))
    for index in [(0, 0, 0), (3, 0, 0), (0, -5, 2), (10, 7, 18), (-4, 15, 9)]:
        k = np.linalg.norm([i / (n * 0.9) for i, n in zip(index, dot.shape, strict=True)])
        value = optics.transfer((np.zeros(1), np.array([k])), told).item()
        assert spectrum[index] == pytest.approx(complex(value), abs=2e-6)


def test_the_envelope_at_its_cutoff():
    # A wave at 0.4 Nyquist (0.2 per voxel) along each axis keeps 1/e of its height.
    for axis in range(3):
        wave = np.cos(2 * np.pi * 0.2 * np.indices((40, 40, 40))[axis]).astype(np.float32)
        image = Envelope(cutoff=0.4)(wave, exposure(pixel_size=1.7))
        np.testing.assert_allclose(image, wave / np.e, atol=1e-6)


def test_neighbouring_filters_in_one_transform_equal_one_by_one(lumps):
    filters = STAGES[:3]
    together = run_stages(lumps.data, TOLD, filters)
    alone = lumps.data
    for stage in filters:
        alone = stage(alone, TOLD)
    np.testing.assert_allclose(together, alone, atol=2e-6 * lumps.data.max())


def test_noise_is_white_and_gaussian():
    size = (64, 64, 64)
    nothing = np.zeros(size, np.float32)
    noise = WhiteNoise(deviation=2.0)(nothing, TOLD, np.random.default_rng(11))
    n = noise.size
    assert abs(noise.mean()) < 5 * 2 / np.sqrt(n)
    assert noise.var() == pytest.approx(4.0, rel=5 * np.sqrt(2 / n))
    assert np.mean((noise / 2) ** 4) == pytest.approx(3.0, rel=0.03)
    for axis in range(3):
        neighbours = np.mean(noise * np.roll(noise, 1, axis)) / 4
        assert abs(neighbours) < 5 / np.sqrt(n)
    _, power = radial_power(noise, 1.0)
    np.testing.assert_allclose(power[6:50], 4.0 * n, rtol=0.15)


def test_noise_without_a_generator_is_none(lumps):
    assert WhiteNoise()(lumps.data, TOLD) is lumps.data


def test_bad_settings():
    with pytest.raises(ValueError, match="cutoff: wanted a number > 0, got 0"):
        Envelope(cutoff=0.0)
    with pytest.raises(ValueError, match="deviation: wanted a number > 0, got -1"):
        WhiteNoise(deviation=-1.0)
    with pytest.raises(TypeError, match="abstract"):
        FourierFilter()
