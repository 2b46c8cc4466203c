"""One entry from a density to a tomogram, by a named preset or settings of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..core.tilts import TiltSeries
from ..core.volume import Grid, Volume
from .noise import measure_snr
from .reconstruction import reconstruct
from .specimen import Specimen
from .tomogram import simulate_tomogram


@dataclass(frozen=True, kw_only=True, eq=False)
class Rendered:
    """What image formation makes of a density.

    Parameters
    ----------
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
    snr : dict
        The signal-to-noise ratio by each definition that applies, as measured.
    """

    tomogram: Volume
    signal: Volume
    series: TiltSeries | None = None
    series_signal: TiltSeries | None = None
    halves: tuple[Volume, ...] = ()
    snr: dict[str, float] = field(default_factory=dict)


class Imaging(Protocol):
    """A way to make a tomogram from a density: anything that is called like this."""

    def __call__(
        self,
        specimen: Volume | Specimen,
        *,
        seed: int | np.random.SeedSequence,
        threads: int | None,
        progress: bool,
    ) -> Rendered:
        """Return what it makes of a density, Da/nm³, or of a specimen."""
        ...


@dataclass(frozen=True, kw_only=True)
class OneStep:
    """The one-step model of the paper's lineage: see `simulate_tomogram`.

    Parameters
    ----------
    snr, tilt_max, defocus_um, voltage_kv, cs_mm, amplitude_contrast, envelope, snr_definition
        As for `simulate_tomogram`.
    """

    snr: float | None = 200.0
    snr_definition: str = "volume"
    tilt_max: float = 60.0
    defocus_um: float = 5.0
    voltage_kv: float = 300.0
    cs_mm: float = 2.0
    amplitude_contrast: float = 0.07
    envelope: float | None = None

    def __call__(
        self,
        specimen: Volume | Specimen,
        *,
        seed: int | np.random.SeedSequence,
        threads: int | None = None,
        progress: bool = False,
    ) -> Rendered:
        """Return the tomogram; of a `Specimen` its potential is taken, and its ice is smooth."""
        density = specimen.potential if isinstance(specimen, Specimen) else specimen
        settings = dict(vars(self))
        signal = simulate_tomogram(density, **{**settings, "snr": None}, threads=threads, seed=seed)
        if self.snr is None:
            return Rendered(tomogram=signal, signal=signal)
        tomogram = simulate_tomogram(density, **settings, threads=threads, seed=seed)
        return Rendered(tomogram=tomogram, signal=signal, snr=measured(tomogram, signal))


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """How the tomogram is reconstructed: the settings of `reconstruct`, as a value.

    Parameters
    ----------
    method, filter, iterations, ctf, depth_step, align, dark
        As for `reconstruct`.
    """

    method: str = "wbp"
    filter: str = "ramp"
    iterations: int = 20
    ctf: str = "none"
    depth_step: float | None = None
    align: bool = True
    dark: bool = True

    def __call__(
        self,
        series: TiltSeries,
        *,
        grid: Grid | None = None,
        threads: int | None = None,
        progress: bool = False,
    ) -> Volume:
        """Return the tomogram of a tilt series."""
        return reconstruct(series, **vars(self), grid=grid, threads=threads, progress=progress)


def measured(tomogram: Volume, signal: Volume) -> dict[str, float]:
    """Return the signal-to-noise ratio by each definition that needs the volumes alone."""
    names = ("volume", "projection")
    return {name: measure_snr(tomogram, signal, definition=name) for name in names}


def render(
    specimen: Volume | Specimen,
    imaging: str | Imaging = "titan_krios_k3",
    *,
    seed: int | np.random.SeedSequence,
    threads: int | None = None,
    progress: bool = False,
) -> Rendered:
    """Make a tomogram from a density.

    Parameters
    ----------
    specimen : Volume or Specimen
        Density, Da/nm³, or a specimen with ice, gold, carbon of its own.
    imaging : str or Imaging, optional
        Name of a preset (see `preset`), or a `TiltImaging`, a `OneStep`, or anything that is
        called like them.
    seed : int or numpy.random.SeedSequence
        Seed of everything random. The same seed gives the same bytes on any number of threads.
    threads : int, optional
        Threads to use; all cores when left out.
    progress : bool, optional
        Whether to show progress bars.

    Returns
    -------
    Rendered

    Raises
    ------
    ValueError
        Unknown preset, or what the stages refuse.

    Examples
    --------
    >>> data = np.zeros((16, 32, 32), np.float32)
    >>> data[6:10, 14:18, 14:18] = 800
    >>> density = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> rendered = render(density, "clean", seed=1)
    >>> rendered.series.images.shape, rendered.tomogram.data.shape
    ((41, 32, 32), (16, 32, 32))
    """
    from .presets import preset

    made = preset(imaging) if isinstance(imaging, str) else imaging
    return made(specimen, seed=seed, threads=threads, progress=progress)
