"""Points on surfaces near given ones: what remeshing keeps its vertices on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree

from .triangulation import subdivision

Projection = Callable[[np.ndarray], np.ndarray]
"""Takes points (n, 3) near a surface and returns points on it, nm."""

_STEPS = 8
"""Of Newton, of which each doubles the digits."""

_NEAREST = 8
"""Samples of a mesh that are looked at for a point."""


def onto_ellipsoid(radii: tuple[float, float, float]) -> Projection:
    """Return the projection onto the ellipsoid with three radii along x, y and z, nm.

    Points move along the gradient of ``(x/a)² + (y/b)² + (z/c)²`` to where it is 1.

    >>> onto_ellipsoid((1, 2, 3))(np.array([[0.0, 0, 2.5]])).round(6).tolist()
    [[0.0, 0.0, 3.0]]
    """
    squares = np.square(radii)

    def project(points: np.ndarray) -> np.ndarray:
        for _ in range(_STEPS):
            slope = points / squares
            excess = np.einsum("ni,ni->n", points, slope) - 1
            points = points - (excess / 2 / np.einsum("ni,ni->n", slope, slope))[:, None] * slope
        return points

    return project


def onto_capsule(radius: float, straight: float) -> Projection:
    """Return the projection onto a cylinder along z of a straight length with round caps, nm.

    >>> onto_capsule(2.0, 6.0)(np.array([[1.0, 0, 0], [0, 0, 7]])).tolist()
    [[2.0, 0.0, 0.0], [0.0, 0.0, 5.0]]
    """

    def project(points: np.ndarray) -> np.ndarray:
        axis = np.zeros_like(points)
        axis[:, 2] = np.clip(points[:, 2], -straight / 2, straight / 2)
        out = points - axis
        return axis + radius * out / np.linalg.norm(out, axis=1)[:, None]

    return project


def onto_triangles(vertices: np.ndarray, faces: np.ndarray, spacing: float) -> Projection:
    """Return the projection onto triangles (f, 3) of vertices (v, 3), nm.

    Of the faces that hold the nearest of samples `spacing` nm apart, the nearest point is exact.

    >>> corners = np.array([[0.0, 0, 0], [4, 0, 0], [0, 4, 0]])
    >>> project = onto_triangles(corners, np.array([[0, 1, 2]]), 0.5)
    >>> project(np.array([[1.0, 1, 3], [-1, -1, 0]])).tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    corners = vertices[faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    cuts = np.maximum(1, np.ceil(longest / spacing)).astype(int)
    samples, owners = [], []
    for cut in np.unique(cuts):
        weights, cells = subdivision(int(cut))
        chosen = np.flatnonzero(cuts == cut)
        places = np.einsum("cw,fwi->fci", weights[cells].mean(axis=1), corners[chosen])
        samples.append(places.reshape(-1, 3))
        owners.append(np.repeat(chosen, len(cells)))
    tree, owner = KDTree(np.concatenate(samples)), np.concatenate(owners)
    count = min(_NEAREST, len(owner))

    def project(points: np.ndarray) -> np.ndarray:
        if not len(points):
            return points
        _, near = tree.query(points, k=count)
        there = corners[owner[near.reshape(len(points), count)]]
        found = _nearest(points[:, None], there)
        distance = np.linalg.norm(found - points[:, None], axis=2)
        return found[np.arange(len(points)), distance.argmin(axis=1)]

    return project


def _nearest(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return the points of triangles (..., 3, 3) nearest to points (..., 3)."""
    start, end = corners, np.roll(corners, -1, axis=-2)
    side = end - start
    along = np.einsum("...ki,...ki->...k", points[..., None, :] - start, side)
    part = np.clip(along / np.maximum(np.einsum("...ki,...ki->...k", side, side), 1e-300), 0, 1)
    on_sides = start + part[..., None] * side
    gap = np.linalg.norm(on_sides - points[..., None, :], axis=-1)
    nearest = np.take_along_axis(on_sides, gap.argmin(axis=-1)[..., None, None], axis=-2)
    up = np.cross(side[..., 0, :], side[..., 1, :])
    size = np.maximum(np.einsum("...i,...i->...", up, up), 1e-300)
    height = np.einsum("...i,...i->...", points - corners[..., 0, :], up) / size
    foot = points - height[..., None] * up
    # Inside where it lies to the left of every side.
    left = np.einsum("...ki,...i->...k", np.cross(side, foot[..., None, :] - start), up)
    inside = (left >= 0).all(axis=-1)
    return np.where(inside[..., None], foot, nearest[..., 0, :])
