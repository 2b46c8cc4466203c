"""Moving molecules by tenths of a nanometre until none has an atom in another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import BallModel, Open, PackedScene, RigidTransforms, Scene, Slab
from ..core.boundary import Boundary
from ..core.settings import Settings, setting
from .contacts import ContactList, PointPairs, Surface, fine_points, moved_by, rigid_points
from .depth import ObstacleDepth
from .scenes import (
    Packable,
    as_packed,
    body_poses,
    in_steps,
    joined,
    measured,
    moved_bodies,
    wrapped,
)

_SKIN = 0.4
_WIDE_SKIN = 0.8
_PACE = 0.5
_MEMORY = 0.85
_FAR = 0.05
_FINE_TURN, _TURN = 20, 50
"""Steps with balls of forty atoms before the atoms have their turn, and theirs."""
_GAIN = 0.9
"""Bodies are jammed when a turn of both takes less than a tenth off what is too deep."""
_FEW = 20
"""So many bodies are not given up: turns of few cost little, and no two of them are alike."""
_DEEP = 0.1
"""Overlap of balls of forty atoms up to which their atoms find the way by themselves, nm."""


class ClashRemoval(Settings):
    """Moving molecules apart until no two of their atoms are too close."""

    distance: float = setting(
        "distance to which atoms of different molecules are pushed apart",
        unit="nm",
        default=0.28,
        above=0,
    )
    closest: float = setting(
        "distance at which two atoms are far enough apart; the removal ends when all are",
        unit="nm",
        default=0.25,
        above=0,
    )
    max_steps: int = setting("most steps", default=400, minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.closest > self.distance:
            raise ValueError(
                f"closest: wanted at most the distance {self.distance:g}, got {self.closest:g}"
            )


def remove_clashes(scene: Packable, removal: ClashRemoval = ClashRemoval()) -> PackedScene:
    """Move molecules apart by their atoms, until no two atoms are closer than wanted.

    Rigid bodies are shifted and turned down the gradient of ``sum max(0, distance - r)^2 / 2``
    over pairs of atoms of different bodies, each body by its own count of contacts. Only bodies
    with atoms too close and those that they touch move, and only pairs that touch or nearly touch
    are listed, so that a step costs little. Species of the library have points that stand for
    several atoms; they keep the distance at which the envelopes around them overlap as those of
    touching atoms do. Filaments and membranes stay as they are, by their balls, and so do fixed
    instances, the obstacle and walls.

    Parameters
    ----------
    scene : Scene or PackedScene
        The scene, its overlaps a few tenths of a nanometre at most.
    removal : ClashRemoval, optional
        How far apart, and how many steps at most.

    Returns
    -------
    PackedScene
        Its provenance says under ``"clash_removal"`` how many atoms (or points) are closer than
        `closest` to another body's at the end, how many bodies have one, the distance of the
        closest two, and the steps.

    Examples
    --------
    >>> from openmm_cgpack import SHAPE_COVER, coarse_grain, insert, library
    >>> model = coarse_grain(library.load("3hhb"), SHAPE_COVER, seed=1)
    >>> cleared = remove_clashes(insert([(model, 20)], fraction=0.25, seed=1))
    >>> cleared.provenance["clash_removal"]["points_too_close"]
    0
    """
    packed = as_packed(scene)
    relaxation = _Relaxation(packed, removal.distance)
    excess = relaxation.run(removal.max_steps, removal.distance - removal.closest)
    start = packed.scene
    positions = moved_bodies(start, packed.positions, relaxation.moving, relaxation.poses)
    positions = wrapped(start, positions, packed.boundary)
    row = measured(start, positions, packed.boundary, step=relaxation.steps, energy=excess.energy)
    return PackedScene(
        scene=start,
        positions=positions,
        boundary=packed.boundary,
        history=joined(packed.history, in_steps([row])),
        provenance=packed.provenance
        | {
            "clash_removal": {
                "closest_asked": removal.closest,
                "closest": round(removal.distance - excess.deepest, 6),
                "points_too_close": excess.points,
                "bodies_too_close": excess.bodies,
                "steps": relaxation.steps,
            }
        },
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Excess:
    """What overlaps are left.

    Parameters
    ----------
    energy : float
        Of all overlaps: half the sum of their squares, nm^2.
    beyond : float
        The same of how far overlaps are deeper than allowed, nm^2.
    deepest : float
        The deepest overlap, nm.
    points : int
        Points with one too deep.
    restless : (n,) bool array
        Bodies with one too deep.
    touching : (2, k) int array
        Pairs of bodies that touch, both ways.
    """

    energy: float
    beyond: float
    deepest: float
    points: int
    restless: np.ndarray
    touching: np.ndarray

    @property
    def bodies(self) -> int:
        """How many bodies have too deep an overlap."""
        return int(self.restless.sum())

    def around(self, rings: int) -> np.ndarray:
        """Return the restless and who touches them, so many times over, (n,) bool."""
        reached = self.restless.copy()
        one, other = self.touching
        for _ in range(rings):
            reached[other[reached[one]]] = True
        return reached


class _Relaxation:
    """Rigid bodies on their way down the gradient of their contacts."""

    def __init__(self, packed: PackedScene, distance: float) -> None:
        scene = packed.scene
        self.boundary = packed.boundary
        rigid = np.array([model.is_rigid for model in scene.species])[scene.species_index]
        self.moving = rigid & ~scene.fixed
        self.poses = body_poses(scene, packed.positions)
        self.surfaces, self.fine = (
            _surfaces(scene, packed.positions, self.poses, rigid, distance, make)
            for make in (rigid_points, fine_points)
        )
        self.reach = np.array([surface.reach for surface in self.surfaces])
        largest = max(surface.largest for surface in (*self.surfaces, *self.fine))
        self.limits = _Limits(scene, packed.boundary, largest + _WIDE_SKIN)
        self.steps = 0

    def run(self, max_steps: int, allowed: float) -> _Excess:
        """Step until no overlap is deeper than allowed; return what is left.

        Atoms deep in another body have others on all sides, which lead them nowhere: balls of
        about forty atoms come first, and the two take turns, first with all bodies and then around
        those that are left.
        """
        atoms = _Contacts(self, self.surfaces, _SKIN)
        among, rings, before = self.moving, 1, np.inf
        while True:
            self._descend(
                _Contacts(self, self.fine, _WIDE_SKIN), _FINE_TURN, max_steps, _DEEP, among
            )
            self._descend(atoms, _TURN, max_steps, allowed, among)
            atoms.listed.watch(self.moving)
            atoms.update(self.poses)
            excess = atoms.forces(self.poses, allowed)[-1]
            gains = excess.beyond <= _GAIN * before
            jammed = not gains and excess.bodies > _FEW
            if excess.deepest <= allowed or self.steps >= max_steps or jammed:
                return excess
            # Those that a turn did not help need more room around them.
            rings += not gains
            before = min(before, excess.beyond)
            among = self.moving & excess.around(rings)

    def _descend(
        self, contacts: _Contacts, steps: int, max_steps: int, allowed: float, among: np.ndarray
    ) -> None:
        """Step, for a turn at most, until no overlap of some bodies is deeper than allowed."""
        contacts.listed.watch(among)
        last = min(self.steps + steps, max_steps)
        n = len(self.surfaces)
        speed, spin = np.zeros((n, 3)), np.zeros((n, 3))
        while True:
            contacts.update(self.poses)
            push, torque, stiffness, inertia, excess = contacts.forces(self.poses, allowed)
            if excess.deepest <= allowed or self.steps >= last:
                return
            speed = _MEMORY * speed + _PACE * push / np.maximum(stiffness, 1.0)[:, None]
            # A body with few contacts on one side would spin about them without the bound.
            scale = np.trace(inertia, axis1=1, axis2=2)[:, None, None]
            firm = inertia + (0.1 * scale + 1.0) * np.eye(3)
            turn = np.linalg.solve(firm, torque[:, :, None])[:, :, 0]
            spin = _MEMORY * spin + _PACE * turn
            far = np.linalg.norm(speed, axis=1) + np.linalg.norm(spin, axis=1) * self.reach
            brake = np.minimum(1.0, _FAR / np.maximum(far, 1e-12))[:, None]
            speed, spin = speed * brake, spin * brake
            resting = ~(among & excess.around(1))
            speed[resting], spin[resting] = 0, 0
            self.poses = RigidTransforms(
                rotations=Rotation.from_rotvec(spin).as_matrix() @ self.poses.rotations,
                translations=self.poses.translations + speed,
            )
            self.steps += 1


class _Contacts:
    """The contacts of bodies with each other, by pairs of points, and with walls and obstacle."""

    def __init__(self, bodies: _Relaxation, surfaces: list[Surface], skin: float) -> None:
        self.listed = ContactList(surfaces, bodies.boundary, skin=skin, moving=bodies.moving)
        self.skin = skin
        self.limits = bodies.limits
        self.moving = bodies.moving
        self.n = len(surfaces)
        self.most = max(len(surface.points) for surface in surfaces)
        self.at: RigidTransforms | None = None
        """Where walls and obstacle were last looked at."""

    def update(self, poses: RigidTransforms) -> None:
        """List anew what has moved."""
        if self.listed.update(poses):
            self.pairs: PointPairs = self.listed.pairs()
        if self.at is None or moved_by(poses, self.at, self.listed.reach).max() > self.skin:
            self.at = poses
            self.outer = self.limits.near(self.listed.surfaces, poses, self.skin, self.moving)

    def between(self, poses: RigidTransforms) -> _Pushes:
        """Return the pushes of bodies on each other."""
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
        return _Pushes(
            owner=pairs.body[rows],
            other=pairs.body[np.roll(rows, len(touching))],
            point=pairs.body[rows] * self.most + pairs.number[rows],
            lever=levers[rows],
            force=np.concatenate([force, -force]),
            depth=np.concatenate([depth, depth]),
        )

    def forces(
        self, poses: RigidTransforms, allowed: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, _Excess]:
        """Return push, torque, contacts and their inertia of each body, and what is left."""
        pushes = self.between(poses)
        watched = self.listed.watched[self.outer[0]]
        out_body, out_points = (rows[watched] for rows in self.outer)
        if len(out_body):
            lever, place = _placed(out_body, out_points[:, :3], poses)
            depth, normal = self.limits.depth(place, out_points[:, 3])
            hit = depth > 0
            pushes = pushes.also(
                _Pushes(
                    owner=out_body[hit],
                    other=np.full(int(hit.sum()), -1),
                    point=-1 - np.flatnonzero(hit),
                    lever=lever[hit],
                    force=(depth[:, None] * normal)[hit],
                    depth=depth[hit],
                )
            )
        torque = np.cross(pushes.lever, pushes.force)
        length = np.einsum("ki,ki->k", pushes.lever, pushes.lever)
        inertia = np.zeros((self.n, 3, 3))
        for a in range(3):
            for b in range(a, 3):
                part = (length if a == b else 0.0) - pushes.lever[:, a] * pushes.lever[:, b]
                inertia[:, a, b] = inertia[:, b, a] = self._sum(pushes.owner, part)
        bad = pushes.depth > allowed
        restless = np.zeros(self.n, bool)
        restless[pushes.owner[bad]] = True
        excess = _Excess(
            energy=float((pushes.depth**2).sum() / 4),
            beyond=float(((pushes.depth[bad] - allowed) ** 2).sum() / 4),
            deepest=float(pushes.depth.max(initial=0.0)),
            points=len(np.unique(pushes.point[bad])),
            restless=restless,
            touching=np.stack([pushes.owner, pushes.other])[:, pushes.other >= 0],
        )
        return (
            np.stack([self._sum(pushes.owner, column) for column in pushes.force.T], axis=1),
            np.stack([self._sum(pushes.owner, column) for column in torque.T], axis=1),
            np.bincount(pushes.owner, minlength=self.n).astype(float),
            inertia,
            excess,
        )

    def _sum(self, owner: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.bincount(owner, values, minlength=self.n)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pushes:
    """Forces at points: on and from which body, at which point, where from its origin, how deep.

    Walls and the obstacle are no body, -1.
    """

    owner: np.ndarray
    other: np.ndarray
    point: np.ndarray
    lever: np.ndarray
    force: np.ndarray
    depth: np.ndarray

    def also(self, more: _Pushes) -> _Pushes:
        """Return these and more."""
        return _Pushes(
            owner=np.concatenate([self.owner, more.owner]),
            other=np.concatenate([self.other, more.other]),
            point=np.concatenate([self.point, more.point]),
            lever=np.concatenate([self.lever, more.lever]),
            force=np.concatenate([self.force, more.force]),
            depth=np.concatenate([self.depth, more.depth]),
        )


class _Limits:
    """Walls and obstacle, as far as points may go."""

    def __init__(self, scene: Scene, boundary: Boundary, reach: float) -> None:
        self.boundary = boundary
        self.top = boundary.box[2] / 2 if isinstance(boundary, Slab) else np.inf
        obstacle = scene.obstacle
        self.obstacle = None if obstacle is None else ObstacleDepth(obstacle, reach)

    def depth(self, places: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how deep balls stand in a wall or the obstacle, and the way out, (k,), (k, 3)."""
        depth = np.abs(places[:, 2]) + radii - self.top
        normal = np.zeros((len(places), 3))
        normal[:, 2] = -np.sign(places[:, 2])
        if self.obstacle is not None:
            inside = places if isinstance(self.boundary, Open) else self.boundary.wrap(places)
            other, out = self.obstacle.with_normal(inside, radii)
            deeper = other > depth
            depth = np.where(deeper, other, depth)
            normal[deeper] = out[deeper]
        return depth, normal

    def near(
        self,
        surfaces: list[Surface],
        poses: RigidTransforms,
        skin: float,
        moving: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the points within a skin of a wall or the obstacle: bodies, points and radii."""
        bodies, rows = [np.empty(0, np.int64)], [np.empty((0, 4))]
        if self.obstacle is None and not np.isfinite(self.top):
            return bodies[0], rows[0]
        for b in np.flatnonzero(moving).tolist():
            surface = surfaces[b]
            farthest = abs(poses.translations[b, 2]) + surface.reach + skin
            if self.obstacle is None and farthest < self.top:
                continue
            places = surface.points @ poses.rotations[b].T + poses.translations[b]
            depth, _ = self.depth(places, surface.radii + skin)
            close = depth > 0
            rows.append(np.column_stack([surface.points[close], surface.radii[close]]))
            bodies.append(np.full(int(close.sum()), b))
        return np.concatenate(bodies), np.concatenate(rows)


def _surfaces(
    scene: Scene,
    positions: np.ndarray,
    poses: RigidTransforms,
    rigid: np.ndarray,
    distance: float,
    make: Callable[[BallModel, float], tuple[np.ndarray, np.ndarray]],
) -> list[Surface]:
    """Return each body's surface: a species' own, or the balls of a deformable."""
    shapes = {
        s: make(scene.species[s], distance) for s in np.unique(scene.species_index[rigid]).tolist()
    }
    largest = max(
        [float(radii.max()) for _, radii in shapes.values()]
        + [float(scene.model(i).radii.max()) for i in np.flatnonzero(~rigid).tolist()]
    )

    def surface(points: np.ndarray, radii: np.ndarray) -> Surface:
        return Surface(points, radii, reach=float(radii.max()) + largest + _WIDE_SKIN)

    known = {s: surface(*shape) for s, shape in shapes.items()}
    surfaces = []
    for i, s in enumerate(scene.species_index.tolist()):
        if rigid[i]:
            surfaces.append(known[s])
        else:
            balls = positions[scene.balls(i)] - poses.translations[i]
            surfaces.append(surface(balls, scene.species[s].radii))
    return surfaces


def _placed(
    body: np.ndarray, points: np.ndarray, poses: RigidTransforms
) -> tuple[np.ndarray, np.ndarray]:
    """Return points relative to their bodies' origins, and in the scene."""
    levers = np.einsum("qij,qj->qi", poses.rotations[body], points)
    return levers, levers + poses.translations[body]
