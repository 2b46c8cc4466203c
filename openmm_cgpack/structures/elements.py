"""The element of each atom of a file, decided once and in one order.

What the file's element column says comes first; then what the residue is made of; then the atom's
name, whose columns tell calcium (``CA`` from column 13) from an alpha carbon (from column 14). An
atom that all three leave open is unknown, and counts as carbon. What marks a place or carries a
charge beside the atoms is no matter: see `virtual_sites`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..core.display import described

if TYPE_CHECKING:
    import gemmi

# Names that programs give to water beside those that gemmi's table knows.
_WATER_NAMES = """
    SOL TIP TIP3 TIP4 TIP5 TP3 TP4 TP5 T3P T4P SPC SPCE SWM4 SWM6
"""
_WATERS = frozenset(_WATER_NAMES.split())

# Residues of force fields that gemmi's table does not have; amino acids at a chain's end
# (NALA, CALA) and nucleotides (RA5, DG3) have rules.
_POLYMER = """
    HID HIE HIP HSD HSE HSP CYX CYM ASH GLH LYN LYP NME NMA GUA ADE CYT THY URA
"""
_POLYMER_NAMES = frozenset(_POLYMER.split())
_NUCLEOTIDE = re.compile(r"[RD]?[ACGTU][35N]?")
_CHARMM_IONS = {"SOD": "Na", "CLA": "Cl", "POT": "K", "CAL": "Ca", "CES": "Cs"}
_CHARMM_IONS |= {"LIT": "Li", "RUB": "Rb", "BAR": "Ba", "CAD": "Cd"}

# Where no column tells, names that begin so are these and not an organic element's.
_TWO_LETTER_SYMBOLS = """
    CL BR FE ZN MG MN SE AL AG AU LI RU RH PT CU SI MO TI TL GD AS
"""
_TWO_LETTERS = frozenset(_TWO_LETTER_SYMBOLS.split())

# A deuterium in a polymer is named as the hydrogen in its place; Martini's bead D2A is none.
_DEUTERIUM = re.compile(r"D(O?\d{0,2}['*]*\d?|[ABGDEZHN]\d*)")
_AUTODOCK_TYPE = re.compile(r"([HCNOS])[ADS]")


# Residues that mark a place: OPM's, and Rosetta's membranes and roots.
_MARKERS = frozenset({"DUM", "MEM", "EMB", "VRT"})
# What element columns say of sites: those of cpptraj, ParmEd, lone pairs, Open Babel and Sybyl.
_SITE_SYMBOLS = frozenset({"XP", "EP", "LP", "XX", "DU"})
# Lone pairs (CHARMM), extra points (Amber), dummy atoms; the site of four-point water (GROMACS).
_SITE = re.compile(r"LP\w{0,2}|EPW?\d*|MW\d?|X{1,2}|DU|ORIG|VIRT")
# Of polymers: virtual atoms of Rosetta (NV of proline), and GROMACS's masses for hydrogens.
_SITE_OF_POLYMERS = re.compile(r"NV|V\w?|M(N|C|W|TRP)\w{0,2}")
_MATTER_OF_WATER = re.compile(r"O(?!M).*|\d?H.*|\d?D\d?|W")
_MARTINI_WATERS = frozenset({"W", "PW", "WF", "WN"})
# Of these the PDB says that something is there, whatever it is called.
_UNKNOWN = frozenset({"UNX", "UNL", "UNK"})


@described
@dataclass(frozen=True)
class Elements:
    """Elements of atoms as arrays (n,): symbols, masses in Da, and what is known of each."""

    symbols: np.ndarray
    masses: np.ndarray
    hydrogen: np.ndarray
    unknown: np.ndarray
    """Whether nothing tells the element; it counts as carbon."""
    contradicted: np.ndarray
    """Whether the element column says other than the residue's own chemistry; the column holds."""


def elements_of(
    given: np.ndarray, names: np.ndarray, residues: np.ndarray, *, columns: bool
) -> Elements:
    """Return the elements of atoms.

    Parameters
    ----------
    given : (n,) array of str
        What the element column holds, such as ``FE3+``; blank where it says nothing.
    names : (n,) array of str
        Atom names.
    residues : (n,) array of str
        Residue names.
    columns : bool
        Whether names are the four characters of the columns 13 to 16 of a PDB file, blanks
        included.
    """
    import gemmi

    rows = list(zip(given.tolist(), names.tolist(), residues.tolist(), strict=True))
    triples = list(dict.fromkeys(rows))
    number = {triple: i for i, triple in enumerate(triples)}
    inverse = np.array([number[row] for row in rows], dtype=np.int64)
    adrift = _left_justified(triples) if columns else set()
    symbols, unknown, contradicted = [], [], []
    for column, name, residue in triples:
        of_column = _of_column(column, residue)
        of_residue = _of_residue(name.strip().upper(), residue.upper())
        trusted = columns and not adrift & {None, residue}
        known = of_column or of_residue or _of_name(name.upper(), residue.upper(), columns=trusted)
        unknown.append(known in (None, "X"))
        symbols.append("C" if known in (None, "X") else known)
        contradicted.append(bool(of_column and of_residue and not _same(of_column, of_residue)))
    elements = [gemmi.Element(symbol) for symbol in symbols]
    return Elements(
        symbols=np.array(symbols, dtype="U2")[inverse],
        masses=np.array([element.weight for element in elements])[inverse],
        hydrogen=np.array([element.is_hydrogen for element in elements], dtype=bool)[inverse],
        unknown=np.array(unknown, dtype=bool)[inverse],
        contradicted=np.array(contradicted, dtype=bool)[inverse],
    )


def virtual_sites(given: np.ndarray, names: np.ndarray, residues: np.ndarray) -> np.ndarray:
    """Return which atoms are no matter: dummy atoms, lone pairs, extra points, Drude particles.

    They are known by their name where the element column tells no element, or says so itself. A
    Drude particle has the name of an atom of its residue after a D; those of carbon and the like
    tell that the residue has them, as hydroxyl groups may have deuterium of the same name.
    """
    rows = list(zip(given.tolist(), names.tolist(), residues.tolist(), strict=True))
    found = dict.fromkeys(rows, False)
    atoms: dict[str, set[str]] = {}
    for _, name, residue in found:
        atoms.setdefault(residue, set()).add(name.strip().upper())
    polarizable = {
        residue
        for residue, held in atoms.items()
        if any(f"D{name}" in held and (name[:1] in "CNSP" or name == residue) for name in held)
    }
    for column, name, residue in found:
        bare = name.strip().upper()
        drude = residue in polarizable and bare[:1] == "D" and bare[1:] in atoms[residue]
        found[column, name, residue] = (
            residue == "DUM"
            or column.strip().upper() in _SITE_SYMBOLS
            or (_of_column(column, residue) is None and (drude or _is_site(bare, residue.upper())))
        )
    return np.array([found[row] for row in rows], dtype=bool)


def _is_site(name: str, residue: str) -> bool:
    if residue in _UNKNOWN:
        return False
    if residue in _MARKERS or _SITE.fullmatch(name):
        return True
    if residue not in _MARTINI_WATERS and is_water(residue):
        return not _MATTER_OF_WATER.fullmatch(name)
    return is_polymer(residue) and bool(_SITE_OF_POLYMERS.fullmatch(name))


def waters(given: np.ndarray, residues: np.ndarray) -> np.ndarray:
    """Return which atoms are of waters, by their residues' names.

    Martini's residues W and PW are such where no column says that W is tungsten.
    """
    rows = list(zip((given == "").tolist(), residues.tolist(), strict=True))
    found = {
        (blank, residue): is_water(residue) or (blank and residue.upper() in _MARTINI_WATERS)
        for blank, residue in set(rows)
    }
    return np.array([found[row] for row in rows], dtype=bool)


def is_water(residue: str) -> bool:
    """Return whether a residue is water by its name."""
    return residue.upper() in _WATERS or _tabulated(residue).is_water()


def _same(one: str, other: str) -> bool:
    return other in (one, "X") or {one, other} == {"H", "D"}


@lru_cache(maxsize=4096)
def _tabulated(residue: str) -> gemmi.ResidueInfo:
    import gemmi

    return gemmi.find_tabulated_residue(residue)


def _symbol(letters: str) -> str | None:
    """Return letters as the symbol of an element, None where they are none."""
    import gemmi

    name = gemmi.Element(letters).name
    return None if name == "X" else str(name)


def _of_column(text: str, residue: str) -> str | None:
    """Return the element that a file's own column tells, or None.

    The text is a symbol in any case and place with any charge (``FE3+``, ``o1-``), or one of
    AutoDock's atom types in the columns 78 and 79.
    """
    letters = "".join(re.findall("[A-Za-z]+", text)[:1]).upper()
    if not letters or letters == "X":
        return None
    autodock = text[:1] == " " and _AUTODOCK_TYPE.fullmatch(letters)
    if autodock and letters != residue:
        return autodock.group(1)
    return _symbol(letters)


def is_polymer(residue: str) -> bool:
    """Return whether a residue is an amino acid or a nucleotide, by its name."""
    known = _tabulated(residue)
    if known.is_amino_acid() or known.is_nucleic_acid() or residue in _POLYMER_NAMES:
        return True
    if len(residue) == 4 and residue[0] in "NC":
        return bool(_tabulated(residue[1:]).is_amino_acid()) or residue[1:] in _POLYMER_NAMES
    return _NUCLEOTIDE.fullmatch(residue) is not None


def _of_residue(name: str, residue: str) -> str | None:
    """Return what an atom of this name is in this residue; "X" for none that the residue has.

    Residues that the chemistry of polymers or of ions says nothing about give None.
    """
    letters = name.lstrip("0123456789'\"*")
    if is_polymer(residue):
        return _in_polymer(letters, standard=_tabulated(residue).is_standard())
    bare = re.sub("[^A-Z]", "", letters)
    if residue == "UNX":
        return "X"
    if bare and bare == re.sub("[^A-Z]", "", residue):
        if bare in _CHARMM_IONS:
            return _CHARMM_IONS[bare]
        # One letter is too little: Martini's bead W is water, and no tungsten.
        if len(bare) == 2 or bare in ("K", "F"):
            return _symbol(bare)
    if residue == "ION":
        return _symbol(bare)
    known = _tabulated(residue)
    if known.found() and not known.hydrogen_count and len(bare) <= 2:
        symbol = _symbol(bare)
        # A residue of one atom weighs what its element does: atom I of IOD, FE of FE2.
        if symbol and abs(_weight(symbol) - known.weight) < 0.01:
            return symbol
    return None


def _in_polymer(letters: str, *, standard: bool) -> str | None:
    """Return the element of an atom of an amino acid or a nucleotide: its name's first letter.

    Apart from selenium, from halogens of modified residues, and from names that no residue has,
    such as Martini's beads BB and SC1 or the XE1 of an ambiguous GLX.
    """
    if letters[:2] == "SE":
        return "Se"
    if not standard:
        if letters[:2] in ("CL", "BR"):
            return letters[:2].title()
        if re.fullmatch(r"[FI]\d*", letters):
            return letters[0]
    if letters[:2] == "SC":
        return "X"
    if letters[:1] in tuple("HCNOPS"):
        return letters[0]
    if _DEUTERIUM.fullmatch(letters):
        return "D"
    return "X" if standard else None


def _weight(symbol: str) -> float:
    import gemmi

    return float(gemmi.Element(symbol).weight)


def _of_name(name: str, residue: str, *, columns: bool) -> str | None:
    """Return the element that an atom's name tells, or None."""
    letters = re.sub("^[^A-Z]+", "", name.strip())
    head = re.match("[A-Z]*", letters)
    word = head.group() if head else ""
    two = word[:2]
    in_column_13 = columns and name[:1] != " " and len(name.strip()) < 4
    if in_column_13 and len(two) == 2 and (word[0] != "H" or word == "HG"):
        symbol = _symbol(two)
        if symbol is not None:
            return symbol
    if two in _TWO_LETTERS and not (columns and name[:1] == " " and word[0] in "CNOPSH"):
        return _symbol(two)
    if word[:1] in tuple("HCNOPS"):
        return word[0]
    if re.fullmatch(r"[FIBKV]\d*", letters) or (letters in ("W", "U", "Y") and letters != residue):
        return letters[0]
    return None


def _left_justified(triples: list[tuple[str, str, str]]) -> set[str | None]:
    """Return the residues whose names all begin in column 13, so that the column tells nothing.

    None is among them where the polymers' do: then the whole file's do.
    """
    adrift: set[str | None] = set()
    for _, name, residue in triples:
        if not name[:1].isalpha() or len(name.rstrip()) == 4:
            continue
        word = re.sub("[^A-Z]", "", name[:2].upper())
        if is_polymer(residue.upper()):
            symbol = _of_residue(name.strip().upper(), residue.upper())
            if symbol is not None and len(symbol) == 1 and symbol not in "HX":
                adrift.add(None)
        elif len(word) == 1 and residue.strip() != word and word in "CNOPSH":
            adrift.add(residue)
    return adrift
