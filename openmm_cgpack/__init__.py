"""Packs molecules, filaments and membranes with OpenMM into crowded, labelled cryo-ET tomograms.

The way of the data: structure -> ball model -> scene -> packed scene -> density, labels,
particles -> tomogram. Every arrow is a function on the data types of `openmm_cgpack.core`.
"""

from importlib.metadata import version

from .core import (
    AtomicStructure,
    BallModel,
    Curve,
    Grid,
    History,
    LabelVolume,
    Mesh,
    Open,
    PackedScene,
    PackingError,
    ParticleTable,
    PlacementError,
    RigidTransforms,
    Scene,
    StructureError,
    Volume,
)

__version__ = version("openmm_cgpack")

__all__ = [
    "AtomicStructure",
    "BallModel",
    "Curve",
    "Grid",
    "History",
    "LabelVolume",
    "Mesh",
    "Open",
    "PackedScene",
    "PackingError",
    "ParticleTable",
    "PlacementError",
    "RigidTransforms",
    "Scene",
    "StructureError",
    "Volume",
    "__version__",
]
