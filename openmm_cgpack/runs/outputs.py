"""What a run writes, but for the manifest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ..core.units import ANGSTROM_PER_NM
from ..density import centre_lines, monomer_table, visibility
from ..draw import overview_figure, save_figure
from ..imaging import Rendered
from ..io import (
    write_atoms,
    write_bild,
    write_cmm,
    write_curves,
    write_monomers,
    write_mrc,
    write_particles,
    write_topology,
)
from ..io.scenes import save_packed, save_scene
from ..io.tilts import save_tilts, write_imod
from ..io.trajectory import write_trajectory
from ..io.volumes import write_mask
from ..poses import structure_poses
from ..recipe import dump_recipe
from . import folder as names
from .pipeline import Simulated


def write_outputs(
    made: Simulated, folder: Path, *, final: Path, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Write all files of a run but the manifest, in one frame: the first voxel's centre is at 0.

    Parameters
    ----------
    made : Simulated
        What there is to write.
    folder : pathlib.Path
        Where; it exists.
    final : pathlib.Path
        Where the folder will be in the end, for relative paths in the recipe.
    clock : callable, optional
        What tells the time, seconds.

    Returns
    -------
    dict
        How long each took to write, seconds, by the file's name; those of the tomogram are one.
    """
    seconds = {}
    for name, write in _writers(made, folder, final):
        start = clock()
        write()
        seconds[name] = clock() - start
    return seconds


Writer = tuple[str, Callable[[], object]]


def _writers(made: Simulated, folder: Path, final: Path) -> Iterator[Writer]:
    """Yield the names of what every run writes, and what writes it."""
    packed, origin = made.packed, made.density.origin
    text = dump_recipe(made.recipe, folder=final)
    yield names.RECIPE, partial((folder / names.RECIPE).write_text, text, encoding="utf-8")
    yield names.SCENE, partial(save_scene, folder / names.SCENE, packed.scene)
    yield names.PACKED, partial(save_packed, folder / names.PACKED, packed)
    yield from _writers_asked(made, folder, origin)
    yield names.DENSITY, partial(write_mrc, folder / names.DENSITY, made.density)
    yield names.INSTANCES, partial(write_mask, folder, names.INSTANCES, made.labels.instances)
    yield names.SEMANTIC, partial(write_mask, folder, names.SEMANTIC, made.labels.semantic)
    yield names.TOMOGRAM, partial(write_rendered, folder, made.rendered)
    yield names.PARTICLES, partial(_write_particles, made, folder)
    monomers = monomer_table(packed, grid=made.density.grid)
    if len(monomers):
        yield names.MONOMERS, partial(write_monomers, folder / names.MONOMERS, monomers)
    lines = centre_lines(packed, grid=made.density.grid)
    if lines:
        species = {number: packed.scene.model(number - 1).name for number in lines}
        yield names.CURVES, partial(write_curves, folder / names.CURVES, lines, species)


def _writers_asked(made: Simulated, folder: Path, origin: np.ndarray) -> Iterator[Writer]:
    """Yield the same of what `[files]` asks for."""
    files, scene, places = made.recipe.files, made.packed.scene, made.packed.positions
    for asked, name, write in (
        (files.trajectory, names.TOPOLOGY, write_topology),
        (files.bild, names.BILD, write_bild),
        (files.cmm, names.CMM, write_cmm),
    ):
        if asked:
            yield name, partial(write, folder / name, scene, places, origin=origin)
    if files.trajectory:
        path = folder / names.TRAJECTORY
        yield names.TRAJECTORY, partial(write_trajectory, path, made.frames, origin=origin)
    if files.atoms:
        yield names.ATOMS, partial(_write_atoms, made, folder, origin)
    if files.overview:
        yield names.OVERVIEW, partial(_write_overview, made, folder)


def _write_particles(made: Simulated, folder: Path) -> None:
    seen = visibility(made.packed, made.recipe.density, grid=made.density.grid)
    write_particles(
        folder / names.PARTICLES,
        made.particles,
        columns={"visible": seen.fraction, "border_angst": seen.border * ANGSTROM_PER_NM},
    )


def _write_atoms(made: Simulated, folder: Path, origin: np.ndarray) -> None:
    scene, transforms = made.packed.scene, made.poses.transforms
    copies = [
        structure_poses(scene, i, positions=made.packed.positions, transforms=transforms)
        for i in range(scene.n_instances)
    ]
    write_atoms(folder / names.ATOMS, scene, copies, origin=origin)


def _write_overview(made: Simulated, folder: Path) -> None:
    figure = overview_figure(
        made.packed,
        density=made.density,
        labels=made.labels.semantic,
        tomogram=made.rendered.tomogram,
        series=made.rendered.series,
    )
    save_figure(folder / names.OVERVIEW, figure)


def write_rendered(folder: Path, rendered: Rendered) -> None:
    """Write a tomogram, its halves, its tilt series and the masks of gold and carbon."""
    write_mrc(folder / names.TOMOGRAM, rendered.tomogram)
    for name, half in zip(names.HALVES, rendered.halves, strict=False):
        write_mrc(folder / name, half)
    for name, mask in rendered.additions.items():
        write_mrc(folder / f"{name}.mrc", mask)
    if rendered.series is not None:
        series, stack = rendered.series, folder / names.TILT_SERIES
        save_tilts(stack, series)
        write_imod(stack, series)
