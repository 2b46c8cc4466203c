"""A tilt series and its reconstruction, with the noise of the dose or of a ratio asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal, get_args

import numpy as np

from ..core.settings import kind, setting
from ..core.tilts import TiltSeries
from ..core.volume import LabelVolume, Volume
from .acquisition import Place, acquire_fractions, add_fractions, child, split_tilts, white_images
from .measures import SnrDefinition, measure_series_snr, measure_snr, measured_snr, variance
from .microscope import Microscope
from .reconstruction import Reconstruction, reconstruct
from .rendering import Imaging, Rendered, check_varies
from .specimen import Carbon, Gold, Ice, Specimen, add_carbon, add_gold, in_ice, potential

ENOUGH = 2_000_000
"""Pixels of noise, over all tilts and draws, from which the gains of ``"pei2016"`` are taken."""

MOST_DRAWS = 16

OF_IMAGES, OF_WBP, OF_SIRT = 5.4e-9, 0.6e-9, 1.7e-9
"""Processor time of a voxel and tilt, s: of images with noise and without, of a back-projection and
of an iteration of SIRT; of 41 tilts of 512 x 512 x 200 voxels (docs/tables/tilt_series.md)."""

_CARBON_SEED, _GOLD_SEED = 10, 11
"""Numbers of the seed's children; those below are of the acquisition."""


@kind("tilt_series")
class TiltImaging(Imaging):
    """A tilt series through a whole microscope, and its reconstruction.

    Noise is what ice, dose and camera make it, or is scaled to an SNR after it is drawn: that of
    all stages and of the grain of the ice. The definition ``"projection"`` is measured in the
    images by `measure_series_snr`, the others in the reconstruction by `measure_snr`.
    ``"pei2016"`` with an SNR says what the noise is, too: white noise in the images, half of its
    variance before the contrast transfer and half after it, in place of grain and counting.

    Examples
    --------
    >>> data = np.zeros((16, 32, 32), np.float32)
    >>> data[6:10, 14:18, 14:18] = 800
    >>> density = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> rendered = TiltImaging(snr=0.1, gold=Gold(count=1, diameter=4.0))(density, seed=1)
    >>> rendered.series.images.shape, sorted(rendered.additions), round(rendered.snr["volume"], 2)
    ((41, 32, 32), ['gold'], 0.1)
    """

    ice: Ice = setting("ice around the specimen", default=Ice())
    gold: Gold | None = setting("fiducials", default=None)
    carbon: Carbon | None = setting("edge of a carbon film", default=None)
    microscope: Microscope = setting("how the tilt series is taken", default=Microscope())
    reconstruction: Reconstruction = setting(
        "how the tomogram is made of it", default=Reconstruction()
    )
    snr: float | None = setting(
        "signal-to-noise ratio to which the noise is scaled; left out, what the dose makes it",
        default=None,
        above=0,
    )
    snr_definition: SnrDefinition = setting("what the ratio means", default="volume")
    halves: Literal["none", "tilts", "dose"] = setting(
        "two more tomograms that share no noise, of even and odd tilts, or of the first and second "
        "half of every tilt's dose, which then is the whole tilt series",
        default="none",
    )

    through: ClassVar[tuple[str, ...]] = ("microscope",)

    def __post_init__(self) -> None:
        super().__post_init__()
        gold, thickness = self.gold, self.ice.thickness
        if gold is not None and thickness is not None and gold.diameter > thickness:
            raise ValueError(
                f"gold: diameter: wanted at most the ice's thickness, {thickness:g} nm, got "
                f"{gold.diameter:g}"
            )

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        white = self.snr is not None and self.snr_definition == "pei2016"
        if white or self._draws(self.ice.grain):
            return {}
        names = ("snr", "snr_definition", "halves")
        return dict.fromkeys(names, "where nothing makes noise: no ice grain, detector, stages")

    def __call__(
        self,
        specimen: Volume | Specimen,
        *,
        seed: int | np.random.SeedSequence,
        threads: int | None = None,
        progress: bool = True,
    ) -> Rendered:
        """Return the tomogram and its tilt series."""
        specimen, additions = self._prepared(specimen, seed)
        work = _Work(self, specimen, seed, threads, progress)
        series, tomogram = work.clean, work.signal
        halves: tuple[TiltSeries, ...] = ()
        snr: dict[str, float] = {}
        if self.snr is not None or self._draws(specimen.grain):
            gains = work.gains() if self.snr_definition == "pei2016" else None
            parts = work.with_white() if gains and self.snr is not None else work.take(noise=True)
            if self.snr is not None:
                parts = work.scaled(parts, self.snr, gains)
            series = _sum(parts)
            tomogram = work.made(series)
            if self.halves != "none":
                halves = parts if self.halves == "dose" else split_tilts(series)
            snr = measured_snr(tomogram, work.signal, gains=gains)
            snr["projection"] = measure_series_snr(series, work.clean)
        return Rendered(
            imaging=self,
            tomogram=tomogram,
            signal=work.signal,
            series=series,
            series_signal=work.clean,
            halves=tuple(work.made(half) for half in halves),
            additions=additions,
            snr=snr,
        )

    def takes(self, shape: Sequence[float], voxel_size: float) -> tuple[float, float]:
        """Return the bytes of memory and of files: the images, as often as they are held."""
        voxels, tilts = math.prod(shape), len(self.microscope.scheme)
        images = tilts * shape[1] * shape[2]
        halves = 0 if self.halves == "none" else 2
        additions = (self.gold is not None) + (self.carbon is not None)
        return (20 + 4 * halves) * voxels + 24 * images, 4 * (
            (1 + halves) * voxels + images
        ) + additions * voxels

    def seconds(self, shape: Sequence[float], voxel_size: float) -> float:
        """Return that of all tilts: with and without noise, there and back."""
        how, made = self.reconstruction, 2 if self.halves == "none" else 4
        back = OF_WBP if how.method == "wbp" else OF_SIRT * how.iterations
        return (OF_IMAGES + made * back) * math.prod(shape) * len(self.microscope.scheme)

    def _draws(self, grain: float) -> bool:
        """Whether anything may draw noise, in ice of some graininess."""
        return grain > 0 or self.microscope.detector is not None or bool(self.microscope.stages)

    def _prepared(
        self, density: Volume | Specimen, seed: int | np.random.SeedSequence
    ) -> tuple[Specimen, dict[str, LabelVolume]]:
        """Return a density's specimen, in ice, and the masks of gold and carbon."""
        if isinstance(density, Specimen):
            own = Ice(thickness=density.thickness, grain=density.grain)
            as_it_is = (Ice(), own, replace(own, thickness=None))
            if self.ice not in as_it_is or self.gold or self.carbon:
                raise ValueError("ice, gold, carbon: mean nothing for a specimen that has its own")
            check_varies(density.potential)
            return density, {}
        check_varies(density)
        specimen = in_ice(potential(density), self.ice)
        additions: dict[str, LabelVolume] = {}
        if self.carbon is not None:
            specimen, mask = add_carbon(specimen, self.carbon, seed=child(seed, _CARBON_SEED))
            additions["carbon"] = mask
        if self.gold is not None:
            specimen, mask = add_gold(specimen, self.gold, seed=child(seed, _GOLD_SEED))
            additions["gold"] = mask
        return specimen, additions

    def gains(
        self,
        density: Volume | Specimen,
        *,
        seed: int | np.random.SeedSequence,
        threads: int | None = None,
        progress: bool = True,
    ) -> tuple[float, float]:
        """Return what is left of white noise in the images, as `measure_snr` wants it.

        The numbers are mean variances of renders of noise, good to 1 %; the arguments are those of
        `render`.

        Returns
        -------
        loss, gain : float
            L: variance, in the tomogram, of white noise that comes in before the CTF, as the
            signal does, with variance 1 in units of contrast. G: the mean of L and of the same
            for noise that comes in after the CTF. Both in the tomogram's units squared.
        """
        specimen, _ = self._prepared(density, seed)
        return _Work(self, specimen, seed, threads, progress).gains()


@dataclass(frozen=True)
class _Work:
    """One rendering: what all of its steps need."""

    imaging: TiltImaging
    specimen: Specimen
    seed: int | np.random.SeedSequence
    threads: int | None
    progress: bool

    @property
    def fractions(self) -> int:
        return 2 if self.imaging.halves == "dose" else 1

    def take(self, *, noise: bool) -> tuple[TiltSeries, ...]:
        return acquire_fractions(
            self.specimen,
            self.imaging.microscope,
            fractions=self.fractions,
            noise=noise,
            seed=self.seed,
            threads=self.threads,
            progress=self.progress,
        )

    def made(self, series: TiltSeries) -> Volume:
        how = self.imaging.reconstruction
        return reconstruct(series, how, threads=self.threads, progress=self.progress)

    @cached_property
    def clean_parts(self) -> tuple[TiltSeries, ...]:
        return self.take(noise=False)

    @cached_property
    def clean(self) -> TiltSeries:
        return _sum(self.clean_parts)

    @cached_property
    def signal(self) -> Volume:
        return self.made(self.clean)

    def white(self, place: Place, draws: Iterable[int]) -> Iterator[np.ndarray]:
        return white_images(
            self.specimen,
            self.imaging.microscope,
            place,
            fractions=self.fractions,
            draws=draws,
            seed=self.seed,
            threads=self.threads,
        )

    def gains(self) -> tuple[float, float]:
        """Return L and G from draws that share nothing with the noise of the images, draw 0."""
        draws = int(np.clip(np.ceil(ENOUGH / self.clean.images.size), 1, MOST_DRAWS))

        def left(place: Place) -> float:
            total = 0.0
            for noise in self.white(place, range(1, draws + 1)):
                noisy = replace(self.clean, images=self.clean.images + noise.sum(axis=0))
                total += variance(self.made(noisy).data, self.signal.data)
            return total / draws

        before, after = left("before"), left("after")
        return before, (before + after) / 2

    def with_white(self) -> tuple[TiltSeries, ...]:
        """Return images with white noise of variance 1, half of it at each of the places."""
        before, after = (next(self.white(place, (0,))) for place in get_args(Place))
        both = (before + after) * np.float32(np.sqrt(0.5))
        pairs = zip(self.clean_parts, both, strict=True)
        return tuple(replace(part, images=part.images + noise) for part, noise in pairs)

    def scaled(
        self, parts: tuple[TiltSeries, ...], wanted: float, gains: tuple[float, float] | None
    ) -> tuple[TiltSeries, ...]:
        """Return the images with their noise scaled, so that the ratio is the one asked for."""
        definition = self.imaging.snr_definition
        if definition == "projection":
            found = measure_series_snr(_sum(parts), self.clean)
        else:
            tomogram = self.made(_sum(parts))
            found = measure_snr(tomogram, self.signal, definition=definition, gains=gains)
        if not np.isfinite(found) or found == 0:
            raise ValueError(
                "snr: wanted stages that make noise and a density that varies, to scale to "
                f"{wanted:g}; the ratio as it stands is {found:g}"
            )
        scale = np.float32(np.sqrt(found / wanted))
        return tuple(
            _noise_times(part, clean, scale)
            for part, clean in zip(parts, self.clean_parts, strict=True)
        )


def _noise_times(part: TiltSeries, clean: TiltSeries, scale: np.float32) -> TiltSeries:
    images = np.empty(part.images.shape, np.float32)
    for i, (noisy, signal) in enumerate(zip(part.images, clean.images, strict=True)):
        images[i] = signal + scale * (noisy - signal)
    images.flags.writeable = False
    return replace(part, images=images)


def _sum(parts: tuple[TiltSeries, ...]) -> TiltSeries:
    return parts[0] if len(parts) == 1 else add_fractions(parts)
