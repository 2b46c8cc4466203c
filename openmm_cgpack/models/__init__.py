"""Anything to ball models."""

from .constants import PAPER_BOND_K
from .deformable import filament, membrane
from .rigid import coarse_grain

__all__ = ["PAPER_BOND_K", "coarse_grain", "filament", "membrane"]
