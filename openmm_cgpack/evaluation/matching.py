"""Comparing picks with the true particles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.arrays import positive
from ..core.boundary import Boundary, Open
from ..core.particles import ParticleTable, Picks
from ..core.volume import LabelVolume, Volume
from .matching_rules import MatchingRule, PaperRule, species_of_picks
from .pick_scores import PickScores, SpeciesScores


def match_picks(
    picks: Picks,
    truth: ParticleTable,
    rule: MatchingRule = PaperRule(),
    *,
    labels: LabelVolume | None = None,
    boundary: Boundary = Open(),
) -> PickScores:
    """Compare picks with the truth; each particle counts once.

    Parameters
    ----------
    picks : Picks
        Positions in the files' frame.
    truth : ParticleTable
        The true particles, in the same frame. All of them count: remove what shall not be found
        with `select_particles`.
    rule : MatchingRule, optional
        When a pick finds a particle: `PaperRule`, `CziiRule` or `ShrecRule`.
    labels : LabelVolume, optional
        Instance masks of the whole scene, for `ShrecRule`; the first voxel's centre is at 0.
    boundary : Boundary, optional
        Where it is periodic, distances are to a particle's nearest image. Not for `ShrecRule`.

    Returns
    -------
    PickScores

    Raises
    ------
    ValueError
        Labels are missing, labels or the boundary mean nothing for the rule, or picks have no
        species where it needs them.

    Examples
    --------
    >>> truth = ParticleTable(instance=[1, 2], species=["a", "a"], centre=[(0, 0, 0), (9, 0, 0)],
    ...                       radius=[3, 3], rotation=np.stack([np.eye(3)] * 2))
    >>> picks = Picks(positions=[(1, 0, 0), (0, 1, 0), (20, 0, 0)])
    >>> scores = match_picks(picks, truth, PaperRule(assignment="distance"))
    >>> scores.tp, scores.fp, scores.fn, scores.f
    (1, 2, 1, 0.4)
    """
    if rule.by_labels != (labels is not None):
        wanted = "instance labels" if rule.by_labels else "no labels"
        raise ValueError(f"labels: wanted {wanted} for the rule {rule.kind!r}")
    found = rule.match(picks, truth, labels=labels, boundary=boundary)
    pairs = np.stack([found.picks[found.chosen], found.particles[found.chosen]], axis=1)
    confusion, names = _confusion(picks, truth, pairs)
    return PickScores(
        rule=rule,
        tp=len(pairs),
        fp=max(0, len(picks) - len(pairs)),
        fn=len(truth) - len(pairs),
        species=_by_species(picks, truth, pairs, rule),
        pairs=pairs,
        distances=found.distances[found.chosen],
        multi_hits=int((np.bincount(found.particles, minlength=1) > 1).sum()),
        empty=len(picks) - len(np.unique(found.picks)),
        outside=found.outside,
        confusion=confusion,
        confusion_names=names,
    )


def select_particles(
    truth: ParticleTable,
    *,
    species: Sequence[str] | None = None,
    without: Sequence[str] = (),
    volume: Volume | LabelVolume | None = None,
    margin: float = 0.0,
) -> ParticleTable:
    """Return the particles that a picker is asked to find.

    Parameters
    ----------
    truth : ParticleTable
        All instances of a scene.
    species : sequence of str, optional
        The species to keep; all when left out.
    without : sequence of str, optional
        Species to remove: filaments and membranes, for example.
    volume : Volume or LabelVolume, optional
        Keeps only particles whose centre is in one of its voxels.
    margin : float, optional
        Least distance of a centre from the volume's faces, nm.

    Returns
    -------
    ParticleTable

    Raises
    ------
    ValueError
        There is no such species, or the margin is negative.

    Examples
    --------
    >>> truth = ParticleTable(instance=[1, 2], species=["a", "b"], centre=[(0, 0, 0), (9, 0, 0)],
    ...                       radius=[3, 3], rotation=np.stack([np.eye(3)] * 2))
    >>> select_particles(truth, without=["b"]).species.tolist()
    ['a']
    """
    unknown = sorted({*(species or ()), *without} - set(truth.species.tolist()))
    if unknown:
        raise ValueError(f"species: the truth holds no {unknown[0]!r}")
    keep = ~np.isin(truth.species, np.array(list(without), np.str_))
    if species is not None:
        keep &= np.isin(truth.species, np.array(list(species), np.str_))
    margin = positive(margin, "margin", zero=True)
    if volume is not None:
        low = margin - volume.voxel_size / 2
        high = volume.grid.size - volume.voxel_size / 2 - margin
        keep &= ((truth.centre >= low) & (truth.centre < high)).all(axis=1)
    return ParticleTable(
        instance=truth.instance[keep],
        species=truth.species[keep],
        centre=truth.centre[keep],
        radius=truth.radius[keep],
        rotation=truth.rotation[keep],
    )


def _by_species(
    picks: Picks, truth: ParticleTable, pairs: np.ndarray, rule: MatchingRule
) -> tuple[SpeciesScores, ...]:
    said = species_of_picks(picks, truth) if rule.by_species else np.empty(0, np.str_)
    found = truth.species[pairs[:, 1]]
    result = []
    for name in np.unique(np.concatenate([truth.species, said])):
        tp = int((found == name).sum())
        result.append(
            SpeciesScores(
                name=str(name),
                tp=tp,
                fp=max(0, int((said == name).sum()) - tp) if rule.by_species else None,
                fn=int((truth.species == name).sum()) - tp,
                beta=rule.beta,
            )
        )
    return tuple(result)


def _confusion(
    picks: Picks, truth: ParticleTable, pairs: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    if picks.species is None:
        return np.zeros((0, 0), np.int64), ()
    names = np.unique(np.concatenate([truth.species, picks.species]))
    n = len(names)
    said = np.full(len(truth), n)
    said[pairs[:, 1]] = np.searchsorted(names, picks.species[pairs[:, 0]])
    matrix = np.zeros((n + 1, n + 1), np.int64)
    np.add.at(matrix, (np.searchsorted(names, truth.species), said), 1)
    unpaired = np.setdiff1d(np.arange(len(picks)), pairs[:, 0])
    np.add.at(matrix, (n, np.searchsorted(names, picks.species[unpaired])), 1)
    return matrix, tuple(str(name) for name in names)
