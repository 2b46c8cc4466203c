"""Packings that keep what happened on the way."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from openmm_cgpack import BallModel, FrameReporter, PackedScene, Scene, place
from openmm_cgpack.packing import Placement, radius_of_gyration


def place_in(
    counts: Sequence[tuple[BallModel, int]], *, extent: float, seed: np.random.SeedSequence
) -> tuple[Scene, str]:
    """Place molecules at random in a box of an edge in nm, which grows where they do not fit.

    The text that comes with the scene says to what it grew; it is empty where it did not.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        scene = place(counts, Placement(extent=extent), seed=seed)
    notes = "; ".join(str(w.message) for w in said if "enlarged" in str(w.message))
    return scene, f" ({notes})" if notes else ""


@dataclass(frozen=True, eq=False)
class PackingRun:
    """A packing, and the reporter that kept frames of its way."""

    packed: PackedScene
    reporter: FrameReporter

    @property
    def scene(self) -> Scene:
        """The scene at its start."""
        return self.packed.scene

    @cached_property
    def frames(self) -> list[np.ndarray]:
        """Ball centres (b, 3) from the start to the end, nm."""
        frames = [np.asarray(frame, dtype=np.float64) for frame in self.reporter.frames]
        last = [] if self.reporter.steps[-1:] == [self._end] else [self.packed.positions]
        return [self.scene.positions, *frames, *last]

    @cached_property
    def steps(self) -> list[int]:
        """Step of each frame."""
        steps = [0, *self.reporter.steps]
        return steps if steps[-1] == self._end else [*steps, self._end]

    @property
    def _end(self) -> int:
        return int(self.packed.history.step[-1])

    def at(self, number: int) -> PackedScene:
        """Return the scene as it was at a frame."""
        return dataclasses.replace(self.packed, positions=self.frames[number])

    def moments(self, n: int) -> list[int]:
        """Return the numbers of `n` frames: the start, even parts of the tightening, the end."""
        radii = np.array([radius_of_gyration(frame) for frame in self.frames])
        goals = np.linspace(radii[0], radii.min(), n)[1:-1]
        between = [int(np.argmax(radii <= goal)) for goal in goals]
        return sorted({0, *between, len(self.frames) - 1})

    def titles(self, moments: Sequence[int]) -> list[str]:
        """Return titles for pictures of some frames."""
        return [f"step {self.steps[m]}" for m in moments]
