"""The smallest sphere around balls; the volume of their union, and radii that give it one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.optimize import brentq
from scipy.spatial import cKDTree

from ..core.arrays import frozen, positive


def minimal_sphere(
    positions: np.ndarray, radii: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Return the centre and radius of the smallest sphere that holds all balls (or points), nm.

    Exact to rounding: the ball that reaches farthest out of the present sphere joins the at most
    four balls that hold it up, the smallest sphere around these few is found among all their
    subsets, and so on until none reaches out. The sphere grows at every turn, so it ends (the
    pivoting of Gärtner 1999, ESA, LNCS 1643, on balls: Fischer and Gärtner 2003, SoCG, 292).

    Parameters
    ----------
    positions : (n, 3) array
        Centres of the balls, nm.
    radii : (n,) array, optional
        Their radii, nm; points when left out.

    Examples
    --------
    >>> centre, radius = minimal_sphere([[0, 0, 0], [2, 0, 0], [1, 0.5, 0]])
    >>> bool(np.allclose(centre, [1, 0, 0])), round(radius, 9)
    (True, 1.0)
    """
    positions = frozen(positions, "positions", (None, 3))
    n = len(positions)
    radii = np.zeros(n) if radii is None else frozen(radii, "radii", (n,))
    if n == 0:
        raise ValueError("positions: wanted at least one ball, got none")
    if (radii < 0).any():
        raise ValueError(f"radii: wanted numbers from 0 up, got {radii.min():g}")
    # Coordinates about their middle lose the fewest digits.
    shift = (positions.min(axis=0) + positions.max(axis=0)) / 2
    points = positions - shift
    tolerance = 1e-10 * float((np.linalg.norm(points, axis=1) + radii).max())
    support = [int(np.argmax(np.linalg.norm(points, axis=1) + radii))]
    centre, radius = points[support[0]], float(radii[support[0]])
    while True:
        reach = np.linalg.norm(points - centre, axis=1) + radii
        farthest = int(np.argmax(reach))
        if reach[farthest] <= radius + tolerance:
            return centre + shift, max(radius, float(reach[farthest]))
        support, centre, radius = _smallest(points, radii, [*support, farthest], tolerance)


def _smallest(
    points: np.ndarray, radii: np.ndarray, candidates: list[int], tolerance: float
) -> tuple[list[int], np.ndarray, float]:
    """Return the smallest sphere around up to five balls and the balls that hold it up."""
    best: tuple[list[int], np.ndarray, float] | None = None
    for size in range(1, min(len(candidates), 4) + 1):
        for subset in combinations(candidates, size):
            found = _touching(points[list(subset)], radii[list(subset)])
            if found is None or (best is not None and found[1] >= best[2]):
                continue
            centre, radius = found
            reach = np.linalg.norm(points[candidates] - centre, axis=1) + radii[candidates]
            if reach.max() <= radius + tolerance:
                best = list(subset), centre, radius
    if best is None:
        raise ArithmeticError("minimal_sphere: no subset of the balls holds up a sphere")
    return best


def _touching(points: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return the smallest sphere that all balls touch from inside, centred in their flat.

    With x the centre from the first point, q_i the other points from it and R the radius,
    ``|x| = R - s_0`` and ``|x - q_i| = R - s_i`` give ``q_i . x = (|q_i|^2 + s_0^2 - s_i^2) / 2
    + R (s_i - s_0)``: x is linear in R, and the first equation is quadratic.
    """
    edges = points[1:] - points[0]
    if len(edges) == 0:
        return points[0], float(radii[0])
    if np.linalg.matrix_rank(edges, tol=1e-9 * np.abs(edges).max(initial=1e-300)) < len(edges):
        return None
    inverse = np.linalg.pinv(edges)
    constant = inverse @ ((edges**2).sum(axis=1) + radii[0] ** 2 - radii[1:] ** 2) / 2
    linear = inverse @ (radii[1:] - radii[0])
    # |constant + R linear|^2 = (R - s_0)^2
    a = linear @ linear - 1
    b = 2 * (constant @ linear + radii[0])
    c = constant @ constant - radii[0] ** 2
    roots = [-c / b] if a == 0 and b else []
    discriminant = b * b - 4 * a * c
    if a and discriminant >= 0:
        root = np.sqrt(discriminant)
        roots = [(-b - root) / (2 * a), (-b + root) / (2 * a)]
    good = [r for r in roots if r >= radii.max() * (1 - 1e-12)]
    if not good:
        return None
    radius = float(min(good))
    return points[0] + constant + radius * linear, radius


_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def union_volume(
    positions: np.ndarray, radii: np.ndarray, *, n_directions: int | None = None
) -> float:
    """Return the volume of a union of balls, nm^3.

    Each ball is cut to its cell of the power diagram, which divides the union without remainder
    (Avis, Bhattacharya and Imai 1988, The Visual Computer 3, 323). Along a ray from a ball's
    centre, the ball's part of its cell is one interval, whose ends follow from the planes between
    it and the balls that it meets; the solid angle is integrated over directions of a Fibonacci
    lattice. There are no random numbers, and the volume changes smoothly with radii.

    Parameters
    ----------
    positions : (b, 3) array
        Ball centres, nm.
    radii : (b,) array
        Ball radii, nm.
    n_directions : int, optional
        Directions a ball. The default takes about 200 000 for all balls, between 500 and 5000 a
        ball; the volume is then good to about 0.1 %.

    Examples
    --------
    >>> round(union_volume([[0, 0, 0], [0, 0, 3]], [1, 1]) / (4 / 3 * np.pi), 6)
    2.0
    """
    positions = frozen(positions, "positions", (None, 3))
    radii = frozen(radii, "radii", (len(positions),))
    if not (radii > 0).all():
        raise ValueError(f"radii: wanted positive numbers, got {radii.min():g}")
    if n_directions is None:
        n_directions = int(np.clip(200_000 // len(radii), 500, 5000))
    directions = _fibonacci_lattice(n_directions)
    # A ball reaches only balls nearer than the two radii; the tree asks for one radius for all.
    tree = cKDTree(positions)
    neighbours = tree.query_ball_point(positions, radii + radii.max())
    volume = 0.0
    for i, near in enumerate(neighbours):
        others = np.array([j for j in near if j != i], dtype=np.int64)
        offset = positions[others] - positions[i]
        squared = np.einsum("ij,ij->i", offset, offset)
        meets = squared < (radii[others] + radii[i]) ** 2
        others, offset, squared = others[meets], offset[meets], squared[meets]
        # Points of the cell at distance t along u have t u.offset <= height for every neighbour.
        height = (squared + radii[i] ** 2 - radii[others] ** 2) / 2
        slope = directions @ offset.T
        # No plane lies between balls about one point: the larger has all, of equals the first.
        same = squared < (1e-9 * radii[i]) ** 2
        owns = (radii[i] > radii[others]) | ((radii[i] == radii[others]) & (i < others))
        height[same] = np.where(owns, 1.0, -1.0)[same]
        slope[:, same] = 0.0
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            bound = height / slope
        end = np.where(slope > 0, bound, np.inf).min(axis=1, initial=radii[i])
        begin = np.where(slope < 0, bound, -np.inf).max(axis=1, initial=0.0).clip(max=radii[i])
        outside = ((slope == 0) & (height < 0)).any(axis=1)
        shell = np.where(outside, 0.0, np.clip(end**3 - begin**3, 0.0, None))
        volume += 4 / 3 * np.pi * float(shell.mean())
    return volume


def scaled_radii(positions: np.ndarray, base: np.ndarray, volume: float) -> np.ndarray:
    """Return ``scale * base`` for the one scale that gives the union of balls a volume, (b,) nm.

    `positions` are (b, 3) in nm, `base` the radii (b,) before; the volume (nm^3) is right to 1e-5
    of itself, within the accuracy of `union_volume`.

    >>> scaled_radii([[0, 0, 0]], [2.0], 4 / 3 * np.pi).round(5)
    array([1.])
    """
    volume = positive(volume, "volume")
    base = frozen(base, "base", (len(positions),))
    if not (base > 0).all():
        raise ValueError(f"base: wanted positive numbers, got {base.min():g}")
    # No union is larger than its balls together, none smaller than its largest ball.
    low = (volume / (4 / 3 * np.pi * (base**3).sum())) ** (1 / 3)
    limit = (volume / (4 / 3 * np.pi * base.max() ** 3)) ** (1 / 3)

    def excess(scale: float) -> float:
        return union_volume(positions, scale * base) / volume - 1

    # The answer is mostly near the lower end, where fewer balls meet and volumes cost less.
    high = low
    while high < limit and excess(high) < 0:
        low, high = high, min(1.1 * high, limit)
    if high == low:
        return low * base
    return brentq(excess, low, high, xtol=1e-6 * low) * base


def _fibonacci_lattice(n: int) -> np.ndarray:
    """Return `n` unit vectors spread evenly over the sphere."""
    index = np.arange(n) + 0.5
    z = 1 - 2 * index / n
    rho = np.sqrt(1 - z**2)
    angle = index * _GOLDEN_ANGLE
    return np.stack([rho * np.cos(angle), rho * np.sin(angle), z], axis=1)
