"""The space that one instance takes, as masks in the body frame or points of a deformable."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..core import AtomicStructure, BallModel
from ..core.arrays import noun
from ..density import painter_of

SPACING = 0.2
"""Edge of a voxel of a mask in the body frame, nm; that of the molecular envelope."""

_MARGIN = 0.8


@noun
class Mask:
    """Which voxels of a lattice in the body frame a molecule takes.

    `inside` (x, y, z) has an empty outermost layer; the first voxel's centre is at `origin` (3,),
    and voxels have edges of `spacing`, nm.
    """

    inside: np.ndarray
    origin: np.ndarray
    spacing: float


def body_mask(model: BallModel) -> Mask:
    """Return the envelope of a molecule, of a helix' monomer, or of another rigid model at rest.

    A molecule's is where atoms, or the points that stand for them, are nearer than the distance
    at which the mask's volume is that of the molecular envelope, which the model knows. A model
    without a structure takes the union of its balls.
    """
    if model.structure is not None:
        return _around(model.structure, model.volume / model.copies)
    reach = model.radii.max() + 3 * SPACING
    # Off the balls' own lattice, where many points would lie on a surface.
    low = model.positions.min(axis=0) - reach - 0.37 * SPACING
    shape = np.ceil((model.positions.max(axis=0) + reach - low) / SPACING).astype(int) + 1
    inside = np.zeros(shape, bool)
    lattice = [low[a] + np.arange(shape[a]) * SPACING for a in range(3)]
    for centre, radius in zip(model.positions, model.radii, strict=True):
        x, y, z = (line - c for line, c in zip(lattice, centre, strict=True))
        inside |= (x**2)[:, None, None] + (y**2)[:, None] + z**2 < radius**2
    return Mask(inside=inside, origin=low, spacing=SPACING)


def _around(structure: AtomicStructure, volume: float) -> Mask:
    points = structure.positions
    low = points.min(axis=0) - _MARGIN
    shape = np.ceil((points.max(axis=0) + _MARGIN - low) / SPACING).astype(int) + 1
    voxels = min(max(1, round(volume / SPACING**3)), int(np.prod(shape - 2)))
    # Only lattice points near an atom are measured; how near doubles until they are enough.
    reach = 0.4
    while True:
        near = cells_around(points, low, np.full(3, SPACING), reach)
        near = near[((near > 0) & (near < shape - 1)).all(axis=1)]
        if len(near) >= voxels or reach > 2 * _MARGIN:
            break
        reach *= 1.5
    distance, _ = cKDTree(points).query(low + near * SPACING)
    chosen = near[np.argsort(distance, kind="stable")[:voxels]]
    inside = np.zeros(shape, bool)
    inside[tuple(chosen.T)] = True
    return Mask(inside=inside, origin=low, spacing=SPACING)


def cells_around(
    points: np.ndarray, origin: np.ndarray, spacing: np.ndarray, reach: float
) -> np.ndarray:
    """Return the cells (k, 3) of a lattice whose centres may lie within `reach` of a point."""
    home = np.unique(np.rint((points - origin) / spacing).astype(np.int64), axis=0)
    span = np.ceil(reach / spacing + 0.5).astype(int)
    line = [np.arange(-s, s + 1) for s in span]
    steps = np.stack(np.meshgrid(*line, indexing="ij"), axis=-1).reshape(-1, 3)
    short = np.maximum(np.abs(steps) - 0.5, 0) * spacing
    steps = steps[np.linalg.norm(short, axis=1) < reach]
    low = home.min(axis=0) - span
    shape = home.max(axis=0) + span - low + 1
    marked = np.zeros(shape, bool).ravel()
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    base = (home - low) @ strides
    for step in steps @ strides:
        marked[base + step] = True
    return np.stack(np.unravel_index(np.flatnonzero(marked), shape), axis=1) + low


def deformable_cells(
    model: BallModel, balls: np.ndarray, origin: np.ndarray, spacing: np.ndarray
) -> np.ndarray:
    """Return the cells (k, 3) of a lattice that a filament or membrane takes.

    What its painter draws is thick around a line or a surface: the cells within reach of it, cut
    where it ends. The union of the balls stands for anything else. Cell 0 has its centre at
    `origin`, and the cells have the edges `spacing`, both (3,) nm.
    """
    geometry, found = model.geometry, None
    if geometry is not None:
        fine = float(spacing.min()) / 2
        found = painter_of(geometry).skeleton(geometry, balls, spacing=fine)
    if found is None:
        parts = [
            _ball_cells(centre, radius, origin, spacing)
            for centre, radius in zip(balls, model.radii, strict=True)
        ]
        return np.unique(np.concatenate(parts), axis=0)
    samples, ways, reach = found.points, found.outward, found.reach
    cells = cells_around(
        samples[:: max(1, len(samples) // 20_000)], origin, spacing, reach + spacing.max()
    )
    places = origin + cells * spacing
    distance, nearest = cKDTree(samples).query(places, distance_upper_bound=reach + spacing.max())
    near = np.isfinite(distance)
    cells, places, nearest = cells[near], places[near], nearest[near]
    # Ways are 0 but at the ends and along the rim, where they point outwards.
    beyond = ((places - samples[nearest]) * ways[nearest]).sum(axis=1) > 0
    return cells[(distance[near] <= reach) & ~beyond]


def _ball_cells(
    centre: np.ndarray, radius: float, origin: np.ndarray, spacing: np.ndarray
) -> np.ndarray:
    cells = cells_around(centre[None], origin, spacing, radius)
    return cells[np.linalg.norm(origin + cells * spacing - centre, axis=1) < radius]
