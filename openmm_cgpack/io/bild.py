"""Balls as a ChimeraX BILD file."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike

from ..core.arrays import frozen
from ..core.palette import species_colours
from ..core.scene import Scene
from ..core.units import ANGSTROM_PER_NM
from .atomic import atomic_path


def write_bild(
    path: str | os.PathLike[str],
    scene: Scene,
    positions: np.ndarray,
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
) -> None:
    """Write balls as spheres at their true radii for ChimeraX, in Å, one colour a species.

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
    positions = frozen(positions, "positions", (scene.n_balls, 3))
    origin = frozen(origin, "origin", (3,))
    spheres = np.column_stack([positions - origin, scene.radii]) * ANGSTROM_PER_NM
    species = scene.species_index[scene.instance_of_ball]
    colours = species_colours(len(scene.species))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for index, model in enumerate(scene.species):
            rows = spheres[species == index]
            red, green, blue = colours[index]
            file.write(f".comment {' '.join(model.name.split())}\n")
            file.write(f".color {red:.4f} {green:.4f} {blue:.4f}\n")
            file.write((".sphere %.3f %.3f %.3f %.3f\n" * len(rows)) % tuple(rows.ravel()))
