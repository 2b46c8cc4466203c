"""Rules by which a pick finds a particle: the paper's and those of two challenges.

A new rule is a kind of `MatchingRule`: a settings class with a method `match`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from scipy.spatial import cKDTree

from ..core.boundary import Boundary
from ..core.display import described
from ..core.particles import ParticleTable, Picks
from ..core.settings import Settings, kind, setting
from ..core.volume import LabelVolume

Assignment: TypeAlias = Literal["optimal", "score", "distance", "any"]

ASSIGNMENTS: tuple[Assignment, ...] = get_args(Assignment)
"""Ways to assign picks to particles; see `PaperRule`."""

ROUNDING = 1e-9
"""Relative tolerance of a distance that equals the radius: the rim counts."""


def _beta(default: float) -> Any:
    doc = "weight of recall against precision in the F score"
    return setting(doc, default=default, above=0)


def _reach(default: float) -> Any:
    doc = "share of a particle's radius within which a pick finds it"
    return setting(doc, default=default, above=0)


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """All pairs of a pick and a particle that a rule allows, and those that it chose.

    Parameters
    ----------
    picks, particles, distances : (k,) arrays
        Indices of the pairs, and their distances, nm.
    chosen : (p,) int array
        Indices of the pairs that count, ascending.
    outside : int, optional
        Picks outside the volume of labels.
    """

    picks: np.ndarray
    particles: np.ndarray
    distances: np.ndarray
    chosen: np.ndarray
    outside: int = 0


class MatchingRule(Settings, family=True):
    """How picks are compared with the true particles."""

    beta: float = _beta(1.0)

    by_species: ClassVar[bool] = False
    """Whether a pick has to name the particle's species."""

    by_labels: ClassVar[bool] = False
    """Whether it needs instance masks."""

    def match(
        self, picks: Picks, truth: ParticleTable, *, labels: LabelVolume | None, boundary: Boundary
    ) -> Candidates:
        """Return the pairs of picks and particles; see `match_picks` for the arguments."""
        raise NotImplementedError


@kind("paper")
class PaperRule(MatchingRule):
    """A pick finds a particle within the particle's radius (section 4.1.1), of any species.

    In a crowd a pick may reach several particles. `assignment` says which of them it finds:

    ``"optimal"``
        Maximum matching: the most pairs, and of all such choices the one with the smallest sum of
        distances. It depends neither on scores nor on the order of the picks.
    ``"score"``
        Greedy: picks from the best score on take the nearest particle that is free.
    ``"distance"``
        Greedy: pairs from the nearest on, while both are free.
    ``"any"``
        Not one to one: a particle is found when any pick reaches it, and a pick may find several.
        The CZII challenge's program counts so. False positives are then never below 0.
    """

    reach: float = _reach(1.0)
    assignment: Assignment = setting(
        "how picks are assigned where they reach several particles", default="optimal"
    )

    def match(
        self, picks: Picks, truth: ParticleTable, *, labels: LabelVolume | None, boundary: Boundary
    ) -> Candidates:
        """Return the pairs within reach, and the assignment."""
        pick, particle, distances = _within_reach(
            picks.positions, truth.centre, self.reach * truth.radius, boundary=boundary
        )
        if self.by_species:
            same = species_of_picks(picks, truth)[pick] == truth.species[particle]
            pick, particle, distances = pick[same], particle[same], distances[same]
        chosen = _assign(pick, particle, distances, scores=picks.scores, assignment=self.assignment)
        return Candidates(picks=pick, particles=particle, distances=distances, chosen=chosen)


@kind("czii")
class CziiRule(PaperRule):
    """A pick finds a particle of the species it names within half the radius; beta is 4.

    The challenge's figure is `weighted_f` of the species' scores, which `pool_scores` adds up over
    tomograms before (CZII CryoET object identification challenge, Kaggle 2024).
    """

    beta: float = _beta(4.0)
    reach: float = _reach(0.5)

    by_species: ClassVar[bool] = True


@kind("shrec")
class ShrecRule(MatchingRule):
    """A pick finds the instance whose grown mask holds its voxel, of any species.

    Of several picks in one mask the first counts. Picks outside the volume are moved to its nearest
    voxel and counted (Gubins et al., SHREC 2021: classification in cryo-electron tomograms,
    Eurographics workshop on 3D object retrieval).
    """

    dilation: int = setting(
        "how often masks are grown by a voxel's face; where two meet the higher number wins",
        default=1,
        minimum=0,
        maximum=100,
    )

    by_labels: ClassVar[bool] = True

    def match(
        self, picks: Picks, truth: ParticleTable, *, labels: LabelVolume | None, boundary: Boundary
    ) -> Candidates:
        """Return the picks in masks; the first in each is chosen."""
        assert labels is not None
        if boundary.periodic.any():
            raise ValueError(f"boundary: means nothing for the rule {self.kind!r}")
        voxels = np.rint(picks.positions / labels.voxel_size).astype(np.int64)[:, ::-1]
        inside = np.clip(voxels, 0, np.array(labels.data.shape) - 1)
        instance = self._grown(labels.data)[tuple(inside.T)].astype(np.int64)
        order = np.argsort(truth.instance)
        known = np.isin(instance, truth.instance)
        pick = np.flatnonzero(known)
        particle = order[np.searchsorted(truth.instance[order], instance[known])]
        return Candidates(
            picks=pick,
            particles=particle,
            distances=np.linalg.norm(picks.positions[pick] - truth.centre[particle], axis=1),
            chosen=np.sort(np.unique(particle, return_index=True)[1]),
            outside=int((voxels != inside).any(axis=1).sum()),
        )

    def _grown(self, data: np.ndarray) -> np.ndarray:
        from scipy.ndimage import generate_binary_structure, grey_dilation

        for _ in range(self.dilation):
            cross = generate_binary_structure(3, 1)
            data = grey_dilation(data, footprint=cross, mode="nearest")
        return data


def species_of_picks(picks: Picks, truth: ParticleTable) -> np.ndarray:
    """Return the species of each pick, which only a truth of one species leaves out."""
    if picks.species is not None:
        return picks.species
    names = np.unique(truth.species)
    if len(names) != 1:
        raise ValueError(f"picks: wanted a species for each pick, as the truth has {len(names)}")
    return np.repeat(names, len(picks))


def _within_reach(
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


def _assign(
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
