"""From a specimen to its tilt series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from ..core.arrays import frozen
from ..core.runtime import in_threads, seed_sequence
from ..core.tilts import TiltSeries
from ..core.volume import Volume
from .microscope import Microscope
from .projection import REPEATS, Projection, joseph_matrix
from .specimen import Specimen
from .stages import Exposure, run_stages

Place = Literal["before", "after"]
"""Where white noise comes in: before the contrast transfer, as the signal does, or after it."""

_WEAK = 0.01
"""Contrast of white noise while the stages act on it: far from zero electrons, where they cut."""


def acquire(
    specimen: Specimen,
    microscope: Microscope,
    *,
    noise: bool = True,
    seed: int | np.random.SeedSequence,
    threads: int | None = None,
    progress: bool = True,
) -> TiltSeries:
    """Take a tilt series.

    Parameters
    ----------
    specimen : Specimen
    microscope : Microscope
    noise : bool, optional
        Whether the ice is grainy and the stages draw noise; the tilts' errors stay the same.
    seed : int or numpy.random.SeedSequence
        Each tilt draws from a child of its own: the same bytes on any number of threads.
    threads : int, optional
        All cores when left out.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    TiltSeries
        In electrons per pixel.

    Examples
    --------
    >>> from openmm_cgpack import Volume
    >>> from openmm_cgpack.imaging import Ice, TiltScheme, in_ice
    >>> data = np.zeros((8, 16, 32), np.float32)
    >>> data[3:6, 6:9, 12:15] = 4
    >>> potential = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> scope = Microscope(scheme=TiltScheme(tilt_step_deg=30))
    >>> series = acquire(in_ice(potential, Ice()), scope, seed=1)
    >>> series.images.shape, np.rad2deg(series.angles).round().tolist()
    ((5, 16, 32), [-60.0, -30.0, 0.0, 30.0, 60.0])
    """
    (series,) = acquire_fractions(
        specimen,
        microscope,
        fractions=1,
        noise=noise,
        seed=seed,
        threads=threads,
        progress=progress,
    )
    return series


def acquire_fractions(
    specimen: Specimen,
    microscope: Microscope,
    *,
    fractions: int,
    noise: bool = True,
    seed: int | np.random.SeedSequence,
    threads: int | None = None,
    progress: bool = True,
) -> tuple[TiltSeries, ...]:
    """Take a tilt series in equal fractions of each tilt's dose: see `acquire`.

    The fractions follow each other, each with the damage of its time, and draw noise of their own;
    their sum, `add_fractions`, is a tilt series of the whole dose.
    """
    if fractions < 1:
        raise ValueError(f"fractions: wanted 1 or more, got {fractions}")
    scheme, volume = microscope.scheme, specimen.potential
    _, ny, nx = volume.data.shape
    frame_y, frame_x = _frame(volume, microscope)
    exposures = planned_exposures(specimen, microscope, seed, n_pixels=nx + 2 * frame_x)
    planes = _planes(specimen, child(seed, 1) if noise else None)
    images = np.empty((fractions, len(exposures), ny, nx), np.float32)
    stages = (*microscope.to_contrast, *microscope.to_counts)

    def take(i: int) -> None:
        slabs, depths = microscope.projection.project(
            planes,
            volume,
            voltage_kv=microscope.voltage_kv,
            angle=exposures[i].angle,
            n_pixels=nx + 2 * frame_x,
        )
        slabs = np.pad(slabs, [(0, 0), (frame_y, frame_y), (0, 0)], mode="wrap")
        depths_um = microscope.hand * depths * 1e-3
        for f, exposure in enumerate(_fractions_of(exposures[i], fractions)):
            rng = np.random.default_rng(child(seed, 2, i, f)) if noise else None
            image = run_stages(slabs, exposure, stages, rng, defocus_depths_um=depths_um)
            images[f, i] = image[frame_y : frame_y + ny, frame_x : frame_x + nx]

    in_threads(take, range(len(exposures)), threads=threads, name="tilts", show=progress)
    images.flags.writeable = False
    return tuple(
        TiltSeries(
            images=part,
            angles=scheme.angles,
            pixel_size=volume.voxel_size,
            dose_e_per_a2=scheme.dose / fractions,
            order=scheme.acquired,
            shifts=np.array([exposure.shift for exposure in exposures]),
            rotations=np.array([exposure.rotation for exposure in exposures]),
            optics=microscope.optics(np.array([e.defocus_error_um for e in exposures])),
            grid=volume.grid,
        )
        for part in images
    )


def _frame(volume: Volume, microscope: Microscope) -> tuple[int, int]:
    """Return how much more of a specimen that repeats is taken around an image, (y, x), pixels.

    Filters then meet what is there, and what they make of the frame's own border is cut off.
    """
    width = int(np.ceil(microscope.padding / volume.voxel_size))
    periodic_x = microscope.projection.beyond(volume) == "periodic"
    return width * volume.periodic[1], width * periodic_x


def planned_exposures(
    specimen: Specimen,
    microscope: Microscope,
    seed: int | np.random.SeedSequence,
    *,
    n_pixels: int,
) -> list[Exposure]:
    """Return the exposures of a series, with the errors that a seed makes and each tilt's dose.

    An image has `n_pixels` along x.
    """
    scheme, errors, t = microscope.scheme, microscope.errors, len(microscope.scheme)
    rng = np.random.default_rng(child(seed, 0))
    shifts = rng.standard_normal((t, 2)) * errors.shift
    rotations = rng.standard_normal(t) * np.deg2rad(errors.rotation_deg)
    angles = scheme.angles + rng.standard_normal(t) * np.deg2rad(errors.angle_deg)
    defocus_error = rng.standard_normal(t) * errors.defocus_um
    misalignments = rng.standard_normal((t, 2)) * errors.alignment
    return [
        Exposure(
            pixel_size=specimen.potential.voxel_size,
            voltage_kv=microscope.voltage_kv,
            angle=angles[i],
            dose_e_per_a2=scheme.dose[i],
            pre_dose_e_per_a2=scheme.dose_before[i],
            path=_path(specimen, microscope.projection, angles[i], n_pixels),
            shift=shifts[i],
            misalignment=misalignments[i],
            rotation=rotations[i],
            defocus_error_um=defocus_error[i],
            padding=microscope.padding,
        )
        for i in range(t)
    ]


def _fractions_of(exposure: Exposure, fractions: int) -> list[Exposure]:
    dose, before = exposure.dose_e_per_a2 / fractions, exposure.pre_dose_e_per_a2
    return [
        replace(exposure, dose_e_per_a2=dose, pre_dose_e_per_a2=before + f * dose)
        for f in range(fractions)
    ]


def white_images(
    specimen: Specimen,
    microscope: Microscope,
    place: Place,
    *,
    fractions: int,
    draws: Iterable[int],
    seed: int | np.random.SeedSequence,
    threads: int | None,
) -> Iterator[np.ndarray]:
    """Yield what the stages make of white Gaussian noise alone: (fractions, t, y, x), about 0.

    There is one for each of the draws. The noise has variance 1 in units of contrast, as the mean
    over the fractions, and comes in before or right after the contrast transfer; the stages
    themselves draw nothing. Draws of other numbers share the tilts' errors and no noise.
    """
    before = microscope.to_contrast if place == "before" else ()
    stages = (*before, *microscope.to_counts)
    _, ny, nx = specimen.potential.data.shape
    exposures = planned_exposures(specimen, microscope, seed, n_pixels=nx)
    still = np.empty((fractions, len(exposures), ny, nx), np.float32)
    deviation = np.float32(np.sqrt(fractions) * _WEAK)

    def rest(i: int) -> None:
        for f, exposure in enumerate(_fractions_of(exposures[i], fractions)):
            still[f, i] = run_stages(np.zeros((ny, nx), np.float32), exposure, stages)

    in_threads(rest, range(len(exposures)), threads=threads)
    for draw in draws:
        images = np.empty_like(still)

        def take(i: int, draw: int = draw, images: np.ndarray = images) -> None:
            for f, exposure in enumerate(_fractions_of(exposures[i], fractions)):
                rng = np.random.default_rng(child(seed, 3 + (place == "after"), draw, i, f))
                noise = deviation * rng.standard_normal((ny, nx), np.float32)
                images[f, i] = run_stages(noise, exposure, stages)

        in_threads(take, range(len(exposures)), threads=threads)
        images -= still
        images /= np.float32(_WEAK)
        yield images


def add_fractions(fractions: Sequence[TiltSeries]) -> TiltSeries:
    """Return the sum of tilt series of one specimen, image by image, and of their doses."""
    if not fractions:
        raise ValueError("fractions: wanted at least one tilt series, got none")
    first = fractions[0]
    total = np.zeros(first.images.shape, np.float32)
    for i, part in enumerate(fractions):
        if part.images.shape != total.shape or not np.array_equal(part.angles, first.angles):
            raise ValueError(f"fractions: wanted the same tilts in all, number {i} has others")
        total += part.images
    dose = np.sum([part.dose_e_per_a2 for part in fractions], axis=0)
    return replace(
        first, images=frozen(total, "images", total.shape, np.float32), dose_e_per_a2=dose
    )


def split_tilts(series: TiltSeries) -> tuple[TiltSeries, TiltSeries]:
    """Return every other tilt, and the rest: halves that share no noise.

    `order` counts within the half: what the other half's exposures did is forgotten.
    """
    if len(series) < 2:
        raise ValueError(f"series: wanted two tilts or more, got {len(series)}")
    return _select_tilts(series, slice(0, None, 2)), _select_tilts(series, slice(1, None, 2))


def _select_tilts(series: TiltSeries, chosen: slice | np.ndarray) -> TiltSeries:
    """Return some of the tilts of a series, by ascending index."""
    optics = series.optics
    if optics is not None:
        optics = replace(
            optics,
            defocus_um=optics.defocus_um[chosen],
            astigmatism_angle=np.asarray(optics.astigmatism_angle)[chosen],
            phase_shift=np.asarray(optics.phase_shift)[chosen],
        )
    return replace(
        series,
        images=series.images[chosen],
        angles=series.angles[chosen],
        dose_e_per_a2=series.dose_e_per_a2[chosen],
        order=np.argsort(np.argsort(np.asarray(series.order)[chosen])),
        shifts=np.asarray(series.shifts)[chosen],
        rotations=np.asarray(series.rotations)[chosen],
        optics=optics,
    )


def child(seed: int | np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Return a child of a seed by number, without counting on the children made before."""
    seed = seed_sequence(seed)
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key))


def _planes(specimen: Specimen, seed: np.random.SeedSequence | None) -> np.ndarray:
    """Return the potential as (nz * nx, ny), with the grain of the ice where there is a seed."""
    data = specimen.potential.data
    planes = np.empty((data.shape[0], data.shape[2], data.shape[1]), np.float32)
    ice, deviation = specimen.ice_planes, np.float32(specimen.grain_deviation)
    rng = None if seed is None or deviation == 0 else np.random.default_rng(seed)
    for z, plane in enumerate(data):
        planes[z] = plane.T
        if rng is not None and ice.start <= z < ice.stop:
            planes[z] += deviation * rng.standard_normal(planes[z].shape, np.float32)
    return planes.reshape(-1, data.shape[1])


def _path(specimen: Specimen, projection: Projection, angle: float, n_pixels: int) -> np.ndarray:
    """Return the length of the beam's path through the ice in each column of the image, nm."""
    nz, _, nx = specimen.potential.data.shape
    voxel = specimen.potential.voxel_size
    if projection.beyond(specimen.potential) == "vacuum":
        # The ice ends with the volume; what lies above and below it is added by proportion.
        ice = np.zeros((nz, nx), np.float32)
        ice[specimen.ice_planes] = 1
        drawn = ice[:, 0].sum() * voxel
        along = joseph_matrix((nz, nx), angle, n_pixels=n_pixels) @ ice.ravel()
        return along * (voxel * specimen.thickness / drawn)
    cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
    width = (2 * REPEATS + 1) * nx * voxel
    path = specimen.thickness / max(cosine, 1e-12)
    return np.full(n_pixels, min(path, width / max(sine, 1e-12)), np.float32)
