"""Contract tests, for those who add parts of their own.

Each function raises AssertionError where the part does not keep the contract, and is used in a
test of one line: ``check_stage(MyStage())``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from .core.settings import family_of
from .core.tables import from_table, to_table
from .imaging.stages import ACTS_ON, Exposure, FourierFilter, Stage


def check_stage(stage: Stage, *, exposure: Exposure | None = None) -> None:
    """Check a stage of image formation: see `openmm_cgpack.imaging.Stage`.

    It is a frozen value, which goes to a table and back; it returns a float32 image of the same
    shape, of finite numbers; it leaves its input as it was; without a generator it is silent, and
    says the same twice; with one it repeats for the same seed. A `FourierFilter` is linear, and
    moves with the image where that has no mirrored frame.

    Parameters
    ----------
    stage : Stage
        The stage; it is tried on images and volumes, as its `dimensions` say.
    exposure : Exposure, optional
        What it is told about the image.

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
    _require(stage.acts_on in ACTS_ON, f"acts_on: wanted one of {', '.join(ACTS_ON)}")
    if stage.kind:
        again = from_table(family_of(type(stage)), to_table(stage))
        _require(again == stage, f"from its table comes {again}")
    told = exposure or Exposure(
        angle=0.5,
        pixel_size=1.5,
        voltage_kv=300.0,
        dose_e_per_a2=3.0,
        pre_dose_e_per_a2=20.0,
        path=120.0,
    )

    def run(values: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        given = values.copy()
        result = stage(given, told, rng)
        _require(isinstance(result, np.ndarray), "wanted an array back")
        _require(result.shape == values.shape, f"the shape has become {result.shape}")
        _require(result.dtype == np.float32, f"wanted float32 back, got {result.dtype}")
        _require(np.array_equal(given, values), "the input has been written to")
        return result

    for dimension in stage.dimensions:
        data = np.random.default_rng(0).random((12, 14, 17)[-dimension:], dtype=np.float32)
        _check_noise(run, data)
        if isinstance(stage, FourierFilter) and not told.padding:
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
