"""Pictures: shaded balls, slices, the history of a packing, and the overview of a run.

Figures are made without pyplot: no backend is chosen, no window opens, no setting is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .core.palette import species_colours
from .core.scene import PackedScene, Scene
from .core.volume import LabelVolume, Volume
from .panels import (
    INK,
    blank_figure,
    draw_bonds,
    draw_history,
    draw_legend,
    dress_panel,
    label_picture,
    show_image,
)
from .shading import VIEW, camera_axes, fitting_width, render_balls

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "VIEW",
    "fitting_width",
    "plot_history",
    "plot_molecules",
    "plot_montage",
    "plot_planes",
    "plot_slices",
    "plot_steps",
    "render_balls",
]

_SHAPE_SPACING = 0.8
"""Distance of the balls that filaments and membranes are drawn with, nm."""
_HIDDEN = 8.0
"""Points this much behind the foremost one of their column, nm, are not drawn."""


def plot_slices(
    volume: Volume, *, title: str = "", contrast: tuple[float, float] = (0.5, 99.5)
) -> Figure:
    """Return a figure of the three central slices of a volume.

    Parameters
    ----------
    volume : Volume
        A density or a tomogram.
    title : str, optional
        Title of the figure.
    contrast : tuple of float, optional
        Percentiles that become black and white.

    Returns
    -------
    matplotlib.figure.Figure
        The xy, xz and yz slice, each with a scale bar.

    Examples
    --------
    >>> volume = Volume(data=np.ones((8, 12, 16)), voxel_size=1.0, origin=(0, 0, 0))
    >>> figure = plot_slices(volume, title="density")
    >>> len(figure.axes)
    3
    """
    nz, ny, nx = volume.data.shape
    figure = blank_figure((12.0, 4.6))
    slices = {
        "xy": volume.data[nz // 2],
        "xz": volume.data[:, ny // 2],
        "yz": volume.data[:, :, nx // 2],
    }
    black, white = np.percentile(volume.data, contrast)
    for place, (name, image) in enumerate(slices.items()):
        axes = figure.add_axes((0.01 + 0.33 * place, 0.03, 0.32, 0.84))
        axes.set_anchor("N")
        show_image(axes, image, black, white)
        dress_panel(axes, name, width=image.shape[1] * volume.voxel_size)
    if title:
        figure.suptitle(title, fontsize=13, color=INK)
    return figure


def plot_history(packed: PackedScene) -> Figure:
    """Return a figure of what a packing measured on its way.

    Parameters
    ----------
    packed : PackedScene
        The packing.

    Returns
    -------
    matplotlib.figure.Figure
        Radius of gyration and deepest overlap against the step.

    Examples
    --------
        >>> from openmm_cgpack import Filament, Pull, pack_scene, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> packed = pack_scene(scene, Pull(max_steps=100, relax_steps=0), seed=1)
        >>> [axes.get_xlabel() for axes in plot_history(packed).axes]
    ['', 'step']
    """
    figure = blank_figure((6.0, 4.0))
    upper, lower = figure.subplots(2, 1, sharex=True)
    draw_history(upper, lower, packed)
    figure.subplots_adjust(left=0.14, right=0.97, top=0.96, bottom=0.14, hspace=0.12)
    return figure


def plot_steps(
    scene: Scene,
    frames: Sequence[np.ndarray],
    titles: Sequence[str],
    *,
    views: Sequence[str] = ("bonds", "balls"),
    colours: np.ndarray | None = None,
    view: tuple[float, float] = VIEW,
    size: int = 500,
) -> Figure:
    """Return a figure of a scene at several times: one column a time, one row a kind of view.

    All pictures have one centre and one scale, so that they show what moved.

    Parameters
    ----------
    scene : Scene
        The scene.
    frames : sequence of (b, 3) arrays
        Ball centres at each time, nm.
    titles : sequence of str
        A title for each time.
    views : sequence of {"bonds", "balls"}, optional
        Wireframes of the bonds, or shaded balls.
    colours : (s, 3) array, optional
        A colour for each species; those of `species_colours` when left out.
    view : tuple of float, optional
        Azimuth and elevation of the viewer, degrees; see `render_balls`.
    size : int, optional
        Edge of each picture of balls, pixels.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There is no frame, or not one title for each; an unknown view.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> frames = [scene.positions, scene.positions / 2]
    >>> figure = plot_steps(scene, frames, ["before", "after"], views=("bonds",))
    >>> len(figure.axes)
    2
    """
    if not len(frames) or len(frames) != len(titles):
        raise ValueError(
            f"titles: wanted one for each of at least one frame, got {len(titles)} for "
            f"{len(frames)} frames"
        )
    unknown = set(views) - {"bonds", "balls"}
    if unknown or not views:
        raise ValueError(f"views: wanted 'bonds' and 'balls', got {list(views)}")
    if colours is None:
        colours = species_colours(len(scene.species))
    everything = np.concatenate([np.asarray(frame, dtype=np.float64) for frame in frames])
    reach = np.tile(scene.radii, len(frames))[:, None]
    centre = ((everything - reach).min(axis=0) + (everything + reach).max(axis=0)) / 2
    # Room for the scale bar below.
    width = 1.1 * fitting_width(everything, reach[:, 0], centre=centre, view=view)
    inches = 3.3
    figure = blank_figure((inches * len(frames), (inches + 0.3) * len(views)))
    panels = np.reshape(figure.subplots(len(views), len(frames)), (len(views), len(frames)))
    of_ball = colours[scene.species_index[scene.instance_of_ball]]
    for row, kind in enumerate(views):
        for axes, frame, title in zip(panels[row], frames, titles, strict=True):
            positions = np.asarray(frame, dtype=np.float64)
            if kind == "bonds":
                draw_bonds(axes, positions - centre, scene, of_ball, view, width)
            else:
                axes.imshow(
                    render_balls(
                        positions,
                        scene.radii,
                        of_ball,
                        groups=scene.instance_of_ball,
                        size=size,
                        view=view,
                        centre=centre,
                        width=width,
                    ),
                    interpolation="antialiased",
                )
            dress_panel(axes, title if row == 0 else "", width=width, frame=False)
    figure.subplots_adjust(left=0.005, right=0.995, bottom=0.01, top=0.94, wspace=0.02, hspace=0.06)
    return figure


def plot_molecules(
    packed: PackedScene,
    *,
    colours: np.ndarray | None = None,
    view: tuple[float, float] = VIEW,
    size: int = 900,
    title: str = "",
) -> Figure:
    """Return a picture of the molecules themselves, each type in its colour, with a legend.

    Every atom (or point that stands for several) is a ball of the volume that it has in the
    molecule's envelope, a little larger so that they close to a surface; filaments are tubes and
    membranes are sheets. What stands behind others is not drawn.

    Parameters
    ----------
    packed : PackedScene
        The packing.
    colours : (s, 3) array, optional
        A colour for each species; those of `species_colours` when left out.
    view : tuple of float, optional
        Azimuth and elevation of the viewer, degrees; see `render_balls`.
    size : int, optional
        Edge of the picture, pixels.
    title : str, optional
        Title of the legend; what is in the scene when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from openmm_cgpack import as_packed, Filament, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 3)], seed=1))
    >>> figure = plot_molecules(packed, size=100)
    >>> figure.savefig("molecules.png")
    """
    scene = packed.scene
    if colours is None:
        colours = species_colours(len(scene.species))
    positions, radii, instance = _surface(packed, view)
    width = fitting_width(positions, radii, view=view)
    picture = render_balls(
        positions,
        radii,
        colours[scene.species_index[instance]],
        groups=instance,
        size=size,
        view=view,
        width=width,
        seams=0.0,
        relief=1.5,
    )
    figure = blank_figure((11.0, 7.6))
    axes = figure.add_axes((0.005, 0.01, 0.685, 0.97))
    axes.imshow(picture, interpolation="antialiased")
    dress_panel(axes, "", width=width, frame=False)
    draw_legend(figure, packed, colours, left=0.70, right=0.99, bottom=0.08, top=0.94)
    if title:
        figure.axes[-1].set_title(title, fontsize=12, color=INK, loc="left", pad=4)
    return figure


def plot_planes(
    volumes: Mapping[str, Volume | LabelVolume],
    *,
    packed: PackedScene | None = None,
    colours: np.ndarray | None = None,
    densities: Collection[str] = (),
    plane: int | None = None,
    contrast: tuple[float, float] = (0.5, 99.5),
) -> Figure:
    """Return a figure of the same xy plane of several volumes side by side.

    Parameters
    ----------
    volumes : mapping of str to Volume or LabelVolume
        The volumes by title, all on one grid.
    packed : PackedScene, optional
        The scene whose species' colours labels have; needed for labels.
    colours : (s, 3) array, optional
        A colour for each species; those of `species_colours` when left out.
    densities : collection of str, optional
        Titles of volumes whose high values are drawn dark, as mass is in a tomogram; their white
        is 0.
    plane : int, optional
        Number of the plane along z; the middle one when left out.
    contrast : tuple of float, optional
        Percentiles of the plane that become black and white.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Labels without a scene, or no volume.

    Examples
    --------
    >>> from openmm_cgpack import Filament, MapSettings, as_packed, place
    >>> from openmm_cgpack import render_density, render_labels
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 3)], seed=1))
    >>> density = render_density(packed, MapSettings(voxel_size=2.0))
    >>> labels = render_labels(packed, MapSettings(voxel_size=2.0)).semantic
    >>> figure = plot_planes({"density": density, "species": labels}, packed=packed)
    >>> len(figure.axes)
    2
    """
    if not volumes:
        raise ValueError("volumes: wanted at least one, got none")
    nz, ny, nx = next(iter(volumes.values())).data.shape
    plane = nz // 2 if plane is None else plane
    inches = 4.2
    figure = blank_figure((inches * len(volumes), inches * ny / nx + 0.35))
    panels = np.ravel(figure.subplots(1, len(volumes)))
    for axes, (title, volume) in zip(panels, volumes.items(), strict=True):
        image = volume.data[plane]
        if isinstance(volume, LabelVolume):
            if packed is None:
                raise ValueError("packed: wanted the scene of the labels, got None")
            if colours is None:
                colours = species_colours(len(packed.scene.species))
            axes.imshow(
                label_picture(volume, packed, colours, plane=plane),
                origin="lower",
                interpolation="nearest",
            )
        elif title in densities:
            dark = float(np.percentile(image, 99.8)) or 1.0
            show_image(axes, image, 0.0, dark, colours="gray_r")
        else:
            black, white = np.percentile(image, contrast)
            show_image(axes, image, black, white)
        dress_panel(axes, title, width=nx * volume.voxel_size)
    figure.tight_layout(pad=0.4)
    return figure


def plot_montage(
    volume: Volume, *, n: int = 36, columns: int | None = None, title: str = ""
) -> Figure:
    """Return a figure of `n` xy slices through a volume, evenly spaced from bottom to top.

    Planes below the first and above the last one that holds 2 % of the highest value are left out.

    Parameters
    ----------
    volume : Volume
        A density: high values are drawn dark, with the same grey in every slice.
    n : int, optional
        How many slices.
    columns : int, optional
        How many in a row; about as many as rows when left out.
    title : str, optional
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Each slice says its height above the middle of the volume, nm.

    Raises
    ------
    ValueError
        `n` or `columns` is not positive.

    Examples
    --------
    >>> volume = Volume(data=np.ones((8, 12, 16)), voxel_size=1.0, origin=(0, 0, 0))
    >>> len(plot_montage(volume, n=4).axes)
    4
    """
    if n < 1 or (columns is not None and columns < 1):
        raise ValueError(f"n, columns: wanted positive numbers, got {n} and {columns}")
    columns = int(np.ceil(np.sqrt(n))) if columns is None else columns
    rows = -(-n // columns)
    nz, ny, nx = volume.data.shape
    inches = 7.2 / columns
    height = (inches * ny / nx + 0.03) * rows
    figure = blank_figure((7.2, height + 0.4))
    grid = figure.add_gridspec(
        rows, columns, left=0.003, right=0.997, bottom=0.003, top=height / (height + 0.4),
        wspace=0.03, hspace=0.03,
    )  # fmt: skip
    dark = float(volume.data.max()) or 1.0
    full = np.flatnonzero(volume.data.max(axis=(1, 2)) >= 0.02 * dark)
    first, last = (full[0], full[-1]) if len(full) else (0, nz - 1)
    for number, plane in enumerate(np.rint(np.linspace(first, last, n)).astype(int)):
        axes = figure.add_subplot(grid[number // columns, number % columns])
        show_image(axes, volume.data[plane], 0.0, dark, colours="gray_r")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_linewidth(0.5)
            spine.set_color("#aaaaaa")
        above = (plane - (nz - 1) / 2) * volume.voxel_size
        axes.text(
            0.04, 0.95, f"{above:+.1f}", transform=axes.transAxes, fontsize=6.5, color=INK, va="top"
        )
    if title:
        figure.suptitle(title, fontsize=11, color=INK, x=0.005, y=0.995, ha="left", va="top")
    return figure


def _surface(
    packed: PackedScene, view: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points of everything in a scene that may be seen, their radii and instances."""
    from .density.points import shape_points
    from .poses import extract_transforms

    scene = packed.scene
    transforms = extract_transforms(packed).transforms
    positions, radii, instances = [], [], []
    for i in range(scene.n_instances):
        model = scene.model(i)
        if model.structure is not None:
            structure = model.structure
            points = transforms[i].apply(structure.positions)[0]
            share = model.volume * structure.atoms / structure.n_atoms
            radius = 1.3 * np.cbrt(3 / (4 * np.pi) * share)
        elif model.geometry is not None:
            balls = packed.positions[scene.balls(i)]
            points = shape_points(model, balls, spacing=_SHAPE_SPACING).positions
            radius = np.full(len(points), _SHAPE_SPACING)
        else:
            points, radius = packed.positions[scene.balls(i)], model.radii
        positions.append(points)
        radii.append(radius)
        instances.append(np.full(len(points), i))
    points, radius = np.concatenate(positions), np.concatenate(radii)
    instance = np.concatenate(instances)
    seen = points @ camera_axes(*view).T
    cell = np.floor(seen[:, :2]).astype(np.int64)
    _, column = np.unique(cell, axis=0, return_inverse=True)
    column = column.ravel()
    front = np.full(column.max() + 1, -np.inf)
    np.maximum.at(front, column, seen[:, 2])
    keep = seen[:, 2] > front[column] - _HIDDEN
    return points[keep], radius[keep], instance[keep]
