"""A smooth curve through a chain of balls, and frames along it that do not twist."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from .transforms import shortest_rotations

FINE = 32
"""Samples per segment from which a spline's length is taken."""


def along(points: np.ndarray) -> np.ndarray:
    """Return the distance along a line of points (p, 3), (p,) nm.

    Examples
    --------
    >>> along(np.array([[0, 0, 0], [3, 4, 0], [3, 4, 2]])).tolist()
    [0.0, 5.0, 7.0]
    """
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


class SmoothCurve:
    """The natural cubic spline through points, by the length along it; straight beyond its ends.

    Examples
    --------
    >>> curve = SmoothCurve(np.array([[0.0, 0, 0], [0, 0, 4], [0, 0, 8]]))
    >>> curve.length, curve.positions(np.array([-1.0, 5.0]))[:, 2].round(9).tolist()
    (8.0, [-1.0, 5.0])
    """

    def __init__(self, points: np.ndarray) -> None:
        if len(points) < 2:
            raise ValueError(f"curve: wanted two balls or more, got {len(points)}")
        knots = along(points)
        self.spline = CubicSpline(knots, points, bc_type="natural")
        segment = np.arange((len(points) - 1) * FINE + 1) / FINE
        self._parameter = np.interp(segment, np.arange(len(points)), knots)
        speed = np.linalg.norm(self.spline(self._parameter, 1), axis=1)
        steps = 0.5 * (speed[1:] + speed[:-1]) * np.diff(self._parameter)
        self._lengths = np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length(self) -> float:
        """Length from the first to the last point, nm."""
        return float(self._lengths[-1])

    def parameter(self, at: np.ndarray) -> np.ndarray:
        """Return the spline's parameter at lengths from the first point; beyond, that of an end."""
        return np.interp(at, self._lengths, self._parameter)

    def tangents(self, at: np.ndarray) -> np.ndarray:
        """Return the unit tangents (p, 3) at lengths (p,) from the first point, nm."""
        derivative = self.spline(self.parameter(at), 1)
        return derivative / np.linalg.norm(derivative, axis=1)[:, None]

    def positions(self, at: np.ndarray) -> np.ndarray:
        """Return the places (p, 3) nm at lengths (p,) from the first point, nm."""
        beyond = at - np.clip(at, 0, self.length)
        return self.spline(self.parameter(at)) + beyond[:, None] * self.tangents(at)

    def frames(self, at: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """Return frames (p, 3, 3) at lengths (p,), nm, whose z axis goes along the curve.

        Along the curve they turn as little as they can (parallel transport; Bishop 1975, Am. Math.
        Mon. 82, 246). In its middle the frame is the given `rotation` (3, 3), tilted as little as
        brings its z axis along the curve.
        """
        tangents = self.tangents(self._lengths)
        steps = shortest_rotations(tangents[:-1], tangents[1:])
        transported = np.empty((len(tangents), 3, 3))
        transported[0] = np.eye(3)
        for k, step in enumerate(steps):
            transported[k + 1] = step @ transported[k]
        middle = int(np.searchsorted(self._lengths, self.length / 2))
        tilt = shortest_rotations(rotation[None, :, 2], tangents[middle : middle + 1])[0]
        frames = transported @ (transported[middle].T @ tilt @ rotation)
        before = np.clip(np.searchsorted(self._lengths, at) - 1, 0, len(tangents) - 1)
        return shortest_rotations(tangents[before], self.tangents(at)) @ frames[before]
