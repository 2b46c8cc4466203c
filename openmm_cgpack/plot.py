"""Pictures: shaded balls, slices, the history of a packing, and the overview of a run.

Figures are made without pyplot: no backend is chosen, no window opens, no setting is changed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from .core.palette import species_colours
from .core.scene import PackedScene
from .core.volume import LabelVolume, Volume
from .io.atomic import atomic_path
from .shading import VIEW, fitting_width, render_balls

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "VIEW",
    "fitting_width",
    "plot_history",
    "plot_overview",
    "plot_slices",
    "render_balls",
]

_INK = "#222222"
_LEGEND_ROWS = 24


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
    """
    nz, ny, nx = volume.data.shape
    figure = _figure((12.0, 4.6))
    slices = {
        "xy": volume.data[nz // 2],
        "xz": volume.data[:, ny // 2],
        "yz": volume.data[:, :, nx // 2],
    }
    black, white = np.percentile(volume.data, contrast)
    for place, (name, image) in enumerate(slices.items()):
        axes = figure.add_axes((0.01 + 0.33 * place, 0.03, 0.32, 0.84))
        axes.set_anchor("N")
        _show(axes, image, black, white)
        _panel(axes, name, width=image.shape[1] * volume.voxel_size)
    if title:
        figure.suptitle(title, fontsize=13, color=_INK)
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
    """
    figure = _figure((6.0, 4.0))
    upper, lower = figure.subplots(2, 1, sharex=True)
    _draw_history(upper, lower, packed)
    figure.subplots_adjust(left=0.14, right=0.97, top=0.96, bottom=0.14, hspace=0.12)
    return figure


def plot_overview(
    path: str | os.PathLike[str],
    *,
    packed: PackedScene,
    density: Volume,
    labels: LabelVolume,
    tomogram: Volume,
) -> None:
    """Write one picture of a whole run: packing before and after, slices, species, history.

    Parameters
    ----------
    path : path-like
        Where the PNG shall be; it is written beside its place and renamed. The same run gives
        the same bytes with the same version of matplotlib.
    packed : PackedScene
        The packing.
    density : Volume
        Its density.
    labels : LabelVolume
        Instance or semantic labels. Labels with names of species have the species' colours;
        without names, label i is instance i of the scene, counted from 1.
    tomogram : Volume
        The tomogram.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    figure = _overview(packed, density, labels, tomogram)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})


def _overview(
    packed: PackedScene, density: Volume, labels: LabelVolume, tomogram: Volume
) -> Figure:
    scene = packed.scene
    figure = _figure((15.0, 10.4))
    column, row = [0.008, 0.341, 0.674], [0.506, 0.012]
    panel = (0.318, 0.4587)
    colours = species_colours(len(scene.species))
    of_ball = colours[scene.species_index[scene.instance_of_ball]]

    for place, title, positions in (
        (0, "before packing", scene.positions),
        (1, "after packing", packed.positions),
    ):
        axes = figure.add_axes((column[place], row[0], *panel))
        width = fitting_width(positions, scene.radii)
        axes.imshow(
            render_balls(
                positions, scene.radii, of_ball, groups=scene.instance_of_ball, width=width
            ),
            interpolation="antialiased",
        )
        _panel(axes, title, width=width, frame=False)

    _draw_legend(figure, packed, colours, left=column[2] + 0.01, right=0.985)
    upper = figure.add_axes((column[2] + 0.055, 0.655, 0.255, 0.105))
    lower = figure.add_axes((column[2] + 0.055, 0.535, 0.255, 0.105), sharex=upper)
    _draw_history(upper, lower, packed)

    middle = density.data.shape[0] // 2
    white = float(np.percentile(density.data, 99.8)) or 1.0
    axes = figure.add_axes((column[0], row[1], *panel))
    _show(axes, density.data[middle], 0.0, white, colours="gray_r")
    _panel(axes, "density, central xy slice", width=density.grid.size[0])

    axes = figure.add_axes((column[1], row[1], *panel))
    axes.imshow(_label_picture(labels, packed, colours), origin="lower", interpolation="nearest")
    _panel(axes, "labels, same slice", width=labels.grid.size[0])

    image = tomogram.data[tomogram.data.shape[0] // 2]
    black, white = np.percentile(image, (0.5, 99.5))
    axes = figure.add_axes((column[2], row[1], *panel))
    _show(axes, image, black, white)
    _panel(axes, "tomogram, same slice", width=tomogram.grid.size[0])
    return figure


def _figure(inches: tuple[float, float]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _show(
    axes: Axes, image: np.ndarray, black: float, white: float, *, colours: str = "gray"
) -> None:
    axes.imshow(
        image, cmap=colours, vmin=black, vmax=white, origin="lower", interpolation="nearest"
    )


def _panel(axes: Axes, title: str, *, width: float, frame: bool = True) -> None:
    """Give an image its title and a scale bar; `width` is the picture's, nm."""
    from matplotlib.offsetbox import AnchoredOffsetbox, AuxTransformBox, TextArea, VPacker
    from matplotlib.patches import Rectangle

    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(frame)
        spine.set_linewidth(0.6)
        spine.set_color(_INK)
    axes.set_title(title, fontsize=12, color=_INK, loc="left", pad=4)
    bar = _bar_length(width)
    x_low, x_high = axes.get_xlim()
    y_low, y_high = axes.get_ylim()
    box = AuxTransformBox(axes.transData)
    box.add_artist(
        Rectangle(
            (0, 0),
            bar / width * abs(x_high - x_low),
            0.011 * (y_high - y_low),
            facecolor=_INK,
            edgecolor="none",
        )
    )
    text = TextArea(f"{bar:g} nm", textprops={"size": 10, "color": _INK})
    anchored = AnchoredOffsetbox(
        loc="lower right",
        child=VPacker(children=[box, text], align="center", pad=0, sep=3),
        pad=0.35,
        borderpad=0.5,
        frameon=True,
    )
    anchored.patch.set(facecolor="white", edgecolor="none", alpha=0.8 if frame else 0.0)
    axes.add_artist(anchored)


def _bar_length(width: float) -> float:
    """Return 1, 2 or 5 times a power of ten, near a fifth of the width and not above a quarter."""
    power = 10.0 ** np.floor(np.log10(width / 4))
    return float(max(m * power for m in (1, 2, 5) if m * power <= width / 4))


def _draw_history(upper: Axes, lower: Axes, packed: PackedScene) -> None:
    history = packed.history
    for axes, values, name in (
        (upper, history.radius_of_gyration, "radius of\ngyration (nm)"),
        (lower, 100 * history.overlap, "deepest\noverlap (%)"),
    ):
        axes.plot(history.step, values, color=_INK, linewidth=1.2)
        axes.set_ylabel(name, fontsize=9, color=_INK)
        axes.set_ylim(bottom=0)
        axes.tick_params(labelsize=8, color=_INK, labelcolor=_INK, length=3)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("step", fontsize=9, color=_INK)


def _draw_legend(
    figure: Figure, packed: PackedScene, colours: np.ndarray, *, left: float, right: float
) -> None:
    scene = packed.scene
    counts = np.bincount(scene.species_index, minlength=len(scene.species))
    axes = figure.add_axes((left, 0.775, right - left, 0.19))
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    shown = [s for s in range(len(scene.species)) if counts[s]]
    left_out = len(shown) - _LEGEND_ROWS
    shown = shown[:_LEGEND_ROWS]
    columns = 2 if len(shown) <= 16 else 3
    rows = max(8, -(-len(shown) // columns))
    for place, s in enumerate(shown):
        x, y = (place // rows) / columns, 1 - (place % rows + 0.5) / rows
        axes.plot(x + 0.012, y, "o", color=colours[s], markersize=8, markeredgecolor="none")
        name = scene.species[s].name
        name = name if len(name) <= 18 else name[:17] + "…"
        axes.text(x + 0.035, y, name, va="center", fontsize=9.5, color=_INK)
        axes.text(
            x + 0.80 / columns, y, str(counts[s]), va="center", ha="right", fontsize=9.5, color=_INK
        )
    title = f"{scene.n_instances} bodies of {len(shown) + max(left_out, 0)} species"
    title += f", {scene.n_balls} balls"
    if left_out > 0:
        title += f" ({left_out} species more)"
    axes.set_title(title, fontsize=12, color=_INK, loc="left", pad=4)


def _label_picture(labels: LabelVolume, packed: PackedScene, colours: np.ndarray) -> np.ndarray:
    """Return the central xy slice of labels in the species' colours, with borders, on white."""
    image = labels.data[labels.data.shape[0] // 2].astype(np.int64)
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
