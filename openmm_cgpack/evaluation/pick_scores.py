"""Picks against the true particles: precision, recall and F scores."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import frozen, positive
from ..core.boundary import Boundary, Open
from ..core.display import Rows, described
from ..core.names import known_names
from ..core.particles import ParticleTable, Picks
from ..core.progress import progress_bar
from ..core.volume import LabelVolume, Volume
from .matching_rules import MatchingRule, PaperRule, species_of_picks
from .pick_remarks import odd_picks

_log = logging.getLogger(__name__)


def f_score(tp: int, fp: int, fn: int, *, beta: float = 1.0) -> float:
    """Return the F score ``(1 + b²) P R / (b² P + R)``, with P precision and R recall.

    Parameters
    ----------
    tp, fp, fn : int
        True positives, false positives, false negatives.
    beta : float, optional
        How many times recall weighs as much as precision.

    Examples
    --------
    >>> f_score(6, 2, 4)
    0.6666666666666666
    """
    weight = beta**2
    whole = (1 + weight) * tp + weight * fn + fp
    return (1 + weight) * tp / whole if whole else 0.0


class _Rates:
    """Precision, recall and F from counts: true and false positives, false negatives."""

    tp: int
    fp: int | None
    fn: int
    beta: float

    @property
    def recall(self) -> float:
        """Share of the particles that were found; 0 where there is none."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0

    @property
    def precision(self) -> float:
        """Share of the picks that found a particle of their own; 0 without picks."""
        if self.fp is None:
            return float("nan")
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0

    @property
    def f(self) -> float:
        """F score."""
        if self.fp is None:
            return float("nan")
        return f_score(self.tp, self.fp, self.fn, beta=self.beta)


@described
@dataclass(frozen=True, kw_only=True)
class SpeciesScores(_Rates):
    """The counts of one species.

    Parameters
    ----------
    name : str
        The species.
    tp, fn : int
        Particles found and not found.
    fp : int or None
        Picks of this species that found none of its particles; None where picks were matched
        regardless of their species: `precision` and `f` are then NaN.
    beta : float, optional
        Weight of recall in `f`.
    """

    name: str
    tp: int
    fp: int | None
    fn: int
    beta: float = 1.0


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class PickScores(_Rates):
    """Picks against the truth.

    Parameters
    ----------
    rule : MatchingRule
        How they were matched.
    tp, fn : int
        Particles found and not found.
    fp : int
        Picks less `tp`: those of nothing, and further picks of particles already found.
    species : tuple of SpeciesScores
    pairs : (k, 2) int array
        Index of a pick and of the particle that it found.
    distances : (k,) array
        From each such pick to its particle's centre, nm.
    multi_hits : int, optional
        Particles within reach of more than one pick.
    empty : int, optional
        Picks within reach of no particle.
    outside : int, optional
        Picks outside the label volume; 0 where the rule needs none.
    confusion : (c, c) int array
        Row: the particle's species; column: that of the pick which found it. The last row holds
        picks that found none, the last column particles not found. (0, 0) for picks without
        species.
    confusion_names : tuple of str, optional
        Names of its rows and columns except the last.
    """

    rule: MatchingRule
    tp: int
    fp: int
    fn: int
    species: tuple[SpeciesScores, ...]
    pairs: np.ndarray
    distances: np.ndarray
    multi_hits: int = 0
    empty: int = 0
    outside: int = 0
    confusion: np.ndarray
    confusion_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "pairs", frozen(self.pairs, "pairs", (None, 2), np.int64))
        set_field(self, "distances", frozen(self.distances, "distances", (len(self.pairs),)))
        c = len(self.confusion)
        set_field(self, "confusion", frozen(self.confusion, "confusion", (c, c), np.int64))

    def summary(self) -> str:
        """Return what the repr says."""
        return (
            f"{self.tp} of {self.tp + self.fn} particles found, {self.fp} false, "
            f"precision {self.precision:.3f}, recall {self.recall:.3f}, F {self.f:.3f}"
        )

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        return [
            (s.name, f"{s.tp} of {s.tp + s.fn} found", f"F {_ratio(s.f, 3)}") for s in self.species
        ]

    @property
    def beta(self) -> float:  # type: ignore[override]
        """The rule's weight of recall in `f`."""
        return self.rule.beta

    @property
    def miss_rate(self) -> float:
        """Share of the particles that were not found."""
        return 1.0 - self.recall if self.tp + self.fn else 0.0

    @property
    def mean_distance(self) -> float:
        """Mean distance of the picks that found a particle from its centre, nm; NaN if none."""
        return float(self.distances.mean()) if len(self.distances) else float("nan")

    def __add__(self, other: PickScores) -> PickScores:
        """Return the scores of two tomograms together, by one rule: counts and distances add up."""
        if not isinstance(other, PickScores):
            return NotImplemented
        species = pool_scores([self, other])
        after = np.array([self.tp + self.fp, self.tp + self.fn])
        confusion, names = _added(self, other)
        return PickScores(
            rule=self.rule,
            tp=self.tp + other.tp,
            fp=self.fp + other.fp,
            fn=self.fn + other.fn,
            species=species,
            pairs=np.concatenate([self.pairs, other.pairs + after]),
            distances=np.concatenate([self.distances, other.distances]),
            multi_hits=self.multi_hits + other.multi_hits,
            empty=self.empty + other.empty,
            outside=self.outside + other.outside,
            confusion=confusion,
            confusion_names=names,
        )

    def table(self) -> str:
        """Return the counts by species as text, one line each and one for all."""
        rows = [(s.name, s.tp, s.fp, s.fn, s.precision, s.recall, s.f) for s in self.species]
        rows.append(("all", self.tp, self.fp, self.fn, self.precision, self.recall, self.f))
        width = max(7, *(len(row[0]) for row in rows))
        head = f"{'species':{width}}  {'TP':>6}{'FP':>6}{'FN':>6}  precision  recall"
        head += "       F" if self.beta == 1 else f"  F({self.beta:g})"
        lines = [head]
        for name, tp, fp, fn, p, r, f in rows:
            false = "-" if fp is None else str(fp)
            lines.append(
                f"{name:{width}}  {tp:6d}{false:>6}{fn:6d}  {_ratio(p):>9}  {_ratio(r):>6}"
                f"  {_ratio(f):>6}"
            )
        return "\n".join(lines)


def match_picks(
    picks: Picks,
    truth: ParticleTable,
    rule: MatchingRule = PaperRule(),
    *,
    labels: LabelVolume | None = None,
    boundary: Boundary = Open(),
    progress: bool = True,
) -> PickScores:
    """Compare picks with the truth; each particle counts once.

    Parameters
    ----------
    picks : Picks
        Positions in the files' frame. A species may have its name in exports, as `plain_name`
        makes it. A note in the log tells of picks that are odd; see `odd_picks`.
    truth : ParticleTable
        The true particles, in the same frame. All of them count: remove what shall not be found
        with `select_particles`.
    rule : MatchingRule, optional
        When a pick finds a particle: `PaperRule`, `CziiRule` or `ShrecRule`.
    labels : LabelVolume, optional
        Instance masks of the whole scene, for `ShrecRule`; the first voxel's centre is at 0.
    boundary : Boundary, optional
        Where it is periodic, distances are to a particle's nearest image. Not for `ShrecRule`.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Examples
    --------
    Two picks in one particle and one in nothing; the other particle was missed:

    >>> truth = ParticleTable(instance=[1, 2], species=["a", "a"], centre=[(0, 0, 0), (9, 0, 0)],
    ...                       radius=[3, 3], rotation=np.stack([np.eye(3)] * 2))
    >>> picks = Picks(positions=[(1, 0, 0), (0, 1, 0), (20, 0, 0)])
    >>> scores = match_picks(picks, truth, PaperRule(assignment="distance"))
    >>> scores.tp, scores.fp, scores.fn, scores.f
    (1, 2, 1, 0.4)
    """
    scores = quiet_match(picks, truth, rule, labels=labels, boundary=boundary, progress=progress)
    for words in odd_picks([picks], [truth], by_species=rule.by_species, empty=scores.empty):
        _log.warning("cgpack: note: %s", words)
    return scores


def quiet_match(
    picks: Picks,
    truth: ParticleTable,
    rule: MatchingRule,
    *,
    labels: LabelVolume | None = None,
    boundary: Boundary = Open(),
    progress: bool = False,
) -> PickScores:
    """Compare picks with the truth as `match_picks` does, without notes on them."""
    if picks.species is not None:
        known = known_names(set(picks.species.tolist()), dict.fromkeys(truth.species.tolist()))
        meant = np.array([known[name] for name in picks.species.tolist()], np.str_)
        picks = replace(picks, species=meant)
    if rule.by_labels != (labels is not None):
        wanted = "instance labels" if rule.by_labels else "no labels"
        raise ValueError(f"labels: wanted {wanted} for the rule {rule.kind!r}")
    with progress_bar("matching", show=progress):
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

    Examples
    --------
    >>> truth = ParticleTable(instance=[1, 2], species=["a", "b"], centre=[(0, 0, 0), (9, 0, 0)],
    ...                       radius=[3, 3], rotation=np.stack([np.eye(3)] * 2))
    >>> select_particles(truth, without=["b"]).species.tolist()
    ['a']
    """
    for argument, names in (("species", species or ()), ("without", without)):
        unknown = sorted(set(names) - set(truth.species.tolist()))
        if unknown:
            raise ValueError(f"{argument}: the truth holds no {unknown[0]!r}")
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


def _added(*scores: PickScores) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the sum of confusion matrices, with the rows and columns of all names."""
    names = sorted({name for one in scores for name in one.confusion_names})
    if not names:
        return np.zeros((0, 0), np.int64), ()
    total = np.zeros((len(names) + 1,) * 2, np.int64)
    for one in scores:
        if one.confusion_names:
            places = [*np.searchsorted(names, one.confusion_names), len(names)]
            total[np.ix_(places, places)] += one.confusion
    return total, tuple(names)


def weighted_f(
    species: Sequence[SpeciesScores], weights: Mapping[str, float] | None = None
) -> float:
    """Return the weighted mean of species' F scores; NaN where a species has none.

    Parameters
    ----------
    species : sequence of SpeciesScores
        The counts.
    weights : mapping, optional
        Weight of each species; 1 for those that it does not name.

    Examples
    --------
    >>> found, missed = SpeciesScores(name="a", tp=2, fp=0, fn=0), SpeciesScores(
    ...     name="b", tp=0, fp=0, fn=2)
    >>> weighted_f([found, missed], {"a": 3})
    0.75
    """
    given = weights or {}
    unknown = sorted(set(given) - {s.name for s in species})
    if unknown:
        raise ValueError(f"weights: no species {unknown[0]!r} in the truth or the picks")
    weight = np.array([given.get(s.name, 1.0) for s in species])
    if not len(weight) or (weight < 0).any() or weight.sum() == 0:
        raise ValueError(f"weights: wanted numbers >= 0, not all zero, got {weight.tolist()}")
    values = np.array([s.f for s in species])
    # A species of no weight does not count, even where its score is NaN.
    return float((weight * values)[weight > 0].sum() / weight.sum())


def pool_scores(scores: Sequence[PickScores]) -> tuple[SpeciesScores, ...]:
    """Add up the counts of several tomograms by species, as CZII does before its F scores.

    Parameters
    ----------
    scores : sequence of PickScores
        One per tomogram, all by the same rule.

    Returns
    -------
    tuple of SpeciesScores
        In the order in which species first appear.

    Examples
    --------
    >>> truth = ParticleTable(
    ...     instance=[1], species=["a"], centre=[(0, 0, 0)], radius=[3], rotation=[np.eye(3)]
    ... )
    >>> scores = match_picks(Picks(positions=[(1, 0, 0)]), truth)
    >>> pool_scores([scores, scores])[0].tp
    2
    """
    if not scores:
        raise ValueError("scores: wanted at least one tomogram's, got none")
    rules = list(dict.fromkeys(s.rule for s in scores))
    if len(rules) > 1:
        raise ValueError(f"scores: wanted one rule, got {rules[0]} and {rules[1]}")
    total: dict[str, SpeciesScores] = {}
    for entry in (entry for one in scores for entry in one.species):
        old = total.get(entry.name, SpeciesScores(name=entry.name, tp=0, fp=0, fn=0))
        false = None if entry.fp is None or old.fp is None else old.fp + entry.fp
        total[entry.name] = SpeciesScores(
            name=entry.name,
            tp=old.tp + entry.tp,
            fp=false,
            fn=old.fn + entry.fn,
            beta=entry.beta,
        )
    return tuple(total.values())


def _ratio(value: float, digits: int = 4) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"
