"""From a recipe to everything that it makes: named stages, one after the other."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core import BallModel, PackedScene, ParticleTable, Scene, Volume
from ..core.display import Rows, described, short
from ..core.messages import checked_type, within
from ..core.progress import progress_shown
from ..core.runtime import stage_seed
from ..density import Labels, particle_table, render_density, render_labels
from ..imaging import Rendered, render
from ..io.scenes import load_scene, save_scene
from ..packing import Dense, FrameReporter, crowding_series, pack_scene, populate
from ..packing.building import built, expected_counts
from ..packing.protocols import Watch
from ..poses import Poses, extract_transforms
from ..recipe import Recipe
from .folder import CHECKPOINT, SCENE

_log = logging.getLogger(__name__)


_MADE = ("scene", "packed", "poses", "density", "labels", "particles", "rendered")


@described
@dataclass(kw_only=True, eq=False)
class Simulated:
    """What a recipe makes, filled in stage by stage; what a later stage makes is not there before.

    `recipe` has, once the scene is packed, the platform and threads that it ran on. `models` has
    how many instances of each are asked for, of a cell's fractions about how many. `work` is the
    folder for the scene as it was placed and for checkpoints, `frames` are ball centres on the way,
    (b, 3) nm, `density` is in Da/nm³, `labels` are on its grid, `particles` is in the files' frame,
    `seconds` is the time that each stage took, and `file_seconds` that of each file.
    """

    recipe: Recipe
    work: Path | None = None
    watch: Watch | None = None
    progress: bool = True
    models: list[tuple[BallModel, int]] = field(init=False)
    scene: Scene = field(init=False)
    packed: PackedScene = field(init=False)
    frames: list[np.ndarray] = field(init=False)
    poses: Poses = field(init=False)
    density: Volume = field(init=False)
    labels: Labels = field(init=False)
    particles: ParticleTable = field(init=False)
    rendered: Rendered = field(init=False)
    seconds: dict[str, float] = field(default_factory=dict)
    file_seconds: dict[str, float] = field(default_factory=dict)

    def summary(self) -> str:
        """Return what the repr says."""
        made = [name for name in _MADE if hasattr(self, name)]
        return f"{self.recipe.name!r}, made: {', '.join(made) or 'nothing yet'}"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        return [
            ("recipe", self.recipe.summary()),
            *((name, short(getattr(self, name))) for name in _MADE if hasattr(self, name)),
            ("seconds", f"{sum(self.seconds.values()):.1f}"),
        ]

    def make(self, stage: str) -> None:
        """Make what a stage of `STAGES` makes of what is there; errors say where it stands."""
        with timed(self.seconds, stage), self.recipe.within(_TABLES.get(stage, "")):
            STAGES[stage](self)

    def seed(self, stage: str) -> np.random.SeedSequence:
        """Return the seed of a stage."""
        return stage_seed(self.recipe.seed, stage, self.recipe.index)


Hook = Callable[[str, Simulated], None]
"""What is called after each stage, with its name and what is made so far."""


def _models(made: Simulated) -> None:
    if _kept_scene(made) is not None:
        return
    recipe, box = made.recipe, made.recipe.start.shape
    with progress_shown(made.progress):
        models = built(
            recipe.structures, boundary=box, cover=recipe.pack.cover, seed=made.seed("models")
        )
    counts = [entry.count for entry in recipe.structures]
    if recipe.pack.populates:
        counts = expected_counts(recipe.structures, models, boundary=box)
    made.models = list(zip(models, counts, strict=True))
    if not recipe.pack.populates:
        # Volumes are known from here on: before anything is placed, and where sizes are forecast.
        with within("[start]"):
            recipe.start.check_counts(made.models, fraction=recipe.fraction)


def _placement(made: Simulated) -> None:
    kept = _kept_scene(made)
    if kept is not None:
        made.scene = load_scene(kept)
        return
    recipe, start = made.recipe, made.recipe.start
    if recipe.pack.populates:
        made.scene = populate(
            recipe.structures,
            boundary=start.shape,
            insertion=start.insertion,
            models=[model for model, _ in made.models],
            seed=made.seed("placement"),
            progress=made.progress,
        )
    else:
        made.scene = start.scene(
            made.models,
            fraction=recipe.fraction,
            shrinks=recipe.pack.shrinks,
            seed=made.seed("placement"),
            progress=made.progress,
        )
    if made.work is not None:
        save_scene(made.work / SCENE, made.scene)


def _packing(made: Simulated) -> None:
    recipe = made.recipe
    reporters = [FrameReporter(recipe.files.frame_interval)] if recipe.files.trajectory else []
    # Counts are whole: a box is exact, and the fraction what they make in it.
    protocol = recipe.pack.with_goal(recipe.start.reached(made.scene, recipe.fraction))
    packed = pack_scene(
        made.scene,
        protocol,
        run=recipe.run,
        seed=made.seed("dynamics"),
        reporters=reporters,
        checkpoint=_checkpoint(made),
        watch=made.watch,
        progress=made.progress,
    )
    way = [frame for reporter in reporters for frame in reporter.frames]
    last = [step for reporter in reporters for step in reporter.steps[-1:]]
    end = [] if last == [packed.history.step[-1]] else [packed.positions]
    _take(made, packed, [packed.scene.positions, *way, *end])


def _poses(made: Simulated) -> None:
    made.poses = extract_transforms(made.packed)


def _density(made: Simulated) -> None:
    made.density = render_density(made.packed, made.recipe.density, progress=made.progress)


def _labels(made: Simulated) -> None:
    grid = made.density.grid
    made.labels = render_labels(made.packed, made.recipe.density, grid=grid, progress=made.progress)
    made.particles = particle_table(made.packed, grid=grid)


def _tomogram(made: Simulated) -> None:
    made.rendered = render(
        made.density, made.recipe.imaging, seed=made.seed("noise"), progress=made.progress
    )


STAGES: dict[str, Callable[[Simulated], None]] = {
    "models": _models,
    "placement": _placement,
    "packing": _packing,
    "poses": _poses,
    "density": _density,
    "labels": _labels,
    "tomogram": _tomogram,
}
"""The stages by name, in their order."""

_TABLES = {
    "placement": "[start]",
    "packing": "[pack]",
    "density": "[density]",
    "labels": "[density]",
    "tomogram": "[imaging]",
}
"""The table of the recipe that a stage's errors are about; structures have one each."""

IMAGED = ("poses", "density", "labels", "tomogram")
"""Those that follow the packing."""


def simulate(
    recipe: Recipe,
    *,
    work: str | os.PathLike[str] | None = None,
    hook: Hook | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> Simulated:
    """Run a recipe, and keep what it makes in memory.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    work : path-like, optional
        Folder for the scene as it was placed and for checkpoints; what is there already is gone
        on from.
    hook : callable, optional
        Called after each stage of `STAGES` with its name and the `Simulated` so far.
    watch : callable, optional
        Called after every block of the packing; see `pack_scene`.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    Simulated

    Raises
    ------
    ValueError, TypeError, StructureError, OSError
        A file that the recipe names is not good.
    PlacementError, PackingError
        The scene could not be made.

    Examples
    --------
    >>> from openmm_cgpack import Filament, MapSettings, Pull, Run
    >>> made = simulate(
    ...     Recipe(
    ...         structures=(Filament(n_balls=5, count=3),),
    ...         pack=Pull(max_steps=100, relax_steps=0),
    ...         density=MapSettings(voxel_size=2.0),
    ...         run=Run(platform="Reference"),
    ...     )
    ... )
    >>> made.packed.positions.shape, len(made.particles)
    ((15, 3), 3)
    >>> made.rendered.tomogram.data.shape == made.labels.instances.data.shape
    True
    """
    checked_type("recipe", recipe, Recipe, "; load_recipe(path) reads one")
    if recipe.fractions is not None:
        raise ValueError("fractions: make a series; see simulate_series")
    folder = None if work is None else Path(work)
    made = Simulated(recipe=recipe, work=folder, watch=watch, progress=progress)
    _run(made, STAGES, hook)
    return made


def simulate_series(
    recipe: Recipe,
    *,
    work: str | os.PathLike[str] | None = None,
    hook: Hook | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> Iterator[Simulated]:
    """Run a recipe with ``fractions``, and yield what it makes of the same molecules at each.

    Seeds are those of one scene, so that noise is drawn alike at each, too. Only the start and the
    end of each packing are kept as frames.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    work, hook, watch, progress : optional
        See `simulate`.

    Yields
    ------
    Simulated
        Its recipe has the fractions up to its own, and makes it again as the last one.

    Examples
    --------
    >>> from openmm_cgpack import Dense, MapSettings, Molecule, Run, Start
    >>> recipe = Recipe(
    ...     structures=(Molecule(species="3hhb", count=8),),
    ...     start=Start(boundary="periodic"),
    ...     pack=Dense(),
    ...     fractions=(0.1, 0.2),
    ...     density=MapSettings(voxel_size=2.0),
    ...     run=Run(platform="Reference"),
    ... )
    >>> [len(made.particles) for made in simulate_series(recipe)]
    [8, 8]
    """
    checked_type("recipe", recipe, Recipe, "; load_recipe(path) reads one")
    if recipe.fractions is None:
        raise ValueError("fractions: wanted rising numbers, got none")
    folder = None if work is None else Path(work)
    made = Simulated(recipe=recipe, work=folder, watch=watch, progress=progress)
    _run(made, ("models", "placement"), hook)
    with timed(made.seconds, "packing"):
        assert isinstance(recipe.pack, Dense)
        series = crowding_series(
            made.scene,
            recipe.fractions,
            recipe.pack,
            run=recipe.run,
            seed=made.seed("dynamics"),
            checkpoint=_checkpoint(made),
            watch=watch,
            progress=progress,
        )
    tell_time("packing", made.seconds)
    for number, packed in enumerate(series, start=1):
        part = dataclasses.replace(recipe, fractions=recipe.fractions[:number])
        of_one = Simulated(recipe=part, progress=progress, seconds=dict(made.seconds))
        _take(of_one, packed, [packed.scene.positions, packed.positions])
        _run(of_one, IMAGED, hook)
        yield of_one


def _run(made: Simulated, names: Iterable[str], hook: Hook | None) -> None:
    for name in names:
        made.make(name)
        if hook is not None:
            hook(name, made)
        tell_time(name, made.seconds)


def _take(made: Simulated, packed: PackedScene, frames: list[np.ndarray]) -> None:
    """Keep a packed scene, and note the platform that it ran on, so that it runs there again."""
    made.packed, made.frames = packed, frames
    if "platform" not in packed.provenance:
        # Insertion alone has done it, without dynamics.
        return
    properties = packed.provenance["properties"]
    threads = int(properties["Threads"]) if "Threads" in properties else None
    ran = dataclasses.replace(
        made.recipe.run, platform=packed.provenance["platform"], threads=threads
    )
    made.recipe = dataclasses.replace(made.recipe, run=ran)


def _kept_scene(made: Simulated) -> Path | None:
    kept = None if made.work is None else made.work / SCENE
    return kept if kept is not None and kept.exists() else None


def _checkpoint(made: Simulated) -> Path | None:
    return None if made.work is None else made.work / CHECKPOINT


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long a stage takes, by its name."""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def tell_time(name: str, seconds: dict[str, float]) -> None:
    """Say in the log how long a stage took."""
    _log.info("%-10s %6.1f s", name, seconds[name])
