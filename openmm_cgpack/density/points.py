"""The points of scenes and models: atoms in poses, shapes as their painters have them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import chain, product

import numpy as np

from ..core.arrays import positive
from ..core.model import BallModel
from ..core.scene import PackedScene
from ..core.structure import AtomicStructure
from ..core.transforms import RigidTransforms
from ..core.volume import Grid
from ..poses import extract_transforms, structure_poses
from .grids import period
from .painters import MOST_POINTS, WeightedPoints, joined, painter_of
from .rooms import Room
from .splatting import ATOM_SPACING, CUT, SHAPE_SPACING

WORTHWHILE = 0.7
"""Points are put in bins where that leaves at most this part of them."""


class ScenePoints:
    """The points of every instance of a packed scene, made when they are asked for.

    They lie as close as the Gaussian that will blur them needs, of `sigma` nm along one axis.
    `filled` shapes are those of masks. Where instances are joined, what bends has no points where
    a rigid one has taken the room: see `Room`.
    """

    def __init__(
        self,
        packed: PackedScene,
        *,
        sigma: float,
        deformables: str = "smooth",
        filled: bool = False,
    ):
        self.packed = packed
        self.sigma = sigma
        self.deformables = deformables
        self.filled = filled
        self.transforms = extract_transforms(packed).transforms
        self._bodies: dict[int, WeightedPoints] = {}
        self._rooms: dict[int, Room] = {}

    def __len__(self) -> int:
        return self.packed.scene.n_instances

    def parts(self, instance: int) -> Iterator[WeightedPoints]:
        """Yield the points of an instance (counted from 0) in the scene's frame, in parts."""
        scene = self.packed.scene
        s = int(scene.species_index[instance])
        model = scene.species[s]
        if model.structure is None:
            balls = self.packed.positions[scene.balls(instance)]
            for points in model_parts(
                model,
                balls,
                sigma=self.sigma,
                deformables=self.deformables,
                filled=self.filled,
            ):
                yield points if model.is_rigid else self._beside_partners(instance, points)
            return
        poses = structure_poses(
            scene, instance, positions=self.packed.positions, transforms=self.transforms
        )
        yield from _copies(self._body(s), poses)

    def mass(self, instance: int) -> float:
        """Return the mass of an instance, Da."""
        model = self.packed.scene.model(instance)
        if model.structure is not None:
            return model.structure.mass * model.copies
        return float(sum(points.masses.sum() for points in self.parts(instance)))

    def centred_in(self, grid: Grid) -> np.ndarray:
        """Return of which instances a centre, or that of an image, is in a grid's box, (n,)."""
        return np.all(self._from_middle(grid) <= grid.size / 2, axis=1)

    def near(self, grid: Grid) -> list[int]:
        """Return the instances, in order, that may meet a grid: all but molecules far from it."""
        scene = self.packed.scene
        reach = np.full(len(scene.species), np.inf)
        for s, model in enumerate(scene.species):
            if model.body is not None and model.geometry is None:
                body = self._body(s)
                farthest = np.linalg.norm(body.positions, axis=1).max()
                reach[s] = farthest + CUT * np.sqrt(self.sigma**2 + body.variance)
        # A kernel is cut at whole points of its lattice, of which none is wider than a voxel.
        reach += 2 * grid.voxel_size
        far = self._from_middle(grid) > grid.size / 2 + reach[scene.species_index, None]
        return np.flatnonzero(~far.any(axis=1)).tolist()

    def _from_middle(self, grid: Grid) -> np.ndarray:
        """Return how far along each axis a grid's middle is from the nearest image, (n, 3) nm."""
        scene = self.packed.scene
        centres = np.add.reduceat(self.packed.positions, scene.offsets[:-1])
        centres /= np.diff(scene.offsets)[:, None]
        bodies = np.array([model.body is not None for model in scene.species])
        bodies = bodies[scene.species_index]
        centres[bodies] = self.transforms.translations[bodies]
        off = centres - (grid.origin + (grid.size - grid.voxel_size) / 2)
        boundary = self.packed.boundary
        edges = np.where(boundary.periodic, period(grid, boundary), 0.0)
        off -= edges * np.rint(off / np.where(edges > 0, edges, 1.0))
        return np.abs(off)

    def _body(self, s: int) -> WeightedPoints:
        """Return the points of a species' structure in its body frame."""
        if s not in self._bodies:
            structure = self.packed.scene.species[s].structure
            assert structure is not None
            self._bodies[s] = molecule_points(structure, sigma=self.sigma)
        return self._bodies[s]

    def images(self, instance: int, grid: Grid) -> Iterator[Iterable[WeightedPoints]]:
        """Yield what makes an instance's map, and those of its images, where these meet a grid.

        Each map is the sum of those of the points that come together: of what is large, or goes on
        from image to image, there is one for all of its images. Of an open scene points come once,
        whether they meet the grid or not.
        """
        parts = self.parts(instance)
        first = next(parts)
        more = next(parts, None)
        if more is None and not self.packed.scene.model(instance).spans:
            for points in self._moved(first, grid):
                yield (points,)
            return
        held = () if more is None else (more,)
        yield (
            moved for points in chain((first,), held, parts) for moved in self._moved(points, grid)
        )

    def _beside_partners(self, instance: int, points: WeightedPoints) -> WeightedPoints:
        """Return the points that are not in the room of an instance's rigid partners."""
        scene = self.packed.scene
        free = np.ones(len(points.masses), bool)
        for pair in scene.partners[(scene.partners == instance).any(axis=1)]:
            other = int(pair[pair != instance][0])
            s = int(scene.species_index[other])
            model = scene.species[s]
            if not model.is_rigid:
                continue
            if s not in self._rooms:
                self._rooms[s] = Room.of(model)
            free &= ~self._rooms[s].holds(
                points.positions, self.transforms[other], self.packed.boundary
            )
        if free.all():
            return points
        return WeightedPoints(
            positions=points.positions[free], masses=points.masses[free], variance=points.variance
        )

    def _moved(self, points: WeightedPoints, grid: Grid) -> Iterator[WeightedPoints]:
        """Yield points, and their images, as far as their maps meet a grid."""
        boundary = self.packed.boundary
        if not boundary.bounded:
            yield points
            return
        if not len(points.masses):
            return
        reach = CUT * self.sigma + grid.voxel_size
        low = points.positions.min(axis=0) - reach
        high = points.positions.max(axis=0) + reach
        first = grid.origin - grid.voxel_size / 2
        last = first + grid.size
        box = period(grid, boundary)
        # Whole boxes by which the points may be moved and still reach the grid.
        least = np.where(boundary.periodic, np.ceil((first - high) / box), 0).astype(int)
        most = np.where(boundary.periodic, np.floor((last - low) / box), 0).astype(int)
        ranges = [range(a, b + 1) for a, b in zip(least, most, strict=True)]
        for shift in product(*ranges):
            moved = points.positions + np.array(shift) * box
            yield WeightedPoints(positions=moved, masses=points.masses, variance=points.variance)


def model_parts(
    model: BallModel,
    centres: np.ndarray,
    *,
    sigma: float,
    deformables: str = "smooth",
    filled: bool = False,
) -> Iterator[WeightedPoints]:
    """Yield what a model's map is made of: its structure in the body frame, or its drawn shape.

    The points are as close as a Gaussian of `sigma` nm along one axis needs. Where the balls are,
    `centres` (b, 3), is of no matter to a molecule; a helix' monomers stand along them.
    """
    if model.structure is not None:
        body = molecule_points(model.structure, sigma=sigma)
        geometry = model.geometry
        poses = None if geometry is None else geometry.monomers(centres, np.eye(3))
        yield from _copies(body, RigidTransforms.identity(1) if poses is None else poses)
        return
    spacing = SHAPE_SPACING * sigma
    yield from shape_parts(model, centres, spacing=spacing, deformables=deformables, filled=filled)


def _copies(body: WeightedPoints, poses: RigidTransforms) -> Iterator[WeightedPoints]:
    """Yield the points of a body at each of its poses, about `MOST_POINTS` at a time."""
    number = max(1, MOST_POINTS // len(body.masses))
    for first in range(0, len(poses), number):
        held = slice(first, first + number)
        placed = [
            body.positions @ turn.T + shift
            for turn, shift in zip(poses.rotations[held], poses.translations[held], strict=True)
        ]
        alone = len(placed) == 1
        yield WeightedPoints(
            positions=placed[0] if alone else np.concatenate(placed),
            masses=body.masses if alone else np.tile(body.masses, len(placed)),
            variance=body.variance,
        )


def molecule_points(structure: AtomicStructure, *, sigma: float) -> WeightedPoints:
    """Return a molecule's masses for a map whose Gaussian has `sigma` nm along one axis.

    Of a molecule that is from a density map, the map gets no sharper than that.
    """
    sharpest = max(sigma, structure.blur)
    points = structure_points(structure, spacing=ATOM_SPACING * sharpest)
    more = sharpest**2 - sigma**2
    return dataclasses.replace(points, variance=points.variance + more) if more else points


def structure_points(structure: AtomicStructure, *, spacing: float) -> WeightedPoints:
    """Return a molecule's masses in its body frame, those that share a small cube as one point.

    Each point lies at its atoms' centre of mass, so that mass and centre are kept; the variance
    inside the cubes goes with the points, and a map's Gaussian is made that much wider. Cubes with
    edges (`spacing`, nm) of 0.43 sigma of the map's Gaussian keep the map within 0.2 %.
    """
    positions, masses = structure.positions, structure.masses
    inner = structure.point_variance
    cubes = np.floor(positions / positive(spacing, "spacing")).astype(np.int64)
    _, group = np.unique(cubes, axis=0, return_inverse=True)
    group = group.reshape(-1)
    if group.max() + 1 > WORTHWHILE * len(positions):
        return WeightedPoints(positions=positions, masses=masses, variance=inner)
    total = np.bincount(group, masses)
    moments = np.stack([np.bincount(group, masses * axis) for axis in positions.T], 1)
    centres = moments / total[:, None]
    within = masses @ ((positions - centres[group]) ** 2).sum(axis=1) / (3 * masses.sum())
    return WeightedPoints(positions=centres, masses=total, variance=inner + float(within))


def ball_points(
    centres: np.ndarray, radii: np.ndarray, *, density: float, spacing: float
) -> WeightedPoints:
    """Return solid spheres as points on a lattice, each with the mass of its whole sphere."""
    positions, masses = [], []
    for centre, radius in zip(centres, radii, strict=True):
        half = int(np.ceil(radius / spacing))
        axis = np.arange(-half, half + 1) * spacing
        cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        inside = cube[np.einsum("pi,pi->p", cube, cube) <= radius**2]
        positions.append(centre + inside)
        masses.append(np.full(len(inside), density * 4 / 3 * np.pi * radius**3 / len(inside)))
    return WeightedPoints(positions=np.concatenate(positions), masses=np.concatenate(masses))


def shape_parts(
    model: BallModel,
    centres: np.ndarray,
    *,
    spacing: float,
    deformables: str = "smooth",
    filled: bool = False,
) -> Iterator[WeightedPoints]:
    """Yield the points of a model that is drawn from where its balls are, (b, 3) nm.

    `deformables` is ``"smooth"``, as the geometry's painter draws it (or has it `filled`),
    ``"even"``, always filled, or ``"balls"``, each as a uniform solid sphere with the geometry's
    density.
    """
    geometry = model.geometry
    if geometry is None:
        raise ValueError(
            f"{model.name}: wanted a structure or a geometry to make density of, got neither"
        )
    if deformables == "balls":
        yield ball_points(centres, model.radii, density=geometry.density, spacing=spacing)
        return
    filled = filled or deformables == "even"
    yield from painter_of(geometry).parts(geometry, centres, spacing=spacing, filled=filled)


def shape_points(
    model: BallModel,
    centres: np.ndarray,
    *,
    spacing: float,
    deformables: str = "smooth",
    filled: bool = False,
) -> WeightedPoints:
    """Return the points of `shape_parts` as one."""
    return joined(
        shape_parts(model, centres, spacing=spacing, deformables=deformables, filled=filled)
    )
