"""Looking at a run: one page for a browser, and scripts for ChimeraX and napari."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .core import PackedScene
from .core.palette import species_colours
from .exporting import load_truth, scene_origin
from .io import load_packed, write_bild
from .io.atomic import atomic_path
from .io.chimerax import write_chimerax
from .io.napari import write_napari
from .io.omezarr import halved
from .io.truth import GroundTruth

if TYPE_CHECKING:
    import k3d

__all__ = ["scene_plot", "view", "write_html"]

MOST_VOXELS = 3_000_000
"""Volumes are halved until they have no more voxels than this: the page has to open."""


def view(out: str | os.PathLike[str], *, html: bool = True) -> dict[str, Path]:
    """Write what shows a run into its folder.

    Parameters
    ----------
    out : path-like
        The folder that ``cgpack simulate`` made.
    html : bool, optional
        Whether the page is written, which needs the extra ``viz``.

    Returns
    -------
    dict
        ``html``: ``view.html``, for any browser, with or without a network. ``chimerax``:
        ``view.cxc``. ``napari``: ``view_napari.py``. ``balls``: ``balls.bild``, which the second
        one opens.

    Raises
    ------
    FileNotFoundError
        The folder lacks a file of a run.
    ModuleNotFoundError
        k3d is not installed.

    Examples
    --------
    Of what ``cgpack simulate crowded.toml -o scenes/0`` made:

    >>> view("scenes/0")["html"]  # doctest: +SKIP
    PosixPath('scenes/0/view.html')
    """
    out = Path(out)
    truth = load_truth(out)
    packed = load_packed(out / "packed.npz")
    origin = scene_origin(out)
    written = {}
    if html:
        written["html"] = out / "view.html"
        write_html(written["html"], truth, packed, origin=origin)
    written["balls"] = out / "balls.bild"
    write_bild(written["balls"], packed.scene, packed.positions, origin=origin)
    written["chimerax"] = out / "view.cxc"
    write_chimerax(written["chimerax"], truth, balls="balls.bild")
    written["napari"] = out / "view_napari.py"
    write_napari(written["napari"], truth, particles="particles.csv")
    return written


def write_html(
    path: str | os.PathLike[str],
    truth: GroundTruth,
    packed: PackedScene,
    *,
    origin: np.ndarray,
) -> None:
    """Write one page that shows everything and needs no network.

    Parameters
    ----------
    path : path-like
        Where to write: ``.html``.
    truth : GroundTruth
        What is known.
    packed : PackedScene
        Whose balls are shown.
    origin : (3,) array
        Centre of the first voxel in the scene, nm.

    Raises
    ------
    ModuleNotFoundError
        k3d is not installed.
    """
    page = scene_plot(truth, packed, origin=origin).get_snapshot()
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def scene_plot(truth: GroundTruth, packed: PackedScene, *, origin: np.ndarray) -> k3d.Plot:
    """Return a k3d plot of everything: a widget in Jupyter.

    Balls are at their true radii, one colour a species. Surfaces of each species, of half its
    mean density, filaments and membranes as lines and meshes are there too, switched off: the
    panel switches them. The central slices show the tomogram, with the species' masks over it.

    Parameters
    ----------
    truth : GroundTruth
        What is known.
    packed : PackedScene
        Whose balls are shown.
    origin : (3,) array
        Centre of the first voxel in the scene, nm.

    Returns
    -------
    k3d.Plot
        In nm; the first voxel's centre is at 0.

    Raises
    ------
    ModuleNotFoundError
        k3d is not installed.
    """
    try:
        import k3d
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name}: not installed; wanted for the page: pip install 'openmm_cgpack[viz]'",
            name=error.name,
        ) from None
    colours = [_packed_colour(c) for c in species_colours(len(truth.species))]
    plot = k3d.plot(name=truth.name, grid_visible=False, axes=["x / nm", "y / nm", "z / nm"])
    scene = packed.scene
    species = scene.species_index[scene.instance_of_ball]
    places = (packed.positions - origin).astype(np.float32)
    for s, name in enumerate(truth.species):
        mine = species == s
        plot += k3d.points(
            places[mine],
            point_sizes=(2 * scene.radii[mine]).astype(np.float32),
            color=colours[s],
            shader="3d",
            name=name,
            group="balls",
        )
    _add_slices(k3d, plot, truth, colours)
    _add_surfaces(k3d, plot, truth, colours)
    legend = "".join(
        f'<span style="color:#{colour:06x}">&#9679;</span> {escape(name)}<br>'
        for name, colour in zip(truth.species, colours, strict=True)
    )
    plot += k3d.text2d(
        legend, position=(0.01, 0.02), color=0x222222, size=0.7, is_html=True, name="legend"
    )
    size = truth.grid.size
    middle = size / 2
    distance = 0.85 * np.linalg.norm(size)
    eye = middle + distance * np.array([0.45, -0.75, 0.5])
    plot.camera_auto_fit = False
    plot.colorbar_object_id = 0
    plot.camera = [*eye.tolist(), *middle.tolist(), 0, 0, 1]
    return plot


def _add_slices(k3d, plot: k3d.Plot, truth: GroundTruth, colours: list[int]) -> None:
    name = next((key for key in ("tomogram", "density") if key in truth.maps), None)
    if name is None:
        return
    data, factor = _reduced(truth.maps[name].data)
    mask = _strided(truth.semantic.data, factor, data.shape)
    nz, ny, _ = data.shape
    low, high = np.percentile(data, (1, 99)).tolist()
    grey = [0.0, 0.05, 0.05, 0.05, 1.0, 1.0, 1.0, 1.0]
    plot += k3d.volume_slice(
        data.astype(np.float16),
        color_map=grey,
        color_range=[low, high],
        mask=mask.astype(np.uint8),
        active_masks=np.arange(1, min(len(colours), 255) + 1, dtype=np.uint8),
        color_map_masks=colours,
        mask_opacity=0.8,
        slice_z=nz // 2,
        slice_x=-1,
        slice_y=ny // 2,
        bounds=_bounds(data.shape, factor, truth.grid.voxel_size),
        name=name,
        group="slices",
    )


def _add_surfaces(k3d, plot: k3d.Plot, truth: GroundTruth, colours: list[int]) -> None:
    for s, name in enumerate(truth.species):
        numbers = truth.particles.instance[truth.particles.species == name].tolist()
        for number in numbers:
            if number in truth.lines:
                line = truth.lines[number]
                plot += k3d.line(
                    line.points.astype(np.float32),
                    width=2 * line.radius,
                    color=colours[s],
                    shader="mesh",
                    name=f"{name} {number}",
                    group="surfaces",
                    visible=False,
                )
            elif number in truth.surfaces:
                surface = truth.surfaces[number]
                plot += k3d.mesh(
                    surface.vertices.astype(np.float32),
                    surface.faces.astype(np.uint32),
                    color=colours[s],
                    side="double",
                    name=f"{name} {number}",
                    group="surfaces",
                    visible=False,
                )
        density = truth.maps.get("density")
        if density is None or truth.kind(name) != "molecule":
            continue
        data, factor = _reduced(density.data, MOST_VOXELS // 4)
        inside = _strided(truth.semantic.data, factor, data.shape) == s + 1
        if not inside.any():
            continue
        plot += k3d.marching_cubes(
            np.where(inside, data, 0).astype(np.float32),
            level=float(data[inside].mean() / 2),
            color=colours[s],
            bounds=_centres(data.shape, factor, truth.grid.voxel_size),
            name=name,
            group="surfaces",
            visible=False,
        )


def _reduced(data: np.ndarray, most: int = MOST_VOXELS) -> tuple[np.ndarray, int]:
    """Return a volume that is small enough, and how many voxels became one along each axis."""
    factor = 1
    while data.size > most:
        data, factor = halved(data), 2 * factor
    return data, factor


def _strided(labels: np.ndarray, factor: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the labels near the middles of blocks."""
    index = [
        np.minimum(np.arange(n) * factor + factor // 2, full - 1)
        for n, full in zip(shape, labels.shape, strict=True)
    ]
    return labels[np.ix_(*index)]


def _bounds(shape: tuple[int, ...], factor: int, voxel_size: float) -> list[float]:
    """Return the box of all voxels, edge to edge, as k3d wants it."""
    high = (np.array(shape[::-1]) * factor - 0.5) * voxel_size
    return [value for end in high.tolist() for value in (-0.5 * voxel_size, end)]


def _centres(shape: tuple[int, ...], factor: int, voxel_size: float) -> list[float]:
    """Return the box between the centres of the outermost voxels."""
    first = (factor - 1) / 2 * voxel_size
    last = first + (np.array(shape[::-1]) - 1) * factor * voxel_size
    return [value for end in last.tolist() for value in (first, end)]


def _packed_colour(colour: np.ndarray) -> int:
    red, green, blue = np.rint(colour * 255).astype(int).tolist()
    return (red << 16) | (green << 8) | blue
