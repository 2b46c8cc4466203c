"""What a comparison of picks with the truth gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.arrays import frozen


def precision(tp: int, fp: int) -> float:
    """Return the share of the picks that are right; 0 where there is no pick."""
    return tp / (tp + fp) if tp + fp else 0.0


def recall(tp: int, fn: int) -> float:
    """Return the share of the particles that were found; 0 where there is no particle."""
    return tp / (tp + fn) if tp + fn else 0.0


def f_score(tp: int, fp: int, fn: int, *, beta: float = 1.0) -> float:
    """Return the F-score ``(1 + b²) P R / (b² P + R)``, with P precision and R recall.

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


@dataclass(frozen=True, kw_only=True)
class SpeciesScores:
    """The counts of one species.

    Parameters
    ----------
    name : str
        The species.
    tp : int
        Particles found.
    fp : int or None
        Picks said to be of this species that found none of its particles; None where picks were
        matched whatever they were said to be.
    fn : int
        Particles not found.
    beta : float, optional
        Weight of recall in `f`.
    """

    name: str
    tp: int
    fp: int | None
    fn: int
    beta: float = 1.0

    @property
    def n_true(self) -> int:
        """How many particles there are."""
        return self.tp + self.fn

    @property
    def recall(self) -> float:
        """Share of the particles that were found."""
        return recall(self.tp, self.fn)

    @property
    def precision(self) -> float:
        """Share of the picks of this species that are right; NaN without such picks' species."""
        return float("nan") if self.fp is None else precision(self.tp, self.fp)

    @property
    def f(self) -> float:
        """The F-score; NaN where `precision` is not defined."""
        if self.fp is None:
            return float("nan")
        return f_score(self.tp, self.fp, self.fn, beta=self.beta)


@dataclass(frozen=True, kw_only=True, eq=False)
class PickScores:
    """Picks against the truth.

    Parameters
    ----------
    rule : str
        How they were matched.
    tp : int
        Particles found.
    fp : int
        Picks less `tp`: those in nothing, and further picks of particles found already.
    fn : int
        Particles not found.
    species : tuple of SpeciesScores
        The counts by species.
    beta : float, optional
        Weight of recall in `f`.
    pairs : (k, 2) int array
        Index of a pick and of the particle that it found.
    distances : (k,) array
        From each such pick to its particle's centre, nm.
    multi_hits : int, optional
        Particles within reach of more than one pick.
    empty : int, optional
        Picks within reach of no particle.
    outside : int, optional
        Picks outside the label volume; 0 where none was asked.
    confusion : (c, c) int array
        Row: what a particle is; column: what the pick that found it said. The last row holds
        picks that found none, the last column particles not found. Without species of the picks,
        (0, 0).
    confusion_names : tuple of str
        Names of its rows and columns but the last.

    Examples
    --------
    Two picks in one particle and one in nothing; the other particle was missed:

    >>> from openmm_cgpack import ParticleTable, Picks, match_picks
    >>> truth = ParticleTable(
    ...     instance=[1, 2], species=["a", "a"], centre=[(0, 0, 0), (9, 0, 0)], radius=[3, 3],
    ...     rotation=[np.eye(3)] * 2,
    ... )
    >>> scores = match_picks(Picks(positions=[(1, 0, 0), (0, 1, 0), (20, 0, 0)]), truth)
    >>> scores.recall, round(scores.precision, 3), scores.multi_hits, scores.empty
    (0.5, 0.333, 1, 1)
    """

    rule: str
    tp: int
    fp: int
    fn: int
    species: tuple[SpeciesScores, ...]
    beta: float = 1.0
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
    def precision(self) -> float:
        """Share of the picks that found a particle that no other pick found."""
        return precision(self.tp, self.fp)

    @property
    def recall(self) -> float:
        """Share of the particles that were found."""
        return recall(self.tp, self.fn)

    @property
    def miss_rate(self) -> float:
        """Share of the particles that were not found."""
        return 1.0 - self.recall if self.tp + self.fn else 0.0

    @property
    def f(self) -> float:
        """The F-score of all picks together."""
        return f_score(self.tp, self.fp, self.fn, beta=self.beta)

    @property
    def mean_distance(self) -> float:
        """Mean distance of the picks that found a particle from its centre, nm; NaN if none."""
        return float(self.distances.mean()) if len(self.distances) else float("nan")

    def weighted_f(self, weights: dict[str, float] | None = None) -> float:
        """Return the mean of the species' F-scores.

        Parameters
        ----------
        weights : dict, optional
            Weight of each species; 1 for those that it does not name.

        Returns
        -------
        float
            NaN where picks were matched whatever they were said to be.

        Raises
        ------
        ValueError
            A name is unknown, a weight negative, or all are zero.
        """
        return weighted_f(self.species, weights)

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


def weighted_f(species: Sequence[SpeciesScores], weights: dict[str, float] | None = None) -> float:
    """Return the mean of species' F-scores.

    Parameters
    ----------
    species : sequence of SpeciesScores
        The counts.
    weights : dict, optional
        Weight of each species; 1 for those that it does not name.

    Returns
    -------
    float
        NaN where a species has no F-score.

    Raises
    ------
    ValueError
        A name is unknown, a weight negative, or all are zero.
    """
    given = weights or {}
    unknown = sorted(set(given) - {s.name for s in species})
    if unknown:
        raise ValueError(f"weights: no species {unknown[0]!r} in the truth or the picks")
    weight = np.array([given.get(s.name, 1.0) for s in species])
    if not len(weight) or (weight < 0).any() or weight.sum() == 0:
        raise ValueError(f"weights: wanted numbers >= 0, not all zero, got {weight.tolist()}")
    values = np.array([s.f for s in species])
    # A species of no weight does not count, whatever its score.
    return float((weight * values)[weight > 0].sum() / weight.sum())


def pool_scores(scores: Sequence[PickScores]) -> tuple[SpeciesScores, ...]:
    """Add up the counts of several tomograms by species, as CZII does before its F-scores.

    Parameters
    ----------
    scores : sequence of PickScores
        One per tomogram, all by the same rule and beta.

    Returns
    -------
    tuple of SpeciesScores
        In the order in which species first appear.

    Raises
    ------
    ValueError
        There is none, or they are by different rules.
    """
    if not scores:
        raise ValueError("scores: wanted at least one tomogram's, got none")
    if len({(s.rule, s.beta) for s in scores}) > 1:
        raise ValueError(
            f"scores: wanted one rule and beta, got {sorted({(s.rule, s.beta) for s in scores})}"
        )
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
