"""Where a scene ends: nowhere, in a box that repeats, at walls; all answer the same questions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from .arrays import frozen


class Boundary:
    """What the boundaries have in common; a new one is a subclass, a frozen dataclass.

    Attributes
    ----------
    box : tuple of three floats
        Edges of the box around 0 along x, y and z, nm; infinite where there is none.
    bounded : bool
        Whether there is a box.
    periodic, walls : (3,) bool arrays
        Along which axes the scene repeats, and along which there are walls at the box's ends.
    kind : str
        Its name in files.
    """

    bounded: ClassVar[bool] = True
    periodic: ClassVar[np.ndarray]
    walls: ClassVar[np.ndarray]
    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Boundary]]] = {}

    box: tuple[float, float, float]

    def __init_subclass__(cls) -> None:
        if "kind" in vars(cls):
            Boundary.kinds[cls.kind] = cls

    @property
    def volume(self) -> float:
        """Volume of the box, nm^3."""
        return float(np.prod(self.box))

    @property
    def tree_box(self) -> np.ndarray | None:
        """Edges as scipy's KDTree wants them as `boxsize`; 0 along an axis that ends."""
        return np.where(self.periodic, self.box, 0.0) if self.periodic.any() else None

    def tree_points(self, points: np.ndarray) -> np.ndarray:
        """Return points (n, 3) as scipy's KDTree with `tree_box` wants them: from 0 up."""
        edges = self.repeat
        # Rounding may put a wrapped point on the box's far edge, where the tree has none.
        inside = np.minimum(self.wrap(points) + edges / 2, np.nextafter(edges, 0))
        return np.where(edges > 0, inside, points)

    def minimum_image(self, offset: np.ndarray) -> np.ndarray:
        """Return offsets (..., 3) in nm, each moved by whole boxes to its shortest."""
        edges = self.repeat
        return offset - edges * np.round(offset / np.where(edges > 0, edges, 1.0))

    def wrap(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 3) in nm, moved by whole boxes into the box around 0."""
        edges = self.repeat
        return points - edges * np.floor(points / np.where(edges > 0, edges, 1.0) + 0.5)

    @property
    def repeat(self) -> np.ndarray:
        """Distance to the next image along each axis, (3,) nm; 0 where there is none."""
        return np.where(self.periodic, self.box, 0.0)

    def scaled(self, factors: Sequence[float] | np.ndarray) -> Self:
        """Return the same boundary with the box's edges multiplied by `factors` (3,)."""
        return self.with_box(np.array(self.box) * factors)

    def with_box(self, edges: Sequence[float] | np.ndarray) -> Self:
        """Return a boundary of the same kind with other edges (3,), nm."""
        box = tuple(np.asarray(edges).tolist())
        return dataclasses.replace(self, box=box)  # type: ignore[type-var]

    def to_json(self) -> dict[str, Any]:
        """Return the boundary in plain JSON types; `boundary_from_json` reads them."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = {f.name: getattr(self, f.name) for f in fields if f.init}
        plain = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
        return {"kind": self.kind, **plain}


def boundary_from_json(record: dict[str, Any]) -> Boundary:
    """Return the boundary that `Boundary.to_json` described."""
    values = dict(record)
    kind = values.pop("kind", None)
    if kind not in Boundary.kinds:
        raise ValueError(f"boundary: wanted one of {', '.join(Boundary.kinds)}, got {kind!r}")
    return Boundary.kinds[kind](**values)


@dataclass(frozen=True, kw_only=True)
class Open(Boundary):
    """No box: the paper's scene, held together by the pull towards its centre.

    Examples
    --------
    >>> Open().volume, Open().wrap(np.array([99.0, 0, 0])).tolist()
    (inf, [99.0, 0.0, 0.0])
    """

    box: tuple[float, float, float] = field(init=False, repr=False, default=(np.inf,) * 3)
    bounded: ClassVar[bool] = False
    periodic: ClassVar[np.ndarray] = np.zeros(3, bool)
    walls: ClassVar[np.ndarray] = np.zeros(3, bool)
    kind: ClassVar[str] = "open"

    def scaled(self, factors: Sequence[float] | np.ndarray) -> Open:
        """Return the same boundary."""
        return self


@dataclass(frozen=True, kw_only=True)
class _Box(Boundary):
    box: tuple[float, float, float]

    def __post_init__(self) -> None:
        box = frozen(np.broadcast_to(self.box, 3), "box", (3,))
        if (box <= 0).any():
            raise ValueError(f"box: wanted positive edges, got {box.min():g}")
        object.__setattr__(self, "box", tuple(box.tolist()))


@dataclass(frozen=True, kw_only=True)
class Periodic(_Box):
    """A box that repeats along x, y and z; it is centred on 0.

    Parameters
    ----------
    box : float or (3,) array
        Edges along x, y and z, nm.

    Examples
    --------
    >>> box = Periodic(box=(40, 30, 20))
    >>> box.volume
    24000.0
    >>> box.minimum_image(np.array([[25.0, 0, 0]])).tolist()
    [[-15.0, 0.0, 0.0]]
    """

    periodic: ClassVar[np.ndarray] = np.ones(3, bool)
    walls: ClassVar[np.ndarray] = np.zeros(3, bool)
    kind: ClassVar[str] = "periodic"


@dataclass(frozen=True, kw_only=True)
class Slab(_Box):
    """A box that repeats along x and y and has walls at the ends of z; it is centred on 0.

    Parameters
    ----------
    box : float or (3,) array
        Edges along x, y and z, nm.

    Examples
    --------
    Along z nothing comes back on the other side:

    >>> Slab(box=20).wrap(np.array([[12.0, 0, 12]])).tolist()
    [[-8.0, 0.0, 12.0]]
    """

    periodic: ClassVar[np.ndarray] = np.array([True, True, False])
    walls: ClassVar[np.ndarray] = np.array([False, False, True])
    kind: ClassVar[str] = "slab"
