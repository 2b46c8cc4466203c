"""The stages of a packing to a fraction, each kept when it is done."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core import History, PackedScene, RigidTransforms, Scene
from ..core.boundary import boundary_from_json
from ..io.npz import read_npz, write_npz
from ..io.scenes import scene_digest
from .checkpoint import COLUMNS, frame_reporters, frames_of

FORMAT = "openmm_cgpack stages"
FORMAT_VERSION = 1


class Stages:
    """Protocols one after the other, each a function of the scene before it and a seed.

    A run that was cut off goes on with the stage that it was in. Of a scene, stages change the
    transforms and the box; all else is the user's scene, and not in the file.

    Parameters
    ----------
    scene : Scene
        The scene that the first stage starts from.
    settings : mapping
        What decides the result besides the scene, seeds too; plain JSON types.
    reporters : sequence of OpenMM reporters
        Frames that a `FrameReporter` among them got in a stage are kept with it.
    path : path-like or None
        The file; where it exists the run goes on from it. None keeps nothing.

    Raises
    ------
    ValueError
        The file is no checkpoint of this run.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        settings: Mapping[str, Any],
        reporters: Sequence[Any],
        path: str | os.PathLike[str] | None,
    ) -> None:
        self.scene = scene
        self.reporters = frame_reporters(reporters)
        self.path = None if path is None else Path(path)
        if self.path is None:
            return
        self.header: dict[str, Any] = {"fingerprint": _fingerprint(scene, settings), "stages": {}}
        self.arrays: dict[str, np.ndarray] = {}
        if self.path.exists():
            header, self.arrays = read_npz(
                self.path, kind=FORMAT, version=FORMAT_VERSION, wanted="a checkpoint"
            )
            if header["fingerprint"] != self.header["fingerprint"]:
                raise ValueError(
                    f"{self.path}: is a checkpoint of another run: its scene, fractions or seed "
                    "differ; remove it to start anew"
                )
            self.header["stages"] = header["stages"]

    @property
    def begun(self) -> bool:
        """Whether a stage is kept."""
        return self.path is not None and self.path.exists()

    def beside(self, name: str) -> Path | None:
        """Return the file in which a stage may keep how far it is, until it is done."""
        if self.path is None:
            return None
        return self.path.with_name(f"{self.path.stem}.{name.replace(' ', '-')}{self.path.suffix}")

    def do(
        self, name: str, make: Callable[[], PackedScene], *, own: Path | None = None
    ) -> PackedScene:
        """Return what a stage has left in the file, or do the stage and leave it there.

        Parameters
        ----------
        name : str
            The stage's name, unlike any other's of the run.
        make : callable
            Does the stage.
        own : pathlib.Path, optional
            File in which it keeps how far it is; removed when the stage is done.

        Returns
        -------
        PackedScene
            Bit for bit the same both ways.
        """
        if self.path is None:
            return make()
        if name in self.header["stages"]:
            packed = self._kept(name)
        else:
            before = [len(reporter.steps) for reporter in self.reporters]
            packed = make()
            self._keep(name, packed, before)
        if own is not None:
            own.unlink(missing_ok=True)
        return packed

    def _keep(self, name: str, packed: PackedScene, before: Sequence[int]) -> None:
        assert self.path is not None
        scene = packed.scene
        arrays = {
            "rotations": scene.transforms.rotations,
            "translations": scene.transforms.translations,
            "positions": packed.positions,
            **{f"history/{key}": getattr(packed.history, key) for key in COLUMNS},
        }
        for number, (reporter, since) in enumerate(zip(self.reporters, before, strict=True)):
            steps, frames = frames_of(reporter, n_balls=scene.n_balls, since=since)
            arrays |= {f"frames/{number}/steps": steps, f"frames/{number}/positions": frames}
        self.arrays |= {f"{name}/{key}": array for key, array in arrays.items()}
        self.header["stages"][name] = {
            "start": scene.boundary.to_json(),
            "boundary": packed.boundary.to_json(),
            "provenance": packed.provenance,
            "reporters": len(self.reporters),
        }
        write_npz(self.path, self.header, self.arrays, kind=FORMAT, version=FORMAT_VERSION)

    def _kept(self, name: str) -> PackedScene:
        record = self.header["stages"][name]
        prefix = f"{name}/"
        arrays = {
            key.removeprefix(prefix): array
            for key, array in self.arrays.items()
            if key.startswith(prefix)
        }
        for number, reporter in enumerate(self.reporters[: record["reporters"]]):
            reporter.steps += arrays[f"frames/{number}/steps"].tolist()
            reporter.frames += list(arrays[f"frames/{number}/positions"])
        return PackedScene(
            scene=dataclasses.replace(
                self.scene,
                transforms=RigidTransforms(
                    rotations=arrays["rotations"], translations=arrays["translations"]
                ),
                boundary=boundary_from_json(record["start"]),
            ),
            positions=arrays["positions"],
            boundary=boundary_from_json(record["boundary"]),
            history=History(**{key: arrays[f"history/{key}"] for key in COLUMNS}),
            provenance=record["provenance"],
        )


def _fingerprint(scene: Scene, settings: Mapping[str, Any]) -> str:
    """Return a digest of what decides the result; the platform does not count."""
    text = json.dumps({"scene": scene_digest(scene), **settings}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
