"""Anything to ball models: molecules, filaments, membranes."""

from .ball_geometry import minimal_sphere, union_volume
from .density_map import DensityMap
from .elastic_membrane import Bilayer, ClosedMembrane, ElasticMembrane
from .filament import Filament
from .helix import Helix
from .membrane import Membrane
from .membrane_protein import MembraneProtein
from .molecule import (
    PAPER_COVER,
    SHAPE_COVER,
    Cover,
    Molecule,
    coarse_grain,
    number_of_balls,
    single_ball,
)
from .sheet import Sheet
from .structure import Balls, Deformable, Seat, Structure, Where
from .triangulation import lattice, sphere_mesh
from .vesicles import Vesicle

__all__ = [
    "PAPER_COVER",
    "SHAPE_COVER",
    "Balls",
    "Bilayer",
    "ClosedMembrane",
    "Cover",
    "Deformable",
    "DensityMap",
    "ElasticMembrane",
    "Filament",
    "Helix",
    "Membrane",
    "MembraneProtein",
    "Molecule",
    "Seat",
    "Sheet",
    "Structure",
    "Vesicle",
    "Where",
    "coarse_grain",
    "lattice",
    "minimal_sphere",
    "number_of_balls",
    "single_ball",
    "sphere_mesh",
    "union_volume",
]
