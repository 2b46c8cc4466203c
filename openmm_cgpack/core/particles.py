"""The particles that a tomogram holds, and where somebody thinks that they are."""

from __future__ import annotations

from dataclasses import field, fields

import numpy as np

from .arrays import freeze, noun
from .names import checked_name, checked_text


@noun
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
        freeze(self, dtype=np.int64, instance=(n,))
        freeze(self, dtype=np.str_, species=(n,))
        for name in set(self.species.tolist()):
            checked_name(name, "species")
        freeze(self, centre=(n, 3), radius=(n,), rotation=(n, 3, 3))

    def __len__(self) -> int:
        return len(self.instance)

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self)} particles of {len(np.unique(self.species))} species"


@noun
class MonomerTable:
    """Where the monomers of all helices are, and how they are turned.

    Parameters
    ----------
    instance : (n,) int array
        Number of the filament that each belongs to, from 1; that of its voxels in the instance
        mask.
    species : (n,) str array
        Name of the filament's species.
    number : (n,) int array
        Number of the monomer in its filament, from 1.
    track : (n,) array
        How far along the filament it is from the first monomer, nm.
    centre : (n, 3) array
        The monomer's centre of mass, nm, in the files' frame: the first voxel's centre is at 0. In
        a box that repeats it is the image in the box.
    rotation : (n, 3, 3) array
        Rotation from the monomer's body frame, whose z axis goes along the filament, to the files'
        frame, on column vectors.
    """

    instance: np.ndarray
    species: np.ndarray
    number: np.ndarray
    track: np.ndarray
    centre: np.ndarray
    rotation: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.instance)
        freeze(self, dtype=np.int64, instance=(n,), number=(n,))
        freeze(self, dtype=np.str_, species=(n,))
        freeze(self, track=(n,), centre=(n, 3), rotation=(n, 3, 3))

    def __len__(self) -> int:
        return len(self.instance)

    def __getitem__(self, rows: np.ndarray) -> MonomerTable:
        return MonomerTable(
            **{field.name: getattr(self, field.name)[rows] for field in fields(self)}
        )

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self)} monomers of {len(np.unique(self.instance))} filaments"


@noun
class Picks:
    """Positions found in a tomogram.

    Parameters
    ----------
    positions : (n, 3) array
        As (x, y, z), nm, in the files' frame: the first voxel's centre is at 0.
    scores : (n,) array, optional
        How sure each is; higher is better. Zeros when left out.
    species : (n,) str array, optional
        What each is said to be; None where the picker does not tell kinds apart.

    Examples
    --------
    >>> picks = Picks(positions=[(1, 2, 3), (4, 5, 6)], scores=[0.2, 0.9])
    >>> picks.best(1).positions
    array([[4., 5., 6.]])
    """

    positions: np.ndarray
    scores: np.ndarray = field(default_factory=lambda: np.empty(0))
    species: np.ndarray | None = None

    def __post_init__(self) -> None:
        freeze(self, "picks", positions=(None, 3))
        n = len(self.positions)
        if n and not np.size(self.scores):
            object.__setattr__(self, "scores", np.zeros(n))
        freeze(self, "picks", scores=(n,))
        if self.species is not None:
            freeze(self, "picks", np.str_, species=(n,))
            for name in set(self.species.tolist()):
                checked_text(name, "picks: species")

    def __len__(self) -> int:
        return len(self.positions)

    def best(self, n: int) -> Picks:
        """Return the `n` picks with the highest scores, best first; the earlier one on a tie."""
        order = np.argsort(-self.scores, kind="stable")[:n]
        return Picks(
            positions=self.positions[order],
            scores=self.scores[order],
            species=None if self.species is None else self.species[order],
        )
