"""File formats."""

from .atoms import write_atoms, write_topology
from .balls_and_meshes import write_bild, write_cmm
from .mrc import read_mrc, write_mrc
from .particle_lists import read_particles, write_curves, write_monomers, write_particles
from .picks import read_picks, write_picks
from .scenes import load_packed, load_scene, save_packed, save_scene
from .trajectory import from_mdtraj, to_mdtraj, write_trajectory
from .true_particles import read_truth

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
    "write_curves",
    "write_monomers",
    "write_mrc",
    "write_particles",
    "write_picks",
    "write_topology",
    "write_trajectory",
]
