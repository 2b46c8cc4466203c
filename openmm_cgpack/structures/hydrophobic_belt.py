"""Where a membrane lies about a protein, found from the hydrophobic belt around it.

A residue that looks out of the protein to the side is in lipid or in water. The membrane is the
slab in which those that do would have gained most by leaving the water: all directions of its
normal, heights and thicknesses of lipid bilayers are tried, as TMDET does (Tusnády, Dosztányi,
Simon 2004, Bioinformatics 20, 2964). A pore's walls look at each other and do not count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from ..core.display import described
from ..core.runtime import StructureError
from ..core.structure import AtomicStructure, MembranePlane

TRANSFER_ENERGY = {
    **{"ALA": 0.50, "ARG": 1.81, "ASN": 0.85, "ASP": 3.64, "CYS": -0.02, "GLN": 0.77},
    **{"GLU": 3.63, "GLY": 1.15, "HIS": 0.11, "ILE": -1.12, "LEU": -1.25, "LYS": 2.80},
    **{"MET": -0.67, "PHE": -1.71, "PRO": 0.14, "SER": 0.46, "THR": 0.25, "TRP": -2.09},
    **{"TYR": -0.71, "VAL": -0.46},
}
"""Free energy of a residue from water to octanol, kcal/mol (White, Wimley 1999, Annu. Rev. Biophys.
Biomol. Struct. 28, 319), histidine neutral."""

SUGARS = ("NAG", "NDG", "BMA", "MAN", "BGC", "GAL", "FUC", "FUL", "SIA")
"""Residues of glycans, which are on the outer side alone: they are made in the secretory path."""

HALF_THICKNESSES = np.arange(1.2, 1.75, 0.1)
"""Of the hydrophobic core of bilayers, nm; OPM's proteins have 1.1 to 1.7."""

LEAST_GAIN = 5.0
"""What a belt gains at least, kcal/mol: three channels have 19 to 31, and of eight soluble proteins
the best slabs 0 to 1.7."""

_RAYS = 150
_AXES = 1000
_SIDEWAYS = np.sin(np.deg2rad(15))
"""How far out of the membrane's plane a ray leads that still counts as sideways."""

_VOXEL = 0.2
_FILLED = 0.3
"""Where an atom and half a lipid's tail leave no room, nm about the atom's centre."""
_START = 0.45
_STEP = 0.05
_BACKBONE = ("N", "CA", "C", "O", "OXT")


@described
@dataclass(frozen=True)
class Belt:
    """The membrane that was found, and the residues that speak for it.

    Parameters
    ----------
    plane : MembranePlane
        In the body frame. Its normal leads to the side of the glycans; without any, to the side
        with fewer arginines and lysines next to the membrane, which is mostly the outer one
        (positive-inside rule, von Heijne 1992, J. Mol. Biol. 225, 487).
    gain : float
        What the residues in it gain together by leaving water, kcal/mol.
    residues : (r, 3) array
        Where the residues' side chains are in the body frame, nm.
    energies : (r,) array
        From water to lipid, kcal/mol.
    exposure : (r,) array
        Part of the sideways directions in which a residue looks out of the protein.
    """

    plane: MembranePlane
    gain: float
    residues: np.ndarray
    energies: np.ndarray
    exposure: np.ndarray


def find_belt(structure: AtomicStructure) -> Belt:
    """Return the hydrophobic belt of a protein, and the membrane that it says.

    Parameters
    ----------
    structure : AtomicStructure
        All atoms, with their residues.

    Returns
    -------
    Belt
        The membrane with the largest gain, to about 3 degrees and 0.2 nm.

    Raises
    ------
    StructureError
        There are no residues, or no belt that gains 5 kcal/mol.
    """
    table = structure.atom_table
    if table is None:
        raise StructureError(
            f"{structure.name}: wanted all atoms with their residues to find a membrane from, got "
            "points that stand for several; say its axis and height"
        )
    protein = np.isin(table["residue"], list(TRANSFER_ENERGY))
    if not protein.any():
        raise StructureError(f"{structure.name}: no amino acids to find a membrane from")
    atoms = structure.positions[protein]
    places, names = _side_chains(atoms, table[protein])
    energies = np.array([TRANSFER_ENERGY[name] for name in names])
    rays = _even_directions(_RAYS)
    escapes = _escapes(places, atoms, np.concatenate([rays, -rays]))
    escapes = escapes[:, :_RAYS] + escapes[:, _RAYS:].astype(float)
    axis, height, half, gain = _best_slab(places, energies, escapes, rays)
    if gain < LEAST_GAIN:
        raise StructureError(
            f"{structure.name}: no hydrophobic belt: the best membrane gains {gain:.0f} kcal/mol, "
            f"of {LEAST_GAIN:g} at least; say its axis and height"
        )
    heights = places @ axis - height
    flank = np.isin(names, ["ARG", "LYS"]) & (np.abs(np.abs(heights) - half - 0.7) < 0.7)
    inner = np.sign(heights[flank]).sum()
    sugars = structure.positions[np.isin(table["residue"], SUGARS)] @ axis - height
    if len(sugars):
        inner = -np.sign(sugars).sum()
    sign = 1.0 if inner <= 0 else -1.0
    centre = places[np.abs(heights) < half].mean(axis=0)
    centre = centre + (height - centre @ axis) * axis
    exposure = _sideways(escapes, rays, axis[None])[:, 0]
    return Belt(MembranePlane(centre, sign * axis, half), gain, places, energies, exposure)


def _side_chains(atoms: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of the residues' side chains (r, 3), CA of glycine, and their names."""
    new = np.ones(len(table), bool)
    keys = table[["residue", "chain", "number"]]
    new[1:] = keys[1:] != keys[:-1]
    residue = np.cumsum(new) - 1
    side = ~np.isin(table["atom"], _BACKBONE)
    bare = np.bincount(residue, side) == 0
    side |= bare[residue] & (table["atom"] == "CA")
    # Of a residue that is cut off, all that there is.
    side |= (np.bincount(residue, side) == 0)[residue]
    count = np.bincount(residue, side)
    sums = np.stack([np.bincount(residue, side * column) for column in atoms.T], axis=1)
    return sums / count[:, None], table["residue"][new]


def _even_directions(n: int) -> np.ndarray:
    """Return n directions, spread evenly over half a sphere by the golden angle."""
    z = (np.arange(n) + 0.5) / n
    turn = np.arange(n) * np.pi * (3 - np.sqrt(5))
    r = np.sqrt(1 - z**2)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)


def _escapes(places: np.ndarray, atoms: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return which rays lead from places out of the protein, (places, rays) bool."""
    low = atoms.min(axis=0) - 1.0
    shape = np.ceil((atoms.max(axis=0) + 1.0 - low) / _VOXEL).astype(int) + 1
    filled = np.zeros(shape, bool)
    filled[tuple(((atoms - low) / _VOXEL).round().astype(int).T)] = True
    reach = int(_FILLED / _VOXEL + 1)
    ball = np.indices((2 * reach + 1,) * 3) - reach
    filled = binary_dilation(filled, (ball**2).sum(axis=0) * _VOXEL**2 <= _FILLED**2)
    free = np.ones((len(places), len(rays)), bool)
    length = np.linalg.norm(shape * _VOXEL)
    for k, ray in enumerate(rays):
        at = places - low + _START * ray
        live = np.arange(len(places))
        for _ in range(int(length / _VOXEL)):
            index = (at[live] / _VOXEL).round().astype(int)
            inside = ((index >= 0) & (index < shape)).all(axis=1)
            live, index = live[inside], index[inside]
            hit = filled[tuple(index.T)]
            free[live[hit], k] = False
            live = live[~hit]
            if not len(live):
                break
            at[live] += _VOXEL * ray
    return free


def _sideways(escapes: np.ndarray, rays: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return the part of the rays in the plane across each axis that escape, (places, axes)."""
    across = (np.abs(rays @ axes.T) < _SIDEWAYS).astype(float)
    return escapes @ across / (2 * across.sum(axis=0))


def _best_slab(
    places: np.ndarray, energies: np.ndarray, escapes: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, float, float, float]:
    """Return the axis, height, half thickness and gain of the slab that gains most."""
    outer = escapes.any(axis=1)
    places, energies, escapes = places[outer], energies[outer], escapes[outer]
    best = (np.array([0.0, 0.0, 1.0]), 0.0, float(HALF_THICKNESSES[0]), 0.0)
    for spread in (None, 6.0, 1.5):
        axes = _even_directions(_AXES) if spread is None else _about(best[0], spread)
        for some in np.array_split(axes, 10):
            gains = -energies[:, None] * _sideways(escapes, rays, some)
            found = _best_across(places @ some.T, gains)
            if found is not None and found[3] > best[3]:
                best = (some[found[0]], *found[1:])
    return best


def _best_across(heights: np.ndarray, gains: np.ndarray) -> tuple[int, float, float, float] | None:
    """Return which axis has the best slab, its height, half thickness and gain.

    `heights` and `gains` (places, axes) are along each axis; None where nothing looks sideways.
    """
    if not heights.size:
        return None
    low = heights.min() - 2.0
    bins = int((heights.max() + 2.0 - low) / _STEP) + 1
    n = heights.shape[1]
    index = ((heights - low) / _STEP).astype(int) + np.arange(n) * bins
    profile = np.bincount(index.ravel(), gains.ravel(), n * bins).reshape(n, bins)
    below = np.pad(np.cumsum(profile, axis=1), [(0, 0), (1, 0)])
    best = None
    for half in HALF_THICKNESSES:
        width = 2 * round(half / _STEP) + 1
        slabs = below[:, width:] - below[:, :-width]
        axis, first = np.unravel_index(slabs.argmax(), slabs.shape)
        if best is None or slabs[axis, first] > best[3]:
            middle = float(low + (first + width / 2) * _STEP)
            best = (int(axis), middle, float(half), float(slabs[axis, first]))
    return best


def _about(axis: np.ndarray, spread: float) -> np.ndarray:
    """Return axes (121, 3) around one, to `spread` degrees from it along two others."""
    u = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    spread = np.deg2rad(spread)
    a, b = np.meshgrid(*[np.linspace(-spread, spread, 11)] * 2)
    axes = axis + a.reshape(-1, 1) * u + b.reshape(-1, 1) * v
    return axes / np.linalg.norm(axes, axis=1)[:, None]
