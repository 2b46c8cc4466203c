"""What is odd about picks that can hardly find anything: their number, their names, their unit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import numpy as np

from ..core.names import known_names
from ..core.particles import ParticleTable, Picks

TENTH = 0.12
"""Part of the box that holds all picks which are ten times too near to its corner.

It is a tenth, and a little more, as the box is known by the particles in it.
"""

_SHOWN = 5
"""Names that a line lists."""


def odd_picks(
    picks: Sequence[Picks], truths: Sequence[ParticleTable], *, by_species: bool, empty: int
) -> list[str]:
    """Return what is odd about picks, one line each.

    Parameters
    ----------
    picks, truths : sequence of Picks, sequence of ParticleTable
        The picks and the particles of each tomogram.
    by_species : bool
        Whether a pick has to name the particle's species.
    empty : int
        Picks within reach of no particle.

    Examples
    --------
    >>> truth = ParticleTable(
    ...     instance=[1], species=["hsp90"], centre=[(9, 9, 9)], radius=[3], rotation=[np.eye(3)]
    ... )
    >>> odd_picks([Picks(positions=np.empty((0, 3)))], [truth], by_species=False, empty=0)
    ['no picks']
    >>> here = Picks(positions=[(9, 9, 9)], species=["HSP90"])
    >>> odd_picks([here], [truth], by_species=True, empty=1)
    ['no pick names a species of the truth: picks name HSP90 (hsp90?), the truth hsp90']
    """
    n = sum(map(len, picks))
    if n == 0:
        return ["no picks"]
    lines = []
    named = [one.species for one in picks if one.species is not None]
    if by_species and len(named) == len(picks):
        said = set(np.concatenate(named).tolist())
        known = list(dict.fromkeys(str(name) for one in truths for name in one.species))
        unknown = [
            name for name, meant in known_names(sorted(said), known).items() if meant not in known
        ]
        close = [name for name in unknown if _nearest(name, known)]
        if known and len(unknown) == len(said):
            what = f"picks name {_with_nearest(unknown, known)}, the truth {_few(known)}"
            lines.append(f"no pick names a species of the truth: {what}")
        elif close:
            lines.append(f"picks name what the truth has not: {_with_nearest(close, known)}")
    there = [pair for pair in zip(picks, truths, strict=True) if all(map(len, pair))]
    if n > 1 and 2 * empty > n and there and all(_in_a_tenth(*pair) for pair in there):
        lines.append("all picks lie within a tenth of the box: in nm rather than Å?")
    elif 2 * empty > n and there and all(_far_outside(*pair) for pair in there):
        lines.append("most picks lie far outside the box: in another unit, or tomogram?")
    return lines


def _in_a_tenth(picks: Picks, truth: ParticleTable) -> bool:
    """Return whether picks lie as near to each other as they do in a unit ten times too large."""
    return bool((np.ptp(picks.positions, axis=0) <= TENTH * _box(truth)).all())


def _far_outside(picks: Picks, truth: ParticleTable) -> bool:
    """Return whether half of the picks are more than a box away from the particles'."""
    return bool(np.median((np.abs(picks.positions) / _box(truth)).max(axis=1)) > 2)


def _box(truth: ParticleTable) -> np.ndarray:
    """Return the far corner of a box that holds all particles, nm."""
    return np.asarray((truth.centre + truth.radius[:, None]).max(axis=0).clip(1e-9))


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that is most like another, whatever their case; None where none is."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def _with_nearest(names: list[str], known: list[str]) -> str:
    near = [(name, _nearest(name, known)) for name in names]
    return _few([name if one is None else f"{name} ({one}?)" for name, one in near])


def _few(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
