"""Tomograms whose every voxel has a class, and how they are split for training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.arrays import positive
from ..core.volume import LabelVolume, Volume

HELD_OUT = 0.1
"""Share that is held out, as in the paper."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledTomogram:
    """A tomogram and the class of every voxel.

    Parameters
    ----------
    volume : Volume
        The tomogram.
    labels : LabelVolume
        The classes, on the same voxels, with their names.
    """

    volume: Volume
    labels: LabelVolume

    def __post_init__(self) -> None:
        if self.volume.data.shape != self.labels.data.shape:
            raise ValueError(
                f"labels: wanted the tomogram's shape {self.volume.data.shape}, "
                f"got {self.labels.data.shape}"
            )
        if int(self.labels.data.max()) > len(self.labels.names):
            raise ValueError(
                f"labels: wanted a name for each class, got {len(self.labels.names)} names "
                f"and label {int(self.labels.data.max())}"
            )


def split_tomograms(
    tomograms: Sequence[LabelledTomogram], *, share: float = HELD_OUT, seed: int
) -> tuple[tuple[LabelledTomogram, ...], tuple[LabelledTomogram, ...]]:
    """Set whole tomograms aside, at random.

    Cubes cut from one tomogram share molecules and noise across their faces; whole tomograms
    share nothing but the species. So nothing of what is set aside is ever seen in training.

    Parameters
    ----------
    tomograms : sequence of LabelledTomogram
        At least two.
    share : float, optional
        Share that is set aside, at least one and not all.
    seed : int
        Which.

    Returns
    -------
    training, held_out : tuple of LabelledTomogram
        In the order given.

    Raises
    ------
    ValueError
        There are too few, or the share is not between 0 and 1.

    Examples
    --------
    >>> volume = Volume(data=np.zeros((4, 4, 4)), voxel_size=1.0, origin=(0, 0, 0))
    >>> labels = LabelVolume(
    ...     data=np.zeros((4, 4, 4), int), voxel_size=1.0, origin=(0, 0, 0), names=("1f1b",)
    ... )
    >>> tomograms = [LabelledTomogram(volume=volume, labels=labels) for _ in range(10)]
    >>> training, held_out = split_tomograms(tomograms, share=0.2, seed=1)
    >>> len(training), len(held_out)
    (8, 2)
    """
    n = len(tomograms)
    if n < 2:
        raise ValueError(f"tomograms: wanted at least 2, got {n}; split_volume divides one")
    _check_share(share)
    k = min(max(1, round(share * n)), n - 1)
    aside = set(np.random.default_rng(seed).permutation(n)[:k].tolist())
    return (
        tuple(t for i, t in enumerate(tomograms) if i not in aside),
        tuple(t for i, t in enumerate(tomograms) if i in aside),
    )


def split_volume(
    tomogram: LabelledTomogram, *, share: float = HELD_OUT, gap: float
) -> tuple[LabelledTomogram, LabelledTomogram]:
    """Cut one tomogram in two across its longest axis, for those who have only one.

    Parameters
    ----------
    tomogram : LabelledTomogram
        The tomogram.
    share : float, optional
        Share of the voxels, at the far end, that is set aside.
    gap : float
        Width of the slab between both parts that is in neither, nm: at least the diameter of
        the largest molecule, so that none is in both.

    Returns
    -------
    training, held_out : LabelledTomogram

    Raises
    ------
    ValueError
        The share is not between 0 and 1, or nothing is left of a part.

    Examples
    --------
    >>> volume = Volume(data=np.zeros((4, 4, 50)), voxel_size=1.0, origin=(0, 0, 0))
    >>> labels = LabelVolume(
    ...     data=np.zeros((4, 4, 50), int), voxel_size=1.0, origin=(0, 0, 0), names=("1f1b",)
    ... )
    >>> parts = split_volume(LabelledTomogram(volume=volume, labels=labels), share=0.2, gap=10)
    >>> [part.volume.data.shape for part in parts]
    [(4, 4, 30), (4, 4, 10)]
    """
    _check_share(share)
    size = tomogram.volume.voxel_size
    between = int(np.ceil(positive(gap, "gap", zero=True) / size))
    shape = tomogram.volume.data.shape
    axis = int(np.argmax(shape))
    aside = max(1, round(share * shape[axis]))
    if shape[axis] - aside - between < 1:
        raise ValueError(f"gap: nothing is left of {shape[axis]} voxels for training")
    parts = []
    for first, last in ((0, shape[axis] - aside - between), (shape[axis] - aside, shape[axis])):
        cut = tuple(slice(first, last) if k == axis else slice(None) for k in range(3))
        origin = np.array(tomogram.volume.origin)
        origin[2 - axis] += first * size
        volume = dataclasses.replace(tomogram.volume, data=tomogram.volume.data[cut], origin=origin)
        labels = dataclasses.replace(tomogram.labels, data=tomogram.labels.data[cut], origin=origin)
        parts.append(LabelledTomogram(volume=volume, labels=labels))
    return parts[0], parts[1]


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ValueError(f"share: wanted a number between 0 and 1, got {share:g}")
