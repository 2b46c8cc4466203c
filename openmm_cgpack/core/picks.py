"""Where somebody thinks that particles are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .arrays import frozen


@dataclass(frozen=True, kw_only=True, eq=False)
class Picks:
    """Positions found in a tomogram.

    Parameters
    ----------
    positions : (n, 3) array
        As (x, y, z), nm, in the files' frame: the first voxel's centre is at 0.
    scores : (n,) array, optional
        How sure each is; higher is better. Zeros when left out.
    species : (n,) str array, optional
        What each is said to be; None where the picker does not tell kinds apart.

    Examples
    --------
    >>> picks = Picks(positions=[(1, 2, 3), (4, 5, 6)], scores=[0.2, 0.9])
    >>> picks.best(1).positions
    array([[4., 5., 6.]])
    """

    positions: np.ndarray
    scores: np.ndarray = field(default_factory=lambda: np.empty(0))
    species: np.ndarray | None = None

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "positions", frozen(self.positions, "picks: positions", (None, 3)))
        n = len(self.positions)
        scores = self.scores if np.size(self.scores) or not n else np.zeros(n)
        set_field(self, "scores", frozen(scores, "picks: scores", (n,)))
        if self.species is not None:
            set_field(self, "species", frozen(self.species, "picks: species", (n,), np.str_))

    def __len__(self) -> int:
        return len(self.positions)

    def best(self, n: int) -> Picks:
        """Return the `n` picks with the highest scores, best first; the earlier one on a tie."""
        order = np.argsort(-self.scores, kind="stable")[:n]
        return Picks(
            positions=self.positions[order],
            scores=self.scores[order],
            species=None if self.species is None else self.species[order],
        )
