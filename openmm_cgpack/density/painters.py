"""What draws shapes without atoms: the painter of their geometry, as weighted points.

A new geometry is one file, inside the package or outside it: a frozen dataclass derived from
`Geometry` (`core.arrays.noun` makes one), and a `Painter` with ``@paints(ThatGeometry)`` above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

import numpy as np

from ..core.arrays import freeze, noun, positive
from ..core.geometry import Geometry, Line, Surface

Shape = TypeVar("Shape", bound=Geometry)


@noun
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
        freeze(self, "points", positions=(None, 3))
        freeze(self, "points", masses=(len(self.positions),))
        object.__setattr__(self, "variance", positive(self.variance, "points: variance", zero=True))


def joined(parts: Iterable[WeightedPoints]) -> WeightedPoints:
    """Return points of one variance as one."""
    held = list(parts)
    if len(held) == 1:
        return held[0]
    return WeightedPoints(
        positions=np.concatenate([points.positions for points in held]),
        masses=np.concatenate([points.masses for points in held]),
        variance=held[0].variance,
    )


@noun
class Skeleton:
    """The line or surface that a shape is thick around.

    Parameters
    ----------
    points : (p, 3) array
        Points on it, nm.
    outward : (p, 3) array
        Where the skeleton ends, the way out of it, beyond which nothing is filled; else 0.
    reach : float
        How far from the skeleton the shape reaches, nm.
    """

    points: np.ndarray
    outward: np.ndarray
    reach: float


class Painter(Generic[Shape]):
    """How one type of geometry is drawn over its balls, whose centres are (b, 3) in nm."""

    def points(self, geometry: Shape, balls: np.ndarray, *, spacing: float) -> WeightedPoints:
        """Return the shape as masses no farther apart than about `spacing`, nm."""
        raise NotImplementedError

    def filled(self, geometry: Shape, balls: np.ndarray, *, spacing: float) -> WeightedPoints:
        """Return the shape filled evenly with the same mass, for masks; `points`, where they are.

        What `points` draws may be uneven, as a bilayer is, of which a mask shall have all.
        """
        return self.points(geometry, balls, spacing=spacing)

    def parts(
        self, geometry: Shape, balls: np.ndarray, *, spacing: float, filled: bool = False
    ) -> Iterator[WeightedPoints]:
        """Yield the shape, or the filled one, in parts; of what may be too large to hold as one."""
        yield (self.filled if filled else self.points)(geometry, balls, spacing=spacing)

    def girth(self, geometry: Shape) -> float:
        """Return how far from its balls' centres the shape reaches at most, nm."""
        raise NotImplementedError

    def skeleton(self, geometry: Shape, balls: np.ndarray, *, spacing: float) -> Skeleton | None:
        """Return what the shape is thick around; None where its balls' union is the shape."""
        return None

    def line(self, geometry: Shape, balls: np.ndarray, *, spacing: float) -> Line | None:
        """Return the centre line as points no farther apart than `spacing`, where it has one."""
        return None

    def surface(self, geometry: Shape, balls: np.ndarray, *, cuts: int = 4) -> Surface | None:
        """Return the middle surface, each edge of a mesh in `cuts` parts, where it has one."""
        return None


MOST_POINTS = 1_000_000
"""About how many points a part of something large has at most."""

PAINTERS: dict[type[Geometry], Painter] = {}
"""The painter of each type of geometry."""


def paints(geometry: type[Geometry]) -> Callable[[type[Painter]], type[Painter]]:
    """Make the painter below it that of a type of geometry, in place of any that the type had.

    Examples
    --------
    A droplet as one point at each ball:

    >>> class Droplet(Geometry):
    ...     kind = "droplet"
    ...     density = 800.0
    >>> @paints(Droplet)
    ... class DropletPainter(Painter):
    ...     def points(self, geometry, balls, *, spacing):
    ...         return WeightedPoints(positions=balls, masses=[geometry.density] * len(balls))
    >>> painter_of(Droplet()).points(Droplet(), np.zeros((2, 3)), spacing=1.0).masses.tolist()
    [800.0, 800.0]
    """

    def register(painter: type[Painter]) -> type[Painter]:
        PAINTERS[geometry] = painter()
        return painter

    return register


def painter_of(geometry: Geometry) -> Painter:
    """Return the painter of a geometry's type, or of the type that it is derived from."""
    for kind in type(geometry).__mro__:
        if kind in PAINTERS:
            return PAINTERS[kind]
    raise TypeError(f"geometry: {type(geometry).__name__} has no painter; see density.painters")
