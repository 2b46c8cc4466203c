"""What a compression did, kept on the way and played back to go on from there."""

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

EVERY = 500
"""Steps between checkpoints."""


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

    Raises
    ------
    ValueError
        The file is no checkpoint of this run.
    """

    def __init__(
        self,
        simulation: openmm.app.Simulation,
        scene: Scene,
        *,
        settings: Mapping[str, Any],
        columns: Sequence[str],
        path: str | os.PathLike[str] | None,
    ) -> None:
        self.simulation = simulation
        self.settings = dict(settings)
        self.columns = tuple(columns)
        self.path = None if path is None else Path(path)
        self.last = simulation.currentStep
        self.entries: list[tuple[float, ...]] = []
        self.found: Checkpoint | None = None
        if self.path is None:
            return
        self.fingerprint = fingerprint(simulation, scene, self.settings)
        if self.path.exists():
            self.found = load_checkpoint(self.path)
            if self.found.fingerprint != self.fingerprint:
                raise ValueError(
                    f"{self.path}: is a checkpoint of another run: its scene, settings or seed "
                    "differ; remove it to start anew"
                )

    @property
    def kept(self) -> dict[str, np.ndarray] | None:
        """What the protocol had kept in the checkpoint that is played back; else None."""
        return None if self.found is None else self.found.kept

    def replay(self) -> tuple[float, ...] | None:
        """Return the next outcome of the earlier run; None where there is none left."""
        if self.found is None:
            return None
        outcome = tuple(self.found.history[c][len(self.entries)].item() for c in self.columns)
        self.entries.append(outcome)
        if len(self.entries) == len(self.found.history[self.columns[0]]):
            restore(self.simulation, self.found)
            self.last = self.found.step
            self.found = None
        return outcome

    def note(self, outcome: Sequence[float], kept: Mapping[str, np.ndarray]) -> None:
        """Add an outcome, and make a checkpoint if one is due.

        Parameters
        ----------
        outcome : sequence of float
            One number for each column.
        kept : mapping of arrays
            What the protocol needs besides, to go on.
        """
        self.entries.append(tuple(outcome))
        if self.simulation.currentStep - self.last < EVERY:
            return
        self.last = self.simulation.currentStep
        if self.path is None:
            # On one thread checkpoints decide the last digits.
            settle(self.simulation)
            return
        columns = np.array(self.entries).T
        taken = take_checkpoint(
            self.simulation,
            fingerprint=self.fingerprint,
            phase="compressing",
            settings=self.settings,
            history=dict(zip(self.columns, columns, strict=True)),
            kept=kept,
        )
        save_checkpoint(self.path, taken)
