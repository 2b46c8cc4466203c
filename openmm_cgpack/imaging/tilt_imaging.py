"""A tilt series and its reconstruction, with the noise of the dose or of a ratio asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.arrays import positive
from ..core.tilts import TiltSeries
from ..core.volume import Volume
from .acquisition import Microscope, image_fractions
from .noise import SNR_DEFINITIONS, measure_series_snr, measure_snr, variance
from .parts import add_fractions, split_tilts
from .rendering import Reconstruction, Rendered, measured
from .specimen import Specimen, in_ice
from .white import PLACES, white_images

HALVES = (None, "tilts", "dose")
"""How two halves of one tilt series may be made; see `TiltImaging`."""

ENOUGH = 2_000_000
"""Pixels of noise, over all tilts and draws, from which the gains of ``"pei2016"`` are taken."""

MOST_DRAWS = 16


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
    snr_definition : {"volume", "projection", "pei2016"}, optional
        Where `snr` is measured: in the reconstruction by `measure_snr`, or in the images by
        `measure_series_snr`. ``"pei2016"`` says what the noise is, too: white noise in the images,
        half of its variance before the CTF and half after it, in place of grain and counting. The
        ratio is that of the reconstruction, ``(var(s) / L) / (var(n) / G)``: see `gains`.
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
        if self.snr_definition not in SNR_DEFINITIONS:
            raise ValueError(
                f"snr_definition: wanted one of {', '.join(SNR_DEFINITIONS)}, got "
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
        specimen = self._in_ice(specimen)
        how = _How(seed=seed, threads=threads, progress=progress)

        def made(series: TiltSeries) -> Volume:
            return self.reconstruction(series, threads=threads, progress=progress)

        clean_parts = self._taken(specimen, how, noise=False)
        clean = _added(clean_parts)
        signal = made(clean)
        if not self.noise:
            return Rendered(tomogram=signal, signal=signal, series=clean, series_signal=clean)
        gains = None
        if self.snr_definition == "pei2016":
            gains = self._gains(specimen, how, clean, signal, made)
        if gains is not None and self.snr is not None:
            parts = self._with_white(specimen, how, clean_parts)
        else:
            parts = self._taken(specimen, how, noise=True)
        if self.snr is not None:
            parts = _to_snr(self.snr, self.snr_definition, parts, clean_parts, signal, gains, made)
        series = _added(parts)
        tomogram = made(series)
        halves: tuple[TiltSeries, ...] = ()
        if self.halves is not None:
            halves = parts if self.halves == "dose" else split_tilts(series)
        snr = measured(tomogram, signal)
        snr["projection"] = measure_series_snr(series, clean)
        if gains is not None:
            snr["pei2016"] = measure_snr(tomogram, signal, definition="pei2016", gains=gains)
        return Rendered(
            tomogram=tomogram,
            signal=signal,
            series=series,
            series_signal=clean,
            halves=tuple(made(half) for half in halves),
            snr=snr,
        )

    def gains(
        self,
        specimen: Volume | Specimen,
        *,
        seed: int | np.random.SeedSequence,
        threads: int | None = None,
        progress: bool = False,
    ) -> tuple[float, float]:
        """Return what stages and reconstruction make of white noise in the images.

        `measure_snr` takes them, to measure ``"pei2016"``.

        Parameters
        ----------
        specimen : Volume or Specimen
            What is imaged.
        seed : int or numpy.random.SeedSequence
            Seed of the noise: the numbers are mean variances of renders of it, good to 1 %.
        threads : int, optional
            Threads to use; all cores when left out.
        progress : bool, optional
            Whether to show progress bars.

        Returns
        -------
        loss, gain : float
            L: variance, in the tomogram, of white noise that comes in before the CTF, as the
            signal does, with variance 1 in units of contrast. G: the mean of L and of the same
            for noise that comes in after the CTF. Both in the tomogram's units squared.

        Raises
        ------
        ValueError
            The microscope has no `TiltTransfer`.

        Examples
        --------
        >>> data = np.zeros((16, 32, 32), np.float32)
        >>> data[6:10, 14:18, 14:18] = 800
        >>> density = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
        >>> loss, gain = TiltImaging().gains(density, seed=2)
        >>> bool(0 < loss < 2 * gain)
        True
        """
        specimen = self._in_ice(specimen)
        how = _How(seed=seed, threads=threads, progress=progress)

        def made(series: TiltSeries) -> Volume:
            return self.reconstruction(series, threads=threads, progress=progress)

        clean = _added(self._taken(specimen, how, noise=False))
        return self._gains(specimen, how, clean, made(clean), made)

    @property
    def _fractions(self) -> int:
        return 2 if self.halves == "dose" else 1

    def _in_ice(self, specimen: Volume | Specimen) -> Specimen:
        if isinstance(specimen, Specimen):
            return specimen
        return in_ice(specimen, grain=self.microscope.ice_grain)

    def _taken(self, specimen: Specimen, how: _How, *, noise: bool) -> tuple[TiltSeries, ...]:
        return image_fractions(
            specimen, self.microscope, fractions=self._fractions, noise=noise, **vars(how)
        )

    def _white(self, specimen: Specimen, how: _How, place: str, draw: int) -> np.ndarray:
        return white_images(
            specimen,
            self.microscope,
            place,
            fractions=self._fractions,
            draw=draw,
            seed=how.seed,
            threads=how.threads,
        )

    def _gains(
        self,
        specimen: Specimen,
        how: _How,
        clean: TiltSeries,
        signal: Volume,
        made: Callable[[TiltSeries], Volume],
    ) -> tuple[float, float]:
        """Return L and G from draws that share nothing with the noise of the images, draw 0."""
        draws = int(np.clip(np.ceil(ENOUGH / clean.images.size), 1, MOST_DRAWS))

        def left(place: str) -> float:
            total = 0.0
            for draw in range(1, draws + 1):
                noise = self._white(specimen, how, place, draw).sum(axis=0)
                total += variance(made(_with(clean, noise)).data, signal.data)
            return total / draws

        before, after = (left(place) for place in PLACES)
        return before, (before + after) / 2

    def _with_white(
        self, specimen: Specimen, how: _How, clean_parts: tuple[TiltSeries, ...]
    ) -> tuple[TiltSeries, ...]:
        """Return images with white noise of variance 1, half of it at each of the places."""
        before, after = (self._white(specimen, how, place, 0) for place in PLACES)
        both = (before + after) * np.float32(np.sqrt(0.5))
        return tuple(_with(part, noise) for part, noise in zip(clean_parts, both, strict=True))


@dataclass(frozen=True, kw_only=True)
class _How:
    seed: int | np.random.SeedSequence
    threads: int | None
    progress: bool


def _to_snr(
    wanted: float,
    definition: str,
    parts: tuple[TiltSeries, ...],
    clean_parts: tuple[TiltSeries, ...],
    signal: Volume,
    gains: tuple[float, float] | None,
    made: Callable[[TiltSeries], Volume],
) -> tuple[TiltSeries, ...]:
    """Return the images with their noise scaled, so that the ratio is the one asked for."""
    if definition == "projection":
        found = measure_series_snr(_added(parts), _added(clean_parts))
    else:
        found = measure_snr(made(_added(parts)), signal, definition=definition, gains=gains)
    if not np.isfinite(found) or found == 0:
        raise ValueError(
            "snr: wanted stages that make noise and a density that varies, to scale to "
            f"{wanted:g}; the ratio as it stands is {found:g}"
        )
    scale = np.sqrt(found / wanted)
    pairs = zip(parts, clean_parts, strict=True)
    return tuple(_scaled(part, clean, scale) for part, clean in pairs)


def _with(series: TiltSeries, noise: np.ndarray) -> TiltSeries:
    return replace(series, images=series.images + noise)


def _added(parts: tuple[TiltSeries, ...]) -> TiltSeries:
    return parts[0] if len(parts) == 1 else add_fractions(parts)


def _scaled(part: TiltSeries, clean: TiltSeries, scale: float) -> TiltSeries:
    images = np.empty(part.images.shape, np.float32)
    for i, (noisy, signal) in enumerate(zip(part.images, clean.images, strict=True)):
        images[i] = signal + np.float32(scale) * (noisy - signal)
    images.flags.writeable = False
    return replace(part, images=images)
