"""The smallest sphere around balls."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..core.arrays import frozen


def minimal_sphere(
    positions: np.ndarray, radii: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Return the smallest sphere that holds all balls (or points).

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

    Returns
    -------
    centre : (3,) array
        Centre of the sphere, nm.
    radius : float
        Its radius, nm; 0 for a single point.

    Raises
    ------
    ValueError
        There are no balls, or a radius is negative.

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
