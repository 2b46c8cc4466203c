"""Force terms: settings, each of which builds one OpenMM force for a scene."""

from .bonded import HarmonicAngles, HarmonicBonds, LinkBonds
from .external import PULL_SCALE, CentrePull, ObstacleWall, Walls
from .large_balls import LargeBallRepulsion
from .membranes import MembraneElasticity
from .nonbonded import LENNARD_JONES_SCALE, SoftRepulsion, SwitchedLennardJones
from .terms import BOX_EDGES, SLAB_HEIGHT, ForceTerm, Rigidity

__all__ = [
    "BOX_EDGES",
    "LENNARD_JONES_SCALE",
    "PULL_SCALE",
    "SLAB_HEIGHT",
    "CentrePull",
    "ForceTerm",
    "HarmonicAngles",
    "HarmonicBonds",
    "LargeBallRepulsion",
    "LinkBonds",
    "MembraneElasticity",
    "ObstacleWall",
    "Rigidity",
    "SoftRepulsion",
    "SwitchedLennardJones",
    "Walls",
]
