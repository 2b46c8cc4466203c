"""Balls for ChimeraX, in Å: spheres as BILD, markers and links as CMM."""

from __future__ import annotations

import os
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import ArrayLike

from ..core.arrays import frozen
from ..core.palette import species_colours
from ..core.scene import Scene
from ..core.units import ANGSTROM_PER_NM
from .atomic import atomic_path

# Links as thick as this part of the thinner ball that they join stay visible within no ball.
_LINK = 0.1


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
