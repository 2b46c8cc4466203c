"""What a run writes, but for the manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.units import ANGSTROM_PER_NM
from ..density import centre_lines, monomer_table, visibility
from ..draw import plot_overview, save_figure
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


def write_outputs(made: Simulated, folder: Path, *, final: Path) -> None:
    """Write all files of a run but the manifest, in one frame: the first voxel's centre is at 0.

    `final` is where the folder will be in the end, for relative paths in the recipe.
    """
    packed, origin = made.packed, made.density.origin
    text = dump_recipe(made.recipe, folder=final)
    (folder / names.RECIPE).write_text(text, encoding="utf-8")
    save_scene(folder / names.SCENE, packed.scene)
    save_packed(folder / names.PACKED, packed)
    write_topology(folder / names.TOPOLOGY, packed.scene, packed.positions, origin=origin)
    write_trajectory(folder / names.TRAJECTORY, made.frames, origin=origin)
    _write_asked(made, folder, origin)
    write_mrc(folder / names.DENSITY, made.density)
    write_mask(folder, names.INSTANCES, made.labels.instances)
    write_mask(folder, names.SEMANTIC, made.labels.semantic)
    write_rendered(folder, made.rendered)
    seen = visibility(packed, made.recipe.density, grid=made.density.grid)
    write_particles(
        folder / names.PARTICLES,
        made.particles,
        columns={"visible": seen.fraction, "border_angst": seen.border * ANGSTROM_PER_NM},
    )
    monomers = monomer_table(packed, grid=made.density.grid)
    if len(monomers):
        write_monomers(folder / names.MONOMERS, monomers)
    lines = centre_lines(packed, grid=made.density.grid)
    if lines:
        species = {number: packed.scene.model(number - 1).name for number in lines}
        write_curves(folder / names.CURVES, lines, species)


def _write_asked(made: Simulated, folder: Path, origin: np.ndarray) -> None:
    """Write the files that `[files]` asks for."""
    files, packed = made.recipe.files, made.packed
    if files.atoms:
        scene, transforms = packed.scene, made.poses.transforms
        copies = [
            structure_poses(scene, i, positions=packed.positions, transforms=transforms)
            for i in range(scene.n_instances)
        ]
        write_atoms(folder / names.ATOMS, packed.scene, copies, origin=origin)
    if files.bild:
        write_bild(folder / names.BILD, packed.scene, packed.positions, origin=origin)
    if files.cmm:
        write_cmm(folder / names.CMM, packed.scene, packed.positions, origin=origin)
    if files.overview:
        figure = plot_overview(
            packed,
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
