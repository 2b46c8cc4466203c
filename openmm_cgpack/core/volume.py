"""Regular grids and what stands on them."""

from __future__ import annotations

import numpy as np

from .arrays import frozen, noun, positive


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

    Raises
    ------
    ValueError
        The shape is not three positive whole numbers, or the voxel size is not positive.

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
        object.__setattr__(self, "origin", frozen(self.origin, "grid: origin", (3,)))

    @property
    def size(self) -> np.ndarray:
        """Edges of the box of all voxels as (x, y, z), nm."""
        return np.array(self.shape[::-1]) * self.voxel_size

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

    @property
    def grid(self) -> Grid:
        """The grid on which the data stands."""
        return Grid(shape=self.data.shape, voxel_size=self.voxel_size, origin=self.origin)


@noun
class Volume(_OnGrid):
    """A density or a tomogram.

    Parameters
    ----------
    data : (z, y, x) float32 array
        The values; of a density, Da/nm^3.
    voxel_size : float
        Edge of a voxel, nm.
    origin : (3,) array
        Centre of the first voxel as (x, y, z), nm.

    Raises
    ------
    ValueError
        The data are not three-dimensional or not finite, or the voxel size is not positive.

    Examples
    --------
    >>> volume = Volume(data=np.ones((4, 6, 8)), voxel_size=1.5, origin=(0, 0, 0))
    >>> volume.data.dtype, volume.grid.size.tolist()
    (dtype('float32'), [12.0, 9.0, 6.0])
    >>> float(volume.data.sum(dtype=float) * volume.voxel_size**3)
    648.0
    """

    def __post_init__(self) -> None:
        data = frozen(self.data, "volume: data", (None, None, None), np.float32)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "origin", self.grid.origin)
        object.__setattr__(self, "voxel_size", self.grid.voxel_size)


@noun
class LabelVolume(_OnGrid):
    """A whole number in every voxel; 0 is background.

    Parameters
    ----------
    data : (z, y, x) uint16 or uint32 array
        The labels.
    voxel_size : float
        Edge of a voxel, nm.
    origin : (3,) array
        Centre of the first voxel as (x, y, z), nm.
    names : tuple of str, optional
        Name of each label from 1 on.

    Raises
    ------
    ValueError
        The data are not three-dimensional, or the voxel size is not positive.

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
        data = frozen(self.data, "labels: data", (None, None, None), dtype)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "origin", self.grid.origin)
        object.__setattr__(self, "voxel_size", self.grid.voxel_size)
        object.__setattr__(self, "names", tuple(self.names))
