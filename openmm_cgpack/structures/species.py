"""The shipped library: real molecules as reduced points, for work without a network."""

from __future__ import annotations

import difflib
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.display import Rows, described
from ..core.runtime import StructureError
from ..core.structure import AtomicStructure
from ..io.inputs import read_json, regular_file
from .assemblies import Turns
from .coordinate_files import Reading, load_structure

DATA = Path(__file__).parent / "data"
INDEX = "index.json"
FORMAT = 2
_FIELDS = ("positions", "masses", "atoms", "spread", "scales")


@described
@dataclass(frozen=True, kw_only=True)
class LibraryEntry:
    """One species of the library: what it is, where it came from, how good its points are.

    Parameters
    ----------
    name : str
        Its name, the PDB id in lower case.
    title : str
        What people call it.
    file : str
        File that it was made from.
    sha256 : str
        Digest of that file.
    assembly : str or None
        Biological assembly built from the file; None where the file's atoms are the complex.
    turns : Turns or None
        Of a file that does not describe the assembly: which chains are turned about which axis.
    file_origin : tuple of float
        Where the centre of mass lies in the file's coordinates, nm.
    membrane : tuple of tuples of float, or None
        Of a membrane protein, a point on the inner and on the outer boundary of the membrane's
        hydrophobic core, in the body frame, nm; found from the full atoms (`find_belt`).
    n_atoms : int
        Heavy atoms, waters left out.
    n_points : int
        Points that stand for them.
    atoms_per_point : int
        Atoms a point stands for, in the mean, as asked for.
    mass : float
        Mass of the heavy atoms, Da.
    radius : float
        Radius about the centre of mass that holds every atom, nm.
    envelope_volume : float
        Volume of the envelope of the full atoms, nm^3; see `envelope_volume`.
    point_variance : float
        Mean variance of the atoms about their points along an axis, nm^2.
    map_correlation_1nm, map_correlation_4nm : float
        Correlation of its map with that of the full atoms, at 1 and 4 nm resolution.
    map_error_1nm, map_error_4nm : float
        Root mean square difference of the two maps over the root mean square of the full one.
    n_balls : int
        Balls of the paper's model, ``max(3, ceil(n_atoms / 5000))``.
    ball_centre_rms : float
        Root mean square distance of its ball centres from those of the full atoms, nm: k-means on
        the points, started from the centres found on the full atoms.
    ball_radius_difference : float
        Largest difference of the two models' farthest-atom radii, nm; those of points are larger.
    note : str
        What to know before using it.

    Examples
    --------
    >>> from openmm_cgpack import library
    >>> entry = library.entry("3hhb")
    >>> entry.n_atoms, entry.n_balls, round(entry.mass)
    (4558, 3, 59970)
    """

    name: str
    title: str
    file: str
    sha256: str
    assembly: str | None
    turns: Turns | None
    file_origin: tuple[float, float, float]
    membrane: tuple[tuple[float, float, float], tuple[float, float, float]] | None
    n_atoms: int
    n_points: int
    atoms_per_point: int
    mass: float
    radius: float
    envelope_volume: float
    point_variance: float
    map_correlation_1nm: float
    map_error_1nm: float
    map_correlation_4nm: float
    map_error_4nm: float
    n_balls: int
    ball_centre_rms: float
    ball_radius_difference: float
    note: str

    def summary(self) -> str:
        """Return what the repr says."""
        size = f"{self.n_atoms} atoms, {self.mass / 1000:.4g} kDa, radius {self.radius:.3g} nm"
        return f"{self.name!r}, {self.title}, {size}"

    def whole(self, structure: AtomicStructure) -> AtomicStructure:
        """Return the species from all atoms of its file: its assembly, and its membrane."""
        if self.turns is not None:
            structure = self.turns.assembled(structure)
        membrane = None if self.membrane is None else np.array(self.membrane)
        return replace(structure, membrane=membrane)


@described
class Library:
    """Species read from a folder of reduced structures; `library` is the shipped one.

    Parameters
    ----------
    folder : path-like, optional
        Folder with ``index.json`` and a file for each species, as `tools/build_library.py` makes
        it; the shipped one when left out.

    Examples
    --------
    >>> from openmm_cgpack.structures import library
    >>> "3hhb" in library
    True
    >>> structure = library.load("3hhb")
    >>> structure.n_atoms, round(structure.mass)
    (4558, 59970)
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._folder = DATA if folder is None else Path(folder)

    @cached_property
    def entries(self) -> tuple[LibraryEntry, ...]:
        """The species' records, in order of their names."""
        path = self._folder / INDEX
        try:
            index = read_json(path, wanted="the index of a library")
        except FileNotFoundError:
            raise StructureError(f"{path}: no such file: no library in this folder") from None
        except ValueError as error:
            raise StructureError(str(error)) from None
        if index.get("format") != FORMAT:
            raise StructureError(f"{path}: wanted format {FORMAT}, got {index.get('format')}")
        try:
            wanted = {field.name for field in fields(LibraryEntry)}
            return tuple(_entry({key: entry[key] for key in wanted}) for entry in index["species"])
        except (KeyError, TypeError) as error:
            raise StructureError(f"{path}: no index of a library: {error}") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The species' names, PDB ids in lower case."""
        return tuple(entry.name for entry in self.entries)

    def entry(self, name: str) -> LibraryEntry:
        """Return the record of a species; the case of the letters does not matter.

        Raises
        ------
        StructureError
            There is none of that name; the message names the nearest ones, by name or title.
        """
        for entry in self.entries:
            if entry.name == name.lower():
                return entry
        titles = {entry.title.lower(): entry.name for entry in self.entries}
        words = [*self.names, *titles]
        near = difflib.get_close_matches(name.lower(), words, n=3, cutoff=0.4)
        near += [title for title in titles if name.lower() in title and title not in near]
        hints = [f"{titles[word]} ({word})" if word in titles else word for word in near[:3]]
        found = f"nearest: {', '.join(hints)}" if hints else f"it has {', '.join(self.names)}"
        raise StructureError(f"no species {name!r} in the library; {found}")

    def load(
        self, name: str, *, structures: str | os.PathLike[str] | None = None
    ) -> AtomicStructure:
        """Return a species as points in its body frame.

        Parameters
        ----------
        name : str
            Its name; the case of the letters does not matter.
        structures : path-like, optional
            A folder of structure files, such as the one that the library was built from. Where it
            has the species' file (`LibraryEntry.file`), every atom is read from that.

        Returns
        -------
        AtomicStructure
            Points that each stand for several atoms, with the mass, the number of atoms and the
            envelope's volume of the full atoms; or the atoms themselves.
        """
        entry = self.entry(name)
        if structures is not None and (path := Path(structures) / entry.file).is_file():
            atoms = load_structure(path, Reading(assembly=entry.assembly), name=entry.name)
            return entry.whole(atoms)
        assembly = f", assembly {entry.assembly}" if entry.assembly else ""
        return read_points(
            self._folder / f"{entry.name}.npz",
            name=entry.name,
            mass=entry.mass,
            envelope_volume=entry.envelope_volume,
            point_variance=entry.point_variance,
            file_origin=entry.file_origin,
            membrane=entry.membrane,
            source=f"library:{entry.name} {entry.title} ({entry.file}{assembly})",
        )

    def __getitem__(self, name: str) -> AtomicStructure:
        return self.load(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.entries)

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self)} species: {', '.join(self.names)}"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        return [
            (e.name, e.title, f"{e.n_atoms} atoms", f"{e.mass / 1000:.4g} kDa")
            for e in self.entries
        ]

    def __str__(self) -> str:
        head = f"{'name':6}{'atoms':>7}{'kDa':>8}{'nm^3':>8}{'R nm':>7}  title"
        rows = [
            f"{e.name:6}{e.n_atoms:7d}{e.mass / 1000:8.1f}{e.envelope_volume:8.1f}"
            f"{e.radius:7.2f}  {e.title}"
            for e in self.entries
        ]
        return "\n".join([head, *rows])


def read_points(
    path: str | os.PathLike[str],
    *,
    name: str,
    mass: float,
    envelope_volume: float,
    point_variance: float,
    file_origin: Sequence[float] = (0.0, 0.0, 0.0),
    membrane: Sequence[Sequence[float]] | None = None,
    source: str = "",
) -> AtomicStructure:
    """Return a species' points from its file, about their centre of mass, with `mass` in all.

    The file holds whole numbers and their scales, as tools/reduction.py rounds them.
    """
    path = Path(path)
    try:
        with np.load(regular_file(path), allow_pickle=False) as file:
            positions, masses, atoms, spread, scales = (file[field] for field in _FIELDS)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise StructureError(f"{path}: no file of reduced points: {error}") from None
    masses = masses * scales[1]
    masses *= mass / masses.sum()
    positions = positions * scales[0]
    positions -= np.average(positions, axis=0, weights=masses)
    return AtomicStructure(
        name=name,
        positions=positions,
        masses=masses,
        atoms=atoms.astype(np.int64),
        spread=spread * scales[2],
        point_variance=point_variance,
        envelope_volume=envelope_volume,
        file_origin=np.array(file_origin),
        membrane=None if membrane is None else np.array(membrane),
        source=source,
    )


def _entry(record: dict[str, Any]) -> LibraryEntry:
    turns = record["turns"]
    if turns is not None:
        record["turns"] = Turns(**(turns | {"chains": tuple(turns["chains"])}))
    return LibraryEntry(**record)


library = Library()
"""The shipped library."""
