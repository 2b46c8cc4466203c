"""Packed scenes to density maps and labels."""

from .grids import bounding_grid, box_grid
from .kernel import gaussian_sigma
from .labels import Labels, render_labels
from .outlines import centre_line, middle_surface
from .particles import particle_table
from .render import render_density, species_map
from .visibility import Visibility, visibility

__all__ = [
    "Labels",
    "Visibility",
    "bounding_grid",
    "box_grid",
    "centre_line",
    "gaussian_sigma",
    "middle_surface",
    "particle_table",
    "render_density",
    "render_labels",
    "species_map",
    "visibility",
]
