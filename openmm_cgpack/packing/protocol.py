"""Driving a Simulation until the packing no longer tightens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import History, Open, PackedScene, PackingError, Scene
from ..core.arrays import positive
from ..core.seeds import integer_seed
from ..core.units import strip
from ..forces import LENNARD_JONES_SCALE, PULL_SCALE, ForceTerm, Rigidity, paper_forces
from .checkpoint import COLUMNS, EVERY
from .dense import crowding_series
from .journal import Journal
from .measure import deepest_overlap, filled_fraction, radius_of_gyration
from .platforms import choose_platform
from .system import create_system
from .topology import to_topology

if TYPE_CHECKING:
    import openmm
    import openmm.app

_RAMP = 10
_RELAX = 4_000
_RELAX_BONDS = 8_000
"""With 4000, one of 80 bodies was seen with bonds 2.5 % of its size off."""
_WEAKER = 0.5
_DEEPER = 0.03
"""Heat alone makes the deepest overlap waver by 0.02."""
_BURST = 3.0


def pack(
    simulation: openmm.app.Simulation,
    scene: Scene,
    *,
    max_steps: int = 20_000,
    block: int = 250,
    tolerance: float = 2e-3,
    patience: int = 4,
    relax_steps: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    progress: bool = False,
) -> PackedScene:
    """Drive a Simulation of a scene until its packing no longer tightens, then let go of it.

    The simulation is stepped in blocks. It has tightened as far as it will when the least radius
    of gyration of the last `patience` blocks is not below that before them by more than
    `tolerance`. Then the centre pull, where the Simulation has one, is ramped off over half of
    `relax_steps`, and the scene settles for the rest of them. Where bodies are held by bonds,
    the Lennard-Jones energy is halved ten times meanwhile, as long as overlaps do not grow: that
    leaves the packing as it is but takes the strain out of the bodies.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        A Simulation of ``create_system(scene, ...)`` whose positions have been set. Reporters,
        integrator and platform are the user's.
    scene : Scene
        The scene.
    max_steps : int, optional
        Most steps before the pull is ramped off.
    block : int, optional
        Steps between measurements.
    tolerance : float, optional
        Relative tightening below which a packing has ended.
    patience : int, optional
        Blocks without tightening that end it.
    relax_steps : int, optional
        Steps of both ramps; 0 leaves the pull on. 8000 when left out where bodies are held by
        bonds, which lets their strain out, and 4000 elsewhere.
    checkpoint : path-like, optional
        File that keeps the state of the run, replaced whole each time. Where it exists, the run
        goes on from it; the Simulation must be made as it was for the first part.
    checkpoint_every : int, optional
        Steps after which the next measurement makes a checkpoint; 2500 where there is a file for
        it. With one thread of the CPU platform the Context is made anew there, also without a
        file, so that a run that goes on equals one that was not interrupted, bit for bit; runs
        with another interval differ in their last digits.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    PackedScene

    Raises
    ------
    ValueError
        The Simulation is not one of this scene, its positions are not set or not finite, or the
        checkpoint is of another run.
    PackingError
        The simulation diverged; the message names the step and the worst ball.

    Examples
    --------
    See `pack_scene` for the one call that makes the Simulation too.
    """
    for key, value in (("max_steps", max_steps), ("block", block), ("patience", patience)):
        if int(value) != value or value < 1:
            raise ValueError(f"{key}: wanted a whole number >= 1, got {value}")
    tolerance = positive(tolerance, "tolerance", zero=True)
    if relax_steps is None:
        relax_steps = _RELAX_BONDS if _held_by_bonds(simulation) else _RELAX
    if simulation.system.getNumParticles() != scene.n_balls:
        raise ValueError(
            f"simulation: wanted a System of the scene's {scene.n_balls} balls, "
            f"got one of {simulation.system.getNumParticles()} particles"
        )
    settings = {
        "max_steps": int(max_steps),
        "block": int(block),
        "tolerance": tolerance,
        "patience": int(patience),
        "relax_steps": int(relax_steps),
    }
    if checkpoint is not None and checkpoint_every is None:
        checkpoint_every = EVERY
    journal = Journal(
        simulation,
        scene,
        settings=settings,
        columns=COLUMNS,
        path=checkpoint,
        every=checkpoint_every,
    )
    record = _Record(simulation, scene, journal)
    with _bar(max_steps, progress) as advance:
        while record.steps_done < max_steps:
            steps = min(block, max_steps - record.steps_done)
            record.run(steps)
            advance(steps, record.radii[-1], record.depths[-1])
            if record.tightened_less_than(tolerance, patience):
                break
    if relax_steps:
        record.phase = "relaxing"
        with _bar(relax_steps, progress, "relaxing") as advance:
            for steps in _relaxation(simulation, record, relax_steps):
                record.run(steps)
                advance(steps, record.radii[-1], record.depths[-1])
    journal.finish()
    return PackedScene(
        scene=scene,
        positions=record.positions,
        boundary=scene.boundary,
        history=record.history(),
        provenance=_provenance(simulation, record.steps_done),
    )


def pack_scene(
    scene: Scene,
    *,
    fraction: float | None = None,
    forces: Sequence[ForceTerm] | None = None,
    rigidity: Rigidity = "constraints",
    platform: str | None = None,
    threads: int | None = None,
    seed: int | np.random.SeedSequence,
    temperature: float = 300.0,
    friction: float = 10.0,
    timestep: float = 0.02,
    max_steps: int = 20_000,
    block: int = 250,
    tolerance: float = 2e-3,
    patience: int = 4,
    relax_steps: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    reporters: Sequence[Any] = (),
    progress: bool = False,
) -> PackedScene:
    """Pack a scene in one call.

    An open scene is pulled together: its Simulation is made and driven with `pack`. A scene in a
    box is packed to a volume fraction by `insert`, `compress` and `remove_clashes`, one after the
    other; see `crowding_series`, of which this is a series of one.

    Parameters
    ----------
    scene : Scene
        The scene, as `place` or `insert` made it.
    fraction : float, optional
        Envelope volume fraction of a scene in a Periodic or Slab boundary, whose box is made as
        large as that takes. Of what follows, only `platform`, `threads`, `seed`, `checkpoint`,
        `reporters` and `progress` have a meaning for such a scene.
    forces : sequence of force terms, optional
        `paper_forces()` when left out, with the Lennard-Jones term in the form that is faster for
        this scene.
    rigidity : {"bonds", "constraints"}, optional
        See `create_system`. With constraints no body can turn into its mirror image.
    platform : str, optional
        An OpenMM platform; None takes the fastest one here.
    threads : int, optional
        Threads of the CPU platform. With one, or on Reference, equal seeds give equal bits.
    seed : int or numpy.random.SeedSequence
        Seed of the Langevin dynamics.
    temperature : float or openmm.unit.Quantity, optional
        K.
    friction : float or openmm.unit.Quantity, optional
        1/ps.
    timestep : float or openmm.unit.Quantity, optional
        ps.
    max_steps, block, tolerance, patience, relax_steps, checkpoint, checkpoint_every, progress
        See `pack`; for the checkpoint of a scene in a box, which is made after every stage, see
        `crowding_series`.
    reporters : sequence of OpenMM reporters, optional
        Added to the Simulation.

    Returns
    -------
    PackedScene

    Raises
    ------
    ValueError
        The platform is not here, an argument is out of range, the checkpoint is of another run,
        or only one of boundary and fraction is that of a box.
    PackingError
        The simulation diverged, or the fraction could not be reached; then the error's `best` is
        the best state.

    Examples
    --------
    >>> from openmm_cgpack import filament, pack_scene, place
    >>> scene = place([(filament(n_balls=5), 4)], seed=1)
    >>> packed = pack_scene(scene, seed=1, platform="CPU", max_steps=500, relax_steps=100)
    >>> bool(packed.history.radius_of_gyration[-1] < packed.history.radius_of_gyration[0])
    True
    """
    import openmm
    import openmm.app

    if fraction is not None:
        return crowding_series(
            scene,
            fractions=[fraction],
            platform=platform,
            threads=threads,
            seed=seed,
            checkpoint=checkpoint,
            reporters=reporters,
            progress=progress,
        )[0]
    if not isinstance(scene.boundary, Open):
        raise ValueError(
            f"fraction: wanted one for a scene in a {type(scene.boundary).__name__} boundary"
        )
    chosen, properties = choose_platform(platform, threads=threads)
    if forces is None:
        forces = paper_forces(lennard_jones="auto")
    system = create_system(scene, forces=forces, rigidity=rigidity)
    integrator = openmm.LangevinMiddleIntegrator(
        positive(temperature, "temperature", zero=True),
        positive(friction, "friction", zero=True),
        positive(timestep, "timestep"),
    )
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    integrator.setRandomNumberSeed(integer_seed(sequence))
    integrator.setConstraintTolerance(1e-7)
    simulation = openmm.app.Simulation(to_topology(scene), system, integrator, chosen, properties)
    simulation.reporters += list(reporters)
    simulation.context.setPositions(scene.positions)
    return pack(
        simulation,
        scene,
        max_steps=max_steps,
        block=block,
        tolerance=tolerance,
        patience=patience,
        relax_steps=relax_steps,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        progress=progress,
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
        self.phase = "squeezing"
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

    def run(self, steps: int) -> None:
        """Step and measure, or say which ball was the worst when that fails.

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
        self.journal.note(row, phase=self.phase)

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


def _provenance(simulation: openmm.app.Simulation, steps: int) -> dict[str, Any]:
    import openmm

    platform = simulation.context.getPlatform()
    return {
        "openmm": openmm.version.full_version,
        "platform": platform.getName(),
        "properties": {
            name: platform.getPropertyValue(simulation.context, name)
            for name in platform.getPropertyNames()
        },
        "integrator": type(simulation.integrator).__name__,
        "timestep_ps": float(strip(simulation.integrator.getStepSize())),
        "steps": steps,
    }


@contextmanager
def _bar(
    total: int, show: bool, name: str = "packing"
) -> Iterator[Callable[[int, float, float], None]]:
    """Yield a function that moves a progress bar on, or does nothing."""
    if not show:
        yield lambda steps, radius, depth: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=name, unit="step", leave=False) as bar:

        def advance(steps: int, radius: float, depth: float) -> None:
            bar.set_postfix_str(f"radius of gyration {radius:.1f} nm, overlap {depth:.2f}")
            bar.update(steps)

        yield advance
