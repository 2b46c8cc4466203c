"""Rigid bodies on their way down the gradient of their overlaps, with heat or without.

Each body takes a step of its own size: its force over its number of contacts, its torque over their
moment of inertia (see `repulsion`). Part of the last step is kept (momentum), and no point moves by
more than 0.05 nm in a step, while it is shaken 0.1. Without heat only bodies that clash and those
that touch them move, so that what is good stays as it is.

What bends does not move; others move away from it, from fixed instances, walls and the obstacle. It
is cut into pieces of 20 nm, each a body of its own: no grid of cells then takes the room of all of
a vesicle, and what spans a box is near by its nearest image. A protein and the membrane that links
join it to do not push each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import BallModel, PackedScene, RigidTransforms
from ..core.boundary import Boundary
from ..poses import extract_transforms
from .scenes import moved_bodies
from .surfaces import Limits, atom_points, ball_points

if TYPE_CHECKING:
    from .repulsion import Pushes, Repulsion

_SKIN = 0.4
_WIDE_SKIN = 0.8
_PACE = 0.5
_MEMORY = 0.85
_FAR = 0.05
_COOLING = 1 / 30
"""The share of the heat that is left at the end."""
_PIECE = 20.0
"""Edge of the cubes into which what bends is cut, nm."""


class RigidDescent:
    """The rigid bodies of a scene, by atoms and by balls of forty atoms.

    Parameters
    ----------
    packed : PackedScene
    distance : float
        At which atoms begin to push each other, nm.
    rng : numpy.random.Generator
        Of the heat.
    """

    def __init__(self, packed: PackedScene, distance: float, rng: np.random.Generator) -> None:
        self.packed = packed
        self.bodies = bodies = Bodies(packed, distance)
        self.moving = bodies.moving
        self.poses = bodies.poses
        largest = max(bodies.atoms.largest, bodies.balls.largest)
        self.limits = Limits(packed.boundary, packed.scene.obstacle, largest + _WIDE_SKIN)
        self.atoms = self._repulsion(bodies.atoms, _SKIN)
        self.balls = self._repulsion(bodies.balls, _WIDE_SKIN)
        self.reach = self.atoms.listed.reach
        self.steps = 0
        self.rng = rng

    def _repulsion(self, points: Points, skin: float) -> Repulsion:
        from .repulsion import Repulsion
        from .solids import solids_of

        return Repulsion(
            solids_of(points.species),
            points.of_body,
            self.packed.boundary,
            self.limits,
            skin=skin,
            moving=self.moving,
            coarse=self.bodies.bent,
            partners=self.bodies.partners,
        )

    def positions(self) -> np.ndarray:
        """Return ball centres with the bodies where they are now, (b, 3) nm."""
        return self.bodies.moved(self.packed.positions, self.poses)

    def left(self, allowed: float, among: np.ndarray | None = None) -> Pushes:
        """Return what pushes all bodies by their atoms, or some bodies, (n,) bool, and theirs."""
        self.atoms.listed.watch(self.moving if among is None else among)
        return self.atoms.pushes(self.poses, allowed)

    def resize(self, boundary: Boundary) -> None:
        """Give the box other edges; bodies that move come along by their origins."""
        factors = np.array(boundary.box) / self.atoms.listed.boundary.box
        moved = np.where(self.moving[:, None], factors, 1.0) * self.poses.translations
        self.poses = RigidTransforms(rotations=self.poses.rotations, translations=moved)
        for repulsion in (self.atoms, self.balls):
            repulsion.resize(boundary, factors)

    def descend(
        self,
        repulsion: Repulsion,
        steps: int,
        allowed: float,
        among: np.ndarray,
        *,
        heat: float = 0.0,
    ) -> None:
        """Take up to so many steps, until no overlap of some bodies is deeper than allowed.

        Parameters
        ----------
        repulsion : Repulsion
            Of `atoms` or `balls`.
        steps : int
            Most steps.
        allowed : float
            Overlap at which a body rests, nm.
        among : (n,) bool array
            The bodies that may move.
        heat : float, optional
            By how much bodies are shaken in each step at first, nm; it cools by and by.
        """
        repulsion.listed.watch(among)
        last = self.steps + steps
        rows = np.flatnonzero(among)
        reach = self.reach[rows]
        speed, spin = np.zeros((2, len(rows), 3))
        far_at_most = 2 * _FAR if heat else _FAR
        while True:
            pushes = repulsion.pushes(self.poses, allowed)
            clashing = pushes.deepest > allowed
            if not clashing.any() or self.steps >= last:
                return
            stiffness, inertia = np.maximum(pushes.contacts[rows], 1.0), pushes.inertia[rows]
            speed = _MEMORY * speed + _PACE * pushes.force[rows] / stiffness[:, None]
            # A body with few contacts on one side would spin about them without the bound.
            scale = np.trace(inertia, axis1=1, axis2=2)[:, None, None]
            firm = inertia + (0.1 * scale + 1.0) * np.eye(3)
            turn = np.linalg.solve(firm, pushes.torque[rows, :, None])[:, :, 0]
            spin = _MEMORY * spin + _PACE * turn
            if heat:
                now = heat * _COOLING ** (1 - (last - self.steps) / steps)
                speed += now * self.rng.standard_normal(speed.shape)
                spin += 1.5 * now * self.rng.standard_normal(spin.shape) / reach[:, None]
            far = np.linalg.norm(speed, axis=1) + np.linalg.norm(spin, axis=1) * reach
            brake = np.minimum(1.0, far_at_most / np.maximum(far, 1e-12))[:, None]
            speed, spin = speed * brake, spin * brake
            if not heat:
                resting = ~pushes.around(clashing, 1)[rows]
                speed[resting], spin[resting] = 0, 0
            self._move(rows, speed, spin)
            self.steps += 1

    def _move(self, rows: np.ndarray, shifts: np.ndarray, spins: np.ndarray) -> None:
        """Shift some bodies, (k, 3) nm, and turn them by rotation vectors (k, 3)."""
        rotations, translations = self.poses.rotations.copy(), self.poses.translations.copy()
        rotations[rows] = Rotation.from_rotvec(spins).as_matrix() @ rotations[rows]
        translations[rows] += shifts
        self.poses = RigidTransforms(rotations=rotations, translations=translations)


class Points:
    """Bodies by their points: the species (points, radii), nm, and which each body is."""

    def __init__(self, species: list[tuple[np.ndarray, np.ndarray]], of_body: np.ndarray) -> None:
        self.species, self.of_body = species, of_body
        self.largest = max(float(radii.max()) for _, radii in species)
        sizes = np.array([len(points) for points, _ in species])
        self.n_points = int(sizes[of_body].sum())


class Bodies:
    """What touches: rigid instances, by their atoms and by balls, and pieces of what bends."""

    def __init__(self, packed: PackedScene, distance: float) -> None:
        scene = packed.scene
        self.scene = scene
        is_rigid = np.array([model.is_rigid for model in scene.species])[scene.species_index]
        self.rigid = np.flatnonzero(is_rigid)
        pieces = [
            (i, rows)
            for i in np.flatnonzero(~is_rigid).tolist()
            for rows in _pieces(packed.positions[scene.balls(i)], scene.offsets[i])
        ]
        self.owner = np.concatenate([self.rigid, np.array([i for i, _ in pieces], np.int64)])
        self.moving = is_rigid[self.owner] & ~scene.fixed[self.owner]
        self.start = extract_transforms(packed).transforms
        centres = [packed.positions[rows].mean(axis=0) for _, rows in pieces]
        turned = self.start.rotations[self.rigid]
        self.poses = RigidTransforms(
            rotations=np.concatenate([turned, np.tile(np.eye(3), (len(pieces), 1, 1))]),
            translations=np.concatenate(
                [self.start.translations[self.rigid], np.reshape(centres, (-1, 3))]
            ),
        )
        self.bent = ~is_rigid[self.owner]
        bent = [
            (packed.positions[rows] - centre, scene.radii[rows])
            for (_, rows), centre in zip(pieces, centres, strict=True)
        ]
        self.atoms, self.balls = (
            self._points(points_of, distance, bent) for points_of in (atom_points, ball_points)
        )

    def _points(
        self,
        points_of: Callable[[BallModel, float], tuple[np.ndarray, np.ndarray]],
        distance: float,
        bent: list[tuple[np.ndarray, np.ndarray]],
    ) -> Points:
        """Return all bodies by points of one kind, of what bends by its balls."""
        own = self.scene.species_index[self.rigid]
        known, index = np.unique(own, return_inverse=True)
        species = [points_of(self.scene.species[s], distance) for s in known.tolist()]
        pieces = len(species) + np.arange(len(bent))
        return Points([*species, *bent], np.concatenate([index.reshape(-1), pieces]))

    def partners(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return whether links join the instances of bodies, (k,) bool."""
        return self.scene.are_partners(self.owner[one], self.owner[other])

    def moved(self, positions: np.ndarray, poses: RigidTransforms) -> np.ndarray:
        """Return ball centres (b, 3) in nm with those that move at new poses."""
        rotations, translations = (
            np.array(part) for part in (self.start.rotations, self.start.translations)
        )
        n = len(self.rigid)
        rotations[self.rigid], translations[self.rigid] = (
            poses.rotations[:n],
            poses.translations[:n],
        )
        moving = np.zeros(self.scene.n_instances, bool)
        moving[self.owner[self.moving]] = True
        everywhere = RigidTransforms(rotations=rotations, translations=translations)
        return moved_bodies(self.scene, positions, moving, everywhere)


def _pieces(balls: np.ndarray, offset: int) -> list[np.ndarray]:
    """Return the balls of an instance, (b, 3) nm, in pieces, by their numbers in the scene."""
    cells = np.floor(balls / _PIECE).astype(np.int64)
    _, piece = np.unique(cells, axis=0, return_inverse=True)
    piece = piece.reshape(-1)
    order = np.argsort(piece, kind="stable")
    return np.split(offset + order, np.cumsum(np.bincount(piece))[:-1])
