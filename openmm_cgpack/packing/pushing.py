"""Lists of the points of rigid bodies that are close, and the pushes between them: compiled.

See `contacts` for which bodies are compared when, and `repulsion` for what becomes of the pushes.
All is worked out in the second body's own frame, into which the first is moved.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .solids import into_frame, near

_FIRST = 4096
"""Pairs of points for which there is room at least."""


@njit(cache=True)
def list_pairs(
    solids, species, rotations, translations, bodies, shifts, stale, begin, end, pairs, used, skin
):
    """List the points of pairs of bodies that touch, or come within a skin of it.

    Parameters
    ----------
    solids : Solids
    species : (n,) int array
        Of the bodies, numbers in the solids.
    rotations, translations : (n, 3, 3), (n, 3) arrays
        The bodies' poses, nm.
    bodies, shifts : (k, 2) int array, (k, 3) array
        Pairs of bodies, and what is added to the first to get its image near the second, nm.
    stale : (s,) int array
        Those that are to be compared.
    begin, end : (k,) int arrays
        Where the list of each begins and ends in the pairs of points; changed in place.
    pairs : (p, 2) int array
        Pairs of points, numbered as in the solids; new lists are put behind the old ones.
    used : int
        How many of its rows are taken.
    skin : float
        By how much more than the sum of the radii two points may be apart, nm.

    Returns
    -------
    pairs, used
        The same, in a new array where it was too small.
    """
    turn, move = np.empty((3, 3)), np.empty(3)
    for p in stale:
        one, other = bodies[p]
        apart = translations[one] + shifts[p] - translations[other]
        into_frame(rotations[one], rotations[other], apart, turn, move)
        end[p] = begin[p]
        got, room = 0, len(pairs) - used
        if room > 0:
            got = near(solids, species[one], species[other], turn, move, skin, pairs[used:])
        while got == room:
            pairs, used = _with_room(begin, end, pairs, room)
            room = len(pairs) - used
            got = near(solids, species[one], species[other], turn, move, skin, pairs[used:])
        begin[p], end[p] = used, used + got
        used += got
    return pairs, used


@njit(cache=True)
def _with_room(begin, end, pairs, room):
    """Return lists one after the other, with as much behind them, and more than some room."""
    more = np.empty((2 * ((end - begin).sum() + room) + _FIRST, 2), np.int32)
    used = 0
    for p in range(len(begin)):
        first = used
        # One by one: slices take seconds more to compile.
        for k in range(begin[p], end[p]):
            more[used, 0], more[used, 1] = pairs[k, 0], pairs[k, 1]
            used += 1
        begin[p], end[p] = first, used
    return more, used


@njit(cache=True)
def push(
    solids, species, rotations, translations, bodies, shifts, live, begin, end, pairs, allowed
):
    """Add up the pushes of points that are closer than the sum of their radii.

    Each pushes by as much as the two overlap, along the line between them.

    Parameters
    ----------
    solids, species, rotations, translations, bodies, shifts, begin, end, pairs
        As for `list_pairs`.
    live : (l,) int array
        The pairs of bodies that are looked at.
    allowed : float
        Overlap that does not count as beyond, nm.

    Returns
    -------
    force, torque : (n, 3), (n, 3) arrays
        On the bodies, nm and nm^2; the torque is about the body's origin.
    contacts : (n,) array
        The number of pushes on each.
    spread : (n, 3, 3) array
        The sum of the outer products of the pushed points, from the body's origin, nm^2.
    deepest : (n,) array
        Of each body's overlaps, nm.
    touching : (l,) bool array
        Which pairs of bodies touch.
    total : (2,) array
        Half the sums of the squares of all overlaps, and of what is beyond, nm^2.
    """
    n = len(species)
    force, torque, contacts = np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n)
    spread, deepest, total = np.zeros((n, 3, 3)), np.zeros(n), np.zeros(2)
    touching = np.zeros(len(live), np.bool_)
    turn, move = np.empty((3, 3)), np.empty(3)
    at, lever, line, f = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    torques, spreads = np.empty((2, 3)), np.empty((2, 3, 3))
    for q in range(len(live)):
        p = live[q]
        if begin[p] == end[p]:
            continue
        one, other = bodies[p]
        apart = translations[one] + shifts[p] - translations[other]
        into_frame(rotations[one], rotations[other], apart, turn, move)
        f[:], torques[:], spreads[:] = 0.0, 0.0, 0.0
        count, deep, before = 0, 0.0, -1
        for k in range(begin[p], end[p]):
            i, j = pairs[k]
            if i != before:
                before = i
                for a in range(3):
                    lever[a] = (
                        turn[a, 0] * solids.points[i, 0]
                        + turn[a, 1] * solids.points[i, 1]
                        + turn[a, 2] * solids.points[i, 2]
                    )
                    at[a] = lever[a] + move[a]
            far = 0.0
            for a in range(3):
                line[a] = at[a] - solids.points[j, a]
                far += line[a] * line[a]
            touch = solids.radii[i] + solids.radii[j]
            if far >= touch * touch:
                continue
            far = np.sqrt(far)
            depth = touch - far
            if far > 0.0:
                for a in range(3):
                    line[a] *= depth / far
            else:
                # Two points in one place are pushed apart along x.
                line[0] = depth
            count += 1
            deep = max(deep, depth)
            total[0] += depth * depth / 2
            total[1] += max(depth - allowed, 0.0) ** 2 / 2
            for a in range(3):
                b, c = (a + 1) % 3, (a + 2) % 3
                f[a] += line[a]
                torques[0, a] += lever[b] * line[c] - lever[c] * line[b]
                torques[1, a] -= solids.points[j, b] * line[c] - solids.points[j, c] * line[b]
                for d in range(3):
                    spreads[0, a, d] += lever[a] * lever[d]
                    spreads[1, a, d] += solids.points[j, a] * solids.points[j, d]
        if count == 0:
            continue
        touching[q] = True
        for side in range(2):
            body, sign = (one, 1.0) if side == 0 else (other, -1.0)
            contacts[body] += count
            deepest[body] = max(deepest[body], deep)
            for a in range(3):
                for b in range(3):
                    force[body, a] += sign * rotations[other, a, b] * f[b]
                    torque[body, a] += rotations[other, a, b] * torques[side, b]
                    for c in range(3):
                        for d in range(3):
                            spread[body, a, b] += (
                                rotations[other, a, c]
                                * spreads[side, c, d]
                                * rotations[other, b, d]
                            )
    return force, torque, contacts, spread, deepest, touching, total
