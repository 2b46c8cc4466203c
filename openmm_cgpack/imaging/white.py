"""White noise put into tilt images at two places: what ``"pei2016"`` means for a tilt series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .acquisition import Microscope, child, over_tilts, planned_tilts
from .specimen import Specimen
from .tilt_stages import Tilt, TiltStage, TiltTransfer, run_tilt_stages

PLACES = ("before", "after")
"""Where the noise comes in: before the CTF, as the signal does, or after it."""

_WEAK = 0.01
"""Contrast of the noise while the stages act on it: far from zero electrons, where they cut."""


def white_images(
    specimen: Specimen,
    microscope: Microscope,
    place: str,
    *,
    fractions: int = 1,
    draw: int = 0,
    seed: int | np.random.SeedSequence,
    threads: int | None = None,
) -> np.ndarray:
    """Return what the stages make of white Gaussian noise alone, without a specimen.

    The noise has variance 1 in units of contrast, ``I / I0``, independent from pixel to pixel and
    from tilt to tilt. ``"before"``: it comes in as the phase of the specimen does, of which the
    CTF makes twice its contrast, so it has half the contrast's deviation as a phase. ``"after"``:
    it is added to the contrast behind the `TiltTransfer`, before all later stages. The stages
    themselves draw nothing.

    Parameters
    ----------
    specimen : Specimen
        Whose grid and thickness the images have; nothing of it is in them.
    microscope : Microscope
        Whose tilts, errors and stages.
    place : {"before", "after"}
        Where the noise comes in.
    fractions : int, optional
        Number of fractions of each tilt's dose, each with noise of its own and so much more of
        it that the mean over all has variance 1.
    draw : int, optional
        Number of the draw: others share the tilts' errors and no noise.
    seed : int or numpy.random.SeedSequence
        Seed of the noise and of the tilts' errors. The same seed gives the same bytes on any
        number of threads.
    threads : int, optional
        Threads to use; all cores when left out.

    Returns
    -------
    (fractions, t, y, x) float32 array
        Electrons per pixel, about 0.

    Raises
    ------
    ValueError
        The microscope has no `TiltTransfer`, or the place is another word.
    """
    if place not in PLACES:
        raise ValueError(f"place: wanted 'before' or 'after', got {place!r}")
    where = [i for i, s in enumerate(microscope.stages) if isinstance(s, TiltTransfer)]
    if not where:
        raise ValueError("stages: wanted a TiltTransfer, before and after which there is noise")
    stages = microscope.stages if place == "before" else microscope.stages[where[-1] + 1 :]
    _, ny, nx = specimen.potential.data.shape
    tilts = planned_tilts(specimen, microscope, seed)
    images = np.empty((fractions, len(tilts), ny, nx), np.float32)
    deviation = np.float32(np.sqrt(fractions) * _WEAK * (0.5 if place == "before" else 1.0))

    def take(i: int) -> None:
        dose = tilts[i].dose_e_per_a2 / fractions
        for f in range(fractions):
            before = tilts[i].pre_dose_e_per_a2 + f * dose
            tilt = replace(tilts[i], dose_e_per_a2=dose, pre_dose_e_per_a2=before)
            rng = np.random.default_rng(child(seed, 3 + PLACES.index(place), draw, i, f))
            noise = deviation * rng.standard_normal((ny, nx), np.float32)
            images[f, i] = _alone(noise, tilt, stages) / np.float32(_WEAK)

    over_tilts(take, len(tilts), threads=threads)
    return images


def _alone(noise: np.ndarray, tilt: Tilt, stages: tuple[TiltStage, ...]) -> np.ndarray:
    """Return what noise changes in an image of nothing."""
    nothing = np.zeros_like(noise)
    return run_tilt_stages(noise, tilt, stages) - run_tilt_stages(nothing, tilt, stages)
