"""How much memory and disk a run will take, worked out and compared with what there is."""

from __future__ import annotations

import logging
import math
import shutil
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core import BallModel
from ..core.runtime import all_threads, available_memory
from ..recipe import Recipe
from .pipeline import Simulated

_log = logging.getLogger(__name__)

MAPS = "maps and masks"

_LOOSEST = 0.1
"""Volume fraction that a scene without a box is taken to end at, at the least."""

_MARGIN = 8.0
"""Room around it in its maps, nm: twice that of a map's grid."""

# Bytes, as measured of runs; those of files are exact but for texts.
_OF_A_BALL = (600, 70)
_OF_A_PARTICLE = (3400, 0)  # a ball that dynamics move
_OF_A_BOND = (60, 0)  # topologies hold as many as balls
_OF_A_FRAME = (12, 36)  # of a ball; on disk also in the checkpoint, while the run is on its way
_OF_A_TOPOLOGY = 130  # of a ball, on disk
_OF_AN_ATOM = (150, 95)
_OF_A_VOXEL = (18, 8)  # the map, two masks, and what decides whose a voxel is


# Processor time, s, of a run's parts on one core of the machine that made the tables of the docs.
TIME_WITHIN = 2.0
"""Factor within which the time of a run is known: benchmarks/test_forecast.py."""
_AT_ONCE = 12.0  # kernels are compiled, libraries imported, a picture drawn
_OF_A_MODEL_ATOM = 4e-5  # of a structure that is covered by balls
_OF_DRAWING = 2.5e-5  # of map, labels and visibility, of a cubic nanometre of molecules
_OF_A_DRAWN_VOXEL = 5e-8
_OF_A_BYTE = 1e-8

_OF_PICTURES = (64 * 2**20, 2 * 2**20)


class Part(NamedTuple):
    """A part of what a run takes: what it is, the key that changes it, and bytes of each."""

    what: str
    key: str
    memory: float
    disk: float


def run_size(recipe: Recipe, models: Sequence[tuple[BallModel, float]]) -> list[Part]:
    """Return what a run of a recipe will take, as far as it is known when its models are.

    Memory is what is held at its largest, on top of what the program itself takes; of a packing
    that may end early, the steps that it may take.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    models : sequence of (BallModel, float)
        Its models, and how many instances of each or their abundances.

    Examples
    --------
    >>> from openmm_cgpack import Filament
    >>> recipe = Recipe(structures=(Filament(n_balls=50, count=100),))
    >>> parts = run_size(recipe, [(recipe.structures[0].build(), 100)])
    >>> parts[0].what, parts[0].key
    ('balls and bonds', 'count')
    """
    scene = extent(recipe, models)
    return [*_of_balls(recipe, scene.models, scene.balls), *map_size(recipe, scene.shape)]


class Extent(NamedTuple):
    """What a recipe's scene comes to: its models, its box, and the grid of its maps."""

    models: list[tuple[BallModel, float]]
    """With how many instances of each there will be."""
    box: tuple[float, ...]
    """Edges along x, y and z, nm; of a scene without a box those of a cube that it ends in."""
    shape: tuple[float, ...]
    """Voxels of the maps along z, y and x."""
    fraction: float
    """Volume of the molecules, over that of the box."""

    @property
    def balls(self) -> float:
        """How many balls there will be."""
        return sum(model.n_balls * count for model, count in self.models)

    @property
    def instances(self) -> int:
        """How many instances there will be."""
        return round(sum(count for _, count in self.models))


def extent(recipe: Recipe, models: Sequence[tuple[BallModel, float]]) -> Extent:
    """Return what a recipe's scene comes to, as far as it is known when its models are."""
    volume = sum(model.volume * count for model, count in models)
    box = _box(recipe, volume)
    copies = 1.0
    if recipe.start.counts == "relative":
        assert recipe.fraction is not None
        copies = math.prod(box) * recipe.fraction / volume
    made = [(model, count * copies) for model, count in models]
    seen = box
    if not recipe.start.shape.bounded:
        largest = max(float(np.ptp(model.positions, axis=0).max()) for model, _ in models)
        seen = tuple(max(edge, largest) + _MARGIN for edge in box)
    if recipe.density.box is not None:
        seen = tuple(np.broadcast_to(recipe.density.box, 3).tolist())
    shape = tuple(max(1.0, edge / recipe.density.voxel_size) for edge in seen[::-1])
    return Extent(made, box, shape, volume * copies / math.prod(box))


def map_size(recipe: Recipe, shape: Sequence[float]) -> list[Part]:
    """Return what the volumes of a recipe take, on a grid of a shape (z, y, x)."""
    voxels = math.prod(shape)
    memory, disk = recipe.imaging.takes(shape, recipe.density.voxel_size)
    return [
        Part(MAPS, "[density] voxel_size", *_times(voxels, _OF_A_VOXEL)),
        Part("tomogram", "[density] voxel_size, [imaging]", memory, disk),
        Part("pictures", "", *_OF_PICTURES),
    ]


def _box(recipe: Recipe, volume: float) -> tuple[float, ...]:
    """Return the edges of the box, or those of a cube that a scene without one ends in, nm."""
    if recipe.start.box is not None:
        return tuple(np.broadcast_to(recipe.start.box, 3).tolist())
    if recipe.start.shape.bounded and recipe.fraction is not None:
        return ((volume / recipe.fraction) ** (1 / 3),) * 3
    return (2 * (volume / _LOOSEST * 3 / (4 * math.pi)) ** (1 / 3),) * 3


def _of_balls(
    recipe: Recipe, made: Sequence[tuple[BallModel, float]], balls: float
) -> Iterable[Part]:
    # In a box bodies are held by three of their balls, and not by bonds between all of them.
    bonds = 0.0
    if not recipe.start.shape.bounded:
        bonds = sum(len(model.bonds) * count for model, count in made)
    sizes = [_times(balls, _OF_A_BALL), _times(bonds, _OF_A_BOND)]
    steps = recipe.pack.most_steps([model for model, _ in made])
    if steps:
        sizes.append(_times(balls, _OF_A_PARTICLE))
    memory, disk = map(sum, zip(*sizes, strict=True))
    yield Part("balls and bonds", "count", memory, disk)
    if recipe.files.trajectory:
        frames = 2 + steps / recipe.files.frame_interval
        frames_memory, frames_disk = _times(balls * frames, _OF_A_FRAME)
        yield Part(
            "trajectory",
            "[files] trajectory, frame_interval",
            frames_memory,
            frames_disk + balls * _OF_A_TOPOLOGY,
        )
    points = [
        (model.structure.n_atoms, model.copies * count) for model, count in made if model.structure
    ]
    written = sum(atoms * count for atoms, count in points) if recipe.files.atoms else 0.0
    held = sum(atoms for atoms, _ in points)
    yield Part("atoms", "[files] atoms", held * _OF_AN_ATOM[0], written * _OF_AN_ATOM[1])


def _times(number: float, bytes_each: tuple[float, float]) -> tuple[float, float]:
    return number * bytes_each[0], number * bytes_each[1]


def run_seconds(recipe: Recipe, scene: Extent) -> float:
    """Return about how long a run takes on one core of a CPU, s; within `TIME_WITHIN` times that.

    Parts are measured of other runs, and scaled by what they grow with.
    """
    atoms = sum(model.structure.n_atoms for model, _ in scene.models if model.structure)
    volume = sum(model.volume * count for model, count in scene.models)
    voxels, size = math.prod(scene.shape), recipe.density.voxel_size
    written = sum(part.disk for part in map_size(recipe, scene.shape))
    seconds = _AT_ONCE + _OF_A_MODEL_ATOM * atoms
    seconds += recipe.pack.seconds(scene.models, scene.fraction)
    seconds += _OF_DRAWING * volume / size + _OF_A_DRAWN_VOXEL * voxels
    seconds += recipe.imaging.seconds(scene.shape, size) + _OF_A_BYTE * written
    runs = 1 if recipe.fractions is None else len(recipe.fractions)
    return seconds * runs


def intention(recipe: Recipe) -> str:
    """Return a line that tells what a run will make, as far as its recipe alone says it.

    Examples
    --------
    >>> from openmm_cgpack import demo_recipe
    >>> print(intention(demo_recipe("paper")))
    will make  400 instances of 20 species, voxels of 1 nm
    """
    species = f"{len(recipe.structures)} species"
    if (counted := _counted(recipe)) is not None:
        species = f"{counted} instances of {species}"
    size = recipe.density.voxel_size
    if recipe.start.box is None:
        return f"will make  {species}, voxels of {size:g} nm"
    seen = recipe.start.box if recipe.density.box is None else recipe.density.box
    voxels = _by_edges([max(1.0, edge / size) for edge in np.broadcast_to(seen, 3).tolist()])
    box = _by_edges(np.broadcast_to(recipe.start.box, 3).tolist())
    return f"will make  {species} in {box} nm, {voxels} voxels of {size:g} nm"


def forecast(recipe: Recipe, models: Sequence[tuple[BallModel, float]]) -> str:
    """Return a line that tells what a run will come to and take, when its models are known."""
    scene, parts = extent(recipe, models), run_size(recipe, models)
    about = "" if recipe.start.box is not None else "about "
    most = "" if _counted(recipe) is not None else "up to "
    if recipe.start.counts == "relative":
        most = "about "
    return (
        f"takes      about {in_words(sum(part.memory for part in parts))} of memory, "
        f"{in_words(sum(part.disk for part in parts))} of disk, "
        f"{time_words(run_seconds(recipe, scene))} on one core of a CPU{_less(recipe)}: "
        f"{most}{scene.instances} instances of {len(scene.models)} species "
        f"({scene.balls:.0f} balls) in {about}{_by_edges(scene.box)} nm, "
        f"{_by_edges(scene.shape[::-1])} voxels of {recipe.density.voxel_size:g} nm"
    )


def _counted(recipe: Recipe) -> int | None:
    """Return how many instances a recipe's counts make; None where it asks for shares.

    What is to fill a share of a region may find room for less.
    """
    counts = [entry.counted for entry in recipe.structures]
    if recipe.start.counts == "relative" or None in counts:
        return None
    return sum(count for count in counts if count is not None)


def _by_edges(edges: Sequence[float]) -> str:
    return " x ".join(f"{edge:.0f}" for edge in edges)


def _less(recipe: Recipe) -> str:
    """Return where a run is quicker than on one core, as words."""
    name = recipe.run.platform
    if name is not None and name.lower() not in ("cpu", "reference"):
        return f", less with {name}"
    cores = recipe.run.threads or all_threads()
    return f", less on the {cores} here" if cores > 1 else ""


def time_words(seconds: float) -> str:
    """Return a rough time as words, from the least that it may be to the most.

    Examples
    --------
    >>> time_words(20), time_words(100), time_words(9000)
    ('10 to 40 s', '1 to 3 min', '1 to 5 h')
    """
    low, high = seconds / TIME_WITHIN, seconds * TIME_WITHIN
    unit, name = next((u, n) for u, n in ((3600, "h"), (60, "min"), (1, "s")) if high >= 1.5 * u)
    return f"{max(1, round(low / unit))} to {max(2, round(high / unit))} {name}"


def check_size(parts: Sequence[Part], folder: Path, *, force: bool = False) -> None:
    """Raise ValueError where a run takes more memory, or more room in its folder, than there is.

    Parameters
    ----------
    parts : sequence of Part
        What it takes.
    folder : Path
        Where it writes; it need not be there.
    force : bool, optional
        Whether to warn in place of the error.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    for what, sizes, free in (
        ("memory", [part.memory for part in parts], available_memory()),
        ("disk", [part.disk for part in parts], shutil.disk_usage(there).free),
    ):
        if sum(sizes) <= free:
            continue
        most = parts[int(np.argmax(sizes))]
        text = (
            f"{what}: the run takes about {in_words(sum(sizes))}, and {in_words(free)} are free; "
            f"most of it, {in_words(max(sizes))}, for {most.what}: see {most.key}"
        )
        if not force:
            raise ValueError(f"{text}; force=True goes on all the same")
        warnings.warn(text, stacklevel=2)


def check_stage(stage: str, made: Simulated, folder: Path, *, force: bool) -> None:
    """Compare what a run takes with what there is, when a stage of it has made that known.

    That is after its models, and again after the packing: only then a scene without a box, or one
    whose later tables were changed, has its grid.
    """
    if stage == "models" and hasattr(made, "models"):
        check_size(run_size(made.recipe, made.models), folder, force=force)
        _log.info("%s", forecast(made.recipe, made.models))
    if stage == "poses":
        shape = made.recipe.density.grid(made.packed).shape
        check_size(map_size(made.recipe, shape), folder, force=force)


def in_words(size: float) -> str:
    """Return a number of bytes as words.

    Examples
    --------
    >>> in_words(3e9), in_words(5e5), in_words(2e40)
    ('2.79 GiB', '0.477 MiB', '1.86e+31 GiB')
    """
    unit, name = (2**30, "GiB") if size >= 2**30 else (2**20, "MiB")
    return f"{size / unit:.3g} {name}"


def size_lines(parts: Sequence[Part], folder: Path) -> list[str]:
    """Return a table of what a run takes, and what there is, as lines."""
    whole = Part("in all", "", sum(p.memory for p in parts), sum(p.disk for p in parts))
    free = Part("there is", "", available_memory(), shutil.disk_usage(folder).free)
    head = f"{'':26s}{'memory':>12s}{'disk':>12s}"
    rows = []
    for part in (*parts, whole, free):
        sizes = f"{in_words(part.memory):>12s}{in_words(part.disk):>12s}"
        rows.append(f"{part.what:26s}{sizes}  {part.key}".rstrip())
    return [head, *rows]
