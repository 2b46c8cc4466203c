"""How deep balls stand in an obstacle."""

from __future__ import annotations

import numpy as np

from ..core import Obstacle
from ..forces.obstacles import obstacle_depths


class ObstacleDepth:
    """Depths read off a map of signed distances, to first order.

    Parameters
    ----------
    obstacle : Obstacle
        The obstacle.
    reach : float
        Largest radius of a ball that will be asked for, nm.
    """

    def __init__(self, obstacle: Obstacle, reach: float) -> None:
        self.reach = reach
        self.depths, self.low, high = obstacle_depths(obstacle, reach, most=400)
        self.step = (high - self.low) / (np.array(self.depths.shape[::-1]) - 1)
        self.slope = np.stack(np.gradient(self.depths, *self.step[::-1])[::-1], axis=-1)
        self.beyond = obstacle.beyond

    def of(self, places: np.ndarray, radii: np.ndarray) -> np.ndarray:
        """Return how deep balls stand in it, (p,) nm; below 0 outside."""
        return self.with_normal(places, radii)[0]

    def with_normal(self, places: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return depths, (p,) nm, and the directions out of the obstacle, (p, 3).

        Parameters
        ----------
        places : (p, 3) array
            Centres, nm, in the box where there is one.
        radii : (p,) array
            Radii, nm.
        """
        index = (places - self.low) / self.step
        last = np.array(self.depths.shape[::-1]) - 1
        nearest = np.clip(np.rint(index), 0, last).astype(np.int64)
        i, j, k = nearest.T
        out = -self.slope[k, j, i]
        off = (index - nearest) * self.step
        depth = self.depths[k, j, i] - np.einsum("pi,pi->p", out, off)
        outer = ((index < 0) | (index > last)).any(axis=1)
        if self.beyond:
            out[outer] = -off[outer]
        else:
            depth[outer] = 0.0
        size = np.linalg.norm(out, axis=1)[:, None]
        return depth + radii - self.reach, out / np.maximum(size, 1e-12)
