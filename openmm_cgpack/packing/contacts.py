"""Which points of two bodies are close: lists for rigid bodies with thousands of points each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..core import BallModel, Open, RigidTransforms
from ..core.boundary import Boundary

_CELL = 1.2
_VOXEL = 0.3
_MARGIN = 1.2
_CLOSED = 0.16
_SLACK = np.sqrt(3) * _VOXEL
"""Twice half a voxel's diagonal: by this much a distance read off the voxels may be too large."""


class Surface:
    """The points of a body that may touch others, in its body frame.

    Parameters
    ----------
    points : (p, 3) array
        Points, nm.
    radii : (p,) array
        Distance that each keeps: two points touch at the sum of theirs, nm.
    """

    def __init__(self, points: np.ndarray, radii: np.ndarray) -> None:
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
        self.mean_radius = float(radii.mean())
        pad = int(np.ceil((self.largest + _MARGIN) / _VOXEL))
        index = np.rint(self.points / _VOXEL).astype(np.int64)
        self.low = index.min(axis=0) - pad
        empty = np.ones(index.max(axis=0) - self.low + pad + 1, dtype=bool)
        empty[tuple((index - self.low).T)] = False
        distance = (distance_transform_edt(empty) * _VOXEL).astype(np.float32)
        self.distance = distance
        # Closed, so that gaps between atoms are inside, and deep is where the way out is long.
        inner = distance < self.mean_radius + _CLOSED
        depth = distance_transform_edt(inner).astype(np.float32) * _VOXEL
        height = np.where(inner, _CLOSED + 0.5 * _VOXEL - depth, distance - self.mean_radius)
        slope = np.stack(np.gradient(height, _VOXEL), axis=-1)
        slope /= np.maximum(np.linalg.norm(slope, axis=-1), 1e-6)[..., None]
        self.field = np.concatenate([height[..., None], slope], axis=-1).astype(np.float32)

    def far(self, points: np.ndarray) -> np.ndarray:
        """Return less than the distance of each point from the nearest of the surface's, nm."""
        index = np.rint(points / _VOXEL).astype(np.int64) - self.low
        inside = ((index >= 0) & (index < self.distance.shape)).all(axis=1)
        distance = np.full(len(points), np.inf)
        distance[inside] = self.distance[tuple(index[inside].T)] - _SLACK
        return distance

    def height(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far outside of the closed surface points are, and the way out.

        Parameters
        ----------
        points : (p, 3) array
            Points in the body frame, nm.

        Returns
        -------
        height : (p,) array
            About the distance from the surface, nm; negative inside.
        slope : (p, 3) array
            Unit vectors, in the body frame.
        """
        index = np.rint(points / _VOXEL).astype(np.int64)
        cell = index - self.low
        inside = ((cell >= 0) & (cell < self.distance.shape)).all(axis=1)
        cell[~inside] = 0
        found = self.field[cell[:, 0], cell[:, 1], cell[:, 2]]
        slope = found[:, 1:].astype(np.float64)
        height = found[:, 0] + np.einsum("pi,pi->p", slope, points - index * _VOXEL)
        height[~inside] = np.inf
        return height, slope

    def inside(
        self, other: Surface, to_other: tuple[np.ndarray, np.ndarray], skin: float
    ) -> np.ndarray:
        """Return the points that stand in another's closed surface or come within a skin of it.

        Parameters
        ----------
        other : Surface
            The other body's.
        to_other : ((3, 3), (3,)) arrays
            Rotation and translation from this body's frame to the other's.
        skin : float
            How far beyond, nm.

        Returns
        -------
        (k,) int array
        """
        turn, shift = to_other
        cutoff = self.largest + other.largest + skin
        close = other.far(self.middles @ turn.T + shift) < self.sizes + cutoff
        rows = np.flatnonzero(np.repeat(close, self.ends - self.starts))
        if not len(rows):
            return rows
        height, _ = other.height(self.points[rows] @ turn.T + shift)
        return rows[height < self.radii[rows] + skin]

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
            for one, other, image in self._ways(i, j, shift):
                back = rotations[other].T
                move = back @ (translations[one] + image - translations[other])
                found = self._look(
                    self.surfaces[one], self.surfaces[other], (back @ rotations[one], move)
                )
                if len(found):
                    parts[one, other, tuple(image.tolist())] = found
        if self.known is None:
            self.known = poses
        else:
            where = stale[:, None]
            self.known = RigidTransforms(
                rotations=np.where(where[:, None], rotations, self.known.rotations),
                translations=np.where(where, translations, self.known.translations),
            )

    def _ways(self, i: int, j: int, shift: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
        return [(i, j, shift)]

    def _look(
        self, one: Surface, other: Surface, to_other: tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray:
        return one.near(other, to_other, self.skin)

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


class DepthList(ContactList):
    """The points that stand in another body or nearly do, kept up while bodies move."""

    fields: np.ndarray | None = None

    def _ways(self, i: int, j: int, shift: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
        return [(i, j, shift), (j, i, -shift)]

    def _look(
        self, one: Surface, other: Surface, to_other: tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray:
        return one.inside(other, to_other, self.skin)

    def rows(self) -> DepthRows:
        """Return everything that is listed."""
        sizes = [len(rows) for rows in self.parts.values()]
        keys = list(self.parts)
        one = np.repeat(np.array([key[0] for key in keys], np.int64), sizes)
        other = np.repeat(np.array([key[1] for key in keys], np.int64), sizes)
        shift = np.repeat(np.array([key[2] for key in keys]).reshape(-1, 3), sizes, axis=0)
        surfaces = self.surfaces
        points = [surfaces[key[0]].points[rows] for key, rows in self.parts.items()]
        radii = [surfaces[key[0]].radii[rows] for key, rows in self.parts.items()]
        fields = {id(surface): surface for surface in surfaces}
        sizes = [surface.distance.size for surface in fields.values()]
        starts = dict(zip(fields, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        if self.fields is None:
            self.fields = np.concatenate([f.field.reshape(-1, 4) for f in fields.values()])
        return DepthRows(
            one=one,
            other=other,
            shift=shift,
            points=np.concatenate([np.empty((0, 3)), *points]),
            radii=np.concatenate([np.empty(0), *radii]),
            start=np.array([starts[id(surface)] for surface in surfaces])[other],
            low=np.array([surface.low for surface in surfaces])[other],
            shape=np.array([surface.distance.shape for surface in surfaces])[other],
            fields=self.fields,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DepthRows:
    """Points of bodies, each beside another body whose field tells how deep it stands in it.

    Parameters
    ----------
    one, other : (k,) int arrays
        The body of a point, and the other one.
    shift : (k, 3) array
        What is added to a point to get its image next to the other body, nm.
    points : (k, 3) array
        The points in their bodies' frames, nm.
    radii : (k,) array
        Their radii, nm.
    start, low, shape : (k,), (k, 3), (k, 3) int arrays
        Where the other body's field begins in `fields`, its first voxel, and its shape.
    fields : (m, 4) float32 array
        Heights and ways out of all surfaces.
    """

    one: np.ndarray
    other: np.ndarray
    shift: np.ndarray
    points: np.ndarray
    radii: np.ndarray
    start: np.ndarray
    low: np.ndarray
    shape: np.ndarray
    fields: np.ndarray

    def depths(
        self, poses: RigidTransforms
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return what stands in another body.

        Parameters
        ----------
        poses : RigidTransforms
            Where the bodies are.

        Returns
        -------
        row : (d,) int array
            Rows of the list.
        depth : (d,) array
            How deep, nm; positive.
        out : (d, 3) array
            Unit vectors out of the other body, in the scene.
        place : (d, 3) array
            Where the points are, in the scene, nm.
        """
        places = np.einsum("kij,kj->ki", poses.rotations[self.one], self.points)
        places += poses.translations[self.one]
        offset = places + self.shift - poses.translations[self.other]
        inside = np.einsum("kji,kj->ki", poses.rotations[self.other], offset)
        index = np.rint(inside / _VOXEL).astype(np.int64)
        cell = np.clip(index - self.low, 0, self.shape - 1)
        flat = (cell[:, 0] * self.shape[:, 1] + cell[:, 1]) * self.shape[:, 2] + cell[:, 2]
        found = self.fields[self.start + flat]
        slope = found[:, 1:].astype(np.float64)
        height = found[:, 0] + np.einsum("ki,ki->k", slope, inside - index * _VOXEL)
        depth = self.radii - height
        row = np.flatnonzero(depth > 0)
        out = np.einsum("kij,kj->ki", poses.rotations[self.other[row]], slope[row])
        return row, depth[row], out, places[row]


def rigid_surface(model: BallModel, distance: float) -> Surface:
    """Return the surface of a molecule: its atoms, or the points that stand for several.

    Parameters
    ----------
    model : BallModel
        A rigid body.
    distance : float
        Distance at which two atoms touch, nm.

    Returns
    -------
    Surface
        Atoms keep half the distance. Points of several atoms are balls whose union has the
        envelope's volume, and may overlap by as much as the envelopes of atoms that touch. A body
        without a structure has its balls.
    """
    from ..models.union import scaled_radii
    from ..structures.envelope import ATOM_RADIUS

    structure = model.structure
    if structure is None:
        return Surface(model.positions, model.radii)
    if (structure.atoms == 1).all() and not structure.spread.any():
        heavy = structure.positions
        if structure.elements is not None:
            heavy = heavy[~np.isin(structure.elements, ("H", "D"))]
        return Surface(heavy, np.full(len(heavy), distance / 2))
    share = structure.atoms / structure.n_atoms
    base = np.cbrt(3 * model.volume * share / (4 * np.pi))
    radii = scaled_radii(structure.positions, base, model.volume)
    return Surface(structure.positions, radii - (ATOM_RADIUS - distance / 2))
