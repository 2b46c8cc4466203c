"""Charts in the package's drawing style."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from openmm_cgpack.draw.style import blank_figure, dress_axes

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
    for (row, column), panel in np.ndenumerate(panels):
        dress_axes(panel, across=x if row == rows - 1 else "", up="" if column else y)
    return figure, panels.ravel()
