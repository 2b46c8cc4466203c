"""Density maps of molecules and of packed scenes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

import numpy as np

from ..core.progress import tracked
from ..core.scene import PackedScene, check_packed
from ..core.settings import Settings, checked_settings, setting
from ..core.structure import AtomicStructure
from ..core.volume import CONVENTIONS, Grid, Volume, gaussian_sigma
from .grids import EXACT, bounding_grid, box_grid, scene_grid
from .painters import WeightedPoints
from .points import ScenePoints, molecule_points
from .splatting import COARSEST, blurred_boxes, lattice_factor


class Sampling(Settings):
    """How finely a map shows what is there.

    Examples
    --------
    >>> Sampling(voxel_size=3.0, resolution=4.0)
    Traceback (most recent call last):
    ...
    ValueError: resolution: wanted a Gaussian with sigma >= 1.5 nm for voxels of 3 nm, ...
    """

    voxel_size: float = setting(
        "edge of a voxel; of a scene in a box that repeats a little more or less, to fill the box",
        default=1.0,
        unit="nm",
        above=0,
        usual=(0.05, 4),
    )
    resolution: float = setting(
        "resolution of the map", default=4.0, unit="nm", above=0, usual=(0.2, 15)
    )
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
    deformables: Literal["smooth", "even", "balls"] = setting(
        "filaments and membranes as smooth tube and bilayer of two leaflets; the same with a "
        "sheet even across its thickness in place of the leaflets; or as solid balls",
        default="smooth",
    )
    label_resolution: float | None = setting(
        "resolution (situs) of the maps that become masks; left out, 2.5 voxels, and 1.5 nm at "
        "least: finer ones show holes between side chains",
        default=None,
        unit="nm",
        above=0,
        usual=(0.2, 15),
    )
    box: float | tuple[float, float, float] | None = setting(
        "edge or edges of the box of voxels around the scene's centre; left out, the box of the "
        "scene, and the bounding box of everything where it has none",
        default=None,
        unit="nm",
        above=0,
        usual=(5, 3000),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.label_resolution is not None:
            sigma = gaussian_sigma(self.label_resolution)
            lattice_factor(sigma, self.voxel_size, name="label_resolution")

    def grid(self, packed: PackedScene) -> Grid:
        """Return where a scene is drawn: the box of voxels, or else `bounding_grid`.

        In a box that repeats, voxels may be a little larger or smaller: see `scene_grid`.
        """
        if packed.boundary.bounded:
            sharpest = min(self.sigma, gaussian_sigma(self.label_resolution or self.resolution))
            return scene_grid(
                packed.boundary,
                voxel_size=self.voxel_size,
                size=self.box,
                largest=sharpest / COARSEST,
            )
        if self.box is None:
            return bounding_grid(packed, voxel_size=self.voxel_size)
        return box_grid(self.box, voxel_size=self.voxel_size)


_SAMPLING = Sampling()
_SETTINGS = MapSettings()

COUNTED = 1.0
"""The Gaussian's sigma for whose points masses are added up, at least, nm."""

LOST = 0.01
"""Part of a scene's mass that a map may lack in silence: blur takes some over the edges."""


def species_map(
    structure: AtomicStructure,
    sampling: Sampling = _SAMPLING,
    *,
    amplitude: Literal["mass", "unit-centre"] = "mass",
) -> Volume:
    """Return the density map of a molecule in its body frame, large enough to hold all of it.

    Masses are projected trilinearly on a lattice whose corner is a multiple of the voxel size,
    and blurred by a Gaussian from whose variance that of the projection is taken off, as Situs'
    pdb2vol does. The Gaussian is the product of three, cut at 4 sigma along each axis and summing
    to one; Situs cuts a sphere at 3 sigma, which loses 3 % of it.

    Parameters
    ----------
    structure : AtomicStructure
        The molecule.
    sampling : Sampling, optional
        Voxel size, resolution, and what the resolution means.
    amplitude : {"mass", "unit-centre"}, optional
        ``"mass"``: Da/nm^3, the integral is the molecule's mass. ``"unit-centre"``: the Gaussian
        of an atom is its mass (in Da) at its centre, as pdb2vol has it.

    Examples
    --------
    The integral of a map is the molecule's mass:

    >>> molecule = AtomicStructure(
    ...     name="pair", positions=[[0, 0, -1], [0, 0, 1]], masses=[3000, 3000]
    ... )
    >>> volume = species_map(molecule, Sampling(voxel_size=1.0, resolution=4.0))
    >>> round(float(volume.data.sum(dtype=float)) * volume.voxel_size**3)
    6000
    """
    sigma, voxel_size = sampling.sigma, sampling.voxel_size
    if amplitude not in ("mass", "unit-centre"):
        raise ValueError(f"amplitude: wanted 'mass' or 'unit-centre', got {amplitude!r}")
    points = molecule_points(structure, sigma=sigma)
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
        low = corner - first
        data[tuple(map(slice, low, low + box.shape))] += box
    data /= np.float32(voxel_size**3)
    if amplitude == "unit-centre":
        data *= np.float32((math.sqrt(2 * math.pi) * sigma) ** 3)
    return Volume(data=data, voxel_size=voxel_size, origin=first[::-1] * voxel_size)


def render_density(
    packed: PackedScene,
    settings: MapSettings = _SETTINGS,
    *,
    grid: Grid | None = None,
    progress: bool = True,
) -> Volume:
    """Return the density of everything in a packed scene.

    Every object has a map of its own, made as by `species_map` from its masses where they are in
    the scene, so that no map is ever turned by interpolation.

    Parameters
    ----------
    packed : PackedScene
        The scene. Molecules stand by their rigid transforms, filaments and membranes are drawn
        from where their balls ended. What reaches over the edge of a periodic box is drawn at the
        opposite one too, and voxels may be a little larger or smaller to fill that box; that, and
        more than a little mass outside the map, is a warning: see `map_notes`.
    settings : MapSettings, optional
        What the map is like.
    grid : Grid, optional
        Where to draw, in place of the settings' grid; what reaches over its edges is cut.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    Volume
        Da/nm^3; where maps are added, the integral is the mass inside the grid.

    Raises
    ------
    ValueError
        The resolution is too fine for the grid's voxels, or a model has nothing to draw.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Periodic, as_packed, place
    >>> tubes = [(Filament(n_balls=5).build(), 2)]
    >>> packed = as_packed(place(tubes, boundary=Periodic(box=40), seed=1))
    >>> density = render_density(packed, MapSettings(voxel_size=2.0, resolution=4.0))
    >>> tube = packed.scene.species[0]
    >>> mass = 2 * tube.geometry.density * tube.volume
    >>> density.data.shape, abs(float(density.data.sum()) * 2.0**3 / mass - 1) < 0.001
    ((20, 20, 20), True)
    """
    check_packed(packed)
    checked_settings("settings", settings, MapSettings)
    asked, grid = grid, grid or settings.grid(packed)
    data = np.zeros(grid.shape, np.float32)
    objects = ScenePoints(packed, sigma=settings.sigma, deformables=settings.deformables)
    for i in tracked(objects.near(grid), "density", show=progress):
        for image in objects.images(i, grid):
            for there, box in image_boxes(image, grid, settings.sigma):
                if settings.merge == "add":
                    data[there] += box
                else:
                    np.maximum(data[there], box, out=data[there])
    data /= np.float32(grid.voxel_size**3)
    density = Volume(
        data=data,
        voxel_size=grid.voxel_size,
        origin=grid.origin,
        periodic=grid.tiles(packed.boundary),
    )
    if asked is None:
        for note in map_notes(packed, density, settings):
            warnings.warn(note, stacklevel=2)
    return density


def image_boxes(
    image: Iterable[WeightedPoints], grid: Grid, sigma: float
) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    """Yield a map inside a grid as boxes: where, and the mass in each voxel.

    It is the sum of the maps of all points of the `image`, those of `ScenePoints.images`.
    """
    parts = iter(image)
    first, second = next(parts, None), next(parts, None)
    if first is None:
        return
    if second is None:
        yield from _boxes(first, grid, sigma)
        return
    whole = np.zeros(grid.shape, np.float32)
    low, high = np.array(grid.shape), np.zeros(3, int)
    for points in chain((first, second), parts):
        for there, box in _boxes(points, grid, sigma):
            whole[there] += box
            low = np.minimum(low, [s.start for s in there])
            high = np.maximum(high, [s.stop for s in there])
    if (low < high).all():
        drawn = tuple(map(slice, low, high))
        yield drawn, whole[drawn]


def _boxes(
    points: WeightedPoints, grid: Grid, sigma: float
) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    if not len(points.masses):
        return
    boxes = blurred_boxes(
        grid.to_voxels(points.positions),
        points.masses,
        sigma=sigma,
        voxel_size=grid.voxel_size,
        point_variance=points.variance,
        shape=grid.shape,
    )
    for corner, box in boxes:
        low, high = np.maximum(corner, 0), np.minimum(corner + box.shape, grid.shape)
        if (low < high).all():
            yield tuple(map(slice, low, high)), box[tuple(map(slice, low - corner, high - corner))]


def scene_mass(packed: PackedScene, settings: MapSettings = _SETTINGS) -> float:
    """Return the mass of all that is drawn of a scene, as it stands, each thing once: Da.

    Lipid in whose place there are proteins does not count.
    """
    # How finely a shape is drawn is of no matter to its mass.
    sigma = max(settings.sigma, COUNTED)
    objects = ScenePoints(packed, sigma=sigma, deformables=settings.deformables)
    return float(sum(objects.mass(i) for i in range(len(objects))))


def map_notes(
    packed: PackedScene, density: Volume, settings: MapSettings = _SETTINGS
) -> tuple[str, ...]:
    """Return what is not in a map as it was asked for: its voxels, its box, its mass.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Periodic, as_packed, place
    >>> tubes = [(Filament(n_balls=5).build(), 2)]
    >>> packed = as_packed(place(tubes, boundary=Periodic(box=40), seed=1))
    >>> settings = MapSettings(voxel_size=1.9)
    >>> density = render_density(packed, grid=settings.grid(packed))
    >>> print(*map_notes(packed, density, settings))
    voxel_size: 1.9048 nm in place of 1.9, so that voxels fill the box that repeats
    """
    grid, boundary, notes = density.grid, packed.boundary, []
    drawn = " x ".join(f"{edge:.5g}" for edge in grid.size)
    off = np.where(grid.tiles(boundary), np.abs(grid.size - boundary.repeat), 0.0)
    if (off > EXACT * grid.size).any():
        edges = " x ".join(f"{edge:.5g}" for edge in boundary.box)
        notes.append(
            f"voxel_size: no cubes near {settings.voxel_size:.5g} nm fill the box of {edges} nm, "
            f"which is drawn as {drawn} nm with voxels of {grid.voxel_size:.5g} nm; what meets "
            f"across its faces is up to {off.max():.2g} nm off"
        )
    elif abs(grid.voxel_size / settings.voxel_size - 1) > EXACT:
        notes.append(
            f"voxel_size: {grid.voxel_size:.5g} nm in place of {settings.voxel_size:.5g}, so that "
            "voxels fill the box that repeats"
        )
    for model in packed.scene.species:
        blur = 0.0 if model.structure is None else model.structure.blur
        if blur > settings.sigma * (1 + EXACT):
            own = blur / CONVENTIONS[settings.convention]
            notes.append(
                f"resolution: {settings.resolution:.4g} nm; {model.name}, which is from a map, is "
                f"drawn at the {own:.4g} nm that the map has"
            )
    if settings.box is not None and not np.allclose(grid.size, settings.box, rtol=EXACT):
        notes.append(f"box: {drawn} nm, an even number of voxels along each edge")
    mass, whole = density.data.sum(dtype=float) * grid.voxel_size**3, scene_mass(packed, settings)
    asked = settings.box is not None and mass < whole
    if abs(mass / whole - 1) > LOST and not asked:
        why = 'of maps that meet the larger one counts, by merge = "max"'
        if settings.merge == "add":
            more = "parts are drawn more than once: the map is larger than the box that repeats"
            why = "the rest is beyond its edges" if mass < whole else more
        notes.append(
            f"the map holds {mass / whole:.1%} of the scene's mass, {mass / 1e6:.4g} of "
            f"{whole / 1e6:.4g} MDa; {why}"
        )
    return tuple(notes)
