"""Rigid species by all of their points, such that bodies are compared exactly and at once.

**The problem.** To say that no two atoms of two bodies are within 0.25 nm, all must be looked at,
and two large molecules have 10⁹ pairs of atoms.

**The idea.** Bodies are rigid. So each species' points are sorted, once and in its own frame, into
the cells of a cubic grid, and each cell knows how much room its centre has: the distance of the
nearest point's sphere. Points in one cell are a *cluster*, with a sphere around them. To compare
two bodies (`near`), the clusters' centres of the one are moved into the other's frame, where most
drop out by one look-up of the room there; of the others the points are looked up the same way, and
only those with little room are compared with the points in the cells around them.

**The data** (`Solids`) are flat arrays of all species of a scene, made for compiled code. A pair of
bodies needs nothing but two species' numbers and a rigid motion; instances need no memory.

**Cost and limits.** A comparison takes about 5 ns a cluster, of which a molecule of 20 000 atoms
has two thousand, and little more where bodies are not in each other. Making the data takes half a
microsecond a point. With a large skin clusters drop out late, and it is as exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

_EDGE = 0.6
"""Edge of the cells, nm."""
_OFF = _EDGE * np.sqrt(3) / 2
"""How far from the centre of its cell a point may be, nm."""
_KNOWN = 1.3
"""Up to how much room of a cell is known, nm."""


class Solids(NamedTuple):
    """Points of species, sorted in cells: c cells, p points and k clusters of s species in all.

    Attributes
    ----------
    points, radii : (p, 3), (p,) arrays
        In the body frames, nm; two points touch at the sum of their radii.
    order : (p,) int array
        Of each point, its number in its species as it was given.
    first : (s + 1,) int array
        The first point of each species.
    low : (s, 3) array
        Lower corner of each species' grid of cells, nm.
    shape : (s, 3) int array
        Cells of the grid along x, y and z.
    cell : (s + 1,) int array
        The first cell of each species.
    start : (c + 1,) int array
        The first point of each cell.
    room : (c,) array
        Distance from the cell's centre to the nearest sphere, nm; 1.3 stands for all more.
    cluster : (s + 1,) int array
        The first cluster of each species.
    begin, end : (k,) int arrays
        The points of each cluster.
    middle, size : (k, 3), (k,) arrays
        Sphere that holds those of the cluster's points, nm.
    reach, largest : (s,) arrays
        How far from the body frame's origin each species reaches, and its largest radius, nm.
    """

    points: np.ndarray
    radii: np.ndarray
    order: np.ndarray
    first: np.ndarray
    low: np.ndarray
    shape: np.ndarray
    cell: np.ndarray
    start: np.ndarray
    room: np.ndarray
    cluster: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    middle: np.ndarray
    size: np.ndarray
    reach: np.ndarray
    largest: np.ndarray


def solids_of(species: Sequence[tuple[np.ndarray, np.ndarray]]) -> Solids:
    """Return species, each given by its points (p, 3) and their radii (p,), nm, as solids."""
    parts = [_sorted(np.ascontiguousarray(points, float), radii) for points, radii in species]
    n_points = np.cumsum([0, *(len(part["points"]) for part in parts)])
    n_cells = np.cumsum([0, *(len(part["room"]) for part in parts)])
    n_clusters = np.cumsum([0, *(len(part["size"]) for part in parts)])

    def joined(key: str, shift: np.ndarray | None = None) -> np.ndarray:
        if shift is None:
            return np.concatenate([part[key] for part in parts])
        return np.concatenate([part[key] + n for part, n in zip(parts, shift, strict=False)])

    return Solids(
        points=joined("points"),
        radii=joined("radii"),
        order=joined("order"),
        first=n_points,
        low=np.stack([part["low"] for part in parts]),
        shape=np.stack([part["shape"] for part in parts]),
        cell=n_cells,
        start=np.append(joined("start", n_points), n_points[-1]),
        room=joined("room"),
        cluster=n_clusters,
        begin=joined("begin", n_points),
        end=joined("end", n_points),
        middle=joined("middle"),
        size=joined("size"),
        reach=np.array([part["reach"] for part in parts]),
        largest=np.array([part["radii"].max() for part in parts]),
    )


def _sorted(points: np.ndarray, radii: np.ndarray) -> dict[str, np.ndarray]:
    """Return one species' part of the solids, its numbers counted from 0."""
    radii = np.broadcast_to(np.asarray(radii, float), len(points))
    # Outside of the grid there is more room than is known.
    pad = int(np.ceil((_KNOWN + radii.max()) / _EDGE)) + 1
    cells = np.floor(points / _EDGE).astype(np.int64)
    first = cells.min(axis=0) - pad
    shape = cells.max(axis=0) - first + pad + 1
    flat = np.ravel_multi_index(tuple((cells - first).T), tuple(shape))
    order = np.argsort(flat, kind="stable")
    counts = np.bincount(flat, minlength=int(shape.prod()))
    start = np.cumsum(counts) - counts
    points, radii = points[order], radii[order]
    low = first * _EDGE
    far = (_KNOWN + radii.max()) / _EDGE
    nearest = np.full(len(counts), far**2, np.float32)
    _find_nearest(points, low, shape, far, nearest)
    # A little less, for the digits that are cut.
    room = np.sqrt(nearest) * _EDGE - radii.max() - 1e-5
    begin = start[counts > 0]
    end = begin + counts[counts > 0]
    middle = np.add.reduceat(points, begin, axis=0) / (end - begin)[:, None]
    apart = np.linalg.norm(points - np.repeat(middle, end - begin, axis=0), axis=1) + radii
    return {
        "points": points,
        "radii": radii,
        "order": order,
        "low": low,
        "shape": shape,
        "start": start,
        "room": room,
        "begin": begin,
        "end": end,
        "middle": middle,
        "size": np.maximum.reduceat(apart, begin),
        "reach": (np.linalg.norm(points, axis=1) + radii).max(),
    }


@njit(cache=True)
def _find_nearest(points, low, shape, far, nearest):
    """Lower each cell's squared distance from its centre to the nearest point, in edges.

    Points farther than `far` edges along an axis do not count.
    """
    for i in range(len(points)):
        x = (points[i, 0] - low[0]) / _EDGE - 0.5
        y = (points[i, 1] - low[1]) / _EDGE - 0.5
        z = (points[i, 2] - low[2]) / _EDGE - 0.5
        first = int(np.ceil(z - far))
        n = int(np.floor(z + far)) + 1 - first
        for a in range(int(np.ceil(x - far)), int(np.floor(x + far)) + 1):
            for b in range(int(np.ceil(y - far)), int(np.floor(y + far)) + 1):
                aside = (a - x) ** 2 + (b - y) ** 2
                row = (a * shape[1] + b) * shape[2] + first
                line = nearest[row : row + n]
                for c in range(n):
                    squared = np.float32(aside + (first + c - z) ** 2)
                    line[c] = squared if squared < line[c] else line[c]


@njit(cache=True)
def near(solids, one, other, turn, shift, skin, pairs):
    """List the points of two bodies that touch, or come within a skin of it.

    Parameters
    ----------
    solids : Solids
    one, other : int
        The bodies' species.
    turn, shift : (3, 3), (3,) arrays
        ``x' = turn x + shift`` takes the frame of the one to that of the other, nm.
    skin : float
        By how much more than the sum of the radii two points may be apart, nm.
    pairs : (n, 2) int array
        Filled with points of the one and of the other, numbered as in `solids`.

    Returns
    -------
    int
        The number of pairs. When `pairs` is full there may be more of them.
    """
    found = 0
    at = np.empty(3)
    for k in range(solids.cluster[one], solids.cluster[one + 1]):
        _moved(turn, shift, solids.middle[k], at)
        if _room(solids, other, at) > solids.size[k] + skin:
            continue
        for i in range(solids.begin[k], solids.end[k]):
            _moved(turn, shift, solids.points[i], at)
            radius = solids.radii[i] + skin
            if _room(solids, other, at) > radius:
                continue
            found = _add_near(solids, other, at, i, radius, pairs, found)
            if found == len(pairs):
                return found
    return found


@njit(cache=True)
def into_frame(rotation, turned, apart, turn, shift):
    """Fill in the motion into the frame of another body, `turned`, of one at a rotation.

    `apart` (3,) is how far the one's origin is from the other's, nm; ``x' = turn x + shift``.
    """
    for a in range(3):
        shift[a] = 0.0
        for c in range(3):
            shift[a] += turned[c, a] * apart[c]
        for b in range(3):
            turn[a, b] = 0.0
            for c in range(3):
                turn[a, b] += turned[c, a] * rotation[c, b]


@njit(cache=True)
def _moved(turn, shift, point, at):
    for a in range(3):
        at[a] = turn[a, 0] * point[0] + turn[a, 1] * point[1] + turn[a, 2] * point[2] + shift[a]


@njit(cache=True)
def _room(solids, species, at):
    """Return at most as much room as a point has in the frame of a species, nm."""
    shape, low = solids.shape[species], solids.low[species]
    cell = 0
    for a in range(3):
        n = int(np.floor((at[a] - low[a]) / _EDGE))
        if n < 0 or n >= shape[a]:
            return _KNOWN - _OFF
        cell = cell * shape[a] + n
    return solids.room[solids.cell[species] + cell] - _OFF


@njit(cache=True)
def _add_near(solids, other, at, i, radius, pairs, found):
    """Append the pairs of point `i`, at `at` in the other's frame, with the points around."""
    far = radius + solids.largest[other]
    shape, low = solids.shape[other], solids.low[other]
    ends = np.empty((3, 2), np.int64)
    for a in range(3):
        ends[a, 0] = max(0, int(np.floor((at[a] - far - low[a]) / _EDGE)))
        ends[a, 1] = min(shape[a] - 1, int(np.floor((at[a] + far - low[a]) / _EDGE)))
        if ends[a, 0] > ends[a, 1]:
            # Too far off the grid for any of its points.
            return found
    for a in range(ends[0, 0], ends[0, 1] + 1):
        for b in range(ends[1, 0], ends[1, 1] + 1):
            row = solids.cell[other] + (a * shape[1] + b) * shape[2]
            # Cells along z follow one another, and so do their points.
            for j in range(solids.start[row + ends[2, 0]], solids.start[row + ends[2, 1] + 1]):
                x = solids.points[j, 0] - at[0]
                y = solids.points[j, 1] - at[1]
                z = solids.points[j, 2] - at[2]
                if x * x + y * y + z * z < (radius + solids.radii[j]) ** 2:
                    pairs[found, 0], pairs[found, 1] = i, j
                    found += 1
                    if found == len(pairs):
                        return found
    return found
