"""Instance and semantic masks."""

from __future__ import annotations

import numpy as np

from ..core.arrays import noun
from ..core.model import BallModel
from ..core.progress import tracked
from ..core.scene import PackedScene, check_packed
from ..core.settings import checked_settings
from ..core.volume import Grid, LabelVolume, gaussian_sigma
from .maps import MapSettings, image_boxes
from .painters import WeightedPoints
from .points import ScenePoints, model_parts
from .splatting import blurred_boxes

SHARPEST = 2.5
"""Default resolution of masks in voxels."""

ATOMIC = 1.5
"""Finest default resolution of masks, nm: finer ones show holes between side chains."""

OFFSETS = np.arange(1, 17)[:, None] * [0.8191725134, 0.6710436067, 0.5497004779] % 1
"""Offsets of lattices, in voxels, that fill a voxel evenly: powers of the root of x^4 = x + 1."""

ASKEW = np.array([[6.0, -2, 3], [3, 6, -2], [-2, 3, 6]]) / 7
"""A rotation that takes no axis near another."""

_SETTINGS = MapSettings()

FAR = 2**20
"""More voxels than a model has along an axis."""

ENOUGH = 20_000
"""Voxels of mask, over all lattices, that a threshold is taken from where a species is large."""


@noun
class Labels:
    """Which voxel belongs to what.

    Parameters
    ----------
    instances : LabelVolume
        Number of the instance, from 1; 0 is background.
    semantic : LabelVolume
        Number of the species, from 1, with the species' names; 0 is background.
    """

    instances: LabelVolume
    semantic: LabelVolume


def render_labels(
    packed: PackedScene,
    settings: MapSettings = _SETTINGS,
    *,
    grid: Grid | None = None,
    progress: bool = True,
) -> Labels:
    """Return the masks of everything in a packed scene.

    Every object has a map of its own, sharper than the density's; its mask is where that map is
    above the value at which a mask of its species at rest has the species' volume: the molecular
    envelope's, or the volume of the tube or bilayer that is drawn. A voxel that several objects
    claim goes to the one whose map is highest there relative to its own threshold, on a tie to
    the lower number. An object that would lose all of its voxels to others keeps its best one.
    Labels are uint16, or uint32 where there are more than 65535 instances.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    settings : MapSettings, optional
        Those of the density map that the masks go with; its resolution does not blur them.
    grid : Grid, optional
        Where to draw, in place of the settings' grid.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Examples
    --------
    The mask of a tube has the tube's volume:

    >>> from openmm_cgpack import Filament, Periodic, as_packed, place
    >>> tube = Filament(n_balls=5, radius=3.0).build()
    >>> packed = as_packed(place([(tube, 1)], boundary=Periodic(box=40), seed=1))
    >>> labels = render_labels(packed)
    >>> labels.semantic.names, abs(int((labels.instances.data == 1).sum()) / tube.volume - 1) < 0.05
    (('filament',), True)
    """
    check_packed(packed)
    checked_settings("settings", settings, MapSettings)
    grid = grid or settings.grid(packed)
    deformables = settings.deformables
    resolution = settings.label_resolution or max(SHARPEST * grid.voxel_size, ATOMIC)
    sigma = gaussian_sigma(resolution)
    scene = packed.scene
    thresholds = [
        mask_threshold(m, voxel_size=grid.voxel_size, sigma=sigma, deformables=deformables)
        for m in scene.species
    ]
    dtype = np.uint16 if scene.n_instances <= np.iinfo(np.uint16).max else np.uint32
    instances = np.zeros(grid.shape, dtype)
    best = np.zeros(grid.shape, np.float32)
    objects = ScenePoints(packed, sigma=sigma, deformables=deformables, filled=True)
    inside = objects.centred_in(grid)
    for i in tracked(objects.near(grid), "labels", show=progress):
        for image in objects.images(i, grid):
            for there, box in image_boxes(image, grid, sigma):
                height = box / np.float32(thresholds[scene.species_index[i]])
                claimed = height >= 1
                inside[i] |= bool(claimed.any())
                mine = claimed & (height > best[there])
                instances[there][mine] = i + 1
                best[there][mine] = height[mine]
    _give_back(instances, inside, objects, grid, sigma)
    semantic = _semantic(scene.species_index, instances)
    names = tuple(model.name for model in scene.species)
    size, origin = grid.voxel_size, grid.origin
    return Labels(
        instances=LabelVolume(data=instances, voxel_size=size, origin=origin),
        semantic=LabelVolume(data=semantic, voxel_size=size, origin=origin, names=names),
    )


def mask_threshold(
    model: BallModel, *, voxel_size: float, sigma: float, deformables: str = "smooth"
) -> float:
    """Return the mass per voxel, Da, above which a map's mask has its species' volume.

    It is the volume's mean over lattices of different offsets; `sigma` is that of the maps'
    Gaussian along one axis, nm.
    """
    parts = list(
        model_parts(model, model.positions, sigma=sigma, deformables=deformables, filled=True)
    )
    if model.geometry is None or model.structure is not None:
        volume = model.volume
    else:
        volume = sum(points.masses.sum() for points in parts) / model.geometry.density
    voxels = volume / voxel_size**3
    offsets = OFFSETS[: int(np.clip(np.ceil(ENOUGH / voxels), 1, len(OFFSETS)))]
    flat = np.concatenate(
        [_voxel_masses(parts, offset, voxel_size=voxel_size, sigma=sigma) for offset in offsets]
    )
    wanted = int(np.clip(round(len(offsets) * voxels), 1, len(flat)))
    return float(np.partition(flat, len(flat) - wanted)[len(flat) - wanted])


def _voxel_masses(
    parts: list[WeightedPoints], offset: np.ndarray, *, voxel_size: float, sigma: float
) -> np.ndarray:
    """Return the mass in each voxel that has any on a lattice, in no order."""
    places, masses = [], []
    for points in parts:
        boxes = blurred_boxes(
            # Askew, so that a flat sheet cuts the lattice everywhere and not in a few layers.
            points.positions @ ASKEW.T / voxel_size + offset,
            points.masses,
            sigma=sigma,
            voxel_size=voxel_size,
            point_variance=points.variance,
        )
        for corner, box in boxes:
            held = np.nonzero(box > 0)
            masses.append(box[held])
            if len(parts) > 1:
                z, y, x = (place + low for place, low in zip(held, corner, strict=True))
                places.append((z * FAR + y) * FAR + x)
    if len(parts) == 1:
        return np.concatenate(masses)
    # Where parts meet they share voxels.
    _, number = np.unique(np.concatenate(places), return_inverse=True)
    return np.bincount(number, np.concatenate(masses)).astype(np.float32)


def _semantic(species_index: np.ndarray, instances: np.ndarray) -> np.ndarray:
    table = np.concatenate([[0], species_index + 1])
    return table.astype(np.uint16 if table.max() < 65536 else np.uint32)[instances]


def _give_back(
    instances: np.ndarray, inside: np.ndarray, objects: ScenePoints, grid: Grid, sigma: float
) -> None:
    """Give objects that are inside and own nothing their best voxel that is not another's last."""
    owned = np.bincount(instances.ravel(), minlength=len(inside) + 1)
    for i in np.flatnonzero(inside & (owned[1:] == 0)).tolist():
        heights, voxels = [], []
        for image in objects.images(i, grid):
            for there, box in image_boxes(image, grid, sigma):
                index = np.indices(box.shape).reshape(3, -1).T + [s.start for s in there]
                heights.append(box.ravel())
                voxels.append(index)
        order = np.argsort(-np.concatenate(heights), kind="stable")
        for voxel in np.concatenate(voxels)[order]:
            owner = instances[tuple(voxel)]
            if owner == 0 or owned[owner] > 1:
                owned[owner] -= 1
                owned[i + 1] += 1
                instances[tuple(voxel)] = i + 1
                break
