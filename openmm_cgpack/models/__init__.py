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
from .remeshing import remesh
from .sheet import Sheet
from .structure import Balls, Deformable, Group, NoSeat, Seat, Structure, Where
from .thermal_shapes import thermal_shape
from .triangulation import lattice, sphere_mesh
from .user_mesh import MeshFile, UserMesh, mesh_membrane
from .vesicles import Ellipsoid, Tube, Vesicle

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
    "Ellipsoid",
    "Filament",
    "Group",
    "Helix",
    "Membrane",
    "MembraneProtein",
    "MeshFile",
    "Molecule",
    "NoSeat",
    "Seat",
    "Sheet",
    "Structure",
    "Tube",
    "UserMesh",
    "Vesicle",
    "Where",
    "coarse_grain",
    "lattice",
    "mesh_membrane",
    "minimal_sphere",
    "number_of_balls",
    "remesh",
    "single_ball",
    "sphere_mesh",
    "thermal_shape",
    "union_volume",
]
