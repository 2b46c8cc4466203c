"""A Simulation in a box that shrinks, and how far it may shrink."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import BallModel, History, PackedScene, PackingError, Scene
from ..core.boundary import Boundary
from ..core.units import BOLTZMANN, strip
from ..forces import (
    BOX_EDGES,
    SLAB_HEIGHT,
    ForceTerm,
    HarmonicAngles,
    HarmonicBonds,
    ObstacleWall,
    SoftRepulsion,
    Walls,
)
from .checkpoint import COLUMNS, Checkpoint, Journal
from .counts import fit_box
from .divergence import (
    Diverged,
    ShorterSteps,
    advance,
    bound_of,
    diverging,
    positions_of,
    worst_ball,
)
from .scenes import box_fraction, in_steps, joined, means, measured, wrapped
from .simulations import Run, engine_of, langevin_simulation
from .system import create_system, longest_cutoff, periodic_vectors

if TYPE_CHECKING:
    import openmm

    from .compression import Compression

_SOFT_BOND_K = 4e5
_STABLE = 16.0
_GENTLE = 0.15
_TURN = 0.15
"""Most that heat moves two constrained balls against each other in a step, in their distance: from
0.3 on steps were seen in which the constraints are not found again, and the balls fly away."""


class ShrinkingBox:
    """A Simulation of a scene in a box that shrinks.

    Everything that it does, and what came of it, goes through its journal: see `checkpoint`.

    Parameters
    ----------
    packed : PackedScene
        The start.
    compression : Compression
        How stiff and how far apart balls are, and the time step.
    forces : sequence of force terms
        The user's own, which act too.
    run, seed, reporters
        See `pack_scene`.
    checkpoint : Checkpoint
        Where the journal is kept.
    stage : str
        Its name there.
    """

    def __init__(
        self,
        packed: PackedScene,
        compression: Compression,
        *,
        forces: Sequence[ForceTerm],
        run: Run,
        seed: int | np.random.SeedSequence,
        reporters: Sequence[Any],
        checkpoint: Checkpoint,
        stage: str,
    ) -> None:
        self.start = packed
        self.scene = packed.scene
        self.boundary: Boundary = packed.boundary
        self.stiffness, self.gap = compression.stiffness, compression.gap
        self.steps = 0
        self.rows: list[History] = []
        flexible = dataclasses.replace(
            self.scene,
            species=tuple(_heavy(model, compression.timestep) for model in self.scene.species),
            boundary=self.boundary,
        )
        contacts = (
            SoftRepulsion(k=self.stiffness, gap=self.gap),
            Walls(k=self.stiffness),
            ObstacleWall(k=self.stiffness),
        )
        self.contact_groups = 0b111
        terms = (*contacts, HarmonicBonds(), HarmonicAngles(), *forces)
        system = create_system(flexible, forces=terms, rigidity="constraints")
        self.reach = longest_cutoff(system)
        self.quickest = _quickest(system)
        self.simulation = langevin_simulation(
            flexible,
            system,
            temperature=0.0,
            friction=1.0,
            timestep=compression.timestep,
            constraint_tolerance=1e-6,
            run=run,
            seed=seed,
            reporters=reporters,
            positions=packed.positions,
        )
        self.shorter = ShorterSteps(self.simulation, compression.timestep)
        self.bound = bound_of(flexible)
        self.context = self.simulation.context
        self.thickness = float(spans(self.scene, packed.positions)[2])
        self.agitation = 0.0
        self.last_depth = self.depth()
        self.best = packed
        self.journal = Journal(
            checkpoint,
            stage,
            self.simulation,
            columns=("steps", "depth", "timestep", "x", "y", "z"),
            every=compression.checkpoint_every,
        )

    def heat(self, agitation: float, *, friction: float) -> None:
        """Set the heat, as the root mean square depth of a contact that it makes, nm."""
        self.agitation = agitation
        integrator = self.simulation.integrator
        integrator.setTemperature(self.stiffness * agitation**2 / BOLTZMANN)
        integrator.setFriction(friction)

    @property
    def fraction(self) -> float:
        """Envelope volume fraction of the box as it is now."""
        return box_fraction(self.scene, self.boundary)

    def positions(self) -> np.ndarray:
        """Return ball centres, (b, 3) nm, as the dynamics has them."""
        return positions_of(self.simulation)

    def depth(self) -> float:
        """Return the root mean square overlap of balls, nm: of balls that touch nothing it is 0."""
        energy = self.context.getState(energy=True, groups=self.contact_groups).getPotentialEnergy()
        return float(np.sqrt(2 * strip(energy) / self.stiffness / self.scene.n_balls))

    def relax(self, steps: int) -> float:
        """Step, and return the depth left; a step that is too long is taken again, shorter."""
        if self._replayed(steps):
            self.steps += steps
            return self.last_depth
        try:
            self.last_depth = self.shorter.run(lambda timestep: self._step(steps, timestep))
        except Diverged as error:
            raise PackingError(
                f"the compression diverged after step {self.steps} {error.words(self.scene)}"
            ) from None
        self.steps += steps
        self._note(steps)
        return self.last_depth

    def _step(self, steps: int, timestep: float) -> float:
        # Deep overlaps push hard: only short steps are stable.
        brake = float(np.clip(max(self.agitation, _GENTLE) / max(self.last_depth, 1e-9), 0.1, 1.0))
        self.simulation.integrator.setStepSize(timestep * min(brake, self._steady(timestep)))
        before = self.positions()
        advance(self.simulation, steps, self.bound)
        if brake < 1 and self.agitation == 0:
            # What the push has set going would outrun the longer steps to come.
            self.context.setVelocitiesToTemperature(0.0)
        with diverging(self.simulation, before):
            depth = self.depth()
        if not np.isfinite(depth):
            raise Diverged("the energy is not finite", worst_ball(self.simulation, before))
        return depth

    def _steady(self, timestep: float) -> float:
        """Return the part of a time step in which heat turns no body farther than it should."""
        speed = np.sqrt(self.stiffness) * self.agitation * self.quickest
        return min(1.0, _TURN / max(speed * timestep, 1e-9))

    def shrink(self, fraction: float) -> None:
        """Shrink the box to a fraction; bodies keep their shapes and come along by their means."""
        if self._replayed(0):
            return
        positions = self.positions()
        least = spans(self.scene, positions) + self.gap
        if self.boundary.walls[2]:
            # Heat drives bodies into the walls, from which they keep no gap.
            least[2] = min(least[2] - self.gap, self.thickness)
        box = fit_box(
            self.scene.volume,
            fraction=fraction,
            shape=self.boundary,
            obstacle=self.scene.obstacle,
            least=np.minimum(least, self.boundary.box),
        )
        factors = np.minimum(np.array(box.box) / self.boundary.box, 1.0)
        centres = means(self.scene, positions)
        shift = np.where(self.scene.fixed[:, None], 0.0, (factors - 1) * centres)
        try:
            vectors = periodic_vectors(box, self.reach)
        except ValueError as error:
            raise PackingError(f"{error}: too few molecules for the size of their balls") from None
        self.boundary = box
        self.context.setPeriodicBoxVectors(*vectors)
        known = self.context.getParameters()
        for name, edge in zip(BOX_EDGES, box.box, strict=True):
            if name in known:
                self.context.setParameter(name, edge)
        if SLAB_HEIGHT in known:
            self.context.setParameter(SLAB_HEIGHT, box.box[2])
        self.context.setPositions(positions + shift[self.scene.instance_of_ball])
        self.last_depth = self.depth()
        self._note(0)

    def _note(self, steps: int) -> None:
        """Enter what so many steps have led to, or a smaller box, and what `packed` needs."""
        beside = {"positions": self.best.positions}
        if self.rows:
            rows = in_steps(self.rows)
            beside |= {key: getattr(rows, key) for key in COLUMNS}
        outcome = (steps, self.last_depth, self.shorter.timestep, *self.boundary.box)
        self.journal.note(outcome, beside=beside)

    def _replayed(self, steps: int) -> bool:
        """Take over what so many steps led to in an earlier run; return whether there is one."""
        outcome = self.journal.replay()
        if outcome is None:
            return False
        done, self.last_depth, self.shorter.timestep, x, y, z = outcome
        if done != steps:
            raise ValueError(
                f"{self.journal.checkpoint.path}: is a checkpoint of another protocol, which took "
                f"{done:g} steps where this one takes {steps}; remove it to start anew"
            )
        self.boundary = self.boundary.with_box((x, y, z))
        return True

    def packed(self, **provenance: Any) -> PackedScene:
        """Measure the state as it is now, and return it with all that was measured before.

        Played back, it has the positions of the last time, which is the only one still wanted.
        """
        beside = self.journal.beside
        if beside is None:
            state = self.context.getState(energy=True)
            energy = float(strip(state.getPotentialEnergy()))
            if not np.isfinite(energy):
                raise PackingError(f"after step {self.steps} the energy is {energy}")
            positions = wrapped(self.scene, self.positions(), self.boundary)
            row = measured(
                self.scene,
                positions,
                self.boundary,
                step=self.steps,
                energy=energy,
            )
        else:
            positions, number = beside["positions"], len(self.rows)
            row = History(**{key: beside[key][number : number + 1] for key in COLUMNS})
        self.rows.append(row)
        before = {key: value for key, value in self.start.provenance.items() if key != "stopped"}
        self.best = PackedScene(
            scene=self.scene,
            positions=positions,
            boundary=self.boundary,
            history=joined(self.start.history, in_steps(self.rows)),
            provenance={
                **before,
                **engine_of(self.simulation),
                "compression": {
                    "fraction": self.fraction,
                    "steps": self.steps,
                    "rms_overlap_nm": round(self.last_depth, 6),
                },
                **provenance,
            },
        )
        return self.best


def spans(scene: Scene, positions: np.ndarray) -> np.ndarray:
    """Return the shortest edges, (3,) nm, of a box that no body in it meets itself across.

    They are the longest extent of any instance along each axis, whose balls, (b, 3) nm, are all in
    one piece; fixed ones and the obstacle, which keep their places, must be in a box around 0.
    """
    starts = scene.offsets[:-1]
    radii = scene.radii[:, None]
    high = np.maximum.reduceat(positions + radii, starts, axis=0)
    low = np.minimum.reduceat(positions - radii, starts, axis=0)
    outermost = 2 * np.maximum(np.abs(high), np.abs(low))
    longest = np.where(scene.fixed[:, None], outermost, high - low).max(axis=0)
    obstacle = scene.obstacle
    if obstacle is not None and not obstacle.beyond:
        longest = np.maximum(longest, 2 * obstacle.outermost())
    return longest


def _quickest(system: openmm.System) -> float:
    """Return the largest thermal speed of constrained balls at 1 kJ/mol, in distances a ps."""
    masses = [strip(system.getParticleMass(ball)) for ball in range(system.getNumParticles())]
    speeds = [0.0]
    for i in range(system.getNumConstraints()):
        first, second, length = system.getConstraintParameters(i)
        speeds.append(np.sqrt(1 / masses[first] + 1 / masses[second]) / strip(length))
    return float(max(speeds))


def _heavy(model: BallModel, timestep: float) -> BallModel:
    """Return a deformable whose bonds and angles are stable at long steps; bodies lose theirs.

    A ball with eight bonds of constant k and mass m vibrates at up to 4 sqrt(k / m), and a step
    must be shorter than half of the inverse. Here only the way to the resting state matters, so
    that balls may be heavy, and bonds softer than the paper's.
    """
    if model.is_rigid:
        # Constraints hold its shape, and a list that grows with the square of its balls is spared.
        return dataclasses.replace(model, bonds=np.empty((0, 2), np.int64))
    if not len(model.bonds):
        return model
    bond_k = min(model.bond_k, _SOFT_BOND_K)
    shortest = float(model.bond_lengths.min())
    stiffest = max(bond_k, model.angle_k / shortest**2)
    masses = np.maximum(model.masses, _STABLE * stiffest * timestep**2)
    return dataclasses.replace(model, bond_k=bond_k, masses=masses)
