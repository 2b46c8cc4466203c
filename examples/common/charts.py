"""Charts in the package's drawing style."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from openmm_cgpack.panels import INK, blank_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def charts(
    inches: tuple[float, float],
    *,
    rows: int = 1,
    columns: int = 1,
    x: str = "",
    y: str = "",
    share_y: bool = False,
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels (rows * columns,), with names of the outer axes."""
    figure = blank_figure(inches)
    figure.set_layout_engine("tight")
    panels = figure.subplots(rows, columns, sharex=rows > 1, sharey=share_y, squeeze=False)
    for panel in panels.ravel():
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[-1]:
        panel.set_xlabel(x, color=INK)
    for panel in panels[:, 0]:
        panel.set_ylabel(y, color=INK)
    return figure, panels.ravel()
