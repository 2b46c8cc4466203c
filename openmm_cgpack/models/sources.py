"""Where a structure comes from: the shipped library, a file, or the PDB."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from ..core.messages import within
from ..core.names import name_of_file
from ..core.settings import setting
from ..core.structure import AtomicStructure
from ..structures import Reading, fetch_structure, library, load_structure
from .structure import Structure


class Source(Structure, Reading):
    """A kind of structure whose density is a molecule's: `species`, `pdb` and `id` say which."""

    species: str | None = setting("name of a species of the shipped library", default=None)
    pdb: Path | None = setting("a PDB or mmCIF file, plain or gzipped", default=None)
    id: str | None = setting("PDB id to download, with a cache", default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("species", "pdb", "id") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"wanted one of species, pdb and id, got {' and '.join(given) or 'none'}"
            )
        if self.species is not None and re.search(
            r"[/\\]|\.(pdb|ent|cif|mmcif|gz)$", self.species, re.IGNORECASE
        ):
            raise ValueError(
                f'species: wanted one of the library, got "{self.species}"; files are for pdb'
            )

    def meaningless(self) -> dict[str, str]:
        """Return what the library's species have no use for."""
        nothing = super().meaningless()
        if self.species is not None:
            of_files = (field.name for field in dataclasses.fields(Reading))
            nothing |= dict.fromkeys(of_files, "for species: it is for files and downloads")
        return nothing

    @property
    def label(self) -> str:
        """Name of the species in scenes and tables: that given, else of species, file or id."""
        if self.name is not None:
            return self.name
        if self.pdb is not None:
            return name_of_file(self.pdb.name.split(".")[0])
        return str(self.species or self.id).lower()

    @property
    def has_atoms(self) -> bool:
        """Whether the structure has all atoms; the library's species are points."""
        return self.species is None

    def check_files(self) -> None:
        """Raise an error unless its file is there, or the library has its species."""
        super().check_files()
        if self.species is not None:
            with within("species"):
                library.entry(self.species)

    def read(self) -> AtomicStructure:
        """Return the molecule's atoms, or the library's points, under its label."""
        if self.species is not None:
            with within("species"):
                return dataclasses.replace(library.load(self.species), name=self.label)
        if self.pdb is not None:
            with within("pdb"):
                structure = load_structure(self.pdb, self, name=self.label)
            # Only the file's name: where it lies differs from machine to machine.
            return dataclasses.replace(structure, source=self.pdb.name)
        with within("id"):
            return fetch_structure(str(self.id), self, name=self.label)
