"""The paper's 20 types, and what stands in for those that the library lacks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from openmm_cgpack.core import AtomicStructure
from openmm_cgpack.structures import library


@dataclass(frozen=True, kw_only=True)
class PaperType:
    """One of the paper's types of macromolecules."""

    pdb_id: str  # of the entry that the paper used
    molecule: str
    species: str  # of the library, used here
    pei_radius: float  # of the sphere around its 4 nm map in Pei et al. 2016, Table S1, nm

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.species.upper()} for {self.pdb_id}" if self.replaced else self.pdb_id

    @property
    def replaced(self) -> bool:
        """Whether another molecule stands in for it."""
        return self.pdb_id.lower() != self.species


_ROWS = (
    ("1A1S", "ornithine carbamoyltransferase", "3h84", 3.9597),
    ("1BXR", "carbamoyl-phosphate synthetase", "1bxr", 12.0576),
    ("1EQR", "aspartyl-tRNA synthetase", "2cg9", 8.2916),
    ("1F1B", "aspartate transcarbamoylase", "1f1b", 6.7334),
    ("1GYT", "aminopeptidase A", "1gyt", 12.2575),
    ("1KP8", "GroEL", "1oel", 9.8714),
    ("1KYI", "HslUV", "1g3i", 10.2705),
    ("1QO1", "F1c10 ATP synthase", "1u6g", 10.6771),
    ("1VPX", "transaldolase", "1bxn", 9.0134),
    ("2REC", "RecA hexamer", "3hhb", 7.0887),
    ("1VRG", "propionyl-CoA carboxylase beta", "3d2f", 6.8439),
    ("1W6T", "enolase", "1w6t", 4.767),
    ("1YG6", "ClpP", "1yg6", 6.8267),
    ("2BO9", "carboxypeptidase A4-latexin", "2bo9", 6.6997),
    ("2BYU", "Acr1 (HSP16.3)", "2byu", 6.6332),
    ("2GHO", "Taq RNA polymerase", "2gho", 7.6688),
    ("2GLS", "glutamine synthetase", "1aon", 8.3555),
    ("2H12", "citrate synthase", "2h12", 7.0397),
    ("2IDB", "UbiD", "3gl1", 6.6077),
    ("3DY4", "yeast 20S proteasome", "3j9i", 9.7921),
)
PAPER_TYPES = tuple(
    PaperType(pdb_id=pdb_id, molecule=molecule, species=species, pei_radius=radius)
    for pdb_id, molecule, species, radius in _ROWS
)
"""The 20 types of the paper, from Pei et al. 2016, in the order of docs/reference/library.md."""


def paper_types(*pdb_ids: str) -> tuple[PaperType, ...]:
    """Return the types of these PDB ids, in that order.

    Examples
    --------
    >>> [t.species for t in paper_types("1KYI", "2GHO")]
    ['1g3i', '2gho']
    """
    known = {t.pdb_id: t for t in PAPER_TYPES}
    missing = [name for name in pdb_ids if name not in known]
    if missing:
        raise ValueError(f"pdb_ids: the paper has no type {missing[0]!r}")
    return tuple(known[name] for name in pdb_ids)


def structures_of(
    types: Sequence[PaperType], folder: str | os.PathLike[str] | None = None
) -> tuple[AtomicStructure, ...]:
    """Return the molecules of some types.

    Every atom is used where `folder` has the structure file that the library was built from, the
    library's points elsewhere.
    """
    return tuple(library.load(t.species, structures=folder) for t in types)


def replacements(types: Sequence[PaperType]) -> str:
    """Return a text that says which molecules stand in for which, and which are parts.

    Examples
    --------
    >>> replacements(paper_types("1VPX", "2BO9"))
    'Replaced: 1VPX (transaldolase) by 1BXN (RuBisCO). As in the paper: 2BO9.'
    """
    swapped = [
        f"{t.pdb_id} ({t.molecule}) by {t.species.upper()} ({library.entry(t.species).title})"
        for t in types
        if t.replaced
    ]
    kept = []
    for t in types:
        if not t.replaced:
            note = library.entry(t.species).note
            kept.append(f"{t.pdb_id} ({note})" if note else t.pdb_id)
    parts = []
    if swapped:
        parts.append(f"Replaced: {'; '.join(swapped)}.")
    if kept:
        parts.append(f"As in the paper: {'; '.join(kept)}.")
    return " ".join(parts)
