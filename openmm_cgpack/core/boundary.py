"""Where a scene ends: nowhere, in a box that repeats, at walls; and what is near across that.

Near spheres are sorted into classes of size, each within a factor of two, and one search is done
for each two classes: a few large spheres then do not make the search among all small ones as wide
as themselves. In a box that repeats, the images near its faces are searched as if they were
spheres of their own, which also finds two images of one sphere that meet in a small box.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar, Self

import numpy as np
from scipy.spatial import KDTree

from .arrays import frozen
from .display import described
from .keys import check_arguments
from .messages import checked_type, shown
from .units import strip


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

    def __new__(cls, *unnamed: Any, **given: Any) -> Self:
        """Return a value that is not filled yet; TypeError names an argument like a wrong one."""
        check_arguments(cls, unnamed, given)
        return super().__new__(cls)

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


def check_boundary(boundary: Any) -> None:
    """Raise TypeError unless something is a boundary.

    Examples
    --------
    >>> check_boundary((40, 30, 20))
    Traceback (most recent call last):
        ...
    TypeError: boundary: wanted a Boundary, got a value of tuple; as Periodic(box=(40, 40, 20))
    """
    checked_type("boundary", boundary, Boundary, "; as Periodic(box=(40, 40, 20))")


def boundary_from_json(record: dict[str, Any]) -> Boundary:
    """Return the boundary that `Boundary.to_json` described."""
    values = dict(record)
    kind = values.pop("kind", None)
    if kind not in Boundary.kinds:
        raise ValueError(f"boundary: wanted one of {', '.join(Boundary.kinds)}, got {kind!r}")
    return Boundary.kinds[kind](**values)


@described
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


@described
@dataclass(frozen=True, kw_only=True)
class _Box(Boundary):
    box: tuple[float, float, float]

    def __post_init__(self) -> None:
        edges = strip(self.box)
        try:
            box = frozen(np.broadcast_to(edges, 3), "box", (3,))
        except (TypeError, ValueError):
            wanted = "one edge, or those along x, y and z, in nm"
            raise TypeError(f"box: wanted {wanted}, got {shown(edges)}") from None
        if (box <= 0).any():
            raise ValueError(f"box: wanted positive edges, got {box.min():g}")
        object.__setattr__(self, "box", tuple(box.tolist()))


@described
@dataclass(frozen=True, kw_only=True)
class Periodic(_Box):
    """A box that repeats along x, y and z, centred on 0; its edges `box`, nm, are one or three.

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


@described
@dataclass(frozen=True, kw_only=True)
class Slab(_Box):
    """A box that repeats along x and y and has walls at the ends of z, centred on 0.

    Examples
    --------
    Along z nothing comes back on the other side:

    >>> Slab(box=20).wrap(np.array([[12.0, 0, 12]])).tolist()
    [[-8.0, 0.0, 12.0]]
    """

    periodic: ClassVar[np.ndarray] = np.array([True, True, False])
    walls: ClassVar[np.ndarray] = np.array([False, False, True])
    kind: ClassVar[str] = "slab"


def close_pairs(
    boundary: Boundary,
    centres: np.ndarray,
    radii: np.ndarray,
    *,
    gap: float = 0.0,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of spheres whose surfaces come within `gap` nm of each other, in any image.

    `centres` (n, 3) may lie in any image of a box that repeats; `radii` are (n,), all in nm. Of
    pair p, ``centres[second[p]] + shift[p]`` is near ``centres[first[p]]``, `shift` (p, 3) being a
    whole number of boxes; every such image is a pair of its own. Pairs are in rising order, and
    ``first < second``, or both the same where a sphere comes near its own image. Of spheres with
    one number in `groups` (n,) only pairs in two images are sure to be told: most that touch in a
    scene are of one body, and would take most of the memory.

    >>> from openmm_cgpack.core.boundary import Periodic
    >>> ends = np.array([[-4.8, 0, 0], [4.8, 0, 0]])
    >>> first, second, shift = close_pairs(Periodic(box=10), ends, np.full(2, 0.3))
    >>> first, second, shift
    (array([0]), array([1]), array([[-10.,   0.,   0.]]))
    """
    n, largest = len(centres), float(radii.max(initial=0.0))
    home = boundary.wrap(centres)
    edges = boundary.repeat
    to_home = np.rint((home - centres) / np.where(edges > 0, edges, 1.0)).astype(np.int64)
    bodies = None if groups is None else _in_images(groups, to_home)
    places, source, image = _with_images(boundary, home, 2 * largest + gap)
    size = np.frexp(radii)[1]
    classes = [np.flatnonzero(size == s) for s in np.unique(size)]
    trees = [KDTree(home[members]) for members in classes]
    candidates = [np.empty((0, 2), np.int64)]
    for a, small in enumerate(classes):
        near = trees[a].query_pairs(2 * radii[small].max() + gap, output_type="ndarray")
        candidates.append(_apart(np.sort(small[near], axis=1), bodies))
        for b, large in enumerate(classes[a:], start=a):
            reach = radii[small].max() + radii[large].max() + gap
            if b > a:
                candidates.append(_apart(_between(trees[a], trees[b], small, large, reach), bodies))
            ghosts = n + np.flatnonzero(np.isin(source[n:], large))
            found = _between(trees[a], KDTree(places[ghosts]), small, ghosts, reach)
            if a == b:
                # Across the boundary each pair of one class is found from either end.
                first, ghost = found.T
                same = (first == source[ghost]) & _positive(image[ghost])
                found = found[(first < source[ghost]) | same]
            candidates.append(found)
    first, place = np.concatenate(candidates).T
    second = source[place]
    distance = np.linalg.norm(places[place] - home[first], axis=1)
    near = distance < radii[first] + radii[second] + gap
    first, second, step = first[near], second[near], image[place[near]]
    turned = (first > second)[:, None]
    pair = np.where(turned, np.stack([second, first], axis=1), np.stack([first, second], axis=1))
    step = np.where(turned, -step, step)
    order = np.lexsort([*step.T, pair[:, 1], pair[:, 0]])
    first, second = pair[order].T
    return first, second, (step[order] + to_home[second] - to_home[first]) * edges


def _in_images(groups: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return numbers (n,) that are the same where groups (n,) and whole boxes (n, 3) are."""
    numbers = groups
    for axis in steps.T:
        numbers = numbers * (axis.max(initial=0) - axis.min(initial=0) + 1) + axis
    return numbers


def _apart(pairs: np.ndarray, bodies: np.ndarray | None) -> np.ndarray:
    """Return the pairs that are not of one body."""
    return pairs if bodies is None else pairs[bodies[pairs[:, 0]] != bodies[pairs[:, 1]]]


def _between(
    one: KDTree, other: KDTree, rows: np.ndarray, columns: np.ndarray, reach: float
) -> np.ndarray:
    """Return the pairs of points of two trees within a distance, by their numbers, (k, 2)."""
    found = one.sparse_distance_matrix(other, reach, output_type="ndarray")
    return np.stack([rows[found["i"]], columns[found["j"]]], axis=1)


def _with_images(
    boundary: Boundary, home: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points, then their images within `reach` of the box: where, whose, how many boxes."""
    edges, ends = boundary.repeat, ~boundary.periodic
    counts = np.ceil(reach / np.where(ends, np.inf, edges)).astype(np.int64).tolist()
    near = np.where(ends, np.inf, edges / 2 + reach)
    steps = [s for s in product(*(range(-c, c + 1) for c in counts)) if any(s)]
    places, sources, images = [home], [np.arange(len(home))], [np.zeros(home.shape, np.int64)]
    for step in steps:
        moved = home + np.array(step) * edges
        rows = np.flatnonzero((np.abs(moved) <= near).all(axis=1))
        places.append(moved[rows])
        sources.append(rows)
        images.append(np.broadcast_to(step, (len(rows), 3)))
    return np.concatenate(places), np.concatenate(sources), np.concatenate(images)


def _positive(images: np.ndarray) -> np.ndarray:
    """Whether the first number of each row that is not 0 is positive."""
    x, y, z = images.T
    return (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
