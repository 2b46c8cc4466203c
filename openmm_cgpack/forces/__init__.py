"""Frozen force terms, each of which builds one OpenMM force for a scene."""

from .bonded import HarmonicAngles, HarmonicBonds
from .external import PULL_SCALE, CentrePull
from .nonbonded import LENNARD_JONES_SCALE, SwitchedLennardJones
from .presets import DEFAULT_EPSILON, PAPER_PULL_K, ForceTerm, paper_forces
from .rigidity import Rigidity, body_numbers

__all__ = [
    "DEFAULT_EPSILON",
    "LENNARD_JONES_SCALE",
    "PAPER_PULL_K",
    "PULL_SCALE",
    "CentrePull",
    "ForceTerm",
    "HarmonicAngles",
    "HarmonicBonds",
    "Rigidity",
    "SwitchedLennardJones",
    "body_numbers",
    "paper_forces",
]
