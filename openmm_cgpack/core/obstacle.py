"""Where nothing may be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import frozen, noun
from .volume import Grid


@noun
class Obstacle:
    """A part of space that every protocol keeps free: the True voxels of a mask.

    It keeps its place and size while a box shrinks around the scene's centre.

    Parameters
    ----------
    mask : (z, y, x) bool array
        True where nothing may be.
    voxel_size : float
        Edge of a voxel, nm.
    origin : (3,) array
        Centre of the first voxel as (x, y, z), nm.
    beyond : bool, optional
        Whether all space beyond the mask is forbidden too, as for a region to stay in.

    Examples
    --------
    >>> grid = Grid(shape=(40, 40, 40), voxel_size=1.0, origin=[-19.5] * 3)
    >>> cell = Obstacle.outside_of(lambda points: np.linalg.norm(points, axis=1) < 15, grid)
    >>> cell.contains(np.array([[0.0, 0, 0], [18, 0, 0], [50, 0, 0]]))
    array([False,  True,  True])
    """

    mask: np.ndarray
    voxel_size: float
    origin: np.ndarray
    beyond: bool = False

    def __post_init__(self) -> None:
        mask = frozen(self.mask, "obstacle: mask", (None, None, None), np.bool_)
        grid = Grid(shape=mask.shape, voxel_size=self.voxel_size, origin=self.origin)
        object.__setattr__(self, "mask", mask)
        object.__setattr__(self, "voxel_size", grid.voxel_size)
        object.__setattr__(self, "origin", grid.origin)

    @classmethod
    def inside_of(cls, region: Callable[[np.ndarray], np.ndarray], grid: Grid) -> Obstacle:
        """Return a region to stay out of.

        Parameters
        ----------
        region : callable
            Takes points (p, 3) in nm and returns (p,) bool: whether each is in the region.
        grid : Grid
            Where to sample it; it must hold the region.

        Returns
        -------
        Obstacle
        """
        return cls(mask=_sample(region, grid), voxel_size=grid.voxel_size, origin=grid.origin)

    @classmethod
    def outside_of(cls, region: Callable[[np.ndarray], np.ndarray], grid: Grid) -> Obstacle:
        """Return the outside of a region to stay in; parameters as of `inside_of`."""
        return cls(
            mask=~_sample(region, grid),
            voxel_size=grid.voxel_size,
            origin=grid.origin,
            beyond=True,
        )

    @property
    def grid(self) -> Grid:
        """Grid of the mask."""
        return Grid(shape=self.mask.shape, voxel_size=self.voxel_size, origin=self.origin)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return whether points (p, 3), nm, are where nothing may be: (p,) bool."""
        index = np.rint(self.grid.to_voxels(points)).astype(np.int64)
        inside = ((index >= 0) & (index < self.mask.shape[::-1])).all(axis=1)
        found = np.full(len(points), self.beyond)
        i, j, k = index[inside].T
        found[inside] = self.mask[k, j, i]
        return found

    def outermost(self) -> np.ndarray:
        """Return how far from 0 the mask's True voxels reach along x, y and z, (3,) nm."""
        reach = np.zeros(3)
        for axis, others in enumerate(((0, 1), (0, 2), (1, 2))):
            filled = np.flatnonzero(self.mask.any(axis=others))
            if len(filled):
                ends = self.origin[axis] + self.voxel_size * (filled[[0, -1]] + [-0.5, 0.5])
                reach[axis] = np.abs(ends).max()
        return reach

    def volume_in(self, box: tuple[float, float, float]) -> float:
        """Return the volume of the box around 0 with these edges that is forbidden, nm^3."""
        half = np.array(box) / 2
        grid = self.grid
        shares, inside = [], 1.0
        for axis in range(3):
            centre = grid.origin[axis] + np.arange(self.mask.shape[2 - axis]) * grid.voxel_size
            low = np.maximum(centre - grid.voxel_size / 2, -half[axis])
            high = np.minimum(centre + grid.voxel_size / 2, half[axis])
            share = np.clip(high - low, 0, None)
            shares.append(share)
            inside *= share.sum()
        blocked = float(np.einsum("kji,k,j,i->", self.mask, shares[2], shares[1], shares[0]))
        return blocked + (float(np.prod(box)) - inside if self.beyond else 0.0)


def _sample(region: Callable[[np.ndarray], np.ndarray], grid: Grid) -> np.ndarray:
    nz, ny, nx = grid.shape
    k, j, i = np.indices((nz, ny, nx)).reshape(3, -1)
    points = grid.origin + np.stack([i, j, k], axis=1) * grid.voxel_size
    return frozen(region(points), "region", (len(points),), np.bool_).reshape(grid.shape)
