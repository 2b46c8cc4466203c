"""How a Simulation is pulled together and let go of again, block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import History, PackedScene, PackingError, Scene
from ..core.tables import to_table
from ..core.units import strip
from ..forces import LENNARD_JONES_SCALE, PULL_SCALE
from .checkpoint import COLUMNS, Checkpoint, Journal
from .protocols import Block, Steps, Stop
from .scenes import deepest_overlap, filled_fraction, radius_of_gyration
from .simulations import engine_of

if TYPE_CHECKING:
    import openmm
    import openmm.app

    from .pull import Pull

_RAMP = 10
_RELAX = 4_000
_RELAX_BONDS = 8_000
"""With 4000, one of 80 bodies was seen with bonds 2.5 % of its size off."""
_WEAKER = 0.5
_DEEPER = 0.03
"""Heat alone makes the deepest overlap waver by 0.02."""
_BURST = 3.0


def pull_steps(
    simulation: openmm.app.Simulation,
    scene: Scene,
    protocol: Pull,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Steps[PackedScene]:
    """Drive a Simulation as a generator, to step it from outside: ``Packing(pull_steps(...))``."""
    if simulation.system.getNumParticles() != scene.n_balls:
        raise ValueError(
            f"simulation: wanted a System of the scene's {scene.n_balls} balls, "
            f"got one of {simulation.system.getNumParticles()} particles"
        )
    relax_steps = protocol.relax_steps
    if relax_steps is None:
        relax_steps = _RELAX_BONDS if _held_by_bonds(simulation) else _RELAX
    table = to_table(protocol)
    file = Checkpoint(checkpoint, scene, settings={"protocol": table}, simulation=simulation)
    journal = Journal(file, "pull", simulation, columns=COLUMNS, every=protocol.checkpoint_every)
    record = _Record(simulation, scene, journal)
    stopped = {}
    try:
        record.stage, record.total = "pulling", protocol.max_steps
        while record.steps_done < protocol.max_steps:
            yield from record.run(min(protocol.block, protocol.max_steps - record.steps_done))
            if record.tightened_less_than(protocol.tolerance, protocol.patience):
                break
        yield from record.end_stage()
        if relax_steps:
            record.stage, record.total = "relaxing", relax_steps
            for steps in _relaxation(simulation, record, relax_steps):
                yield from record.run(steps)
        if not journal.done:
            journal.save(done=True)
            if relax_steps:
                yield from record.end_stage()
    except Stop:
        stopped = {"stopped": record.stage}
    return PackedScene(
        scene=scene,
        positions=record.positions,
        boundary=scene.boundary,
        history=record.history(),
        provenance={
            **engine_of(simulation),
            "integrator": type(simulation.integrator).__name__,
            "timestep_ps": float(strip(simulation.integrator.getStepSize())),
            "steps": record.steps_done,
            "protocol": table,
            **stopped,
        },
    )


def _relaxation(simulation: openmm.app.Simulation, record: _Record, steps: int) -> Iterator[int]:
    """Yield portions of steps; ramp the pull off, and take the strain out of bodies held by bonds.

    Without the pull the shape of the packing does not depend on epsilon, but the strain in the
    bodies' bonds does: the less of it, the closer they come to the shape that they had. Stiff
    filaments and membranes press against it, so the ramp ends where overlaps begin to grow.
    """
    context = simulation.context
    known = context.getParameters()
    half = steps // 2
    start = context.getParameter(PULL_SCALE) if PULL_SCALE in known else None
    for i, portion in enumerate(_portions(half), start=1):
        if start is not None:
            context.setParameter(PULL_SCALE, start * (1 - i / _RAMP))
        if portion:
            yield portion
    strained = LENNARD_JONES_SCALE in known and _held_by_bonds(simulation)
    depth = record.depths[-1]
    for portion in _portions(steps - half):
        if strained:
            scale = context.getParameter(LENNARD_JONES_SCALE)
            if record.depths[-1] > depth + _DEEPER:
                strained, scale = False, scale / _WEAKER**2
            context.setParameter(LENNARD_JONES_SCALE, scale * _WEAKER)
        if portion:
            yield portion


def _held_by_bonds(simulation: openmm.app.Simulation) -> bool:
    return not simulation.system.getNumConstraints()


def _portions(steps: int) -> list[int]:
    return np.diff(np.linspace(0, steps, _RAMP + 1).astype(int)).tolist()


class _Record:
    """Positions and measurements of a Simulation that runs in blocks."""

    def __init__(self, simulation: openmm.app.Simulation, scene: Scene, journal: Journal) -> None:
        self.simulation = simulation
        self.scene = scene
        self.journal = journal
        self.stage, self.total = "", 0
        self.first_step = simulation.currentStep
        self.steps: list[int] = []
        self.radii: list[float] = []
        self.fractions: list[float] = []
        self.depths: list[float] = []
        self.energies: list[float] = []
        positions = self._positions()
        bad = ~np.isfinite(positions).all(axis=1)
        if bad.any():
            raise ValueError(
                f"simulation: the position of {scene.ball_name(int(np.argmax(bad)))} is not finite"
            )
        if scene.n_balls > 1 and not np.ptp(positions, axis=0).any():
            raise ValueError("simulation: the positions of the balls have not been set")
        if not self._replayed():
            self._measure(positions, self._energy())

    @property
    def steps_done(self) -> int:
        return int(self.steps[-1]) - self.first_step

    def run(self, steps: int) -> Iterator[Block]:
        """Step, measure and yield, or say which ball was the worst when that fails.

        What an earlier part of the run has measured is taken from its checkpoint, so that the
        protocol comes to the same decisions again; at its end the Simulation is brought there.
        """
        import openmm

        if self._replayed():
            return
        try:
            self.simulation.step(steps)
            positions, energy = self._positions(), self._energy()
        except (openmm.OpenMMException, ValueError) as error:
            # OpenMM's reporters raise ValueError on NaN, its integrators OpenMMException.
            raise self._diverged(str(error)) from None
        if not (np.isfinite(positions).all() and np.isfinite(energy)):
            raise self._diverged("a position or the energy is not finite", positions)
        if radius_of_gyration(positions) > _BURST * max(self.radii[0], self.scene.radii.max()):
            raise self._diverged("the scene burst", positions)
        self._measure(positions, energy)
        yield self._block(steps)

    def end_stage(self) -> Iterator[Block]:
        """Yield once more, now that the stage is over."""
        if not (self.journal.replaying or self.journal.done):
            yield self._block(0, finished=True)

    def _block(self, steps: int, *, finished: bool = False) -> Block:
        positions, row = self.positions, [column[-1] for column in self._columns[1:]]
        return Block(
            stage=self.stage,
            step=self.simulation.currentStep,
            steps=steps,
            total=self.total,
            measured=dict(zip(COLUMNS[1:], row, strict=True)),
            finished=finished,
            simulation=self.simulation,
            read_positions=lambda: positions,
        )

    def tightened_less_than(self, tolerance: float, patience: int) -> bool:
        if len(self.radii) <= patience + 1:
            return False
        before, last = self.radii[:-patience], self.radii[-patience:]
        return min(last) > (1 - tolerance) * min(before)

    @property
    def _columns(self) -> tuple[list[Any], ...]:
        return self.steps, self.radii, self.fractions, self.depths, self.energies

    def history(self) -> History:
        columns = zip(COLUMNS, self._columns, strict=True)
        return History(**{key: np.array(values) for key, values in columns})

    def _replayed(self) -> bool:
        """Take over what an earlier run measured next, and return whether there is such."""
        row = self.journal.replay()
        if row is None:
            return False
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        self.positions = self._positions()
        return True

    def _positions(self) -> np.ndarray:
        state = self.simulation.context.getState(positions=True)
        return np.asarray(strip(state.getPositions(asNumpy=True)))

    def _energy(self) -> float:
        state = self.simulation.context.getState(energy=True)
        return float(strip(state.getPotentialEnergy()))

    def _measure(self, positions: np.ndarray, energy: float) -> None:
        self.positions = positions
        row = (
            self.simulation.currentStep,
            radius_of_gyration(positions),
            filled_fraction(self.scene, positions),
            deepest_overlap(self.scene, positions),
            energy,
        )
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        self.journal.note(row)

    def _diverged(self, reason: str, positions: np.ndarray | None = None) -> PackingError:
        if positions is not None and not np.isfinite(positions).all():
            moved = np.where(np.isfinite(positions).all(axis=1), 0.0, np.inf)
        elif positions is not None:
            moved = np.linalg.norm(positions - self.positions, axis=1)
        else:
            moved = np.zeros(self.scene.n_balls)
        if np.isinf(moved).all() or not moved.any():
            # Nothing tells the balls apart any more: name the one with the largest force in the
            # last good state.
            self.simulation.context.setPositions(self.positions)
            state = self.simulation.context.getState(forces=True)
            moved = np.linalg.norm(strip(state.getForces(asNumpy=True)), axis=1)
        worst = self.scene.ball_name(int(np.argmax(moved)))
        return PackingError(
            f"the packing diverged after step {self.steps[-1]} ({reason}); the worst was {worst}; "
            "a shorter timestep, a weaker pull or a smaller epsilon may help"
        )
