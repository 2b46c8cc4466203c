"""Clash removal: moving molecules by tenths of a nanometre until none has an atom in another.

**The problem.** After compression the *balls* of a packed scene overlap by a few hundredths of a
nanometre. But balls only stand for a molecule's shape, so some *atoms* of two molecules are too
close all the same. They must be moved apart, and the packing must stay as dense and as random as it
is.

**The idea.** Rigid bodies go down the gradient of ``sum max(0, distance - r)^2 / 2`` over the pairs
of atoms of different bodies. Each body takes a step of its own size: its force over its number of
contacts, its torque over their moment of inertia (see `repulsion`). Part of the last step is kept
(momentum), and no point moves by more than 0.05 nm in a step. Only bodies that clash and those that
touch them move, so that what is good stays as it is.

**Two turns.** An atom deep inside another molecule has atoms on all sides that push it nowhere. So
the bodies first repel each other as balls of about forty atoms each, which lead out of each other,
and then by their atoms, which end it. The two take turns. After a turn that did not help, bodies
farther around the clashing ones may move too and make room.

**Annealing.** What two turns do not free is shaken: bodies around those that clash are pushed at
random, by less and less, while their balls repel each other, and are cleared anew. Each time that
does not help it takes twice as long and goes farther around. The best state is kept.

**The data.** The points of each species, by atoms and by balls (`surfaces`), and lists of those
that touch, kept up while bodies move (`contacts`). Species of the library have points that
stand for several atoms; they keep the distance at which the envelopes around them overlap as those
of touching atoms do.

**Cost and limits.** A step costs as much as there are points in contact. The overlaps must be a few
tenths of a nanometre at most. It ends when no atoms are too close, after `max_steps`, or when half
of all bodies still clash after a shaking that did not help: such a scene is jammed. Filaments,
membranes and fixed instances do not move; others move away from them, from walls and from the
obstacle. What bends is cut into pieces of 20 nm, each a body of its own: no map of distances then
takes the room of all of a vesicle, and what spans a box is near by its nearest image. A protein and
the membrane that links join it to do not push each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import BallModel, PackedScene, PackingError, RigidTransforms
from ..core.settings import Settings, setting
from ..core.tables import to_table
from ..poses import extract_transforms
from .scenes import Packable, as_packed, joined, measured, moved_bodies, wrapped
from .surfaces import CLOSEST, Limits, atom_points, ball_points

if TYPE_CHECKING:
    from .repulsion import Pushes, Repulsion

_SKIN = 0.4
_WIDE_SKIN = 0.8
_PACE = 0.5
_MEMORY = 0.85
_FAR = 0.05
_FINE_TURN, _TURN = 20, 50
"""Steps with balls of forty atoms before the atoms have their turn, and theirs."""
_GAIN = 0.9
"""A turn has not helped when it takes less than a tenth off what is too deep."""
_STRICT, _SPARED, _CLOSE = 0.33, 1e-4, 0.15
"""Up to this fraction no atoms may stay too close; beyond it this share, none within so many nm."""
_FEW = 20
"""Where so many bodies, and half of all, still clash after a shaking, the scene is jammed."""
_HEAT, _COOLING = 0.05, 1 / 30
"""By how much bodies are shaken in a step, nm, and the share of it that is left at the end."""
_HOT, _HOTTEST, _RINGS = 100, 800, 3
"""Steps of the first shaking and of the longest, and how far around clashing bodies it goes."""
_PIECE = 20.0
"""Edge of the cubes into which what bends is cut, nm."""
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
        default=CLOSEST,
        above=0,
    )
    max_steps: int = setting("most steps", default=4000, minimum=0)
    tolerated: float | None = setting(
        "share of all atoms (or points) that may be left too close to another molecule's before "
        "the packing has failed; left out, none up to a fraction of 0.33 and beyond it 0.0001, "
        "none of them within 0.15 nm",
        default=None,
        minimum=0,
        maximum=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.closest > self.distance:
            raise ValueError(
                f"closest: wanted at most the distance {self.distance:g}, got {self.closest:g}"
            )


def remove_clashes(scene: Packable, removal: ClashRemoval = ClashRemoval()) -> PackedScene:
    """Move rigid bodies apart by their atoms, until no two atoms are closer than wanted.

    Parameters
    ----------
    scene : Scene or PackedScene
        The scene, its overlaps a few tenths of a nanometre at most.
    removal : ClashRemoval, optional
        How far apart, and how many steps at most.

    Returns
    -------
    PackedScene
        Its provenance has under ``"clash_removal"`` the settings, how many atoms (or points) are
        closer than wanted to another body's at the end, how many bodies have one, the distance of
        the closest two in nm (`distance` where none are closer), and the number of steps.

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
    allowed = removal.distance - removal.closest
    left = relaxation.run(removal.max_steps, allowed)
    start, boundary = packed.scene, packed.boundary
    positions = wrapped(start, relaxation.positions(), boundary)
    row = measured(start, positions, boundary, step=relaxation.steps, energy=left.energy)
    clashing = left.deepest > allowed
    record = {
        "settings": to_table(removal),
        "closest": round(removal.distance - float(left.deepest.max(initial=0.0)), 6),
        "points": relaxation.bodies.atoms.n_points,
        "points_too_close": (
            relaxation.atoms.too_close(relaxation.poses, allowed) if clashing.any() else 0
        ),
        "bodies_too_close": len(np.unique(relaxation.bodies.owner[clashing])),
        "steps": relaxation.steps,
    }
    return PackedScene(
        scene=start,
        positions=positions,
        boundary=boundary,
        history=joined(packed.history, row),
        provenance=packed.provenance | {"clash_removal": record},
    )


def check_clear(packed: PackedScene, removal: ClashRemoval) -> None:
    """Raise PackingError, with the scene as its best, unless its atoms are clear of each other.

    Parameters
    ----------
    packed : PackedScene
        As `remove_clashes` left it.
    removal : ClashRemoval
        What it was told, and how many atoms it may leave too close.
    """
    record = packed.provenance["clash_removal"]
    left, points, closest = (record[key] for key in ("points_too_close", "points", "closest"))
    fraction = float(packed.history.fraction[-1])
    crowded = fraction > _STRICT * (1 + 1e-9)
    share, least = removal.tolerated, 0.0
    if share is None:
        share, least = (_SPARED, _CLOSE) if crowded else (0.0, removal.closest)
    if left > share * points or (left and closest < least):
        raise PackingError(
            f"{left} of {points} atoms of {record['bodies_too_close']} instances are within "
            f"{removal.closest:g} nm of another's after {record['steps']} steps of clash removal, "
            f"the closest {closest:.3f} nm, at a fraction of {fraction:.3f}",
            best=packed,
        )


class _Relaxation:
    """Rigid bodies on their way down the gradient of their overlaps."""

    def __init__(self, packed: PackedScene, distance: float) -> None:
        self.packed = packed
        self.bodies = bodies = _Bodies(packed, distance)
        self.moving = bodies.moving
        self.poses = bodies.poses
        largest = max(bodies.atoms.largest, bodies.balls.largest)
        self.limits = Limits(packed.boundary, packed.scene.obstacle, largest + _WIDE_SKIN)
        self.atoms = self._repulsion(bodies.atoms, _SKIN)
        self.balls = self._repulsion(bodies.balls, _WIDE_SKIN)
        self.reach = self.atoms.listed.reach
        self.steps = 0
        self.rng = np.random.default_rng(0)

    def _repulsion(self, points: _Points, skin: float) -> Repulsion:
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

    def run(self, max_steps: int, allowed: float) -> Pushes:
        """Step until no overlap is deeper than allowed; return what is left."""
        among, rings, hot = self.moving, 1, 0
        best, kept = None, self.poses
        while True:
            if hot:
                self._descend(self.balls, hot, max_steps, 0.0, among, heat=_HEAT)
            self._descend(self.balls, _FINE_TURN, max_steps, _DEEP, among)
            self._descend(self.atoms, _TURN, max_steps, allowed, among)
            self.atoms.listed.watch(self.moving)
            left = self.atoms.pushes(self.poses, allowed)
            gains = best is None or left.beyond <= _GAIN * best.beyond
            if best is None or left.beyond < best.beyond:
                best, kept = left, self.poses
            clashing = left.deepest > allowed
            jammed = not gains and hot > 0 and clashing.sum() > max(_FEW, self.moving.sum() // 2)
            if not clashing.any() or self.steps >= max_steps or jammed:
                self.poses = kept
                return best
            if not gains:
                # Those that a turn did not help need more room around them, and more heat.
                rings, hot = min(rings + 1, _RINGS), min(max(2 * hot, _HOT), _HOTTEST)
            among = self.moving & left.around(clashing, rings)

    def _descend(
        self,
        repulsion: Repulsion,
        steps: int,
        max_steps: int,
        allowed: float,
        among: np.ndarray,
        *,
        heat: float = 0.0,
    ) -> None:
        """Step, for a turn at most, until no overlap of some bodies is deeper than allowed.

        `heat` is by how much, in nm, bodies are shaken in each step at first; it cools by and by.
        """
        repulsion.listed.watch(among)
        last = min(self.steps + steps, max_steps)
        speed, spin = np.zeros((2, len(self.poses), 3))
        far_at_most = 2 * _FAR if heat else _FAR
        while True:
            pushes = repulsion.pushes(self.poses, allowed)
            clashing = pushes.deepest > allowed
            if not clashing.any() or self.steps >= last:
                return
            stiffness, inertia = np.maximum(pushes.contacts, 1.0), pushes.inertia
            speed = _MEMORY * speed + _PACE * pushes.force / stiffness[:, None]
            # A body with few contacts on one side would spin about them without the bound.
            scale = np.trace(inertia, axis1=1, axis2=2)[:, None, None]
            firm = inertia + (0.1 * scale + 1.0) * np.eye(3)
            turn = np.linalg.solve(firm, pushes.torque[:, :, None])[:, :, 0]
            spin = _MEMORY * spin + _PACE * turn
            if heat:
                now = heat * _COOLING ** (1 - (last - self.steps) / steps)
                speed += now * self.rng.standard_normal(speed.shape)
                spin += 1.5 * now * self.rng.standard_normal(spin.shape) / self.reach[:, None]
            far = np.linalg.norm(speed, axis=1) + np.linalg.norm(spin, axis=1) * self.reach
            brake = np.minimum(1.0, far_at_most / np.maximum(far, 1e-12))[:, None]
            speed, spin = speed * brake, spin * brake
            resting = ~among if heat else ~(among & pushes.around(clashing, 1))
            speed[resting], spin[resting] = 0, 0
            self.poses = RigidTransforms(
                rotations=Rotation.from_rotvec(spin).as_matrix() @ self.poses.rotations,
                translations=self.poses.translations + speed,
            )
            self.steps += 1


class _Points:
    """Bodies by their points: the species (points, radii), nm, and which each body is."""

    def __init__(self, species: list[tuple[np.ndarray, np.ndarray]], of_body: np.ndarray) -> None:
        self.species, self.of_body = species, of_body
        self.largest = max(float(radii.max()) for _, radii in species)
        sizes = np.array([len(points) for points, _ in species])
        self.n_points = int(sizes[of_body].sum())


class _Bodies:
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
    ) -> _Points:
        """Return all bodies by points of one kind, of what bends by its balls."""
        own = self.scene.species_index[self.rigid]
        known, index = np.unique(own, return_inverse=True)
        species = [points_of(self.scene.species[s], distance) for s in known.tolist()]
        pieces = len(species) + np.arange(len(bent))
        return _Points([*species, *bent], np.concatenate([index.reshape(-1), pieces]))

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
