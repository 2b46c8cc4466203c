"""Going on with a packing that was cut off, bit for bit.

A packing is a row of *stages*: the pull is one; a dense packing has an insertion, and at every
fraction a compression and a removal of clashes. One file holds how far a packing is:

- of every finished stage what it has left: poses, ball positions, the box, the history, frames;
- of the stage under way its *journal*, and the state of its Simulation.

The journal is a list of outcomes: what the protocol measured after each thing that it did. A
protocol decides by these numbers alone. So to go on, it is simply run again from its beginning,
and takes the outcomes from the journal instead of stepping; it comes to the same decisions, in no
time. With the last outcome the Simulation is brought to the state in the file, and from there on
it steps. That needs no code that knows how to jump into the middle of a protocol.

The file is written beside its place and renamed, so that a process that is killed leaves the last
one whole. A *fingerprint* of the scene and of everything that decides the result stands in it; a
file with another one is refused. The platform does not count: a run may go on on another one,
from the same positions, with other random numbers.

On the Reference platform, and on the CPU platform with one thread, a packing that was cut off ends
with the bits of one that was not. For the latter its Context is made anew at every checkpoint
(see `settle`), also where no file is kept, so that a file changes nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import History, PackedScene, RigidTransforms, Scene
from ..core.boundary import boundary_from_json
from ..core.messages import said_of
from ..io.files import open_npz, write_npz
from ..io.scenes import scene_digest
from .frames import frame_reporters, frames_of, give_frames
from .simulations import capture, restore, settle

if TYPE_CHECKING:
    import openmm.app

FORMAT = "openmm_cgpack checkpoint"
FORMAT_VERSION = 3

COLUMNS = ("step", "radius_of_gyration", "fraction", "overlap", "energy")
"""What `History` holds."""

_WANTED = "a checkpoint"

_UNDER_WAY = "under way"
"""Key of the header, and of arrays, for the stage that is not finished."""


class Checkpoint:
    """How far a packing is, in one file.

    Parameters
    ----------
    path : path-like or None
        The file; where it exists the packing goes on from it. None keeps nothing.
    scene : Scene
        The scene at the start. Stages change its transforms and box; all else is not in the file.
    settings : mapping
        What decides the result besides, seeds too; plain JSON types.
    simulation : openmm.app.Simulation, optional
        One that was given, whose System and integrator then decide the result too.
    reporters : sequence of OpenMM reporters, optional
        Frames that a `FrameReporter` among them gets in a stage are kept with it.

    Raises
    ------
    ValueError
        The file is no checkpoint, or one of another run.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        scene: Scene,
        *,
        settings: Mapping[str, Any],
        simulation: openmm.app.Simulation | None = None,
        reporters: Sequence[Any] = (),
    ) -> None:
        self.path = None if path is None else Path(path)
        self.scene = scene
        self.reporters = frame_reporters(reporters)
        self.stages: dict[str, dict[str, Any]] = {}
        self.under_way: dict[str, Any] | None = None
        self.arrays: dict[str, np.ndarray] = {}
        self._frames_before = [len(reporter.steps) for reporter in self.reporters]
        if self.path is None:
            return
        self.fingerprint = fingerprint(scene, settings, simulation)
        if self.path.exists():
            self._read(self.path)

    def left_by(self, stage: str) -> PackedScene | None:
        """Return what a stage has left; None where it is not finished."""
        if stage not in self.stages:
            return None
        assert self.path is not None
        with said_of(self.path, _WANTED):
            return self._left_by(self.stages[stage], _within(self.arrays, stage))

    def _left_by(self, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> PackedScene:
        for number, reporter in enumerate(self.reporters[: record["reporters"]]):
            give_frames(reporter, number, arrays)
        self._count_frames()
        scene = dataclasses.replace(
            self.scene,
            transforms=RigidTransforms(
                rotations=arrays["rotations"], translations=arrays["translations"]
            ),
            boundary=boundary_from_json(record["start"]),
        )
        return PackedScene(
            scene=scene,
            positions=arrays["positions"],
            boundary=boundary_from_json(record["boundary"]),
            history=History(**{key: arrays[f"history/{key}"] for key in COLUMNS}),
            provenance=record["provenance"],
        )

    def keep(self, stage: str, packed: PackedScene) -> None:
        """Keep what a stage has left, in place of how far it was.

        Parameters
        ----------
        stage : str
            Its name, unlike any other's of the run.
        packed : PackedScene
            What it has left.
        """
        if self.path is None:
            return
        scene = packed.scene
        arrays = {
            "rotations": scene.transforms.rotations,
            "translations": scene.transforms.translations,
            "positions": packed.positions,
            **{f"history/{key}": getattr(packed.history, key) for key in COLUMNS},
        }
        before = enumerate(zip(self.reporters, self._frames_before, strict=True))
        for number, (reporter, since) in before:
            arrays |= frames_of(reporter, number, n_balls=scene.n_balls, since=since)
        self._count_frames()
        self.stages[stage] = {
            "start": scene.boundary.to_json(),
            "boundary": packed.boundary.to_json(),
            "provenance": packed.provenance,
            "reporters": len(self.reporters),
        }
        self.under_way = None
        self._put(stage, arrays)
        self._put(_UNDER_WAY, {})
        self._write()

    def keep_under_way(
        self,
        stage: str,
        simulation: openmm.app.Simulation,
        outcomes: Mapping[str, np.ndarray],
        beside: Mapping[str, np.ndarray],
        *,
        done: bool,
    ) -> None:
        """Keep a stage's journal, what it needs besides, and the state of its Simulation."""
        header, arrays = capture(simulation)
        self.under_way = {"stage": stage, "done": done, **header}
        arrays |= {f"outcomes/{key}": values for key, values in outcomes.items()}
        arrays |= {f"beside/{key}": values for key, values in beside.items()}
        self._put(_UNDER_WAY, arrays)
        self._write()

    def of_stage_under_way(self, stage: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Return what `keep_under_way` kept of a stage, header and arrays; None if nothing."""
        if self.under_way is None or self.under_way["stage"] != stage:
            return None
        return self.under_way, _within(self.arrays, _UNDER_WAY)

    def _count_frames(self) -> None:
        self._frames_before = [len(reporter.steps) for reporter in self.reporters]

    def _put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        others = {k: v for k, v in self.arrays.items() if not k.startswith(f"{name}/")}
        self.arrays = others | {f"{name}/{key}": values for key, values in arrays.items()}

    def _write(self) -> None:
        assert self.path is not None
        header = {
            "fingerprint": self.fingerprint,
            "stages": self.stages,
            _UNDER_WAY: self.under_way,
        }
        write_npz(self.path, header, self.arrays, kind=FORMAT, version=FORMAT_VERSION)

    def _read(self, path: Path) -> None:
        opened = open_npz(path, kind=FORMAT, version=FORMAT_VERSION, wanted=_WANTED)
        with opened as (header, arrays):
            digest, self.stages = header["fingerprint"], dict(header["stages"])
            self.under_way = header[_UNDER_WAY]
            mine = (*self.stages, _UNDER_WAY)
            names = [name for name in arrays if name.split("/")[0] in mine]
            self.arrays = {name: arrays[name] for name in names}
            if self.under_way is not None:
                # What is asked of it before it is gone on from.
                str(self.under_way["stage"]), bool(self.under_way["done"])
        if digest != self.fingerprint:
            raise ValueError(
                f"{path}: is a checkpoint of another run: its scene, protocol, forces or seed "
                "differ; remove it to start anew"
            )


class Journal:
    """The outcome of everything that a stage has had done, in order.

    An outcome is one number for each of `columns`. After `every` steps a checkpoint is due; on one
    thread of the CPU platform that decides the last digits.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        stage: str,
        simulation: openmm.app.Simulation,
        *,
        columns: Sequence[str],
        every: int,
    ) -> None:
        self.checkpoint = checkpoint
        self.stage = stage
        self.simulation = simulation
        self.columns = tuple(columns)
        self.every = every
        self.last = simulation.currentStep
        self.done = False
        self.entries: list[tuple[Any, ...]] = []
        self._found = checkpoint.of_stage_under_way(stage)

    @property
    def replaying(self) -> bool:
        """Whether there are outcomes of an earlier run left."""
        return self._found is not None

    @property
    def beside(self) -> dict[str, np.ndarray] | None:
        """What the stage had kept besides, while it is played back; else None."""
        return None if self._found is None else _within(self._found[1], "beside")

    def replay(self) -> tuple[Any, ...] | None:
        """Return the next outcome of the earlier run; None where there is none left.

        With the last of them the Simulation is brought to where the checkpoint was taken.
        """
        if self._found is None:
            return None
        assert self.checkpoint.path is not None
        with said_of(self.checkpoint.path, _WANTED):
            return self._replayed(*self._found)

    def _replayed(
        self, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        rows = [arrays[f"outcomes/{column}"] for column in self.columns]
        outcome = tuple(row[len(self.entries)].item() for row in rows)
        self.entries.append(outcome)
        if len(self.entries) == len(rows[0]):
            restore(self.simulation, header, arrays)
            self.last, self.done = header["step"], header["done"]
            self._found = None
        return outcome

    def note(
        self, outcome: Sequence[Any], *, beside: Callable[[], Mapping[str, np.ndarray]] = dict
    ) -> None:
        """Add an outcome, and make a checkpoint if one is due; `beside` tells what else it has."""
        self.entries.append(tuple(outcome))
        if self.simulation.currentStep - self.last >= self.every:
            self.last = self.simulation.currentStep
            self.save(beside)

    def save(
        self, beside: Callable[[], Mapping[str, np.ndarray]] = dict, *, done: bool = False
    ) -> None:
        """Make a checkpoint, or where there is no file only what that does to the Simulation."""
        if self.checkpoint.path is None:
            settle(self.simulation)
            return
        columns = zip(self.columns, zip(*self.entries, strict=True), strict=True)
        outcomes = {name: np.array(values) for name, values in columns}
        self.checkpoint.keep_under_way(self.stage, self.simulation, outcomes, beside(), done=done)


def fingerprint(
    scene: Scene,
    settings: Mapping[str, Any],
    simulation: openmm.app.Simulation | None = None,
) -> str:
    """Return a digest of all that decides a run: the scene, settings, System and integrator.

    Two runs with the same one do the same; the platform and OpenMM's version do not count.
    """
    digest = hashlib.sha256(scene_digest(scene).encode())
    digest.update(json.dumps(dict(settings), sort_keys=True).encode())
    if simulation is not None:
        import openmm

        for part in (simulation.system, simulation.integrator):
            text = openmm.XmlSerializer.serialize(part)
            digest.update(re.sub(r' openmmVersion="[^"]*"', "", text).encode())
    return digest.hexdigest()


def _within(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a name, without it."""
    prefix = f"{name}/"
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
