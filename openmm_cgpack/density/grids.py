"""Grids for packed scenes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.arrays import frozen, positive
from ..core.boundary import Open
from ..core.scene import PackedScene
from ..core.volume import Grid


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
    >>> from openmm_cgpack import Periodic, as_packed, Filament, place
    >>> tubes = [(Filament(n_balls=5).build(), 2)]
    >>> scene = place(tubes, boundary=Periodic(box=(40, 40, 30)), seed=1)
    >>> grid = bounding_grid(as_packed(scene), voxel_size=2.0)
    >>> grid.shape, grid.origin.tolist()
    ((16, 20, 20), [-20.0, -20.0, -16.0])
    """
    voxel_size = positive(voxel_size, "voxel_size")
    if not isinstance(packed.boundary, Open):
        return box_grid(packed.boundary.box, voxel_size=voxel_size)
    reach = packed.scene.radii[:, None] + positive(margin, "margin", zero=True)
    first = np.floor((packed.positions - reach).min(axis=0) / voxel_size).astype(int)
    last = np.ceil((packed.positions + reach).max(axis=0) / voxel_size).astype(int)
    size = last - first + 1
    size += size % 2
    return Grid(shape=tuple(size[::-1]), voxel_size=voxel_size, origin=first * voxel_size)
