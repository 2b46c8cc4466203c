"""What a scene holds: counts of species, their masses, and what their hydrogens would add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..core import AtomicStructure, BallModel, Scene
from ..core.display import described
from .contacts import heavy_atoms

_PROTEIN = (13.22, 1.01)
_NUCLEIC = (14.57, 0.55)
"""Mean mass of a heavy atom (Da) and hydrogens for each, of the mean residue of proteins
(C 4.9, N 1.35, O 1.47, S 0.04, H 7.86) and of RNA (C 9.5, N 3.75, O 7, P 1, H 11.6)."""

_HYDROGEN = 1.008


@described
@dataclass(frozen=True, kw_only=True)
class SpeciesCount:
    """How many instances of a species there are.

    Parameters
    ----------
    name : str
        Name of the species.
    asked : int or None
        How many were asked for; None where that is not known.
    placed : int
        How many there are.
    volume : float
        Envelope volume of one, nm^3.
    mass : float
        Mass of the heavy atoms of one, Da.
    """

    name: str
    asked: int | None
    placed: int
    volume: float
    mass: float


def species_counts(scene: Scene, asked: Mapping[str, int] | None) -> tuple[SpeciesCount, ...]:
    """Return what was asked for, by name, beside what a scene holds."""
    names = [model.name for model in scene.species]
    for name in asked or ():
        if name not in names:
            raise ValueError(f"asked: no species is called {name!r}, only {', '.join(names)}")
    placed = np.bincount(scene.species_index, minlength=len(names))
    return tuple(
        SpeciesCount(
            name=model.name,
            asked=None if asked is None else int(asked.get(model.name, 0)),
            placed=int(placed[s]),
            volume=model.volume,
            mass=species_masses(model)[0],
        )
        for s, model in enumerate(scene.species)
    )


def species_masses(model: BallModel) -> tuple[float, float]:
    """Return the mass of the heavy atoms of a model, and that with hydrogens, Da.

    Filaments and membranes count with the mass that is drawn of them, alike in both: a filament's
    heavy atoms, and for a bilayer as much protein as has its contrast. A model of balls alone has
    no mass but that of its dynamics, which is none: 0.
    """
    if model.structure is not None:
        heavy, whole = structure_masses(model.structure)
        return heavy * model.copies, whole * model.copies
    if model.geometry is not None:
        mass = model.volume * model.geometry.density
        return mass, mass
    return 0.0, 0.0


def structure_masses(structure: AtomicStructure) -> tuple[float, float]:
    """Return the mass of a structure's heavy atoms, and that with hydrogens, Da.

    Structures mostly come without hydrogens. How many there would be follows from the mean mass of
    a heavy atom, which tells protein from nucleic acid.
    """
    heavy = heavy_atoms(structure)
    mass = float(structure.masses[heavy].sum())
    number = int(structure.atoms[heavy].sum())
    present = structure.n_atoms - number
    if present > number / 4:
        return mass, structure.mass
    nucleic = np.clip((mass / number - _PROTEIN[0]) / (_NUCLEIC[0] - _PROTEIN[0]), 0, 1)
    hydrogens = (1 - nucleic) * _PROTEIN[1] + nucleic * _NUCLEIC[1]
    return mass, mass + number * float(hydrogens) * _HYDROGEN
