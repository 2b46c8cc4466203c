"""Frames of a trajectory: the reporter that keeps them, and how they come into a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.display import described

if TYPE_CHECKING:
    import openmm
    import openmm.app


@described
class FrameReporter:
    """An OpenMM reporter that keeps the positions of every n-th step.

    Parameters
    ----------
    interval : int
        Steps between frames.

    Attributes
    ----------
    frames : list of (b, 3) float32 arrays
        Ball centres, nm.
    steps : list of int
        Step of each frame.

    Raises
    ------
    ValueError
        The interval is not a whole number from 1 up.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Pull, Run, pack_scene, place
    >>> scene = place([(Filament(n_balls=5).build(), 2)], seed=1)
    >>> frames = FrameReporter(50)
    >>> short, cpu = Pull(max_steps=100, relax_steps=0), Run(platform="CPU")
    >>> packed = pack_scene(scene, short, run=cpu, seed=1, reporters=[frames])
    >>> frames.steps, frames.frames[0].shape
    ([50, 100], (10, 3))
    """

    def __init__(self, interval: int) -> None:
        if int(interval) != interval or interval < 1:
            raise ValueError(f"interval: wanted a whole number >= 1, got {interval}")
        self.interval = int(interval)
        self.frames: list[np.ndarray] = []
        self.steps: list[int] = []

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self.frames)} frames, every {self.interval} steps"

    def describeNextReport(self, simulation: openmm.app.Simulation) -> dict:
        """Return when the next frame is due, as OpenMM asks."""
        due = self.interval - simulation.currentStep % self.interval
        return {"steps": due, "periodic": False, "include": ["positions"]}

    def report(self, simulation: openmm.app.Simulation, state: openmm.State) -> None:
        """Keep the frame that OpenMM hands over."""
        import openmm.unit

        positions = state.getPositions(asNumpy=True).value_in_unit(openmm.unit.nanometer)
        # Frames of dynamics that diverges are taken back.
        with np.errstate(over="ignore"):
            self.frames.append(positions.astype(np.float32))
        self.steps.append(simulation.currentStep)


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
