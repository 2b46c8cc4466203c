"""What a user can choose of a density map, and the grids on which maps are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ..core.arrays import frozen, positive
from ..core.scene import PackedScene
from ..core.settings import Settings, setting
from ..core.volume import Grid
from .kernels import gaussian_sigma, lattice_factor


class Sampling(Settings):
    """How finely a map shows what is there.

    Examples
    --------
    >>> Sampling(voxel_size=3.0, resolution=4.0)
    Traceback (most recent call last):
    ...
    ValueError: resolution: wanted a Gaussian with sigma >= 1.5 nm for voxels of 3 nm, ...
    """

    voxel_size: float = setting("edge of a voxel", default=1.0, unit="nm", above=0)
    resolution: float = setting("resolution of the map", default=4.0, unit="nm", above=0)
    convention: Literal["situs", "molmap", "fwhm"] = setting(
        "what the resolution means: twice the three-dimensional sigma, as Situs has it; "
        "pi sqrt(2) sigma, as ChimeraX and EMAN2; full width at half maximum",
        default="situs",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        lattice_factor(self.sigma, self.voxel_size)

    @property
    def sigma(self) -> float:
        """Standard deviation of the Gaussian along one axis, nm."""
        return gaussian_sigma(self.resolution, self.convention)


class MapSettings(Sampling):
    """The density map of a scene and the label masks beside it, on one grid."""

    merge: Literal["add", "max"] = setting(
        "where the maps of two objects meet: their sum, or the larger one", default="add"
    )
    deformables: Literal["smooth", "balls"] = setting(
        "filaments and membranes as smooth tube and bilayer, or as solid balls", default="smooth"
    )
    label_resolution: float | None = setting(
        "resolution (situs) of the maps that become masks; left out, 2.5 voxels, and 1.5 nm at "
        "least: finer ones show holes between side chains",
        default=None,
        unit="nm",
        above=0,
    )
    box: float | tuple[float, float, float] | None = setting(
        "edge or edges of the box of voxels around the scene's centre; left out, the box of the "
        "scene, and the bounding box of everything where it has none",
        default=None,
        unit="nm",
        above=0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.label_resolution is not None:
            sigma = gaussian_sigma(self.label_resolution)
            lattice_factor(sigma, self.voxel_size, name="label_resolution")

    def grid(self, packed: PackedScene) -> Grid:
        """Return where a scene is drawn: the box of voxels, or else `bounding_grid`."""
        if self.box is None:
            return bounding_grid(packed, voxel_size=self.voxel_size)
        return box_grid(self.box, voxel_size=self.voxel_size)


def box_grid(
    size: float | Sequence[float],
    *,
    voxel_size: float = 1.0,
    centre: Sequence[float] = (0.0, 0.0, 0.0),
) -> Grid:
    """Return a grid of a given size, with an even number of voxels along each axis.

    Parameters
    ----------
    size : float or three floats
        Edge of a cube, or edges along x, y and z, nm; taken to the nearest even number of voxels.
    voxel_size : float, optional
        Edge of a voxel, nm.
    centre : three floats, optional
        Where the middle of voxel N/2 lies along x, y and z, nm: the centre as RELION has it.

    Returns
    -------
    Grid

    Raises
    ------
    ValueError
        A size is not positive.

    Examples
    --------
    >>> grid = box_grid((100, 100, 40), voxel_size=1.0)
    >>> grid.shape, grid.origin.tolist()
    ((40, 100, 100), [-50.0, -50.0, -20.0])
    """
    voxel_size = positive(voxel_size, "voxel_size")
    edges = [size] * 3 if np.ndim(size) == 0 else size
    sizes = frozen(edges, "size", (3,))
    for edge in sizes:
        positive(edge, "size")
    half = np.maximum(1, np.rint(sizes / (2 * voxel_size))).astype(int)
    origin = frozen(centre, "centre", (3,)) - half * voxel_size
    return Grid(shape=tuple(2 * half[::-1]), voxel_size=voxel_size, origin=origin)


def bounding_grid(packed: PackedScene, *, voxel_size: float = 1.0, margin: float = 4.0) -> Grid:
    """Return the grid that holds every ball at its final place, or the box of a scene in one.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    voxel_size : float, optional
        Edge of a voxel, nm.
    margin : float, optional
        Room around the balls of an open scene, nm.

    Returns
    -------
    Grid
        With even sizes, and an origin that is a multiple of the voxel size. In a Periodic or Slab
        boundary it is `box_grid` of the box.

    Raises
    ------
    ValueError
        The voxel size is not positive, or the margin is negative.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Periodic, as_packed, place
    >>> tubes = [(Filament(n_balls=5).build(), 2)]
    >>> scene = place(tubes, boundary=Periodic(box=(40, 40, 30)), seed=1)
    >>> grid = bounding_grid(as_packed(scene), voxel_size=2.0)
    >>> grid.shape, grid.origin.tolist()
    ((16, 20, 20), [-20.0, -20.0, -16.0])
    """
    voxel_size = positive(voxel_size, "voxel_size")
    if packed.boundary.bounded:
        return box_grid(packed.boundary.box, voxel_size=voxel_size)
    reach = packed.scene.radii[:, None] + positive(margin, "margin", zero=True)
    first = np.floor((packed.positions - reach).min(axis=0) / voxel_size).astype(int)
    last = np.ceil((packed.positions + reach).max(axis=0) / voxel_size).astype(int)
    size = last - first + 1
    size += size % 2
    return Grid(shape=tuple(size[::-1]), voxel_size=voxel_size, origin=first * voxel_size)
