"""How a Simulation is pulled together and let go of again, block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import History, PackedScene, PackingError, Scene
from ..core.tables import to_table
from ..core.units import strip
from ..forces import LENNARD_JONES_SCALE, PULL_SCALE
from .checkpoint import COLUMNS, Checkpoint, Journal
from .divergence import (
    Diverged,
    Guard,
    ShorterSteps,
    advance,
    bound_of,
    diverging,
    positions_of,
    worst_ball,
)
from .protocols import Block, Steps, Stop
from .scenes import deepest_overlap, filled_fraction, radius_of_gyration
from .simulations import engine_of

if TYPE_CHECKING:
    import openmm
    import openmm.app

    from .pull import Pull

_RAMP = 10
_RELAX = 4_000
RELAX_BONDS = 8_000
"""With 4000, one of 80 bodies was seen with bonds 2.5 % of its size off."""
_WEAKER = 0.5
_DEEPER = 0.03
"""Heat alone makes the deepest overlap waver by 0.02."""
_BURST = 3.0
_TIMESTEP = "timestep"


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
        relax_steps = RELAX_BONDS if _held_by_bonds(simulation) else _RELAX
    Guard(bound_of(scene)).watch(simulation)
    table = to_table(protocol)
    file = Checkpoint(checkpoint, scene, settings={"protocol": table}, simulation=simulation)
    journal = Journal(
        file, "pull", simulation, columns=(*COLUMNS, _TIMESTEP), every=protocol.checkpoint_every
    )
    record = _Record(simulation, scene, journal)

    def packed(**stopped: str) -> PackedScene:
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
        return packed(stopped=record.stage)
    except Diverged as error:
        raise PackingError(
            f"the packing diverged after step {record.steps[-1]} {error.words(scene)}; "
            "a shorter timestep, a weaker pull or a smaller epsilon may help",
            best=packed(),
        ) from None
    return packed()


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
        self.bound = bound_of(scene)
        self.scene = scene
        self.journal = journal
        self.stage, self.total = "", 0
        self.first_step = simulation.currentStep
        self.steps: list[int] = []
        self.radii: list[float] = []
        self.fractions: list[float] = []
        self.depths: list[float] = []
        self.energies: list[float] = []
        timestep = float(strip(simulation.integrator.getStepSize()))
        self.shorter = ShorterSteps(simulation, timestep)
        positions = positions_of(simulation)
        bad = ~np.isfinite(positions).all(axis=1)
        if bad.any():
            raise ValueError(
                f"simulation: the position of {scene.ball_name(int(np.argmax(bad)))} is not finite"
            )
        if scene.n_balls > 1 and not np.ptp(positions, axis=0).any():
            raise ValueError("simulation: the positions of the balls have not been set")
        if not self._replayed():
            energy = self._energy()
            if not np.isfinite(energy):
                worst = scene.ball_name(worst_ball(simulation, positions))
                raise PackingError(f"the energy at the start is {energy}; the worst was {worst}")
            self._measure(positions, energy)

    @property
    def steps_done(self) -> int:
        return int(self.steps[-1]) - self.first_step

    def run(self, steps: int) -> Iterator[Block]:
        """Step, measure and yield, or say which ball was the worst when that fails.

        What an earlier part of the run has measured is taken from its checkpoint, so that the
        protocol comes to the same decisions again; at its end the Simulation is brought there.
        """
        if self._replayed():
            return
        self._measure(*self.shorter.run(partial(self._stepped, steps)))
        yield self._block(steps)

    def _stepped(self, steps: int, timestep: float, before: np.ndarray) -> tuple[np.ndarray, float]:
        """Step; return ball centres and the energy, or raise `Diverged`."""
        self._set_timestep(timestep)
        positions = advance(self.simulation, steps, self.bound, before)
        with diverging(self.simulation, before):
            energy = self._energy()
        reason = "the energy is not finite" if not np.isfinite(energy) else ""
        if radius_of_gyration(positions) > _BURST * max(self.radii[0], self.scene.radii.max()):
            reason = "the scene burst"
        if reason:
            raise Diverged(reason, worst_ball(self.simulation, before))
        return positions, energy

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
        outcome = self.journal.replay()
        if outcome is None:
            return False
        *row, timestep = outcome
        self.shorter.timestep = timestep
        self._set_timestep(timestep)
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        self.positions = positions_of(self.simulation)
        return True

    def _set_timestep(self, timestep: float) -> None:
        # An integrator of the user's that chooses its own is left alone.
        if timestep != strip(self.simulation.integrator.getStepSize()):
            self.simulation.integrator.setStepSize(timestep)

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
        self.journal.note((*row, self.shorter.timestep))
