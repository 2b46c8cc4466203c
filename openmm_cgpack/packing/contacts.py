"""Which points of two bodies are close: lists for rigid bodies with thousands of points each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..core import BallModel, Open, RigidTransforms
from ..core.boundary import Boundary

_CELL = 1.2
_VOXEL = 0.3
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
        self.distance = (distance_transform_edt(empty) * self.voxel).astype(np.float32)

    def far(self, points: np.ndarray) -> np.ndarray:
        """Return less than the distance of each point from the nearest of the surface's, nm."""
        index = np.rint(points / self.voxel).astype(np.int64) - self.low
        inside = ((index >= 0) & (index < self.distance.shape)).all(axis=1)
        distance = np.full(len(points), np.inf)
        # Either end of the distance may be half a voxel's diagonal off.
        distance[inside] = self.distance[tuple(index[inside].T)] - np.sqrt(3) * self.voxel
        return distance

    def near(
        self, other: Surface, to_other: tuple[np.ndarray, np.ndarray], skin: float
    ) -> np.ndarray:
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
        (k, 2) int array
            Points of this surface and of the other.
        """
        turn, shift = to_other
        cutoff = self.largest + other.largest + skin
        none = np.empty((0, 2), np.int64)
        close = other.far(self.middles @ turn.T + shift) < self.sizes + cutoff
        if not close.any():
            return none
        rows = np.flatnonzero(np.repeat(close, self.ends - self.starts))
        moved = self.points[rows] @ turn.T + shift
        keep = other.far(moved) < cutoff
        if not keep.any():
            return none
        rows, moved = rows[keep], moved[keep]
        found = cKDTree(moved).sparse_distance_matrix(other.tree, cutoff, output_type="ndarray")
        mine, theirs = rows[found["i"]], found["j"]
        touching = found["v"] < self.radii[mine] + other.radii[theirs] + skin
        return np.stack([mine[touching], theirs[touching]], axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class PointPairs:
    """Pairs of points of different bodies, as a list that bodies keep while they move a little.

    Parameters
    ----------
    body : (q,) int array
        Body of each point in the list.
    points : (q, 3) array
        The points in their bodies' frames, nm.
    first, second : (k,) int arrays
        The pairs, as rows of `points`.
    touch : (k,) array
        Distance at which the two points of a pair touch, nm.
    shift : (k, 3) array
        What is added to the first point to get its image next to the second, nm.
    """

    body: np.ndarray
    points: np.ndarray
    first: np.ndarray
    second: np.ndarray
    touch: np.ndarray
    shift: np.ndarray


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

    A pair of bodies is looked at again when one of the two has moved by a third of the skin since
    it was last looked at; so no pair of points comes to touch without being listed.

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
        self.reach = np.array([surface.reach for surface in surfaces])
        self.largest = np.array([surface.largest for surface in surfaces])
        self.known: RigidTransforms | None = None
        self.parts: dict[tuple[int, int, tuple[float, ...]], np.ndarray] = {}

    def stale(self, poses: RigidTransforms) -> np.ndarray:
        """Return which bodies have moved too far since they were last looked at, (n,) bool."""
        if self.known is None:
            return np.ones(len(self.surfaces), bool)
        shift = np.linalg.norm(poses.translations - self.known.translations, axis=1)
        turn = np.linalg.norm(poses.rotations - self.known.rotations, axis=(1, 2)) / np.sqrt(2)
        return shift + turn * self.reach > self.skin / 3

    def update(self, poses: RigidTransforms, stale: np.ndarray) -> None:
        """Look at the pairs of stale bodies again."""
        parts = self.parts
        for key in [k for k in parts if stale[k[0]] or stale[k[1]]]:
            del parts[key]
        rotations, translations = poses.rotations, poses.translations
        pairs, shifts = neighbours(translations, self.reach + self.skin / 2, self.boundary)
        keep = self.moving[pairs].any(axis=1) & stale[pairs].any(axis=1)
        for (i, j), shift in zip(pairs[keep].tolist(), shifts[keep], strict=True):
            # The smaller body's points are looked up in the larger one's voxels.
            if len(self.surfaces[i].points) > len(self.surfaces[j].points):
                i, j, shift = j, i, -shift
            back = rotations[j].T
            move = back @ (translations[i] + shift - translations[j])
            found = self.surfaces[i].near(self.surfaces[j], (back @ rotations[i], move), self.skin)
            if len(found):
                parts[i, j, tuple(shift.tolist())] = found
        if self.known is None:
            self.known = poses
        else:
            where = stale[:, None]
            self.known = RigidTransforms(
                rotations=np.where(where[:, None], rotations, self.known.rotations),
                translations=np.where(where, translations, self.known.translations),
            )

    def pairs(self) -> PointPairs:
        """Return all pairs of points."""
        if not self.parts:
            none, empty = np.empty(0, np.int64), np.empty((0, 3))
            return PointPairs(
                body=none, points=empty, first=none, second=none, touch=np.empty(0), shift=empty
            )
        sizes = [len(rows) for rows in self.parts.values()]
        body = np.repeat(np.array([key[:2] for key in self.parts]), sizes, axis=0)
        shift = np.repeat(np.array([key[2] for key in self.parts]), sizes, axis=0)
        row = np.concatenate(list(self.parts.values()))
        # Each point once, however many pairs it is in.
        most = max(len(surface.points) for surface in self.surfaces)
        keys, index = np.unique(body * most + row, return_inverse=True)
        index = index.reshape(-1, 2)
        owner, point = np.divmod(keys, most)
        points, radii = np.empty((len(keys), 3)), np.empty(len(keys))
        starts = np.searchsorted(owner, np.arange(len(self.surfaces) + 1))
        for b in np.flatnonzero(np.diff(starts)).tolist():
            here = slice(starts[b], starts[b + 1])
            points[here] = self.surfaces[b].points[point[here]]
            radii[here] = self.surfaces[b].radii[point[here]]
        first, second = index.T
        return PointPairs(
            body=owner,
            points=points,
            first=first,
            second=second,
            touch=radii[first] + radii[second],
            shift=shift,
        )


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
