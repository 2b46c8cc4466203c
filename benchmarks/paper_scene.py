"""The paper's first scene: 20 types of macromolecules, 20 of each, dispersed in 120 nm."""

from openmm_cgpack import coarse_grain, library, place
from openmm_cgpack.packing import Placement

# Stand-ins for the types whose entries the library lacks are those of docs/reference/library.md.
TYPES = (
    "3h84",
    "1bxr",
    "2cg9",
    "1f1b",
    "1gyt",
    "1oel",
    "1g3i",
    "1u6g",
    "1bxn",
    "3hhb",
    "3d2f",
    "1w6t",
    "1yg6",
    "2bo9",
    "2byu",
    "2gho",
    "1aon",
    "2h12",
    "3gl1",
    "3j9i",
)


def paper_models(**options):
    """Return the ball models of the 20 types."""
    return [coarse_grain(library[name], seed=1, **options) for name in TYPES]


def paper_scene(copies=20, *, extent=120.0, **options):
    """Return the scene at its start; the box grows where the molecules do not fit."""
    return place(
        [(model, copies) for model in paper_models(**options)], Placement(extent=extent), seed=1
    )
