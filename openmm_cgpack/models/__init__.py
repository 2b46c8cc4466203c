"""Anything to ball models: molecules, filaments, membranes."""

from .clusters import number_of_balls
from .filament import Filament
from .membrane import Membrane
from .molecule import PAPER_COVER, SHAPE_COVER, Cover, Molecule, coarse_grain, single_ball
from .spheres import minimal_sphere
from .structure import Balls, Structure
from .union import union_volume

__all__ = [
    "PAPER_COVER",
    "SHAPE_COVER",
    "Balls",
    "Cover",
    "Filament",
    "Membrane",
    "Molecule",
    "Structure",
    "coarse_grain",
    "minimal_sphere",
    "number_of_balls",
    "single_ball",
    "union_volume",
]
