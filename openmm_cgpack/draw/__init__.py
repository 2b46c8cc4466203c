"""Pictures: one style and one palette; all functions return figures, made without pyplot."""

from ..core.palette import species_colours
from .contact_sheets import Tile, plot_contact_sheet
from .membrane_planes import plot_membrane
from .overview import plot_overview
from .scenes import plot_history, plot_molecules, plot_steps
from .shading import VIEW, fitting_width, render_balls
from .style import save_figure
from .volumes import plot_montage, plot_planes, plot_slices

__all__ = [
    "VIEW",
    "Tile",
    "fitting_width",
    "plot_contact_sheet",
    "plot_history",
    "plot_membrane",
    "plot_molecules",
    "plot_montage",
    "plot_overview",
    "plot_planes",
    "plot_slices",
    "plot_steps",
    "render_balls",
    "save_figure",
    "species_colours",
]
