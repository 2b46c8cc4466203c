"""Pictures: one style and one palette; all functions return figures, made without pyplot."""

from ..core.palette import species_colours
from . import notebook  # noqa: F401
from .contact_sheets import Tile, plot_contact_sheet
from .membrane_planes import plot_membrane
from .overview import overview_figure
from .particles import plot_particles
from .scenes import plot_balls, plot_history, plot_molecules, plot_steps
from .shading import VIEW, fitting_width, render_balls
from .style import save_figure
from .volumes import plot_montage, plot_planes, plot_slices, plot_tilts

__all__ = [
    "VIEW",
    "Tile",
    "fitting_width",
    "overview_figure",
    "plot_balls",
    "plot_contact_sheet",
    "plot_history",
    "plot_membrane",
    "plot_molecules",
    "plot_montage",
    "plot_particles",
    "plot_planes",
    "plot_slices",
    "plot_steps",
    "plot_tilts",
    "render_balls",
    "save_figure",
    "species_colours",
]
