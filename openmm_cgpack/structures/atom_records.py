"""The atom records of PDB and mmCIF files as columns, whatever the file leaves out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from ..core.display import described
from ..core.messages import shown
from ..core.runtime import StructureError
from ..core.structure import FARTHEST
from .elements import is_polymer

if TYPE_CHECKING:
    import gemmi

_NM_PER_ANGSTROM = 0.1
_FARTHEST = FARTHEST / _NM_PER_ANGSTROM
_COORDINATE = f"a number from {-_FARTHEST:g} to {_FARTHEST:g} Å"
_CIF_SUFFIXES = (".cif", ".mmcif", ".mcif")
_PDB_COLUMNS = (("x", 30, 38), ("y", 38, 46), ("z", 46, 54))
_COORDINATES_END = 54
_POINTS = (34, 42, 50)
"""Where the decimal points of coordinates stand."""
_WIDTH = 80
_PDB_LINE = re.compile(r"^(?:((?:ATOM  |HETATM).*?)|MODEL .*|ENDMDL.*|END)[ \t]*$", re.MULTILINE)
"""The lines that matter: of atoms, as the group, and those that end a model or begin one."""


@described
@dataclass(frozen=True, kw_only=True)
class AtomRecords:
    """What a file says of each of its n atoms, by columns, in its order."""

    positions: np.ndarray
    """(n, 3), nm."""
    model: np.ndarray
    """Which of the file's models an atom is of, from 0."""
    given: np.ndarray
    """What the element column holds."""
    atom: np.ndarray
    residue: np.ndarray
    chain: np.ndarray
    part: np.ndarray
    """The name that assemblies call an atom's chain by; mmCIF has one of its own."""
    number: np.ndarray
    insertion: np.ndarray
    location: np.ndarray
    """Alternate location, empty where there is one alone."""
    hetero: np.ndarray
    columns: bool
    """Whether atom names are the four characters of a PDB file's columns."""

    def taken(self, rows: np.ndarray) -> Self:
        """Return some of the atoms: by a mask, or by numbers, which may come again."""
        held = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **{name: value[rows] for name, value in held.items()})

    def __len__(self) -> int:
        return len(self.positions)


def is_mmcif(path: Path, text: str) -> bool:
    """Return whether a file is mmCIF: its suffix says so, or its first statement does."""
    if any(suffix.lower() in _CIF_SUFFIXES for suffix in path.suffixes[-2:]):
        return True
    first = re.search(r"^(?!#)[^\S\n]*\S+", text, re.MULTILINE)
    return first is not None and first.group().lower().startswith("data_")


def pdb_records(path: Path, text: str) -> AtomRecords:
    """Return the atoms of a PDB file's ATOM and HETATM records.

    A model ends at ENDMDL or END, and begins at MODEL or at the next atom.
    """
    lines: list[re.Match[str]] = []
    models: list[int] = []
    model, begun = -1, False
    # Line by line, and none kept that is no atom: a file may have millions of blank ones.
    for line in _PDB_LINE.finditer(text):
        if line[1] is None:
            begun = False
            continue
        model += not begun
        begun = True
        lines.append(line)
        models.append(model)
    if not lines:
        raise StructureError(f"{path}: no ATOM or HETATM record: no PDB file, or no atoms in it")
    # Bytes are enough where all is ASCII, at a quarter of the memory.
    one = "S" if text.isascii() else "U"
    rows = np.array([_in_columns(m[1])[:_WIDTH] for m in lines], f"{one}{_WIDTH}")
    cells = rows.view(f"{one}1").reshape(len(rows), _WIDTH)
    blank = cells == np.array("", f"{one}1")
    cells = np.where(blank, np.array(" ", f"{one}1"), cells)

    def columns(start: int, end: int) -> np.ndarray:
        return np.ascontiguousarray(cells[:, start:end]).view(f"{one}{end - start}")[:, 0]

    try:
        axes = [columns(start, end).astype(np.float64) for _, start, end in _PDB_COLUMNS]
        positions = np.stack(axes, axis=1)
    except ValueError:
        positions = np.full((len(rows), 3), np.nan)
    if not _in_reach(positions).all() or min(len(line[1]) for line in lines) < _COORDINATES_END:
        _check_coordinates(path, lines)
    residue, chain = _residue_and_chain(columns(17, 22).astype(str))
    return AtomRecords(
        positions=positions * _NM_PER_ANGSTROM,
        model=np.array(models),
        given=np.char.rstrip(columns(76, 80).astype(str)),
        atom=columns(12, 16).astype(str),
        residue=residue,
        chain=chain,
        part=chain,
        number=_whole_numbers(columns(22, 26).astype(str)),
        insertion=np.char.strip(columns(26, 27).astype(str)),
        location=np.char.strip(columns(16, 17).astype(str)),
        hetero=columns(0, 6).astype(str) == "HETATM",
        columns=True,
    )


def _in_columns(line: str) -> str:
    """Return a line with its columns in place, also where a program counted them in bytes.

    That is where a letter takes two columns or more and the coordinates' decimal points say so.
    """
    if line.isascii() or all(line[i : i + 1] == "." for i in _POINTS):
        return line
    by_bytes = "".join(letter.ljust(len(letter.encode())) for letter in line)
    return by_bytes if all(by_bytes[i : i + 1] == "." for i in _POINTS) else line


def _check_coordinates(path: Path, lines: list[re.Match[str]]) -> None:
    """Name the first record whose coordinates are no numbers."""
    for match in lines:
        line = match[1]
        record = line[:6].strip()
        number = match.string.count("\n", 0, match.start()) + 1
        if len(line) < _COORDINATES_END:
            raise StructureError(
                f"{path}: line {number}: {record} record cut short at column {len(line)}, "
                f"coordinates reach to column {_COORDINATES_END}"
            )
        for axis, start, end in _PDB_COLUMNS:
            try:
                good = abs(float(line[start:end])) <= _FARTHEST
            except ValueError:
                good = False
            if not good:
                raise StructureError(
                    f"{path}: line {number}: {record} record: {axis}: wanted {_COORDINATE} in "
                    f"columns {start + 1}-{end}, got {line[start:end]!r}"
                )


def _in_reach(positions: np.ndarray) -> np.ndarray:
    """Return which positions, (n, 3) Å, are numbers and within reach of the origin, (n,)."""
    return (np.abs(positions) <= _FARTHEST).all(axis=1)


def _residue_and_chain(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the names in the columns 18 to 22: of residues, then of chains.

    Column 21 belongs to residues of four letters (POPC), which many programs write; but to chains
    of two where a polymer's residue has a letter beside it.
    """
    kinds, inverse = np.unique(cells, return_inverse=True)
    texts = [text.ljust(5) for text in kinds.tolist()]
    long_chains = any(t[3] != " " and is_polymer(t[:3].strip().upper()) for t in texts)
    split = 3 if long_chains else 4
    residues = np.array([text[:split].strip() for text in texts])
    chains = np.array([text[split:].strip() for text in texts])
    return residues[inverse], chains[inverse]


_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _whole_numbers(words: np.ndarray) -> np.ndarray:
    """Return words as numbers, also hybrid-36 ones (A000 after 9999); 0 for what is none."""
    kinds, inverse = np.unique(words, return_inverse=True)
    return np.array([_whole_number(word.strip()) for word in kinds.tolist()], "i4")[inverse]


def _whole_number(word: str) -> int:
    if re.fullmatch(r"[+-]?\d{1,9}", word):
        return int(word)
    if re.fullmatch(r"[A-Z][0-9A-Z]{3}|[a-z][0-9a-z]{3}", word):
        value = sum(_DIGITS.index(c) * 36**i for i, c in enumerate(reversed(word.upper())))
        first = 10 * 36**3
        return value - first + 10_000 + (26 * 36**3 if word[0].islower() else 0)
    return 0


def mmcif_block(path: Path, text: str) -> tuple[gemmi.cif.Block, int]:
    """Return the first block of an mmCIF file that holds atoms, and how many do."""
    import gemmi

    # What gemmi raises is not one type: ValueError for syntax, RuntimeError for content.
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        message = str(error).splitlines()[0].removeprefix("string:")
        raise StructureError(f"{path}: mmCIF syntax, line {message}") from None
    blocks = [b for b in document if len(b.find_mmcif_category("_atom_site."))]
    if not blocks:
        raise StructureError(f"{path}: no _atom_site records: no atoms in this mmCIF file")
    return blocks[0], len(blocks)


def mmcif_records(path: Path, block: gemmi.cif.Block) -> AtomRecords:
    """Return the atoms of an mmCIF file's ``_atom_site`` category.

    An author's names come first, as in PDB files, and the labels stand in for them and they for
    the labels.
    """
    import gemmi

    table = Category(path, block, "_atom_site.")
    n = len(table)
    axes = [table.column(f"Cartn_{axis}") for axis in "xyz"]
    positions = np.empty((n, 3))
    for i, axis in enumerate(axes):
        try:
            positions[:, i] = np.array(axis, dtype=np.float64)
        except ValueError:
            positions[:, i] = [gemmi.cif.as_number(word) for word in axis]
    atom = table.column("label_atom_id", "auth_atom_id")
    residue = table.column("label_comp_id", "auth_comp_id")
    chain = table.column("auth_asym_id", "label_asym_id")
    number = table.column("auth_seq_id", "label_seq_id")
    bad = np.flatnonzero(~_in_reach(positions))
    if len(bad):
        i = int(bad[0])
        words = ", ".join(column[i] for column in axes)
        raise StructureError(
            f"{path}: atom {shown(atom[i])} of residue {shown(residue[i])} {number[i]}, chain "
            f"{shown(chain[i])}: wanted {_COORDINATE} each, got {words}"
        )
    blank = [""] * n
    return AtomRecords(
        positions=positions * _NM_PER_ANGSTROM,
        model=_numbered(table.column("pdbx_PDB_model_num", default=blank)),
        given=np.array(table.column("type_symbol", default=blank)),
        atom=np.array(atom),
        residue=np.array(residue),
        chain=np.array(chain),
        part=np.array(table.column("label_asym_id", "auth_asym_id")),
        number=_whole_numbers(np.array(number)),
        insertion=np.array(table.column("pdbx_PDB_ins_code", default=blank)),
        location=np.array(table.column("label_alt_id", default=blank)),
        hetero=np.array(table.column("group_PDB", default=blank)) == "HETATM",
        columns=False,
    )


class Category:
    """A category of an mmCIF file as columns of words, unquoted; ``.`` and ``?`` are empty."""

    def __init__(self, path: Path, block: gemmi.cif.Block, name: str) -> None:
        self._path, self._name = path, name
        self._table = block.find_mmcif_category(name)
        self._tags = [tag.lower() for tag in self._table.tags]

    def __len__(self) -> int:
        return len(self._table)

    def column(self, *items: str, default: list[str] | None = None) -> list[str]:
        """Return the first of some items that is there, or the default; else name what misses."""
        import gemmi

        for item in items:
            tag = f"{self._name}{item}".lower()
            if tag in self._tags:
                raw = list(self._table.column(self._tags.index(tag)))
                meant = {word: gemmi.cif.as_string(word) for word in set(raw)}
                return [meant[word] for word in raw]
        if default is not None:
            return default
        wanted = " or ".join(f"{self._name}{item}" for item in items)
        raise StructureError(f"{self._path}: wanted the item {wanted}, which is missing")


def _numbered(words: list[str]) -> np.ndarray:
    """Return words as numbers from 0, in the order in which they first come."""
    order = {word: i for i, word in enumerate(dict.fromkeys(words))}
    return np.array([order[word] for word in words], dtype=np.int64)
