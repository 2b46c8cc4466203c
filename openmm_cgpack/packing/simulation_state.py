"""The state of a Simulation, kept in plain values and brought back bit for bit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.units import strip
from .platforms import engine_of
from .topology import FrameReporter

if TYPE_CHECKING:
    import openmm.app

_log = logging.getLogger(__name__)


def capture(simulation: openmm.app.Simulation) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the state of a Simulation, and `settle` it.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        The Simulation; what its `FrameReporter` have kept belongs to its state.

    Returns
    -------
    header : dict
        Plain JSON types.
    arrays : dict of arrays
        By name: OpenMM's own checkpoint (positions, velocities, parameters, random numbers),
        which is for this version and platform alone; and what any other goes on from.
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
    arrays["state"] = np.frombuffer(settle(simulation), np.uint8)
    return header, arrays


def restore(
    simulation: openmm.app.Simulation, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Bring a Simulation of the same System to where `capture` was called.

    With another platform or version of OpenMM it goes on from the same positions and velocities,
    with other random numbers; a warning in the log says so.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        The Simulation.
    header, arrays
        What `capture` returned.
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


def settle(simulation: openmm.app.Simulation) -> bytes:
    """Bring a Simulation to where a run that goes on from here would start, and return its state.

    On the CPU platform the order in which forces are summed depends on what went before, so that a
    run would drift from one that goes on from its checkpoint. Making the Context anew, here too,
    keeps the two alike bit for bit. With several threads or on a GPU nothing does, and Reference
    needs nothing.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        The Simulation.

    Returns
    -------
    bytes
        OpenMM's checkpoint.
    """
    context = simulation.context
    state = context.createCheckpoint()
    if _repeats_if_new(simulation):
        step = simulation.currentStep
        context.reinitialize()
        context.loadCheckpoint(state)
        simulation.currentStep = step
    return bytes(state)


def _repeats_if_new(simulation: openmm.app.Simulation) -> bool:
    """Whether runs repeat bit for bit on this platform only from a Context made anew."""
    engine = engine_of(simulation)
    return engine["platform"] == "CPU" and engine["properties"].get("Threads") == "1"


def frame_reporters(reporters: Sequence[Any]) -> list[FrameReporter]:
    """Return those of the reporters whose frames are kept."""
    return [reporter for reporter in reporters if isinstance(reporter, FrameReporter)]


def frames_of(
    reporter: FrameReporter, number: int, *, n_balls: int, since: int = 0
) -> dict[str, np.ndarray]:
    """Return the steps and the frames, (f, b, 3) float32, that a reporter has kept, from one on."""
    frames = np.array(reporter.frames[since:], np.float32)
    return {
        f"frames/{number}/steps": np.array(reporter.steps[since:], np.int64),
        f"frames/{number}/positions": frames.reshape(-1, n_balls, 3),
    }


def give_frames(reporter: FrameReporter, number: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Add to a reporter what `frames_of` returned."""
    reporter.steps += arrays[f"frames/{number}/steps"].tolist()
    reporter.frames += list(arrays[f"frames/{number}/positions"])
