"""Density maps of molecules and of packed scenes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np

from ..core.arrays import positive
from ..core.boundary import Open
from ..core.model import BallModel
from ..core.scene import PackedScene
from ..core.structure import AtomicStructure
from ..core.volume import Grid, Volume
from ..poses import extract_transforms
from .grids import bounding_grid
from .kernel import ATOM_SPACING, CUT, SHAPE_SPACING, gaussian_sigma
from .points import WeightedPoints, shape_points, structure_points
from .splat import blurred_boxes, overlap


def species_map(
    structure: AtomicStructure,
    *,
    voxel_size: float = 1.0,
    resolution: float = 4.0,
    convention: str = "situs",
    amplitude: str = "mass",
) -> Volume:
    """Return the density map of a molecule in its body frame.

    Masses are projected trilinearly on a lattice whose corner is a multiple of the voxel size,
    and blurred by a Gaussian from whose variance that of the projection is taken off, as Situs'
    pdb2vol does. The Gaussian is the product of three, cut at 4 sigma along each axis and summing
    to one; Situs cuts a sphere at 3 sigma, which loses 3 % of it.

    Parameters
    ----------
    structure : AtomicStructure
        The molecule.
    voxel_size : float, optional
        Edge of a voxel, nm.
    resolution : float, optional
        Resolution, nm.
    convention : {"situs", "molmap", "fwhm"}, optional
        What the resolution means; see `gaussian_sigma`.
    amplitude : {"mass", "unit-centre"}, optional
        ``"mass"``: Da/nm^3, the integral is the molecule's mass. ``"unit-centre"``: the Gaussian
        of an atom is its mass (in Da) at its centre, as pdb2vol has it.

    Returns
    -------
    Volume
        Large enough to hold all of the map.

    Raises
    ------
    ValueError
        The resolution is too fine for the voxels, or a name is unknown.

    Examples
    --------
    The integral of a map is the molecule's mass:

    >>> molecule = AtomicStructure(
    ...     name="pair", positions=[[0, 0, -1], [0, 0, 1]], masses=[3000, 3000]
    ... )
    >>> volume = species_map(molecule, voxel_size=1.0, resolution=4.0)
    >>> round(float(volume.data.sum(dtype=float)) * volume.voxel_size**3)
    6000
    """
    sigma = gaussian_sigma(resolution, convention)
    voxel_size = positive(voxel_size, "voxel_size")
    if amplitude not in ("mass", "unit-centre"):
        raise ValueError(f"amplitude: wanted 'mass' or 'unit-centre', got {amplitude!r}")
    points = structure_points(structure, spacing=ATOM_SPACING * sigma)
    boxes = list(
        blurred_boxes(
            points.positions / voxel_size,
            points.masses,
            sigma=sigma,
            voxel_size=voxel_size,
            point_variance=points.variance,
        )
    )
    first = np.min([corner for corner, _ in boxes], axis=0)
    last = np.max([corner + np.array(box.shape) for corner, box in boxes], axis=0)
    data = np.zeros(last - first, np.float32)
    for corner, box in boxes:
        add_box(data, corner - first, box, "add")
    data /= np.float32(voxel_size**3)
    if amplitude == "unit-centre":
        data *= np.float32((math.sqrt(2 * math.pi) * sigma) ** 3)
    return Volume(data=data, voxel_size=voxel_size, origin=first[::-1] * voxel_size)


def render_density(
    packed: PackedScene,
    *,
    grid: Grid | None = None,
    voxel_size: float = 1.0,
    resolution: float = 4.0,
    convention: str = "situs",
    merge: str = "add",
    deformables: str = "smooth",
    progress: bool = False,
) -> Volume:
    """Return the density of everything in a packed scene.

    Every object has a map of its own, made as by `species_map` from its masses where they are in
    the scene, so that no map is ever turned by interpolation.

    Parameters
    ----------
    packed : PackedScene
        The scene. Molecules stand by their rigid transforms, filaments and membranes are drawn
        from where their balls ended. What reaches over the edge of a periodic box is drawn at the
        opposite one too.
    grid : Grid, optional
        Where to draw; objects that reach over its edges are cut. By default `bounding_grid`.
    voxel_size : float, optional
        Edge of a voxel, nm, where no grid is given.
    resolution : float, optional
        Resolution, nm.
    convention : {"situs", "molmap", "fwhm"}, optional
        What the resolution means; see `gaussian_sigma`.
    merge : {"add", "max"}, optional
        Where maps meet: their sum, or the larger one.
    deformables : {"smooth", "balls"}, optional
        Tubes and bilayers, or solid balls; see `shape_points`.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    Volume
        Da/nm^3; with ``merge="add"`` the integral is the mass inside the grid.

    Raises
    ------
    ValueError
        The resolution is too fine for the voxels, a model has nothing to draw, or a name is
        unknown.

    Examples
    --------
    >>> from openmm_cgpack import Periodic, as_packed, Filament, place
    >>> tubes = [(Filament(n_balls=5).build(), 2)]
    >>> packed = as_packed(place(tubes, boundary=Periodic(box=40), seed=1))
    >>> density = render_density(packed, voxel_size=2.0, resolution=4.0)
    >>> tube = packed.scene.species[0]
    >>> mass = 2 * tube.geometry.density * tube.volume
    >>> density.data.shape, abs(float(density.data.sum()) * 2.0**3 / mass - 1) < 0.001
    ((20, 20, 20), True)
    """
    if merge not in ("add", "max"):
        raise ValueError(f"merge: wanted 'add' or 'max', got {merge!r}")
    if grid is None:
        grid = bounding_grid(packed, voxel_size=voxel_size)
    sigma = gaussian_sigma(resolution, convention)
    data = np.zeros(grid.shape, np.float32)
    objects = ScenePoints(packed, sigma=sigma, deformables=deformables)
    for i in numbered(len(objects), "density", progress):
        for points in objects.images(i, grid):
            for corner, box in object_boxes(points, grid, sigma):
                add_box(data, corner, box, merge)
    data /= np.float32(grid.voxel_size**3)
    return Volume(data=data, voxel_size=grid.voxel_size, origin=grid.origin)


class ScenePoints:
    """The points of every instance of a packed scene, made when they are asked for.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    sigma : float
        Standard deviation along one axis of the Gaussian that will blur them, nm: the points lie
        as close as that needs.
    deformables : {"smooth", "balls"}, optional
        How to draw models that have a geometry and no structure.
    """

    def __init__(self, packed: PackedScene, *, sigma: float, deformables: str = "smooth"):
        self.packed = packed
        self.sigma = sigma
        self.deformables = deformables
        self.transforms = extract_transforms(packed).transforms
        self._bodies: dict[int, WeightedPoints] = {}

    def __len__(self) -> int:
        return self.packed.scene.n_instances

    def __getitem__(self, instance: int) -> WeightedPoints:
        """Return the points of an instance (counted from 0) in the scene's frame."""
        scene = self.packed.scene
        s = int(scene.species_index[instance])
        model = scene.species[s]
        if model.structure is None:
            balls = self.packed.positions[scene.balls(instance)]
            return model_points(model, balls, sigma=self.sigma, deformables=self.deformables)
        if s not in self._bodies:
            self._bodies[s] = model_points(model, model.positions, sigma=self.sigma)
        body = self._bodies[s]
        turn, shift = self.transforms.rotations[instance], self.transforms.translations[instance]
        moved = body.positions @ turn.T + shift
        return WeightedPoints(positions=moved, masses=body.masses, variance=body.variance)

    def images(self, instance: int, grid: Grid) -> Iterator[WeightedPoints]:
        """Yield an instance's points, and those of its images, as far as their maps meet a grid.

        Parameters
        ----------
        instance : int
            Number of the instance, from 0.
        grid : Grid
            The grid.

        Yields
        ------
        WeightedPoints
            In the scene's frame; of an open scene once, whether it meets the grid or not.
        """
        points = self[instance]
        boundary = self.packed.boundary
        if isinstance(boundary, Open):
            yield points
            return
        reach = CUT * self.sigma + grid.voxel_size
        low = points.positions.min(axis=0) - reach
        high = points.positions.max(axis=0) + reach
        first = grid.origin - grid.voxel_size / 2
        last = first + grid.size
        box = np.array(boundary.box)
        # Whole boxes by which the points may be moved and still reach the grid.
        least = np.where(boundary.periodic, np.ceil((first - high) / box), 0).astype(int)
        most = np.where(boundary.periodic, np.floor((last - low) / box), 0).astype(int)
        ranges = [range(a, b + 1) for a, b in zip(least, most, strict=True)]
        for shift in product(*ranges):
            moved = points.positions + np.array(shift) * box
            yield WeightedPoints(positions=moved, masses=points.masses, variance=points.variance)


def model_points(
    model: BallModel, centres: np.ndarray, *, sigma: float, deformables: str = "smooth"
) -> WeightedPoints:
    """Return what a model's map is made of: its structure in the body frame, or its drawn shape.

    Parameters
    ----------
    model : BallModel
        The model.
    centres : (b, 3) array
        Where its balls are, nm; of no matter where it has a structure.
    sigma : float
        Standard deviation along one axis of the Gaussian that will blur the points, nm.
    deformables : {"smooth", "balls"}, optional
        How to draw a model that has a geometry and no structure.

    Returns
    -------
    WeightedPoints
    """
    if model.structure is not None:
        return structure_points(model.structure, spacing=ATOM_SPACING * sigma)
    return shape_points(model, centres, spacing=SHAPE_SPACING * sigma, deformables=deformables)


def object_boxes(
    points: WeightedPoints, grid: Grid, sigma: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield one object's map on a grid as boxes of mass per voxel; see `blurred_boxes`."""
    return blurred_boxes(
        grid.to_voxels(points.positions),
        points.masses,
        sigma=sigma,
        voxel_size=grid.voxel_size,
        point_variance=points.variance,
        shape=grid.shape,
    )


def add_box(data: np.ndarray, corner: np.ndarray, box: np.ndarray, merge: str) -> None:
    """Merge a box into a volume, in place; what is outside is cut."""
    meet = overlap(corner, box.shape, data.shape)
    if meet is None:
        return
    there, here = meet
    if merge == "add":
        data[there] += box[here]
    else:
        np.maximum(data[there], box[here], out=data[there])


def numbered(total: int, title: str, progress: bool) -> Iterable[int]:
    """Return 0 ... total - 1, behind a progress bar where one is wanted."""
    if not progress:
        return range(total)
    from tqdm.auto import tqdm

    return tqdm(range(total), desc=title, unit="object")
