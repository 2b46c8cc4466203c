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

**The data.** One `Surface` for each species, by atoms and by balls (`surfaces`), and lists of the
points that touch, kept up while bodies move (`contacts`). Species of the library have points that
stand for several atoms; they keep the distance at which the envelopes around them overlap as those
of touching atoms do.

**Cost and limits.** A step costs as much as there are points in contact. The overlaps must be a few
tenths of a nanometre at most. It ends when no atoms are too close, after `max_steps`, or when turns
stop gaining while many bodies still clash: such a scene is jammed. Filaments, membranes and fixed
instances do not move; others move away from them, from walls and from the obstacle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import BallModel, PackedScene, RigidTransforms
from ..core.settings import Settings, setting
from ..core.tables import to_table
from ..poses import extract_transforms
from .repulsion import Overlaps, Repulsion
from .scenes import Packable, as_packed, joined, measured, moved_bodies, wrapped
from .surfaces import Limits, Surface, atom_points, ball_points

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
    left = relaxation.run(removal.max_steps, removal.distance - removal.closest)
    start, boundary = packed.scene, packed.boundary
    positions = moved_bodies(start, packed.positions, relaxation.moving, relaxation.poses)
    positions = wrapped(start, positions, boundary)
    row = measured(start, positions, boundary, step=relaxation.steps, energy=left.energy)
    record = {
        "settings": to_table(removal),
        "closest": round(removal.distance - left.deepest, 6),
        "points_too_close": left.points,
        "bodies_too_close": left.bodies,
        "steps": relaxation.steps,
    }
    return PackedScene(
        scene=start,
        positions=positions,
        boundary=boundary,
        history=joined(packed.history, row),
        provenance=packed.provenance | {"clash_removal": record},
    )


class _Relaxation:
    """Rigid bodies on their way down the gradient of their overlaps."""

    def __init__(self, packed: PackedScene, distance: float) -> None:
        scene, boundary = packed.scene, packed.boundary
        rigid = np.array([model.is_rigid for model in scene.species])[scene.species_index]
        self.moving = rigid & ~scene.fixed
        self.poses = extract_transforms(packed).transforms
        atoms, balls = (
            _surfaces(packed, self.poses, rigid, distance, points)
            for points in (atom_points, ball_points)
        )
        self.reach = np.array([surface.reach for surface in atoms])
        largest = max(surface.largest for surface in (*atoms, *balls))
        limits = Limits(boundary, scene.obstacle, largest + _WIDE_SKIN)
        self.atoms = Repulsion(atoms, boundary, limits, skin=_SKIN, moving=self.moving)
        self.balls = (balls, boundary, limits)
        self.steps = 0

    def run(self, max_steps: int, allowed: float) -> Overlaps:
        """Step until no overlap is deeper than allowed; return what is left."""
        among, rings, before = self.moving, 1, np.inf
        while True:
            balls = Repulsion(*self.balls, skin=_WIDE_SKIN, moving=self.moving)
            self._descend(balls, _FINE_TURN, max_steps, _DEEP, among)
            self._descend(self.atoms, _TURN, max_steps, allowed, among)
            self.atoms.listed.watch(self.moving)
            left = self.atoms.pushes(self.poses).overlaps(allowed)
            gains = left.beyond <= _GAIN * before
            jammed = not gains and left.bodies > _FEW
            if left.deepest <= allowed or self.steps >= max_steps or jammed:
                return left
            # Those that a turn did not help need more room around them.
            rings += not gains
            before = min(before, left.beyond)
            among = self.moving & left.around(rings)

    def _descend(
        self, repulsion: Repulsion, steps: int, max_steps: int, allowed: float, among: np.ndarray
    ) -> None:
        """Step, for a turn at most, until no overlap of some bodies is deeper than allowed."""
        repulsion.listed.watch(among)
        last = min(self.steps + steps, max_steps)
        speed, spin = np.zeros((2, len(self.poses), 3))
        while True:
            pushes = repulsion.pushes(self.poses)
            left = pushes.overlaps(allowed)
            if left.deepest <= allowed or self.steps >= last:
                return
            force, torque, stiffness, inertia = pushes.on_bodies()
            speed = _MEMORY * speed + _PACE * force / np.maximum(stiffness, 1.0)[:, None]
            # A body with few contacts on one side would spin about them without the bound.
            scale = np.trace(inertia, axis1=1, axis2=2)[:, None, None]
            firm = inertia + (0.1 * scale + 1.0) * np.eye(3)
            turn = np.linalg.solve(firm, torque[:, :, None])[:, :, 0]
            spin = _MEMORY * spin + _PACE * turn
            far = np.linalg.norm(speed, axis=1) + np.linalg.norm(spin, axis=1) * self.reach
            brake = np.minimum(1.0, _FAR / np.maximum(far, 1e-12))[:, None]
            speed, spin = speed * brake, spin * brake
            resting = ~(among & left.around(1))
            speed[resting], spin[resting] = 0, 0
            self.poses = RigidTransforms(
                rotations=Rotation.from_rotvec(spin).as_matrix() @ self.poses.rotations,
                translations=self.poses.translations + speed,
            )
            self.steps += 1


def _surfaces(
    packed: PackedScene,
    poses: RigidTransforms,
    rigid: np.ndarray,
    distance: float,
    points_of: Callable[[BallModel, float], tuple[np.ndarray, np.ndarray]],
) -> list[Surface]:
    """Return each body's surface: a species' own, or the balls of a deformable as they stand."""
    scene = packed.scene
    shapes = {
        s: points_of(scene.species[s], distance)
        for s in np.unique(scene.species_index[rigid]).tolist()
    }
    largest = max(
        [float(radii.max()) for _, radii in shapes.values()]
        + [float(scene.model(i).radii.max()) for i in np.flatnonzero(~rigid).tolist()]
    )

    def surface(points: np.ndarray, radii: np.ndarray) -> Surface:
        return Surface(points, radii, cutoff=float(radii.max()) + largest + _WIDE_SKIN)

    known = {s: surface(*shape) for s, shape in shapes.items()}
    surfaces = []
    for i, s in enumerate(scene.species_index.tolist()):
        if rigid[i]:
            surfaces.append(known[s])
        else:
            balls = poses[i].invert().apply(packed.positions[scene.balls(i)])[0]
            surfaces.append(surface(balls, scene.species[s].radii))
    return surfaces
