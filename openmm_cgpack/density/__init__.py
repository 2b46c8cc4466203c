"""Packed scenes to density maps and labels."""

from .grids import bounding_grid, box_grid
from .kernel import gaussian_sigma
from .labels import Labels, render_labels
from .particles import particle_table
from .render import render_density, species_map

__all__ = [
    "Labels",
    "bounding_grid",
    "box_grid",
    "gaussian_sigma",
    "particle_table",
    "render_density",
    "render_labels",
    "species_map",
]
