"""Parts of tilt series: sums of fractions, halves, chosen tilts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..core.arrays import frozen
from ..core.tilts import TiltSeries


def add_fractions(fractions: Sequence[TiltSeries]) -> TiltSeries:
    """Return the sum of tilt series of one specimen, image by image.

    Parameters
    ----------
    fractions : sequence of TiltSeries
        With the same angles.

    Returns
    -------
    TiltSeries
        With the sum of the doses.

    Raises
    ------
    ValueError
        There are none, or their angles or shapes differ.
    """
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

    Parameters
    ----------
    series : TiltSeries
        Two tilts or more.

    Returns
    -------
    even, odd : TiltSeries
        Images 0, 2, 4, ... and 1, 3, 5, ...; what the other half's exposures did to the specimen
        is forgotten: `order` counts within the half.

    Raises
    ------
    ValueError
        There are fewer than two tilts.
    """
    if len(series) < 2:
        raise ValueError(f"series: wanted two tilts or more, got {len(series)}")
    return select_tilts(series, slice(0, None, 2)), select_tilts(series, slice(1, None, 2))


def select_tilts(series: TiltSeries, chosen: slice | np.ndarray) -> TiltSeries:
    """Return some of the tilts of a series.

    Parameters
    ----------
    series : TiltSeries
        The series.
    chosen : slice or array
        Index of the tilts, ascending.

    Returns
    -------
    TiltSeries
    """
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
