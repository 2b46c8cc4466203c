"""The grids on which scenes are drawn: in a box that repeats, whole periods of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.arrays import frozen, positive
from ..core.boundary import Boundary
from ..core.scene import PackedScene
from ..core.volume import Grid

NEAR = 0.05
"""How far, relative to it, the voxel size may move to tile a box."""

ODD = 0.02
"""By how much nearer voxels have to be whose number along an edge is odd."""

MISSED = 10.0
"""What a part of a period that voxels do not fill costs, against as much of the voxel size."""

EXACT = 1e-6
"""What lengths may differ by to count as one, relative to them."""


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

    Examples
    --------
    >>> grid = box_grid((100, 100, 40), voxel_size=1.0)
    >>> grid.shape, grid.origin.tolist()
    ((40, 100, 100), [-50.0, -50.0, -20.0])
    """
    voxel_size = positive(voxel_size, "voxel_size")
    sizes = _edges(size)
    counts = 2 * np.maximum(1, np.rint(sizes / (2 * voxel_size))).astype(int)
    return _around(frozen(centre, "centre", (3,)), counts, voxel_size)


def scene_grid(
    boundary: Boundary,
    *,
    voxel_size: float = 1.0,
    size: float | Sequence[float] | None = None,
    largest: float = np.inf,
) -> Grid:
    """Return the grid of a scene in a box: whole periods where it repeats, all of it between walls.

    Along the axes of a period the voxels fill it without rest, and the voxel size moves a little
    where it has to: to the nearest one of which the periods are whole multiples. Where no size
    within `NEAR` has that, as of edges in the ratio of 1 to pi, it is one that comes close, and
    the scene is drawn as if it repeated as the grid does: see `period`.

    Parameters
    ----------
    boundary : Boundary
        The scene's, a box.
    voxel_size : float, optional
        Edge of a voxel, nm, as wanted.
    size : float or three floats, optional
        Edges of another box to draw, nm; along an edge as long as the period it is a period.
    largest : float, optional
        Largest edge of a voxel that will do, nm.

    Examples
    --------
    >>> from openmm_cgpack.core import Periodic, Slab
    >>> grid = scene_grid(Periodic(box=60.0), voxel_size=0.784)
    >>> grid.shape, round(grid.voxel_size, 4), grid.size.round(9).tolist()
    ((76, 76, 76), 0.7895, [60.0, 60.0, 60.0])
    >>> scene_grid(Slab(box=(60, 60, 25)), voxel_size=2.0).size.tolist()
    [60.0, 60.0, 28.0]
    """
    voxel_size = positive(voxel_size, "voxel_size")
    box = np.array(boundary.box)
    sizes = box if size is None else _edges(size)
    whole = boundary.periodic & np.isclose(sizes, box, rtol=EXACT)
    if whole.any():
        voxel_size = _tiling(sizes[whole], voxel_size, largest)
    counts = sizes / voxel_size
    even = np.rint(counts / 2) if size is not None else np.ceil(counts / 2 - EXACT)
    counts = np.where(whole, np.rint(counts), 2 * even)
    return _around(np.zeros(3), np.maximum(1, counts).astype(int), voxel_size)


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
        With even sizes, and an origin that is a multiple of the voxel size; of a scene in a box,
        its `scene_grid`.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Periodic, as_packed, place
    >>> tubes = [(Filament(n_balls=5).build(), 2)]
    >>> scene = place(tubes, boundary=Periodic(box=(40, 40, 30)), seed=1)
    >>> grid = bounding_grid(as_packed(scene), voxel_size=2.0)
    >>> grid.shape, grid.origin.tolist()
    ((15, 20, 20), [-20.0, -20.0, -14.0])
    """
    voxel_size = positive(voxel_size, "voxel_size")
    if packed.boundary.bounded:
        return scene_grid(packed.boundary, voxel_size=voxel_size)
    reach = packed.scene.radii[:, None] + positive(margin, "margin", zero=True)
    first = np.floor((packed.positions - reach).min(axis=0) / voxel_size).astype(int)
    last = np.ceil((packed.positions + reach).max(axis=0) / voxel_size).astype(int)
    size = last - first + 1
    size += size % 2
    return Grid(shape=tuple(size[::-1]), voxel_size=voxel_size, origin=first * voxel_size)


def period(grid: Grid, boundary: Boundary) -> np.ndarray:
    """Return by how much the images of a scene are apart on a grid along x, y and z, (3,) nm.

    It is the box, or the grid where that is a period: then everything is drawn just once, even
    where voxels do not tile the box; what meets across a face is less than half a voxel off.
    """
    return np.where(grid.tiles(boundary), grid.size, boundary.box)


def _tiling(edges: np.ndarray, voxel_size: float, largest: float) -> float:
    """Return the voxel size to tile a box with; see `scene_grid`."""
    if (np.abs(edges / voxel_size - np.rint(edges / voxel_size)) <= EXACT).all():
        return voxel_size
    found = []
    for edge in edges:
        counts = edge / voxel_size
        # Of very many voxels, those nearest: any of these is near enough.
        reach = min(max(1.0, NEAR * counts), 1000.0)
        number = np.arange(max(1, np.ceil(counts - reach)), np.floor(counts + reach) + 1)
        found.append(edge / number)
    sizes = np.concatenate(found)
    fits = sizes <= largest * (1 + EXACT)
    if not fits.any():
        return float(edges.max() / np.ceil(edges.max() / largest - EXACT))
    sizes = sizes[fits]
    voxels = np.maximum(1, np.rint(edges[:, None] / sizes))
    missed = np.abs(voxels * sizes / edges[:, None] - 1).max(axis=0)
    cost = MISSED * np.where(missed > EXACT, missed, 0.0) + np.abs(sizes / voxel_size - 1)
    cost += ODD * (voxels % 2).any(axis=0)
    return float(sizes[cost.argmin()])


def _edges(size: float | Sequence[float]) -> np.ndarray:
    sizes = frozen([size] * 3 if np.ndim(size) == 0 else size, "size", (3,))
    for edge in sizes:
        positive(edge, "size")
    return sizes


def _around(centre: np.ndarray, counts: np.ndarray, voxel_size: float) -> Grid:
    """Return the grid of which voxel N // 2 lies at `centre`; counts are along x, y and z."""
    origin = centre - counts // 2 * voxel_size
    return Grid(shape=tuple(counts[::-1].tolist()), voxel_size=voxel_size, origin=origin)
