"""Frames of a scene as DCD files, and as trajectories of mdtraj and back."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..core.arrays import frozen
from ..core.scene import PackedScene, Scene
from ..core.units import ANGSTROM_PER_NM
from .files import atomic_path
from .mrc import LABEL

if TYPE_CHECKING:
    import mdtraj

# A DCD file's title has two lines of 80 bytes; its control block 20 numbers, the last of which is
# the version of CHARMM whose layout this is.
_TITLE_LINES, _TITLE_LENGTH = 2, 160
_CONTROL = "<4s9if9ii"
_CHARMM = 24


def write_trajectory(
    path: str | os.PathLike[str],
    frames: Sequence[np.ndarray],
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
) -> None:
    """Write frames as DCD without a cell. Equal frames give equal bytes.

    Parameters
    ----------
    path : path-like
        The file, ``*.dcd``.
    frames : sequence of (b, 3) arrays
        Ball centres, nm; the file holds them in Å with single precision.
    origin : (3,) array, optional
        What becomes 0 in the file, nm.

    Raises
    ------
    ValueError
        There is no frame.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from mdtraj.formats import DCDTrajectoryFile
    >>> with TemporaryDirectory() as folder:
    ...     write_trajectory(Path(folder, "balls.dcd"), [np.zeros((10, 3)), np.ones((10, 3))])
    ...     with DCDTrajectoryFile(str(Path(folder, "balls.dcd"))) as file:
    ...         print(file.read()[0].shape)
    (2, 10, 3)
    """
    if not len(frames):
        raise ValueError("frames: wanted at least one, got none")
    shape, origin = (len(frames[0]), 3), frozen(origin, "origin", (3,))
    # mdtraj's own writer takes paths of ASCII letters only, and puts the time into the title.
    n, every, step = len(frames), 1, 1.0
    control = struct.pack(_CONTROL, b"CORD", n, 0, every, n, *[0] * 5, step, *[0] * 9, _CHARMM)
    title = struct.pack("<i", _TITLE_LINES) + LABEL.encode().ljust(_TITLE_LENGTH)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for record in (control, title, struct.pack("<i", shape[0])):
            file.write(_record(record))
        # One at a time: long trajectories are held in single precision, and stay so.
        for frame in frames:
            places = (frozen(frame, "frames", shape) - origin) * ANGSTROM_PER_NM
            for axis in places.astype("<f4").T:
                file.write(_record(axis.tobytes()))


def _record(data: bytes) -> bytes:
    """Return data between their length, as Fortran writes a record."""
    length = struct.pack("<i", len(data))
    return length + data + length


def to_mdtraj(
    scene: Scene | PackedScene, frames: Sequence[np.ndarray] | None = None
) -> mdtraj.Trajectory:
    """Return a scene as a trajectory of mdtraj, which analyses it and writes XTC, HDF5 and more.

    Parameters
    ----------
    scene : Scene or PackedScene
        The scene: a chain and a residue an instance, an atom a ball, with the bonds of its
        `skeleton`.
    frames : sequence of (b, 3) arrays, optional
        Ball centres, nm; those of the scene, packed where it is, when left out.

    Returns
    -------
    mdtraj.Trajectory
        In nm. Where the scene has a box, it is the unit cell. Balls have no element.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 2)], seed=1)
    >>> to_mdtraj(scene)
    <mdtraj.Trajectory with 1 frames, 10 atoms, 2 residues, without unitcells at ...>
    """
    import mdtraj

    boundary = scene.boundary
    if isinstance(scene, PackedScene):
        frames = [scene.positions] if frames is None else frames
        scene = scene.scene
    frames = [scene.positions] if frames is None else frames
    topology = mdtraj.Topology()
    pairs = [model.skeleton.tolist() for model in scene.species]
    for s in scene.species_index.tolist():
        model = scene.species[s]
        residue = topology.add_residue(model.name, topology.add_chain(), resSeq=1)
        atoms = [
            topology.add_atom(f"B{ball + 1}", mdtraj.element.virtual, residue)
            for ball in range(model.n_balls)
        ]
        for first, second in pairs[s]:
            topology.add_bond(atoms[first], atoms[second])
    places = np.stack([frozen(frame, "frames", (scene.n_balls, 3)) for frame in frames])
    trajectory = mdtraj.Trajectory(places, topology)
    if boundary.bounded:
        trajectory.unitcell_lengths = np.tile(boundary.box, (len(places), 1))
        trajectory.unitcell_angles = np.full((len(places), 3), 90.0)
    return trajectory


def from_mdtraj(trajectory: mdtraj.Trajectory, scene: Scene) -> np.ndarray:
    """Return the frames of a trajectory whose atoms are the balls of a scene.

    Parameters
    ----------
    trajectory : mdtraj.Trajectory
        Atom i is ball i, as `to_mdtraj` and `write_topology` have them.
    scene : Scene
        The scene.

    Returns
    -------
    (f, b, 3) array
        Ball centres, nm; `PackedScene` takes one of them.

    Raises
    ------
    ValueError
        The residues are not the scene's instances, in their order.
    """
    found = [(residue.name, residue.n_atoms) for residue in trajectory.topology.residues]
    wanted = [(scene.model(i).name, scene.model(i).n_balls) for i in range(scene.n_instances)]
    if found != wanted:
        other = next((pair for pair in found if pair not in wanted), None)
        what = f"{len(found)} residues" if other is None else f"residue {other[0]} of {other[1]}"
        raise ValueError(f"trajectory: wanted the scene's {len(wanted)} instances, got {what}")
    return np.asarray(trajectory.xyz, np.float64)
