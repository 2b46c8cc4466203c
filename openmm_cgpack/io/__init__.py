"""File formats, one file each."""

from .mrc import read_mrc, write_mrc
from .particles import read_particles, write_particles

__all__ = [
    "read_mrc",
    "read_particles",
    "write_mrc",
    "write_particles",
]
