"""Random sequential addition on a lattice: shapes, and the room between them, as voxels.

**The problem.** Molecules are put into a box one after the other, each at random and without
overlap with those before it. When the box is a quarter full, nearly every random place is taken, so
a molecule must be tried at thousands of places; atoms against atoms that is too slow.

**The idea.** The box is a lattice of voxels, each taken or free (`Lattice`). A molecule at a
rotation is a mask of voxels (`Shape.draw`); it fits where no voxel of the mask is taken. Room is
found in two ways:

- `Lattice.random_room` tests many random shifts at once, a few voxels of the mask at a time. Those
  farthest out come first, as they meet others first; most shifts drop out after 16 look-ups.
- `Lattice.searched_room` finds *all* shifts that fit into a random block of the box, and draws one.
  The correlation of the mask with the taken voxels says how many they share at every shift, and one
  fast Fourier transform gives it for all shifts. This pays when random shifts hardly ever fit.

**Regions.** A body whose centre is to be in a `Region`, a set of voxels, is tried at shifts that
bring it there only, and blocks are those around a voxel of the region: a small vesicle in a large
box costs no more tries than a large one.

**The right volume at every pose.** A mask drawn as all voxels that a molecule touches would be too
large. So atoms are counted in voxels, and as many voxels as make up the molecule's envelope volume
are taken, the fullest first. The volume fraction of a scene is then exact.

**Cost and limits.** One byte for each voxel. A search costs a few transforms of a block of 80 or
more voxels a side. Shapes are as coarse as the voxels, so that atoms of neighbours may still be too
close: `remove_clashes` moves them apart. Boxes repeat by taking indices modulo the lattice; walls
are extra layers of taken voxels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import fft

from ..core import BallModel, Obstacle
from ..core.boundary import Boundary

_THIN = 0.25
"""Edge of the cubes in which one point stands for all, nm."""
_FIRST = (16, 80)
"""After how many voxels of a mask the shifts that met something drop out."""
_AT_ONCE = 256
_AT_ONCE_IN_REGION = (256, 4096)
_BLOCK = 80


class Shape:
    """What a species fills, in its body frame: a molecule's atoms, or the balls of others."""

    def __init__(self, model: BallModel) -> None:
        structure = model.body
        if structure is not None:
            self.volume = model.volume
            positions, weights = _thinned(structure.positions, structure.atoms, _THIN)
        else:
            positions = _filled(model.positions, model.radii)
            weights = np.ones(len(positions))
            self.volume = len(positions) * _THIN**3
        self.positions = positions
        self.weights = weights.astype(np.float32)
        self.sharpness = 0.5 if structure is not None and (structure.atoms == 1).all() else 0.0
        self.gap = float((self.volume / len(positions)) ** (1 / 3))

    def draw(
        self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the voxels (x, y, z) of a pose as a mask, and the lattice index of its first.

        `offset` says where the body's origin lies, in voxels from the centre of voxel (0, 0, 0);
        `size` is the edges of a voxel, nm. Of voxels that are equally full, and in cavities, those
        with the fuller surroundings come first.
        """
        from scipy.ndimage import correlate1d

        passes = 1 if self.gap < size.min() else 2
        scaled = (self.positions @ rotation.T) / size + offset
        index = np.rint(scaled).astype(np.int64)
        low = index.min(axis=0) - passes
        shape = index.max(axis=0) - low + passes + 1
        flat = np.ravel_multi_index((index - low).T, shape)
        counts = np.bincount(flat, self.weights, minlength=int(shape.prod()))
        counts = counts.astype(np.float32).reshape(shape)
        around = counts
        for axis in range(3):
            for _ in range(passes):
                around = correlate1d(around, [0.25, 0.5, 0.25], axis=axis, mode="constant")
        # A loop of the chain fills a voxel and little around it.
        counts = around + self.sharpness * counts
        wanted = min(max(1, round(self.volume / float(size.prod()))), int((counts > 0).sum()))
        least = np.partition(counts.ravel(), counts.size - wanted)[counts.size - wanted]
        return _trimmed(counts >= least, low)


class BallShape:
    """What the balls of one instance fill, (b, 3) and (b,) nm in its body frame."""

    def __init__(self, positions: np.ndarray, radii: np.ndarray) -> None:
        self.positions = positions
        self.radii = radii

    def draw(
        self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the voxels of a pose as a mask, and the lattice index of its first."""
        points = (self.positions @ rotation.T) / size + offset
        reach = self.radii[:, None] / size
        low = np.floor((points - reach).min(axis=0)).astype(np.int64)
        shape = np.ceil((points + reach).max(axis=0)).astype(np.int64) - low + 1
        return _trimmed(covered(points - low, self.radii, size, shape, walled=(0, 1, 2)), low)


class ShellShape(BallShape):
    """A closed membrane's balls with all that they enclose."""

    def draw(
        self, rotation: np.ndarray, offset: np.ndarray, size: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the voxels of a pose as a mask, and the lattice index of its first."""
        from scipy.ndimage import label

        mask, low = super().draw(rotation, offset, size)
        around, _ = label(np.pad(~mask, 1, constant_values=True))
        return (around != around[0, 0, 0])[1:-1, 1:-1, 1:-1], low


class Lattice:
    """Which voxels of a box are taken; `spacing` is the longest edge that they may have, nm."""

    def __init__(self, boundary: Boundary, *, spacing: float, obstacle: Obstacle | None) -> None:
        box = np.array(boundary.box)
        self.inner = inner = np.ceil(box / spacing).astype(np.int64)
        self.size = box / inner
        self.start = self.size / 2 - box / 2
        self.shape = inner + np.where(boundary.walls, 2, 0)
        self.taken = np.zeros(self.shape, dtype=bool)
        for axis in np.flatnonzero(boundary.walls).tolist():
            np.moveaxis(self.taken, axis, 0)[inner[axis] :] = True
        if obstacle is not None:
            for i in range(inner[0]):
                j, k = np.indices(tuple(inner[1:].tolist())).reshape(2, -1)
                points = self.start + np.stack([np.full(len(j), i), j, k], axis=1) * self.size
                blocked = obstacle.contains(points).reshape(inner[1:])
                self.taken[i, : inner[1], : inner[2]] |= blocked

    def index(self, point: np.ndarray) -> np.ndarray:
        """Return points (..., 3), nm, as fractional voxel indices."""
        return (point - self.start) / self.size

    def point(self, index: np.ndarray) -> np.ndarray:
        """Return fractional voxel indices (..., 3) as points, nm."""
        return self.start + index * self.size

    def folded(self, mask: np.ndarray) -> np.ndarray | None:
        """Return a mask larger than the box folded into it, or None where it meets itself."""
        for axis in range(3):
            n = int(self.shape[axis])
            if mask.shape[axis] > n:
                pieces = np.array_split(mask, range(n, mask.shape[axis], n), axis=axis)
                total = np.zeros_like(pieces[0], dtype=np.int64)
                for piece in pieces:
                    where = [slice(None)] * 3
                    where[axis] = slice(0, piece.shape[axis])
                    total[tuple(where)] += piece
                if total.max() > 1:
                    return None
                mask = total > 0
        return mask

    @property
    def voxel(self) -> float:
        """Volume of a voxel, nm³."""
        return float(self.size.prod())

    def covered(self, points: np.ndarray, radii: np.ndarray | float) -> np.ndarray:
        """Return the voxels whose centres lie within `radii` of points (n, 3), both in nm."""
        walled = np.flatnonzero(self.shape > self.inner)
        return covered(self.index(points), radii, self.size, self.shape, walled)

    def free(self, mask: np.ndarray, low: np.ndarray) -> bool:
        """Return whether nothing has taken the voxels of a mask."""
        return not self.taken[self.cells(mask, low)].any()

    def shared(self, mask: np.ndarray, low: np.ndarray) -> float:
        """Return the part of a mask's voxels that has been taken."""
        return float(self.taken[self.cells(mask, low)].mean())

    def take(self, mask: np.ndarray, low: np.ndarray) -> None:
        """Take the voxels of a mask."""
        self.taken[self.cells(mask, low)] = True

    def cells(self, mask: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the indices of the voxels of a mask."""
        return tuple(((np.argwhere(mask) + low) % self.shape).T)

    def random_room(
        self,
        mask: np.ndarray,
        rng: np.random.Generator,
        region: Region | None = None,
        centre: np.ndarray | None = None,
    ) -> np.ndarray | None:
        """Return a random shift at which a mask is free, or None where many are not.

        `centre` (3,) is the place of the body's centre in the mask, which a region is to hold.
        """
        from scipy.ndimage import binary_erosion

        edge = np.argwhere(mask & ~binary_erosion(mask))
        outward = np.argsort(-((edge - edge.mean(axis=0)) ** 2).sum(axis=1), kind="stable")
        rest = rng.permutation(outward[_FIRST[0] :])
        edge = edge[np.concatenate([outward[: _FIRST[0]], rest])]
        parts = np.split(edge, [n for n in _FIRST if n < len(edge)])
        if region is None or centre is None:
            return self._first_free(mask, parts, rng.integers(self.shape, size=(_AT_ONCE, 3)))
        for count in _AT_ONCE_IN_REGION:
            shifts = (region.draw(rng, count) - centre) % self.shape
            found = self._first_free(mask, parts, shifts)
            if found is not None:
                return found
        return None

    def _first_free(
        self, mask: np.ndarray, edge: Sequence[np.ndarray], shifts: np.ndarray
    ) -> np.ndarray | None:
        """Return the first of shifts at which a mask is free; `edge` has its voxels in parts."""
        flat = self.taken.reshape(-1)
        # Where along each axis an index, folded into the box, lies in the flat array.
        strides = np.array([self.shape[1] * self.shape[2], self.shape[2], 1])
        x, y, z = (np.arange(2 * n) % n * s for n, s in zip(self.shape, strides, strict=True))
        for part in edge:
            at = shifts[:, None] + part
            cells = x[at[..., 0]] + y[at[..., 1]] + z[at[..., 2]]
            shifts = shifts[~flat[cells].any(axis=1)]
            if not len(shifts):
                return None
        for shift in shifts:
            # A shape whose edge is free may hold a smaller one inside.
            if self.free(mask, shift):
                return shift
        return None

    def searched_room(
        self,
        mask: np.ndarray,
        rng: np.random.Generator,
        region: Region | None = None,
        centre: np.ndarray | None = None,
    ) -> np.ndarray | None:
        """Return a random one of all shifts at which a mask is free in a random block of voxels."""
        block = _block(self.shape.tolist(), mask.shape)
        if region is None or centre is None:
            corner = rng.integers(self.shape)
        else:
            slack = np.array(block) - mask.shape
            corner = (region.draw(rng, 1)[0] - centre - rng.integers(slack + 1)) % self.shape
        rows = [(c + np.arange(b)) % n for c, b, n in zip(corner, block, self.shape, strict=True)]
        taken = self.taken[np.ix_(*rows)].astype(np.float32)
        shape = np.zeros(block, np.float32)
        shape[tuple(slice(0, n) for n in mask.shape)] = mask
        spectrum = fft.rfftn(taken, workers=-1) * np.conj(fft.rfftn(shape, workers=-1))
        met = fft.irfftn(spectrum, s=block, workers=-1)
        room = met < 0.5
        for axis in range(3):
            if block[axis] < self.shape[axis]:
                # Beyond this, the mask would reach around the block, which is not a whole box.
                beyond = [slice(None)] * 3
                beyond[axis] = slice(block[axis] - mask.shape[axis] + 1, None)
                room[tuple(beyond)] = False
        if region is not None and centre is not None:
            moved = [(r + c) % n for r, c, n in zip(rows, centre, self.shape, strict=True)]
            room &= region.voxels[np.ix_(*moved)]
        found = np.flatnonzero(room)
        if not len(found):
            return None
        shift = np.array(np.unravel_index(rng.choice(found), room.shape))
        return (corner + shift) % self.shape


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
        self._places: np.ndarray = np.flatnonzero(kept).astype(np.min_scalar_type(kept.size))

    def __len__(self) -> int:
        return len(self._places)

    def holds(self, index: np.ndarray) -> bool:
        """Return whether a place, in fractional indices (3,), is in the region."""
        return bool(self.voxels[tuple(np.rint(index).astype(np.int64) % self.voxels.shape)])

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return random voxels of the region, (count, 3)."""
        drawn = self._places[rng.integers(len(self._places), size=count)].astype(np.int64)
        return np.stack(np.unravel_index(drawn, self.voxels.shape), axis=1)


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


def _trimmed(mask: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a mask without the layers around it that are empty, and the index of its first."""
    filled = [np.flatnonzero(mask.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    return mask[tuple(slice(f[0], f[-1] + 1) for f in filled)], low + [f[0] for f in filled]


def _block(shape: Sequence[int], mask: Sequence[int]) -> tuple[int, ...]:
    """Return edges of a block in which a mask has room to move, fit for fast transforms."""
    edges = []
    for n, m in zip(shape, mask, strict=True):
        edge = fft.next_fast_len(max(_BLOCK, 2 * m), real=True)
        edges.append(int(min(n, edge)))
    return tuple(edges)


def _thinned(
    positions: np.ndarray, weights: np.ndarray, edge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return one point for the points of each small cube, at their mean, and their weights."""
    cubes = np.floor(positions / edge).astype(np.int64)
    _, group = np.unique(cubes, axis=0, return_inverse=True)
    group = group.reshape(-1)
    total = np.bincount(group, weights)
    mean = np.stack([np.bincount(group, weights * x) for x in positions.T], axis=1)
    return mean / total[:, None], total


def _filled(centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return the points of a lattice that lie in a union of balls."""
    cells = []
    for centre, radius in zip(centres, radii, strict=True):
        low = np.floor((centre - radius) / _THIN).astype(np.int64)
        high = np.ceil((centre + radius) / _THIN).astype(np.int64)
        axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
        cube = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        inside = ((cube * _THIN - centre) ** 2).sum(axis=1) <= radius**2
        cells.append(cube[inside])
    return np.unique(np.concatenate(cells), axis=0) * _THIN
