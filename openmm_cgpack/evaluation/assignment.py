"""Which pick goes with which particle, where several reach each other."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from scipy.spatial import cKDTree

from ..core.boundary import Boundary

Assignment: TypeAlias = Literal["optimal", "score", "distance", "any"]

ASSIGNMENTS: tuple[Assignment, ...] = get_args(Assignment)
"""Ways to assign picks to particles; see `openmm_cgpack.evaluation.PaperRule`."""

ROUNDING = 1e-9
"""Relative tolerance of a distance that equals the radius: the rim counts."""


def within_reach(
    positions: np.ndarray, centres: np.ndarray, reach: np.ndarray, *, boundary: Boundary
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs of a pick (n, 3) and a particle (m, 3) within the particle's reach (m,), nm.

    They come as two (k,) arrays of indices, by pick and then by particle, and one of distances.
    """
    if not len(positions) or not len(centres):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    tree = cKDTree(boundary.tree_points(positions), boxsize=boundary.tree_box)
    found = tree.query_ball_point(boundary.tree_points(centres), reach * (1 + ROUNDING))
    particles = np.repeat(np.arange(len(centres)), [len(f) for f in found])
    picks = np.array([i for f in found for i in f], np.int64)
    order = np.lexsort((particles, picks))
    picks, particles = picks[order], particles[order]
    apart = boundary.minimum_image(positions[picks] - centres[particles])
    return picks, particles, np.linalg.norm(apart, axis=1)


def assign(
    picks: np.ndarray,
    particles: np.ndarray,
    distances: np.ndarray,
    *,
    scores: np.ndarray,
    assignment: Assignment,
) -> np.ndarray:
    """Return which of the pairs hold, ascending: each particle, and each pick but for "any", once.

    `picks`, `particles` and `distances` are the pairs that are allowed, (k,); `scores` those of all
    picks.
    """
    if assignment == "optimal":
        return _optimal(picks, particles, distances)
    if assignment == "score":
        order = np.lexsort((distances, picks, -scores[picks]))
    else:
        order = np.argsort(distances, kind="stable")
    used_picks: set[int] = set()
    used_particles: set[int] = set()
    chosen = []
    for pair in order:
        pick, particle = int(picks[pair]), int(particles[pair])
        if particle in used_particles or (pick in used_picks and assignment != "any"):
            continue
        used_picks.add(pick)
        used_particles.add(particle)
        chosen.append(pair)
    return np.sort(np.array(chosen, np.int64))


def _optimal(picks: np.ndarray, particles: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return the matching of most pairs, and of all of those the one nearest in sum."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, m = picks.max(initial=-1) + 1, particles.max(initial=-1) + 1
    graph = coo_array((np.ones(len(picks)), (picks, particles + n)), shape=(n + m, n + m))
    _, group = connected_components(graph, directed=False)
    chosen = [np.empty(0, np.int64)]
    # Connected groups are solved one by one: crowds fall into small ones.
    order = np.argsort(group[picks], kind="stable")
    for pairs in np.split(order, np.flatnonzero(np.diff(group[picks][order])) + 1):
        rows, row = np.unique(picks[pairs], return_inverse=True)
        columns, column = np.unique(particles[pairs], return_inverse=True)
        # One pair more outweighs any sum of distances.
        bonus = 1.0 + distances[pairs].max(initial=0) * min(len(rows), len(columns))
        cost = np.zeros((len(rows), len(columns)))
        cost[row, column] = distances[pairs] - bonus
        index = np.full(cost.shape, -1, np.int64)
        index[row, column] = pairs
        taken = index[linear_sum_assignment(cost)]
        chosen.append(taken[taken >= 0])
    return np.sort(np.concatenate(chosen))
