"""What is in the scene of a recipe: molecules, filaments and membranes, and how many of each."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .fields import Section, key

_FILE_ONLY = ("assembly", "waters", "hydrogens", "hetero")


@dataclass(frozen=True, kw_only=True)
class Molecule(Section):
    """A rigid molecule: one of ``species``, ``pdb`` and ``id`` says which."""

    species: str | None = key("name of a species of the shipped library", default=None)
    pdb: str | None = key(
        "path of a PDB or mmCIF file, plain or gzipped, relative to the recipe's folder",
        default=None,
    )
    id: str | None = key("PDB id to download, with a cache", default=None)
    count: int = key("how many instances", minimum=1)
    name: str | None = key(
        "name of the species; else that of the species, file or id", default=None
    )
    assembly: str | None = key(
        "biological assembly to expand, of files and downloads", default=None
    )
    waters: bool = key("whether waters of the file count", default=False)
    hydrogens: bool = key("whether hydrogens of the file count", default=False)
    hetero: bool = key("whether ligands and other hetero atoms of the file count", default=True)
    model: Literal["balls", "single"] = key(
        "several balls, or one enclosing ball as the baseline", default="balls"
    )
    atoms_per_ball: int = key("atoms that a ball stands for, of eq. 3", default=5000, minimum=1)
    radius: Literal["farthest", "volume"] = key(
        "radii to the farthest atom, or such that the balls' union has the envelope's volume",
        default="farthest",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("species", "pdb", "id") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"wanted one of species, pdb and id, got {' and '.join(given) or 'none'}"
            )
        if self.species is not None:
            if re.search(r"[/\\]|\.(pdb|ent|cif|mmcif|gz)$", self.species, re.IGNORECASE):
                raise ValueError(
                    f'species: wanted one of the library, got "{self.species}"; files are for pdb'
                )
            for field in dataclasses.fields(self):
                if field.name in self.unused and getattr(self, field.name) != field.default:
                    raise ValueError(f"{field.name}: is for files and downloads, not for species")

    @property
    def unused(self) -> tuple[str, ...]:
        """Keys that mean nothing for this entry."""
        return () if self.species is None else _FILE_ONLY

    @property
    def label(self) -> str:
        """Name of the species in scenes and tables."""
        if self.name is not None:
            return self.name
        if self.pdb is not None:
            return Path(self.pdb).name.split(".")[0]
        return str(self.species if self.species is not None else self.id).lower()


@dataclass(frozen=True, kw_only=True)
class Filament(Section):
    """A filament that bends."""

    name: str = key("name of the species", default="filament")
    count: int = key("how many instances", default=1, minimum=1)
    n_balls: int = key("balls along the chain", minimum=2)
    radius: float = key("radius of a ball", default=2.0, unit="nm", above=0)
    angle_k: float = key(
        "bending constant; 0 bends freely", default=0.0, unit="kJ/mol/rad²", minimum=0
    )
    persistence_length: float | None = key(
        "bending stiffness as a persistence length at the temperature of [pack], "
        "in place of angle_k",
        default=None,
        unit="nm",
        above=0,
    )
    density: float = key("mass density inside the tube", default=813.0, unit="Da/nm³", above=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.persistence_length is not None and self.angle_k > 0:
            raise ValueError("persistence_length: stands in place of angle_k; wanted one, got both")

    @property
    def label(self) -> str:
        """Name of the species in scenes and tables."""
        return self.name


@dataclass(frozen=True, kw_only=True)
class Membrane(Section):
    """A sheet that bends."""

    name: str = key("name of the species", default="membrane")
    count: int = key("how many instances", default=1, minimum=1)
    shape: tuple[int, int] = key("balls along the two edges", minimum=2)
    radius: float = key("radius of a ball", default=4.0, unit="nm", above=0)
    spacing: float | None = key(
        "distance between neighbours along the edges, one to two radii; left out, balls touch",
        default=None,
        unit="nm",
        above=0,
    )
    angle_k: float = key(
        "bending constant; 0 bends freely", default=0.0, unit="kJ/mol/rad²", minimum=0
    )
    thickness: float = key("thickness of the bilayer painted", default=4.0, unit="nm", above=0)
    density: float = key(
        "mean mass density through the bilayer", default=605.0, unit="Da/nm³", above=0
    )

    @property
    def label(self) -> str:
        """Name of the species in scenes and tables."""
        return self.name
