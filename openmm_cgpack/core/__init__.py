"""The nouns: frozen data types on which every function acts. numpy and scipy only."""

from .boundary import Boundary, Open, Periodic, Slab
from .elasticity import Elasticity
from .geometry import Curve, Geometry, HelicalCurve, Line, Mesh, Surface
from .model import BallModel
from .particles import MonomerTable, ParticleTable, Picks
from .runtime import PackingError, PlacementError, StructureError
from .scene import History, Links, PackedScene, Scene
from .structure import AtomicStructure
from .tilts import TiltOptics, TiltSeries
from .transforms import RigidTransforms, from_zyz, to_quaternion, to_zyz
from .volume import Grid, LabelVolume, Obstacle, Volume

__all__ = [
    "AtomicStructure",
    "BallModel",
    "Boundary",
    "Curve",
    "Elasticity",
    "Geometry",
    "Grid",
    "HelicalCurve",
    "History",
    "LabelVolume",
    "Line",
    "Links",
    "Mesh",
    "MonomerTable",
    "Obstacle",
    "Open",
    "PackedScene",
    "PackingError",
    "ParticleTable",
    "Periodic",
    "Picks",
    "PlacementError",
    "RigidTransforms",
    "Scene",
    "Slab",
    "StructureError",
    "Surface",
    "TiltOptics",
    "TiltSeries",
    "Volume",
    "from_zyz",
    "to_quaternion",
    "to_zyz",
]
