"""Which pick goes with which particle."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

ASSIGNMENTS = ("optimal", "score", "distance", "any")
"""Ways to give picks to particles where several reach each other."""

ROUNDING = 1e-9
"""Relative tolerance of a distance that equals the radius: the rim counts."""


def within_reach(
    positions: np.ndarray,
    centres: np.ndarray,
    reach: np.ndarray,
    *,
    box: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find all pairs of a pick and a particle that it lies in.

    Parameters
    ----------
    positions : (n, 3) array
        Picks, nm.
    centres : (m, 3) array
        Particles, nm.
    reach : (m,) array
        How far from each particle's centre a pick may be, nm; the rim counts.
    box : (3,) array, optional
        Edges of a periodic box, nm: distances are then those to the nearest image.

    Returns
    -------
    picks, particles : (k,) int arrays
        The pairs, by pick and then by particle.
    distances : (k,) array
        Their distances, nm.
    """
    if not len(positions) or not len(centres):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    if box is not None:
        positions, centres = in_box(positions, box), in_box(centres, box)
    found = cKDTree(positions, boxsize=box).query_ball_point(centres, reach * (1 + ROUNDING))
    particles = np.repeat(np.arange(len(centres)), [len(f) for f in found])
    picks = np.array([i for f in found for i in f], np.int64)
    order = np.lexsort((particles, picks))
    picks, particles = picks[order], particles[order]
    apart = positions[picks] - centres[particles]
    if box is not None:
        apart -= box * np.rint(apart / box)
    return picks, particles, np.linalg.norm(apart, axis=1)


def in_box(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the images of points from 0 to below the edges of a periodic box, (n, 3) nm."""
    moved = points - box * np.floor(points / box)
    # What is a rounding error below 0 comes to lie on the far edge.
    return np.where(moved < box, moved, 0.0)


def assign(
    picks: np.ndarray,
    particles: np.ndarray,
    distances: np.ndarray,
    *,
    scores: np.ndarray,
    assignment: str,
) -> np.ndarray:
    """Choose among pairs so that no particle, and but for ``"any"`` no pick, is in two of them.

    Parameters
    ----------
    picks, particles : (k,) int arrays
        Pairs that are allowed.
    distances : (k,) array
        Their distances, nm.
    scores : (n,) array
        Scores of the picks.
    assignment : {"optimal", "score", "distance", "any"}
        See `match_picks`.

    Returns
    -------
    (p,) int array
        Which of the pairs hold, ascending.

    Raises
    ------
    ValueError
        There is no such assignment.
    """
    if assignment not in ASSIGNMENTS:
        raise ValueError(f"assignment: wanted one of {', '.join(ASSIGNMENTS)}, got {assignment!r}")
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
    """Return the most pairs that are possible, and of all such choices the nearest."""
    if not len(picks):
        return np.empty(0, np.int64)
    pick_names, pick = np.unique(picks, return_inverse=True)
    particle_names, particle = np.unique(particles, return_inverse=True)
    n, m = len(pick_names), len(particle_names)
    graph = coo_array((np.ones(len(pick)), (pick, particle + n)), shape=(n + m, n + m))
    _, group = connected_components(graph, directed=False)
    chosen = []
    # What does not reach each other is solved apart: crowds fall into small groups.
    order = np.argsort(group[pick], kind="stable")
    for pairs in np.split(order, np.flatnonzero(np.diff(group[pick][order])) + 1):
        rows, row = np.unique(pick[pairs], return_inverse=True)
        columns, column = np.unique(particle[pairs], return_inverse=True)
        # One pair more outweighs any sum of distances.
        bonus = 1.0 + distances[pairs].max() * min(len(rows), len(columns))
        cost = np.zeros((len(rows), len(columns)))
        cost[row, column] = distances[pairs] - bonus
        index = np.full(cost.shape, -1, np.int64)
        index[row, column] = pairs
        taken = index[linear_sum_assignment(cost)]
        chosen.append(taken[taken >= 0])
    return np.sort(np.concatenate(chosen))
