"""Which points of rigid bodies touch, as a list that is kept up while the bodies move.

**The problem.** Clash removal takes hundreds of steps. In each it must know every pair of points of
different bodies that touch, but bodies move by less than a tenth of a nanometre in a step, so
nearly all of what was found in one step still holds in the next.

**The idea** is that of a neighbour list (Verlet 1967) on two levels.

1. *Pairs of bodies* whose enclosing spheres come within a margin of 2 nm, with every image across
   the boundary as a pair of its own, a body's own image included. They are found anew when a body
   has moved by so much that two spheres could have met unseen.
2. *Pairs of points* of two such bodies that come within a skin beyond touching. They are found anew
   (`solids.near`) only when the two bodies have moved *relative to each other* by more than the
   skin since they were compared. Bodies whose spheres were apart have that to spare.

How far a body's points can have moved is bounded by its shift plus its turn times its reach. So no
two points ever touch without being listed.

**The data.** `bodies` are the pairs of bodies; `begin` and `end` say where in `pairs` the points of
each are: two int32 numbers for each pair of points, and nothing that moves with the bodies. New
lists are put behind the old ones, so that a few cost what they are, however large the scene.

**Cost and limits.** A step in which nothing has moved far costs nothing here. Bodies that rest can
be left out (`ContactList.watch`); what is known of their pairs is kept. Bodies are rigid: what
bends cannot be listed, only stand still.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core import RigidTransforms
from ..core.boundary import Boundary, close_pairs
from .pushing import list_pairs
from .solids import Solids

_MARGIN = 2.0
"""How far beyond meeting pairs of bodies are kept, nm."""

Partners = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Whether bodies do not touch others, by their numbers: two arrays (k,) to one of (k,) bool."""


class ContactList:
    """The pairs of points that touch or come within a skin of it, kept up while bodies move.

    Parameters
    ----------
    solids : Solids
        The species.
    species : (n,) int array
        That of each body.
    boundary : Boundary
        Where the scene ends.
    skin : float
        How far beyond touching points are listed, nm.
    moving : (n,) bool array
        The bodies that move.
    coarse : (n,) bool array
        Bodies of large balls, into which others are moved and not they into others.
    partners : callable, optional
        Which bodies do not touch.
    """

    def __init__(
        self,
        solids: Solids,
        species: np.ndarray,
        boundary: Boundary,
        *,
        skin: float,
        moving: np.ndarray,
        coarse: np.ndarray,
        partners: Partners | None = None,
    ) -> None:
        self.solids, self.species = solids, species
        self.boundary = boundary
        self.skin = skin
        self.moving = moving
        self.partners = partners
        self.watched = moving
        self.reach = solids.reach[species]
        self.size = np.where(coarse, np.inf, np.diff(solids.first)[species])
        self.centres: np.ndarray | None = None
        self.bodies, self.shifts = np.empty((0, 2), np.int64), np.empty((0, 3))
        self.live = np.empty(0, np.int64)
        # Of each pair of bodies: how it stood when it was compared, and what it had to spare.
        self.turn, self.move = np.empty((0, 3, 3)), np.empty((0, 3))
        self.spare = np.empty(0)
        self.begin, self.end = np.zeros((2, 0), np.int64)
        self.pairs, self.used = np.empty((0, 2), np.int32), 0
        self.compared = 0
        """How often two bodies have been compared."""

    def watch(self, some: np.ndarray) -> None:
        """Look at the pairs of some bodies only, (n,) bool; all others rest meanwhile."""
        self.watched = some & self.moving
        self.live = np.flatnonzero(self.watched[self.bodies].any(axis=1))

    def resize(self, boundary: Boundary, factors: np.ndarray) -> None:
        """Give the box other edges, by factors (3,); images move with them."""
        self.boundary, self.shifts = boundary, self.shifts * factors
        if self.centres is not None:
            self.centres = self.centres * factors

    def update(self, poses: RigidTransforms) -> None:
        """Compare again the bodies that have moved too far."""
        gone = 0.0
        if self.centres is not None:
            gone = np.linalg.norm(poses.translations - self.centres, axis=1).max(initial=0.0)
        if self.centres is None or gone > (_MARGIN - self.skin) / 2:
            self._find(poses)
        live = self.live
        turn, move = self._relative(poses, live)
        moved = _farthest(
            turn - self.turn[live], move - self.move[live], self.reach[self.bodies[live, 0]]
        )
        far = moved > self.skin + self.spare[live]
        if not far.any():
            return
        stale = live[far]
        self.pairs, self.used = list_pairs(
            self.solids,
            self.species,
            poses.rotations,
            poses.translations,
            self.bodies,
            self.shifts,
            stale,
            self.begin,
            self.end,
            self.pairs,
            self.used,
            self.skin,
        )
        self.turn[stale], self.move[stale], self.spare[stale] = turn[far], move[far], 0.0
        self.compared += len(stale)

    def _find(self, poses: RigidTransforms) -> None:
        """Find the pairs of bodies that may meet; what is known of those before is kept."""
        centres = poses.translations
        *pair, shift = close_pairs(self.boundary, centres, self.reach + _MARGIN / 2)
        bodies = np.stack(pair, axis=1)
        keep = self.moving[bodies].any(axis=1)
        if self.partners is not None:
            keep &= (bodies[:, 0] == bodies[:, 1]) | ~self.partners(*bodies.T)
        # What moves the image of the first body to the second.
        bodies, shifts = bodies[keep], -shift[keep]
        # The smaller body's points are moved into the frame of the larger.
        larger = self.size[bodies[:, 0]] > self.size[bodies[:, 1]]
        bodies[larger] = bodies[larger, ::-1]
        shifts = np.where(larger[:, None], -shifts, shifts)
        row = _rows_of(self._keys(bodies, shifts), self._keys(self.bodies, self.shifts))
        old = row >= 0
        before = self.turn, self.move, self.spare, self.begin, self.end
        self.centres, self.bodies, self.shifts = centres, bodies, shifts
        self.turn, self.move = self._relative(poses, np.arange(len(bodies)))
        # Spheres that are apart have that to spare; other new pairs are compared in any case.
        gap = np.linalg.norm(self.move, axis=1) - self.reach[bodies].sum(axis=1) - self.skin
        self.spare = np.where(gap > 0, gap, -np.inf)
        self.begin, self.end = np.zeros((2, len(bodies)), np.int64)
        after = self.turn, self.move, self.spare, self.begin, self.end
        for now, then in zip(after, before, strict=True):
            now[old] = then[row[old]]
        self.watch(self.watched)

    def _keys(self, bodies: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Return what tells pairs apart, (k, 5) int: two bodies, and how many boxes between."""
        repeat = self.boundary.repeat
        boxes = np.rint(shifts / np.where(repeat > 0, repeat, 1.0)).astype(np.int64)
        return np.concatenate([bodies, boxes], axis=1)

    def _relative(self, poses: RigidTransforms, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rotations and translations from the first bodies' frames to the second's."""
        first, second = self.bodies[pairs].T
        back = np.swapaxes(poses.rotations[second], 1, 2)
        move = poses.translations[first] + self.shifts[pairs] - poses.translations[second]
        return back @ poses.rotations[first], np.einsum("kij,kj->ki", back, move)


def _rows_of(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which row of those known each key is, -1 where it is none."""
    _, number = np.unique(np.concatenate([known, keys]), axis=0, return_inverse=True)
    number = number.reshape(-1)
    row = np.full(len(number), -1)
    row[number[: len(known)]] = np.arange(len(known))
    return row[number[len(known) :]]


def moved_by(poses: RigidTransforms, before: RigidTransforms, reach: np.ndarray) -> np.ndarray:
    """Return how far the farthest point of each body has moved at most, (n,) nm."""
    return _farthest(
        poses.rotations - before.rotations, poses.translations - before.translations, reach
    )


def _farthest(turned: np.ndarray, moved: np.ndarray, reach: np.ndarray) -> np.ndarray:
    # The difference of two rotations has two equal singular values and none else.
    angle = np.linalg.norm(turned, axis=(1, 2)) / np.sqrt(2)
    return np.linalg.norm(moved, axis=1) + angle * reach
