"""Clusters of a molecule's atoms: k-means (eqs 1 and 2 of the paper)."""

from __future__ import annotations

import numpy as np

from ..core.runtime import integer_seed, seed_sequence
from ..core.structure import AtomicStructure


def number_of_balls(n_atoms: int, atoms_per_ball: float) -> int:
    """Return k of the paper's eqs 3 and 4: a ball for every `atoms_per_ball` atoms, at least 3.

    Parameters
    ----------
    n_atoms : int
        Number of atoms N.
    atoms_per_ball : float
        Atoms a ball stands for; the paper's is 5000.

    Returns
    -------
    int

    Examples
    --------
    >>> number_of_balls(8274, 5000), number_of_balls(15000, 5000), number_of_balls(15001, 5000)
    (3, 3, 4)
    """
    return max(3, int(np.ceil(n_atoms / atoms_per_ball)))


def kmeans(
    structure: AtomicStructure,
    k: int,
    *,
    n_init: int,
    seed: int | np.random.SeedSequence,
) -> tuple[np.ndarray, np.ndarray]:
    """Divide a structure's points into `k` clusters by k-means, the best of `n_init` starts.

    Starts are drawn by k-means++ (Arthur and Vassilvitskii 2007) and refined by Lloyd's
    iterations with each point weighted by the atoms that it stands for. It runs on one thread, so
    that the number of threads changes nothing: one seed gives the same clusters, bit for bit,
    with the same versions of numpy and scikit-learn on the same kind of processor. Clusters are
    numbered by the x coordinates of their means, so that starts that end alike agree wholly.

    Parameters
    ----------
    structure : AtomicStructure
        The molecule.
    k : int
        Number of clusters.
    n_init : int
        Number of starts.
    seed : int or numpy.random.SeedSequence
        Seed of the starts.

    Returns
    -------
    centres : (k, 3) array
        Means of the clusters' atoms, nm (eq. 2), by increasing x.
    labels : (n,) int array
        Cluster of each point.

    Raises
    ------
    ValueError
        There are fewer distinct points than clusters.
    """
    # sklearn.cluster takes a second to import.
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    points, weights = structure.positions, structure.atoms.astype(np.float64)
    distinct = len(np.unique(points, axis=0))
    if distinct < k:
        raise ValueError(
            f"{structure.name}: {k} balls wanted, at least one point for each, got {distinct}"
        )
    sequence = seed_sequence(seed)
    # No tolerance: "until the cluster center no longer changes", as in the paper.
    means = KMeans(n_clusters=k, n_init=n_init, tol=0, random_state=integer_seed(sequence))
    with threadpool_limits(1):
        labels = means.fit(points, sample_weight=weights).labels_.astype(np.int64)
    # The means once more, summed in the order of the points, whatever blocks the library used.
    centres = _means(points, weights, labels, k)
    order = np.lexsort(centres.T[::-1])
    rank = np.empty(k, dtype=np.int64)
    rank[order] = np.arange(k)
    return centres[order], rank[labels]


def _means(points: np.ndarray, weights: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    total = np.bincount(labels, weights, minlength=k)
    sums = [np.bincount(labels, weights * x, minlength=k) for x in points.T]
    return np.stack(sums, axis=1) / total[:, None]
