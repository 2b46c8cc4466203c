"""How much of the space is taken, and what two take at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from ..core import Boundary, Obstacle, RigidTransforms, Scene
from ..core.display import described
from ..core.progress import tracked
from ..density import painter_of
from ..poses import structure_poses
from .shapes import Mask, body_mask, deformable_cells

VOXEL_SIZE = 0.4
MOST_VOXELS = 100_000_000
_REGION_VOXELS = 2_000_000


@described
@dataclass(frozen=True, kw_only=True)
class Occupancy:
    """Volumes of the envelopes of a scene, counted on a lattice.

    Parameters
    ----------
    voxel_size : float
        Edge of a voxel, nm; in a box the edges are this long or shorter, to fit it.
    union : float
        Volume of what at least one instance takes, nm^3.
    shared_voxels, shared : int, float
        Voxels that two or more instances take, and their volume, nm^3.
    sharing : int
        Instances that have such a voxel.
    largest_share : float
        Largest part of one instance's envelope that it shares.
    box : (float, float, float)
        Edges of the box: the boundary's, or that around all envelopes, nm.
    filled, ball : float or None
        Volume of the filled region of an open scene, nm^3, and radius of the ball that defines it.
    blocked : float
        Volume of the scene's obstacle in the box, nm^3; 0 for an open scene, whose filled region
        leaves it out.
    trespassing : float
        Volume of envelopes that lies in the obstacle, nm^3.
    """

    voxel_size: float
    union: float
    shared_voxels: int
    shared: float
    sharing: int
    largest_share: float
    box: tuple[float, float, float]
    filled: float | None
    ball: float | None
    blocked: float
    trespassing: float

    @property
    def box_volume(self) -> float:
        """Volume of the box, nm^3."""
        return float(np.prod(self.box))


def occupancy(
    scene: Scene,
    positions: np.ndarray,
    transforms: RigidTransforms,
    boundary: Boundary,
    *,
    voxel_size: float | None = None,
    progress: bool = True,
) -> Occupancy:
    """Return what the envelopes of a scene take.

    Ball centres `positions` (b, 3) in nm, poses and boundary are those at the end. The edge of a
    voxel is 0.4 nm, or more where that would take over 100 million of them, unless given (nm).
    `progress` is whether to show a bar.
    """
    masks = {
        s: body_mask(scene.species[s])
        for s in np.unique(scene.species_index).tolist()
        if scene.species[s].is_rigid or scene.species[s].copies
    }
    corner, edges = _box(scene, positions, transforms, boundary, masks)
    lattice = _Lattice(scene.n_instances, corner, edges, boundary, voxel_size)
    for i in tracked(range(scene.n_instances), "envelopes", show=progress):
        s = int(scene.species_index[i])
        if s in masks:
            bodies = _bodies(scene, i, positions, transforms)
            poses = zip(bodies.rotations, bodies.translations, strict=True)
            cells = np.concatenate([lattice.cells(masks[s], *pose) for pose in poses])
        else:
            cells = deformable_cells(
                scene.species[s], positions[scene.balls(i)], lattice.origin, lattice.spacing
            )
        lattice.take(i, cells, _partners(scene, i))
    voxel = float(np.prod(lattice.spacing))
    taken = lattice.owner != 0
    box = lattice.box if boundary.bounded else lattice.extent(taken)
    filled, ball = None, None
    if not boundary.bounded:
        filled, ball = _filled(lattice, scene.n_instances, scene.obstacle)
    blocked, trespassing = 0.0, 0.0
    if scene.obstacle is not None:
        if boundary.bounded:
            blocked = scene.obstacle.volume_in(boundary.box)
        places = lattice.origin + np.argwhere(taken.reshape(lattice.shape)) * lattice.spacing
        trespassing = float(scene.obstacle.contains(places).sum()) * voxel
    shared = int((lattice.owner < 0).sum())
    return Occupancy(
        voxel_size=float(lattice.spacing.max()),
        union=float(taken.sum()) * voxel,
        shared_voxels=shared,
        shared=shared * voxel,
        sharing=int((lattice.common > 0).sum()),
        largest_share=float((lattice.common / np.maximum(lattice.own, 1)).max()),
        box=tuple(box.tolist()),
        filled=filled,
        ball=ball,
        blocked=blocked,
        trespassing=trespassing,
    )


def _box(
    scene: Scene,
    positions: np.ndarray,
    transforms: RigidTransforms,
    boundary: Boundary,
    masks: dict[int, Mask],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the low corner and the edges of the box that is looked at."""
    if boundary.bounded:
        box = np.array(boundary.box)
        return -box / 2, box
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    surfaces = {}
    for s, mask in masks.items():
        inside = mask.inside
        surface = inside & ~ndimage.binary_erosion(inside)
        points = mask.origin + np.argwhere(surface) * mask.spacing
        # The farthest points in any direction are corners of the convex hull.
        surfaces[s] = _extreme(points)
    for i in range(scene.n_instances):
        s = int(scene.species_index[i])
        if s in masks:
            points = _bodies(scene, i, positions, transforms).apply(surfaces[s]).reshape(-1, 3)
            reach = masks[s].spacing / 2
        else:
            points, reach = positions[scene.balls(i)], _reach(scene, s)
        low = np.minimum(low, points.min(axis=0) - reach)
        high = np.maximum(high, points.max(axis=0) + reach)
    return low, high - low


def _bodies(
    scene: Scene, instance: int, positions: np.ndarray, transforms: RigidTransforms
) -> RigidTransforms:
    """Return the poses of the rigid bodies that an instance is made of."""
    if scene.model(instance).structure is None:
        return transforms[instance]
    return structure_poses(scene, instance, positions=positions, transforms=transforms)


def _partners(scene: Scene, instance: int) -> np.ndarray:
    """Return the instances that links join one to, whose room it shares."""
    rows = scene.partners[(scene.partners == instance).any(axis=1)]
    return rows[rows != instance]


def _reach(scene: Scene, species: int) -> float:
    """Return how far from its balls' centres a deformable can reach, nm."""
    model = scene.species[species]
    if model.geometry is None:
        return float(model.radii.max())
    return painter_of(model.geometry).girth(model.geometry)


class _Lattice:
    """The voxels of the box, and the instance that was the first to take each."""

    def __init__(
        self,
        n: int,
        low: np.ndarray,
        box: np.ndarray,
        boundary: Boundary,
        voxel_size: float | None,
    ) -> None:
        if voxel_size is None:
            voxel_size = max(VOXEL_SIZE, float((box.prod() / MOST_VOXELS) ** (1 / 3)))
        self.box = box
        self.shape = np.maximum(1, np.ceil(box / voxel_size - 1e-9)).astype(np.int64)
        self.repeats = boundary.periodic
        self.spacing = box / self.shape if boundary.bounded else np.full(3, voxel_size)
        self.origin = low + self.spacing / 2
        # 0 is free, n + 1 is the first instance n, negative where another took it too.
        self.owner = np.zeros(int(self.shape.prod()), np.int32)
        self.own, self.common = np.zeros(n, np.int64), np.zeros(n, np.int64)

    def cells(self, mask: Mask, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """Return the cells (k, 3) that a mask takes in a pose; cells may lie beyond the box."""
        ends = mask.origin + np.array([[0, 0, 0], np.array(mask.inside.shape) - 1]) * mask.spacing
        corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
        corners = (corners @ rotation.T + translation - self.origin) / self.spacing
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) + 1
        lines = [np.arange(a, b, dtype=np.int64) for a, b in zip(low, high, strict=True)]
        turn = rotation.T / mask.spacing
        start = turn @ (self.origin - translation) - mask.origin / mask.spacing
        index = []
        for axis in range(3):
            x, y, z = (
                (turn[axis, a] * self.spacing[a] * lines[a]).astype(np.float32) for a in range(3)
            )
            value = (x + np.float32(start[axis]))[:, None, None] + y[:, None] + z
            np.rint(value, out=value)
            np.clip(value, 0, mask.inside.shape[axis] - 1, out=value)
            index.append(value.astype(np.intp))
        flat = (index[0] * mask.inside.shape[1] + index[1]) * mask.inside.shape[2] + index[2]
        found = np.argwhere(mask.inside.ravel()[flat])
        return found + low.astype(np.int64)

    def extent(self, taken: np.ndarray) -> np.ndarray:
        """Return the edges of the box around what is taken, nm."""
        grid = taken.reshape(self.shape)
        lines = (grid.any(axis=others) for others in ((1, 2), (0, 2), (0, 1)))
        return self.spacing * [int(np.ptp(np.flatnonzero(line))) + 1 for line in lines]

    def take(self, instance: int, cells: np.ndarray, partners: np.ndarray) -> None:
        """Give cells to an instance, and count those that others have, but not its partners."""
        cells = np.where(self.repeats, np.mod(cells, self.shape), cells)
        cells = cells[((cells >= 0) & (cells < self.shape)).all(axis=1)]
        strides = np.array([self.shape[1] * self.shape[2], self.shape[2], 1])
        flat = np.unique(cells @ strides)
        before = self.owner[flat]
        strange = (before != 0) & ~np.isin(np.abs(before) - 1, partners)
        other = strange & (before > 0)
        self.own[instance] = len(flat)
        self.common[instance] += int(strange.sum())
        np.add.at(self.common, before[other] - 1, 1)
        taken = np.where(before == 0, instance + 1, before)
        self.owner[flat] = np.where(strange, -np.abs(before), taken)


def _filled(lattice: _Lattice, n: int, obstacle: Obstacle | None) -> tuple[float, float]:
    """Return the volume of an open scene's filled region, and the radius that defines it.

    The region is what a ball cannot reach from outside without touching an envelope. The ball's
    radius is the mean spacing of the instances, ``(V / n)^(1/3)`` with the volume V of the convex
    hull of all envelopes: gaps between instances are filled, the surface follows the scene. What
    lies in the obstacle does not belong to it.
    """
    # The pad that the ball needs is about the mean spacing again on either side.
    padded = lattice.box + 2 * (lattice.box.prod() / n) ** (1 / 3)
    edge_length = (padded.prod() / _REGION_VOXELS) ** (1 / 3)
    factor = max(1, int(np.ceil(edge_length / lattice.spacing[0])))
    part = _coarser(lattice.owner.reshape(lattice.shape) != 0, factor)
    # A voxel of which at least half is taken; where nothing is that thick, any that is touched.
    solid = part >= 0.5 if (part >= 0.5).any() else part > 0
    step = lattice.spacing[0] * factor
    edge = solid & ~ndimage.binary_erosion(solid)
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    points = np.argwhere(edge)
    hull = ConvexHull((_extreme(points)[:, None] + corners).reshape(-1, 3))
    radius = float((hull.volume * step**3 / n) ** (1 / 3))
    pad = int(np.ceil(radius / step)) + 2
    free = np.pad(~solid, pad, constant_values=True)
    # Distances are between centres of voxels; the half voxels at both surfaces cancel.
    reachable = ndimage.distance_transform_edt(free) * step >= radius
    groups, _ = ndimage.label(reachable)
    outside = groups == groups[0, 0, 0]
    covered = ndimage.distance_transform_edt(~outside) * step < radius
    region = ~covered & ~outside
    if obstacle is not None:
        cells = np.argwhere(region)
        first = lattice.origin + (factor - 1) / 2 * lattice.spacing
        region[tuple(cells[obstacle.contains(first + (cells - pad) * step)].T)] = False
    return float(region.sum() * step**3), radius


def _extreme(points: np.ndarray) -> np.ndarray:
    """Return the corners of the convex hull of points (p, 3), or all of few points."""
    return points[ConvexHull(points, qhull_options="QJ").vertices] if len(points) > 20 else points


def _coarser(mask: np.ndarray, factor: int) -> np.ndarray:
    """Return the part of each block of `factor` voxels along each axis that is True."""
    grown = np.pad(mask, [(0, -n % factor) for n in mask.shape])
    blocks = grown.reshape([n for size in grown.shape for n in (size // factor, factor)])
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)
