"""The radial distribution of centres, against points that know nothing of each other."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..core import Boundary
from ..core.arrays import freeze, noun

_SHELLS = 256
_LEVELS = 4096
_SPACINGS = 5.0
"""How far an open scene's distribution goes, in mean spacings of its centres."""


@noun
class RadialDistribution:
    """Pairs of centres by their distance.

    Parameters
    ----------
    edges : (k + 1,) array
        Edges of the bins of distance, nm.
    pairs, expected : (k,) arrays
        Pairs of centres found in each bin, and those that points of the same density, which know
        nothing of each other, would have.
    """

    edges: np.ndarray
    pairs: np.ndarray
    expected: np.ndarray

    def __post_init__(self) -> None:
        freeze(self, edges=(None,))
        bins = len(self.edges) - 1
        freeze(self, pairs=(bins,), expected=(bins,))

    @property
    def r(self) -> np.ndarray:
        """Middles of the bins, (k,) nm."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def g(self) -> np.ndarray:
        """Pairs over expected pairs, (k,); NaN where none are expected."""
        out = np.full(len(self.pairs), np.nan)
        return np.divide(self.pairs, self.expected, out=out, where=self.expected > 0)

    @property
    def error(self) -> np.ndarray:
        """Standard error of `g` for points that know nothing of each other, (k,)."""
        out = np.full(len(self.pairs), np.nan)
        return np.divide(1.0, np.sqrt(self.expected), out=out, where=self.expected > 0)

    def order_beyond(self, distance: float) -> float | None:
        """Return the root mean square of (g - 1) / error beyond a distance.

        About 1, or below, where there is no order; a lattice gives many times that. None where no
        bin with five expected pairs lies beyond.
        """
        far = (self.edges[:-1] >= distance) & (self.expected >= 5)
        if not far.any():
            return None
        return float(np.sqrt((((self.g - 1) / self.error)[far] ** 2).mean()))


def radial_distribution(
    centres: np.ndarray, boundary: Boundary, *, bins: int = 60, r_max: float | None = None
) -> RadialDistribution:
    """Return the distribution of the distances between two or more centres.

    What is expected keeps the density as it is found, and takes out all that centres know of each
    other: in `Periodic`, an even density; in `Slab`, every centre keeps its height z and is
    anywhere along x and y; in `Open`, every centre keeps its distance from the middle and is in
    any direction from it. So the walls, the surface of a droplet and a core that is denser than
    its rim make no peaks. An open scene that is far from round gives values above 1 at short
    distances for its shape alone.

    Parameters
    ----------
    centres : (n, 3) array
        Centres, nm.
    boundary : Open, Periodic or Slab
        The boundary.
    bins : int, optional
        Number of bins.
    r_max : float, optional
        Longest distance, nm. In a box half its shortest periodic edge is the longest; it is the
        default, or 5 mean spacings where that is shorter.

    Examples
    --------
    >>> from openmm_cgpack.core.boundary import Periodic
    >>> points = np.random.default_rng(1).uniform(-5, 5, (500, 3))
    >>> rdf = radial_distribution(points, Periodic(box=10), bins=5)
    >>> bool((abs(rdf.g - 1) < 4 * rdf.error).all())
    True
    """
    n = len(centres)
    if n < 2:
        raise ValueError(f"centres: wanted at least 2, got {n}")
    from_middle = np.linalg.norm(centres - centres.mean(axis=0), axis=1)
    longest = _longest(boundary, from_middle, n)
    if r_max is None:
        r_max = longest[1]
    elif not 0 < r_max <= longest[0]:
        raise ValueError(f"r_max: wanted a length up to {longest[0]:g} nm, got {r_max:g}")
    edges = np.linspace(0, r_max, bins + 1)
    if not boundary.bounded:
        expected = _by_directions(from_middle, edges)
    elif boundary.walls.any():
        expected = _by_heights(centres, boundary, edges)
    else:
        expected = n * (n - 1) / 2 * np.diff(4 / 3 * np.pi * edges**3) / boundary.volume
    return RadialDistribution(
        edges=edges, pairs=_pairs(centres, boundary, edges), expected=expected
    )


def _longest(boundary: Boundary, from_middle: np.ndarray, n: int) -> tuple[float, float]:
    """Return the longest distance that has a meaning, and the default one."""
    if not boundary.bounded:
        limit = 2 * max(float(from_middle.max()), 1e-9)
        volume = 4 / 3 * np.pi * (np.sqrt(5 / 3 * (from_middle**2).mean())) ** 3
    else:
        limit = float(np.array(boundary.box)[boundary.periodic].min()) / 2
        volume = boundary.volume
    spacing = (volume / n) ** (1 / 3)
    return limit, min(limit, _SPACINGS * spacing) if spacing > 0 else limit


def _pairs(centres: np.ndarray, boundary: Boundary, edges: np.ndarray) -> np.ndarray:
    tree = cKDTree(boundary.tree_points(centres), boxsize=boundary.tree_box)
    # count_neighbors counts every pair twice and each point with itself; a distance on an edge
    # belongs to the bin below it.
    below = (tree.count_neighbors(tree, edges) - len(centres)) / 2
    below[0] = 0
    return np.diff(below)


def _by_directions(from_middle: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return pairs expected of points at these distances from the middle, in any direction.

    For two of them at a and b, cos of the angle between them is uniform, so that the squared
    distance is uniform between (a - b)^2 and (a + b)^2.
    """
    counts, shells = np.histogram(from_middle, bins=_SHELLS, range=(0, from_middle.max() or 1.0))
    which = np.clip(np.searchsorted(shells, from_middle, side="right") - 1, 0, _SHELLS - 1)
    filled = counts > 0
    radius = np.bincount(which, weights=from_middle, minlength=_SHELLS)[filled] / counts[filled]
    number = counts[filled].astype(float)
    pairs = np.outer(number, number) / 2
    np.fill_diagonal(pairs, number * (number - 1) / 2)
    low = np.subtract.outer(radius, radius) ** 2
    width = np.maximum(4 * np.outer(radius, radius), 1e-30)
    below = [(pairs * np.clip((r**2 - low) / width, 0, 1)).sum() for r in edges]
    return np.diff(below)


def _by_heights(centres: np.ndarray, boundary: Boundary, edges: np.ndarray) -> np.ndarray:
    """Return pairs expected of points that keep their heights and are anywhere between walls."""
    axis = int(np.flatnonzero(boundary.walls)[0])
    z = centres[:, axis]
    low, high = float(z.min()), float(z.max())
    step = max((high - low) / (_LEVELS - 1), 1e-12)
    counts = np.bincount(np.rint((z - low) / step).astype(int), minlength=_LEVELS).astype(float)
    spectrum = np.fft.rfft(counts, 2 * _LEVELS)
    apart = np.fft.irfft(np.abs(spectrum) ** 2)[:_LEVELS]
    apart[0] = (apart[0] - len(z)) / 2
    height = np.arange(_LEVELS) * step
    area = boundary.volume / boundary.box[axis]
    disc = [np.pi * np.clip(r**2 - height**2, 0, None) / area for r in edges]
    return np.diff([(apart * d).sum() for d in disc])
