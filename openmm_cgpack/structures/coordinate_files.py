"""PDB and mmCIF files to atomic structures.

mmCIF is parsed by gemmi, whose tables of elements and residues are used too; atoms are columns of
what the file says, so that names of any length, models and alternate locations stay as they are.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from ..core.messages import said_of
from ..core.names import name_of_file
from ..core.runtime import StructureError
from ..core.settings import Settings, setting
from ..core.structure import ATOM_TABLE, AtomicStructure, Contents
from ..io.inputs import read_text
from .assemblies import chosen, copies, mmcif_assemblies, numbered_chains, pdb_assemblies
from .atom_records import AtomRecords, is_mmcif, mmcif_block, mmcif_records, pdb_records
from .elements import elements_of, virtual_sites, waters

MOST_BYTES = 2**29
"""Bytes of a file, unpacked: twice what the largest entries of the PDB have."""

_OVERLAP = 0.1
"""Atoms of two models nearer than this, nm, lie on one another."""


class Reading(Settings):
    """What of a structure file counts."""

    assembly: str | None = setting(
        "biological assembly to build, such as 1, from REMARK 350 or the mmCIF categories; left "
        "out, the file's own atoms",
        default=None,
    )
    models: Literal["first", "all"] = setting(
        "which of the file's models count: the first, or all together as one structure, for files "
        "that hold an assembly as models",
        default="first",
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

    Of atoms with alternate locations the first is read, so that the number of atoms is the same
    whichever format an entry comes in. What else is to be known, such as models that were not
    read, or atoms of unknown element, is said as a warning and stands in the structure's
    `contents`.

    Parameters
    ----------
    path : path-like
        The file. mmCIF where the suffix (``.cif``, ``.mmcif``) or the content says so, else PDB.
    reading : Reading, optional
        What of it counts. The copies' chains of an assembly, and those of several models, are
        numbered (A1, A2); atoms that symmetry puts on themselves (within 0.02 nm) are kept once.
    name : str, optional
        The file's name without its suffixes when left out.

    Returns
    -------
    AtomicStructure
        Positions (n, 3) in nm in the body frame: its origin is the centre of mass of the heavy
        atoms that are no water. Masses in Da; an atom of unknown element is a carbon. What is no
        matter (dummy atoms, lone pairs, extra points, Drude particles) is left out; the dummy
        atoms by which OPM marks a membrane give `membrane`.

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
    with said_of(path):
        return _loaded(path, reading, name)


def _loaded(path: Path, reading: Reading, name: str | None) -> AtomicStructure:
    text = _read_text(path)
    notes: list[str] = []
    if is_mmcif(path, text):
        block, n_blocks = mmcif_block(path, text)
        if n_blocks > 1:
            notes.append(f"{n_blocks} data blocks hold atoms, of which the first is read")
        records = mmcif_records(path, block)
        assemblies = mmcif_assemblies(path, block) if reading.assembly else {}
    else:
        records = pdb_records(path, text)
        assemblies = pdb_assemblies(path, text) if reading.assembly else {}
    n_models = int(records.model.max()) + 1
    records = _chosen_models(records, n_models, reading, notes)
    elements = elements_of(records.given, records.atom, records.residue, columns=records.columns)
    water = waters(records.given, records.residue)
    sites = virtual_sites(records.given, records.atom, records.residue)
    # Those of waters that do not count go with them.
    left_out = {
        "dummy_atoms": sites & ~(water & (not reading.waters)),
        "alternate_locations": _other_locations(records),
        "waters": water & (not reading.waters),
        "hydrogens": elements.hydrogen & (not reading.hydrogens),
        "hetero": records.hetero & ~water & (not reading.hetero),
    }
    generators = []
    if reading.assembly is not None:
        generators = chosen(path, assemblies, reading.assembly)
        chains = frozenset().union(*(generator.chains for generator in generators))
        left_out["outside_assembly"] = ~np.isin(records.part, list(chains))
        absent = sorted(chains - set(records.part.tolist()))
        if absent:
            notes.append(f"the assembly has chains without atoms in the file: {', '.join(absent)}")
    counts, keep = _counted(left_out)
    if not keep.any():
        counted = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in counts.items() if n)
        raise StructureError(
            f"{path}: none of the {len(keep)} atoms is left with waters={reading.waters}, "
            f"hydrogens={reading.hydrogens}, hetero={reading.hetero}: left out are {counted}"
        )
    unknown, contradicted = elements.unknown[keep], elements.contradicted[keep]
    notes += _notes_of(records.taken(keep), unknown, contradicted)
    dummies = records.taken(left_out["dummy_atoms"])
    if len(dummies):
        every = np.ones(len(dummies), dtype=bool)
        notes.append(f"{len(dummies)} dummy atoms or sites left out: {_named(dummies, every)}")
    membrane = _membrane(dummies.taken(dummies.residue == "DUM"), notes)

    source = np.flatnonzero(keep)
    kept = records.taken(source)
    positions, chain = kept.positions, kept.chain
    if generators:
        rows, positions, chain = copies(path, kept, generators)
        source, kept = source[rows], kept.taken(rows)
    masses = elements.masses[source]
    heavy = ~elements.hydrogen[source] & ~water[source]
    centred = heavy if heavy.any() else np.ones(len(source), dtype=bool)
    origin = np.average(positions[centred], axis=0, weights=masses[centred])
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=3)
    return AtomicStructure(
        name=name or name_of_file(path.name.split(".")[0]),
        positions=positions - origin,
        masses=masses,
        elements=elements.symbols[source],
        atom_table=_atom_table(kept, chain),
        membrane=None if membrane is None else membrane - origin,
        contents=Contents(
            atoms=len(records),
            models=n_models,
            models_read=n_models if reading.models == "all" else 1,
            unknown_elements=int(unknown.sum()),
            notes=tuple(notes),
            **counts,
        ),
        file_origin=origin,
        source=str(path) if reading.assembly is None else f"{path}, assembly {reading.assembly}",
    )


def _chosen_models(
    records: AtomRecords, n_models: int, reading: Reading, notes: list[str]
) -> AtomRecords:
    """Return the atoms of the models that count; say what the file's models seem to be."""
    first = records.taken(records.model == 0)
    if n_models == 1:
        return first
    # The parts of a complex lie beside each other, an ensemble's models on one another.
    tree = cKDTree(first.positions)
    others = records.positions[records.model > 0]
    sample = others[:: max(1, len(others) // 10_000)]
    distance, _ = tree.query(sample, distance_upper_bound=_OVERLAP)
    overlap = float(np.isfinite(distance).mean()) > 0.02
    if reading.models == "first":
        if not overlap:
            notes.append(
                f"{n_models} models beside each other, as the parts of an assembly, of which the "
                'first is read; models = "all" takes all'
            )
        return first
    if overlap:
        notes.append(
            f"{n_models} models that lie on one another, as those of an ensemble, taken as one "
            "structure"
        )
    return replace(records, chain=numbered_chains(records.chain, records.model + 1))


def _counted(left_out: dict[str, np.ndarray]) -> tuple[dict[str, int], np.ndarray]:
    """Return how many atoms each mask takes that none before it has, and which are left."""
    keep = np.ones(len(left_out["waters"]), dtype=bool)
    counts = {}
    for reason, mask in left_out.items():
        counts[reason] = int((keep & mask).sum())
        keep &= ~mask
    return counts, keep


def _notes_of(records: AtomRecords, unknown: np.ndarray, contradicted: np.ndarray) -> list[str]:
    """Return what is to be said of the elements of the atoms that are kept."""
    notes = []
    if unknown.any():
        notes.append(
            f"{int(unknown.sum())} atoms of unknown element, counted as carbon: "
            f"{_named(records, unknown)}"
        )
    if contradicted.any():
        notes.append(
            f"{int(contradicted.sum())} atoms whose element column says other than their residue "
            f"is made of; the column is taken: {_named(records, contradicted)}"
        )
    return notes


def _named(records: AtomRecords, mask: np.ndarray) -> str:
    """Return the first three kinds of some atoms as words."""
    atoms, residues = records.atom[mask].tolist(), records.residue[mask].tolist()
    kinds = list(dict.fromkeys((a.strip(), r) for a, r in zip(atoms, residues, strict=True)))
    words = ", ".join(f"{atom} of {residue}" for atom, residue in kinds[:3])
    return words + (", ..." if len(kinds) > 3 else "")


def _atom_table(records: AtomRecords, chain: np.ndarray) -> np.ndarray:
    columns = {
        "atom": np.char.strip(records.atom),
        "residue": records.residue,
        "chain": chain,
        "number": records.number,
    }
    wide = [(name, np.promote_types(ATOM_TABLE[name], c.dtype)) for name, c in columns.items()]
    table = np.empty(len(records), dtype=wide)
    for name, column in columns.items():
        table[name] = column
    return table


def _other_locations(records: AtomRecords) -> np.ndarray:
    """Return a mask of the atoms at other alternate locations than the first.

    Where residues of two names share a place, the first name stays. Where an atom and location
    come again in a residue of one chain and number, another copy of the residue begins.
    """
    other = np.zeros(len(records), dtype=bool)
    residues: dict[tuple[str, ...], str] = {}
    seen: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    for i in np.flatnonzero(records.location != ""):
        place = (
            str(records.model[i]),
            str(records.chain[i]),
            str(records.number[i]),
            str(records.insertion[i]),
        )
        residue, location = str(records.residue[i]), str(records.location[i])
        atom = f"{residue} {records.atom[i]}"
        if (atom, location) in seen.setdefault(place, set()):
            seen[place].clear()
            residues.pop(place)
        first = residues.setdefault(place, residue)
        there = {name for name, _ in seen[place]}
        other[i] = first != residue or atom in there
        seen[place].add((atom, location))
    return other


def _membrane(dummies: AtomRecords, notes: list[str]) -> np.ndarray | None:
    """Return a point (2, 3) on each boundary of the membrane that OPM's dummy atoms mark.

    Its atoms N lie on the inner boundary, O on the outer one. The normal is that of the plane
    through either, fitted together.
    """
    if not len(dummies):
        return None
    names = np.char.strip(dummies.atom)
    inner, outer = (dummies.positions[names == name] for name in "NO")
    if min(len(inner), len(outer)) < 3:
        return None
    middles = np.stack([inner.mean(axis=0), outer.mean(axis=0)])
    spread = np.concatenate([inner - middles[0], outer - middles[1]])
    _, extents, axes = np.linalg.svd(spread, full_matrices=False)
    normal = axes[2]
    thickness = float((middles[1] - middles[0]) @ normal)
    if extents[1] < 1e-6 or abs(thickness) < 1e-6:
        return None
    if extents[2] / np.sqrt(len(spread)) > 0.1 * abs(thickness):
        notes.append("the dummy atoms lie on curved boundaries; the membrane is their mean plane")
    half = thickness / 2 * normal
    return middles.mean(axis=0) + np.stack([-half, half])


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
