"""k-means of a structure's atoms: as the paper has it, and near linear for the largest ones."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..core.runtime import integer_seed, seed_sequence
from ..core.structure import AtomicStructure

_WHOLE = 12_000_000
"""Points times clusters up to which every start takes all points, as in the paper: seconds."""
_BLOCK = 300_000
"""Points times clusters of a part in which larger structures' first centres are found."""
_SAMPLE = 50
"""Points a cluster from which these start."""
_TOLERANCE = 2e-4
"""Relative gain of the sum of squares at which the iterations of larger structures end."""
_MOST_ITERATIONS = 100


def kmeans(
    structure: AtomicStructure,
    k: int,
    *,
    n_init: int,
    seed: int | np.random.SeedSequence,
) -> tuple[np.ndarray, np.ndarray]:
    """Divide a structure's points into `k` clusters by k-means, the best of `n_init` starts.

    Returns the means of the clusters' atoms, (k, 3) nm (eq. 2), by increasing x, so that starts
    that end alike agree wholly, and the cluster of each point, (n,).

    Starts are drawn by k-means++ (Arthur and Vassilvitskii 2007) and refined by Lloyd's iterations
    with each point weighted by the atoms that it stands for. It runs on one thread, so that the
    number of threads changes nothing: one seed gives the same clusters, bit for bit, with the same
    versions of numpy and scikit-learn on the same kind of processor.

    Above 12 million points times clusters, where all this grows with the square of the atoms, a
    start is made of parts: a sample of the points is split in halves along its longest side until
    k-means of each part is short, and Lloyd's iterations of all clusters together, with a tree of
    the centres, join the parts, on the sample and then on all points, until the sum of squares
    falls by less than 2e-4 of itself in one. Time grows as n log k. Of the 165 175 atoms of 6ZU5
    the sum of squares is 1 % larger than that of the best of three whole starts.
    """
    points, weights = structure.positions, structure.atoms.astype(np.float64)
    distinct = _distinct(points, k)
    if distinct < k:
        raise ValueError(
            f"{structure.name}: {k} balls wanted, at least one atom or point for each, got "
            f'{distinct}; model = "single" takes one ball for all'
        )
    random_state = integer_seed(seed_sequence(seed))
    if len(points) * k <= _WHOLE:
        labels = _whole(points, weights, k, n_init=n_init, random_state=random_state)
    else:
        labels = _in_parts(points, weights, k, random_state=random_state)
    # The means once more, summed in the order of the points, whatever blocks the library used.
    centres = _means(points, weights, labels, k)
    order = np.lexsort(centres.T[::-1])
    rank = np.empty(k, dtype=np.int64)
    rank[order] = np.arange(k)
    return centres[order], rank[labels]


def _distinct(points: np.ndarray, wanted: int) -> int:
    """Return how many points differ, or a smaller number that is at least the one wanted."""
    # Points that differ in one direction differ: cheaper than comparing whole points.
    along = len(np.unique(points @ np.array([1.0, np.e, np.pi])))
    return along if along >= wanted else len(np.unique(points, axis=0))


def _whole(
    points: np.ndarray, weights: np.ndarray, k: int, *, n_init: int, random_state: int
) -> np.ndarray:
    # sklearn.cluster takes a second to import.
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # No tolerance: "until the cluster center no longer changes", as in the paper.
    means = KMeans(n_clusters=k, n_init=n_init, tol=0, random_state=random_state)
    with threadpool_limits(1):
        return means.fit(points, sample_weight=weights).labels_.astype(np.int64)


def _in_parts(points: np.ndarray, weights: np.ndarray, k: int, *, random_state: int) -> np.ndarray:
    # In the order of a file, so that each place of the molecule has its share of the sample.
    rows = np.arange(0, len(points), max(1, len(points) // (_SAMPLE * k)))
    sample, share = points[rows], weights[rows]
    centres = []
    for part, n in _parts(sample, share, k):
        labels = _whole(sample[part], share[part], n, n_init=1, random_state=random_state)
        centres.append(_means(sample[part], share[part], labels, n))
    joined, _ = _lloyd(sample, share, np.concatenate(centres))
    return _lloyd(points, weights, joined)[1]


def _parts(points: np.ndarray, weights: np.ndarray, k: int) -> list[tuple[np.ndarray, int]]:
    """Return parts of points, and how many of the clusters each has, by its weight."""
    parts, waiting = [], [(np.arange(len(points)), k)]
    while waiting:
        rows, n = waiting.pop()
        if n == 1 or len(rows) * n <= _BLOCK:
            parts.append((rows, n))
            continue
        axis = int(np.argmax(np.ptp(points[rows], axis=0)))
        rows = rows[np.argsort(points[rows, axis], kind="stable")]
        sums = np.cumsum(weights[rows])
        left = n // 2
        cut = int(np.searchsorted(sums, sums[-1] * left / n))
        cut = min(max(cut, left), len(rows) - (n - left))
        waiting += [(rows[:cut], left), (rows[cut:], n - left)]
    return parts


def _lloyd(
    points: np.ndarray, weights: np.ndarray, centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return centres after Lloyd's iterations, and the cluster of each point."""
    k, before = len(centres), np.inf
    for _ in range(_MOST_ITERATIONS):
        distance, labels = cKDTree(centres).query(points)
        counts = np.bincount(labels, minlength=k)
        if not counts.all():
            # A cluster that lost its points takes those that lie farthest from theirs.
            empty = np.flatnonzero(counts == 0)
            labels[np.argsort(distance, kind="stable")[-len(empty) :]] = empty
        squares = float(weights @ distance**2)
        centres = _means(points, weights, labels, k)
        if squares > before * (1 - _TOLERANCE):
            break
        before = squares
    return centres, labels


def _means(points: np.ndarray, weights: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    total = np.bincount(labels, weights, minlength=k)
    sums = [np.bincount(labels, weights * x, minlength=k) for x in points.T]
    return np.stack(sums, axis=1) / total[:, None]
