"""Vesicles, ellipsoids and tubes."""

from __future__ import annotations

import dataclasses
from typing import Literal, Self

import numpy as np

from ..core.boundary import Boundary
from ..core.settings import kind, setting
from .elastic_membrane import ClosedMembrane, spanned
from .projections import onto_capsule, onto_ellipsoid
from .remeshing import remesh
from .triangulation import lattice, sphere_mesh


@kind("vesicle")
class Vesicle(ClosedMembrane):
    """A spherical vesicle, on whose surface heat draws waves.

    Examples
    --------
    >>> model = Vesicle(radius=25).build()
    >>> model.n_balls, model.is_closed, round(model.elasticity.bending, 1)
    (642, True, 49.9)
    """

    radius: float = setting(
        "radius of the sphere in the bilayer's middle", unit="nm", above=0, usual=(5, 800)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_size(4 * np.pi * self.radius**2, radius=self.radius)

    def spanning(self, boundary: Boundary) -> Self:
        """Return the vesicle; it spans nothing.

        Raises
        ------
        ValueError
            It is larger than the box, or its given place is not in it.
        """
        least = min(boundary.box)
        if 2 * self.radius + self.thickness > least:
            raise ValueError(
                f"radius: wanted one that fits into {least:g} nm, the box's least "
                f"edge, got {self.radius:g}"
            )
        return super().spanning(boundary)

    def mesh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return an even sphere."""
        return *sphere_mesh(self.radius, self.edge), np.zeros(3)


@kind("ellipsoid")
class Ellipsoid(ClosedMembrane):
    """A vesicle that is an ellipsoid where it is even.

    Examples
    --------
    >>> model = Ellipsoid(radii=(30, 20, 12)).build()
    >>> model.is_closed, bool((abs(model.positions) <= [30.1, 20.1, 12.1]).all())
    (True, True)
    """

    radii: tuple[float, float, float] = setting(
        "half axes of the bilayer's middle along its own x, y and z",
        unit="nm",
        above=0,
        usual=(5, 800),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        least, middle, most = sorted(self.radii)
        # Of a sphere around it, flattened: never less than its own.
        self.check_size(4 * np.pi * middle * most, radii=least)

    def mesh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return an even ellipsoid."""
        vertices, faces = sphere_mesh(float(np.prod(self.radii)) ** (1 / 3), self.edge)
        stretched = vertices / np.linalg.norm(vertices, axis=1)[:, None] * self.radii
        return *remesh(stretched, faces, self.edge, onto_ellipsoid(self.radii)), np.zeros(3)


@kind("tube")
class Tube(ClosedMembrane):
    """A cylinder along its own z axis with round caps, or one that goes on through the box.

    Examples
    --------
    >>> Tube(radius=12, length=60).build().is_closed
    True
    >>> tube = Tube(radius=12, length=80, spans="x").build()
    >>> tube.is_closed, tube.geometry.period.tolist()
    (False, [80.0, 0.0, 0.0])
    """

    radius: float = setting("radius of the bilayer's middle", unit="nm", above=0, usual=(5, 800))
    length: float | None = setting(
        "length with both caps; of a tube that spans the box, that edge of the box, and left out, "
        "the scene's",
        default=None,
        unit="nm",
        above=0,
    )
    spans: Literal["x", "y", "z"] | None = setting(
        "axis of the periodic box that it spans from side to side, without caps; left out, it is "
        "closed and lies anyhow",
        default=None,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_size(2 * np.pi * self.radius * (self.length or 0), radius=self.radius)
        if self.spans is not None:
            return
        if self.length is None:
            raise ValueError("length: is missing; only a tube that spans a box has the box's")
        if self.length < 2 * self.radius:
            raise ValueError(
                f"length: wanted at least both caps, {2 * self.radius:g} nm, got {self.length:g}"
            )

    def meaningless(self) -> dict[str, str]:
        """Return what a tube without ends has no use for."""
        if self.spans is None:
            return super().meaningless()
        endless = ("angles_deg", "volume_modulus_kpa", "pressure_kpa")
        return super().meaningless() | dict.fromkeys(endless, "for a tube that spans the box")

    @property
    def is_closed(self) -> bool:
        """Whether it has caps."""
        return self.spans is None

    @property
    def fixed_rotation(self) -> np.ndarray | None:
        """How it has to be turned, (3, 3): not at all where it spans the box."""
        return super().fixed_rotation if self.spans is None else np.eye(3)

    def spanning(self, boundary: Boundary) -> Self:
        """Return the tube with the edge of the box that it spans, where it spans one.

        Raises
        ------
        ValueError
            The scene does not repeat along that axis, or the tube has another length.
        """
        if self.spans is None:
            return super().spanning(boundary)
        axis = "xyz".index(self.spans)
        return dataclasses.replace(
            self, length=spanned(self.label, "length", boundary, (axis,), self.length)[0]
        )

    def mesh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return an even capsule, or an even cylinder through the box."""
        if self.spans is None:
            assert self.length is not None
            straight = self.length - 2 * self.radius
            vertices, faces = sphere_mesh(self.radius, self.edge)
            vertices[:, 2] += np.where(vertices[:, 2] > 0, straight / 2, -straight / 2)
            on_tube = onto_capsule(self.radius, straight)
            return *remesh(vertices, faces, self.edge, on_tube), np.zeros(3)
        if self.length is None:
            raise ValueError(f"{self.label}: length: wanted, as there is no box that it spans")
        around = 2 * np.pi * self.radius
        places, faces = lattice((around, self.length), self.edge)
        angle = places[:, 0] / self.radius
        cylinder = [places[:, 1], self.radius * np.cos(angle), self.radius * np.sin(angle)]
        axis = "xyz".index(self.spans)
        # Along its axis from 0 on, then around: right-handed for each axis.
        vertices = np.stack(cylinder, axis=1)[:, np.roll([0, 1, 2], axis)]
        return vertices, faces, np.where(np.arange(3) == axis, self.length, 0.0)
