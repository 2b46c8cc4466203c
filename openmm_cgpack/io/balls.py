"""Balls for other programs: BILD and CMM for ChimeraX, DCD, and trajectories of mdtraj."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import ArrayLike

from ..core.arrays import frozen
from ..core.palette import species_colours
from ..core.scene import PackedScene, Scene
from ..core.units import ANGSTROM_PER_NM
from .atomic import atomic_path
from .volumes import LABEL

if TYPE_CHECKING:
    import mdtraj

# Links as thick as this part of the thinner ball that they join stay visible within no ball.
_LINK = 0.1

# Bytes of a DCD file's two lines of title.
_TITLE_AT, _TITLE_LENGTH = 100, 160


def write_bild(
    path: str | os.PathLike[str],
    scene: Scene,
    positions: np.ndarray,
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
) -> None:
    """Write balls as spheres at their true radii, one colour a species.

    Parameters
    ----------
    path : path-like
        The file, ``.bild``.
    scene : Scene
        Whose balls these are.
    positions : (b, 3) array
        Ball centres, nm: those of the scene or of a packed scene.
    origin : (3,) array, optional
        Point that becomes 0 in the file, nm: the first voxel's centre, where the balls shall lie
        over a map written with its origin at 0.

    Raises
    ------
    ValueError
        The positions are not one for each ball of the scene, or not finite.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack.core import BallModel, RigidTransforms
    >>> ball = BallModel(name="b", positions=[[0, 0, 0]], radii=[2], masses=[1], volume=33.5)
    >>> scene = Scene(species=(ball,), species_index=[0], transforms=RigidTransforms.identity(1))
    >>> with TemporaryDirectory() as folder:
    ...     write_bild(Path(folder, "b.bild"), scene, [[1, 2, 3]], origin=[0, 0, 1])
    ...     print(Path(folder, "b.bild").read_text().splitlines()[-1])
    .sphere 10.000 20.000 20.000 20.000
    """
    spheres = _spheres(scene, positions, origin)
    species = scene.species_index[scene.instance_of_ball]
    colours = species_colours(len(scene.species))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for index, model in enumerate(scene.species):
            rows = spheres[species == index]
            red, green, blue = colours[index]
            file.write(f".comment {' '.join(model.name.split())}\n")
            file.write(f".color {red:.4f} {green:.4f} {blue:.4f}\n")
            file.write((".sphere %.3f %.3f %.3f %.3f\n" * len(rows)) % tuple(rows.ravel()))


def write_cmm(
    path: str | os.PathLike[str],
    scene: Scene,
    positions: np.ndarray,
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
    links: bool = True,
) -> None:
    """Write balls as markers at their true radii, and bonds as links.

    Marker i + 1 is ball i; its note holds the species and the instance, counted from 1.

    Parameters
    ----------
    path : path-like
        The file, ``.cmm``.
    scene : Scene
        Whose balls these are.
    positions : (b, 3) array
        Ball centres, nm: those of the scene or of a packed scene.
    origin : (3,) array, optional
        Point that becomes 0 in the file, nm.
    links : bool, optional
        Whether bonds are written; a rigid body of k balls has k (k - 1) / 2.

    Raises
    ------
    ValueError
        The positions are not one for each ball of the scene, or not finite.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack.core import BallModel, RigidTransforms
    >>> ball = BallModel(name="b", positions=[[0, 0, 0]], radii=[2], masses=[1], volume=33.5)
    >>> scene = Scene(species=(ball,), species_index=[0], transforms=RigidTransforms.identity(1))
    >>> with TemporaryDirectory() as folder:
    ...     write_cmm(Path(folder, "b.cmm"), scene, scene.positions)
    ...     print(Path(folder, "b.cmm").read_text().count("<marker "))
    1
    """
    spheres = _spheres(scene, positions, origin)
    colours = [
        f'r="{red:.4f}" g="{green:.4f}" b="{blue:.4f}"'
        for red, green, blue in species_colours(len(scene.species))
    ]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('<marker_set name="openmm_cgpack">\n')
        for instance, species in enumerate(scene.species_index):
            note = quoteattr(f"{scene.species[species].name} {instance + 1}")
            for ball in range(scene.offsets[instance], scene.offsets[instance + 1]):
                x, y, z, radius = spheres[ball]
                file.write(
                    f'<marker id="{ball + 1}" x="{x:.3f}" y="{y:.3f}" z="{z:.3f}" '
                    f'{colours[species]} radius="{radius:.3f}" note={note}/>\n'
                )
        if links:
            thickness = _LINK * spheres[scene.bonds, 3].min(axis=1, initial=np.inf)
            of_bond = scene.species_index[scene.instance_of_ball[scene.bonds[:, 0]]]
            for (a, b), species, radius in zip(scene.bonds, of_bond, thickness, strict=True):
                ends = f'id1="{a + 1}" id2="{b + 1}"'
                file.write(f'<link {ends} {colours[species]} radius="{radius:.3f}"/>\n')
        file.write("</marker_set>\n")


def _spheres(scene: Scene, positions: np.ndarray, origin: ArrayLike) -> np.ndarray:
    """Return x, y, z and radius of all balls, (b, 4) Å."""
    positions = frozen(positions, "positions", (scene.n_balls, 3))
    places = positions - frozen(origin, "origin", (3,))
    return np.column_stack([places, scene.radii]) * ANGSTROM_PER_NM


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
    from mdtraj.formats import DCDTrajectoryFile

    shape = (len(frames[0]), 3)
    places = np.stack([frozen(frame, "frames", shape) for frame in frames]) - np.asarray(origin)
    with atomic_path(path) as temporary:
        with DCDTrajectoryFile(str(temporary), "w") as file:
            file.write((places * ANGSTROM_PER_NM).astype(np.float32))
        with temporary.open("r+b") as file:
            # The title that mdtraj wrote holds the time, so that no two files were alike.
            file.seek(_TITLE_AT)
            file.write(LABEL.encode().ljust(_TITLE_LENGTH))


def to_mdtraj(
    scene: Scene | PackedScene, frames: Sequence[np.ndarray] | None = None
) -> mdtraj.Trajectory:
    """Return a scene as a trajectory of mdtraj, which analyses it and writes XTC, HDF5 and more.

    Parameters
    ----------
    scene : Scene or PackedScene
        The scene: a chain and a residue an instance, an atom a ball, with its bonds.
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
    for i in range(scene.n_instances):
        model = scene.model(i)
        residue = topology.add_residue(model.name, topology.add_chain(), resSeq=1)
        atoms = [
            topology.add_atom(f"B{ball + 1}", mdtraj.element.virtual, residue)
            for ball in range(model.n_balls)
        ]
        for first, second in model.bonds.tolist():
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
