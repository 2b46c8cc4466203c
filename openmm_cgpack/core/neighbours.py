"""Which spheres come near each other, across every kind of boundary.

Spheres are sorted into classes of size, each within a factor of two, and one search is done for
each two classes: a few large spheres then do not make the search among all small ones as wide as
themselves. In a box that repeats, the images near its faces are searched as if they were spheres
of their own, which also finds two images of one sphere that meet in a small box.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.spatial import KDTree

from .boundary import Boundary


def close_pairs(
    boundary: Boundary, centres: np.ndarray, radii: np.ndarray, *, gap: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of spheres whose surfaces come within `gap` nm of each other, in any image.

    `centres` (n, 3) may lie in any image of a box that repeats; `radii` are (n,), all in nm. Of
    pair p, ``centres[second[p]] + shift[p]`` is near ``centres[first[p]]``, `shift` (p, 3) being a
    whole number of boxes; every such image is a pair of its own. Pairs are in rising order, and
    ``first < second``, or both the same where a sphere comes near its own image.

    >>> from openmm_cgpack.core.boundary import Periodic
    >>> ends = np.array([[-4.8, 0, 0], [4.8, 0, 0]])
    >>> first, second, shift = close_pairs(Periodic(box=10), ends, np.full(2, 0.3))
    >>> first, second, shift
    (array([0]), array([1]), array([[-10.,   0.,   0.]]))
    """
    n, largest = len(centres), float(radii.max(initial=0.0))
    home = boundary.wrap(centres)
    places, source, image = _with_images(boundary, home, 2 * largest + gap)
    size = np.frexp(radii)[1]
    classes = [np.flatnonzero(size == s) for s in np.unique(size)]
    trees = [KDTree(home[members]) for members in classes]
    candidates = [np.empty((0, 2), np.int64)]
    for a, small in enumerate(classes):
        near = trees[a].query_pairs(2 * radii[small].max() + gap, output_type="ndarray")
        candidates.append(np.sort(small[near], axis=1))
        for b, large in enumerate(classes[a:], start=a):
            reach = radii[small].max() + radii[large].max() + gap
            if b > a:
                candidates.append(_between(trees[a], trees[b], small, large, reach))
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
    edges = boundary.repeat
    to_home = np.rint((home - centres) / np.where(edges > 0, edges, 1.0)).astype(np.int64)
    return first, second, (step[order] + to_home[second] - to_home[first]) * edges


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
