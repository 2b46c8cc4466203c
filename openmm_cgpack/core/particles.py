"""The particles that a tomogram holds, and where somebody thinks that they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, fields
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from .arrays import freeze, noun
from .display import Rows, described, short
from .names import checked_name, checked_text
from .runtime import require
from .transforms import to_zyz

if TYPE_CHECKING:
    import pandas

Chosen = str | slice | Sequence[int] | Sequence[bool] | np.ndarray
"""Rows of a table: a species' name, a slice, a mask, or numbers."""


@described
class Row(SimpleNamespace):
    """One row of a table: what it has in every column."""

    def summary(self) -> str:
        """Return what the repr says."""
        return ", ".join(f"{name}={short(held)}" for name, held in vars(self).items())


class Table:
    """What tables of particles have in common: rows, which one may count, choose and go over."""

    species: np.ndarray | None

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))  # type: ignore[arg-type]

    @overload
    def __getitem__(self, chosen: int | np.integer) -> Row: ...

    @overload
    def __getitem__(self, chosen: Chosen) -> Self: ...

    def __getitem__(self, chosen: int | np.integer | Chosen) -> Row | Self:
        """Return one row by its number, or a table of those of a species, slice, mask or numbers.

        Raises
        ------
        KeyError
            There is no such species; the message has those that there are.
        IndexError
            There is no such row, or the mask is not one of all rows.
        """
        columns = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        if isinstance(chosen, int | np.integer):
            one = {name: None if held is None else held[chosen] for name, held in columns.items()}
            return Row(**{name: _plain(value) for name, value in one.items()})
        rows = self._of_species(chosen) if isinstance(chosen, str) else chosen
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            # An empty list is of floats, and means no row.
            rows = rows.astype(np.int64) if rows.size == 0 and rows.dtype != bool else rows
        kept = {name: None if held is None else held[rows] for name, held in columns.items()}
        return type(self)(**kept)

    def __iter__(self) -> Iterator[Row]:
        return (self[row] for row in range(len(self)))

    def _of_species(self, name: str) -> np.ndarray:
        if self.species is None:
            raise KeyError(f"species {name!r}: the rows have none")
        found = self.species == name
        if not found.any():
            held = ", ".join(np.unique(self.species).tolist()) or "none"
            raise KeyError(f"species {name!r}: is not here, only {held}")
        return found

    def facts(self) -> Rows:
        """Return the rows of a notebook's table: how many there are of each species."""
        if self.species is None:
            return [("rows", f"{len(self)}")]
        names, counts = np.unique(self.species, return_counts=True)
        return [(name, f"{count}") for name, count in zip(names.tolist(), counts, strict=True)]

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a pandas DataFrame.

        Places are in three columns ``x``, ``y``, ``z``, nm, and rotations in ``alpha``, ``beta``,
        ``gamma``, their ZYZ angles in rad, as `from_zyz` takes them; all else is as it is here.

        Raises
        ------
        MissingExtra
            pandas is not installed; the message says how to.

        Examples
        --------
        >>> picks = Picks(positions=[(1, 2, 3), (4, 5, 6)], scores=[0.2, 0.9])
        >>> list(picks.to_pandas().columns)
        ['x', 'y', 'z', 'scores']
        """
        frames = require("pandas", "pandas")
        columns: dict[str, Any] = {}
        for column in fields(self):  # type: ignore[arg-type]
            held = getattr(self, column.name)
            if held is None:
                continue
            if held.ndim == 1:
                columns[column.name] = held
                continue
            names = "xyz" if held.ndim == 2 else ("alpha", "beta", "gamma")
            values = held if held.ndim == 2 else to_zyz(held)
            columns |= dict(zip(names, values.T, strict=True))
        return frames.DataFrame(columns)


def _plain(value: Any) -> Any:
    """Return a number or a name as Python has it."""
    return value.item() if isinstance(value, np.generic) else value


@noun
class ParticleTable(Table):
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
    >>> len(table), table["actin"].centre.tolist(), table[table.radius > 5].species.tolist()
    (2, [[9.0, 5.0, 5.0]], ['actin'])
    >>> [(particle.species, particle.radius) for particle in table]
    [('1f1b', 4.0), ('actin', 6.0)]
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

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self)} particles of {len(np.unique(self.species))} species"


@noun
class MonomerTable(Table):
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

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self)} monomers of {len(np.unique(self.instance))} filaments"


@noun
class Picks(Table):
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

    def best(self, n: int) -> Picks:
        """Return the `n` picks with the highest scores, best first; the earlier one on a tie."""
        order = np.argsort(-self.scores, kind="stable")[:n]
        return self[order]

    def summary(self) -> str:
        """Return what the repr says."""
        kinds = "" if self.species is None else f" of {len(np.unique(self.species))} species"
        return f"{len(self)} picks{kinds}"
