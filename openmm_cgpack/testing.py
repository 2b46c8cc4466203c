"""Contract tests, for those who add parts of their own.

Each function raises AssertionError where the part does not keep the contract, and is used in a
test of one line: ``check_tilt_stage(MyStage())``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from .core.volume import Volume
from .imaging.stages import FourierFilter, Stage
from .imaging.tilt_stages import Tilt, TiltFilter, TiltStage


def check_stage(stage: Stage, *, shape: tuple[int, int, int] = (12, 14, 17)) -> None:
    """Check a stage of the one-step model: see `openmm_cgpack.imaging.Stage`.

    It is a frozen value; it returns a float32 volume on the same grid, of finite numbers; it leaves
    its input as it was; without a generator it is silent, and says the same twice; with one it
    repeats for the same seed. A `FourierFilter` is linear and moves with the volume.

    Parameters
    ----------
    stage : Stage
        The stage.
    shape : tuple of int, optional
        Voxels of the volume that it is tried on.

    Raises
    ------
    AssertionError
        The stage does not keep the contract.

    Examples
    --------
    >>> from openmm_cgpack.imaging import Envelope
    >>> check_stage(Envelope(cutoff=0.4))
    """
    _check_frozen(stage)
    data = np.random.default_rng(0).random(shape, dtype=np.float32)
    volume = Volume(data=data, voxel_size=1.5, origin=np.array([1.0, 2.0, 3.0]))

    def run(values: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        given = dataclasses.replace(volume, data=values)
        before = given.data.copy()
        result = stage(given, rng)
        _require(isinstance(result, Volume), f"wanted a Volume back, got {type(result).__name__}")
        same = result.grid.shape == shape and result.voxel_size == volume.voxel_size
        _require(same and np.array_equal(result.origin, volume.origin), "the grid has changed")
        _require(np.array_equal(given.data, before), "the input has been written to")
        return result.data

    _check_noise(run, data)
    if isinstance(stage, FourierFilter):
        _check_filter(run, data)


def check_tilt_stage(stage: TiltStage, *, tilt: Tilt | None = None) -> None:
    """Check a stage of tilt images: see `openmm_cgpack.imaging.TiltStage`.

    As `check_stage`, for (y, x) images. A `TiltFilter` is tried without the mirrored frame, so that
    moving the image round must move the result.

    Parameters
    ----------
    stage : TiltStage
        The stage.
    tilt : Tilt, optional
        What it is told about the image.

    Raises
    ------
    AssertionError
        The stage does not keep the contract.

    Examples
    --------
    >>> from openmm_cgpack.imaging import Displacement
    >>> check_tilt_stage(Displacement())
    """
    _check_frozen(stage)
    told = tilt or Tilt(
        angle=0.5, pixel_size=1.5, dose_e_per_a2=3.0, pre_dose_e_per_a2=20.0, path=120.0
    )
    data = np.random.default_rng(0).random((14, 17), dtype=np.float32)

    def run(values: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        given = values.copy()
        result = stage(given, told, rng)
        _require(isinstance(result, np.ndarray), "wanted an array back")
        _require(result.shape == values.shape, f"the shape has become {result.shape}")
        _require(result.dtype == np.float32, f"wanted float32 back, got {result.dtype}")
        _require(np.array_equal(given, values), "the input has been written to")
        return result

    _check_noise(run, data)
    if isinstance(stage, TiltFilter):
        told = dataclasses.replace(told, padding=0.0)
        _check_filter(run, data)


def _check_frozen(stage: Any) -> None:
    params = getattr(type(stage), "__dataclass_params__", None)
    _require(params is not None and params.frozen, "wanted a frozen dataclass")
    twin = dataclasses.replace(stage)
    _require(twin == stage, "a copy of it is not equal to it")


Run = Callable[[np.ndarray, np.random.Generator | None], np.ndarray]


def _check_noise(run: Run, data: np.ndarray) -> None:
    silent = run(data, None)
    _require(bool(np.isfinite(silent).all()), "not all numbers are finite")
    _require(np.array_equal(silent, run(data, None)), "without a generator it varies")
    noisy = [run(data, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    _require(np.array_equal(noisy[0], noisy[1]), "the same seed does not repeat")
    draws = not np.array_equal(noisy[0], noisy[2])
    quiet = np.array_equal(noisy[0], silent)
    _require(draws or quiet, "with a generator it differs, and yet does not draw from it")


def _check_filter(run: Run, data: np.ndarray) -> None:
    first, second = data, np.roll(data[::-1], 3, axis=-1)
    alone = run(first, None)
    mixed = run(2 * first - second, None)
    scale = float(np.abs(alone).max()) + float(np.abs(mixed).max()) + 1e-30
    apart = 2 * alone - run(second, None)
    _require(np.allclose(mixed, apart, atol=1e-4 * scale), "it is not linear")
    moved = run(np.roll(first, (3, 5), axis=(-2, -1)), None)
    there = np.roll(alone, (3, 5), axis=(-2, -1))
    _require(np.allclose(moved, there, atol=1e-4 * scale), "it does not move with its input")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
