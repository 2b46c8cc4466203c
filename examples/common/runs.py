"""Packings that keep what happened on the way."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmm_cgpack.core import BallModel, PackedScene, Scene
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.packing import (
    FrameReporter,
    Pull,
    Run,
    pack_scene,
    place,
    radius_of_gyration,
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How experiments are run.

    Parameters
    ----------
    quick : bool, optional
        Small sizes, for a machine without much time.
    seed : int, optional
        Seed of everything.
    structures : path-like, optional
        Folder of structure files; the library's points are used where it is None.
    platform : str, optional
        An OpenMM platform; the fastest one here when left out.
    threads : int, optional
        Threads of the CPU platform.
    progress : bool, optional
        Whether to show progress bars.
    """

    quick: bool = False
    seed: int = 0
    structures: str | os.PathLike[str] | None = None
    platform: str | None = None
    threads: int | None = None
    progress: bool = False

    @property
    def run(self) -> Run:
        """Where packings run."""
        return Run(platform=self.platform, threads=self.threads)


@dataclass(frozen=True, kw_only=True, eq=False)
class PackingRun:
    """A packing with frames of its way.

    Parameters
    ----------
    packed : PackedScene
        Its end.
    frames : tuple of (b, 3) arrays
        Ball centres from the start to the end, nm.
    steps : tuple of int
        Step of each frame.
    enlarged : str
        What `place` said where the start was enlarged; empty where the molecules fitted.
    """

    packed: PackedScene
    frames: tuple[np.ndarray, ...]
    steps: tuple[int, ...]
    enlarged: str = ""

    @property
    def scene(self) -> Scene:
        """The scene at its start."""
        return self.packed.scene

    def at(self, number: int) -> PackedScene:
        """Return the scene as it was at a frame."""
        return dataclasses.replace(self.packed, positions=self.frames[number])

    def moments(self, n: int) -> list[int]:
        """Return the numbers of `n` frames: the start, even parts of the tightening, the end.

        Parameters
        ----------
        n : int
            How many, at least 2.

        Returns
        -------
        list of int
            Rising.
        """
        radii = np.array([radius_of_gyration(frame) for frame in self.frames])
        tightest = int(radii.argmin())
        goals = np.linspace(radii[0], radii[tightest], n)[1:-1]
        between = [int(np.argmax(radii <= goal)) for goal in goals]
        return sorted({0, *between, len(self.frames) - 1})


def run_packing(
    counts: Sequence[tuple[BallModel, int]],
    settings: Settings,
    *,
    extent: float,
    max_steps: int,
    relax_steps: int,
    interval: int = 50,
) -> PackingRun:
    """Place and pack a scene, and keep frames of it.

    Parameters
    ----------
    counts : sequence of (BallModel, int)
        The models, and how many of each.
    settings : Settings
        Seed, platform and threads.
    extent : float
        Edge of the box of the start, nm; it grows where the molecules do not fit.
    max_steps, relax_steps : int
        As for `Pull`.
    interval : int, optional
        Steps between frames.

    Returns
    -------
    PackingRun
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        scene = place(counts, extent=extent, seed=stage_seed(settings.seed, "placement"))
    enlarged = "; ".join(str(w.message) for w in said if "enlarged" in str(w.message))
    return run_scene(
        scene,
        settings,
        max_steps=max_steps,
        relax_steps=relax_steps,
        interval=interval,
        enlarged=enlarged,
    )


def run_scene(
    scene: Scene,
    settings: Settings,
    *,
    max_steps: int,
    relax_steps: int,
    interval: int = 50,
    enlarged: str = "",
    index: int = 0,
) -> PackingRun:
    """Pack a scene and keep frames of it.

    Parameters
    ----------
    scene : Scene
        The scene.
    settings, max_steps, relax_steps, interval
        As for `run_packing`.
    enlarged : str, optional
        What to keep of the placing.
    index : int, optional
        Number of the run, where one experiment makes several of one scene.

    Returns
    -------
    PackingRun
    """
    reporter = FrameReporter(interval)
    packed = pack_scene(
        scene,
        Pull(max_steps=max_steps, relax_steps=relax_steps),
        run=settings.run,
        seed=stage_seed(settings.seed, "dynamics", index),
        reporters=(reporter,),
        progress=settings.progress,
    )
    frames = [scene.positions, *(np.asarray(f, dtype=np.float64) for f in reporter.frames)]
    steps = [0, *reporter.steps]
    if steps[-1] != packed.history.step[-1]:
        frames.append(packed.positions)
        steps.append(int(packed.history.step[-1]))
    return PackingRun(packed=packed, frames=tuple(frames), steps=tuple(steps), enlarged=enlarged)
