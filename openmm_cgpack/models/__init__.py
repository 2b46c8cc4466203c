"""Anything to ball models: molecules, filaments, membranes."""

from .ball_geometry import minimal_sphere, union_volume
from .filament import Filament
from .membrane import Membrane
from .molecule import (
    PAPER_COVER,
    SHAPE_COVER,
    Cover,
    Molecule,
    coarse_grain,
    number_of_balls,
    single_ball,
)
from .structure import Balls, Deformable, Seat, Structure, Where

__all__ = [
    "PAPER_COVER",
    "SHAPE_COVER",
    "Balls",
    "Cover",
    "Deformable",
    "Filament",
    "Membrane",
    "Molecule",
    "Seat",
    "Structure",
    "Where",
    "coarse_grain",
    "minimal_sphere",
    "number_of_balls",
    "single_ball",
    "union_volume",
]
