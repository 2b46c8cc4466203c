"""File formats, one file each."""

from .atoms import write_atoms
from .balls import from_mdtraj, to_mdtraj, write_bild, write_cmm, write_trajectory
from .particles import read_particles, write_particles
from .picks import read_picks, read_truth, write_picks
from .scenes import load_packed, load_scene, save_packed, save_scene
from .volumes import read_mrc, write_mrc

__all__ = [
    "from_mdtraj",
    "load_packed",
    "load_scene",
    "read_mrc",
    "read_particles",
    "read_picks",
    "read_truth",
    "save_packed",
    "save_scene",
    "to_mdtraj",
    "write_atoms",
    "write_bild",
    "write_cmm",
    "write_mrc",
    "write_particles",
    "write_picks",
    "write_trajectory",
]
