"""What bodies touch each other with, and the walls and obstacles that they touch.

**The problem.** Two large molecules have thousands of atoms each, and a scene has many thousands of
pairs of molecules whose enclosing spheres meet. Most of these pairs do not touch, and of those that
do only a few atoms come near each other. Trying all pairs of atoms is out of the question, and even
one search tree for each pair of molecules is slow.

**The idea.** Bodies are rigid, so whatever is worked out once in a body's own frame holds at every
pose, and one species' `Surface` serves all its instances. It holds two things:

- The points in *clusters*, those of one cube of 1.2 nm each, with a sphere around every cluster.
- A *distance map*: voxels of 0.3 nm around the body that know how far the nearest point is.

To compare two bodies (`Surface.near`), the clusters' centres of the smaller one are moved into the
larger one's frame and looked up in its distance map: whole clusters drop out by one look-up each.
The points of the clusters that are left are looked up the same way. Only what is still left, a few
dozen points as a rule, is searched in the larger body's tree.

**The data.** Points come from `atom_points` (atoms, or a library species' points that stand for
several atoms each) or from `ball_points` (balls of about forty atoms).

**Cost and limits.** One pair costs about as many look-ups as a body has clusters. The map is built
once for each species and takes its bounding box in voxels. It is read at the nearest voxel, so its
distance may be wrong by half a voxel's diagonal at either end; this is subtracted, so that a
look-up errs on the side of searching too much and no close pair is lost.

**Walls and the obstacle** (`Limits`). Walls are planes, so their depth is exact. The obstacle is
any set of voxels; its depth is read off a map of signed distances, from the nearest entry and its
gradient.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from ..core import BallModel, Obstacle
from ..core.boundary import Boundary
from ..forces.external import obstacle_depths

CLOSEST = 0.25
"""Distance at which atoms of two molecules are far enough apart, nm."""
_CELL = 1.2
_VOXEL = 0.3
_FINE = 0.9
_UNION = 1.122
"""What makes the union of a library species' points as large as its envelope: 1.119 to 1.126 of
the radii that would do so without overlaps, in five of them."""


class Surface:
    """The points of a body, (p, 3) nm in its frame, and the distance (p,) that each keeps.

    Two points touch at the sum of their distances; others are looked for up to a cutoff from them.
    A `coarse` surface is looked into for the points of any that is not, however few its own are.
    """

    def __init__(
        self, points: np.ndarray, radii: np.ndarray, *, cutoff: float, coarse: bool = False
    ) -> None:
        from scipy.ndimage import distance_transform_edt

        cells = np.floor(points / _CELL).astype(np.int64)
        _, group = np.unique(cells, axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        self.points = np.ascontiguousarray(points[order])
        self.radii = radii[order]
        # How far from the origin of the body frame it reaches.
        self.reach = float((np.linalg.norm(points, axis=1) + radii).max())
        self.largest = float(radii.max())
        self.coarse = coarse
        self.tree = KDTree(self.points)
        # Clusters are runs of points; each lies within a sphere.
        counts = np.bincount(group.reshape(-1))
        self.ends = np.cumsum(counts)
        self.starts = self.ends - counts
        sums = np.add.reduceat(self.points, self.starts, axis=0)
        self.middles = sums / counts[:, None]
        offset = np.linalg.norm(self.points - np.repeat(self.middles, counts, axis=0), axis=1)
        self.sizes = np.maximum.reduceat(offset, self.starts)
        # Coarser for large balls, whose distances need not be known as well.
        self.voxel = max(_VOXEL, self.largest / 4)
        pad = int(np.ceil(cutoff / self.voxel)) + 2
        index = np.rint(self.points / self.voxel).astype(np.int64)
        self.low = index.min(axis=0) - pad
        empty = np.ones(index.max(axis=0) - self.low + pad + 1, dtype=bool)
        empty[tuple((index - self.low).T)] = False
        known = pad * self.voxel
        distance = np.minimum(distance_transform_edt(empty) * self.voxel, known)
        self.distance = distance.astype(np.float32).ravel()
        # Floats, as the voxels of points come as floats.
        self.last = np.array(empty.shape) - 1.0
        self.strides = np.array([empty.shape[1] * empty.shape[2], empty.shape[2], 1.0])

    def far(self, points: np.ndarray) -> np.ndarray:
        """Return less than the distance of each point from the nearest of the surface's, nm."""
        index = np.rint(points / self.voxel) - self.low
        nearest = np.minimum(np.maximum(index, 0), self.last)
        # From beyond the voxels it is farther by the way to them.
        x, y, z = np.abs(index - nearest).T
        beyond = np.maximum(np.maximum(x, y), z) * self.voxel
        distance = self.distance[(nearest @ self.strides).astype(np.int64)] + beyond
        # Either end of the distance may be half a voxel's diagonal off.
        return distance - np.sqrt(3) * self.voxel

    def near(
        self, other: Surface, to_other: tuple[np.ndarray, np.ndarray], skin: float
    ) -> tuple[np.ndarray, float]:
        """Return the pairs of points (k, 2) of two surfaces that touch or come within a skin of it.

        `to_other` is the rotation and the translation from this body's frame to the other's. The
        second result is by how much, in nm, the bodies may come closer before a pair is within the
        skin that is not listed; 0 where some are listed.
        """
        turn, shift = to_other
        cutoff = self.largest + other.largest + skin
        none = np.empty((0, 2), np.int64)
        room = other.far(self.middles @ turn.T + shift) - self.sizes - cutoff
        close = room < 0
        if not close.any():
            return none, float(room.min())
        spare = float(room[~close].min(initial=np.inf))
        rows = np.flatnonzero(np.repeat(close, self.ends - self.starts))
        moved = self.points[rows] @ turn.T + shift
        room = other.far(moved) - cutoff
        keep = room < 0
        if not keep.any():
            return none, min(spare, float(room.min()))
        rows, moved = rows[keep], moved[keep]
        found = KDTree(moved).sparse_distance_matrix(other.tree, cutoff, output_type="ndarray")
        mine, theirs = rows[found["i"]], found["j"]
        touching = found["v"] < self.radii[mine] + other.radii[theirs] + skin
        return np.stack([mine[touching], theirs[touching]], axis=1), 0.0


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
        self.boundary = boundary
        self.top = np.where(boundary.walls, np.array(boundary.box) / 2, np.inf)
        self.obstacle = None if obstacle is None else _ObstacleMap(obstacle, reach)
        self.exist = self.obstacle is not None or bool(boundary.walls.any())

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
