"""PDB and mmCIF files to atomic structures.

Read by gemmi: it reads both formats, expands assemblies, and keeps what mdtraj drops (altlocs,
insertion codes, elements of every residue).
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.names import name_of_file
from ..core.runtime import StructureError
from ..core.settings import Settings, setting
from ..core.structure import ATOM_TABLE, AtomicStructure
from ..io.inputs import read_text

if TYPE_CHECKING:
    import gemmi

MOST_BYTES = 2**29
"""Bytes of a file, unpacked: twice what the largest entries of the PDB have."""

# Names that programs give to water beside those that gemmi's table knows.
_WATERS = frozenset({"SOL", "TIP", "TIP3", "TIP4", "TIP5", "T3P", "T4P", "SPC"})
_ONE_LETTER = frozenset("HDCNOPSFIKBVWUY")
_NM_PER_ANGSTROM = 0.1
_CIF_SUFFIXES = (".cif", ".mmcif")
_PDB_COLUMNS = (("x", 30, 38), ("y", 38, 46), ("z", 46, 54))


class Reading(Settings):
    """What of a structure file counts."""

    assembly: str | None = setting(
        "biological assembly to build, such as 1, from REMARK 350 or the mmCIF categories; left "
        "out, the file's own atoms",
        default=None,
    )
    waters: bool = setting("whether waters count", default=False)
    hydrogens: bool = setting("whether hydrogen and deuterium atoms count", default=False)
    hetero: bool = setting(
        "whether ligands and other HETATM records count, among them modified residues",
        default=True,
    )


def load_structure(
    path: str | os.PathLike[str], reading: Reading = Reading(), *, name: str | None = None
) -> AtomicStructure:
    """Read a molecule from a PDB or mmCIF file, plain or gzipped.

    The first model is read, and of atoms with alternate locations the first, so that the number
    of atoms is the same whichever format an entry comes in.

    Parameters
    ----------
    path : path-like
        The file. mmCIF where the suffix (``.cif``, ``.mmcif``) or the content says so, else PDB.
    reading : Reading, optional
        What of it counts. The copies' chains of an assembly are numbered (A1, A2); atoms that
        symmetry puts on themselves (within 0.02 nm) are kept once.
    name : str, optional
        The file's name without its suffixes when left out.

    Returns
    -------
    AtomicStructure
        Positions (n, 3) in nm in the body frame: its origin is the centre of mass of the heavy
        atoms that are no water. Masses in Da; an atom of unknown element counts as carbon.

    Raises
    ------
    StructureError
        The file is missing, broken or without atoms, or does not have the assembly.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> line = "ATOM      1  CA  GLY A   1      11.000  20.000  30.000  1.00  0.00           C"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "one.pdb")
    ...     _ = path.write_text(line)
    ...     structure = load_structure(path)
    >>> structure.name, structure.n_atoms, structure.file_origin
    ('one', 1, array([1.1, 2. , 3. ]))
    """
    path = Path(path)
    text = _read_text(path)
    model = _parse(path, text)
    while len(model) > 1:
        del model[-1]
    source = str(path)
    if reading.assembly is not None:
        _expand(path, model, reading.assembly)
        source += f", assembly {reading.assembly}"
    table = _Atoms(model)
    keep = _first_locations(table)
    if not reading.waters:
        keep &= ~table.water
    if not reading.hydrogens:
        keep &= ~table.hydrogen
    if not reading.hetero:
        keep &= table.water | ~table.hetero
    if not keep.any():
        raise StructureError(
            f"{path}: none of the {len(keep)} atoms is left with "
            f"waters={reading.waters}, hydrogens={reading.hydrogens}, hetero={reading.hetero}"
        )
    bad = np.flatnonzero(~np.isfinite(table.positions).all(axis=1))
    if len(bad):
        row = table.names[bad[0]]
        raise StructureError(
            f"{path}: atom {row['atom']} of residue {row['residue']} {row['number']}, chain "
            f"{row['chain']}: wanted finite coordinates, got {table.positions[bad[0]].tolist()}"
        )
    heavy = keep & ~table.hydrogen & ~table.water
    centred = heavy if heavy.any() else keep
    origin = np.average(table.positions[centred], axis=0, weights=table.masses[centred])
    return AtomicStructure(
        name=name or name_of_file(path.name.split(".")[0]),
        positions=table.positions[keep] - origin,
        masses=table.masses[keep],
        elements=table.elements[keep],
        atom_table=table.names[keep],
        file_origin=origin,
        source=source,
    )


def _read_text(path: Path) -> str:
    """Return the text of a file that is plain or compressed."""
    try:
        text = read_text(path, most=MOST_BYTES)
    except OSError as error:
        raise StructureError(f"{path}: {error.strerror or 'no such file'}") from None
    except ValueError as error:
        raise StructureError(str(error)) from None
    if not text or text.isspace():
        raise StructureError(f"{path}: the file is empty")
    return text


def _is_mmcif(path: Path, text: str) -> bool:
    """Return whether a file is mmCIF: its suffix says so, or its first statement does."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes and suffixes[-1] in _CIF_SUFFIXES:
        return True
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            return line.lower().startswith("data_")
    return False


def _check_pdb(path: Path, text: str) -> int:
    """Check the coordinates of the first model's ATOM and HETATM records; return their number.

    PDB readers take what they can of a broken number; a structure with atoms at zero would come
    out. So every record is checked before the reader sees it.
    """
    count = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("ATOM  ", "HETATM")):
            count += 1
            if len(line.rstrip()) < 54:
                raise StructureError(
                    f"{path}: line {number}: {line[:6].strip()} record cut short at column "
                    f"{len(line.rstrip())}, coordinates reach to column 54"
                )
            for axis, start, end in _PDB_COLUMNS:
                try:
                    finite = math.isfinite(float(line[start:end]))
                except ValueError:
                    finite = False
                if not finite:
                    raise StructureError(
                        f"{path}: line {number}: {line[:6].strip()} record: {axis}: wanted a "
                        f"finite number in columns {start + 1}-{end}, got {line[start:end]!r}"
                    )
        elif count and (line.startswith("ENDMDL") or line.rstrip() == "END"):
            break
    if not count:
        raise StructureError(f"{path}: no ATOM or HETATM record: no PDB file, or no atoms in it")
    return count


def _parse(path: Path, text: str) -> gemmi.Structure:
    import gemmi

    # What gemmi raises is not one type: ValueError for syntax, RuntimeError for content.
    if _is_mmcif(path, text):
        try:
            document = gemmi.cif.read_string(text)
        except (ValueError, RuntimeError) as error:
            message = str(error).splitlines()[0].removeprefix("string:")
            raise StructureError(f"{path}: mmCIF syntax, line {message}") from None
        blocks = [block for block in document if block.find_loop("_atom_site.Cartn_x")]
        if not blocks:
            raise StructureError(f"{path}: no _atom_site records: no atoms in this mmCIF file")
        loop = blocks[0].find_loop("_atom_site.Cartn_x").get_loop()
        n_rows = loop.length()
        # gemmi reads no atom of a file that leaves this item out, as some programs do.
        if "_atom_site.label_alt_id" not in loop.tags:
            loop.add_columns(["_atom_site.label_alt_id"], ".")
        try:
            structure = gemmi.make_structure_from_block(blocks[0])
        except (ValueError, RuntimeError, IndexError) as error:
            raise StructureError(f"{path}: mmCIF: {str(error).splitlines()[0]}") from None
        understood = sum(item.count_atom_sites() for item in structure)
        if understood != n_rows:
            raise StructureError(
                f"{path}: {n_rows} rows of _atom_site, of which {understood} are understood"
            )
        return structure
    records = _check_pdb(path, text)
    try:
        structure = gemmi.read_pdb_string(text)
    except (ValueError, RuntimeError, IndexError) as error:
        raise StructureError(f"{path}: PDB: {str(error).splitlines()[0]}") from None
    understood = structure[0].count_atom_sites() if len(structure) else 0
    if understood != records:
        raise StructureError(
            f"{path}: {records} ATOM and HETATM records, of which {understood} are understood"
        )
    return structure


def _expand(path: Path, structure: gemmi.Structure, assembly: str) -> None:
    import gemmi

    present = [item.name for item in structure.assemblies]
    if not present:
        raise StructureError(
            f"{path}: assembly {assembly!r} asked for, but the file describes no assembly "
            "(REMARK 350 in PDB files, _pdbx_struct_assembly_gen in mmCIF)"
        )
    if assembly not in present:
        raise StructureError(
            f"{path}: no assembly {assembly!r}; the file has {', '.join(map(repr, present))}"
        )
    structure.setup_entities()
    try:
        structure.transform_to_assembly(assembly, gemmi.HowToNameCopiedChain.AddNumber)
    except (ValueError, RuntimeError) as error:
        raise StructureError(f"{path}: assembly {assembly!r}: {error}") from None


class _Atoms:
    """The atoms of a gemmi structure as arrays; positions in nm."""

    def __init__(self, structure: gemmi.Structure) -> None:
        import gemmi

        flat = gemmi.FlatStructure(structure)
        n = len(flat)
        self.positions = np.array(flat.pos, dtype=np.float64) * _NM_PER_ANGSTROM
        self.names = np.zeros(n, dtype=ATOM_TABLE)
        self.names["atom"] = _text(np.array(flat.atom_names))
        self.names["residue"] = _text(np.array(flat.residue_names))
        self.names["chain"] = _text(np.array(flat.chain_ids))
        self.names["number"] = flat.resnums
        self.insertion = np.array(flat.icodes)
        self.location = np.array(flat.altlocs)
        self.hetero = np.array(flat.het_flags) == ord("H")
        residues, inverse = np.unique(self.names["residue"], return_inverse=True)
        water = [
            residue in _WATERS or gemmi.find_tabulated_residue(str(residue)).is_water()
            for residue in residues
        ]
        self.water = np.array(water, dtype=bool)[inverse]
        symbols = np.array(flat.element_names).astype("U2")
        for i in np.flatnonzero(symbols == "X"):
            symbols[i] = _guess(str(self.names["atom"][i]), str(self.names["residue"][i]))
        kinds, inverse = np.unique(symbols, return_inverse=True)
        elements = [gemmi.Element(str(kind)) for kind in kinds]
        carbon = gemmi.Element("C").weight
        weights = [carbon if e.name == "X" else e.weight for e in elements]
        self.elements = np.array([e.name for e in elements], dtype="U2")[inverse]
        self.masses = np.array(weights, dtype=np.float64)[inverse]
        self.hydrogen = np.array([e.is_hydrogen for e in elements], dtype=bool)[inverse]


def _text(characters: np.ndarray) -> np.ndarray:
    return characters.view(f"S{characters.shape[1]}")[:, 0].astype("U")


def _guess(atom: str, residue: str) -> str:
    """Return the element of an atom for which the file gives none, "X" where the name is no help.

    An ion's residue has the atom's own name; every other atom's name begins with its symbol,
    of one letter for all but rare elements.
    """
    import gemmi

    letters = atom.strip().lstrip("0123456789'\"*").upper()
    if letters and letters == residue.strip().upper():
        ion = gemmi.Element(letters[:2].rstrip("0123456789"))
        if ion.name != "X":
            return ion.name
    if letters[:1] in _ONE_LETTER:
        return letters[0]
    return gemmi.Element(letters[:2]).name if letters else "X"


def _first_locations(table: _Atoms) -> np.ndarray:
    """Return a mask of the atoms left when each alternate location but the first goes.

    Where residues of two names share a place, the first name stays.
    """
    keep = np.ones(len(table.names), dtype=bool)
    residues: dict[tuple[str, int, int], str] = {}
    seen: set[tuple[str, int, int, str]] = set()
    for i in np.flatnonzero(table.location):
        row = table.names[i]
        place = (str(row["chain"]), int(row["number"]), int(table.insertion[i]))
        atom = (*place, str(row["atom"]))
        first = residues.setdefault(place, str(row["residue"]))
        if first != row["residue"] or atom in seen:
            keep[i] = False
        seen.add(atom)
    return keep
