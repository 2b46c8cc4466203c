"""The rigid bodies put into a box so far, and whether another would come too close to any of them.

Bodies are sorted into the cells of a box by their centres, so that those around a place are found
in no more time in a large scene than in a small one. Cells beyond the box stand for images: a body
may meet several images of another, and of itself, however small the box is. Those whose enclosing
spheres meet are compared by all of their points (see `solids`).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import numpy as np
from numba import njit

from ..core import BallModel, Obstacle
from ..core.boundary import Boundary
from .solids import into_frame, near, solids_of
from .surfaces import Limits, atom_points

_MOST_CELLS = 200
"""Along an edge of the box."""
_FIRST = 64
"""Bodies for which there is room at first."""


class Placed:
    """The rigid bodies of some species in a box so far, whose atoms keep a distance, nm."""

    def __init__(
        self,
        models: Sequence[BallModel],
        *,
        boundary: Boundary,
        obstacle: Obstacle | None,
        distance: float,
    ) -> None:
        self.points = [atom_points(model, distance) for model in models]
        # Compiled code wants a species where there is none, too.
        self.solids = solids_of(self.points or [(np.zeros((1, 3)), np.ones(1))])
        self.crowd = empty_crowd(boundary, float(self.solids.reach.max()))
        self.n = 0
        self.boundary = boundary
        self.limits = Limits(boundary, obstacle, float(self.solids.largest.max()))

    def emptied(self) -> Placed:
        """Return the same species in the same box, without any body."""
        other = copy(self)
        other.crowd = empty_crowd(self.boundary, float(self.solids.reach.max()))
        other.n = 0
        return other

    def add(self, species: int, rotation: np.ndarray, centre: np.ndarray) -> None:
        """Add a body at a pose, nm."""
        n = self.n
        if n == len(self.crowd.after):
            self.crowd = twice_as_large(self.crowd)
        crowd, place = self.crowd, self.boundary.wrap(centre)
        crowd.species[n], crowd.rotations[n], crowd.centres[n] = species, rotation, place
        cells = np.array(crowd.head.shape)
        cell = np.floor((place / crowd.box + 0.5) * cells).astype(np.int64)
        at = tuple(np.clip(cell, 0, cells - 1))
        crowd.after[n], crowd.head[at] = crowd.head[at], n
        self.n += 1

    def between(self, species: int, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return between which places, (3,) and (3,) nm, a body's centre is clear of walls."""
        low, high = np.full(3, -np.inf), np.full(3, np.inf)
        points, radii = self.points[species]
        for axis in np.flatnonzero(self.boundary.walls).tolist():
            height = points @ rotation[axis]
            low[axis] = -self.limits.top[axis] - (height - radii).min()
            high[axis] = self.limits.top[axis] - (height + radii).max()
        return low, high

    def free_of_obstacle(self, species: int, rotation: np.ndarray, centre: np.ndarray) -> bool:
        """Return whether the obstacle has none of a body's points."""
        if self.limits.obstacle is None:
            return True
        solids, s = self.solids, species
        clusters = slice(solids.cluster[s], solids.cluster[s + 1])
        middles = solids.middle[clusters] @ rotation.T + centre
        near_it = self.limits.depth(middles, solids.size[clusters])[0] > 0
        if not near_it.any():
            return True
        points, radii = self.points[s]
        return bool((self.limits.depth(points @ rotation.T + centre, radii)[0] <= 0).all())

    def free(self, species: int, rotation: np.ndarray, centre: np.ndarray) -> bool:
        """Return whether a body has room at a pose, nm."""
        low, high = self.between(species, rotation)
        inside = bool(((low <= centre) & (centre <= high)).all())
        wrapped = self.boundary.wrap(centre)
        return (
            inside
            and not meets_itself(self.solids, self.crowd, species, rotation)
            and not meets(self.solids, self.crowd, species, rotation, wrapped)
            and self.free_of_obstacle(species, rotation, centre)
        )


class Crowd(NamedTuple):
    """Bodies in the cells of a box around 0.

    Attributes
    ----------
    box, repeat : (3,) arrays
        The box's edges, and the distance to the next image, 0 where there is none, nm.
    reach : (1,) array
        How far from its centre any body reaches at most, nm.
    head : (x, y, z) int array
        The body that was last put into each cell, -1 where there is none.
    after : (n,) int array
        The body that was put into a body's cell before it, -1 where there is none.
    species, rotations, centres : (n,), (n, 3, 3), (n, 3) arrays
        What they are and where, nm.
    """

    box: np.ndarray
    repeat: np.ndarray
    reach: np.ndarray
    head: np.ndarray
    after: np.ndarray
    species: np.ndarray
    rotations: np.ndarray
    centres: np.ndarray


def empty_crowd(boundary: Boundary, reach: float) -> Crowd:
    """Return a box without bodies, for some that reach so far from their centres, nm."""
    box = np.array(boundary.box)
    return Crowd(
        box=box,
        repeat=boundary.repeat,
        reach=np.array([reach]),
        head=np.full(np.clip(box / reach, 1, _MOST_CELLS).astype(np.int64), -1),
        after=np.full(_FIRST, -1),
        species=np.zeros(_FIRST, np.int64),
        rotations=np.zeros((_FIRST, 3, 3)),
        centres=np.zeros((_FIRST, 3)),
    )


def twice_as_large(crowd: Crowd) -> Crowd:
    """Return a crowd with room for twice as many bodies."""
    names = ("after", "species", "rotations", "centres")
    return crowd._replace(**{name: np.concatenate([getattr(crowd, name)] * 2) for name in names})


@njit(cache=True)
def meets(solids, crowd, species, rotation, centre):
    """Return whether a body would touch one of those that are there, or an image of one.

    Parameters
    ----------
    solids : Solids
        The species by their points, which touch at the sum of their radii.
    crowd : Crowd
    species : int
    rotation, centre : (3, 3), (3,) arrays
        Pose of the body frame, nm.
    """
    pair = np.empty((1, 2), np.int32)
    ends = np.empty((3, 2), np.int64)
    far = solids.reach[species] + crowd.reach[0]
    for a in range(3):
        ends[a, 0] = _cell(crowd, a, centre[a] - far)
        ends[a, 1] = _cell(crowd, a, centre[a] + far)
        if crowd.repeat[a] == 0.0:
            ends[a, 0] = max(ends[a, 0], 0)
            ends[a, 1] = min(ends[a, 1], crowd.head.shape[a] - 1)
    apart = np.empty(3)
    n, m, o = crowd.head.shape
    for i in range(ends[0, 0], ends[0, 1] + 1):
        for j in range(ends[1, 0], ends[1, 1] + 1):
            for k in range(ends[2, 0], ends[2, 1] + 1):
                body = crowd.head[i % n, j % m, k % o]
                while body >= 0:
                    apart[0] = crowd.centres[body, 0] + i // n * crowd.repeat[0] - centre[0]
                    apart[1] = crowd.centres[body, 1] + j // m * crowd.repeat[1] - centre[1]
                    apart[2] = crowd.centres[body, 2] + k // o * crowd.repeat[2] - centre[2]
                    other = crowd.species[body]
                    turned = crowd.rotations[body]
                    if _touch(solids, species, rotation, other, turned, apart, pair):
                        return True
                    body = crowd.after[body]
    return False


@njit(cache=True)
def meets_itself(solids, crowd, species, rotation):
    """Return whether a body at a rotation would touch an image of itself."""
    n = np.zeros(3, np.int64)
    for a in range(3):
        if crowd.repeat[a] > 0.0:
            n[a] = int(2 * solids.reach[species] / crowd.repeat[a])
    apart, pair = np.empty(3), np.empty((1, 2), np.int32)
    for i in range(-n[0], n[0] + 1):
        for j in range(-n[1], n[1] + 1):
            for k in range(-n[2], n[2] + 1):
                # The images on the other side are as near.
                if (i, j, k) > (0, 0, 0):
                    apart[0], apart[1] = i * crowd.repeat[0], j * crowd.repeat[1]
                    apart[2] = k * crowd.repeat[2]
                    if _touch(solids, species, rotation, species, rotation, apart, pair):
                        return True
    return False


@njit(cache=True)
def _cell(crowd, axis, place):
    """Return the cell along an axis that holds a place, nm; beyond the box it is an image's."""
    edge = crowd.box[axis]
    return int(np.floor((place / edge + 0.5) * crowd.head.shape[axis]))


@njit(cache=True)
def _touch(solids, one, rotation, other, turned, apart, pair):
    """Return whether a body touches another whose centre is `apart` from its own, (3,) nm."""
    far = solids.reach[one] + solids.reach[other]
    if apart[0] ** 2 + apart[1] ** 2 + apart[2] ** 2 >= far**2:
        return False
    between = -apart
    if solids.cluster[one + 1] - solids.cluster[one] > (
        solids.cluster[other + 1] - solids.cluster[other]
    ):
        # The one with fewer clusters is moved into the frame of the other.
        one, other, rotation, turned, between = other, one, turned, rotation, apart
    turn, shift = np.empty((3, 3)), np.empty(3)
    into_frame(rotation, turned, between, turn, shift)
    return near(solids, one, other, turn, shift, 0.0, pair) > 0
