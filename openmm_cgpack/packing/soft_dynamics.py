"""A Simulation of bodies that push each other apart softly, and how far it is from good.

Balls of different bodies repel with a spring as deep as they overlap, walls and the obstacle too.
Such a force is bounded, so that no start is too bad, and the time step can be long. Rigid bodies
are held by constraints, filaments and membranes bend. One number says how far a state is from
good: the root mean square *depth* of all overlaps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..core import BallModel, History, PackedScene, PackingError
from ..core.boundary import Boundary
from ..core.units import BOLTZMANN, strip
from ..forces import (
    ForceTerm,
    HarmonicAngles,
    HarmonicBonds,
    LinkBonds,
    MembraneElasticity,
    ObstacleWall,
    SoftRepulsion,
    Walls,
)
from .checkpoint import COLUMNS, Checkpoint, Journal
from .divergence import (
    Diverged,
    ShorterSteps,
    advance,
    bound_of,
    diverging,
    positions_of,
    worst_ball,
)
from .protocols import Block
from .scenes import box_fraction, in_steps, joined, measured, wrapped
from .simulations import Run, engine_of, langevin_simulation
from .system import create_system, longest_cutoff

if TYPE_CHECKING:
    import openmm

_STABLE = 16.0
_GENTLE = 0.15
_TURN = 0.15
"""Most that heat moves two constrained balls against each other in a step, in their distance: from
0.3 on steps were seen in which the constraints are not found again, and the balls fly away."""


class SoftDynamics:
    """A Simulation of a scene in a box, with soft contacts.

    Everything that it does, and what came of it, goes through its journal: see `checkpoint`.

    Parameters
    ----------
    packed : PackedScene
        The start.
    stiffness, gap : float
        Of contacts, kJ/mol/nm², and the distance that balls keep, nm.
    bond_k : float
        Most that a bond's constant is, kJ/mol/nm²; stiffer ones would want heavier balls.
    timestep : float
        Time step, ps.
    forces : sequence of force terms
        The user's own, which act too.
    run, seed, reporters
        See `pack_scene`.
    checkpoint : Checkpoint
        Where the journal is kept.
    stage : str
        Its name there.
    checkpoint_every : int
        Steps between checkpoints.
    """

    what: ClassVar[str] = "dynamics"
    """What it is in messages and in provenance."""

    def __init__(
        self,
        packed: PackedScene,
        *,
        stiffness: float,
        gap: float,
        bond_k: float,
        timestep: float,
        forces: Sequence[ForceTerm],
        run: Run,
        seed: int | np.random.SeedSequence,
        reporters: Sequence[Any],
        checkpoint: Checkpoint,
        stage: str,
        checkpoint_every: int,
    ) -> None:
        self.start = packed
        self.scene = packed.scene
        self.boundary: Boundary = packed.boundary
        self.stiffness, self.gap = stiffness, gap
        self.steps = 0
        self.rows: list[History] = []
        flexible = dataclasses.replace(
            self.scene,
            species=tuple(_heavy(model, timestep, bond_k) for model in self.scene.species),
            boundary=self.boundary,
        )
        contacts = (
            *self._repulsion(),
            Walls(k=self.stiffness),
            ObstacleWall(k=self.stiffness),
        )
        self.contact_groups = (1 << len(contacts)) - 1
        shapes = (HarmonicBonds(), HarmonicAngles(), MembraneElasticity(), LinkBonds())
        system = create_system(
            flexible, forces=(*contacts, *shapes, *forces), rigidity="constraints"
        )
        self.reach = longest_cutoff(system)
        self.quickest = _quickest(system)
        self.simulation = langevin_simulation(
            flexible,
            system,
            temperature=0.0,
            friction=1.0,
            timestep=timestep,
            constraint_tolerance=1e-6,
            run=run,
            seed=seed,
            reporters=reporters,
            positions=packed.positions,
        )
        self.shorter = ShorterSteps(self.simulation, timestep)
        self.bound = bound_of(flexible)
        self.context = self.simulation.context
        self.agitation = 0.0
        self.last_depth, self.last_positions = self.depth(), packed.positions
        self.best = packed
        self.journal = Journal(
            checkpoint,
            stage,
            self.simulation,
            columns=("steps", "depth", "timestep", "x", "y", "z"),
            every=checkpoint_every,
        )

    def _repulsion(self) -> tuple[ForceTerm, ...]:
        """Return what keeps balls apart."""
        return (SoftRepulsion(k=self.stiffness, gap=self.gap),)

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
            self.last_depth, self.last_positions = self.shorter.run(partial(self._step, steps))
        except Diverged as error:
            raise PackingError(
                f"the {self.what} diverged after step {self.steps} {error.words(self.scene)}"
            ) from None
        self.steps += steps
        self._note(steps)
        return self.last_depth

    def _step(self, steps: int, timestep: float, before: np.ndarray) -> tuple[float, np.ndarray]:
        # Deep overlaps push hard: only short steps are stable.
        brake = float(np.clip(max(self.agitation, _GENTLE) / max(self.last_depth, 1e-9), 0.1, 1.0))
        self.simulation.integrator.setStepSize(timestep * min(brake, self._steady(timestep)))
        after = advance(self.simulation, steps, self.bound, before)
        if brake < 1 and self.agitation == 0:
            # What the push has set going would outrun the longer steps to come.
            self.context.setVelocitiesToTemperature(0.0)
        with diverging(self.simulation, before):
            depth = self.depth()
        if not np.isfinite(depth):
            raise Diverged("the energy is not finite", worst_ball(self.simulation, before))
        return depth, after

    def _steady(self, timestep: float) -> float:
        """Return the part of a time step in which heat turns no body farther than it should."""
        speed = np.sqrt(self.stiffness) * self.agitation * self.quickest
        return min(1.0, _TURN / max(speed * timestep, 1e-9))

    def _note(self, steps: int) -> None:
        """Enter what so many steps have led to, or a smaller box, and what `packed` needs."""
        outcome = (steps, self.last_depth, self.shorter.timestep, *self.boundary.box)
        self.journal.note(outcome, beside=self._beside)

    def _beside(self) -> dict[str, np.ndarray]:
        beside = {"positions": self.best.positions}
        if self.rows:
            rows = in_steps(self.rows)
            beside |= {key: getattr(rows, key) for key in COLUMNS}
        return beside

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
            state = self.context.getState(energy=True, positions=True)
            energy = float(strip(state.getPotentialEnergy()))
            if not np.isfinite(energy):
                raise PackingError(f"after step {self.steps} the energy is {energy}")
            positions = np.asarray(strip(state.getPositions(asNumpy=True)))
            positions = wrapped(self.scene, positions, self.boundary)
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
                self.what: {
                    "fraction": self.fraction,
                    "steps": self.steps,
                    "rms_overlap_nm": round(self.last_depth, 6),
                },
                **provenance,
            },
        )
        return self.best


class Relaxation:
    """What is done with soft dynamics, block by block.

    Parameters
    ----------
    box : SoftDynamics
        The dynamics.
    stage : str
        Name of what it is at, for whoever watches.
    block : int
        Steps between measurements.
    tolerance : float
        Depth below which the scene is settled, nm.
    """

    def __init__(self, box: SoftDynamics, *, stage: str, block: int, tolerance: float) -> None:
        self.box = box
        self.stage = stage
        self.total: int | None = None
        self.block = block
        self.tolerance = tolerance
        self.depth = np.inf

    def relax(self, steps: int) -> Iterator[Block]:
        """Step so many steps and note the depth left; yield unless that was played back."""
        played_back = self.box.journal.replaying
        self.depth = self.box.relax(steps)
        if not played_back:
            positions = self.box.last_positions
            yield Block(
                stage=self.stage,
                step=self.box.steps,
                steps=steps,
                total=self.total,
                measured={"fraction": self.box.fraction, "rms_overlap_nm": self.depth},
                simulation=self.box.simulation,
                read_positions=lambda: positions,
            )

    def settle(self, patience: int) -> Iterator[Block]:
        """Relax the cold scene for as long as that helps."""
        self.box.heat(0.0, friction=1.0)
        yield from self.relax(self.block)
        for _ in range(patience // self.block - 1):
            before = self.depth
            if before < self.tolerance:
                break
            yield from self.relax(self.block)
            if 0.99 * before < self.depth <= before:
                break


def _quickest(system: openmm.System) -> float:
    """Return the largest thermal speed of constrained balls at 1 kJ/mol, in distances a ps."""
    speeds = [0.0]
    for i in range(system.getNumConstraints()):
        *balls, length = system.getConstraintParameters(i)
        inverse = sum(1 / system.getParticleMass(ball)._value for ball in balls)
        speeds.append(np.sqrt(inverse) / length._value)
    return float(max(speeds))


def _heavy(model: BallModel, timestep: float, bond_k: float) -> BallModel:
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
    bond_k = min(model.bond_k, bond_k)
    shortest = float(model.bond_lengths.min())
    stiffest = max(bond_k, model.angle_k / shortest**2)
    masses = np.maximum(model.masses, _STABLE * stiffest * timestep**2)
    return dataclasses.replace(model, bond_k=bond_k, masses=masses)
