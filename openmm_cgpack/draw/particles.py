"""Figures of tables of particles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.palette import species_colours
from ..core.particles import ParticleTable
from .style import Panels, blank_figure, drawn_name, dress_axes, panels_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMED = 24
"""Species that a legend has room for."""


def plot_particles(
    table: ParticleTable,
    *,
    colours: np.ndarray | None = None,
    title: str = "",
    axes: Panels = None,
) -> Figure:
    """Return a figure of all particles seen along z: circles of their radii, in nm.

    Parameters
    ----------
    table : ParticleTable
        The particles.
    colours : (s, 3) array, optional
        A colour for each species, in the order of their first particles; those of
        `species_colours` when left out.
    title : str, optional
        Title of the figure.
    axes : Axes, optional
        What to draw into, as a slice of a tomogram in nm; a figure of its own when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> table = ParticleTable(
    ...     instance=[1, 2], species=["1f1b", "actin"], centre=[(5, 5, 5), (9, 5, 5)],
    ...     radius=[4, 6], rotation=[np.eye(3), np.eye(3)],
    ... )
    >>> [text.get_text() for text in plot_particles(table).axes[0].get_legend().texts]
    ['1f1b (1)', 'actin (1)']
    """
    from matplotlib.collections import EllipseCollection

    figure, (panel,) = panels_for(axes, 1, lambda: [blank_figure((6.4, 5.0)).subplots()])
    names, first, number = np.unique(table.species, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.argsort(order)
    colours = species_colours(len(names)) if colours is None else np.asarray(colours)
    # From below upwards, so that what is above hides what is under it.
    upwards = np.argsort(table.centre[:, 2], kind="stable")
    width = 2 * table.radius[upwards]
    circles = EllipseCollection(
        width,
        width,
        np.zeros(len(table)),
        units="xy",
        offsets=table.centre[upwards, :2],
        offset_transform=panel.transData,
        facecolors=np.insert(colours[rank[number[upwards]]], 3, 0.6, axis=1),
        edgecolors="white",
        linewidths=0.4,
    )
    panel.add_collection(circles)
    if len(table):
        low = (table.centre - table.radius[:, None]).min(axis=0)
        high = (table.centre + table.radius[:, None]).max(axis=0)
        panel.update_datalim([low[:2], high[:2]])
        panel.autoscale_view()
    panel.set_aspect("equal")
    counts = np.bincount(number, minlength=len(names))
    for s in order[:_NAMED]:
        label = f"{drawn_name(str(names[s]))} ({counts[s]})"
        panel.plot([], [], "o", color=colours[rank[s]], markeredgecolor="none", label=label)
    if len(names):
        panel.legend(frameon=False, fontsize=8.5, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    dress_axes(panel, title=title, across="x (nm)", up="y (nm)")
    if axes is None:
        figure.tight_layout(pad=0.6)
    return figure
