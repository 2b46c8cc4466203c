"""Membranes: balls in a mesh (section 2.1.2 of the paper)."""

from __future__ import annotations

import numpy as np

from ..core.geometry import Mesh
from ..core.model import BallModel
from ..core.settings import kind, setting
from .elastic_membrane import Bilayer
from .structure import Deformable


@kind("membrane")
class Membrane(Deformable, Bilayer):
    """A flat mesh of balls in the xy plane, its mean at the origin.

    Each ball is bonded to its neighbours along x, y and both diagonals: corners have 3 bonds,
    edges 5, inner balls 8 (of the paper's figure 2d). Every three balls in a row along these four
    directions are listed as an angle that is straight at rest, whatever its constant; with the
    paper's constant, 0, the sheet bends freely.

    What painters draw is a sheet of `thickness` over the triangles between ball centres, all of
    them counterclockwise as seen from +z; the model's volume is that of the flat sheet, its area
    between ball centres times its thickness.

    Between four touching balls is a hole, into which a ball of less than 0.41 times their radius
    fits; a ball of half their radius is squeezed through by a strong pull. At a spacing of 1.25
    radii nothing passes.

    Examples
    --------
    >>> sheet = Membrane(shape=(3, 4)).build()
    >>> sheet.n_balls, len(sheet.bonds), len(sheet.geometry.faces)
    (12, 29, 12)
    """

    shape: tuple[int, int] = setting(
        "balls along x and along y; ball (i, j) is number i * shape[1] + j", minimum=2, maximum=2000
    )
    radius: float = setting(
        "radius of a ball; the paper's membranes have balls of 8 nm diameter",
        default=4.0,
        unit="nm",
        above=0,
        usual=(0.5, 20),
    )
    spacing: float | None = setting(
        "distance between neighbours along x and y, one to two radii; left out, balls touch, as "
        "in the paper",
        default=None,
        unit="nm",
        above=0,
        usual=(0.5, 40),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spacing is None:
            return
        if not self.radius <= self.spacing <= 2 * self.radius * (1 + 1e-9):
            # Closer, balls that are not bonded would be in each other; farther, there are gaps.
            raise ValueError(
                f"spacing: wanted {self.radius:g} to {2 * self.radius:g} nm, one to two radii, got "
                f"{self.spacing:g}"
            )

    @property
    def is_membrane(self) -> bool:
        """It is."""
        return True

    def build(self, *, seed: int | np.random.SeedSequence = 0) -> BallModel:
        """Return the sheet, which is deformable: no rigid groups, and a `Mesh` to draw."""
        m, n = self.shape
        spacing = 2 * self.radius if self.spacing is None else self.spacing
        grid = np.arange(m * n).reshape(m, n)
        i, j = np.divmod(grid.ravel(), n)
        positions = spacing * np.stack([i - (m - 1) / 2, j - (n - 1) / 2, np.zeros(m * n)], axis=1)
        return BallModel(
            name=self.label,
            positions=positions,
            radii=np.full(m * n, self.radius),
            masses=np.full(m * n, self.ball_mass),
            bonds=_rows(grid, 2),
            angles=_rows(grid, 3),
            bond_k=self.bond_k,
            angle_k=self.angle_k,
            volume=(m - 1) * (n - 1) * spacing**2 * self.thickness,
            geometry=Mesh(faces=_faces(grid), thickness=self.thickness, density=self.density),
        )


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
