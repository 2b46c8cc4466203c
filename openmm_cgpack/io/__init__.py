"""File formats, one file each."""

from .atoms import write_atoms
from .bild import write_bild
from .cmm import write_cmm
from .mrc import read_mrc, write_mrc
from .particles import read_particles, write_particles

__all__ = [
    "read_mrc",
    "read_particles",
    "write_atoms",
    "write_bild",
    "write_cmm",
    "write_mrc",
    "write_particles",
]
