"""Random places for a body in a box, tried until the first that is free.

A body at a rotation is a list of voxels. They are looked up one after the other in the lattice of
what is taken, for 64 places in a row along z at once: its rows are bits, and 64 places are a word
that starts at a random place. The word loses the places where a voxel is taken, and when none is
left the try ends, after half a microsecond. Where a place is free, a rigid body's points are
compared with those of the bodies around it (see `crowd`).

**Each free place has the same chance.** To take one of those in a word would favour the narrow
gaps: a place with free neighbours would share its chance with them. So a word of k free places is
taken with a chance of k in n only, n being no less than k, and is a try in vain otherwise. At first
n is 64. Where tries fail gaps are small, and n falls to 8, which saves most of them, or to k where
that is more. At a fraction of 0.25 that takes a little of the chance of the 1 to 19 % of a species'
free places that lie among more than eight in a word.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .crowd import meets, meets_itself

_LOOK = 64
"""As many tries is a look at the atoms worth, so that small bodies, which voxels tell little of,
take no longer than others."""
_ONE, _LAST, _ALL = np.uint64(1), np.uint64(63), np.uint64(2**64 - 1)


@njit(cache=True)
def drawn(points, rotation, size, offset):
    """Return the voxels that hold turned points (p, 3), nm, the origin at `offset` from voxel 0."""
    cells = np.empty((len(points), 3), np.int64)
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for a in range(3):
            at = rotation[a, 0] * x + rotation[a, 1] * y + rotation[a, 2] * z
            cells[i, a] = int(np.floor(at / size[a] + offset[a] + 0.5))
    return cells


@njit(cache=True)
def pack(packed, depth, cells):
    """Take voxels (n, 3) in rows of bits along z, which repeat after a depth to the row's end."""
    n, m, words = packed.shape
    for i in range(len(cells)):
        row = packed[cells[i, 0] % n, cells[i, 1] % m]
        for z in range(cells[i, 2] % depth, 64 * words, depth):
            row[z >> 6] |= _ONE << np.uint64(z & 63)


@njit(cache=True)
def mark(points, reach, step, filled):
    """Mark what is within their reach of points: `filled` (x, y, z), its points a `step` apart."""
    for i in range(len(points)):
        far = reach[i] / step
        x, y, z = points[i, 0] / step, points[i, 1] / step, points[i, 2] / step
        for a in range(int(np.ceil(x - far)), int(np.floor(x + far)) + 1):
            for b in range(int(np.ceil(y - far)), int(np.floor(y + far)) + 1):
                for c in range(int(np.ceil(z - far)), int(np.floor(z + far)) + 1):
                    if (a - x) ** 2 + (b - y) ** 2 + (c - z) ** 2 <= far * far:
                        filled[a, b, c] = True


@njit(cache=True)
def first_room(
    packed,
    depth,
    few,
    cells,
    places,
    state,
    most,
    start,
    size,
    low,
    high,
    solids,
    crowd,
    species,
    rotation,
    found,
):
    """Find a random place that is free.

    Parameters
    ----------
    packed : (x, y, w) uint64 array
        Rows of the lattice, see `pack`.
    depth : int
        Its voxels along z.
    few : int
        A free place of a word is taken with a chance of one in so many, or of one in as many as are
        free, where these are more.
    cells : (n, 3) int array
        The body's voxels from the one that its centre is in, those first that tell most.
    places : (p,) int array
        Voxels that may hold its centre, as indices into the flat lattice; all where p is 0.
    state : (1,) uint64 array
        Of the random numbers.
    most : int
        Words that are tried, or places where `places` says which; a look at the atoms in vain
        counts as 64 more.
    start, size : (3,) arrays
        Where the centre is when its voxel is (0, 0, 0), and a voxel's edges, nm.
    low, high : (3,) arrays
        Between which the centre is to be, nm.
    solids, crowd, species, rotation
        See `crowd.meets`; a species of -1 is not compared by its points.
    found : (3,) int array
        Filled with the voxel of the centre.

    Returns
    -------
    int
        How many were tried up to that which is free; 0 where none is.
    """
    flat = packed.ravel()
    n, m, words = packed.shape
    edge = np.array((n, m, depth), np.int64)
    stride = np.array((m * words, words, 1), np.int64)
    # Steps along the flat rows and along z, folded into the box.
    steps = np.empty(cells.shape, np.int64)
    for i in range(len(cells)):
        for a in range(3):
            steps[i, a] = cells[i, a] % edge[a] * stride[a]
    if species >= 0 and meets_itself(solids, crowd, species, rotation):
        return 0
    last = edge * stride
    centre = np.empty(3)
    tried = 0
    while tried < most:
        tried += 1
        if len(places):
            place = places[_below(state, len(places))]
            found[0], found[1], found[2] = place // (m * depth), place // depth % m, place % depth
        else:
            for a in range(3):
                found[a] = _below(state, edge[a])
        x, y, z = found[0] * stride[0], found[1] * stride[1], found[2]
        free = _ONE if len(places) else _ALL
        for i in range(len(steps)):
            u, v, w = steps[i, 0] + x, steps[i, 1] + y, steps[i, 2] + z
            u -= last[0] if u >= last[0] else 0
            v -= last[1] if v >= last[1] else 0
            w -= last[2] if w >= last[2] else 0
            at, bit = np.uint64(u + v + (w >> 6)), np.uint64(w & 63)
            rest = flat[at + _ONE] << _ONE << (_LAST - bit)
            free &= ~(flat[at] >> bit | rest)
            if free == 0:
                break
        if free == 0:
            continue
        if not len(places):
            chosen = _chosen(state, free, few)
            if chosen < 0:
                continue
            found[2] = (z + chosen) % depth
        inside = True
        for a in range(3):
            centre[a] = start[a] + found[a] * size[a]
            inside &= low[a] <= centre[a] <= high[a]
        if inside:
            if species < 0 or not meets(solids, crowd, species, rotation, centre):
                return tried
            tried += _LOOK
    return 0


@njit(cache=True)
def _chosen(state, free, few):
    """Return one of the free places of a word, each with a chance of one in `few`, or -1."""
    count = np.int64(0)
    for i in range(64):
        count += np.int64(free >> np.uint64(i) & _ONE)
    left = _below(state, max(few, count))
    for i in range(64):
        left -= np.int64(free >> np.uint64(i) & _ONE)
        if left < 0:
            return i
    return -1


@njit(cache=True)
def _below(state, n):
    """Return a random whole number from 0 to n - 1 by SplitMix64 (Steele et al. 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    x = state[0]
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = (x ^ (x >> np.uint64(31))) >> np.uint64(32)
    return np.int64((x * np.uint64(n)) >> np.uint64(32))
