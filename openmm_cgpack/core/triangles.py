"""Triangles in space: which side of a surface points are on, and what passes through it.

**Sides.** The winding number of a surface about a point is the solid angle under which the point
sees it, over 4 pi (Jacobson, Kavan, Sorkine-Hornung 2013): 1 inside a closed surface whose faces
are counterclockwise seen from outside, 0 outside, and it jumps by 1 across any surface. The solid
angle of a triangle is exact (van Oosterom, Strackee 1983). Faces are taken in clusters, and those
that are far from a point for their size count as one dipole (Barill et al. 2018).

**Crossings.** Two triangles that share no corner cross where a side of one passes through the
other, so that segments through triangles are all that is to be found. Only those are tried whose
middles are near.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from .boundary import Boundary

_CLUSTER = 16
"""Faces of a cluster, about."""
_FAR = 2.5
"""Distance in radii of a cluster from where on its faces count as one dipole: good to 0.02."""
_CHUNK = 200_000
"""Pairs of a point and a triangle that are looked at at once, at most."""
_SEGMENTS = 10_000
"""Segments that are looked at at once."""


def winding_numbers(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return the winding number of a surface about points.

    Parameters
    ----------
    points : (n, 3) array
        The points, nm.
    corners : (f, 3, 3) array
        Corners of the triangles, nm.

    Returns
    -------
    (n,) array

    Examples
    --------
    A tetrahedron about its middle, and about a point beside it:

    >>> a, b, c, d = np.array([[1.0, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]])
    >>> corners = np.array([[a, c, b], [a, b, d], [a, d, c], [b, c, d]])
    >>> winding_numbers(np.array([[0.0, 0, 0], [3, 0, 0]]), corners).round(6) + 0.0
    array([1., 0.])
    """
    numbers = np.zeros(len(points))
    if not len(corners):
        return numbers
    corners, starts = _clustered(corners)
    sizes = np.diff(np.append(starts, len(corners)))
    vectors = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    areas = np.linalg.norm(vectors, axis=1) + np.finfo(float).tiny
    weighed = np.add.reduceat(areas[:, None] * corners.mean(axis=1), starts, axis=0)
    centres = weighed / np.add.reduceat(areas, starts)[:, None]
    from_centre = np.linalg.norm(corners - np.repeat(centres, sizes, axis=0)[:, None], axis=2)
    reach = _FAR * np.maximum.reduceat(from_centre.max(axis=1), starts)
    dipoles = np.add.reduceat(vectors, starts, axis=0)
    rows = max(1, _CHUNK // len(corners))
    for first in range(0, len(points), rows):
        some = points[first : first + rows]
        offset = centres - some[:, None]
        distance = np.linalg.norm(offset, axis=2)
        far = distance > reach
        fields = np.einsum("nci,ci->nc", offset, dipoles) / np.maximum(distance, 1e-30) ** 3
        angle = np.where(far, fields, 0.0).sum(axis=1)
        point, cluster = np.nonzero(~far)
        count = sizes[cluster]
        point = np.repeat(point, count)
        face = np.repeat(starts[cluster] + count - np.cumsum(count), count) + np.arange(len(point))
        near = _solid_angles(corners[face] - some[point][:, None])
        numbers[first : first + rows] = angle + np.bincount(point, near, minlength=len(some))
    return numbers / (4 * np.pi)


def _clustered(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the triangles in clusters, each those of one cube, and the first of each cluster."""
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    edge = np.sqrt(_CLUSTER * np.linalg.norm(sides, axis=1).mean() / 2)
    cells = np.floor(corners.mean(axis=1) / max(edge, 1e-30)).astype(np.int64)
    _, group = np.unique(cells, axis=0, return_inverse=True)
    group = group.reshape(-1)
    counts = np.bincount(group)
    return corners[np.argsort(group, kind="stable")], np.cumsum(counts) - counts


def _solid_angles(corners: np.ndarray) -> np.ndarray:
    """Return the solid angles of triangles (k, 3, 3) at 0."""
    a, b, c = np.moveaxis(corners, 1, 0)
    la, lb, lc = np.linalg.norm(corners, axis=2).T
    triple = np.einsum("ki,ki->k", a, np.cross(b, c))
    ab, bc, ca = (np.einsum("ki,ki->k", *pair) for pair in ((a, b), (b, c), (c, a)))
    return 2 * np.arctan2(triple, la * lb * lc + ab * lc + bc * la + ca * lb)


def pierced(
    starts: np.ndarray, ends: np.ndarray, corners: np.ndarray, boundary: Boundary
) -> tuple[np.ndarray, np.ndarray]:
    """Return which segments pass through which triangles, in any image across a boundary.

    Parameters
    ----------
    starts, ends : (s, 3) arrays
        Ends of the segments, nm.
    corners : (f, 3, 3) array
        Corners of the triangles, nm.
    boundary : Open, Periodic or Slab
        Where images are.

    Returns
    -------
    segments, triangles : (k,) int arrays
        Their numbers. What shares an end or a corner is in it too.

    Examples
    --------
    >>> from openmm_cgpack import Open
    >>> triangle = np.array([[[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]])
    >>> starts, ends = np.array([[[0.5, 0.5, -1], [5, 5, -1]], [[0.5, 0.5, 1], [5, 5, 1]]])
    >>> pierced(starts, ends, triangle, Open())
    (array([0]), array([0]))
    """
    segments, triangles = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    if not len(starts) or not len(corners):
        return segments[0], triangles[0]
    centroids = corners.mean(axis=1)
    largest = np.linalg.norm(corners - centroids[:, None], axis=2).max()
    tree = KDTree(boundary.tree_points(centroids), boxsize=boundary.tree_box)
    middles, lengths = (starts + ends) / 2, np.linalg.norm(ends - starts, axis=1)
    # In order of their lengths, so that a few long ones do not make the search for all as wide.
    order = np.argsort(lengths, kind="stable")
    for rows in np.array_split(order, 1 + len(order) // _SEGMENTS):
        some = KDTree(boundary.tree_points(middles[rows]), boxsize=boundary.tree_box)
        reach = lengths[rows[-1]] / 2 + largest
        near = some.sparse_distance_matrix(tree, reach, output_type="ndarray")
        segment, triangle = rows[near["i"]], near["j"]
        offset = centroids[triangle] - middles[segment]
        shift = boundary.minimum_image(offset) - offset
        faces = np.moveaxis(corners[triangle] + shift[:, None], 1, 0)
        through = _pass(starts[segment], ends[segment], *faces)
        segments.append(segment[through])
        triangles.append(triangle[through])
    return np.concatenate(segments), np.concatenate(triangles)


def _pass(
    start: np.ndarray, end: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray
) -> np.ndarray:
    """Return which segments pass through their triangles, (k,) bool (Möller, Trumbore 1997)."""
    along, one, other, offset = end - start, b - a, c - a, start - a
    across = np.cross(along, other)
    volume = np.einsum("ki,ki->k", one, across)
    # Of a segment in the triangle's plane nothing is to be told.
    scale = np.where(np.abs(volume) > 1e-12, volume, np.inf)
    u = np.einsum("ki,ki->k", offset, across) / scale
    normal = np.cross(offset, one)
    v = np.einsum("ki,ki->k", along, normal) / scale
    t = np.einsum("ki,ki->k", other, normal) / scale
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t <= 1)
    return inside & np.isfinite(scale)
