"""What bodies touch each other with, and the walls and obstacles that they touch.

Points come from `atom_points` (atoms, or a library species' points that stand for several atoms
each) or from `ball_points` (balls of about forty atoms); `solids` compares bodies by them.

**Walls and the obstacle** (`Limits`). Walls are planes, so their depth is exact. The obstacle is
any set of voxels; its depth is read off a map of signed distances, from the nearest entry and its
gradient.
"""

from __future__ import annotations

import numpy as np

from ..core import BallModel, Obstacle
from ..core.boundary import Boundary
from ..forces.external import obstacle_depths

CLOSEST = 0.25
"""Distance at which atoms of two molecules are far enough apart, nm."""
_FINE = 0.9
_UNION = 1.122
"""What makes the union of a library species' points as large as its envelope: 1.119 to 1.126 of
the radii that would do so without overlaps, in five of them."""


def atom_points(model: BallModel, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what touches, in the body frame, and how close others may come to it: (p, 3), (p,) nm.

    These are a molecule's atoms, which keep half the distance at which two atoms touch. A library
    species' points stand for several atoms: as balls whose union has the envelope's volume, they
    may overlap by as much as the envelopes of atoms that touch. Of what bends, and without a
    structure, it is the balls.
    """
    from ..structures.envelope import ATOM_RADIUS

    structure = model.body
    if structure is None:
        return model.positions, model.radii
    if (structure.atoms == 1).all() and not structure.spread.any():
        heavy = structure.positions
        if structure.elements is not None:
            heavy = heavy[~np.isin(structure.elements, ("H", "D"))]
        return heavy, np.full(len(heavy), distance / 2)
    share = structure.atoms / structure.n_atoms
    radii = _UNION * np.cbrt(3 * model.volume * share / (4 * np.pi))
    return structure.positions, radii - (ATOM_RADIUS - distance / 2)


def ball_points(model: BallModel, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a molecule as balls, which together hold all of it: (p, 3) centres and (p,) radii, nm.

    One ball, as small as can be, holds the atoms in each cube of 0.9 nm, about forty.
    """
    points, keep = atom_points(model, distance)
    cells = np.floor(points / _FINE).astype(np.int64)
    _, group = np.unique(cells, axis=0, return_inverse=True)
    group = group.reshape(-1)
    counts = np.bincount(group)
    centres = np.stack([np.bincount(group, x) for x in points.T], axis=1) / counts[:, None]
    radii = np.zeros(len(counts))
    np.maximum.at(radii, group, np.linalg.norm(points - centres[group], axis=1) + keep)
    return centres, radii


class Limits:
    """Walls and obstacle of a scene; `reach` is the largest radius that will be asked for, nm."""

    def __init__(self, boundary: Boundary, obstacle: Obstacle | None, reach: float) -> None:
        self.resize(boundary)
        self.obstacle = None if obstacle is None else _ObstacleMap(obstacle, reach)
        self.exist = self.obstacle is not None or bool(boundary.walls.any())

    def resize(self, boundary: Boundary) -> None:
        """Give the box other edges."""
        self.boundary = boundary
        self.top = np.where(boundary.walls, np.array(boundary.box) / 2, np.inf)

    def depth(self, places: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how deep balls stand in a wall or the obstacle, and the way out, (p,), (p, 3).

        Depths are in nm, and at most 0 for a ball that is clear.
        """
        rows = np.arange(len(places))
        beyond = np.abs(places) + radii[:, None] - self.top
        axis = beyond.argmax(axis=1)
        depth, normal = beyond[rows, axis], np.zeros((len(places), 3))
        normal[rows, axis] = -np.sign(places[rows, axis])
        if self.obstacle is not None:
            other, out = self.obstacle.depth(self.boundary.wrap(places), radii)
            deeper = other > depth
            depth = np.where(deeper, other, depth)
            normal[deeper] = out[deeper]
        return depth, normal


class _ObstacleMap:
    """Depths read off a map of signed distances, to first order."""

    def __init__(self, obstacle: Obstacle, reach: float) -> None:
        self.reach = reach
        self.depths, self.low, high = obstacle_depths(obstacle, reach, most=400)
        self.step = (high - self.low) / (np.array(self.depths.shape[::-1]) - 1)
        self.slope = np.stack(np.gradient(self.depths, *self.step[::-1])[::-1], axis=-1)
        self.beyond = obstacle.beyond

    def depth(self, places: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return depths, (p,) nm, below 0 outside, and the directions out of it, (p, 3)."""
        index = (places - self.low) / self.step
        last = np.array(self.depths.shape[::-1]) - 1
        nearest = np.clip(np.rint(index), 0, last).astype(np.int64)
        i, j, k = nearest.T
        out = -self.slope[k, j, i]
        off = (index - nearest) * self.step
        depth = self.depths[k, j, i] - np.einsum("pi,pi->p", out, off)
        outer = ((index < 0) | (index > last)).any(axis=1)
        if self.beyond:
            out[outer] = -off[outer]
        else:
            depth[outer] = 0.0
        size = np.linalg.norm(out, axis=1)[:, None]
        return depth + radii - self.reach, out / np.maximum(size, 1e-12)
