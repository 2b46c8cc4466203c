"""One entry from a density to a tomogram, by a named preset or settings of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ..core.arrays import positive
from ..core.tilts import TiltSeries
from ..core.volume import Grid, Volume
from .microscope import Microscope, image_fractions
from .noise import SNR_DEFINITIONS, measure_series_snr, measure_snr
from .parts import add_fractions, split_tilts
from .reconstruct import reconstruct
from .specimen import Specimen
from .tomogram import simulate_tomogram

HALVES = (None, "tilts", "dose")
"""How two halves of one tilt series may be made; see `TiltImaging`."""


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
        return Rendered(tomogram=tomogram, signal=signal, snr=_measured(tomogram, signal))


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


@dataclass(frozen=True, kw_only=True)
class TiltImaging:
    """A tilt series and its reconstruction.

    Parameters
    ----------
    microscope : Microscope, optional
        How the tilt series is taken.
    reconstruction : Reconstruction, optional
        How the tomogram is made of it.
    snr : float, optional
        Signal-to-noise ratio to which the noise of all stages, and the grain of the ice, is scaled
        after it is drawn. Left out, the noise is what ice and dose make it.
    snr_definition : {"volume", "projection"}, optional
        Where `snr` is measured: in the reconstruction by `measure_snr`, or in the images by
        `measure_series_snr`.
    noise : bool, optional
        Whether there is any noise.
    halves : {None, "tilts", "dose"}, optional
        Whether two tomograms that share no noise are made as well, of even and odd tilts, or of
        the first and second half of every tilt's dose, which then is the whole tilt series.

    Raises
    ------
    ValueError
        An argument is out of its range, or halves of a clean series are asked for.
    """

    microscope: Microscope = field(default_factory=Microscope)
    reconstruction: Reconstruction = field(default_factory=Reconstruction)
    snr: float | None = None
    snr_definition: str = "volume"
    noise: bool = True
    halves: str | None = None

    def __post_init__(self) -> None:
        if self.snr is not None:
            positive(self.snr, "snr")
        if self.snr_definition not in ("volume", "projection"):
            raise ValueError(
                "snr_definition: wanted 'volume' or 'projection' for a tilt series "
                f"({', '.join(SNR_DEFINITIONS[2:])} is of the one-step model), got "
                f"{self.snr_definition!r}"
            )
        if self.halves not in HALVES:
            raise ValueError(f"halves: wanted None, 'tilts' or 'dose', got {self.halves!r}")
        if not self.noise and (self.snr is not None or self.halves is not None):
            raise ValueError("noise: wanted True where an snr or halves are asked for, got False")

    def __call__(
        self,
        specimen: Volume | Specimen,
        *,
        seed: int | np.random.SeedSequence,
        threads: int | None = None,
        progress: bool = False,
    ) -> Rendered:
        """Return the tomogram and its tilt series."""

        def taken(noise: bool) -> tuple[TiltSeries, ...]:
            return image_fractions(
                specimen,
                self.microscope,
                fractions=2 if self.halves == "dose" else 1,
                noise=noise,
                seed=seed,
                threads=threads,
                progress=progress,
            )

        def made(series: TiltSeries) -> Volume:
            return self.reconstruction(series, threads=threads, progress=progress)

        clean_parts = taken(False)
        clean = _added(clean_parts)
        signal = made(clean)
        if not self.noise:
            return Rendered(tomogram=signal, signal=signal, series=clean, series_signal=clean)
        parts = taken(True)
        series = _added(parts)
        if self.snr is not None:
            if self.snr_definition == "projection":
                found = measure_series_snr(series, clean)
            else:
                found = measure_snr(made(series), signal)
            if not np.isfinite(found) or found == 0:
                raise ValueError(
                    "snr: wanted stages that make noise and a density that varies, to scale to "
                    f"{self.snr:g}; the ratio as it stands is {found:g}"
                )
            scale = np.sqrt(found / self.snr)
            pairs = zip(parts, clean_parts, strict=True)
            parts = tuple(_scaled(part, signal_part, scale) for part, signal_part in pairs)
            series = _added(parts)
        tomogram = made(series)
        halves: tuple[TiltSeries, ...] = ()
        if self.halves is not None:
            halves = parts if self.halves == "dose" else split_tilts(series)
        snr = _measured(tomogram, signal)
        snr["projection"] = measure_series_snr(series, clean)
        return Rendered(
            tomogram=tomogram,
            signal=signal,
            series=series,
            series_signal=clean,
            halves=tuple(made(half) for half in halves),
            snr=snr,
        )


def _added(parts: tuple[TiltSeries, ...]) -> TiltSeries:
    return parts[0] if len(parts) == 1 else add_fractions(parts)


def _scaled(part: TiltSeries, clean: TiltSeries, scale: float) -> TiltSeries:
    images = np.empty(part.images.shape, np.float32)
    for i, (noisy, signal) in enumerate(zip(part.images, clean.images, strict=True)):
        images[i] = signal + np.float32(scale) * (noisy - signal)
    images.flags.writeable = False
    return replace(part, images=images)


def _measured(tomogram: Volume, signal: Volume) -> dict[str, float]:
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
