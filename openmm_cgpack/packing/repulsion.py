"""How rigid bodies push each other apart: forces at their points, summed up for each body.

Two points that are closer than they may be push each other apart along the line between them, by as
much as they are too deep: the gradient of ``depth^2 / 2``. Walls and the obstacle push in the same
way. The pushes on a body add up to a force and a torque about its origin, and its contacts to a
stiffness: the number of its pushes resists a shift, their moment of inertia a turn. Force over
stiffness is a step of the right size for a body with one contact as for one with hundreds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import RigidTransforms
from ..core.boundary import Boundary
from .contacts import ContactList, Partners, PointPairs, moved_by
from .surfaces import Limits, Surface


@dataclass(frozen=True, kw_only=True, eq=False)
class Overlaps:
    """What overlaps there are, and which of them are deeper than allowed."""

    energy: float
    """Half the sum of the squares of all overlaps, nm^2."""
    beyond: float
    """The same of how far they are deeper than allowed, nm^2."""
    deepest: float
    """The deepest overlap, nm."""
    points: int
    """Points with one deeper than allowed."""
    clashing: np.ndarray
    """Bodies with one deeper than allowed, (n,) bool."""
    touching: np.ndarray
    """Pairs of bodies that touch, both ways, (2, k)."""

    @property
    def bodies(self) -> int:
        """How many bodies have an overlap deeper than allowed."""
        return int(self.clashing.sum())

    def around(self, rings: int) -> np.ndarray:
        """Return the clashing bodies and who touches them, so many times over, (n,) bool."""
        reached = self.clashing.copy()
        one, other = self.touching
        for _ in range(rings):
            reached[other[reached[one]]] = True
        return reached


@dataclass(frozen=True, kw_only=True, eq=False)
class Pushes:
    """Forces at k points of n bodies; those of two bodies on each other are in it twice."""

    n: int
    owner: np.ndarray
    """The body that is pushed, (k,)."""
    other: np.ndarray
    """By which, (k,); -1 for walls and the obstacle."""
    point: np.ndarray
    """A number for each point of all bodies, the same wherever it is pushed, (k,)."""
    lever: np.ndarray
    """From the body's origin to the point, (k, 3) nm."""
    force: np.ndarray
    """A vector as long as the overlap is deep, (k, 3) nm."""
    depth: np.ndarray
    """How deep the overlap is, (k,) nm."""

    def overlaps(self, allowed: float) -> Overlaps:
        """Return the overlaps, and which of them are deeper than allowed (nm)."""
        bad = self.depth > allowed
        clashing = np.zeros(self.n, bool)
        clashing[self.owner[bad]] = True
        return Overlaps(
            energy=float((self.depth**2).sum() / 4),
            beyond=float(((self.depth[bad] - allowed) ** 2).sum() / 4),
            deepest=float(self.depth.max(initial=0.0)),
            points=len(np.unique(self.point[bad])),
            clashing=clashing,
            touching=np.stack([self.owner, self.other])[:, self.other >= 0],
        )

    def on_bodies(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return force (n, 3), torque (n, 3), contacts (n,) and their inertia (n, 3, 3)."""
        torque = np.cross(self.lever, self.force)
        length = np.einsum("ki,ki->k", self.lever, self.lever)
        inertia = np.zeros((self.n, 3, 3))
        for a in range(3):
            for b in range(a, 3):
                part = (length if a == b else 0.0) - self.lever[:, a] * self.lever[:, b]
                inertia[:, a, b] = inertia[:, b, a] = self._sum(part)
        return (
            np.stack([self._sum(column) for column in self.force.T], axis=1),
            np.stack([self._sum(column) for column in torque.T], axis=1),
            np.bincount(self.owner, minlength=self.n).astype(float),
            inertia,
        )

    def _sum(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.owner, values, minlength=self.n)


class Repulsion:
    """Pushes of bodies on each other, and of walls and the obstacle on them.

    Pairs of points are listed up to a skin beyond touching, nm; `moving` (n,) bool are the bodies
    that move, and `partners` tells which do not push each other.
    """

    def __init__(
        self,
        surfaces: list[Surface],
        boundary: Boundary,
        limits: Limits,
        *,
        skin: float,
        moving: np.ndarray,
        partners: Partners | None = None,
    ) -> None:
        self.listed = ContactList(surfaces, boundary, skin=skin, moving=moving, partners=partners)
        self.limits = limits
        self.most = max(len(surface.points) for surface in surfaces)
        self.at: RigidTransforms | None = None
        """Where walls and obstacle were last looked at."""

    def pushes(self, poses: RigidTransforms) -> Pushes:
        """Return all pushes at some poses."""
        listed = self.listed
        if listed.update(poses):
            self.pairs: PointPairs = listed.pairs()
        if self.at is None or moved_by(poses, self.at, listed.reach).max() > listed.skin:
            self.at = poses
            self.outer = self._near_limits(poses)
        parts = [self._of_bodies(poses), self._of_limits(poses)]
        columns = [np.concatenate(both) for both in zip(*parts, strict=True)]
        names = ("owner", "other", "point", "lever", "force", "depth")
        return Pushes(n=len(poses), **dict(zip(names, columns, strict=True)))

    def _of_bodies(self, poses: RigidTransforms) -> tuple[np.ndarray, ...]:
        """Return owner, other, point, lever, force and depth of pushes between bodies."""
        pairs = self.pairs
        levers, places = _placed(pairs.body, pairs.points, poses)
        places += pairs.shift
        offset = places[pairs.first]
        offset -= places[pairs.second]
        squared = np.einsum("ki,ki->k", offset, offset)
        touching = np.flatnonzero(squared < pairs.touch**2)
        r = np.sqrt(squared[touching])
        depth = pairs.touch[touching] - r
        # Two points in one place are pushed apart along x.
        offset = offset[touching]
        offset[r == 0] = [1.0, 0, 0]
        force = (depth / np.where(r > 0, r, 1.0))[:, None] * offset
        rows = np.concatenate([pairs.first[touching], pairs.second[touching]])
        owner = pairs.body[rows]
        return (
            owner,
            np.roll(owner, len(touching)),
            owner * self.most + pairs.number[rows],
            levers[rows],
            np.concatenate([force, -force]),
            np.concatenate([depth, depth]),
        )

    def _of_limits(self, poses: RigidTransforms) -> tuple[np.ndarray, ...]:
        """Return the same of walls and the obstacle."""
        watched = self.listed.watched[self.outer[0]]
        body, points = (rows[watched] for rows in self.outer)
        lever, place = _placed(body, points[:, :3], poses)
        depth, normal = self.limits.depth(place, points[:, 3])
        hit = np.flatnonzero(depth > 0)
        return (
            body[hit],
            np.full(len(hit), -1),
            -1 - hit,
            lever[hit],
            (depth[:, None] * normal)[hit],
            depth[hit],
        )

    def _near_limits(self, poses: RigidTransforms) -> tuple[np.ndarray, np.ndarray]:
        """Return the points within a skin of a wall or the obstacle: bodies, points and radii."""
        limits, skin = self.limits, self.listed.skin
        bodies, rows = [np.empty(0, np.int64)], [np.empty((0, 4))]
        for b in np.flatnonzero(self.listed.moving).tolist() if limits.exist else ():
            surface = self.listed.surfaces[b]
            farthest = np.abs(poses.translations[b]) + surface.reach + skin
            if limits.obstacle is None and (farthest < limits.top).all():
                continue
            places = surface.points @ poses.rotations[b].T + poses.translations[b]
            depth, _ = limits.depth(places, surface.radii + skin)
            close = depth > 0
            rows.append(np.column_stack([surface.points[close], surface.radii[close]]))
            bodies.append(np.full(int(close.sum()), b))
        return np.concatenate(bodies), np.concatenate(rows)


def _placed(
    body: np.ndarray, points: np.ndarray, poses: RigidTransforms
) -> tuple[np.ndarray, np.ndarray]:
    """Return points relative to their bodies' origins, and in the scene."""
    levers = np.einsum("qij,qj->qi", poses.rotations[body], points)
    return levers, levers + poses.translations[body]
