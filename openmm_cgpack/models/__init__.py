"""Anything to ball models: molecules, filaments, membranes."""

from .clusters import number_of_balls
from .constants import PAPER_BOND_K
from .deformable import filament, membrane
from .rigid import coarse_grain, single_ball
from .sphere import minimal_sphere
from .union import union_volume

__all__ = [
    "PAPER_BOND_K",
    "coarse_grain",
    "filament",
    "membrane",
    "minimal_sphere",
    "number_of_balls",
    "single_ball",
    "union_volume",
]
