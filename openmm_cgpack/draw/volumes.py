"""Figures of volumes: slices, planes, montages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ..core.messages import checked_type
from ..core.palette import GREY, INK, species_colours
from ..core.scene import PackedScene
from ..core.tilts import TiltSeries
from ..core.volume import LabelVolume, Volume
from .style import (
    CONTRAST,
    Panels,
    blank_figure,
    drawn_name,
    dress_panel,
    figure_for,
    panels_for,
    show_density,
    show_image,
    show_labels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_ENOUGH = 2_000_000
"""Voxels of which the contrast of a volume is found."""
_NAMED, _NAMED_IN_A_ROW = 24, 6
"""Species that a legend has room for, and how many stand in a row."""
_COLOURS = 60
"""Colours of instances, which then come again."""


def plot_slices(
    volume: Volume | LabelVolume,
    *,
    packed: PackedScene | None = None,
    colours: np.ndarray | None = None,
    contrast: tuple[float, float] = CONTRAST,
    title: str = "",
    axes: Panels = None,
) -> Figure:
    """Return a figure of the three central slices of a volume.

    Parameters
    ----------
    volume : Volume or LabelVolume
        A density, a tomogram or labels.
    packed : PackedScene, optional
        The scene of labels, for its species' colours and names; see `plot_planes`. Where names are
        known, from the labels or the scene, the figure has a legend.
    colours : (s, 3) array, optional
        A colour for each species; those of `species_colours` when left out.
    contrast : tuple of float, optional
        Percentiles that become black and white.
    title : str, optional
        Title of the figure.
    axes : sequence of three Axes, optional
        What to draw into; a figure of its own when left out.

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
    checked_type("volume", volume, Volume | LabelVolume, "; Volume(data=...) makes one of an array")
    shown = _species(volume, packed, colours) if isinstance(volume, LabelVolume) else {}
    figure, panels = panels_for(axes, 3, lambda: _three(shown))
    limits = None if isinstance(volume, LabelVolume) else _limits(volume.data, contrast)
    for axis, name, panel in zip(range(3), ("xy", "xz", "yz"), panels, strict=True):
        image = volume.data.take(volume.data.shape[axis] // 2, axis)
        if isinstance(volume, LabelVolume):
            show_labels(panel, label_picture(volume, packed, colours, axis=axis))
        else:
            show_image(panel, image, limits=limits)
        dress_panel(panel, name, width=image.shape[1] * volume.voxel_size)
    if title:
        figure.suptitle(title, fontsize=13, color=INK)
    return figure


def plot_tilts(
    series: TiltSeries,
    *,
    contrast: tuple[float, float] = CONTRAST,
    title: str = "",
    axes: Panels = None,
) -> Figure:
    """Return a figure of three images of a tilt series: the outermost ones and the flattest.

    Parameters
    ----------
    series : TiltSeries
        The tilt series.
    contrast : tuple of float, optional
        Percentiles of each image that become black and white.
    title : str, optional
        Title of the figure.
    axes : sequence of three Axes, optional
        What to draw into; a figure of its own when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> series = TiltSeries(
    ...     images=np.random.default_rng(1).poisson(9.0, (3, 8, 8)), angles=np.radians([-3, 0, 3]),
    ...     pixel_size=0.5, dose_e_per_a2=[2, 2, 2],
    ... )
    >>> [axes.get_title(loc="left") for axes in plot_tilts(series).axes]
    ['-3°, 2 e/Å²', '0°, 2 e/Å²', '3°, 2 e/Å²']
    """
    figure, panels = panels_for(axes, 3, _three)
    for tilt, panel in zip((0, int(np.abs(series.angles).argmin()), -1), panels, strict=True):
        degrees, dose = np.degrees(series.angles[tilt]), series.dose_e_per_a2[tilt]
        show_image(panel, series.images[tilt], contrast=contrast)
        width = series.images.shape[2] * series.pixel_size
        dress_panel(panel, f"{degrees:.0f}°, {dose:.2g} e/Å²", width=width)
    if title:
        figure.suptitle(title, fontsize=13, color=INK)
    return figure


def _three(species: Mapping[str, np.ndarray] = MappingProxyType({})) -> list[Axes]:
    """Return three places for images of any shape, side by side, above a legend."""
    high, below = 4.6, _legend_inches(species)
    inches = high + below
    figure = blank_figure((12.0, inches))
    bottom, height = (0.03 * high + below) / inches, 0.84 * high / inches
    places = [figure.add_axes((0.01 + 0.33 * place, bottom, 0.32, height)) for place in range(3)]
    for axes in places:
        axes.set_anchor("N")
    _draw_species(figure, species)
    return places


def _species(
    labels: LabelVolume, packed: PackedScene | None, colours: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return the colours of the species that are in labels by name, where names are known."""
    present = np.unique(labels.data)
    present = present[present > 0].astype(np.int64)
    if not len(present) or not (labels.names or packed is not None):
        return {}
    table = _label_colours(labels, packed, colours, highest=int(present[-1]))
    if labels.names:
        names: Sequence[str] = labels.names
    else:
        assert packed is not None
        scene = packed.scene
        names = [scene.species[s].name for s in scene.species_index]
    return {names[i - 1]: table[i] for i in present.tolist() if i <= len(names)}


def _legend_inches(species: Mapping[str, np.ndarray]) -> float:
    return 0.24 * -(-min(len(species), _NAMED) // _NAMED_IN_A_ROW)


def _draw_species(figure: Figure, species: Mapping[str, np.ndarray]) -> None:
    """Draw the names of species and their colours at the foot of a figure."""
    from matplotlib.patches import Patch

    if not species:
        return
    handles = [
        Patch(facecolor=colour, edgecolor=INK, linewidth=0.4, label=drawn_name(name))
        for name, colour in list(species.items())[:_NAMED]
    ]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.005, 0.0),
        ncols=min(len(handles), _NAMED_IN_A_ROW),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        borderaxespad=0.1,
        handlelength=1.0,
        handleheight=1.0,
    )


def _limits(data: np.ndarray, contrast: tuple[float, float]) -> tuple[float, float]:
    """Return percentiles of a volume; of a large one, of every n-th voxel along each axis."""
    step = max(1, round((data.size / _ENOUGH) ** (1 / 3)))
    black, white = np.percentile(data[::step, ::step, ::step], contrast).tolist()
    return black, white


def plot_planes(
    volumes: Mapping[str, Volume | LabelVolume],
    *,
    packed: PackedScene | None = None,
    colours: np.ndarray | None = None,
    densities: Collection[str] = (),
    plane: int | None = None,
    contrast: tuple[float, float] = CONTRAST,
    title: str = "",
    axes: Panels = None,
) -> Figure:
    """Return a figure of the same xy plane of several volumes side by side.

    Parameters
    ----------
    volumes : mapping of str to Volume or LabelVolume
        The volumes by title, all on one grid.
    packed : PackedScene, optional
        The scene of labels, for its species' colours. Without it the species have colours in the
        order of the labels' names, and instances one each.
    colours : (s, 3) array, optional
        A colour for each species; those of `species_colours` when left out.
    densities : collection of str, optional
        Titles of volumes whose high values are drawn dark, as mass is in a tomogram; their white
        is 0.
    plane : int, optional
        Number of the plane along z; the middle one when left out.
    contrast : tuple of float, optional
        Percentiles of the plane that become black and white.
    title : str, optional
        Title of the figure.
    axes : sequence of Axes, optional
        What to draw into, one for each volume; a figure of its own when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There is no volume.

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
    inches, number = 4.2, len(volumes)
    shown: dict[str, np.ndarray] = {}
    for volume in volumes.values():
        if isinstance(volume, LabelVolume):
            shown |= _species(volume, packed, colours)
    below = _legend_inches(shown)
    height = inches * ny / nx + (0.75 if title else 0.35) + below

    def make() -> list[Axes]:
        figure = blank_figure((inches * number, height))
        return np.ravel(figure.subplots(1, number)).tolist()

    figure, panels = panels_for(axes, number, make)
    for panel, (name, volume) in zip(panels, volumes.items(), strict=True):
        image = volume.data[plane]
        if isinstance(volume, LabelVolume):
            show_labels(panel, label_picture(volume, packed, colours, plane=plane))
        elif name in densities:
            show_density(panel, image)
        else:
            show_image(panel, image, contrast=contrast)
        dress_panel(panel, name, width=nx * volume.voxel_size)
    if title:
        figure.suptitle(title, fontsize=13, color=INK)
    if axes is None:
        _draw_species(figure, shown)
        figure.tight_layout(pad=0.4, rect=(0, below / height, 1, 1))
    return figure


def plot_montage(
    volume: Volume,
    *,
    n: int = 36,
    columns: int | None = None,
    title: str = "",
    figure: Figure | SubFigure | None = None,
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
    figure : Figure or SubFigure, optional
        What to draw into, as matplotlib's ``subfigures`` gives it; one of its own when left out.

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
    drawn = figure_for(figure, (7.2, height + 0.4))
    grid = drawn.add_gridspec(
        rows, columns, left=0.003, right=0.997, bottom=0.003, top=height / (height + 0.4),
        wspace=0.03, hspace=0.03,
    )  # fmt: skip
    dark = float(volume.data.max())
    full = np.flatnonzero(volume.data.max(axis=(1, 2)) >= 0.02 * (dark or 1.0))
    first, last = (full[0], full[-1]) if len(full) else (0, nz - 1)
    for number, plane in enumerate(np.rint(np.linspace(first, last, n)).astype(int)):
        axes = drawn.add_subplot(grid[number // columns, number % columns])
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
        drawn.suptitle(title, fontsize=11, color=INK, x=0.005, y=0.995, ha="left", va="top")
    return drawn.figure


def label_picture(
    labels: LabelVolume,
    packed: PackedScene | None,
    colours: np.ndarray | None = None,
    *,
    plane: int | None = None,
    axis: int = 0,
) -> np.ndarray:
    """Return a plane of labels across an axis in their colours, with borders, on white.

    Labels have the colours of their species in a scene; without one, of their names or numbers.
    """
    plane = labels.data.shape[axis] // 2 if plane is None else plane
    image = labels.data.take(plane, axis).astype(np.int64)
    table = _label_colours(labels, packed, colours, highest=int(image.max(initial=0)))
    # Each voxel becomes a block of pixels, so that borders can be thinner than a voxel.
    blocks = max(1, -(-700 // max(image.shape)))
    image = np.kron(image, np.ones((blocks, blocks), dtype=np.int64))
    border = np.zeros(image.shape, bool)
    border[1:] |= image[1:] != image[:-1]
    border[:, 1:] |= image[:, 1:] != image[:, :-1]
    picture = table[image]
    picture[border] *= 0.35
    return picture


def _label_colours(
    labels: LabelVolume, packed: PackedScene | None, colours: np.ndarray | None, *, highest: int
) -> np.ndarray:
    """Return the colour of each label from 0, which is white, to the highest, (n, 3)."""
    if packed is None:
        species = np.arange(highest) % _COLOURS
        n = min(len(labels.names) or highest, _COLOURS)
    elif labels.names:
        n = len(packed.scene.species)
        order = {model.name: s for s, model in enumerate(packed.scene.species)}
        species = np.array([order.get(name, n) for name in labels.names])
    else:
        n, species = len(packed.scene.species), packed.scene.species_index
    colours = species_colours(n) if colours is None else np.asarray(colours)
    # Labels that nobody knows are gray.
    table = np.full((highest + 1, 3), 0.5)
    table[0] = 1.0
    known = species[:highest]
    held = known < len(colours)
    table[1 : len(known) + 1][held] = colours[known[held]]
    return table
