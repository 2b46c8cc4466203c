"""What pictures are made of: figures without pyplot, images, titles and scale bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .core.scene import PackedScene, Scene
from .core.volume import LabelVolume
from .shading import camera_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#222222"
_LEGEND_ROWS = 24


def blank_figure(inches: tuple[float, float]) -> Figure:
    """Return a white figure of a size in inches that needs no backend and no pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def show_image(
    axes: Axes, image: np.ndarray, black: float, white: float, *, colours: str = "gray"
) -> None:
    """Draw a slice [y, x] with y upwards, from the value drawn black to the one drawn white."""
    axes.imshow(
        image, cmap=colours, vmin=black, vmax=white, origin="lower", interpolation="nearest"
    )


def dress_panel(axes: Axes, title: str, *, width: float | None, frame: bool = True) -> None:
    """Give an image its title and a scale bar; `width` is the picture's, nm, None for no bar."""
    from matplotlib.offsetbox import AnchoredOffsetbox, AuxTransformBox, TextArea, VPacker
    from matplotlib.patches import Rectangle

    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(frame)
        spine.set_linewidth(0.6)
        spine.set_color(INK)
    axes.set_title(title, fontsize=12, color=INK, loc="left", pad=4)
    if width is None:
        return
    bar = bar_length(width)
    x_low, x_high = axes.get_xlim()
    y_low, y_high = axes.get_ylim()
    box = AuxTransformBox(axes.transData)
    box.add_artist(
        Rectangle(
            (0, 0),
            bar / width * abs(x_high - x_low),
            0.011 * (y_high - y_low),
            facecolor=INK,
            edgecolor="none",
        )
    )
    text = TextArea(f"{bar:g} nm", textprops={"size": 10, "color": INK})
    anchored = AnchoredOffsetbox(
        loc="lower right",
        child=VPacker(children=[box, text], align="center", pad=0, sep=3),
        pad=0.35,
        borderpad=0.5,
        frameon=True,
    )
    anchored.patch.set(facecolor="white", edgecolor="none", alpha=0.8 if frame else 0.0)
    axes.add_artist(anchored)


def bar_length(width: float) -> float:
    """Return 1, 2 or 5 times a power of ten, near a fifth of the width and not above a quarter."""
    power = 10.0 ** np.floor(np.log10(width / 4))
    return float(max(m * power for m in (1, 2, 5) if m * power <= width / 4))


def draw_history(upper: Axes, lower: Axes, packed: PackedScene) -> None:
    """Draw radius of gyration and deepest overlap against the step."""
    history = packed.history
    for axes, values, name in (
        (upper, history.radius_of_gyration, "radius of\ngyration (nm)"),
        (lower, 100 * history.overlap, "deepest\noverlap (%)"),
    ):
        axes.plot(history.step, values, color=INK, linewidth=1.2)
        axes.set_ylabel(name, fontsize=9, color=INK)
        axes.set_ylim(bottom=0)
        axes.tick_params(labelsize=8, color=INK, labelcolor=INK, length=3)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("step", fontsize=9, color=INK)


def draw_legend(
    figure: Figure,
    packed: PackedScene,
    colours: np.ndarray,
    *,
    left: float,
    right: float,
    bottom: float = 0.775,
    top: float = 0.965,
) -> None:
    """Draw the species of a scene with their colours and numbers, in a part of a figure."""
    scene = packed.scene
    counts = np.bincount(scene.species_index, minlength=len(scene.species))
    axes = figure.add_axes((left, bottom, right - left, top - bottom))
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    shown = [s for s in range(len(scene.species)) if counts[s]]
    left_out = len(shown) - _LEGEND_ROWS
    shown = shown[:_LEGEND_ROWS]
    columns = 1 if top - bottom > 0.5 else 2 if len(shown) <= 16 else 3
    rows = max(8, -(-len(shown) // columns))
    for place, s in enumerate(shown):
        x, y = (place // rows) / columns, 1 - (place % rows + 0.5) / rows
        axes.plot(
            x + 0.012, y, "o", color=colours[s], markersize=8, markeredgecolor="none", clip_on=False
        )
        name = scene.species[s].name
        name = name if len(name) <= 18 else name[:17] + "…"
        axes.text(x + 0.035, y, name, va="center", fontsize=9.5, color=INK)
        axes.text(
            x + 0.80 / columns, y, str(counts[s]), va="center", ha="right", fontsize=9.5, color=INK
        )
    title = f"{scene.n_instances} bodies of {len(shown) + max(left_out, 0)} species"
    title += f", {scene.n_balls} balls"
    if left_out > 0:
        title += f" ({left_out} species more)"
    axes.set_title(title, fontsize=12, color=INK, loc="left", pad=4)


def label_picture(
    labels: LabelVolume, packed: PackedScene, colours: np.ndarray, *, plane: int | None = None
) -> np.ndarray:
    """Return an xy slice of labels in the species' colours, with borders, on white."""
    plane = labels.data.shape[0] // 2 if plane is None else plane
    image = labels.data[plane].astype(np.int64)
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


def draw_bonds(
    axes: Axes,
    positions: np.ndarray,
    scene: Scene,
    colours: np.ndarray,
    view: tuple[float, float],
    width: float,
) -> None:
    """Draw the bonds as lines, near ones over far ones; balls without bonds as dots."""
    from matplotlib.collections import LineCollection

    seen = positions @ camera_axes(*view).T
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
