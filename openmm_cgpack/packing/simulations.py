"""Simulations: the platform that they run on, their reporters, and their state, bit for bit."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import Scene
from ..core.messages import shown
from ..core.runtime import integer_seed, seed_sequence
from ..core.settings import Settings, setting
from ..core.units import strip
from .divergence import Guard, bound_of
from .frames import frame_reporters, frames_of, give_frames
from .system import to_topology

if TYPE_CHECKING:
    import openmm
    import openmm.app

_log = logging.getLogger(__name__)

_EXTRAS = {"CUDA": "cuda13 (or cuda12)", "HIP": "hip7 (or hip6)"}
_OF_GPUS = ("CUDA", "HIP", "OpenCL")
_DETERMINISTIC = "DeterministicForces"
_BY_SPEED = (*_OF_GPUS, "CPU", "Reference")


class Run(Settings):
    """Where the dynamics runs; Reference, and CPU with one thread, repeat bit for bit."""

    platform: str | None = setting(
        "OpenMM platform; left out, the one that the environment variable "
        "OPENMM_DEFAULT_PLATFORM names, or the fastest that works here",
        default=None,
    )
    threads: int | None = setting(
        "threads of the CPU platform", default=None, minimum=1, maximum=1024
    )

    def meaningless(self) -> dict[str, str]:
        """Threads are the CPU platform's."""
        if self.platform is None or self.platform.lower() == "cpu":
            return {}
        return {"threads": f"on {self.platform}, only on CPU"}


def platform_names() -> list[str]:
    """Return the names of the platforms that OpenMM has here.

    Returns
    -------
    list of str

    Examples
    --------
    >>> "Reference" in platform_names()
    True
    """
    import openmm

    return [
        openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())
    ]


def load_failures() -> list[str]:
    """Return why platforms of OpenMM that are installed do not load here, a line each."""
    import openmm

    return [" ".join(failure.split()) for failure in openmm.Platform.getPluginLoadFailures()]


def asked_platform(run: Run) -> str | None:
    """Return the name that OpenMM has for the platform asked for; None where none is.

    Raises
    ------
    ValueError
        There is no such platform, and the message lists those present; or the machine does not
        start so many threads.
    """
    _check_threads(run.threads or 1)
    name = run.platform or os.environ.get("OPENMM_DEFAULT_PLATFORM")
    if not name:
        return None
    present = platform_names()
    by_lower = {known.lower(): known for known in present}
    if name.lower() not in by_lower:
        extra = next((e for n, e in _EXTRAS.items() if n.lower() == name.lower()), None)
        hint = f"; it comes with the pip extra {extra} and the vendor's driver" if extra else ""
        hint = "".join(f"; {why}" for why in load_failures() if name.lower() in why.lower()) or hint
        raise ValueError(f"platform: {shown(name)} is not here, only {', '.join(present)}{hint}")
    return by_lower[name.lower()]


def _check_threads(number: int) -> None:
    """Raise ValueError where the machine does not start so many threads: OpenMM would abort."""
    if number <= (os.cpu_count() or 1):
        return
    end = threading.Event()
    started = []
    try:
        for _ in range(number):
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        raise ValueError(
            f"threads: this machine starts no {number} threads, only {len(started)}"
        ) from None
    finally:
        end.set()
        for thread in started:
            thread.join()


def choose_platform(run: Run = Run()) -> tuple[openmm.Platform, dict[str, str]]:
    """Return a platform and the properties for a Context on it.

    Where none is named it is the first that works of CUDA, HIP, OpenCL and CPU. What is installed
    but does not work is told by a warning in the log. An OpenCL that only drives the processor is
    slower than the CPU platform and is passed over.

    Parameters
    ----------
    run : Run, optional
        Which platform, and how many threads.

    Returns
    -------
    platform : openmm.Platform
    properties : dict
        Mixed precision and forces that repeat, as far as it has them, on a GPU; threads on the CPU.

    Raises
    ------
    ValueError
        There is no such platform, and the message lists those present; or it does not work here.

    Examples
    --------
    >>> platform, properties = choose_platform(Run(platform="cpu", threads=2))
    >>> platform.getName(), properties
    ('CPU', {'Threads': '2'})
    """
    import openmm

    name = asked_platform(run) or _fastest(tuple(platform_names()))
    platform, properties = openmm.Platform.getPlatformByName(name), {}
    if name in _OF_GPUS:
        _check_works(name)
        properties["Precision"] = "mixed"
        if _DETERMINISTIC in platform.getPropertyNames():
            properties[_DETERMINISTIC] = "true"
    if name == "CPU" and run.threads is not None:
        properties["Threads"] = str(run.threads)
    return platform, properties


def engine_of(simulation: openmm.app.Simulation) -> dict[str, Any]:
    """Return OpenMM's version, the platform and its properties; plain JSON types."""
    import openmm

    platform = simulation.context.getPlatform()
    return {
        "openmm": openmm.version.full_version,
        "platform": platform.getName(),
        "properties": {
            name: platform.getPropertyValue(simulation.context, name)
            for name in platform.getPropertyNames()
        },
    }


@cache
def _fastest(present: tuple[str, ...]) -> str:
    """Return the fastest platform that works, and say in the log which faster ones do not."""
    for failure in load_failures():
        _log.warning("platform: %s", failure)
    for name in _BY_SPEED:
        if name not in present:
            continue
        if name not in _OF_GPUS:
            return name
        try:
            device = _check_works(name)
        except ValueError as error:
            _log.warning("%s", error)
            continue
        if not device.lower().startswith(("pthread", "cpu")):
            return name
    return "Reference"


@cache
def _check_works(name: str) -> str:
    """Return the device that a GPU's platform runs on; raise ValueError where it does not."""
    import openmm

    system = openmm.System()
    system.addParticle(1.0)
    platform = openmm.Platform.getPlatformByName(name)
    try:
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    except openmm.OpenMMException as error:
        words = " ".join(str(error).split())
        raise ValueError(f"platform: {name} does not work here: {words}") from None
    return str(platform.getPropertyValue(context, "DeviceName"))


def langevin_simulation(
    scene: Scene,
    system: openmm.System,
    *,
    temperature: float,
    friction: float,
    timestep: float,
    constraint_tolerance: float,
    run: Run,
    seed: int | np.random.SeedSequence,
    reporters: Sequence[Any] = (),
    positions: np.ndarray | None = None,
) -> openmm.app.Simulation:
    """Return a Simulation of a scene's System with Langevin dynamics, its positions set.

    Temperature is in K, friction in 1/ps, the timestep in ps; `constraint_tolerance` is relative.
    Positions, (b, 3) nm, are those where the balls were placed when left out.
    """
    import openmm
    import openmm.app

    integrator = openmm.LangevinMiddleIntegrator(temperature, friction, timestep)
    integrator.setRandomNumberSeed(integer_seed(seed_sequence(seed)))
    integrator.setConstraintTolerance(constraint_tolerance)
    platform = choose_platform(run)
    try:
        simulation = openmm.app.Simulation(to_topology(scene), system, integrator, *platform)
    except openmm.OpenMMException as error:
        raise ValueError(f"forces: OpenMM refuses them: {error}") from None
    simulation.reporters += list(reporters)
    simulation.context.setPositions(scene.positions if positions is None else positions)
    Guard(bound_of(scene)).watch(simulation)
    return simulation


def capture(simulation: openmm.app.Simulation) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the state of a Simulation in plain JSON types and in arrays, and `settle` it.

    The arrays are OpenMM's own checkpoint (positions, velocities, parameters, random numbers),
    which is for this version and platform alone; what any other goes on from; and what each
    `FrameReporter` has kept.
    """
    context = simulation.context
    state = context.getState(positions=True, velocities=True)
    reporters = frame_reporters(simulation.reporters)
    header = {
        "step": simulation.currentStep,
        "engine": engine_of(simulation),
        "parameters": dict(context.getParameters()),
        "reporters": len(reporters),
    }
    arrays = {
        "positions": np.asarray(strip(state.getPositions(asNumpy=True))),
        "velocities": np.asarray(strip(state.getVelocities(asNumpy=True))),
        "box": np.asarray(strip(state.getPeriodicBoxVectors(asNumpy=True))),
    }
    for number, reporter in enumerate(reporters):
        arrays |= frames_of(reporter, number, n_balls=len(arrays["positions"]))
    arrays["state"] = np.frombuffer(context.createCheckpoint(), np.uint8)
    settle(simulation)
    return header, arrays


def restore(
    simulation: openmm.app.Simulation, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Bring a Simulation of the same System to where `capture` was called.

    With another platform or version of OpenMM it goes on from the same positions and velocities,
    with other random numbers; a warning in the log says so.
    """
    context, engine = simulation.context, header["engine"]
    if engine == engine_of(simulation):
        if _repeats_if_new(simulation):
            context.reinitialize()
        context.loadCheckpoint(arrays["state"].tobytes())
    else:
        _log.warning(
            "the checkpoint was taken on %s with OpenMM %s: going on from its positions and "
            "velocities, with other random numbers",
            engine["platform"],
            engine["openmm"],
        )
        context.setPeriodicBoxVectors(*arrays["box"])
        context.setPositions(arrays["positions"])
        context.setVelocities(arrays["velocities"])
        for name, value in header["parameters"].items():
            context.setParameter(name, value)
    simulation.currentStep = header["step"]
    reporters = frame_reporters(simulation.reporters)[: header["reporters"]]
    for number, reporter in enumerate(reporters):
        reporter.steps.clear()
        reporter.frames.clear()
        give_frames(reporter, number, arrays)


def settle(simulation: openmm.app.Simulation) -> None:
    """Bring a Simulation to where a run that goes on from here starts.

    On the CPU platform the order in which forces are summed depends on what went before, so that a
    run would drift from one that goes on from its checkpoint. Making the Context anew, here too,
    keeps the two alike bit for bit. With several threads or on a GPU nothing does, and Reference
    needs nothing.
    """
    if not _repeats_if_new(simulation):
        return
    context, step = simulation.context, simulation.currentStep
    state = context.createCheckpoint()
    context.reinitialize()
    context.loadCheckpoint(state)
    simulation.currentStep = step


def _repeats_if_new(simulation: openmm.app.Simulation) -> bool:
    """Whether runs repeat bit for bit on this platform only from a Context made anew."""
    engine = engine_of(simulation)
    return engine["platform"] == "CPU" and engine["properties"].get("Threads") == "1"
