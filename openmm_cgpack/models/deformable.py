"""Filaments and membranes: balls in a row, balls in a mesh (section 2.1.2 of the paper)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import positive
from ..core.geometry import Curve, Mesh
from ..core.model import BallModel
from ..core.units import BOLTZMANN
from .constants import (
    BALL_MASS,
    BILAYER_THICKNESS,
    LIPID_DENSITY,
    PAPER_BOND_K,
    PROTEIN_DENSITY,
)


def filament(
    *,
    n_balls: int,
    radius: float = 2.0,
    name: str = "filament",
    angle_k: float = 0.0,
    persistence_length: float | None = None,
    temperature: float = 300.0,
    bond_k: float = PAPER_BOND_K,
    ball_mass: float = BALL_MASS,
    density: float = PROTEIN_DENSITY,
) -> BallModel:
    """Return a straight chain of touching balls along +z, its mean at the origin.

    Balls at the ends have one bond, the others two. Every triple of neighbours is listed as an
    angle that is straight at rest, whatever its constant; with the paper's constant, 0, it bends
    freely.

    What painters draw is a tube of the balls' radius along the curve through their centres,
    extended straight by one radius beyond the first and the last centre and cut flat; the model's
    volume is that of the straight tube, ``pi r^2 * 2 r n_balls``.

    Parameters
    ----------
    n_balls : int
        Number of balls, at least 2.
    radius : float, optional
        Radius of a ball and of the tube, nm; the paper's filaments are 4 nm thick.
    name : str, optional
        Name of the species.
    angle_k : float, optional
        Angle constant of ``k/2 (theta - pi)^2``, kJ/mol/rad^2.
    persistence_length : float, optional
        Persistence length P, nm, in place of `angle_k`: ``k = kT P / b`` with the bond length b,
        which holds for P well above b.
    temperature : float, optional
        Temperature T at which `persistence_length` holds, K.
    bond_k : float, optional
        Bond constant of ``k/2 (r - r0)^2``, kJ/mol/nm^2.
    ball_mass : float, optional
        Mass of a ball for the dynamics, Da.
    density : float, optional
        Mass density inside the tube, Da/nm^3; default that of protein, 1.35 g/cm^3.

    Returns
    -------
    BallModel
        Deformable: no rigid groups; `geometry` is a `Curve`.

    Raises
    ------
    ValueError
        Fewer than 2 balls, a number out of its range, or both `angle_k` and
        `persistence_length`.

    Examples
    --------
    >>> chain = filament(n_balls=10, persistence_length=500.0)
    >>> chain.bonds.shape, chain.angles.shape, round(chain.angle_k)
    ((9, 2), (8, 3), 312)
    """
    n = _count(n_balls, "n_balls")
    radius = positive(radius, "radius")
    bond = 2 * radius
    angle_k = positive(angle_k, "angle_k", zero=True)
    if persistence_length is not None:
        if angle_k:
            raise ValueError("persistence_length: wanted it or angle_k, got both")
        length = positive(persistence_length, "persistence_length", zero=True)
        angle_k = BOLTZMANN * positive(temperature, "temperature") * length / bond
    balls = np.arange(n)
    positions = np.zeros((n, 3))
    positions[:, 2] = bond * (balls - (n - 1) / 2)
    return BallModel(
        name=name,
        positions=positions,
        radii=np.full(n, radius),
        masses=np.full(n, positive(ball_mass, "ball_mass")),
        bonds=np.stack([balls[:-1], balls[1:]], axis=1),
        angles=np.stack([balls[:-2], balls[1:-1], balls[2:]], axis=1),
        bond_k=positive(bond_k, "bond_k"),
        angle_k=angle_k,
        volume=np.pi * radius**2 * bond * n,
        geometry=Curve(balls=balls, radius=radius, density=positive(density, "density")),
    )


def membrane(
    *,
    shape: tuple[int, int],
    radius: float = 4.0,
    spacing: float | None = None,
    name: str = "membrane",
    angle_k: float = 0.0,
    thickness: float = BILAYER_THICKNESS,
    bond_k: float = PAPER_BOND_K,
    ball_mass: float = BALL_MASS,
    density: float = LIPID_DENSITY,
) -> BallModel:
    """Return a flat mesh of balls in the xy plane, its mean at the origin.

    Each ball is bonded to its neighbours along x, y and both diagonals: corners have 3 bonds,
    edges 5, inner balls 8 (of the paper's figure 2d). Every three balls in a row along these four
    directions are listed as an angle that is straight at rest, whatever its constant; with the
    paper's constant, 0, the sheet bends freely.

    What painters draw is a sheet of `thickness` over the triangles between ball centres, all of
    them counterclockwise as seen from +z; the model's volume is that of the flat sheet, its area
    between ball centres times its thickness.

    Parameters
    ----------
    shape : (int, int)
        Number of balls along x and along y, at least 2 each; ball (i, j) is number
        ``i * shape[1] + j``.
    radius : float, optional
        Radius of a ball, nm; the paper's membranes have balls of 8 nm diameter.
    spacing : float, optional
        Distance between neighbours along x and y, nm, from `radius` to twice the radius; touching
        balls when left out, as in the paper. Between four touching balls is a hole, into which a
        ball of less than 0.41 times their radius fits; a ball of half their radius is squeezed
        through by a strong pull. At 1.25 radii nothing passes.
    name : str, optional
        Name of the species.
    angle_k : float, optional
        Angle constant of ``k/2 (theta - pi)^2``, kJ/mol/rad^2.
    thickness : float, optional
        Thickness of the sheet that painters draw, nm; default that of a lipid bilayer with its
        head groups.
    bond_k : float, optional
        Bond constant of ``k/2 (r - r0)^2``, kJ/mol/nm^2.
    ball_mass : float, optional
        Mass of a ball for the dynamics, Da.
    density : float, optional
        Mean mass density through the sheet, Da/nm^3; default that of lipid, 1.0 g/cm^3.

    Returns
    -------
    BallModel
        Deformable: no rigid groups; `geometry` is a `Mesh`.

    Raises
    ------
    ValueError
        Fewer than 2 balls along an axis, or a number out of its range.

    Examples
    --------
    >>> sheet = membrane(shape=(3, 4))
    >>> sheet.n_balls, len(sheet.bonds), len(sheet.geometry.faces)
    (12, 29, 12)
    """
    try:
        m, n = shape
    except (TypeError, ValueError):
        raise ValueError(f"shape: wanted two whole numbers, got {shape!r}") from None
    m, n = _count(m, "shape"), _count(n, "shape")
    radius = positive(radius, "radius")
    spacing = 2 * radius if spacing is None else positive(spacing, "spacing")
    if not radius <= spacing <= 2 * radius * (1 + 1e-9):
        # Closer, balls that are not bonded would be in each other; farther, the sheet has gaps.
        raise ValueError(
            f"spacing: wanted {radius:g} to {2 * radius:g} nm, one to two radii, got {spacing:g}"
        )
    thickness = positive(thickness, "thickness")
    grid = np.arange(m * n).reshape(m, n)
    i, j = np.divmod(grid.ravel(), n)
    positions = spacing * np.stack([i - (m - 1) / 2, j - (n - 1) / 2, np.zeros(m * n)], axis=1)
    return BallModel(
        name=name,
        positions=positions,
        radii=np.full(m * n, radius),
        masses=np.full(m * n, positive(ball_mass, "ball_mass")),
        bonds=_rows(grid, 2),
        angles=_rows(grid, 3),
        bond_k=positive(bond_k, "bond_k"),
        angle_k=positive(angle_k, "angle_k", zero=True),
        volume=(m - 1) * (n - 1) * spacing**2 * thickness,
        geometry=Mesh(
            faces=_faces(grid), thickness=thickness, density=positive(density, "density")
        ),
    )


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: wanted a whole number, got {value!r}")
    if value < 2:
        raise ValueError(f"{name}: wanted at least 2 balls, got {value}")
    return int(value)


def _rows(grid: np.ndarray, length: int) -> np.ndarray:
    """Return every run of `length` balls along the two axes and the two diagonals."""
    m, n = grid.shape
    rows = []
    for di, dj in ((1, 0), (0, 1), (1, 1), (1, -1)):
        i = np.arange(max(m - di * (length - 1), 0))
        j = np.arange(max(n - abs(dj) * (length - 1), 0)) + (length - 1 if dj < 0 else 0)
        rows.append(
            np.stack([grid[np.ix_(i + di * s, j + dj * s)].ravel() for s in range(length)], axis=1)
        )
    return np.concatenate(rows)


def _faces(grid: np.ndarray) -> np.ndarray:
    """Return two counterclockwise triangles a cell, cut along alternating diagonals.

    Alternating keeps the surface free of a preferred diagonal.
    """
    a, b = grid[:-1, :-1], grid[1:, :-1]
    c, d = grid[1:, 1:], grid[:-1, 1:]
    even = np.add.outer(np.arange(len(a)), np.arange(a.shape[1])) % 2 == 0
    first = np.where(even[..., None], np.stack([a, b, c], -1), np.stack([a, b, d], -1))
    second = np.where(even[..., None], np.stack([a, c, d], -1), np.stack([b, c, d], -1))
    return np.stack([first, second], axis=2).reshape(-1, 3)
