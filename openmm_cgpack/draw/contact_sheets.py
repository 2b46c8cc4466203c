"""Many scenes at a glance: a slice of each, and how values are spread over them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..core.display import described
from ..core.palette import BLUE, INK, species_colours
from .style import LABEL, TICK, drawn_name, dress_axes, dress_panel, figure_for, show_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_INCHES = 15.0
_ACROSS, _TILE, _GAP = 6, 2.36, 0.115
"""Tiles in a row, the edge of each and what is between them, inches."""
_TITLE = 0.25
_PANELS, _PANEL = 4, 2.5
"""Panels of curves in a row, and the height of each with its labels, inches."""
_BAR = 0.17
_MOST_WORDS = 12
"""Different words that a panel has room for."""


@described
class Tile(NamedTuple):
    """A slice (y, x) of a tomogram, numbers of species from 1 on in it or None, its width in nm."""

    title: str
    image: np.ndarray
    labels: np.ndarray | None
    width: float


def plot_contact_sheet(
    tiles: Sequence[Tile],
    *,
    values: Mapping[str, Sequence[float | str]],
    species: Mapping[str, int],
    title: str = "",
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Return one picture of many scenes.

    Parameters
    ----------
    tiles : sequence of Tile
        A slice of each scene; the right half of it has its labels in the species' colours.
    values : mapping of str to sequence
        Numbers, of which a histogram is drawn, or words, of which bars are, by title.
    species : mapping of str to int
        Instances of each species in all scenes, in the order of their numbers.
    title : str, optional
        Title of the picture.
    figure : Figure or SubFigure, optional
        What to draw into, as matplotlib's ``subfigures`` gives it; one of its own when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> tile = Tile("0000", np.eye(8), np.eye(8, dtype=int), 80.0)
    >>> figure = plot_contact_sheet([tile], values={"snr": [1.0, 2.0]}, species={"ribosome": 12})
    >>> len(figure.axes)
    3
    """
    rows = math.ceil(len(tiles) / _ACROSS)
    panels = math.ceil(len(values) / _PANELS)
    head, legend = 0.5, 0.85 + _BAR * max(len(species), 4)
    inches = head + rows * (_TILE + _TITLE) + panels * _PANEL + legend
    sheet = figure_for(figure, (_INCHES, inches))
    sheet.text(0.008, 1 - 0.3 / inches, title, fontsize=14, color=INK, va="center")
    colours = species_colours(len(species))

    def box(left: float, top: float, width: float, height: float) -> Axes:
        """Add axes at inches from the left and the top."""
        place = (left / _INCHES, 1 - (top + height) / inches)
        return sheet.add_axes((*place, width / _INCHES, height / inches))

    for number, tile in enumerate(tiles):
        row, column = divmod(number, _ACROSS)
        left = _GAP + column * (_TILE + _GAP)
        axes = box(left, head + row * (_TILE + _TITLE) + _TITLE, _TILE, _TILE)
        _draw_tile(axes, tile, colours)
    top = head + rows * (_TILE + _TITLE) + 0.2
    wide = _INCHES / _PANELS
    for number, (name, held) in enumerate(values.items()):
        row, column = divmod(number, _PANELS)
        axes = box(column * wide + 0.5, top + row * _PANEL + 0.35, wide - 0.75, _PANEL - 0.95)
        _draw_values(axes, name, held)
    top += panels * _PANEL
    _draw_species(box(2.0, top + 0.35, _INCHES - 2.6, legend - 0.85), species, colours)
    return sheet.figure


def _draw_tile(axes: Axes, tile: Tile, colours: np.ndarray) -> None:
    show_image(axes, tile.image)
    if tile.labels is not None:
        half = tile.labels.shape[1] // 2
        numbers = np.where(np.arange(tile.labels.shape[1]) < half, 0, tile.labels)
        table = np.concatenate([np.zeros((1, 4)), np.insert(colours, 3, 0.6, axis=1)])
        axes.imshow(table[numbers], origin="lower", interpolation="nearest")
    dress_panel(axes, "", width=tile.width)
    axes.set_title(tile.title, fontsize=LABEL, color=INK, loc="left", pad=3)


def _draw_values(axes: Axes, name: str, values: Sequence[float | str]) -> None:
    from matplotlib.ticker import MaxNLocator

    words = [value for value in values if isinstance(value, str)]
    if words:
        found, numbers = np.unique(words, return_counts=True)
        order = np.argsort(-numbers, kind="stable")[:_MOST_WORDS]
        shown = [drawn_name(str(word), 12) for word in found[order]]
        axes.bar(np.arange(len(order)), numbers[order], color=BLUE)
        axes.set_xticks(np.arange(len(order)), shown, rotation=30, ha="right")
    else:
        numbers = np.asarray(values, float)
        whole = bool((numbers == numbers.round()).all()) and np.ptp(numbers) < 30
        edges = np.arange(numbers.min(), numbers.max() + 2) - 0.5
        axes.hist(
            numbers,
            bins=edges.tolist() if whole else 20,
            color=BLUE,
            edgecolor="white",
            linewidth=0.5,
        )
    _dress(axes, drawn_name(name, 40), up="scenes")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw_species(axes: Axes, species: Mapping[str, int], colours: np.ndarray) -> None:
    """Draw how many there are of each species, which names the colours, too."""
    place = np.arange(len(species))
    axes.barh(place, list(species.values()), color=colours, height=0.75)
    axes.set_yticks(place, [drawn_name(name, 24) for name in species], fontsize=TICK)
    axes.invert_yaxis()
    for y, number in zip(place, species.values(), strict=True):
        axes.annotate(
            f"{number}",
            (number, y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=TICK,
            color=INK,
        )
    _dress(axes, "instances in all scenes")
    axes.set_ylim(len(species) - 0.4, -0.6)


def _dress(axes: Axes, title: str, *, up: str = "") -> None:
    dress_axes(axes, up=up)
    axes.set_title(title, fontsize=LABEL + 1, color=INK, loc="left", pad=6)
