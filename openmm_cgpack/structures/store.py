"""Reduced structures as small files."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from ..core.runtime import StructureError
from ..core.structure import AtomicStructure
from ..io.atomic import atomic_path

_FIELDS = ("positions", "masses", "atoms", "spread", "scales")


def write_points(path: str | os.PathLike[str], structure: AtomicStructure) -> None:
    """Write a reduced structure's points as whole numbers times a scale, about 9 bytes a point.

    Positions have 16 bits an axis (0.3 pm for a molecule of 10 nm radius), masses 16 bits, spreads
    8 bits and are rounded up, so that they still hold every atom.

    Parameters
    ----------
    path : path-like
        The ``.npz`` file; it is written beside its place and renamed.
    structure : AtomicStructure
        Points in the body frame.
    """
    step = float(np.abs(structure.positions).max()) / 32767 or 1.0
    mass = float(structure.masses.max()) / 65535
    # A point moves by at most half a step an axis.
    spread = structure.spread + step
    wide = float(spread.max()) / 255
    arrays = {
        "positions": np.rint(structure.positions / step).astype(np.int16),
        "masses": np.rint(structure.masses / mass).astype(np.uint16),
        "atoms": structure.atoms.astype(np.min_scalar_type(int(structure.atoms.max()))),
        "spread": np.minimum(np.ceil(spread / wide), 255).astype(np.uint8),
        "scales": np.array([step, mass, wide]),
    }
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def read_points(
    path: str | os.PathLike[str],
    *,
    name: str,
    mass: float,
    envelope_volume: float,
    point_variance: float,
    source: str = "",
) -> AtomicStructure:
    """Read what `write_points` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    name : str
        Name of the structure.
    mass : float
        Its total mass, Da, which the points' rounded masses are made to have.
    envelope_volume : float
        Volume of its envelope, nm^3.
    point_variance : float
        As in `AtomicStructure`, nm^2.
    source : str, optional
        Where it came from.

    Returns
    -------
    AtomicStructure
        Its centre of mass at the origin.

    Raises
    ------
    StructureError
        The file is missing or broken.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            positions, masses, atoms, spread, scales = (file[field] for field in _FIELDS)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise StructureError(f"{path}: no file of reduced points: {error}") from None
    masses = masses * scales[1]
    masses *= mass / masses.sum()
    positions = positions * scales[0]
    positions -= np.average(positions, axis=0, weights=masses)
    return AtomicStructure(
        name=name,
        positions=positions,
        masses=masses,
        atoms=atoms.astype(np.int64),
        spread=spread * scales[2],
        point_variance=point_variance,
        envelope_volume=envelope_volume,
        source=source,
    )
