"""What has density as weighted points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import frozen, positive
from ..core.model import BallModel, Curve
from ..core.structure import AtomicStructure
from .curve import curve_points
from .mesh import mesh_points

WORTHWHILE = 0.7
"""Points are put in bins where that leaves at most this part of them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightedPoints:
    """Masses in space.

    Parameters
    ----------
    positions : (p, 3) array
        Where they are, nm.
    masses : (p,) array
        Masses, Da.
    variance : float, optional
        Mean variance along one axis inside what the points stand for, nm^2.
    """

    positions: np.ndarray
    masses: np.ndarray
    variance: float = 0.0

    def __post_init__(self) -> None:
        positions = frozen(self.positions, "points: positions", (None, 3))
        masses = frozen(self.masses, "points: masses", (len(positions),))
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "masses", masses)
        object.__setattr__(self, "variance", positive(self.variance, "points: variance", zero=True))


def structure_points(structure: AtomicStructure, *, spacing: float) -> WeightedPoints:
    """Return a molecule's masses, those that share a small cube as one point.

    Each point lies at its atoms' centre of mass, so that mass and centre are kept; the variance
    inside the cubes goes with the points, and a map's Gaussian is made that much wider.

    Parameters
    ----------
    structure : AtomicStructure
        The molecule.
    spacing : float
        Edge of the cubes, nm; 0.43 sigma of the map's Gaussian keeps the map within 0.2 %.

    Returns
    -------
    WeightedPoints
        In the body frame.
    """
    positions, masses = structure.positions, structure.masses
    inner = structure.point_variance
    cubes = np.floor(positions / positive(spacing, "spacing")).astype(np.int64)
    _, group = np.unique(cubes, axis=0, return_inverse=True)
    group = group.reshape(-1)
    if group.max() + 1 > WORTHWHILE * len(positions):
        return WeightedPoints(positions=positions, masses=masses, variance=inner)
    total = np.bincount(group, masses)
    moments = np.stack([np.bincount(group, masses * axis) for axis in positions.T], 1)
    centres = moments / total[:, None]
    within = masses @ ((positions - centres[group]) ** 2).sum(axis=1) / (3 * masses.sum())
    return WeightedPoints(positions=centres, masses=total, variance=inner + float(within))


def ball_points(
    centres: np.ndarray, radii: np.ndarray, *, density: float, spacing: float
) -> WeightedPoints:
    """Return uniform solid spheres as points.

    Parameters
    ----------
    centres : (b, 3) array
        Ball centres, nm.
    radii : (b,) array
        Their radii, nm.
    density : float
        Mass density inside them, Da/nm^3.
    spacing : float
        Distance between points, nm.

    Returns
    -------
    WeightedPoints
        Each ball has the mass of its whole sphere, also where balls overlap.
    """
    positions, masses = [], []
    for centre, radius in zip(centres, radii, strict=True):
        half = int(np.ceil(radius / spacing))
        axis = np.arange(-half, half + 1) * spacing
        cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        inside = cube[np.einsum("pi,pi->p", cube, cube) <= radius**2]
        positions.append(centre + inside)
        masses.append(np.full(len(inside), density * 4 / 3 * np.pi * radius**3 / len(inside)))
    return WeightedPoints(positions=np.concatenate(positions), masses=np.concatenate(masses))


def shape_points(
    model: BallModel, centres: np.ndarray, *, spacing: float, deformables: str = "smooth"
) -> WeightedPoints:
    """Return the points of a model that is drawn from where its balls are.

    Parameters
    ----------
    model : BallModel
        A model with a `geometry`.
    centres : (b, 3) array
        Its ball centres, nm, in any frame.
    spacing : float
        Distance between points, nm.
    deformables : {"smooth", "balls"}, optional
        A smooth tube along its curve or bilayer along its mesh, or each ball as a uniform solid
        sphere with the geometry's density.

    Returns
    -------
    WeightedPoints
        In the frame of `centres`.

    Raises
    ------
    ValueError
        The model has no geometry, or `deformables` has another value.
    """
    geometry = model.geometry
    if geometry is None:
        raise ValueError(
            f"{model.name}: wanted a structure or a geometry to make density of, got neither"
        )
    if deformables == "balls":
        return ball_points(centres, model.radii, density=geometry.density, spacing=spacing)
    if deformables != "smooth":
        raise ValueError(f"deformables: wanted 'smooth' or 'balls', got {deformables!r}")
    paint = curve_points if isinstance(geometry, Curve) else mesh_points
    positions, masses = paint(geometry, centres, spacing=spacing)  # type: ignore[arg-type]
    return WeightedPoints(positions=positions, masses=masses)
