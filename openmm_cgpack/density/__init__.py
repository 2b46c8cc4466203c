"""Packed scenes to density maps and labels."""

from ..core.volume import gaussian_sigma
from .field_of_view import Visibility, centre_lines, monomer_table, particle_table, visibility
from .grids import bounding_grid, box_grid, scene_grid
from .labels import Labels, render_labels
from .maps import MapSettings, Sampling, map_notes, render_density, scene_mass, species_map
from .painters import Painter, Skeleton, WeightedPoints, painter_of, paints
from .sheets import SheetPainter
from .tubes import TubePainter

__all__ = [
    "Labels",
    "MapSettings",
    "Painter",
    "Sampling",
    "SheetPainter",
    "Skeleton",
    "TubePainter",
    "Visibility",
    "WeightedPoints",
    "bounding_grid",
    "box_grid",
    "centre_lines",
    "gaussian_sigma",
    "map_notes",
    "monomer_table",
    "painter_of",
    "paints",
    "particle_table",
    "render_density",
    "render_labels",
    "scene_grid",
    "scene_mass",
    "species_map",
    "visibility",
]
