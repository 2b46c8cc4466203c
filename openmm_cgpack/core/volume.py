"""Regular grids and what stands on them: densities, labels, and where nothing may be."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .arrays import freeze, frozen, noun, positive
from .boundary import Boundary
from .display import Rows

CONVENTIONS = {
    "situs": 1 / (2 * math.sqrt(3)),
    "molmap": 1 / (math.pi * math.sqrt(2)),
    "fwhm": 1 / (2 * math.sqrt(2 * math.log(2))),
}
"""sigma of one axis over the resolution: Situs' 2 sigma_3D, ChimeraX's and EMAN2's, full width."""


def gaussian_sigma(resolution: float, convention: str = "situs") -> float:
    """Return the standard deviation along one axis of a map's Gaussian, nm.

    Parameters
    ----------
    resolution : float
        Resolution, nm.
    convention : {"situs", "molmap", "fwhm"}, optional
        What the resolution means: ``"situs"`` twice the three-dimensional sigma, sigma =
        R / (2 sqrt 3), as Situs' pdb2vol; ``"molmap"`` R / (pi sqrt 2), as ChimeraX and EMAN2;
        ``"fwhm"`` the full width at half maximum, R / (2 sqrt(2 ln 2)).

    Examples
    --------
    >>> [round(gaussian_sigma(4.0, name), 4) for name in ("situs", "molmap", "fwhm")]
    [1.1547, 0.9003, 1.6986]
    """
    if convention not in CONVENTIONS:
        known = ", ".join(repr(name) for name in CONVENTIONS)
        raise ValueError(f"convention: wanted one of {known}, got {convention!r}")
    return positive(resolution, "resolution") * CONVENTIONS[convention]


@noun
class Grid:
    """A regular grid of cubic voxels.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels along z, y and x.
    voxel_size : float
        Edge of a voxel, nm.
    origin : (3,) array
        Centre of the first voxel as (x, y, z), nm: the centre of voxel [k, j, i] is at
        ``origin + (i, j, k) * voxel_size``.

    Examples
    --------
    The shape counts voxels along z, y, x; points are (x, y, z):

    >>> grid = Grid(shape=(20, 30, 40), voxel_size=0.5, origin=(-10, -7.5, -5))
    >>> grid.size.tolist()
    [20.0, 15.0, 10.0]
    >>> grid.to_voxels(np.array([[0.0, 0, 0]])).tolist()
    [[20.0, 15.0, 10.0]]
    """

    shape: tuple[int, int, int]
    voxel_size: float
    origin: np.ndarray

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"grid: shape: wanted three positive whole numbers, got {self.shape}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "voxel_size", positive(self.voxel_size, "grid: voxel_size"))
        freeze(self, "grid", origin=(3,))

    @property
    def size(self) -> np.ndarray:
        """Edges of the box of all voxels as (x, y, z), nm."""
        return np.array(self.shape[::-1]) * self.voxel_size

    def tiles(self, boundary: Boundary) -> tuple[bool, bool, bool]:
        """Tell along which of x, y and z the grid is one period of a boundary that repeats.

        To half a voxel: cubes do not fill every box, and a scene is drawn so that it repeats as
        the grid does.

        >>> from openmm_cgpack import Slab
        >>> grid = Grid(shape=(20, 30, 40), voxel_size=0.5, origin=(0, 0, 0))
        >>> grid.tiles(Slab(box=(20.0, 15.3, 10.0)))
        (True, False, False)
        """
        # What the edges of many voxels add up to is not exact.
        fits = np.abs(self.size - boundary.repeat) <= (0.5 + 1e-6) * self.voxel_size
        x, y, z = fits.tolist()
        return x, y, z

    def to_voxels(self, points: np.ndarray) -> np.ndarray:
        """Return points (p, 3) in nm as fractional voxel indices (i, j, k), x first."""
        return (points - self.origin) / self.voxel_size


@noun
class _OnGrid:
    data: np.ndarray
    voxel_size: float
    origin: np.ndarray

    def summary(self) -> str:
        """Return what the repr says."""
        shape = " x ".join(str(n) for n in self.data.shape[::-1])
        return f"{shape} voxels of {self.voxel_size:.4g} nm, {self.data.dtype}"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        rows = [
            ("size", " x ".join(f"{edge:.4g}" for edge in self.grid.size) + " nm"),
            ("origin", ", ".join(f"{x:.4g}" for x in self.origin) + " nm"),
        ]
        if self.data.size:
            rows.append(("values", f"{self.data.min():.4g} to {self.data.max():.4g}"))
        return rows

    @property
    def grid(self) -> Grid:
        """The grid on which the data stands."""
        return Grid(shape=self.data.shape, voxel_size=self.voxel_size, origin=self.origin)

    def _check_grid(self) -> None:
        grid = self.grid
        object.__setattr__(self, "origin", grid.origin)
        object.__setattr__(self, "voxel_size", grid.voxel_size)


@noun
class Volume(_OnGrid):
    """A density or a tomogram.

    Parameters
    ----------
    data : (z, y, x) float32 array
        The values; of a density, Da/nm^3.
    voxel_size, origin : float, (3,) array
        See `Grid`.
    periodic : tuple of three bools, optional
        Whether it goes on along x, y and z by repetition, as the density of a periodic scene does.

    Examples
    --------
    >>> volume = Volume(data=np.ones((4, 6, 8)), voxel_size=1.5, origin=(0, 0, 0))
    >>> volume.data.dtype, volume.grid.size.tolist()
    (dtype('float32'), [12.0, 9.0, 6.0])
    >>> float(volume.data.sum(dtype=float) * volume.voxel_size**3)
    648.0
    """

    periodic: tuple[bool, bool, bool] = (False, False, False)

    def __post_init__(self) -> None:
        freeze(self, "volume", np.float32, data=(None, None, None))
        self._check_grid()
        if np.shape(self.periodic) != (3,):
            raise ValueError(
                f"volume: periodic: wanted true or false for x, y and z, got {self.periodic!r}"
            )
        x, y, z = (bool(repeats) for repeats in self.periodic)
        object.__setattr__(self, "periodic", (x, y, z))


@noun
class LabelVolume(_OnGrid):
    """A whole number in every voxel; 0 is background.

    Parameters
    ----------
    data : (z, y, x) uint16 or uint32 array
        The labels.
    voxel_size, origin : float, (3,) array
        See `Grid`.
    names : tuple of str, optional
        Name of each label from 1 on.

    Examples
    --------
    >>> data = np.array([[[0, 1, 1, 2]]])
    >>> labels = LabelVolume(data=data, voxel_size=1.0, origin=(0, 0, 0), names=("1f1b", "actin"))
    >>> np.bincount(labels.data.ravel()).tolist(), labels.names[2 - 1]
    ([1, 2, 1], 'actin')
    """

    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        dtype = np.asarray(self.data).dtype
        dtype = dtype if dtype in (np.uint16, np.uint32) else np.dtype(np.uint32)
        freeze(self, "labels", dtype, data=(None, None, None))
        self._check_grid()
        object.__setattr__(self, "names", tuple(self.names))

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        names = [(f"label {label}", name) for label, name in enumerate(self.names, start=1)]
        return [*super().facts(), *names]


@noun
class Obstacle:
    """A part of space that every protocol keeps free: the True voxels of a mask.

    It keeps its place and size while a box shrinks around the scene's centre.

    Parameters
    ----------
    mask : (z, y, x) bool array
        True where nothing may be.
    voxel_size, origin : float, (3,) array
        See `Grid`.
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
        """Return a region to stay out of, sampled on a grid that holds it.

        `region` takes points (p, 3) in nm and returns whether each is in it, (p,) bool.
        """
        return cls(mask=_sample(region, grid), voxel_size=grid.voxel_size, origin=grid.origin)

    @classmethod
    def outside_of(cls, region: Callable[[np.ndarray], np.ndarray], grid: Grid) -> Obstacle:
        """Return the outside of a region to stay in; see `inside_of`."""
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
