"""Which points of rigid bodies touch, as a list that is kept up while the bodies move.

**The problem.** Clash removal takes hundreds of steps. In each it must know every pair of points of
different bodies that touch, but bodies move by less than a tenth of a nanometre in a step, so
nearly all of what was found in one step still holds in the next.

**The idea** is that of a neighbour list (Verlet 1967) on two levels.

1. *Pairs of bodies* whose enclosing spheres come within a margin of 2 nm, with every image across
   the boundary as a pair of its own. They are found anew when a body has moved by so much that two
   spheres could have met unseen.
2. *Pairs of points* of two such bodies that come within a skin beyond touching. They are found anew
   (`Surface.near`) only when the two bodies have moved *relative to each other* by more than the
   skin since they were compared. Two bodies that were far apart also know by how much, and have
   that to spare: they are not compared again before they have used it up.

How far a body's points can have moved is bounded by its shift plus its turn times its reach. So no
two points ever touch without being listed.

**The data.** Points are kept in their bodies' frames: a step needs only the new poses. `PointPairs`
joins the lists of all pairs of bodies into flat arrays, on which a step's arithmetic is done at
once. A point is in it once for every other body that it is close to.

**Cost and limits.** A step in which nothing has moved far costs the flat arithmetic alone. Bodies
that rest can be left out (`ContactList.watch`); what is known of their pairs is kept. Bodies are
rigid: what bends cannot be listed, only stand still. A body's own image is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core import RigidTransforms
from ..core.boundary import Boundary, close_pairs
from .surfaces import Surface

_MARGIN = 2.0
"""How far beyond meeting pairs of bodies are kept, nm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PointPairs:
    """Pairs of points of different bodies: q points, and k pairs of them as rows of these."""

    body: np.ndarray
    """Body of each point, (q,). A point is in it once for every body that it is close to."""
    number: np.ndarray
    """Which of its body's points it is, (q,)."""
    points: np.ndarray
    """The points in their bodies' frames, (q, 3) nm."""
    shift: np.ndarray
    """What is added to a point in the scene to get its image next to the other body, (q, 3) nm."""
    first: np.ndarray
    second: np.ndarray
    touch: np.ndarray
    """Distance at which the two points of a pair touch, (k,) nm."""


Partners = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Whether bodies do not touch others, by their numbers: two arrays (k,) to one of (k,) bool."""


class ContactList:
    """The pairs of points that touch or come within a skin of it, kept up while bodies move."""

    def __init__(
        self,
        surfaces: list[Surface],
        boundary: Boundary,
        *,
        skin: float,
        moving: np.ndarray,
        partners: Partners | None = None,
    ) -> None:
        self.surfaces = surfaces
        self.boundary = boundary
        self.skin = skin
        self.moving = moving
        self.partners = partners
        self.watched, self.changed = moving, True
        self.reach = np.array([surface.reach for surface in surfaces])
        self.size = np.array([np.inf if s.coarse else len(s.points) for s in surfaces])
        self.centres: np.ndarray | None = None
        self.bodies, self.shifts = np.empty((0, 2), np.int64), np.empty((0, 3))
        self.live = np.empty(0, np.int64)
        # Of each pair: how it stood when it was looked at, what it had to spare, and its points.
        self.turn, self.move = np.empty((0, 3, 3)), np.empty((0, 3))
        self.spare = np.empty(0)
        self.close: list[_Close | None] = []

    def watch(self, some: np.ndarray) -> None:
        """Look at the pairs of some bodies only, (n,) bool; all others rest meanwhile."""
        self.watched, self.changed = some & self.moving, True
        self.live = np.flatnonzero(self.watched[self.bodies].any(axis=1))

    def update(self, poses: RigidTransforms) -> bool:
        """Look again at bodies that have moved too far; return whether `pairs` are others now."""
        centres = poses.translations
        if self.centres is None or (
            np.linalg.norm(centres - self.centres, axis=1).max() > (_MARGIN - self.skin) / 2
        ):
            self._find(poses)
        live = self.live
        turn, move = self._relative(poses, live)
        reach = self.reach[self.bodies[live, 0]]
        moved = _farthest(turn - self.turn[live], move - self.move[live], reach)
        look = np.flatnonzero(moved > self.skin + self.spare[live])
        for k, pair in zip(look.tolist(), live[look].tolist(), strict=True):
            first, second = (self.surfaces[b] for b in self.bodies[pair])
            rows, self.spare[pair] = first.near(second, (turn[k], move[k]), self.skin)
            self.close[pair] = _Close(first, second, rows) if len(rows) else None
        self.turn[live[look]], self.move[live[look]] = turn[look], move[look]
        changed, self.changed = self.changed or len(look) > 0, False
        return changed

    def _find(self, poses: RigidTransforms) -> None:
        """Find the pairs of bodies that may meet; what is known of a pair is kept."""
        centres = poses.translations
        known = {self._key(k): k for k in range(len(self.bodies))}
        *pair, shift = close_pairs(self.boundary, centres, self.reach + _MARGIN / 2)
        bodies = np.stack(pair, axis=1)
        keep = (bodies[:, 0] != bodies[:, 1]) & self.moving[bodies].any(axis=1)
        if self.partners is not None:
            keep &= ~self.partners(*bodies.T)
        # What moves the image of the first body to the second.
        bodies, shifts = bodies[keep], -shift[keep]
        # The smaller body's points are looked up in the larger one's voxels.
        larger = self.size[bodies[:, 0]] > self.size[bodies[:, 1]]
        bodies[larger] = bodies[larger, ::-1]
        shifts = np.where(larger[:, None], -shifts, shifts)
        self.centres, self.bodies, self.shifts = centres, bodies, shifts
        row = np.array([known.get(self._key(k), -1) for k in range(len(bodies))], np.int64)
        old = row >= 0
        turn, move = self._relative(poses, np.arange(len(bodies)))
        turn[old], move[old] = self.turn[row[old]], self.move[row[old]]
        # Spheres that are apart have that to spare; other new pairs are looked at in any case.
        reach = self.reach[bodies]
        gap = np.linalg.norm(move, axis=1) - reach.sum(axis=1) - self.skin
        spare = np.where(gap > 0, gap, -np.inf)
        spare[old] = self.spare[row[old]]
        self.close = [self.close[k] if k >= 0 else None for k in row.tolist()]
        self.turn, self.move, self.spare = turn, move, spare
        self.watch(self.watched)

    def _key(self, k: int) -> tuple[int, int, tuple[float, ...]]:
        first, second = self.bodies[k].tolist()
        return first, second, tuple(self.shifts[k].tolist())

    def _relative(self, poses: RigidTransforms, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rotations and translations from the first bodies' frames to the second's."""
        first, second = self.bodies[pairs].T
        back = np.swapaxes(poses.rotations[second], 1, 2)
        move = poses.translations[first] + self.shifts[pairs] - poses.translations[second]
        return back @ poses.rotations[first], np.einsum("kij,kj->ki", back, move)

    def pairs(self) -> PointPairs:
        """Return the pairs of points of the bodies that are looked at."""
        found = {k: c for k in self.live.tolist() if (c := self.close[k]) is not None}
        pairs, close = list(found), list(found.values())
        sizes = np.array([c.sizes for c in close], np.int64).reshape(-1, 2)
        counts = [len(c.touch) for c in close]
        starts = np.cumsum(sizes.sum(axis=1)) - sizes.sum(axis=1)
        start = np.repeat(starts.astype(np.int32), counts)
        # Of the two bodies the image of the first is meant.
        shifts = np.stack([self.shifts[pairs], np.zeros((len(pairs), 3))], axis=1).reshape(-1, 3)
        return PointPairs(
            body=np.repeat(self.bodies[pairs].reshape(-1), sizes.reshape(-1)),
            shift=np.repeat(shifts, sizes.reshape(-1), axis=0),
            number=np.concatenate([np.empty(0, np.int64), *(c.number for c in close)]),
            points=np.concatenate([np.empty((0, 3)), *(c.points for c in close)]),
            first=np.concatenate([np.empty(0, np.int32), *(c.first for c in close)]) + start,
            second=np.concatenate([np.empty(0, np.int32), *(c.second for c in close)]) + start,
            touch=np.concatenate([np.empty(0), *(c.touch for c in close)]),
        )


class _Close:
    """The points of two bodies that are close: those of the first, then those of the second."""

    def __init__(self, first: Surface, second: Surface, rows: np.ndarray) -> None:
        mine, here = np.unique(rows[:, 0], return_inverse=True)
        theirs, there = np.unique(rows[:, 1], return_inverse=True)
        self.sizes = len(mine), len(theirs)
        # There are many of them.
        self.first = here.astype(np.int32)
        self.second = (len(mine) + there).astype(np.int32)
        self.number = np.concatenate([mine, theirs])
        self.points = np.concatenate([first.points[mine], second.points[theirs]])
        self.touch = first.radii[rows[:, 0]] + second.radii[rows[:, 1]]


def moved_by(poses: RigidTransforms, before: RigidTransforms, reach: np.ndarray) -> np.ndarray:
    """Return how far the farthest point of each body has moved at most, (n,) nm."""
    return _farthest(
        poses.rotations - before.rotations, poses.translations - before.translations, reach
    )


def _farthest(turned: np.ndarray, moved: np.ndarray, reach: np.ndarray) -> np.ndarray:
    # The difference of two rotations has two equal singular values and none else.
    angle = np.linalg.norm(turned, axis=(1, 2)) / np.sqrt(2)
    return np.linalg.norm(moved, axis=1) + angle * reach
