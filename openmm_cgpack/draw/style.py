"""How all pictures look: figures without pyplot, images, titles, scale bars, axes of curves.

Figures are made without pyplot: no backend is chosen, no window opens, no setting is changed. In a
notebook they show themselves where they are a cell's last value, once, as no pyplot knows them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..core.display import png_of
from ..core.palette import INK
from ..io.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Panels: TypeAlias = "Axes | Sequence[Axes] | np.ndarray | None"
"""What a picture is drawn into: axes, one or several, as matplotlib's ``subplots`` gives them."""

CONTRAST = (0.5, 99.5)
"""Percentiles of an image that become black and white."""

TITLE, LABEL, TICK = 12, 9, 8
"""Sizes of text, points."""


def blank_figure(inches: tuple[float, float]) -> Figure:
    """Return a white figure of a size in inches that needs no backend and no pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, facecolor="white")
    FigureCanvasAgg(figure)
    # IPython asks any object for this; its own way with figures begins with pyplot.
    vars(figure)["_repr_png_"] = partial(png_of, figure)
    return figure


def figure_for(
    figure: Figure | SubFigure | None, inches: tuple[float, float]
) -> Figure | SubFigure:
    """Return the figure, or the part of one, that was given, or a new one of a size in inches."""
    return blank_figure(inches) if figure is None else figure


def panels_for(
    axes: Panels, number: int, make: Callable[[], list[Axes]]
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels: the axes that were given, so many, or those of a new one.

    Raises
    ------
    ValueError
        There are more or fewer axes.
    """
    panels = make() if axes is None else np.ravel(np.asarray(axes, dtype=object)).tolist()
    if len(panels) != number:
        raise ValueError(f"axes: wanted {number}, got {len(panels)}")
    return panels[0].figure.figure, panels


def drawn_name(name: str, most: int = 18) -> str:
    r"""Return a name as a picture has it: not all of a long one, and nothing of it as a formula.

    Examples
    --------
    >>> print(drawn_name("a$_{b}$"), drawn_name("a name of many letters"))
    a\$_{b}\$ a name of many le…
    """
    name = name if len(name) <= most else name[: most - 1] + "…"
    return name.replace("$", r"\$")


def save_figure(path: str | os.PathLike[str], figure: Figure, *, dpi: int = 130) -> None:
    """Write a figure as PNG, whole or not at all.

    Parameters
    ----------
    path : path-like
        Where the PNG shall be. The same figure gives the same bytes with the same version of
        matplotlib.
    figure : matplotlib.figure.Figure
        The figure.
    dpi : int, optional
        Pixels an inch.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dpi, metadata={"Software": None})


def show_image(
    axes: Axes,
    image: np.ndarray,
    *,
    contrast: tuple[float, float] = CONTRAST,
    limits: tuple[float, float] | None = None,
) -> None:
    """Draw a slice [y, x], y upwards; percentiles of it, or values, become black and white."""
    black, white = np.percentile(image, contrast) if limits is None else limits
    axes.imshow(image, cmap="gray", vmin=black, vmax=white, origin="lower", interpolation="nearest")


def show_density(axes: Axes, image: np.ndarray, *, dark: float | None = None) -> None:
    """Draw a slice of a density with mass dark and nothing white, as in a tomogram.

    The densest 0.2 % are black where the value `dark` that is to be black is not given.
    """
    dark = (float(np.percentile(image, 99.8)) if dark is None else dark) or 1.0
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=dark, origin="lower", interpolation="nearest")


def show_picture(axes: Axes, picture: np.ndarray) -> None:
    """Draw a picture of balls, whose first row is at the top."""
    axes.imshow(picture, interpolation="antialiased")


def show_labels(axes: Axes, picture: np.ndarray) -> None:
    """Draw a picture of labels, see `label_picture`, with y upwards."""
    axes.imshow(picture, origin="lower", interpolation="nearest")


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
    axes.set_title(title, fontsize=TITLE, color=INK, loc="left", pad=4)
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


def dress_axes(axes: Axes, *, title: str = "", across: str = "", up: str = "") -> None:
    """Give the axes of curves or bars their title and labels; frames are open above and right."""
    if title:
        axes.set_title(title, fontsize=TITLE, color=INK, loc="left", pad=6)
    axes.set_xlabel(across, fontsize=LABEL, color=INK)
    axes.set_ylabel(up, fontsize=LABEL, color=INK)
    axes.tick_params(labelsize=TICK, color=INK, labelcolor=INK, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
