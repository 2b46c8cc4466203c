"""Files, ids and the shipped library to atomic structures."""

from .coordinate_files import Reading, load_structure
from .envelope import envelope_mask, envelope_volume
from .fetch import fetch_structure
from .species import Library, LibraryEntry, library

__all__ = [
    "Library",
    "LibraryEntry",
    "Reading",
    "envelope_mask",
    "envelope_volume",
    "fetch_structure",
    "library",
    "load_structure",
]
