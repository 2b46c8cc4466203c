"""Files, ids and the shipped library to atomic structures."""

from .coordinate_files import Reading, load_structure
from .envelope import envelope_mask, envelope_volume
from .fetch import fetch_structure
from .hydrophobic_belt import Belt, find_belt
from .species import Library, LibraryEntry, library

__all__ = [
    "Belt",
    "Library",
    "LibraryEntry",
    "Reading",
    "envelope_mask",
    "envelope_volume",
    "fetch_structure",
    "find_belt",
    "library",
    "load_structure",
]
