"""Close pairs under any boundary, images included."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.spatial import cKDTree

from ..core import Boundary


def close_pairs(
    boundary: Boundary, centres: np.ndarray, radii: np.ndarray, *, gap: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of spheres that come within `gap` of each other, with all images.

    Parameters
    ----------
    boundary : Open, Periodic or Slab
        What repeats.
    centres : (n, 3) array
        Centres, nm; in a box that repeats they may lie in any of its images.
    radii : (n,) array
        Radii, nm.
    gap : float, optional
        Largest distance between two surfaces, nm.

    Returns
    -------
    first, second : (p,) int arrays
        The spheres; ``first < second``, or both the same where one comes near its own image.
    shift : (p, 3) array
        ``centres[second] + shift`` is the image of the second that is near the first, nm. Every
        such image is a pair of its own.

    Examples
    --------
    >>> from openmm_cgpack.core.boundary import Periodic
    >>> ends = np.array([[-4.8, 0, 0], [4.8, 0, 0]])
    >>> first, second, shift = close_pairs(Periodic(box=10), ends, np.full(2, 0.3))
    >>> first, second, shift
    (array([0]), array([1]), array([[-10.,   0.,   0.]]))
    """
    empty = np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3))
    if len(centres) == 0:
        return empty
    largest = float(radii.max())
    home = boundary.wrap(centres)
    moved = home - centres
    places, source, shifts = _with_images(boundary, home, 2 * largest + gap)
    tree = cKDTree(places)
    found = tree.query_ball_point(home, radii + largest + gap, return_sorted=False)
    sizes = np.fromiter(map(len, found), np.int64, len(found))
    first = np.repeat(np.arange(len(home)), sizes)
    ghost = np.concatenate([np.asarray(f, np.int64) for f in found])
    second = source[ghost]
    forward = (first < second) | ((first == second) & _positive(shifts[ghost]))
    first, ghost, second = first[forward], ghost[forward], second[forward]
    distance = np.linalg.norm(places[ghost] - home[first], axis=1)
    near = distance < radii[first] + radii[second] + gap
    first, ghost, second = first[near], ghost[near], second[near]
    return first, second, shifts[ghost] + moved[second] - moved[first]


def _with_images(
    boundary: Boundary, home: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the centres and those of their images that lie within `reach` of the box."""
    edges, source = boundary.repeat, np.arange(len(home))
    times = [int(np.ceil(reach / edge)) if edge > 0 else 0 for edge in edges]
    places, sources, shifts = [], [], []
    for steps in product(*(range(-n, n + 1) for n in times)):
        shift = np.array(steps) * edges
        image = home + shift
        keep = ((edges == 0) | (np.abs(image) <= edges / 2 + reach)).all(axis=1)
        places.append(image[keep])
        sources.append(source[keep])
        shifts.append(np.broadcast_to(shift, (int(keep.sum()), 3)))
    return np.concatenate(places), np.concatenate(sources), np.concatenate(shifts)


def _positive(shifts: np.ndarray) -> np.ndarray:
    """Whether the first coordinate of each shift that is not 0 is positive."""
    x, y, z = shifts.T
    return (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
