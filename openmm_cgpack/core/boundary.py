"""Where a scene ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .arrays import frozen


@dataclass(frozen=True, kw_only=True)
class Open:
    """No box: the paper's scene, held together by the pull towards its centre.

    Examples
    --------
    >>> from openmm_cgpack import filament, place
    >>> place([(filament(n_balls=3), 2)], seed=1).boundary
    Open()
    """


@dataclass(frozen=True, kw_only=True)
class _Box:
    box: tuple[float, float, float]
    periodic: ClassVar[np.ndarray]

    def __post_init__(self) -> None:
        box = frozen(np.broadcast_to(self.box, 3), "box", (3,))
        if (box <= 0).any():
            raise ValueError(f"box: wanted positive edges, got {box.min():g}")
        object.__setattr__(self, "box", tuple(box.tolist()))

    @property
    def volume(self) -> float:
        """Volume of the box, nm^3."""
        return float(np.prod(self.box))

    @property
    def tree_box(self) -> np.ndarray:
        """Edges as scipy's KDTree wants them as `boxsize`: 0 along an axis with walls."""
        return np.where(self.periodic, self.box, 0.0)

    def minimum_image(self, offset: np.ndarray) -> np.ndarray:
        """Return offsets (..., 3) in nm, each moved by whole boxes to its shortest."""
        box = np.array(self.box)
        return offset - np.where(self.periodic, box * np.round(offset / box), 0.0)

    def wrap(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 3) in nm, moved by whole boxes into the box around 0."""
        box = np.array(self.box)
        return points - np.where(self.periodic, box * np.floor(points / box + 0.5), 0.0)

    def scaled(self, factors: Sequence[float] | np.ndarray) -> _Box:
        """Return the same boundary with the box's edges multiplied by `factors` (3,)."""
        return type(self)(box=tuple(np.array(self.box) * factors))


@dataclass(frozen=True, kw_only=True)
class Periodic(_Box):
    """A box that repeats along x, y and z; it is centred on 0.

    Parameters
    ----------
    box : float or (3,) array
        Edges along x, y and z, nm.

    Raises
    ------
    ValueError
        An edge is not positive, or not finite.

    Examples
    --------
    >>> box = Periodic(box=(40, 30, 20))
    >>> box.volume
    24000.0
    >>> box.minimum_image(np.array([[25.0, 0, 0]])).tolist()
    [[-15.0, 0.0, 0.0]]
    """

    periodic: ClassVar[np.ndarray] = np.array([True, True, True])


@dataclass(frozen=True, kw_only=True)
class Slab(_Box):
    """A box that repeats along x and y and has walls at the ends of z; it is centred on 0.

    Parameters
    ----------
    box : float or (3,) array
        Edges along x, y and z, nm.

    Raises
    ------
    ValueError
        An edge is not positive, or not finite.

    Examples
    --------
    Along z nothing comes back on the other side:

    >>> Slab(box=20).wrap(np.array([[12.0, 0, 12]])).tolist()
    [[-8.0, 0.0, 12.0]]
    """

    periodic: ClassVar[np.ndarray] = np.array([True, True, False])


Boundary = Open | Periodic | Slab
