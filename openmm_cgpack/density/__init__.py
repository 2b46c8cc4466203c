"""Packed scenes to density maps and labels."""

from .field_of_view import Visibility, particle_table, visibility
from .labels import Labels, render_labels
from .maps import MapSettings, Sampling, bounding_grid, box_grid, render_density, species_map
from .painters import Painter, Skeleton, WeightedPoints, painter_of, paints
from .sheets import SheetPainter
from .splatting import gaussian_sigma
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
    "gaussian_sigma",
    "painter_of",
    "paints",
    "particle_table",
    "render_density",
    "render_labels",
    "species_map",
    "visibility",
]
