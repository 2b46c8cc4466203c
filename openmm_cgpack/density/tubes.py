"""A smooth tube along a chain of balls."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..core.curves import SmoothCurve, along
from ..core.display import described
from ..core.geometry import Curve, Line
from .painters import Painter, Skeleton, WeightedPoints, paints


@paints(Curve)
@described
class TubePainter(Painter[Curve]):
    """A uniform tube along the natural cubic spline through the balls.

    It goes on straight for one radius beyond the first and the last ball and ends flat, so that
    n balls in a row, a diameter apart, make a tube of n diameters.
    """

    def points(self, curve: Curve, balls: np.ndarray, *, spacing: float) -> WeightedPoints:
        """Return the tube as points whose masses sum to density x pi r^2 x length.

        >>> tube = Curve(balls=np.arange(3), radius=2.0, density=800.0)
        >>> line = np.array([[0.0, 0, 0], [4, 0, 0], [8, 0, 0]])
        >>> points = TubePainter().points(tube, line, spacing=0.5)
        >>> bool(np.isclose(points.masses.sum(), 800 * np.pi * 2.0**2 * 12))
        True
        """
        middle, tangent, bend, step = _centre_line(balls[curve.balls], curve.beyond, spacing)
        # Any direction that is not the tangent gives a frame: the section is the same all around.
        side = np.eye(3)[np.abs(tangent).argmin(axis=1)]
        first = np.cross(tangent, side)
        first /= np.linalg.norm(first, axis=1)[:, None]
        second = np.cross(tangent, first)
        disc, share = _disc(curve.radius, spacing)
        offset = disc[:, 0, None] * first[:, None] + disc[:, 1, None] * second[:, None]
        positions = middle[:, None] + offset
        # On the inside of a bend a slice is thinner, so it holds less; Pappus keeps its mass.
        weights = share * np.clip(1 - np.einsum("sdi,si->sd", offset, bend), 0, None)
        weights /= weights.sum(axis=1)[:, None]
        mass = curve.density * np.pi * curve.radius**2 * step
        return WeightedPoints(positions=positions.reshape(-1, 3), masses=(weights * mass).ravel())

    def girth(self, curve: Curve) -> float:
        """Return the distance of the flat ends' rims from the last balls: sqrt(2) radii."""
        return float(np.sqrt(2) * curve.radius)

    def skeleton(self, curve: Curve, balls: np.ndarray, *, spacing: float) -> Skeleton:
        """Return the straight lines from ball to ball, and a radius on at both ends."""
        corners = balls[curve.balls]
        first = corners[0] - corners[1]
        last = corners[-1] - corners[-2]
        first, last = (v / max(np.linalg.norm(v), 1e-12) for v in (first, last))
        corners = np.concatenate(
            [[corners[0] + curve.beyond * first], corners, [corners[-1] + curve.beyond * last]]
        )
        length = along(corners)
        at = np.linspace(0, length[-1], max(2, int(np.ceil(length[-1] / spacing)) + 1))
        points = np.stack([np.interp(at, length, corners[:, axis]) for axis in range(3)], axis=1)
        ways = np.zeros_like(points)
        ways[0], ways[-1] = first, last
        return Skeleton(points=points, outward=ways, reach=curve.radius)

    def line(self, curve: Curve, balls: np.ndarray, *, spacing: float) -> Line:
        """Return the middle of the tube, from end to end."""
        chain = balls[curve.balls]
        spline = SmoothCurve(chain).spline
        first, last = spline.x[0], spline.x[-1]
        points = spline(np.linspace(first, last, 64 * len(chain)))
        ends = spline([first, last], 1)
        ends *= curve.beyond / np.linalg.norm(ends, axis=1)[:, None]
        points = np.concatenate([[points[0] - ends[0]], points, [points[-1] + ends[1]]])
        length = along(points)
        count = int(np.ceil(length[-1] / spacing - 1e-9))
        at = np.linspace(0, length[-1], count + 1)
        line = np.stack([np.interp(at, length, axis) for axis in points.T], axis=1)
        return Line(points=line, radius=curve.radius)


def _centre_line(
    balls: np.ndarray, beyond: float, spacing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return slice centres, tangents, curvature vectors, and the length of a slice."""
    curve = SmoothCurve(balls)
    total = curve.length + 2 * beyond
    count = int(np.ceil(total / spacing))
    step = total / count
    at = (np.arange(count) + 0.5) * step - beyond
    parameter, tangent = curve.parameter(at), curve.tangents(at)
    pace = np.linalg.norm(curve.spline(parameter, 1), axis=1)[:, None]
    second = curve.spline(parameter, 2)
    bend = (second - np.einsum("si,si->s", second, tangent)[:, None] * tangent) / pace**2
    bend[(at < 0) | (at > curve.length)] = 0
    return curve.positions(at), tangent, bend, float(step)


def _disc(radius: float, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a disc on rings, (d, 2), and their shares; the second moment is exact."""
    # Twice as close as along the tube: rings in a disc are no even lattice.
    rings = max(4, int(np.ceil(2 * radius / spacing)))
    edges = np.linspace(0, radius, rings + 1)
    points, shares = [], []
    for inner, outer in pairwise(edges):
        ring = np.sqrt((inner**2 + outer**2) / 2)
        count = max(6, int(np.ceil(2 * np.pi * ring / spacing)))
        angle = 2 * np.pi * (np.arange(count) + 0.5) / count
        points.append(ring * np.stack([np.cos(angle), np.sin(angle)], 1))
        shares.append(np.full(count, (outer**2 - inner**2) / radius**2 / count))
    return np.concatenate(points), np.concatenate(shares)
