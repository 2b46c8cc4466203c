"""Weighted points to blurred boxes on a lattice, a bounded piece at a time.

A map is made by trilinear projection of masses on a lattice and a Gaussian after it. The
projection spreads every point a little, which is taken off the Gaussian's variance (the lattice
correction of Situs' pdb2vol); and where one point stands for several atoms, their variance about
it is put on, so that what comes out is each atom as a Gaussian of the width asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..core.arrays import noun

CUT = 4.0
"""Where kernels end, in sigma along each axis; the rest of a Gaussian holds 6e-5 of it."""

COARSEST = 0.5
"""Narrowest Gaussian in voxels; below it a map's samples no longer show its shape."""

FINE = 2.0
"""Masses are projected on a lattice at least this many times finer than the Gaussian's sigma.

Projected on the map's own lattice, a map at 4 nm with voxels of 1 nm is off by 0.5 % (rms over
rms), on one of half the spacing by 0.05 %.
"""


ATOM_SPACING = 0.43
"""Edge, in sigma, of cubes whose atoms become one point; maps are within 0.2 % (rms over rms)."""

SHAPE_SPACING = 0.75
"""Distance, in sigma, between the points of tubes and sheets, which lie evenly."""


def trilinear_variance(fractions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Return the variance that trilinear projection adds, (3,) in squared lattice steps.

    A point at the fraction f between two lattice points becomes two masses 1 - f and f, whose
    variance is f (1 - f): 1/6 on average where all fractions are as likely, which is a third of
    Situs' ``varp`` = 0.5 in three dimensions. `fractions` are (3, p), `masses` (p,).
    """
    return (fractions * (1 - fractions)) @ masses / masses.sum()


def lattice_factor(sigma: float, voxel_size: float, *, name: str = "resolution") -> int:
    """Return how many times finer than the voxels the lattice of the projection has to be.

    A Gaussian too narrow for the voxels is a ValueError that begins with `name`.
    """
    if sigma < COARSEST * voxel_size:
        raise ValueError(
            f"{name}: wanted a Gaussian with sigma >= {COARSEST * voxel_size:.3g} nm for "
            f"voxels of {voxel_size:g} nm, got {sigma:.3g} nm; make the voxels smaller or the "
            "resolution coarser"
        )
    return math.ceil(FINE * voxel_size / sigma)


def kernel(sigma: float, *, factor: int = 1, cut: float = CUT) -> np.ndarray:
    """Return a sampled Gaussian that takes masses from a fine lattice to a coarse one.

    `sigma` is in points of the fine lattice, `factor` of which make one of the coarse lattice, and
    `cut` is the half-width in sigma. Every `factor`-th of the (2 r + 1,) samples sum to one,
    wherever one starts, so that each point of the fine lattice gives away just its mass.

    >>> kernel(1.0).size, float(kernel(2.0, factor=2)[::2].sum().round(12))
    (9, 1.0)
    """
    half = math.ceil(cut * sigma)
    values = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    for phase in range(factor):
        values[phase::factor] /= values[phase::factor].sum()
    return values


def band(
    values: np.ndarray,
    out_start: int,
    out_size: int,
    in_start: int,
    in_size: int,
    factor: int = 1,
) -> np.ndarray:
    """Return the (out_size, in_size) float32 matrix that convolves one axis with a kernel.

    Small boxes are blurred fastest by three matrix products, which also grow or crop the box. The
    range wanted is given by its first index and length on the coarse lattice, the range that is
    there by those on the fine one.
    """
    half = len(values) // 2
    wanted = (np.arange(out_size) + out_start) * factor
    shift = wanted[:, None] - (np.arange(in_size) + in_start)
    inside = np.abs(shift) <= half
    matrix = values.astype(np.float32)[np.where(inside, shift + half, 0)]
    return matrix * inside


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
        # A point a hair below a lattice point is on it, once it is counted from elsewhere.
        shifted = points - first[:, None]
        last = np.floor(shifted.max(axis=1)).astype(int) + 1
        box = splat(shifted, masses, (last + 1)[::-1])
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
    """Yield one object's map as boxes that do not overlap: corner [k, j, i], mass per voxel.

    Small objects come as one box that holds all of their map, larger ones in tiles (of `tile`
    points of the projection's lattice), so that no object needs memory for the whole volume. A
    corner may be negative; boxes outside of a volume of `shape` (z, y, x) are left out.

    `indices` (p, 3) are the points' fractional voxel indices, x first, `masses` (p,) their masses,
    `sigma` is that of the map's Gaussian along one axis, and `point_variance` the mean variance
    along one axis inside what the points stand for, in nm and nm^2.
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
