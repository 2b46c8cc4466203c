"""What a recipe makes, from the start of its scene to the tomogram, and its files."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core import LabelVolume, PackedScene, ParticleTable, Scene, Volume
from ..core.seeds import stage_seed
from ..core.units import ANGSTROM_PER_NM
from ..density import (
    Labels,
    particle_table,
    render_density,
    render_labels,
    visibility,
)
from ..draw import plot_overview, save_figure
from ..imaging import Rendered
from ..io import write_atoms, write_bild, write_cmm, write_mrc, write_particles, write_trajectory
from ..io.masks import write_mask
from ..io.scenes import load_scene, save_packed, save_scene
from ..packing import (
    Dense,
    FrameReporter,
    Run,
    crowding_series,
    pack_scene,
    write_topology,
)
from ..packing.protocols import Watch
from ..poses import Poses, extract_transforms
from .build import build_models, build_protocol, build_start, target_fraction
from .imaging import render_recipe, write_rendered
from .sections import Recipe
from .toml import dump_recipe
from .unfinished import CHECKPOINT, SCENE

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    """Everything that a recipe makes.

    Parameters
    ----------
    recipe : Recipe
        The recipe, with the platform and threads that it ran on.
    packed : PackedScene
        The scene, before and after.
    frames : list of (b, 3) float32 arrays
        Ball centres on the way, nm.
    poses : Poses
        Rigid transforms of all instances.
    density : Volume
        Da/nm^3.
    labels : Labels
        Instance and semantic masks on the density's grid.
    particles : ParticleTable
        Every instance, in the files' frame.
    rendered : Rendered
        The tomogram with and without noise, and the tilt series where there is one.
    additions : dict
        Masks of gold and carbon, by name.
    seconds : dict
        Time that each stage took.
    """

    recipe: Recipe
    packed: PackedScene
    frames: list[np.ndarray]
    poses: Poses
    density: Volume
    labels: Labels
    particles: ParticleTable
    rendered: Rendered
    additions: dict[str, LabelVolume] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def tomogram(self) -> Volume:
        """The tomogram."""
        return self.rendered.tomogram

    @property
    def signal(self) -> Volume:
        """The tomogram without noise."""
        return self.rendered.signal


def simulate(
    recipe: Recipe,
    *,
    work: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    progress: bool = False,
) -> Simulated:
    """Run a recipe, and keep what it makes in memory.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    work : path-like, optional
        Folder for the scene as it was placed and for checkpoints; what is there already is gone
        on from.
    watch : callable, optional
        See `pack_scene`.
    progress : bool, optional
        Whether to show progress bars on standard error.

    Returns
    -------
    Simulated

    Raises
    ------
    ValueError, TypeError, StructureError, OSError
        The recipe or a file that it names is not good.
    PlacementError, PackingError
        The scene could not be made.

    Examples
    --------
    >>> from openmm_cgpack.models import Filament
    >>> from openmm_cgpack import MapSettings
    >>> from openmm_cgpack.recipe import Pack, Run
    >>> made = simulate(
    ...     Recipe(
    ...         structures=(Filament(n_balls=5, count=3),),
    ...         pack=Pack(max_steps=100, relax_steps=0),
    ...         density=MapSettings(voxel_size=2.0),
    ...         run=Run(platform="Reference"),
    ...     )
    ... )
    >>> made.packed.positions.shape, len(made.particles)
    ((15, 3), 3)
    >>> made.tomogram.data.shape == made.labels.instances.data.shape
    True
    """
    if recipe.scene.fractions is not None:
        raise ValueError("fractions: make a series; see simulate_series")
    seconds: dict[str, float] = {}
    scene = _start(recipe, work, seconds)
    with stage(seconds, "packing"):
        reporter = FrameReporter(recipe.pack.frame_interval)
        protocol = build_protocol(recipe)
        if isinstance(protocol, Dense):
            fraction = target_fraction(recipe, scene.volume)
            protocol = dataclasses.replace(protocol, fraction=fraction)
        packed = pack_scene(
            scene,
            protocol,
            run=Run(platform=recipe.run.platform, threads=recipe.run.threads),
            seed=stage_seed(recipe.seed, "dynamics", recipe.index),
            checkpoint=None if work is None else Path(work) / CHECKPOINT,
            reporters=[reporter],
            watch=watch,
            progress=progress,
        )
    frames = _frames(packed, reporter)
    return _imaged(_resolved(recipe, packed), packed, frames, seconds, progress=progress)


def simulate_series(
    recipe: Recipe,
    *,
    work: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    progress: bool = False,
) -> Iterator[Simulated]:
    """Run a recipe with ``fractions``, and yield what it makes of the same molecules at each.

    Seeds are those of one scene, so that noise is drawn alike at each, too. Only the start and the
    end of each packing are kept as frames.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    work, watch
        See `simulate`.
    progress : bool, optional
        Whether to show progress bars on standard error.

    Yields
    ------
    Simulated
        Its recipe has the fractions up to its own, and makes it again as the last one.

    Raises
    ------
    ValueError, TypeError, StructureError, OSError
        The recipe or a file that it names is not good.
    PlacementError, PackingError
        The scene could not be made.

    Examples
    --------
    >>> from openmm_cgpack.models import Molecule
    >>> from openmm_cgpack import MapSettings
    >>> from openmm_cgpack.recipe import Run, SceneSection
    >>> recipe = Recipe(
    ...     structures=(Molecule(species="3hhb", count=8, atoms_per_ball=300, radius="volume"),),
    ...     scene=SceneSection(boundary="periodic", fractions=(0.1, 0.2)),
    ...     density=MapSettings(voxel_size=2.0),
    ...     run=Run(platform="Reference"),
    ... )
    >>> [len(made.particles) for made in simulate_series(recipe)]
    [8, 8]
    """
    fractions = recipe.scene.fractions
    if fractions is None:
        raise ValueError("fractions: wanted in [scene], got none")
    seconds: dict[str, float] = {}
    scene = _start(recipe, work, seconds)
    with stage(seconds, "packing"):
        series = crowding_series(
            scene,
            fractions,
            run=Run(platform=recipe.run.platform, threads=recipe.run.threads),
            seed=stage_seed(recipe.seed, "dynamics", recipe.index),
            checkpoint=None if work is None else Path(work) / CHECKPOINT,
            watch=watch,
            progress=progress,
        )
    for number, packed in enumerate(series, start=1):
        settings = dataclasses.replace(recipe.scene, fractions=fractions[:number])
        part = _resolved(dataclasses.replace(recipe, scene=settings), packed)
        frames = [packed.scene.positions, packed.positions]
        yield _imaged(part, packed, frames, dict(seconds), progress=progress)


def _start(recipe: Recipe, work: str | os.PathLike[str] | None, seconds: dict[str, float]) -> Scene:
    """Return the scene before it is packed, that of an unfinished run where there is one."""
    kept = None if work is None else Path(work) / SCENE
    if kept is not None and kept.exists():
        return load_scene(kept)
    with stage(seconds, "models"):
        counts = build_models(recipe, index=recipe.index)
    with stage(seconds, "placement"):
        seed = stage_seed(recipe.seed, "placement", recipe.index)
        scene = build_start(recipe, counts, seed=seed)
    if kept is not None:
        save_scene(kept, scene)
    return scene


def _imaged(
    recipe: Recipe,
    packed: PackedScene,
    frames: list[np.ndarray],
    seconds: dict[str, float],
    *,
    progress: bool,
) -> Simulated:
    """Return a packed scene with its poses, density, labels and tomogram."""
    with stage(seconds, "poses"):
        poses = extract_transforms(packed)
    with stage(seconds, "density"):
        density = draw_density(recipe, packed, progress=progress)
        grid = density.grid
    with stage(seconds, "labels"):
        labels = render_labels(packed, recipe.density, grid=grid, progress=progress)
        particles = particle_table(packed, grid=grid)
    with stage(seconds, "tomogram"):
        rendered, additions = render_recipe(recipe, density, progress=progress)
    return Simulated(
        recipe=recipe,
        packed=packed,
        frames=frames,
        poses=poses,
        density=density,
        labels=labels,
        particles=particles,
        rendered=rendered,
        additions=additions,
        seconds=seconds,
    )


def write_outputs(
    simulated: Simulated, folder: str | os.PathLike[str], *, final: Path | None = None
) -> None:
    """Write all files of a run but the manifest, in one frame: the first voxel's centre is at 0.

    Parameters
    ----------
    simulated : Simulated
        What was made.
    folder : path-like
        Where to write; it exists.
    final : pathlib.Path, optional
        Where the folder will be in the end, for relative paths in ``recipe.toml``.
    """
    folder = Path(folder)
    packed = simulated.packed
    origin = simulated.density.origin
    text = dump_recipe(simulated.recipe, folder=final or folder)
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    save_scene(folder / "scene.npz", packed.scene)
    save_packed(folder / "packed.npz", packed)
    write_topology(folder / "topology.cif", packed.scene, packed.positions, origin=origin)
    write_trajectory(folder / "trajectory.dcd", simulated.frames, origin=origin)
    _write_asked(simulated, folder, origin)
    maps: dict[str, Volume | LabelVolume] = {
        "density.mrc": simulated.density,
        "semantic.mrc": simulated.labels.semantic,
    }
    for name, volume in maps.items():
        write_mrc(folder / name, volume)
    write_mask(folder, "instances", simulated.labels.instances)
    write_rendered(folder, simulated.rendered, simulated.additions)
    seen = visibility(packed, simulated.recipe.density, grid=simulated.density.grid)
    write_particles(
        folder / "particles.csv",
        simulated.particles,
        columns={"visible": seen.fraction, "border_angst": seen.border * ANGSTROM_PER_NM},
    )
    figure = plot_overview(
        packed,
        density=simulated.density,
        labels=simulated.labels.semantic,
        tomogram=simulated.tomogram,
        series=simulated.rendered.series,
    )
    save_figure(folder / "overview.png", figure)


def _write_asked(simulated: Simulated, folder: Path, origin: np.ndarray) -> None:
    """Write the files that `[files]` asks for."""
    files, packed = simulated.recipe.files, simulated.packed
    if files.atoms:
        transforms = simulated.poses.transforms
        write_atoms(folder / "atoms.cif", packed.scene, transforms, origin=origin)
    if files.bild:
        write_bild(folder / "balls.bild", packed.scene, packed.positions, origin=origin)
    if files.cmm:
        write_cmm(folder / "balls.cmm", packed.scene, packed.positions, origin=origin)


def draw_density(recipe: Recipe, packed: PackedScene, *, progress: bool = False) -> Volume:
    """Return the density of a packed scene as a recipe has it.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    packed : PackedScene
        The scene.
    progress : bool, optional
        Whether to show a progress bar on standard error.

    Returns
    -------
    Volume
        Da/nm³.
    """
    return render_density(packed, recipe.density, progress=progress)


def _frames(packed: PackedScene, reporter: FrameReporter) -> list[np.ndarray]:
    """Return the start, what the reporter kept, and the end."""
    frames = [packed.scene.positions, *reporter.frames]
    if not reporter.steps or reporter.steps[-1] != packed.history.step[-1]:
        frames.append(packed.positions)
    return frames


def _resolved(recipe: Recipe, packed: PackedScene) -> Recipe:
    """Return the recipe with the platform that it ran on, so that it runs there again."""
    properties = packed.provenance["properties"]
    threads = int(properties["Threads"]) if "Threads" in properties else None
    ran = dataclasses.replace(recipe.run, platform=packed.provenance["platform"], threads=threads)
    return dataclasses.replace(recipe, run=ran)


@contextmanager
def stage(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long a stage takes, by its name."""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
    _log.info("%-10s %6.1f s", name, seconds[name])
