"""The list of particles that a tomogram holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import frozen


@dataclass(frozen=True, kw_only=True, eq=False)
class ParticleTable:
    """Where every instance is, and how it is turned.

    Parameters
    ----------
    instance : (n,) int array
        Number of the instance, from 1; the value of its voxels in the instance mask.
    species : (n,) str array
        Name of the species.
    centre : (n, 3) array
        The body's origin, nm, in the files' frame: the first voxel's centre is at 0.
    radius : (n,) array
        Radius of the sphere around `centre` that holds every atom, nm.
    rotation : (n, 3, 3) array
        Rotation from the body frame to the files' frame, on column vectors.

    Raises
    ------
    ValueError
        The columns are not of one length.

    Examples
    --------
    >>> table = ParticleTable(
    ...     instance=[1, 2], species=["1f1b", "actin"], centre=[(5, 5, 5), (9, 5, 5)],
    ...     radius=[4, 6], rotation=[np.eye(3), np.eye(3)],
    ... )
    >>> len(table), table.centre[table.species == "actin"].tolist()
    (2, [[9.0, 5.0, 5.0]])
    """

    instance: np.ndarray
    species: np.ndarray
    centre: np.ndarray
    radius: np.ndarray
    rotation: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.instance)
        set_field = object.__setattr__
        set_field(self, "instance", frozen(self.instance, "instance", (n,), np.int64))
        set_field(self, "species", frozen(self.species, "species", (n,), np.str_))
        set_field(self, "centre", frozen(self.centre, "centre", (n, 3)))
        set_field(self, "radius", frozen(self.radius, "radius", (n,)))
        set_field(self, "rotation", frozen(self.rotation, "rotation", (n, 3, 3)))

    def __len__(self) -> int:
        return len(self.instance)
