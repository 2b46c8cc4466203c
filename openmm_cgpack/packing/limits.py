"""Where balls may not go: walls and the obstacle. How deep a ball stands in them, and the way out.

Walls are planes, so their depth is exact. The obstacle is any set of voxels; its depth is read off
a map of signed distances, from the nearest entry and its gradient.
"""

from __future__ import annotations

import numpy as np

from ..core import Obstacle
from ..core.boundary import Boundary
from ..forces.obstacles import obstacle_depths


class Limits:
    """Walls and obstacle of a scene.

    Parameters
    ----------
    boundary : Open, Periodic or Slab
        Where the scene ends.
    obstacle : Obstacle or None
        Where nothing may be.
    reach : float
        Largest radius of a ball that will be asked for, nm.
    """

    def __init__(self, boundary: Boundary, obstacle: Obstacle | None, reach: float) -> None:
        self.boundary = boundary
        self.top = np.where(boundary.walls, np.array(boundary.box) / 2, np.inf)
        self.obstacle = None if obstacle is None else _ObstacleMap(obstacle, reach)
        self.exist = self.obstacle is not None or bool(boundary.walls.any())

    def depth(self, places: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how deep balls stand in a wall or the obstacle, and the way out, (p,), (p, 3).

        Depths are in nm, and at most 0 for a ball that is clear.
        """
        rows = np.arange(len(places))
        beyond = np.abs(places) + radii[:, None] - self.top
        axis = beyond.argmax(axis=1)
        depth, normal = beyond[rows, axis], np.zeros((len(places), 3))
        normal[rows, axis] = -np.sign(places[rows, axis])
        if self.obstacle is not None:
            other, out = self.obstacle.depth(self.boundary.wrap(places), radii)
            deeper = other > depth
            depth = np.where(deeper, other, depth)
            normal[deeper] = out[deeper]
        return depth, normal


class _ObstacleMap:
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

    def depth(self, places: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return depths, (p,) nm, below 0 outside, and the directions out of it, (p, 3)."""
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
