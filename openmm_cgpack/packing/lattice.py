"""Random sequential addition on a lattice: shapes, and the room between them, as voxels.

**The problem.** Molecules are put into a box one after the other, each at random and without
overlap with those before it. When the box is a quarter full, nearly every random place is taken, so
a molecule must be tried at thousands of places; atoms against atoms that is too slow.

**The idea.** The box is a lattice of voxels, each taken or free (`Lattice`). A molecule at a
rotation is a list of voxels; where one of them is taken it has no room, which a few look-ups tell
(see `tries`). Voxels are coarse, so they say only where a molecule *may* have room: those that it
takes are its inside, a little less than what its atoms fill. Whether it *has* room, its atoms and
those of its neighbours say (see `crowd`). Filaments and membranes have all voxels that their balls
fill, and no other look.

**Regions.** A body whose centre is to be in a `Region`, a set of voxels, is tried at places there
only: a small vesicle in a large box costs no more tries than a large one.

**Cost and limits.** Nine bits for each voxel. Boxes repeat by taking indices modulo the lattice;
walls are extra layers of taken voxels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Obstacle
from ..core.boundary import Boundary

_FILL = 0.3
"""Distance of the points that stand for what a molecule fills, nm."""
_SOLID = 0.15
"""How much larger than for touching spheres are so that they leave no gaps, nm."""
_FIRST = 8
"""So many voxels, those farthest from the middle, are looked up first: they are far apart."""


class Shape:
    """What a rigid species fills, by its points (p, 3) and their radii (p,), nm.

    `number` says which species it is to those who compare bodies by their points.
    """

    def __init__(self, positions: np.ndarray, radii: np.ndarray, *, number: int) -> None:
        from scipy.ndimage import binary_erosion

        from .tries import mark

        self.number = number
        self.positions = positions
        reach = np.broadcast_to(radii + _SOLID, len(positions))
        pad = int(np.ceil(reach.max() / _FILL)) + 1
        low = np.floor(positions.min(axis=0) / _FILL).astype(np.int64) - pad
        shape = np.ceil(positions.max(axis=0) / _FILL).astype(np.int64) - low + pad + 1
        filled = np.zeros(shape, np.bool_)
        mark(positions - low * _FILL, reach, _FILL, filled)
        inside = binary_erosion(filled)
        if not inside.any():
            inside = filled
        index = np.argwhere(inside)
        self._inside = (index + low) * _FILL
        some = (index % 2 == 0).all(axis=1)
        if not some.any():
            some[:] = True
        tested = self._inside[some]
        self._tested = tested[_telling_first(tested)]

    def voxels(self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return the voxels (n, 3) inside of it at a pose, some of them more than once.

        `offset` says where the body's origin lies, in voxels from the centre of voxel (0, 0, 0);
        `size` is the edges of a voxel, nm.
        """
        from .tries import drawn

        return drawn(self._inside, rotation, size, offset)

    def tested(self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return an eighth of the voxels, (n, 3): enough to tell where there is no room."""
        from .tries import drawn

        return drawn(self._tested, rotation, size, offset)


class BallShape:
    """What the balls of one instance fill, (b, 3) and (b,) nm in its body frame."""

    number = -1

    def __init__(self, positions: np.ndarray, radii: np.ndarray) -> None:
        self.positions = positions
        self.radii = radii

    def voxels(self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return the voxels (n, 3) of a pose."""
        mask, low = self._mask(rotation, offset, size)
        return np.argwhere(mask) + low

    def tested(self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return the voxels (n, 3) of a pose, those first that tell most."""
        voxels = self.voxels(rotation, offset, size)
        return voxels[_telling_first(voxels)]

    def _mask(
        self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the voxels of a pose as a mask, and the lattice index of its first."""
        points = (self.positions @ rotation.T) / size + offset
        reach = self.radii[:, None] / size
        low = np.floor((points - reach).min(axis=0)).astype(np.int64)
        shape = np.ceil((points + reach).max(axis=0)).astype(np.int64) - low + 1
        return covered(points - low, self.radii, size, shape, walled=(0, 1, 2)), low


class ShellShape(BallShape):
    """A closed membrane's balls with all that they enclose."""

    def _mask(
        self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        from scipy.ndimage import label

        mask, low = super()._mask(rotation, offset, size)
        around, _ = label(np.pad(~mask, 1, constant_values=True))
        return (around != around[0, 0, 0])[1:-1, 1:-1, 1:-1], low


def _telling_first(points: np.ndarray) -> np.ndarray:
    """Return an order of points (n, 3): a few far out, then all others at random."""
    outward = np.argsort(-((points - points.mean(axis=0)) ** 2).sum(axis=1), kind="stable")
    return np.concatenate(
        [outward[:_FIRST], np.random.default_rng(0).permutation(outward[_FIRST:])]
    )


class Lattice:
    """Which voxels of a box are taken; `spacing` is the longest edge that they may have, nm."""

    def __init__(self, boundary: Boundary, *, spacing: float, obstacle: Obstacle | None) -> None:
        box = np.array(boundary.box)
        self.inner = inner = np.ceil(box / spacing).astype(np.int64)
        self.size = box / inner
        self.start = self.size / 2 - box / 2
        self.shape = inner + np.where(boundary.walls, 2, 0)
        self.taken = np.zeros(self.shape, np.bool_)
        for axis in np.flatnonzero(boundary.walls).tolist():
            np.moveaxis(self.taken, axis, 0)[inner[axis] :] = True
        if obstacle is not None:
            for i in range(inner[0]):
                j, k = np.indices(tuple(inner[1:].tolist())).reshape(2, -1)
                points = self.start + np.stack([np.full(len(j), i), j, k], axis=1) * self.size
                blocked = obstacle.contains(points).reshape(inner[1:])
                self.taken[i, : inner[1], : inner[2]][blocked] = True

        self.depth = int(self.shape[2])
        # The same as bits, for `tries`. Rows are longer than the box, so that no word is cut.
        self.packed = np.zeros((*self.shape[:2], (self.depth - 1) // 64 + 2), np.uint64)
        for x, layer in enumerate(self.taken):
            y, z = np.nonzero(layer)
            self._pack(np.stack([np.full(len(y), x), y, z], axis=1))

    def index(self, point: np.ndarray) -> np.ndarray:
        """Return points (..., 3), nm, as fractional voxel indices."""
        return (point - self.start) / self.size

    def point(self, index: np.ndarray) -> np.ndarray:
        """Return fractional voxel indices (..., 3) as points, nm."""
        return self.start + index * self.size

    @property
    def voxel(self) -> float:
        """Volume of a voxel, nm³."""
        return float(self.size.prod())

    def covered(self, points: np.ndarray, radii: np.ndarray | float) -> np.ndarray:
        """Return the voxels whose centres lie within `radii` of points (n, 3), both in nm."""
        walled = np.flatnonzero(self.shape > self.inner)
        return covered(self.index(points), radii, self.size, self.shape, walled)

    def cells(self, voxels: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return voxels (n, 3) as indices into the lattice."""
        return tuple((voxels % self.shape).T)

    def free(self, voxels: np.ndarray) -> bool:
        """Return whether nothing has taken voxels (n, 3)."""
        return not self.taken[self.cells(voxels)].any()

    def shared(self, voxels: np.ndarray) -> float:
        """Return the part of voxels (n, 3) that has been taken."""
        return float(self.taken[self.cells(voxels)].mean())

    def take(self, voxels: np.ndarray) -> None:
        """Take voxels (n, 3)."""
        self.taken[self.cells(voxels)] = True
        self._pack(voxels)

    def _pack(self, voxels: np.ndarray) -> None:
        from .tries import pack

        pack(self.packed, self.depth, voxels)

    def folds(self, voxels: np.ndarray) -> bool:
        """Return whether voxels (n, 3), each of them once, are in one another's images."""
        if (np.ptp(voxels, axis=0) < self.shape).all():
            return False
        flat = np.ravel_multi_index(self.cells(voxels), tuple(self.shape))
        return len(np.unique(flat)) < len(flat)


class Region:
    """Voxels in which the centres of bodies may be, and the volume of what they are in, nm³.

    Of `voxels` (bool, of a lattice's shape), only those are drawn that are in `places`, too.
    """

    def __init__(
        self, voxels: np.ndarray, *, volume: float, places: np.ndarray | None = None
    ) -> None:
        self.voxels = voxels
        self.volume = volume
        kept = voxels if places is None else voxels & places
        self.places: np.ndarray = np.flatnonzero(kept).astype(np.uint32)

    def __len__(self) -> int:
        return len(self.places)

    def holds(self, index: np.ndarray) -> bool:
        """Return whether a place, in fractional indices (3,), is in the region."""
        return bool(self.voxels[tuple(np.rint(index).astype(np.int64) % self.voxels.shape)])


def covered(
    points: np.ndarray,
    radii: np.ndarray | float,
    size: np.ndarray,
    shape: np.ndarray,
    walled: np.ndarray | Sequence[int] = (),
) -> np.ndarray:
    """Return the voxels of a lattice of a shape whose centres lie in a union of balls.

    Balls are drawn as runs of voxels along z, which are counted where they begin and where they
    end. `points` (n, 3) are in voxels, `radii` (n,) and the voxels' edges `size` (3,) in nm; along
    the axes that are `walled` the lattice ends, along others it repeats.
    """
    shape = np.asarray(shape)
    radii = np.broadcast_to(np.asarray(radii, float), len(points))
    runs = np.zeros((*shape[:2], shape[2] + 1), np.int32)
    for radius in np.unique(radii):
        of_one = points[radii == radius]
        reach = np.ceil(radius / size[:2]).astype(int)
        columns = np.stack(
            np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1
        ).reshape(-1, 2)
        for some in np.array_split(of_one, 1 + len(of_one) * len(columns) // _COLUMNS):
            _add_runs(runs, some, columns, float(radius), size, shape, walled)
    return np.cumsum(runs[:, :, :-1], axis=2, dtype=np.int32) > 0


_COLUMNS = 1_000_000
"""Runs of voxels that are worked out at once."""


def _add_runs(
    runs: np.ndarray,
    points: np.ndarray,
    columns: np.ndarray,
    radius: float,
    size: np.ndarray,
    shape: np.ndarray,
    walled: np.ndarray | Sequence[int],
) -> None:
    """Count where the runs of voxels of balls of one radius begin and end."""
    at = np.rint(points[:, :2]).astype(np.int64)[:, None] + columns
    aside = (((at - points[:, None, :2]) * size[:2]) ** 2).sum(axis=2)
    met = aside <= radius**2
    for axis in (0, 1):
        if axis in walled:
            met &= (at[..., axis] >= 0) & (at[..., axis] < shape[axis])
    row, column = np.nonzero(met)
    half = np.sqrt(radius**2 - aside[row, column]) / size[2]
    low = np.ceil(points[row, 2] - half).astype(np.int64)
    high = np.floor(points[row, 2] + half).astype(np.int64) + 1
    n = int(shape[2])
    if 2 in walled:
        low, high = np.clip(low, 0, n), np.clip(high, 0, n)
    full = high - low >= n
    low, high = np.where(full, 0, low), np.where(full, n, high)
    first = low % n
    last = first + np.maximum(high - low, 0)
    line = ((at[row, column, 0] % shape[0]) * shape[1] + at[row, column, 1] % shape[1]) * (n + 1)
    flat = runs.reshape(-1)
    one = np.int32(1)
    np.add.at(flat, line + first, one)
    np.add.at(flat, line + np.minimum(last, n), -one)
    around = last > n
    np.add.at(flat, line[around], one)
    np.add.at(flat, line[around] + last[around] - n, -one)
