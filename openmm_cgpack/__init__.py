"""Packs molecules, filaments and membranes with OpenMM into crowded, labelled cryo-ET tomograms.

The way of the data: structure -> ball model -> scene -> packed scene -> density, labels,
particles -> tomogram. Every arrow is a function on the data types of `openmm_cgpack.core`, told
how by a frozen value of settings. What is needed every day is here, all else in the folders:
``openmm_cgpack.imaging.Microscope``.
"""

from importlib.metadata import version

from .auditing import audit
from .core import (
    AtomicStructure,
    BallModel,
    LabelVolume,
    Open,
    PackedScene,
    PackingError,
    ParticleTable,
    Periodic,
    PlacementError,
    RigidTransforms,
    Scene,
    Slab,
    TiltSeries,
    Volume,
)
from .core.settings import Settings, kind, setting
from .datasets import DatasetFolder, dataset
from .density import MapSettings, particle_table, render_density, render_labels
from .draw import plot_molecules, plot_overview, plot_slices
from .evaluation import match_picks, score_labels
from .export import export_run, view
from .forces import CentrePull, SwitchedLennardJones
from .imaging import OneStep, TiltImaging, measure_snr, preset, render
from .io import (
    load_packed,
    load_scene,
    read_mrc,
    read_particles,
    save_packed,
    write_mrc,
    write_particles,
)
from .models import (
    SHAPE_COVER,
    Cover,
    DensityMap,
    Ellipsoid,
    Filament,
    Helix,
    Membrane,
    MembraneProtein,
    MeshFile,
    Molecule,
    Sheet,
    Structure,
    Tube,
    UserMesh,
    Vesicle,
    Where,
    coarse_grain,
    mesh_membrane,
)
from .packing import (
    Cell,
    Dense,
    FrameReporter,
    Protocol,
    Pull,
    Run,
    Start,
    as_packed,
    create_system,
    crowding_series,
    insert,
    pack,
    pack_scene,
    place,
    populate,
)
from .poses import extract_transforms
from .recipe import Recipe, demo_recipe, load_recipe
from .runs import RunFolder, resume, run, simulate
from .structures import library, load_structure

__version__ = version("openmm_cgpack")

__all__ = [
    "SHAPE_COVER",
    "AtomicStructure",
    "BallModel",
    "Cell",
    "CentrePull",
    "Cover",
    "DatasetFolder",
    "Dense",
    "DensityMap",
    "Ellipsoid",
    "Filament",
    "FrameReporter",
    "Helix",
    "LabelVolume",
    "MapSettings",
    "Membrane",
    "MembraneProtein",
    "MeshFile",
    "Molecule",
    "OneStep",
    "Open",
    "PackedScene",
    "PackingError",
    "ParticleTable",
    "Periodic",
    "PlacementError",
    "Protocol",
    "Pull",
    "Recipe",
    "RigidTransforms",
    "Run",
    "RunFolder",
    "Scene",
    "Settings",
    "Sheet",
    "Slab",
    "Start",
    "Structure",
    "SwitchedLennardJones",
    "TiltImaging",
    "TiltSeries",
    "Tube",
    "UserMesh",
    "Vesicle",
    "Volume",
    "Where",
    "__version__",
    "as_packed",
    "audit",
    "coarse_grain",
    "create_system",
    "crowding_series",
    "dataset",
    "demo_recipe",
    "export_run",
    "extract_transforms",
    "insert",
    "kind",
    "library",
    "load_packed",
    "load_recipe",
    "load_scene",
    "load_structure",
    "match_picks",
    "measure_snr",
    "mesh_membrane",
    "pack",
    "pack_scene",
    "particle_table",
    "place",
    "plot_molecules",
    "plot_overview",
    "plot_slices",
    "populate",
    "preset",
    "read_mrc",
    "read_particles",
    "render",
    "render_density",
    "render_labels",
    "resume",
    "run",
    "save_packed",
    "score_labels",
    "setting",
    "simulate",
    "view",
    "write_mrc",
    "write_particles",
]
