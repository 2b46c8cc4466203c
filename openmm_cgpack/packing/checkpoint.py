"""Checkpoints of a packing: written whole or not at all, and gone on from bit for bit."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import Scene
from ..core.units import strip
from ..io.npz import read_npz, write_npz
from .topology import FrameReporter

if TYPE_CHECKING:
    import openmm.app

FORMAT = "openmm_cgpack checkpoint"
FORMAT_VERSION = 1

COLUMNS = ("step", "radius_of_gyration", "fraction", "overlap", "energy")
"""What `History` holds."""

EVERY = 2500
"""Steps between checkpoints, where a file for them is given and nothing else said."""

_HISTORY, _KEPT = "history/", "kept/"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A packing that is under way.

    Parameters
    ----------
    fingerprint : str
        What tells one run from another: see `fingerprint`.
    phase : {"squeezing", "relaxing", "compressing", "done"}
        What the protocol was at.
    step : int
        Step of the dynamics.
    settings : dict
        Settings of the protocol; plain JSON types.
    engine : dict
        OpenMM's version, the platform and its properties: `state` is for these alone.
    state : bytes
        OpenMM's own checkpoint: positions, velocities, parameters, random numbers.
    positions, velocities : (b, 3) arrays
        The same for any engine, nm and nm/ps.
    box : (3, 3) array
        Box vectors, nm.
    parameters : dict
        The Context's parameters.
    history : dict of (t,) arrays
        What was measured so far.
    frames : tuple of ((f,) int array, (f, b, 3) float32 array)
        Steps and positions that each `FrameReporter` has kept.
    kept : dict of arrays
        What the protocol needs besides, to go on.
    """

    fingerprint: str
    phase: str
    step: int
    settings: dict[str, Any]
    engine: dict[str, Any]
    state: bytes
    positions: np.ndarray
    velocities: np.ndarray
    box: np.ndarray
    parameters: dict[str, float]
    history: dict[str, np.ndarray]
    frames: tuple[tuple[np.ndarray, np.ndarray], ...]
    kept: dict[str, np.ndarray] = field(default_factory=dict)


def fingerprint(
    simulation: openmm.app.Simulation, scene: Scene, settings: Mapping[str, Any]
) -> str:
    """Return a digest of a scene, its System and integrator, and the protocol's settings.

    Two runs with the same one do the same; the platform and OpenMM's version do not count.
    """
    import openmm

    digest = hashlib.sha256()
    for array in (scene.positions, scene.radii, scene.species_index):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update("\n".join(model.name for model in scene.species).encode())
    for part in (simulation.system, simulation.integrator):
        text = openmm.XmlSerializer.serialize(part)
        digest.update(re.sub(r' openmmVersion="[^"]*"', "", text).encode())
    digest.update(json.dumps(dict(settings), sort_keys=True).encode())
    return digest.hexdigest()


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


def save_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a file that was there stays as it was until the new one is whole.

    Parameters
    ----------
    path : path-like
        The file.
    checkpoint : Checkpoint
        What to write.
    """
    header = {
        "frames": len(checkpoint.frames),
        **{
            key: getattr(checkpoint, key)
            for key in ("fingerprint", "phase", "step", "settings", "engine", "parameters")
        },
    }
    arrays: dict[str, Any] = {
        "state": np.frombuffer(checkpoint.state, np.uint8),
        "positions": checkpoint.positions,
        "velocities": checkpoint.velocities,
        "box": checkpoint.box,
    }
    for prefix, group in ((_HISTORY, checkpoint.history), (_KEPT, checkpoint.kept)):
        arrays |= {f"{prefix}{key}": values for key, values in group.items()}
    for number, (steps, frames) in enumerate(checkpoint.frames):
        arrays |= {f"frames/{number}/steps": steps, f"frames/{number}/positions": frames}
    write_npz(path, header, arrays, kind=FORMAT, version=FORMAT_VERSION)


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Checkpoint

    Raises
    ------
    ValueError
        The file is no checkpoint, or one of a later version of the format.
    """
    header, arrays = read_npz(path, kind=FORMAT, version=FORMAT_VERSION, wanted="a checkpoint")

    def group(prefix: str) -> dict[str, np.ndarray]:
        return {
            key.removeprefix(prefix): values
            for key, values in arrays.items()
            if key.startswith(prefix)
        }

    return Checkpoint(
        state=arrays["state"].tobytes(),
        positions=arrays["positions"],
        velocities=arrays["velocities"],
        box=arrays["box"],
        history=group(_HISTORY),
        kept=group(_KEPT),
        frames=tuple(
            (arrays[f"frames/{number}/steps"], arrays[f"frames/{number}/positions"])
            for number in range(header["frames"])
        ),
        **{
            key: header[key]
            for key in ("fingerprint", "phase", "step", "settings", "engine", "parameters")
        },
    )


def take_checkpoint(
    simulation: openmm.app.Simulation,
    *,
    fingerprint: str,
    phase: str,
    settings: Mapping[str, Any],
    history: Mapping[str, Sequence[float] | np.ndarray],
    kept: Mapping[str, np.ndarray] | None = None,
) -> Checkpoint:
    """Return a checkpoint of a Simulation as it stands, and `settle` it.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        The Simulation; frames of its `FrameReporter` are kept too.
    fingerprint, phase, settings, history, kept
        See `Checkpoint`.

    Returns
    -------
    Checkpoint
    """
    context = simulation.context
    state = context.getState(positions=True, velocities=True)
    positions = np.asarray(strip(state.getPositions(asNumpy=True)))
    return Checkpoint(
        fingerprint=fingerprint,
        phase=phase,
        step=simulation.currentStep,
        settings=dict(settings),
        engine=_engine(simulation),
        positions=positions,
        velocities=np.asarray(strip(state.getVelocities(asNumpy=True))),
        box=np.asarray(strip(state.getPeriodicBoxVectors(asNumpy=True))),
        parameters=dict(context.getParameters()),
        history={key: np.array(values) for key, values in history.items()},
        kept=dict(kept or {}),
        frames=tuple(
            frames_of(reporter, n_balls=len(positions))
            for reporter in frame_reporters(simulation.reporters)
        ),
        state=settle(simulation),
    )


def restore(simulation: openmm.app.Simulation, checkpoint: Checkpoint) -> None:
    """Bring a Simulation to where a checkpoint was taken.

    With another platform or version of OpenMM than the checkpoint's, the run goes on from the
    same positions and velocities, with other random numbers; a warning in the log says so.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        A Simulation of the same System.
    checkpoint : Checkpoint
        The checkpoint.
    """
    context = simulation.context
    if checkpoint.engine == _engine(simulation):
        if _repeats_if_new(simulation):
            context.reinitialize()
        context.loadCheckpoint(checkpoint.state)
    else:
        _log.warning(
            "the checkpoint was taken on %s with OpenMM %s: going on from its positions and "
            "velocities, with other random numbers",
            checkpoint.engine["platform"],
            checkpoint.engine["openmm"],
        )
        context.setPeriodicBoxVectors(*checkpoint.box)
        context.setPositions(checkpoint.positions)
        context.setVelocities(checkpoint.velocities)
        for name, value in checkpoint.parameters.items():
            context.setParameter(name, value)
    simulation.currentStep = checkpoint.step
    for reporter, (steps, frames) in zip(
        frame_reporters(simulation.reporters), checkpoint.frames, strict=False
    ):
        reporter.steps[:] = steps.tolist()
        reporter.frames[:] = list(frames)


def _engine(simulation: openmm.app.Simulation) -> dict[str, Any]:
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


def _repeats_if_new(simulation: openmm.app.Simulation) -> bool:
    """Whether runs repeat bit for bit on this platform only from a Context made anew."""
    engine = _engine(simulation)
    return engine["platform"] == "CPU" and engine["properties"].get("Threads") == "1"


def frame_reporters(reporters: Sequence[Any]) -> list[FrameReporter]:
    """Return those of the reporters whose frames a checkpoint keeps."""
    return [reporter for reporter in reporters if isinstance(reporter, FrameReporter)]


def frames_of(
    reporter: FrameReporter, *, n_balls: int, since: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps and the frames, (f, b, 3) float32, that a reporter has kept, from one on."""
    frames = np.array(reporter.frames[since:], np.float32)
    return np.array(reporter.steps[since:], np.int64), frames.reshape(-1, n_balls, 3)
