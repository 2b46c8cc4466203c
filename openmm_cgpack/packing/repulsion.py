"""How rigid bodies push each other apart: forces at their points, summed up for each body.

Two points that are closer than they may be push each other apart along the line between them, by as
much as they are too deep: the gradient of ``depth^2 / 2``. Walls and the obstacle push as each
point's mirror image in them would. The pushes on a body add up to a force and a torque about its
origin, and its contacts to a stiffness: the number of its pushes resists a shift, their moment of
inertia a turn. Force over stiffness is a step of the right size for a body with one contact as for
one with hundreds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import RigidTransforms
from ..core.boundary import Boundary
from .contacts import ContactList, Partners, moved_by
from .pushing import push
from .solids import Solids
from .surfaces import Limits


@dataclass(frozen=True, kw_only=True, eq=False)
class Pushes:
    """What pushes n bodies, and what overlaps there are."""

    force: np.ndarray
    """(n, 3) nm."""
    torque: np.ndarray
    """About the bodies' origins, (n, 3) nm^2."""
    contacts: np.ndarray
    """How many pushes there are on each, (n,)."""
    spread: np.ndarray
    """The outer products of the pushed points, from the bodies' origins, (n, 3, 3) nm^2."""
    deepest: np.ndarray
    """The deepest overlap of each, (n,) nm."""
    touching: np.ndarray
    """Pairs of bodies that touch, both ways, (2, k)."""
    energy: float
    """Half the sum of the squares of all overlaps, nm^2."""
    beyond: float
    """The same of how far they are deeper than allowed, nm^2."""

    @property
    def inertia(self) -> np.ndarray:
        """Moments of inertia of the pushed points, (n, 3, 3) nm^2."""
        trace = np.trace(self.spread, axis1=1, axis2=2)
        return trace[:, None, None] * np.eye(3) - self.spread

    def around(self, some: np.ndarray, rings: int) -> np.ndarray:
        """Return some bodies, (n,) bool, and who touches them, so many times over."""
        reached = some.copy()
        one, other = self.touching
        for _ in range(rings):
            reached[other[reached[one]]] = True
        return reached


class Repulsion:
    """Pushes of bodies on each other, and of walls and the obstacle on them.

    Pairs of points are listed up to a skin beyond touching, nm. `species` (n,) are the bodies'
    numbers in the solids, `moving` (n,) bool those that move, and `coarse` (n,) bool those of large
    balls; `partners` tells which do not push each other.
    """

    def __init__(
        self,
        solids: Solids,
        species: np.ndarray,
        boundary: Boundary,
        limits: Limits,
        *,
        skin: float,
        moving: np.ndarray,
        coarse: np.ndarray,
        partners: Partners | None = None,
    ) -> None:
        self.solids, self.species = solids, species
        self.listed = ContactList(
            solids,
            species,
            boundary,
            skin=skin,
            moving=moving,
            coarse=coarse,
            partners=partners,
        )
        self.limits = limits
        self.at: RigidTransforms | None = None
        """Where walls and obstacle were last looked at."""

    def resize(self, boundary: Boundary, factors: np.ndarray) -> None:
        """Give the box other edges, by factors (3,) of which the places scale."""
        self.listed.resize(boundary, factors)
        self.limits.resize(boundary)
        self.at = None

    def pushes(self, poses: RigidTransforms, allowed: float) -> Pushes:
        """Return what pushes bodies at some poses; overlaps up to `allowed`, nm, are not beyond."""
        listed = self.listed
        listed.update(poses)
        force, torque, contacts, spread, deepest, touching, total = push(
            self.solids,
            self.species,
            poses.rotations,
            poses.translations,
            listed.bodies,
            listed.shifts,
            listed.live,
            listed.begin,
            listed.end,
            listed.pairs,
            allowed,
        )
        body, lever, line, depth = self._of_limits(poses)
        np.add.at(force, body, line)
        np.add.at(torque, body, np.cross(lever, line))
        # An image comes nearer twice as fast.
        np.add.at(contacts, body, 2.0)
        np.add.at(spread, body, 2 * lever[:, :, None] * lever[:, None])
        np.maximum.at(deepest, body, depth)
        # Of an overlap with an image of its own half the energy is the body's.
        total += (depth**2).sum() / 4, (np.maximum(depth - allowed, 0.0) ** 2).sum() / 4
        pairs = listed.bodies[listed.live[touching]]
        return Pushes(
            force=force,
            torque=torque,
            contacts=contacts,
            spread=spread,
            deepest=deepest,
            touching=np.concatenate([pairs, pairs[:, ::-1]]).T,
            energy=float(total[0]),
            beyond=float(total[1]),
        )

    def too_close(self, poses: RigidTransforms, allowed: float) -> int:
        """Return how many points of bodies have an overlap deeper than allowed, nm."""
        listed, solids = self.listed, self.solids
        clashing = self.pushes(poses, allowed).deepest > allowed
        counts = (listed.end - listed.begin) * clashing[listed.bodies].all(axis=1)
        rows = np.repeat(np.arange(len(counts)), counts)
        starts = np.repeat(listed.begin - (np.cumsum(counts) - counts), counts)
        points = listed.pairs[starts + np.arange(len(rows))]
        bodies = listed.bodies[rows]
        one, other = (
            _placed(bodies[:, side], solids.points[points[:, side]], poses)[1] for side in (0, 1)
        )
        apart = np.linalg.norm(one + listed.shifts[rows] - other, axis=1)
        bad = solids.radii[points].sum(axis=1) - apart > allowed
        ends = np.stack([bodies[bad].ravel(), points[bad].ravel()], axis=1)
        depth = self._of_limits(poses)[3]
        return len(np.unique(ends, axis=0)) + int((depth > allowed).sum())

    def _of_limits(
        self, poses: RigidTransforms
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return body, lever, push and depth of points in a wall or the obstacle."""
        listed = self.listed
        if self.at is None:
            self.at = poses
            self.outer = self._near_limits(poses, listed.moving)
        far = moved_by(poses, self.at, listed.reach) > listed.skin
        if far.any():
            some = far[:, None]
            self.at = RigidTransforms(
                rotations=np.where(some[:, None], poses.rotations, self.at.rotations),
                translations=np.where(some, poses.translations, self.at.translations),
            )
            kept = ~far[self.outer[0]]
            anew = self._near_limits(poses, far & listed.moving)
            bodies, points = (
                np.concatenate([old[kept], new]) for old, new in zip(self.outer, anew, strict=True)
            )
            self.outer = bodies, points
        watched = listed.watched[self.outer[0]]
        body, points = (rows[watched] for rows in self.outer)
        lever, place = _placed(body, points[:, :3], poses)
        depth, normal = self.limits.depth(place, points[:, 3])
        # A wall is as near as half the way to the point's mirror image.
        depth, hit = 2 * depth, depth > 0
        return body[hit], lever[hit], (depth[:, None] * normal)[hit], depth[hit]

    def _near_limits(
        self, poses: RigidTransforms, some: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the points of some bodies within a skin of a wall or the obstacle, and whose."""
        limits, listed, solids = self.limits, self.listed, self.solids
        skin = listed.skin
        bodies, rows = [np.empty(0, np.int64)], [np.empty((0, 4))]
        for b in np.flatnonzero(some).tolist() if limits.exist else ():
            farthest = np.abs(poses.translations[b]) + listed.reach[b] + skin
            if limits.obstacle is None and (farthest < limits.top).all():
                continue
            own = slice(solids.first[self.species[b]], solids.first[self.species[b] + 1])
            points, radii = solids.points[own], solids.radii[own]
            places = points @ poses.rotations[b].T + poses.translations[b]
            depth, _ = limits.depth(places, radii + skin)
            close = depth > 0
            rows.append(np.column_stack([points[close], radii[close]]))
            bodies.append(np.full(int(close.sum()), b))
        return np.concatenate(bodies), np.concatenate(rows)


def _placed(
    body: np.ndarray, points: np.ndarray, poses: RigidTransforms
) -> tuple[np.ndarray, np.ndarray]:
    """Return points relative to their bodies' origins, and in the scene."""
    levers = np.einsum("qij,qj->qi", poses.rotations[body], points)
    return levers, levers + poses.translations[body]
