"""Dynamics that may diverge: every step is looked at, and too long ones are taken shorter.

Nothing that a user can ask for may take the process with it. OpenMM's CPU platform sorts balls into
cells to find neighbours; positions far beyond the box lead it to memory that is not its own, and
the process dies with all that it had. One step is enough to come there: constraints that a body
turns away from faster than they can follow, or a force without bounds. So on that platform every
step of a Simulation is looked at before anything is worked out of its positions (`Guard`). Other
platforms pass on such positions as NaN, or raise.

Whatever shows that the dynamics diverged becomes `Diverged`. Most often the time step was too long
for the stiffest contact: `ShorterSteps` goes back and takes them again with half of it.
"""

from __future__ import annotations

import logging
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..core import Scene
from ..core.units import strip
from .frames import frame_reporters

if TYPE_CHECKING:
    import openmm
    import openmm.app

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

_OF_PROCESSORS = ("CPU", "Reference")
"""Platforms whose steps are taken singly. OpenMM takes ten before it listens to Ctrl-C, which on a
processor is long for a large scene."""

_FAR = 1e4
"""Bound of a coordinate, in sizes of the scene; the CPU platform crashes from some 1e15 nm on."""
_SHORTEST = 1 / 16
"""Part of the time step of the start below which shorter ones are not tried."""


class Diverged(RuntimeError):
    """The dynamics diverged; `ball` is the worst one, and `first` the one with which it began."""

    def __init__(self, reason: str, ball: int) -> None:
        super().__init__(reason)
        self.ball = self.first = ball

    def words(self, scene: Scene) -> str:
        """Say why, and which balls of a scene are the worst."""
        began = f", it began with {scene.ball_name(self.first)}" if self.first != self.ball else ""
        return f"({self}); the worst was {scene.ball_name(self.ball)}{began}"


def positions_of(simulation: openmm.app.Simulation) -> np.ndarray:
    """Return the ball centres of a Simulation as they are, (b, 3) nm, not wrapped into a box."""
    return _positions(simulation.context)


def _positions(context: openmm.Context) -> np.ndarray:
    return np.asarray(strip(context.getState(positions=True).getPositions(asNumpy=True)))


def bound_of(scene: Scene) -> float:
    """Return the bound of every coordinate of a scene's balls, nm; beyond it they are lost."""
    box = scene.boundary.box if scene.boundary.bounded else ()
    return _FAR * max(*box, float(np.abs(scene.positions).max()), float(scene.radii.max()))


def lost_ball(positions: np.ndarray, bound: float) -> int | None:
    """Return the ball whose centre, of (b, 3) nm, is not finite or farthest beyond a bound."""
    if np.abs(positions).max(initial=0.0) < bound:
        return None
    return int(np.argmax(np.nan_to_num(np.abs(positions), nan=np.inf).max(axis=1)))


class Guard:
    """A reporter that reports nothing, but has every step of a Simulation looked at.

    The ``step`` of the Simulation's integrator is taken over. Where the platform is a processor's,
    all other reporters see nothing either that was not looked at. It raises `Diverged`. On a GPU,
    which would wait for whoever looks, signals alone are kept until the end of the steps.
    """

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def describeNextReport(self, simulation: openmm.app.Simulation) -> dict:
        """Return that there is nothing to report; OpenMM asks before it steps."""
        self.watch(simulation)
        return {"steps": 0, "periodic": False, "include": []}

    def report(self, simulation: openmm.app.Simulation, state: openmm.State) -> None:
        """Do nothing."""

    def watch(self, simulation: openmm.app.Simulation) -> None:
        """Have the steps looked at from now on."""
        integrator, context, bound = simulation.integrator, simulation.context, self.bound
        if "step" in vars(integrator):
            return
        looks = context.getPlatform().getName() in _OF_PROCESSORS
        # A cycle of references would keep the Context and its threads after the Simulation.
        own_step, weak, looked_at = (
            type(integrator).step,
            weakref.ref(integrator),
            weakref.ref(context),
        )

        def step(steps: int) -> None:
            at_once = 1 if looks else max(1, steps)
            for _ in range(0, steps, at_once):
                with _interrupted_later():
                    own_step(weak(), at_once)
                lost = lost_ball(_positions(looked_at()), bound) if looks else None
                if lost is not None:
                    raise Diverged("a ball left the scene", lost)

        integrator.step = step


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Handle the signals that end a run after the block: OpenMM makes errors of its own of them.

    It does where they arrive while it calls a force in Python.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    handlers: dict[int, Callable[..., Any]] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, lambda arrived, _: caught.append(arrived))
    try:
        yield
    finally:
        for caught_by, handler in handlers.items():
            signal.signal(caught_by, handler)
        for arrived in caught:
            handlers[arrived](arrived, None)


@contextmanager
def diverging(simulation: openmm.app.Simulation, before: np.ndarray) -> Iterator[None]:
    """Turn what OpenMM raises on its way from some ball centres, (b, 3) nm, into `Diverged`."""
    import openmm

    try:
        yield
    except (openmm.OpenMMException, ValueError) as error:
        # On NaN, OpenMM's integrators raise the one and its reporters the other.
        raise Diverged(" ".join(str(error).split()), worst_ball(simulation, before)) from None


def advance(
    simulation: openmm.app.Simulation, steps: int, bound: float, before: np.ndarray
) -> np.ndarray:
    """Step from ball centres, (b, 3) nm; return the new ones, or raise `Diverged`."""
    with diverging(simulation, before):
        simulation.step(steps)
    after = positions_of(simulation)
    lost = lost_ball(after, bound)
    if lost is not None:
        raise Diverged("a ball left the scene", lost)
    return after


def worst_ball(simulation: openmm.app.Simulation, before: np.ndarray) -> int:
    """Return the ball that went farthest from where it was, (b, 3) nm, or to no place at all."""
    import openmm

    after = positions_of(simulation)
    finite = np.isfinite(after).all(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = np.where(finite, np.linalg.norm(after - before, axis=1), np.inf)
    if finite.any() and moved.any():
        return int(np.argmax(moved))
    # Nothing tells the balls apart any more but the forces in the last good state.
    simulation.context.setPositions(before)
    try:
        forces = strip(simulation.context.getState(forces=True).getForces(asNumpy=True))
    except openmm.OpenMMException:
        return 0
    return int(np.argmax(np.abs(forces).max(axis=1)))


class ShorterSteps:
    """The time step of a run, ps, which is halved where the dynamics diverges."""

    def __init__(self, simulation: openmm.app.Simulation, timestep: float) -> None:
        self.simulation = simulation
        self.timestep = timestep
        self.least = timestep * _SHORTEST
        self.first: int | None = None

    def run(self, attempt: Callable[[float, np.ndarray], Result]) -> Result:
        """Return what an attempt to step, with a time step from ball centres, comes to.

        Where it raises `Diverged` it is called again with half of the time step, from the balls at
        rest where they were. Once that is a sixteenth of the first one, `Diverged` is raised on.
        """
        simulation = self.simulation
        before, step = positions_of(simulation), simulation.currentStep
        kept = [(frames, len(frames.steps)) for frames in frame_reporters(simulation.reporters)]
        while True:
            try:
                return attempt(self.timestep, before)
            except Diverged as error:
                reason = error
            self.first = reason.ball if self.first is None else self.first
            for frames, n in kept:
                del frames.steps[n:], frames.frames[n:]
            if not _brought_back(simulation, before, step) or self.timestep / 2 < self.least:
                break
            self.timestep /= 2
            _log.warning("after step %d %s: on with steps of %.3g ps", step, reason, self.timestep)
        words = f"{reason}, even at a time step of {self.timestep:.2g} ps"
        raised = Diverged(words, reason.ball)
        raised.first = self.first
        raise raised


def _brought_back(simulation: openmm.app.Simulation, positions: np.ndarray, step: int) -> bool:
    """Put the balls back, at rest; return whether the platform still can: a GPU may have failed."""
    import openmm

    try:
        simulation.context.setPositions(positions)
        simulation.context.setVelocitiesToTemperature(0.0)
        simulation.currentStep = step
    except openmm.OpenMMException:
        return False
    return True
