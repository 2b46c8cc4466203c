"""Precision, recall and F scores of picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.arrays import frozen
from .matching_rules import MatchingRule


def f_score(tp: int, fp: int, fn: int, *, beta: float = 1.0) -> float:
    """Return the F score ``(1 + b²) P R / (b² P + R)``, with P precision and R recall.

    Parameters
    ----------
    tp, fp, fn : int
        True positives, false positives, false negatives.
    beta : float, optional
        How many times recall weighs as much as precision.

    Returns
    -------
    float
        0 where nothing was found.

    Examples
    --------
    >>> f_score(6, 2, 4)
    0.6666666666666666
    >>> round(f_score(6, 2, 4, beta=4), 4)
    0.6071
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
        The counts by species.
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

    Examples
    --------
    Two picks in one particle and one in nothing; the other particle was missed:

    >>> from openmm_cgpack import ParticleTable, match_picks
    >>> from openmm_cgpack.core import Picks
    >>> truth = ParticleTable(
    ...     instance=[1, 2], species=["a", "a"], centre=[(0, 0, 0), (9, 0, 0)], radius=[3, 3],
    ...     rotation=[np.eye(3)] * 2,
    ... )
    >>> scores = match_picks(Picks(positions=[(1, 0, 0), (0, 1, 0), (20, 0, 0)]), truth)
    >>> scores.recall, round(scores.precision, 3), scores.multi_hits, scores.empty
    (0.5, 0.333, 1, 1)
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


def weighted_f(
    species: Sequence[SpeciesScores], weights: Mapping[str, float] | None = None
) -> float:
    """Return the weighted mean of species' F scores.

    Parameters
    ----------
    species : sequence of SpeciesScores
        The counts.
    weights : mapping, optional
        Weight of each species; 1 for those that it does not name.

    Returns
    -------
    float
        NaN where a species has no F score.

    Raises
    ------
    ValueError
        A name is unknown, a weight negative, or all are zero.

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

    Raises
    ------
    ValueError
        There is none, or they are by different rules.

    Examples
    --------
    >>> from openmm_cgpack import ParticleTable, match_picks
    >>> from openmm_cgpack.core import Picks
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


def _ratio(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4f}"
