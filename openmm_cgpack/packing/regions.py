"""Inside, outside, near: the parts of a box that membranes make, as voxels.

Membranes part a lattice of voxels into components, which touch each other nowhere. A component is
inside a closed membrane, or it is not, with all of its voxels: the winding number of the membrane
about one of them tells. So a vesicle may reach through the sides of the box, and lie in others.
Where one is in the room between bilayers is what counts for volumes; the balls of a membrane,
which reach a little farther, are taken as well when bodies are put there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from ..core import BallModel
from ..core.boundary import Boundary
from ..core.triangles import winding_numbers
from ..models import Structure, Where
from ..models.structure import names
from .lattice import Lattice, Region

_STEP = 0.8
"""Distance of the points that stand for a membrane's surface, nm."""

MARGIN = 0.5
"""How much nearer than asked for bodies start, and are held, to stay `within` when all move, nm."""


class Sheath(NamedTuple):
    """A membrane in the box: its structure's name, its model, and its balls in one piece, nm."""

    name: str
    model: BallModel
    balls: np.ndarray

    @property
    def corners(self) -> np.ndarray:
        """Corners of the faces, (f, 3, 3) nm."""
        return self.model.mesh.corners(self.balls)

    @property
    def thickness(self) -> float:
        """Thickness of the bilayer, nm."""
        return self.model.mesh.thickness


class Compartments:
    """The components of a box that membranes leave, and which of them are inside what."""

    def __init__(
        self, lattice: Lattice, boundary: Boundary, blocked: np.ndarray, sheaths: Sequence[Sheath]
    ) -> None:
        """`blocked` are voxels of the obstacle and the walls, bool."""
        from scipy.ndimage import label

        self.lattice = lattice
        self.sheaths = tuple(sheaths)
        # Nothing is farther from anything: what may be is anywhere, at no more work.
        self._farthest = float(np.linalg.norm(boundary.box / np.where(boundary.walls, 1, 2)))
        closed = blocked.copy()
        for thickness in {sheath.thickness for sheath in sheaths}:
            points = [
                surface_points(sheath.corners, _STEP)
                for sheath in sheaths
                if sheath.thickness == thickness
            ]
            closed |= lattice.covered(np.concatenate(points), thickness / 2)
        components, count = label(~closed)
        self._component = components.astype(np.min_scalar_type(count))
        self._voxels = np.zeros(count + 1, np.int64)
        first = np.zeros(count + 1, np.int64)
        for i, plane in enumerate(self._component):
            self._voxels += np.bincount(plane.ravel(), minlength=count + 1)
            first[plane.ravel()] = i * plane.size + np.arange(plane.size)
        index = np.stack(np.unravel_index(first, components.shape), axis=1)
        self._inside = np.zeros((count + 1, len(sheaths)), bool)
        for m, sheath in enumerate(sheaths):
            if sheath.model.is_closed:
                self._inside[:, m] = _enclosed(lattice.point(index), sheath.corners, boundary)
        self._inside[0] = False

    def _holds(self, where: Where) -> np.ndarray:
        """Return which components are inside and outside of what a place says, (n,) bool."""
        allowed = np.arange(len(self._voxels)) > 0
        if where.inside is not None:
            allowed &= self._inside[:, self._members(names(where.inside))].any(axis=1)
        if where.outside is not None:
            allowed &= ~self._inside[:, self._members(names(where.outside))].any(axis=1)
        return allowed

    def _members(self, wanted: Sequence[str]) -> np.ndarray:
        return np.array([sheath.name in wanted for sheath in self.sheaths], bool)

    def region(self, where: Where) -> Region:
        """Return where the centres of bodies may be, as voxels that nothing has taken."""
        allowed = self._holds(where)
        voxels = allowed[self._component]
        number = int(self._voxels[allowed].sum())
        places = ~self.lattice.taken
        if where.within is not None:
            vertices = self.vertices(where)
            within = min(where.within, self._farthest + MARGIN)
            near = self.lattice.covered(vertices, within)
            number = int((voxels & near).sum())
            voxels &= self.lattice.covered(vertices, max(within - MARGIN, 0.0))
        return Region(voxels, volume=number * self.lattice.voxel, places=places)

    def vertices(self, where: Where) -> np.ndarray:
        """Return the balls of the membranes that bodies are to be `within` a distance of."""
        of = [sheath.balls for sheath in self.sheaths if sheath.name in names(where.of)]
        return np.concatenate([np.empty((0, 3)), *of])


def _enclosed(points: np.ndarray, corners: np.ndarray, boundary: Boundary) -> np.ndarray:
    """Return which points (p, 3), nm, a closed surface or an image of it holds, (p,) bool."""
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    number = np.zeros(len(points))
    for shift in _images(boundary, low, high):
        near = ((points + shift > low) & (points + shift < high)).all(axis=1)
        number[near] += winding_numbers(points[near] + shift, corners)
    return number > 0.5


def _images(boundary: Boundary, low: np.ndarray, high: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the shifts that bring points of the box to where `low` to `high` may hold them."""
    edges, box = boundary.repeat, np.array(boundary.box)
    steps = [
        range(int(np.ceil((a - b / 2) / b)), int(np.floor((c + b / 2) / b)) + 1)
        if edge > 0
        else range(1)
        for edge, a, b, c in zip(edges, low, box, high, strict=True)
    ]
    for step in product(*steps):
        yield np.array(step) * edges


def surface_points(corners: np.ndarray, step: float) -> np.ndarray:
    """Return points on triangles (f, 3, 3), nm, such that none of a triangle is `step` from all."""
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    cuts = np.maximum(1, np.ceil(longest / step)).astype(np.int64)
    points = []
    for n in np.unique(cuts).tolist():
        i, j = np.indices((n + 1, n + 1)).reshape(2, -1)
        kept = i + j <= n
        weights = np.stack([i, j, n - i - j], axis=1)[kept] / n
        points.append(np.einsum("wc,fci->fwi", weights, corners[cuts == n]).reshape(-1, 3))
    return np.concatenate(points)


def ranks(structures: Sequence[Structure]) -> list[int]:
    """Return in which round each structure can be placed: what a place names before what names it.

    Raises
    ------
    ValueError
        A place names what is not there, or is no membrane, or has no inside, or names go round.
    """
    by_name = {structure.label: structure for structure in structures}
    for structure in structures:
        where = structure.where or Where()
        for key, named in (
            ("where: inside", names(where.inside)),
            ("where: outside", names(where.outside)),
            ("where: of", names(where.of)),
            ("membrane", structure.hosts),
        ):
            for name in named:
                _check_named(structure, key, by_name.get(name), name, list(by_name))
    needs = {s.label: {*(s.where or Where()).membranes, *s.hosts} for s in structures}
    rank: dict[str, int] = {}
    while len(rank) < len(needs):
        ready = [label for label in needs if label not in rank and needs[label] <= set(rank)]
        if not ready:
            around = ", ".join(label for label in needs if label not in rank)
            raise ValueError(f"where: {around} name each other in a circle, so that none is first")
        rank |= dict.fromkeys(ready, max(rank.values(), default=-1) + 1)
    return [rank[structure.label] for structure in structures]


def _check_named(
    structure: Structure, key: str, named: Structure | None, name: str, known: list[str]
) -> None:
    what = f"{structure.label}: {key}"
    if named is None:
        raise ValueError(f'{what}: wanted one of {", ".join(known)}, got "{name}"')
    if not named.is_membrane:
        raise ValueError(f'{what}: wanted a membrane, got "{name}", a {named.kind}')
    if key in ("where: inside", "where: outside") and named.is_closed is False:
        raise ValueError(f'{what}: wanted a closed membrane, got "{name}", a {named.kind}')
