"""What a protocol has had done, kept on the way and played back to go on from there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import Scene
from .checkpoint import (
    Checkpoint,
    fingerprint,
    load_checkpoint,
    restore,
    save_checkpoint,
    settle,
    take_checkpoint,
)

if TYPE_CHECKING:
    import openmm.app


class Journal:
    """The outcome of everything that a protocol has had done, in order, and checkpoints of it.

    A protocol decides by outcomes alone. Where a checkpoint is found, it is run again from its
    beginning: the outcomes come from the file and nothing is done, until with the last of them the
    Simulation is brought to where the checkpoint was taken.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        The Simulation, at the start of the run.
    scene : Scene
        The scene.
    settings : mapping
        What decides the run besides scene, System and integrator; plain JSON types.
    columns : sequence of str
        Names of the numbers that an outcome is.
    path : path-like or None
        The file; where it exists the run goes on from it. None keeps nothing.
    every : int or None
        Steps after which a checkpoint is due. On one thread that decides the last digits, also
        where nothing is kept; None makes none.

    Raises
    ------
    ValueError
        `every` is no positive whole number, or the file is no checkpoint of this run.
    """

    def __init__(
        self,
        simulation: openmm.app.Simulation,
        scene: Scene,
        *,
        settings: Mapping[str, Any],
        columns: Sequence[str],
        path: str | os.PathLike[str] | None,
        every: int | None,
    ) -> None:
        if every is not None and (int(every) != every or every < 1):
            raise ValueError(f"checkpoint_every: wanted a whole number >= 1, got {every}")
        self.simulation = simulation
        self.every = every
        self.settings = dict(settings) | {"checkpoint_every": every}
        self.columns = tuple(columns)
        self.path = None if path is None else Path(path)
        self.last = simulation.currentStep
        self.entries: list[tuple[Any, ...]] = []
        self.found: Checkpoint | None = None
        if self.path is None:
            return
        self.fingerprint = fingerprint(simulation, scene, self.settings)
        if self.path.exists():
            self.found = load_checkpoint(self.path)
            if self.found.fingerprint != self.fingerprint:
                raise ValueError(
                    f"{self.path}: is a checkpoint of another run: its scene, forces, integrator "
                    "or settings differ; remove it to start anew"
                )

    @property
    def kept(self) -> dict[str, np.ndarray] | None:
        """What the protocol had kept in the checkpoint that is played back; else None."""
        return None if self.found is None else self.found.kept

    def replay(self) -> tuple[Any, ...] | None:
        """Return the next outcome of the earlier run; None where there is none left.

        With the last of them the Simulation is brought to where the checkpoint was taken.
        """
        if self.found is None:
            return None
        outcome = tuple(self.found.history[c][len(self.entries)].item() for c in self.columns)
        self.entries.append(outcome)
        if len(self.entries) == len(self.found.history[self.columns[0]]):
            restore(self.simulation, self.found)
            self.last = self.found.step
            self.found = None
        return outcome

    def note(
        self, outcome: Sequence[Any], *, phase: str, kept: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Add an outcome, and make a checkpoint if one is due.

        Parameters
        ----------
        outcome : sequence
            One number for each column.
        phase : str
            What the protocol is at.
        kept : mapping of arrays, optional
            What the protocol needs besides, to go on.
        """
        self.entries.append(tuple(outcome))
        if self.every is None or self.simulation.currentStep - self.last < self.every:
            return
        self.last = self.simulation.currentStep
        if self.path is None:
            settle(self.simulation)
        else:
            self._save(phase, kept)

    def finish(self) -> None:
        """Make the last checkpoint: the run is done."""
        if self.path is not None:
            self._save("done", None)

    def _save(self, phase: str, kept: Mapping[str, np.ndarray] | None) -> None:
        assert self.path is not None
        columns = zip(self.columns, zip(*self.entries, strict=True), strict=True)
        taken = take_checkpoint(
            self.simulation,
            fingerprint=self.fingerprint,
            phase=phase,
            settings=self.settings,
            history={name: np.array(values) for name, values in columns},
            kept=kept,
        )
        save_checkpoint(self.path, taken)
