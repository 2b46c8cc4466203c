"""Which points of two bodies are close: lists for rigid bodies with thousands of points each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..core import BallModel, Open, RigidTransforms
from ..core.boundary import Boundary

_CELL = 1.2
_VOXEL = 0.3
_MARGIN = 2.0
"""How far beyond meeting pairs of bodies are kept, nm."""
_FINE = 0.9
_UNION = 1.122
"""What makes the union of a library species' points as large as its envelope: 1.119 to 1.126 of
the radii that would do so without overlaps, in five of them."""


class Surface:
    """The points of a body that may touch others, in its body frame.

    Parameters
    ----------
    points : (p, 3) array
        Points, nm.
    radii : (p,) array
        Distance that each keeps: two points touch at the sum of theirs, nm.
    reach : float
        Largest distance from its points at which others will be looked for, nm.
    """

    def __init__(self, points: np.ndarray, radii: np.ndarray, *, reach: float) -> None:
        from scipy.ndimage import distance_transform_edt

        cells = np.floor(points / _CELL).astype(np.int64)
        _, group = np.unique(cells, axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        self.points = np.ascontiguousarray(points[order])
        self.radii = radii[order]
        self.reach = float((np.linalg.norm(points, axis=1) + radii).max())
        self.largest = float(radii.max())
        self.tree = cKDTree(self.points)
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
        pad = int(np.ceil(reach / self.voxel)) + 2
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
        """Return the pairs of points of two surfaces that touch or come within a skin of it.

        Parameters
        ----------
        other : Surface
            The other body's.
        to_other : ((3, 3), (3,)) arrays
            Rotation and translation from this body's frame to the other's.
        skin : float
            How far beyond touching, nm.

        Returns
        -------
        pairs : (k, 2) int array
            Points of this surface and of the other.
        spare : float
            How far the bodies may come closer before a pair is within the skin that is not
            listed, nm; 0 where some are listed.
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
        found = cKDTree(moved).sparse_distance_matrix(other.tree, cutoff, output_type="ndarray")
        mine, theirs = rows[found["i"]], found["j"]
        touching = found["v"] < self.radii[mine] + other.radii[theirs] + skin
        return np.stack([mine[touching], theirs[touching]], axis=1), 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PointPairs:
    """Pairs of points of different bodies, as a list that bodies keep while they move a little.

    Parameters
    ----------
    body : (q,) int array
        Body of each point in the list. A point is in it once for every body that it is close to.
    number : (q,) int array
        Which of its body's points it is.
    points : (q, 3) array
        The points in their bodies' frames, nm.
    shift : (q, 3) array
        What is added to a point in the scene to get its image next to the other body, nm.
    first, second : (k,) int arrays
        The pairs, as rows of `points`.
    touch : (k,) array
        Distance at which the two points of a pair touch, nm.
    """

    body: np.ndarray
    number: np.ndarray
    points: np.ndarray
    shift: np.ndarray
    first: np.ndarray
    second: np.ndarray
    touch: np.ndarray


def neighbours(
    centres: np.ndarray, reach: np.ndarray, boundary: Boundary
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of bodies whose enclosing spheres meet, across the boundary too.

    Parameters
    ----------
    centres : (n, 3) array
        Centres of the spheres, nm.
    reach : (n,) array
        Their radii, nm.
    boundary : Open, Periodic or Slab
        Where the scene ends.

    Returns
    -------
    pairs : (k, 2) int array
        Bodies, first < second; a pair comes once for every image in which it meets.
    shifts : (k, 3) array
        What is added to the first centre to get that image, nm.
    """
    images = [np.zeros(3)]
    if not isinstance(boundary, Open):
        steps = [(-1, 0, 1) if p else (0,) for p in boundary.periodic]
        grid = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
        images = list(grid * np.array(boundary.box))
    order = np.argsort(-reach, kind="stable")
    tree = cKDTree(centres)
    pairs, shifts = [], []
    low, high = centres.min(axis=0), centres.max(axis=0)
    for image in images:
        moved = centres[order] + image
        wide = 2 * reach.max()
        inside = ((moved > low - wide) & (moved < high + wide)).all(axis=1)
        rows = order[inside]
        found = tree.query_ball_point(moved[inside], reach[rows] + reach.max())
        sizes = np.fromiter(map(len, found), np.int64, len(found))
        first = np.repeat(rows, sizes)
        second = np.fromiter((j for f in found for j in f), np.int64, int(sizes.sum()))
        keep = first < second
        first, second = first[keep], second[keep]
        gap = np.linalg.norm(centres[first] + image - centres[second], axis=1)
        meets = gap < reach[first] + reach[second]
        pairs.append(np.stack([first[meets], second[meets]], axis=1))
        shifts.append(np.broadcast_to(image, (int(meets.sum()), 3)))
    return np.concatenate(pairs), np.concatenate(shifts)


class ContactList:
    """The pairs of points that touch or nearly do, kept up while bodies move.

    A pair of bodies is looked at again when it has moved by the skin since it was last looked at,
    and by what it had to spare beyond that; so no two points touch without being listed.

    Parameters
    ----------
    surfaces : list of Surface
        That of each body.
    boundary : Open, Periodic or Slab
        Where the scene ends.
    skin : float
        How far beyond touching pairs are listed, nm.
    moving : (n,) bool array
        Bodies that move; pairs of two others are left out.
    """

    def __init__(
        self, surfaces: list[Surface], boundary: Boundary, *, skin: float, moving: np.ndarray
    ) -> None:
        self.surfaces = surfaces
        self.boundary = boundary
        self.skin = skin
        self.moving = moving
        self.watched, self.changed = moving, True
        self.reach = np.array([surface.reach for surface in surfaces])
        self.size = np.array([len(surface.points) for surface in surfaces])
        self.centres: np.ndarray | None = None
        self.bodies, self.shifts = np.empty((0, 2), np.int64), np.empty((0, 3))
        self.live = np.empty(0, np.int64)
        # Of each pair: how it stood when it was looked at, what it had to spare, and its points.
        self.turn, self.move = np.empty((0, 3, 3)), np.empty((0, 3))
        self.spare = np.empty(0)
        self.close: list[_Close | None] = []

    def watch(self, some: np.ndarray) -> None:
        """Look at the pairs of some bodies only, (n,) bool; all others rest meanwhile."""
        self.watched, self.changed = some & self.moving, True
        self.live = np.flatnonzero(self.watched[self.bodies].any(axis=1))

    def update(self, poses: RigidTransforms) -> bool:
        """Look again at the pairs of bodies that have moved too far.

        Returns
        -------
        bool
            Whether `pairs` are others than after the last update.
        """
        centres = poses.translations
        if self.centres is None or (
            np.linalg.norm(centres - self.centres, axis=1).max() > (_MARGIN - self.skin) / 2
        ):
            self._find(poses)
        live = self.live
        turn, move = self._relative(poses, live)
        reach = self.reach[self.bodies[live, 0]]
        moved = _farthest(turn - self.turn[live], move - self.move[live], reach)
        look = np.flatnonzero(moved > self.skin + self.spare[live])
        for k, pair in zip(look.tolist(), live[look].tolist(), strict=True):
            first, second = (self.surfaces[b] for b in self.bodies[pair])
            rows, self.spare[pair] = first.near(second, (turn[k], move[k]), self.skin)
            self.close[pair] = _Close(first, second, rows) if len(rows) else None
        self.turn[live[look]], self.move[live[look]] = turn[look], move[look]
        changed, self.changed = self.changed or len(look) > 0, False
        return changed

    def _find(self, poses: RigidTransforms) -> None:
        """Find the pairs of bodies that may meet; what is known of a pair is kept."""
        centres = poses.translations
        known = {self._key(k): k for k in range(len(self.bodies))}
        bodies, shifts = neighbours(centres, self.reach + _MARGIN / 2, self.boundary)
        keep = self.moving[bodies].any(axis=1)
        bodies, shifts = bodies[keep], shifts[keep]
        # The smaller body's points are looked up in the larger one's voxels.
        larger = self.size[bodies[:, 0]] > self.size[bodies[:, 1]]
        bodies[larger] = bodies[larger, ::-1]
        shifts = np.where(larger[:, None], -shifts, shifts)
        self.centres, self.bodies, self.shifts = centres, bodies, shifts
        row = np.array([known.get(self._key(k), -1) for k in range(len(bodies))], np.int64)
        old = row >= 0
        turn, move = self._relative(poses, np.arange(len(bodies)))
        turn[old], move[old] = self.turn[row[old]], self.move[row[old]]
        # Spheres that are apart have that to spare; other new pairs are looked at in any case.
        reach = self.reach[bodies]
        gap = np.linalg.norm(move, axis=1) - reach.sum(axis=1) - self.skin
        spare = np.where(gap > 0, gap, -np.inf)
        spare[old] = self.spare[row[old]]
        self.close = [self.close[k] if k >= 0 else None for k in row.tolist()]
        self.turn, self.move, self.spare = turn, move, spare
        self.watch(self.watched)

    def _key(self, k: int) -> tuple[int, int, tuple[float, ...]]:
        first, second = self.bodies[k].tolist()
        return first, second, tuple(self.shifts[k].tolist())

    def _relative(self, poses: RigidTransforms, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rotations and translations from the first bodies' frames to the second's."""
        first, second = self.bodies[pairs].T
        back = np.swapaxes(poses.rotations[second], 1, 2)
        move = poses.translations[first] + self.shifts[pairs] - poses.translations[second]
        return back @ poses.rotations[first], np.einsum("kij,kj->ki", back, move)

    def pairs(self) -> PointPairs:
        """Return the pairs of points of the bodies that are looked at."""
        found = {k: c for k in self.live.tolist() if (c := self.close[k]) is not None}
        pairs, close = list(found), list(found.values())
        sizes = np.array([c.sizes for c in close], np.int64).reshape(-1, 2)
        counts = [len(c.touch) for c in close]
        starts = np.cumsum(sizes.sum(axis=1)) - sizes.sum(axis=1)
        start = np.repeat(starts.astype(np.int32), counts)
        # Of the two bodies the image of the first is meant.
        shifts = np.stack([self.shifts[pairs], np.zeros((len(pairs), 3))], axis=1).reshape(-1, 3)
        return PointPairs(
            body=np.repeat(self.bodies[pairs].reshape(-1), sizes.reshape(-1)),
            shift=np.repeat(shifts, sizes.reshape(-1), axis=0),
            number=_joined([c.number for c in close], np.empty(0, np.int64)),
            points=_joined([c.points for c in close], np.empty((0, 3))),
            first=_joined([c.first for c in close], np.empty(0, np.int32)) + start,
            second=_joined([c.second for c in close], np.empty(0, np.int32)) + start,
            touch=_joined([c.touch for c in close], np.empty(0)),
        )


class _Close:
    """The points of two bodies that are close: those of the first, then those of the second.

    Parameters
    ----------
    first, second : Surface
        The bodies'.
    rows : (k, 2) int array
        Pairs of their points.
    """

    def __init__(self, first: Surface, second: Surface, rows: np.ndarray) -> None:
        mine, here = np.unique(rows[:, 0], return_inverse=True)
        theirs, there = np.unique(rows[:, 1], return_inverse=True)
        self.sizes = len(mine), len(theirs)
        # There are many of them.
        self.first = here.astype(np.int32)
        self.second = (len(mine) + there).astype(np.int32)
        self.number = np.concatenate([mine, theirs])
        self.points = np.concatenate([first.points[mine], second.points[theirs]])
        self.touch = first.radii[rows[:, 0]] + second.radii[rows[:, 1]]


def _joined(parts: list[np.ndarray], none: np.ndarray) -> np.ndarray:
    return np.concatenate([none, *parts])


def moved_by(poses: RigidTransforms, before: RigidTransforms, reach: np.ndarray) -> np.ndarray:
    """Return how far the farthest point of each body has moved at most, (n,) nm.

    Parameters
    ----------
    poses, before : RigidTransforms
        Now, and before.
    reach : (n,) array
        Distance of the farthest point from the body's origin, nm.
    """
    return _farthest(
        poses.rotations - before.rotations, poses.translations - before.translations, reach
    )


def _farthest(turned: np.ndarray, moved: np.ndarray, reach: np.ndarray) -> np.ndarray:
    # The difference of two rotations has two equal singular values and none else.
    angle = np.linalg.norm(turned, axis=(1, 2)) / np.sqrt(2)
    return np.linalg.norm(moved, axis=1) + angle * reach


def rigid_points(model: BallModel, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of a molecule: its atoms, or the points that stand for several.

    Parameters
    ----------
    model : BallModel
        A rigid body.
    distance : float
        Distance at which two atoms touch, nm.

    Returns
    -------
    points : (p, 3) array
        In the body frame, nm.
    radii : (p,) array
        What each keeps from others', nm. Atoms keep half the distance. Points of several atoms
        are balls whose union has the envelope's volume, and may overlap by as much as the
        envelopes of atoms that touch. A body without a structure has its balls.
    """
    from ..structures.envelope import ATOM_RADIUS

    structure = model.structure
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


def fine_points(model: BallModel, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a molecule as balls of about forty atoms that hold all of them.

    Parameters
    ----------
    model : BallModel
        A rigid body.
    distance : float
        Distance at which two atoms touch, nm.

    Returns
    -------
    points : (p, 3) array
        In the body frame, nm.
    radii : (p,) array
        A ball for the points in each cube of 0.9 nm, which reaches as far beyond the outermost of
        them as that does itself, nm. Balls lead out of a body where its single atoms lead nowhere.
    """
    points, keep = rigid_points(model, distance)
    cells = np.floor(points / _FINE).astype(np.int64)
    _, group = np.unique(cells, axis=0, return_inverse=True)
    group = group.reshape(-1)
    counts = np.bincount(group)
    centres = np.stack([np.bincount(group, x) for x in points.T], axis=1) / counts[:, None]
    radii = np.zeros(len(counts))
    np.maximum.at(radii, group, np.linalg.norm(points - centres[group], axis=1) + keep)
    return centres, radii
