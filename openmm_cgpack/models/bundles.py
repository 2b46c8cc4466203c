"""Bundles: filaments side by side in hexagonal packing, along one curve that bends with the heat.

The curve is the middle of the bundle. A filament keeps its place in the curve's cross section,
whose frame does not twist along it, so that neighbours stay one spacing apart however the bundle
bends: those on the outer side of a bend are the longer way around, by as much as they end sooner.
"""

from __future__ import annotations

import numpy as np

from ..core.curves import SmoothCurve
from ..core.scene import Links
from .structure import Group

TIE_EVERY = 36.0
"""From one tie of two neighbours to the next, nm: half a turn of actin's two long strands, after
which one filament faces the other again (DeRosier & Tilney 1982, Cold Spring Harb. Symp. Quant.
Biol. 46, 525)."""

_TIE = 500.0
"""Constant of the ties, kJ/mol/nm²: kT at 0.1 nm beyond their slack."""
_SLACK = 0.1
"""By how much of their distance tied neighbours may come nearer or go apart."""
_STRUT = 1.0
"""Radius of the room along each tie that is free at the start, nm: no membrane lies in it."""

_HALF_TURN = np.diag([1.0, -1.0, -1.0])
"""Turn of a filament that points the other way, about the x axis."""


def hexagonal_cells(n: int) -> np.ndarray:
    """Return the n points of a hexagonal lattice that are nearest to one of them, (n, 2) int.

    As whole numbers (q, r) for the place ``q (1, 0) + r (1/2, sqrt(3)/2)``.

    Examples
    --------
    >>> hexagonal_cells(3).tolist()
    [[0, 0], [1, 0], [0, 1]]
    """
    reach = int(np.ceil(np.sqrt(n)))
    q, r = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    around = np.arctan2(np.sqrt(3) * r, 2 * q + r) % (2 * np.pi)
    nearest = np.lexsort((around, q**2 + q * r + r**2))[:n]
    return np.stack([q, r], axis=1)[nearest]


def hexagonal_places(cells: np.ndarray, spacing: float) -> np.ndarray:
    """Return the places of points of a hexagonal lattice about their middle, (n, 2) nm."""
    places = spacing * cells @ np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])
    return places - places.mean(axis=0)


def bundle(
    middle: np.ndarray, *, cells: np.ndarray, spacing: float, segment: float, alternate: bool
) -> Group:
    """Return the filaments of a bundle, with ties between neighbours.

    Parameters
    ----------
    middle : (b, 3) array
        Balls of a chain along the middle of the bundle, nm.
    cells : (n, 2) int array
        Where filaments are in the hexagonal lattice, see `hexagonal_cells`.
    spacing : float
        From the axis of a filament to its neighbours', nm.
    segment : float
        Distance from ball to ball, nm.
    alternate : bool
        Whether every other row of filaments points the other way.
    """
    n = len(middle)
    steps = segment * (np.arange(n) - (n - 1) / 2)
    curve = SmoothCurve(middle)
    at = curve.length / 2 + steps
    on, frames = curve.positions(at), curve.frames(at, np.eye(3))
    turned = (cells[:, 0] % 2 == 1) & alternate
    balls, rotations = [], []
    for (x, y), backward in zip(hexagonal_places(cells, spacing), turned, strict=True):
        beside = SmoothCurve(on + x * frames[:, :, 0] + y * frames[:, :, 1])
        chain = beside.positions(beside.length / 2 + steps)
        balls.append(chain[::-1] if backward else chain)
        rotations.append(_HALF_TURN if backward else np.eye(3))
    centres = np.array([chain.mean(axis=0) for chain in balls])
    return Group(
        rotations=np.array(rotations),
        translations=centres,
        shapes=tuple(
            (chain - centre) @ turn
            for chain, centre, turn in zip(balls, centres, rotations, strict=True)
        ),
        links=_ties(np.array(balls), cells, turned, segment),
        room=_STRUT,
    )


def _ties(balls: np.ndarray, cells: np.ndarray, turned: np.ndarray, segment: float) -> Links:
    """Return leashes between neighbours, across from each other; `balls` are (n, b, 3)."""
    b = balls.shape[1]
    count = max(2, round((b - 1) * segment / TIE_EVERY) + 1)
    rows = np.unique(np.rint(np.linspace(0, b - 1, count)).astype(np.int64))
    q, r = np.moveaxis(cells[:, None] - cells, 2, 0)
    one, other = np.nonzero(np.triu(q**2 + q * r + r**2 == 1))
    ball = np.where(turned[:, None], b - 1 - rows, rows) + b * np.arange(len(cells))[:, None]
    pairs = np.stack([ball[one].ravel(), ball[other].ravel()], axis=1)
    ends = balls.reshape(-1, 3)[pairs]
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    return Links(
        pairs=pairs,
        lengths=lengths,
        constants=np.full(len(pairs), _TIE),
        slacks=_SLACK * lengths,
    )
