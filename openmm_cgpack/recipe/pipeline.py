"""A recipe, run into a folder."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Grid, LabelVolume, PackedScene, ParticleTable, Volume
from ..core.seeds import stage_seed
from ..core.units import ANGSTROM_PER_NM
from ..density import (
    Labels,
    bounding_grid,
    box_grid,
    particle_table,
    render_density,
    render_labels,
    visibility,
)
from ..imaging import simulate_tomogram
from ..io import write_mrc, write_particles
from ..io.dcd import set_dcd_title
from ..io.scenes import save_packed, save_scene
from ..packing import FrameReporter, pack_scene, place, write_topology, write_trajectory
from ..plot import plot_overview
from ..poses import Poses, extract_transforms
from .build import build_forces, build_models
from .folder import check_free, whole_folder
from .manifest import describe, write_manifest
from .sections import Recipe
from .toml import dump_recipe, load_recipe

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
    signal : Volume
        The tomogram without noise.
    tomogram : Volume
        The tomogram.
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
    signal: Volume
    tomogram: Volume
    seconds: dict[str, float] = field(default_factory=dict)


def run(
    recipe: Recipe | str | os.PathLike[str],
    index: int | None,
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Run a recipe and write everything into a folder.

    A plain function of plain arguments, which any scheduler can send away. The folder appears
    when all of it is written; a run that fails or is interrupted leaves nothing.

    Parameters
    ----------
    recipe : Recipe or path-like
        The recipe, or its file.
    index : int or None
        Number of the scene, where one recipe makes many: each index has seeds of its own. None
        takes the recipe's.
    out : path-like
        The folder to make.
    force : bool, optional
        Whether a folder that an earlier run wrote is replaced.
    progress : bool, optional
        Whether to show progress bars on standard error.

    Returns
    -------
    dict
        What ``manifest.json`` holds.

    Raises
    ------
    FileExistsError
        `out` exists and may not be replaced.
    ValueError, TypeError, StructureError, OSError
        The recipe or a file that it names is not good.
    PlacementError, PackingError
        The scene could not be made.
    """
    out = Path(out).resolve()
    check_free(out, force=force)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    if index is not None:
        recipe = dataclasses.replace(recipe, index=index)
    with whole_folder(out, force=force) as folder:
        simulated = simulate(recipe, progress=progress)
        with _stage(simulated.seconds, "files"):
            write_outputs(simulated, folder, final=out)
        return write_manifest(folder, describe(simulated))


def simulate(recipe: Recipe, *, progress: bool = False) -> Simulated:
    """Run a recipe, and keep what it makes in memory.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    progress : bool, optional
        Whether to show progress bars on standard error.

    Returns
    -------
    Simulated
    """
    seconds: dict[str, float] = {}
    seeds = {
        stage: stage_seed(recipe.seed, stage, recipe.index)
        for stage in ("placement", "dynamics", "noise")
    }
    with _stage(seconds, "models"):
        counts = build_models(recipe, index=recipe.index)
    with _stage(seconds, "placement"):
        scene = place(counts, extent=recipe.scene.extent, seed=seeds["placement"])
    with _stage(seconds, "packing"):
        reporter = FrameReporter(recipe.pack.frame_interval)
        packed = pack_scene(
            scene,
            forces=build_forces(recipe),
            rigidity=recipe.pack.rigidity,
            platform=recipe.run.platform,
            threads=recipe.run.threads,
            seed=seeds["dynamics"],
            temperature=recipe.pack.temperature,
            friction=recipe.pack.friction,
            timestep=recipe.pack.timestep,
            max_steps=recipe.pack.max_steps,
            block=recipe.pack.block,
            tolerance=recipe.pack.tolerance,
            patience=recipe.pack.patience,
            relax_steps=recipe.pack.relax_steps,
            reporters=[reporter],
            progress=progress,
        )
    with _stage(seconds, "poses"):
        poses = extract_transforms(packed)
    with _stage(seconds, "density"):
        grid = _grid(recipe, packed)
        density = render_density(
            packed,
            grid=grid,
            resolution=recipe.density.resolution,
            convention=recipe.density.convention,
            merge=recipe.density.merge,
            deformables=recipe.density.deformables,
            progress=progress,
        )
    with _stage(seconds, "labels"):
        labels = render_labels(
            packed, grid=grid, deformables=recipe.density.deformables, progress=progress
        )
        particles = particle_table(packed, grid=grid)
    with _stage(seconds, "tomogram"):
        signal, tomogram = (_tomogram(recipe, density, snr) for snr in (None, recipe.tomogram.snr))
    return Simulated(
        recipe=_resolved(recipe, packed),
        packed=packed,
        frames=_frames(packed, reporter),
        poses=poses,
        density=density,
        labels=labels,
        particles=particles,
        signal=signal,
        tomogram=tomogram,
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
    set_dcd_title(folder / "trajectory.dcd")
    maps: dict[str, Volume | LabelVolume] = {
        "density.mrc": simulated.density,
        "instances.mrc": simulated.labels.instances,
        "semantic.mrc": simulated.labels.semantic,
        "tomogram.mrc": simulated.tomogram,
    }
    for name, volume in maps.items():
        write_mrc(folder / name, volume)
    seen = visibility(
        packed,
        grid=simulated.density.grid,
        deformables=simulated.recipe.density.deformables,
    )
    write_particles(
        folder / "particles.csv",
        simulated.particles,
        columns={"visible": seen.fraction, "border_angst": seen.border * ANGSTROM_PER_NM},
    )
    plot_overview(
        folder / "overview.png",
        packed=packed,
        density=simulated.density,
        labels=simulated.labels.semantic,
        tomogram=simulated.tomogram,
    )


def _grid(recipe: Recipe, packed: PackedScene) -> Grid:
    density = recipe.density
    if density.box is None:
        return bounding_grid(packed, voxel_size=density.voxel_size)
    return box_grid(density.box, voxel_size=density.voxel_size)


def _tomogram(recipe: Recipe, density: Volume, snr: float | None) -> Volume:
    settings = recipe.tomogram
    return simulate_tomogram(
        density,
        snr=snr,
        tilt_max=settings.tilt_max,
        defocus_um=settings.defocus_um,
        voltage_kv=settings.voltage_kv,
        cs_mm=settings.cs_mm,
        amplitude_contrast=settings.amplitude_contrast,
        envelope=settings.envelope,
        snr_definition=settings.snr_definition,
        seed=stage_seed(recipe.seed, "noise", recipe.index),
    )


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
def _stage(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
    _log.info("%-10s %6.1f s", name, seconds[name])
