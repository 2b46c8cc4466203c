"""Membranes that go on through the sides of the box."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np

from ..core.boundary import Boundary
from ..core.settings import kind, setting
from .elastic_membrane import ElasticMembrane, spanned
from .triangulation import lattice


@kind("sheet")
class Sheet(ElasticMembrane):
    """A bilayer that spans a periodic box along x and y, its upper side towards +z.

    Examples
    --------
    >>> model = Sheet(size=(100, 100)).build()
    >>> model.n_balls, model.is_closed, model.geometry.period.tolist()
    (700, False, [100.0, 100.0, 0.0])
    """

    size: tuple[float, float] | None = setting(
        "edges of the box along x and y; left out, those of the scene's box",
        default=None,
        unit="nm",
        above=0,
    )
    height: float = setting(
        "where its middle is along z, in a box around 0", default=0.0, unit="nm"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count > 1:
            raise ValueError("count: wanted 1, as a sheet has one height; give each its own table")
        if self.size is not None:
            self.check_size(self.size[0] * self.size[1])

    def meaningless(self) -> dict[str, str]:
        """Return what the box and the height settle."""
        spans = "for a sheet, which spans the box at its height"
        return super().meaningless() | dict.fromkeys(("at", "angles_deg", "fraction"), spans)

    @property
    def fixed_centre(self) -> np.ndarray:
        """The box's middle at the sheet's height, (3,) nm."""
        return np.array([0.0, 0.0, self.height])

    @property
    def fixed_rotation(self) -> np.ndarray:
        """Not turned, (3, 3)."""
        return np.eye(3)

    def spanning(self, boundary: Boundary) -> Self:
        """Return the sheet with the edges of a scene's box.

        Raises
        ------
        ValueError
            The scene does not repeat along x and y, the sheet has another size, or lies beyond it.
        """
        width, depth = spanned(self.label, "size", boundary, (0, 1), self.size)
        if abs(self.height) >= boundary.box[2] / 2:
            raise ValueError(
                f"{self.label}: height: wanted one in the box, within {boundary.box[2] / 2:g} nm "
                f"of its middle, got {self.height:g}"
            )
        return dataclasses.replace(self, size=(width, depth))

    def mesh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return an even plane."""
        if self.size is None:
            raise ValueError(f"{self.label}: size: wanted, as there is no box that it spans")
        places, faces = lattice(self.size, self.edge)
        return np.pad(places, [(0, 0), (0, 1)]), faces, np.array([*self.size, 0.0])
