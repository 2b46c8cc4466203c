"""A molecule as weighted points."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np

from .arrays import freeze, noun, positive
from .display import Rows, described
from .names import checked_name

ATOM_TABLE = np.dtype([("atom", "U4"), ("residue", "U5"), ("chain", "U8"), ("number", "i4")])
"""Fields of `AtomicStructure.atom_table`: atom, residue and chain names, residue number.

Names that are longer make their fields wider; none is cut."""

FARTHEST = 1e4
"""Distance from the origin, nm, within which an atom has to be: that of a cell."""


@described
@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """What a structure file holds, and what of it was left out: numbers of atoms, unless said.

    An atom that is left out counts once, for the first reason in the order of the fields.

    Examples
    --------
    >>> Contents(atoms=120, models=4, waters=12).lines()
    ['in the file: 120 atoms in the first of 4 models', 'left out: 12 waters']
    """

    atoms: int
    """Of the models that were read, before an assembly is built."""
    models: int = 1
    """How many models the file holds."""
    models_read: int = 1
    dummy_atoms: int = 0
    """Left out: what marks a place, as OPM's do a membrane's, or carries a charge, and no mass."""
    alternate_locations: int = 0
    waters: int = 0
    hydrogens: int = 0
    hetero: int = 0
    outside_assembly: int = 0
    """Left out: atoms of chains that the assembly does not have."""
    unknown_elements: int = 0
    """Not left out: atoms of unknown element, which count as carbon."""
    notes: tuple[str, ...] = ()
    """What is to be known of the file before its structure is used."""

    def lines(self) -> list[str]:
        """Return what was read and left out, as words."""
        models = "" if self.models == 1 else f" in the first of {self.models} models"
        if self.models_read > 1:
            models = f" in {self.models_read} models"
        left_out = [
            f"{number} {name.replace('_', ' ')}"
            for name in _LEFT_OUT
            if (number := getattr(self, name))
        ]
        lines = [f"in the file: {self.atoms} atoms{models}"]
        if left_out:
            lines.append(f"left out: {', '.join(left_out)}")
        if self.unknown_elements:
            lines.append(f"unknown elements: {self.unknown_elements}, counted as carbon")
        return lines


_LEFT_OUT_NAMES = "dummy_atoms alternate_locations waters hydrogens hetero outside_assembly"
_LEFT_OUT = _LEFT_OUT_NAMES.split()


@described
@dataclasses.dataclass(frozen=True)
class MembranePlane:
    """Where a membrane lies: two planes, about half its thickness from a middle, nm."""

    centre: np.ndarray
    """(3,) a point in the middle."""
    normal: np.ndarray
    """(3,) unit vector across it, from the inner to the outer side."""
    half_thickness: float


@noun
class AtomicStructure:
    """A molecule: its atoms, or points that each stand for several atoms.

    Positions are in the body frame: the origin is the centre of mass of the heavy atoms (waters
    and hydrogens do not count), the axes are those of the file. ``positions + file_origin`` are
    the file's coordinates, in nm.

    Parameters
    ----------
    name : str
        Name of the molecule.
    positions, masses : (n, 3) array, (n,) array
        Where the points are in the body frame, nm, and their masses, Da.
    atoms : (n,) int array, optional
        Number of atoms each point stands for; 1 when left out.
    spread : (n,) array, optional
        Distance from each point to the farthest atom that it stands for, nm; 0 for an atom.
    point_variance : float, optional
        Mean variance along one axis of the atoms' places about their points, mass weighted,
        nm^2; 0 for atoms. The points lack this variance: a map of them needs a Gaussian whose
        variance is larger by this much, to be the map of the atoms.
    blur : float, optional
        Of a molecule from a density map: the standard deviation along one axis of the Gaussian
        that the map has, nm. No map of the molecule is sharper.
    elements : (n,) str array, optional
        Chemical symbols; None for points that stand for several atoms.
    atom_table : (n,) structured array, optional
        What a coordinate file says of each atom, with the fields of `ATOM_TABLE`; None for points
        that stand for several atoms.
    envelope_volume : float, optional
        Volume of the molecular envelope, nm^3; None until it has been measured.
    membrane : (2, 3) array, optional
        Of a structure whose file marks a membrane: one point on its inner and one on its outer
        boundary, straight across from each other, in the body frame, nm; see `membrane_plane`.
    contents : Contents, optional
        What the file held and what of it was left out; None where there is no file.
    file_origin : (3,) array, optional
        Where the body's origin lies in the file's coordinates, nm.
    source : str, optional
        Where the structure came from: a path, an id, the library.

    Examples
    --------
    >>> molecule = AtomicStructure(
    ...     name="triple", positions=[[0, 0, 0.3], [0, 0.4, 0], [0, 0, -0.1]], masses=[12, 14, 16]
    ... )
    >>> molecule.n_atoms, molecule.mass, molecule.radius
    (3, 42.0, 0.4)
    """

    name: str
    positions: np.ndarray
    masses: np.ndarray
    atoms: np.ndarray = None  # type: ignore[assignment]
    spread: np.ndarray = None  # type: ignore[assignment]
    point_variance: float = 0.0
    blur: float = 0.0
    elements: np.ndarray | None = None
    atom_table: np.ndarray | None = None
    envelope_volume: float | None = None
    membrane: np.ndarray | None = None
    contents: Contents | None = None
    file_origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name(self.name))
        freeze(self, self.name, positions=(None, 3))
        n = len(self.positions)
        if n == 0:
            raise ValueError(f"{self.name}: wanted at least one atom, got none")
        far = int(np.argmax(np.abs(self.positions).max(axis=1)))
        if np.abs(self.positions[far]).max() > FARTHEST:
            raise ValueError(
                f"{self.name}: wanted all atoms within {FARTHEST:g} nm of the origin, got "
                f"{np.abs(self.positions[far]).max():g} nm at index {far}"
            )
        set_field = object.__setattr__
        if self.atoms is None:
            set_field(self, "atoms", np.ones(n, np.int64))
        if self.spread is None:
            set_field(self, "spread", np.zeros(n))
        freeze(self, self.name, masses=(n,), spread=(n,), file_origin=(3,))
        freeze(self, self.name, np.int64, atoms=(n,))
        if not 0 <= self.point_variance < np.inf:
            raise ValueError(
                f"{self.name}: point_variance: wanted a number from 0 up, got {self.point_variance}"
            )
        set_field(self, "blur", positive(self.blur, f"{self.name}: blur", zero=True))
        if self.elements is not None:
            freeze(self, self.name, "U2", elements=(n,))
        if self.atom_table is not None:
            freeze(self, self.name, _wide_enough(self.atom_table), atom_table=(n,))
        if self.membrane is not None:
            freeze(self, self.name, membrane=(2, 3))
        if isinstance(self.contents, Mapping):
            held: dict[str, Any] = dict(self.contents)
            set_field(self, "contents", Contents(**held | {"notes": tuple(held["notes"])}))
        if self.envelope_volume is not None:
            volume = positive(self.envelope_volume, f"{self.name}: envelope_volume")
            set_field(self, "envelope_volume", volume)

    def in_membrane(self, plane: MembranePlane) -> AtomicStructure:
        """Return the structure with a membrane, given in the body frame."""
        half = plane.half_thickness * plane.normal
        return dataclasses.replace(self, membrane=plane.centre + np.stack([-half, half]))

    def summary(self) -> str:
        """Return what the repr says."""
        mass = f"{self.mass / 1000:.4g} kDa"
        return f"{self.name!r}, {self.n_atoms} atoms in {len(self.positions)} points, {mass}"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        rows: list[tuple[str, ...]] = [("radius", f"{self.radius:.4g} nm")]
        if self.envelope_volume is not None:
            rows.append(("envelope volume", f"{self.envelope_volume:.4g} nm³"))
        plane = self.membrane_plane
        if plane is not None:
            rows.append(("membrane", f"{2 * plane.half_thickness:.2f} nm thick"))
        if self.contents is not None:
            rows += [(line,) for line in self.contents.lines()]
        return [*rows, ("source", self.source)] if self.source else rows

    @property
    def membrane_plane(self) -> MembranePlane | None:
        """The membrane that the structure's file marks, in the body frame; None without one."""
        if self.membrane is None:
            return None
        inner, outer = self.membrane
        thickness = float(np.linalg.norm(outer - inner))
        return MembranePlane((inner + outer) / 2, (outer - inner) / thickness, thickness / 2)

    @property
    def n_atoms(self) -> int:
        """Number of atoms, N of the paper's eq. 3."""
        return int(self.atoms.sum())

    @property
    def mass(self) -> float:
        """Total mass, Da."""
        return float(self.masses.sum())

    @property
    def radius(self) -> float:
        """Radius of the sphere around the body's origin that holds every atom, nm."""
        return float((np.linalg.norm(self.positions, axis=1) + self.spread).max())


def _wide_enough(table: Any) -> np.dtype:
    """Return `ATOM_TABLE`, its fields as wide as a table's where these are wider."""
    held = getattr(table, "dtype", ATOM_TABLE)
    if held.names != ATOM_TABLE.names:
        return ATOM_TABLE
    kinds = [(name, ATOM_TABLE[name], held[name]) for name in ATOM_TABLE.fields or ()]
    return np.dtype([(name, max(own, it, key=lambda d: d.itemsize)) for name, own, it in kinds])
