"""Weighted points to blurred boxes on a lattice, a bounded piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..core.arrays import noun
from .kernels import band, kernel, lattice_factor, trilinear_variance

TILE = 128
"""Edge, in points of the projection's lattice, of the tiles in which large objects are made."""


@noun
class _Blur:
    """Kernels along z, y and x, and the factor between the projection's lattice and the map's."""

    kernels: tuple[np.ndarray, ...]
    factor: int

    @property
    def reach(self) -> np.ndarray:
        """Half-widths along z, y and x, in points of the fine lattice."""
        return np.array([len(values) // 2 for values in self.kernels])

    def apply(
        self, points: np.ndarray, masses: np.ndarray, start: np.ndarray, stop: np.ndarray
    ) -> np.ndarray:
        """Return the map of points ((3, p) fine indices, x first) in a range of coarse voxels."""
        first = np.floor(points.min(axis=1)).astype(int)
        last = np.floor(points.max(axis=1)).astype(int) + 1
        box = splat(points - first[:, None], masses, (last - first + 1)[::-1])
        z, y, x = (
            band(values, int(start[a]), int(n), int(first[2 - a]), box.shape[a], self.factor)
            for a, (values, n) in enumerate(zip(self.kernels, stop - start, strict=True))
        )
        # Stacks of small products: one large product would wake BLAS's threads, which costs more
        # than it gains at these sizes and depends on what else the machine does.
        box = np.matmul(box, x.T)
        box = np.matmul(z, box.transpose(1, 0, 2))
        return np.matmul(y, box.transpose(1, 0, 2))


def splat(indices: np.ndarray, masses: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Project masses (p,) trilinearly on a lattice of a shape (z, y, x), as float32.

    The fractional `indices` (3, p), x first, go from 0 to less than the last point of the lattice.

    >>> splat(np.array([[0.25], [0.0], [0.0]]), np.array([4.0]), (2, 2, 2))[0, 0]
    array([3., 1.], dtype=float32)
    """
    nz, ny, nx = (int(n) for n in shape)
    base = indices.astype(np.int64)
    x, y, z = indices - base
    # Corners in the order z, y, x; what a corner gets, the opposite one does not.
    weights = np.empty((2, 2, 2, len(masses)))
    far = masses * z
    for k, slab in enumerate((masses - far, far)):
        far = slab * y
        for j, row in enumerate((slab - far, far)):
            np.multiply(row, x, out=weights[k, j, 1])
            np.subtract(row, weights[k, j, 1], out=weights[k, j, 0])
    corner = np.arange(2)
    offsets = (corner[:, None, None] * ny + corner[:, None]) * nx + corner
    where = offsets[..., None] + ((base[2] * ny + base[1]) * nx + base[0])
    box = np.bincount(where.ravel(), weights.ravel(), minlength=nz * ny * nx)
    return box.astype(np.float32).reshape(nz, ny, nx)


def blurred_boxes(
    indices: np.ndarray,
    masses: np.ndarray,
    *,
    sigma: float,
    voxel_size: float,
    point_variance: float = 0.0,
    shape: Sequence[int] | None = None,
    tile: int = TILE,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the map of one object as boxes that do not overlap.

    Small objects come as one box that holds all of their map, larger ones in tiles, so that no
    object ever needs memory for the whole volume.

    Parameters
    ----------
    indices : (p, 3) array
        Fractional voxel indices (i, j, k) of the points, x first.
    masses : (p,) array
        Masses of the points.
    sigma : float
        Standard deviation of the map's Gaussian along one axis, nm.
    voxel_size : float
        Edge of a voxel, nm.
    point_variance : float, optional
        Mean variance along one axis inside what the points stand for, nm^2.
    shape : three ints, optional
        Voxels along z, y and x of the volume: boxes outside of it are left out.
    tile : int, optional
        Edge of the tiles in points of the projection's lattice.

    Yields
    ------
    corner : (3,) int array
        Index [k, j, i] of the box's first voxel; it may be negative.
    box : (z, y, x) float32 array
        Mass in each voxel.

    Raises
    ------
    ValueError
        The resolution is too fine for the voxels.
    """
    factor = lattice_factor(sigma, voxel_size)
    points = np.multiply(indices.T, factor, order="C")
    floor = np.floor(points)
    wanted = (sigma**2 + point_variance) * (factor / voxel_size) ** 2
    left = wanted - trilinear_variance(points - floor, masses)
    blur = _Blur(
        kernels=tuple(kernel(s, factor=factor) for s in np.sqrt(left[::-1])), factor=factor
    )
    first = floor.min(axis=1).astype(int)[::-1] - blur.reach
    last = floor.max(axis=1).astype(int)[::-1] + 1 + blur.reach
    # Coarse voxels that the fine range first ... last touches.
    start, stop = -(-first // factor), last // factor + 1
    if shape is not None and ((stop <= 0) | (start >= np.array(shape))).any():
        return
    if (last - first - 2 * blur.reach <= tile).all():
        yield start, blur.apply(points, masses, start, stop)
        return
    if shape is not None:
        start, stop = np.maximum(start, 0), np.minimum(stop, shape)
    yield from _tiles(points, masses, blur, start, stop, tile // factor)


def _tiles(
    points: np.ndarray,
    masses: np.ndarray,
    blur: _Blur,
    start: np.ndarray,
    stop: np.ndarray,
    tile: int,
    axis: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut the range along one axis after the other, keeping the points that reach each piece."""
    for low in range(int(start[axis]), int(stop[axis]), tile):
        piece_start, piece_stop = start.copy(), stop.copy()
        piece_start[axis], piece_stop[axis] = low, min(low + tile, int(stop[axis]))
        lowest = piece_start[axis] * blur.factor - blur.reach[axis] - 1
        highest = (piece_stop[axis] - 1) * blur.factor + blur.reach[axis] + 1
        along = points[2 - axis]
        near = (along > lowest) & (along < highest)
        if not near.any():
            continue
        if axis == 2:
            yield piece_start, blur.apply(points[:, near], masses[near], piece_start, piece_stop)
        else:
            yield from _tiles(
                points[:, near], masses[near], blur, piece_start, piece_stop, tile, axis + 1
            )


def overlap(
    corner: np.ndarray, box_shape: Sequence[int], shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
    """Return the slices of a volume and of a box where both are, or None where they do not meet.

    `corner` is the index [k, j, i] in the volume of the box's first voxel.
    """
    low = np.maximum(corner, 0)
    high = np.minimum(corner + np.array(box_shape), shape)
    if (high <= low).any():
        return None
    there = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    here = tuple(slice(int(a), int(b)) for a, b in zip(low - corner, high - corner, strict=True))
    return there, here
