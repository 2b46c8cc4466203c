"""Figures of scenes: bonds, balls, the molecules themselves, and the history of a packing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..core.boundary import Boundary
from ..core.palette import INK, species_colours
from ..core.scene import PackedScene, Scene
from ..packing import as_packed
from .cutaway import render_molecules
from .shading import VIEW, camera_axes, fitting_width, render_balls
from .style import (
    TITLE,
    Panels,
    blank_figure,
    drawn_name,
    dress_axes,
    dress_panel,
    panels_for,
    show_picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_LEGEND_ROWS = 24
"""Species that a legend has room for."""
_LEGEND_COLUMNS = 3
_EDGE, _HEAD, _LINE = 7.2, 0.42, 0.23
"""Edge of a picture of a scene, and below it the title of its species and each row of them, inches.
"""
_CORNERS = np.array(list(product((-0.5, 0.5), repeat=3)))
"""Those of a box around 0, in its edges."""


def plot_history(packed: PackedScene, *, title: str = "", axes: Panels = None) -> Figure:
    """Return a figure of what a packing measured on its way.

    Parameters
    ----------
    packed : PackedScene
        The packing.
    title : str, optional
        Title of the figure.
    axes : sequence of two Axes, optional
        What to draw into; a figure of its own when left out.

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

    def make() -> list[Axes]:
        figure = blank_figure((6.0, 4.0))
        figure.subplots_adjust(
            left=0.14, right=0.97, top=0.9 if title else 0.96, bottom=0.14, hspace=0.12
        )
        return figure.subplots(2, 1, sharex=True).tolist()

    figure, (upper, lower) = panels_for(axes, 2, make)
    draw_history(upper, lower, packed)
    if title:
        upper.set_title(title, fontsize=TITLE, color=INK, loc="left", pad=6)
    return figure


def plot_steps(
    scene: Scene,
    *,
    frames: Sequence[np.ndarray],
    titles: Sequence[str],
    views: Sequence[str] = ("bonds", "balls"),
    colours: np.ndarray | None = None,
    view_deg: tuple[float, float] = VIEW,
    size: int = 500,
    title: str = "",
    axes: Panels = None,
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
    view_deg : tuple of float, optional
        Azimuth and elevation of the viewer; see `render_balls`.
    size : int, optional
        Edge of each picture of balls, pixels.
    title : str, optional
        Title of the figure.
    axes : sequence of Axes, optional
        What to draw into, row by row; a figure of its own when left out.

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
    >>> figure = plot_steps(scene, frames=frames, titles=["before", "after"], views=("bonds",))
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
    width = 1.1 * fitting_width(everything, reach[:, 0], centre=centre, view_deg=view_deg)

    def make() -> list[Axes]:
        inches, head = 3.3, 0.35 if title else 0.0
        height = (inches + 0.3) * len(views) + head
        figure = blank_figure((inches * len(frames), height))
        figure.subplots_adjust(
            left=0.005,
            right=0.995,
            bottom=0.01,
            top=0.94 - head / height,
            wspace=0.02,
            hspace=0.06,
        )
        return np.ravel(figure.subplots(len(views), len(frames))).tolist()

    figure, places = panels_for(axes, len(views) * len(frames), make)
    panels = np.reshape(np.array(places, dtype=object), (len(views), len(frames)))
    of_ball = colours[scene.species_index[scene.instance_of_ball]]
    for row, kind in enumerate(views):
        for panel, frame, name in zip(panels[row], frames, titles, strict=True):
            if kind == "bonds":
                draw_bonds(panel, np.asarray(frame) - centre, scene, of_ball, view_deg, width)
            else:
                picture = render_balls(
                    np.asarray(frame), scene.radii, of_ball, groups=scene.instance_of_ball,
                    size=size, view_deg=view_deg, centre=centre, width=width,
                )  # fmt: skip
                show_picture(panel, picture)
            dress_panel(panel, name if row == 0 else "", width=width, frame=False)
    if title:
        figure.suptitle(title, fontsize=13, color=INK)
    return figure


def plot_balls(
    scene: Scene | PackedScene,
    *,
    colours: np.ndarray | None = None,
    view_deg: tuple[float, float] = VIEW,
    size: int = 900,
    title: str = "",
    axes: Panels = None,
) -> Figure:
    """Return a picture of the balls of a scene, each species in its colour, with a legend.

    Quicker than `plot_molecules`.

    Parameters
    ----------
    scene : Scene or PackedScene
        The scene; its box is drawn where it has one.
    colours, view_deg, size
        As for `plot_molecules`.
    title : str, optional
        Title of the legend; what is in the scene when left out.
    axes : Axes, optional
        What to draw into, without the legend; a figure of its own when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> figure = plot_balls(place([(Filament(n_balls=5).build(), 3)], seed=1), size=100)
    >>> figure.savefig("balls.png")
    """
    packed = as_packed(scene)
    held = packed.scene
    colours = species_colours(len(held.species)) if colours is None else colours
    centre, width = _frame(packed, view_deg)
    picture = render_balls(
        packed.positions,
        held.radii,
        colours[held.species_index[held.instance_of_ball]],
        groups=held.instance_of_ball,
        size=size,
        view_deg=view_deg,
        centre=centre,
        width=width,
    )
    box = _box_lines(packed.boundary, centre, size / width, size, view_deg)
    return _with_legend(picture, width, held, colours, box=box, title=title, axes=axes)


def _frame(packed: PackedScene, view_deg: tuple[float, float]) -> tuple[np.ndarray, float]:
    """Return the middle of a scene and of its box, where it has one, and a width that holds both.

    In nm, (3,) and a number, as `render_balls` takes them.
    """
    positions, radii = packed.positions, packed.scene.radii
    if packed.boundary.bounded:
        positions = np.concatenate([positions, _CORNERS * packed.boundary.box])
        radii = np.concatenate([radii, np.zeros(len(_CORNERS))])
    reach = radii[:, None]
    centre = ((positions - reach).min(axis=0) + (positions + reach).max(axis=0)) / 2
    return centre, fitting_width(positions, radii, centre=centre, view_deg=view_deg)


class _Lines(NamedTuple):
    """Edges of a box in a picture, (n, 2, 2) in pixels: those behind all in it, and the others."""

    behind: np.ndarray
    before: np.ndarray


def _box_lines(
    boundary: Boundary,
    centre: np.ndarray,
    scale: float,
    size: int,
    view_deg: tuple[float, float],
) -> _Lines | None:
    """Return the edges of a scene's box; None where it has none. `scale` is in pixels a nm."""
    if not boundary.bounded:
        return None
    seen = (_CORNERS * boundary.box - centre) @ camera_axes(*view_deg).T
    places = size / 2 - 0.5 + scale * seen[:, :2] * (1, -1)
    edges = [
        (a, b)
        for a, b in combinations(range(len(_CORNERS)), 2)
        if (_CORNERS[a] != _CORNERS[b]).sum() == 1
    ]
    farthest = int(seen[:, 2].argmin())
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for a, b in edges:
        sides[farthest not in (a, b)].append(places[[a, b]])
    return _Lines(np.array(sides[0]), np.array(sides[1]))


def _with_legend(
    picture: np.ndarray,
    width: float,
    scene: Scene,
    colours: np.ndarray,
    *,
    box: _Lines | None,
    title: str,
    axes: Panels,
) -> Figure:
    """Return a picture of a scene above its species, or in given axes alone."""
    shown = min(len(np.unique(scene.species_index)), _LEGEND_ROWS)
    legend = _HEAD + _LINE * -(-shown // _LEGEND_COLUMNS)
    inches = _EDGE + legend

    def make() -> list[Axes]:
        own = blank_figure((_EDGE, inches))
        return [own.add_axes((0.0, legend / inches, 1.0, _EDGE / inches))]

    figure, (panel,) = panels_for(axes, 1, make)
    _draw_boxed(panel, picture, box)
    dress_panel(panel, title if axes is not None else "", width=width, frame=False)
    if axes is None:
        draw_legend(
            figure,
            scene,
            colours,
            left=0.03,
            right=0.99,
            bottom=0.06 / inches,
            top=(legend - _HEAD + 0.06) / inches,
            title=title,
            columns=_LEGEND_COLUMNS,
        )
    return figure


def _draw_boxed(axes: Axes, picture: np.ndarray, box: _Lines | None) -> None:
    """Draw a picture of balls on white, with the edges of a box behind and before it."""
    from matplotlib.collections import LineCollection

    if box is None:
        show_picture(axes, picture)
        return
    clear = 255 * (picture < 255).any(axis=2, keepdims=True).astype(np.uint8)
    show_picture(axes, np.concatenate([picture, clear], axis=2))
    axes.images[-1].set_zorder(1)
    for lines, order, alpha in ((box.behind, 0, 0.5), (box.before, 2, 0.7)):
        axes.add_collection(
            LineCollection(list(lines), colors=INK, linewidths=0.7, alpha=alpha, zorder=order)
        )


def plot_molecules(
    scene: Scene | PackedScene,
    *,
    colours: np.ndarray | None = None,
    view_deg: tuple[float, float] = VIEW,
    size: int = 900,
    cut_at: float | None = None,
    title: str = "",
    axes: Panels = None,
) -> Figure:
    """Return a picture of the molecules themselves, each type in its colour, with a legend.

    Every atom (or point that stands for several) is a ball of the volume that it has in the
    molecule's envelope, a little larger so that they close to a surface; filaments are tubes or
    their monomers, and membranes are sheets. What stands behind others is not drawn.

    Parameters
    ----------
    scene : Scene or PackedScene
        The scene; its box is drawn where it has one.
    colours : (s, 3) array, optional
        A colour for each species; those of `species_colours` when left out.
    view_deg : tuple of float, optional
        Azimuth and elevation of the viewer; see `render_balls`.
    size : int, optional
        Edge of the picture, pixels.
    cut_at : float, optional
        Height, nm, above which everything is taken away, so that one sees into membranes, which
        are cut through. Molecules are there or not, by their middles, and filaments stay whole.
    title : str, optional
        Title of the legend; what is in the scene when left out.
    axes : Axes, optional
        What to draw into, without the legend; a figure of its own when left out.

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
    packed = as_packed(scene)
    held = packed.scene
    colours = species_colours(len(held.species)) if colours is None else colours
    if packed.boundary.bounded:
        centre, width = _frame(packed, view_deg)
        box = _box_lines(packed.boundary, centre, size / width, size, view_deg)
        picture, _ = render_molecules(
            packed,
            colours,
            size=size,
            view_deg=view_deg,
            cut_at=cut_at,
            centre=centre,
            width=width,
        )
    else:
        box = None
        picture, width = render_molecules(
            packed, colours, size=size, view_deg=view_deg, cut_at=cut_at
        )
    return _with_legend(picture, width, held, colours, box=box, title=title, axes=axes)


def draw_bonds(
    axes: Axes,
    positions: np.ndarray,
    scene: Scene,
    colours: np.ndarray,
    view_deg: tuple[float, float],
    width: float,
) -> None:
    """Draw the bonds as lines, near ones over far ones; balls without bonds as dots."""
    from matplotlib.collections import LineCollection

    seen = positions @ camera_axes(*view_deg).T
    low, high = seen[:, 2].min(), seen[:, 2].max()

    def fogged(which: np.ndarray, depth: np.ndarray) -> np.ndarray:
        fog = 0.6 * ((high - depth) / max(high - low, 1e-9))[:, None]
        return colours[which] * (1 - fog) + fog

    bonds = scene.bonds
    if len(bonds):
        depth = seen[bonds, 2].mean(axis=1)
        order = np.argsort(depth)
        lines = LineCollection(
            list(seen[bonds[order], :2]),
            colors=fogged(bonds[order, 0], depth[order]),
            linewidths=1.0 if scene.n_balls > 300 else 2.2,
        )
        axes.add_collection(lines)
    lone = np.setdiff1d(np.arange(scene.n_balls), bonds)
    if len(lone):
        lone = lone[np.argsort(seen[lone, 2])]
        x, y, depth = seen[lone].T
        axes.scatter(x, y, s=9, c=fogged(lone, depth), linewidths=0)
    axes.set_xlim(-width / 2, width / 2)
    axes.set_ylim(-width / 2, width / 2)
    axes.set_aspect("equal")


def draw_history(upper: Axes, lower: Axes, packed: PackedScene) -> None:
    """Draw radius of gyration and deepest overlap against the step."""
    history = packed.history
    for axes, values, name in (
        (upper, history.radius_of_gyration, "radius of\ngyration (nm)"),
        (lower, 100 * history.overlap, "deepest overlap\nof balls (%)"),
    ):
        # What was inserted and not moved has one row, of which a line shows nothing.
        mark = "o" if len(history) == 1 else ""
        axes.plot(history.step, values, color=INK, linewidth=1.2, marker=mark, markersize=4)
        dress_axes(axes, across="step" if axes is lower else "", up=name)
        axes.set_ylim(bottom=0)
    upper.tick_params(labelbottom=False)


def draw_legend(
    figure: Figure | SubFigure,
    scene: Scene,
    colours: np.ndarray,
    *,
    left: float,
    right: float,
    bottom: float,
    top: float,
    title: str = "",
    columns: int | None = None,
) -> None:
    """Draw the species of a scene with their colours and numbers, in a part of a figure.

    Columns are as many as fit well where they are left out.
    """
    counts = np.bincount(scene.species_index, minlength=len(scene.species))
    axes = figure.add_axes((left, bottom, right - left, top - bottom))
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    shown = [s for s in range(len(scene.species)) if counts[s]]
    left_out = len(shown) - _LEGEND_ROWS
    shown = shown[:_LEGEND_ROWS]
    if columns is None:
        columns = 1 if top - bottom > 0.5 else 2 if len(shown) <= 16 else 3
        rows = max(8, -(-len(shown) // columns))
    else:
        rows = -(-len(shown) // columns)
    for place, s in enumerate(shown):
        x, y = (place // rows) / columns, 1 - (place % rows + 0.5) / rows
        axes.plot(
            x + 0.012, y, "o", color=colours[s], markersize=8, markeredgecolor="none", clip_on=False
        )
        name = drawn_name(scene.species[s].name)
        axes.text(x + 0.035, y, name, va="center", fontsize=9.5, color=INK)
        axes.text(
            x + 0.80 / columns, y, str(counts[s]), va="center", ha="right", fontsize=9.5, color=INK
        )
    species = len(shown) + max(left_out, 0)
    title = title or f"{scene.n_instances} bodies of {species} species, {scene.n_balls} balls"
    if left_out > 0:
        title += f" ({left_out} species more)"
    axes.set_title(title, fontsize=TITLE, color=INK, loc="left", pad=4)
