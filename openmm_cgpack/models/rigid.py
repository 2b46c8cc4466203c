"""Molecules as rigid bodies of balls (section 2.1.1 of the paper)."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from ..core.arrays import positive
from ..core.model import BallModel
from ..core.structure import AtomicStructure
from .clusters import kmeans, number_of_balls
from .constants import ATOM_RADIUS, BALL_MASS, PAPER_BOND_K

Radius = Literal["farthest", "volume"]


def coarse_grain(
    structure: AtomicStructure,
    *,
    atoms_per_ball: float = 5000,
    radius: Radius = "farthest",
    bond_k: float = PAPER_BOND_K,
    ball_mass: float = BALL_MASS,
    n_init: int = 10,
    seed: int | np.random.SeedSequence,
) -> BallModel:
    """Return a molecule as balls at the means of k-means clusters of its atoms."""
    from ..structures import envelope_volume

    if radius not in get_args(Radius):
        raise ValueError(f"radius: wanted 'farthest' or 'volume', got {radius!r}")
    k = number_of_balls(structure.n_atoms, positive(atoms_per_ball, "atoms_per_ball"))
    centres, labels = kmeans(structure, k, n_init=n_init, seed=seed)
    distance = np.linalg.norm(structure.positions - centres[labels], axis=1) + structure.spread
    radii = np.full(k, ATOM_RADIUS)
    np.maximum.at(radii, labels, distance)
    return BallModel(
        name=structure.name,
        positions=centres,
        radii=radii,
        masses=np.full(k, positive(ball_mass, "ball_mass")),
        bonds=np.stack(np.triu_indices(k, 1), axis=1),
        bond_k=positive(bond_k, "bond_k"),
        rigid_groups=(np.arange(k),),
        volume=envelope_volume(structure),
        structure=structure,
    )
