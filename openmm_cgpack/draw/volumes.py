"""Figures of volumes: slices, planes, montages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..core.palette import GREY, INK, species_colours
from ..core.scene import PackedScene
from ..core.volume import LabelVolume, Volume
from .style import CONTRAST, blank_figure, dress_panel, show_density, show_image, show_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_slices(
    volume: Volume, *, title: str = "", contrast: tuple[float, float] = CONTRAST
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
        show_image(axes, image, limits=(black, white))
        dress_panel(axes, name, width=image.shape[1] * volume.voxel_size)
    if title:
        figure.suptitle(title, fontsize=13, color=INK)
    return figure


def plot_planes(
    volumes: Mapping[str, Volume | LabelVolume],
    *,
    packed: PackedScene | None = None,
    colours: np.ndarray | None = None,
    densities: Collection[str] = (),
    plane: int | None = None,
    contrast: tuple[float, float] = CONTRAST,
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
            show_labels(axes, label_picture(volume, packed, colours, plane=plane))
        elif title in densities:
            show_density(axes, image)
        else:
            show_image(axes, image, contrast=contrast)
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
    dark = float(volume.data.max())
    full = np.flatnonzero(volume.data.max(axis=(1, 2)) >= 0.02 * (dark or 1.0))
    first, last = (full[0], full[-1]) if len(full) else (0, nz - 1)
    for number, plane in enumerate(np.rint(np.linspace(first, last, n)).astype(int)):
        axes = figure.add_subplot(grid[number // columns, number % columns])
        show_density(axes, volume.data[plane], dark=dark)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_linewidth(0.5)
            spine.set_color(GREY)
        above = (plane - (nz - 1) / 2) * volume.voxel_size
        axes.text(
            0.04, 0.95, f"{above:+.1f}", transform=axes.transAxes, fontsize=6.5, color=INK, va="top"
        )
    if title:
        figure.suptitle(title, fontsize=11, color=INK, x=0.005, y=0.995, ha="left", va="top")
    return figure


def label_picture(
    labels: LabelVolume,
    packed: PackedScene,
    colours: np.ndarray,
    *,
    plane: int | None = None,
    axis: int = 0,
) -> np.ndarray:
    """Return a plane of labels across an axis in the species' colours, with borders, on white."""
    plane = labels.data.shape[axis] // 2 if plane is None else plane
    image = labels.data.take(plane, axis).astype(np.int64)
    highest = int(labels.data.max())
    if labels.names:
        order = {model.name: s for s, model in enumerate(packed.scene.species)}
        species = np.array([order.get(name, len(order)) for name in labels.names])
    else:
        species = packed.scene.species_index
    # Labels that the scene does not know are gray.
    table = np.full((highest + 1, 3), 0.5)
    table[0] = 1.0
    known = min(highest, len(species))
    table[1 : known + 1] = np.vstack([colours, [[0.5] * 3]])[species[:known]]

    # Each voxel becomes a block of pixels, so that borders can be thinner than a voxel.
    blocks = max(1, -(-700 // max(image.shape)))
    image = np.kron(image, np.ones((blocks, blocks), dtype=np.int64))
    border = np.zeros(image.shape, bool)
    border[1:] |= image[1:] != image[:-1]
    border[:, 1:] |= image[:, 1:] != image[:, :-1]
    picture = table[image]
    picture[border] *= 0.35
    return picture
