"""Frozen force terms, each of which builds one OpenMM force for a scene."""

from .bonded import HarmonicAngles, HarmonicBonds
from .external import PULL_SCALE, CentrePull
from .nonbonded import LENNARD_JONES_SCALE, SwitchedLennardJones
from .presets import DEFAULT_EPSILON, PAPER_PULL_K, ForceTerm, paper_forces
from .rigidity import Rigidity, body_numbers
from .soft import BOX_EDGES, SLAB_HEIGHT, ObstacleWall, SoftRepulsion, Walls

__all__ = [
    "BOX_EDGES",
    "DEFAULT_EPSILON",
    "LENNARD_JONES_SCALE",
    "PAPER_PULL_K",
    "PULL_SCALE",
    "SLAB_HEIGHT",
    "CentrePull",
    "ForceTerm",
    "HarmonicAngles",
    "HarmonicBonds",
    "ObstacleWall",
    "Rigidity",
    "SoftRepulsion",
    "SwitchedLennardJones",
    "Walls",
    "body_numbers",
    "paper_forces",
]
