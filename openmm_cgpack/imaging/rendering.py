"""What every way from a density to a tomogram takes and gives back."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np

from ..core.arrays import noun
from ..core.settings import Settings
from ..core.tilts import TiltSeries
from ..core.volume import LabelVolume, Volume
from .specimen import Specimen

_ROUNDING = 1e-6

OF_A_VOXEL = 2.5e-7
"""Processor time of a voxel of `OneStep`, s, of a slab of 60 million."""


class Imaging(Settings, ABC, family=True):
    """A way to make a tomogram from a density: settings that are called.

    A way of one's own is a subclass with ``__call__``, registered by
    `openmm_cgpack.core.settings.kind`.

    Examples
    --------
    >>> from openmm_cgpack.core.tables import from_table
    >>> from openmm_cgpack.imaging import OneStep
    >>> from_table(Imaging, {"kind": "one_step", "snr": 0.1}) == OneStep(snr=0.1)
    True
    """

    @abstractmethod
    def __call__(
        self,
        specimen: Volume | Specimen,
        *,
        seed: int | np.random.SeedSequence,
        threads: int | None = None,
        progress: bool = True,
    ) -> Rendered:
        """Return what it makes of a density, Da/nm³, or of a specimen: see `render`."""

    def takes(self, shape: Sequence[float], voxel_size: float) -> tuple[float, float]:
        """Return the bytes of memory and of files that it takes, about, on a grid.

        Parameters
        ----------
        shape : three numbers
            Of the density, (z, y, x).
        voxel_size : float
            Edge of a voxel, nm.
        """
        voxels = math.prod(shape)
        return 24 * voxels, 4 * voxels

    def seconds(self, shape: Sequence[float], voxel_size: float) -> float:
        """Return about how long it takes on one core of a CPU, s; arguments as of `takes`."""
        return OF_A_VOXEL * math.prod(shape)


@noun
class Rendered:
    """What image formation makes of a density.

    Parameters
    ----------
    imaging : Imaging
        How it was made.
    tomogram : Volume
        The tomogram.
    signal : Volume
        The tomogram without noise.
    series : TiltSeries, optional
        The tilt series; the one-step model has none.
    series_signal : TiltSeries, optional
        The tilt series without noise.
    halves : tuple of Volume
        Two tomograms that share no noise, where they were asked for.
    additions : mapping
        ``"gold"`` and ``"carbon"``, where the specimen was given them: their masks.
    snr : mapping
        The signal-to-noise ratio by each definition that applies, as measured; empty where there
        is no noise.
    """

    imaging: Imaging
    tomogram: Volume
    signal: Volume
    series: TiltSeries | None = None
    series_signal: TiltSeries | None = None
    halves: tuple[Volume, ...] = ()
    additions: Mapping[str, LabelVolume] = field(default_factory=dict)
    snr: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = {name: ratio for name, ratio in self.snr.items() if np.isfinite(ratio)}
        object.__setattr__(self, "snr", found)
        check_signal(self.signal.data)


def check_varies(density: Volume) -> None:
    """Raise ValueError where a density is constant, of which no tomogram has a signal."""
    if density.data.min() == density.data.max():
        raise ValueError("density: wanted one that varies, got a constant one")


def check_signal(data: np.ndarray) -> None:
    """Raise ValueError where a tomogram without noise is constant up to rounding."""
    low, high = float(data.min()), float(data.max())
    if not high - low > _ROUNDING * max(abs(low), abs(high)):
        raise ValueError("signal: wanted a tomogram that varies, got a constant one")
