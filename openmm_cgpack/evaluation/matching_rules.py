"""Rules by which a pick finds a particle: the paper's and those of two challenges.

A new rule is a kind of `MatchingRule`: a settings class with a method `match`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.boundary import Boundary
from ..core.particles import ParticleTable, Picks
from ..core.settings import Settings, kind, setting
from ..core.volume import LabelVolume
from .assignment import Assignment, assign, within_reach


def _beta(default: float) -> Any:
    doc = "weight of recall against precision in the F score"
    return setting(doc, default=default, above=0)


def _reach(default: float) -> Any:
    doc = "share of a particle's radius within which a pick finds it"
    return setting(doc, default=default, above=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """All pairs of a pick and a particle that a rule allows, and those that it chose.

    Parameters
    ----------
    picks, particles : (k,) int arrays
        The pairs.
    distances : (k,) array
        From each pick to the particle's centre, nm.
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
        pick, particle, distances = within_reach(
            picks.positions, truth.centre, self.reach * truth.radius, boundary=boundary
        )
        if self.by_species:
            same = species_of_picks(picks, truth)[pick] == truth.species[particle]
            pick, particle, distances = pick[same], particle[same], distances[same]
        chosen = assign(pick, particle, distances, scores=picks.scores, assignment=self.assignment)
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
    """Return the species of each pick, which only a truth of one species leaves out.

    Raises
    ------
    ValueError
        The picks have no species, and the truth has several.
    """
    if picks.species is not None:
        return picks.species
    names = np.unique(truth.species)
    if len(names) != 1:
        raise ValueError(f"picks: wanted a species for each pick, as the truth has {len(names)}")
    return np.repeat(names, len(picks))
