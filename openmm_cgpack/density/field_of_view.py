"""Every instance of a packed scene as it stands in a volume: its particle, and how much is seen."""

from __future__ import annotations

from itertools import chain

import numpy as np

from ..core.arrays import freeze, noun
from ..core.geometry import Line
from ..core.particles import MonomerTable, ParticleTable
from ..core.progress import tracked
from ..core.scene import PackedScene, check_packed
from ..core.volume import Grid, gaussian_sigma
from ..poses import extract_transforms
from .grids import period
from .maps import MapSettings
from .painters import WeightedPoints, painter_of
from .points import ScenePoints

_SETTINGS = MapSettings()


def particle_table(packed: PackedScene, *, grid: Grid) -> ParticleTable:
    """Return every instance of a packed scene, in the frame of the files.

    Parameters
    ----------
    packed : PackedScene
        The scene; its instances outside the grid are in the table too.
    grid : Grid
        That of the volume that the table goes with: its first voxel's centre becomes 0.

    Returns
    -------
    ParticleTable
        The centre of a molecule is its body's origin, that of a filament or membrane the mean of
        its balls; the sphere of the radius around it holds every atom, or the tube, or the sheet.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Periodic, as_packed, place
    >>> from openmm_cgpack.density import bounding_grid
    >>> tubes = [(Filament(n_balls=5).build(), 2)]
    >>> packed = as_packed(place(tubes, boundary=Periodic(box=40), seed=1))
    >>> table = particle_table(packed, grid=bounding_grid(packed))
    >>> middle = packed.positions[packed.scene.balls(0)].mean(axis=0)
    >>> table.species.tolist(), bool(np.allclose(table.centre[0], middle + 20))
    (['filament', 'filament'], True)
    """
    check_packed(packed)
    scene = packed.scene
    transforms = extract_transforms(packed).transforms
    centres = np.array(transforms.translations)
    radii = np.empty(scene.n_instances)
    for i in range(scene.n_instances):
        model = scene.model(i)
        if model.body is not None:
            radii[i] = model.body.radius
            continue
        balls = packed.positions[scene.balls(i)]
        centres[i] = balls.mean(axis=0)
        geometry = model.geometry
        girth = model.radii if geometry is None else painter_of(geometry).girth(geometry)
        reach = np.linalg.norm(balls - centres[i], axis=1)
        radii[i] = (reach + girth).max()
    return ParticleTable(
        instance=np.arange(1, scene.n_instances + 1),
        species=np.array([scene.model(i).name for i in range(scene.n_instances)]),
        centre=centres - grid.origin,
        radius=radii,
        rotation=transforms.rotations,
    )


def monomer_table(packed: PackedScene, *, grid: Grid) -> MonomerTable:
    """Return every monomer of the helices of a packed scene, in the frame of the files.

    Parameters
    ----------
    packed : PackedScene
        The scene; monomers outside the grid are in the table too.
    grid : Grid
        That of the volume that the table goes with: its first voxel's centre becomes 0.

    Examples
    --------
    >>> from openmm_cgpack import Helix, Periodic, as_packed, place
    >>> from openmm_cgpack.density import bounding_grid
    >>> actin = Helix(lattice="actin", length=30.0).build()
    >>> packed = as_packed(place([(actin, 2)], boundary=Periodic(box=60), seed=1))
    >>> monomer_table(packed, grid=bounding_grid(packed))
    MonomerTable(22 monomers of 2 filaments)
    """
    scene = packed.scene
    instances, tracks, poses = [], [], []
    for i in range(scene.n_instances):
        geometry, balls = scene.model(i).geometry, packed.positions[scene.balls(i)]
        if geometry is None or scene.model(i).structure is None:
            continue
        held = geometry.monomers(balls, scene.transforms.rotations[i])
        if held is not None:
            instances.append(i)
            tracks.append(geometry.track)
            poses.append(held)
    sizes = [len(track) for track in tracks]
    numbers = [np.arange(1, size + 1) for size in sizes]
    places = np.concatenate([np.empty((0, 3)), *(held.translations for held in poses)])
    return MonomerTable(
        instance=np.repeat(np.array(instances, np.int64) + 1, sizes),
        species=np.repeat(np.array([scene.model(i).name for i in instances], np.str_), sizes),
        number=np.concatenate([np.empty(0, np.int64), *numbers]),
        track=np.concatenate([np.empty(0), *tracks]),
        centre=packed.boundary.wrap(places) - grid.origin,
        rotation=np.concatenate([np.empty((0, 3, 3)), *(held.rotations for held in poses)]),
    )


def centre_lines(packed: PackedScene, *, grid: Grid) -> dict[int, Line]:
    """Return the centre lines of filaments by the number of the instance, in the files' frame.

    Each is in one piece, from end to end, where a box repeats too; its points are about a voxel of
    the grid apart.
    """
    scene = packed.scene
    lines = {}
    for i in range(scene.n_instances):
        geometry, balls = scene.model(i).geometry, packed.positions[scene.balls(i)]
        if geometry is None:
            continue
        line = painter_of(geometry).line(geometry, balls - grid.origin, spacing=grid.voxel_size)
        if line is not None:
            lines[i + 1] = line
    return lines


@noun
class Visibility:
    """How each object stands to the field of view, which is the box of all voxels.

    Parameters
    ----------
    fraction : (n,) array
        Part of its mass that is inside; 1 of what is whole across faces of a box that repeats.
    border : (n,) array
        Distance from its centre to the nearest face of the box, nm; negative outside, by how far
        the centre is beyond the face that it is farthest beyond. An object whose bounding
        sphere's radius is smaller is whole.
    """

    fraction: np.ndarray
    border: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.fraction)
        freeze(self, fraction=(n,), border=(n,))


def visibility(
    packed: PackedScene,
    settings: MapSettings = _SETTINGS,
    *,
    grid: Grid | None = None,
    progress: bool = True,
) -> Visibility:
    """Return which part of each object is in the field of view, and how far its edge is.

    The mass of an object is that of its atoms (or of the tube or bilayer that is drawn) where
    they are, before any blur: a map loses a little more over the edge.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    settings : MapSettings, optional
        Those of the density map, for its grid and for what it draws.
    grid : Grid, optional
        In place of the settings' grid. Its box reaches half a voxel beyond the centres of the
        outermost voxels.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Examples
    --------
    Half of a tube of 20 nm is in a field of view that ends at its middle:

    >>> from openmm_cgpack import Filament, RigidTransforms, Scene, as_packed
    >>> tube = Filament(n_balls=5).build()
    >>> scene = Scene(species=(tube,), species_index=[0], transforms=RigidTransforms.identity(1))
    >>> grid = Grid(shape=(20, 20, 20), voxel_size=1.0, origin=(-10, -10, 0.5))
    >>> seen = visibility(as_packed(scene), grid=grid)
    >>> seen.fraction.round(1).tolist(), seen.border.round(1).tolist()
    ([0.5], [0.0])
    """
    grid = grid or settings.grid(packed)
    table = particle_table(packed, grid=grid)
    low, high = -grid.voxel_size / 2, grid.size - grid.voxel_size / 2
    # The image that is nearest to the middle of the field of view.
    off = table.centre - (low + high) / 2
    edges = np.where(packed.boundary.periodic, period(grid, packed.boundary), 0.0)
    off -= edges * np.rint(off / np.where(edges > 0, edges, 1.0))
    border = ((high - low) / 2 - np.abs(off)).min(axis=1)
    fraction = (border >= table.radius).astype(float)
    # Points as dense as a map of two voxels' resolution needs.
    sigma = gaussian_sigma(2 * grid.voxel_size)
    objects = ScenePoints(packed, sigma=sigma, deformables=settings.deformables, filled=True)
    cut = border < table.radius
    if not packed.boundary.periodic.any():
        cut &= border > -table.radius
    for i in tracked(np.flatnonzero(cut).tolist(), "visibility", show=progress):
        images = chain.from_iterable(objects.images(i, grid))
        held = sum(_held(points, grid) for points in images)
        fraction[i] = min(1.0, held / max(objects.mass(i), np.finfo(float).tiny))
    return Visibility(fraction=fraction, border=border)


def _held(points: WeightedPoints, grid: Grid) -> float:
    """Return how much of some points' mass is in a grid's box."""
    places = grid.to_voxels(points.positions) + 0.5
    inside = ((places >= 0) & (places < grid.shape[::-1])).all(axis=1)
    return float(points.masses[inside].sum())
