"""A k3d plot of everything in a scene, told in a way that a page can switch every part of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.geometry import Surface
from ..core.palette import species_bytes
from ..core.transforms import RigidTransforms
from ..density import painter_of
from ..io.omezarr import halved
from .meshes import both_sides, merged, molecular_surfaces, on_lattice, tube
from .shown import Shown

if TYPE_CHECKING:
    import k3d

MOST_VOXELS = 3_000_000
"""Volumes are halved until they have no more voxels than this: the page has to open."""

MOST_TRIANGLES = 1_000_000
"""About how many triangles the surfaces of all molecules have.

What a computer without a graphics card draws in seconds, and any other as one turns it: see
``docs/tables/view.md``.
"""

LAYERS = ("surfaces", "filaments", "membranes", "balls", "slices", "labels")
"""What is switched together, in the order of the panel."""

_AT_FIRST = ("surfaces", "filaments", "membranes")
"""Layers that are on where the page opens."""

_FIELD = 30.0
"""Angle of the picture, degrees: narrow, so that what is near is hardly larger than the rest."""

_BACKGROUND, _FRAME = 0xFCFCFB, 0xB4B8BC


def scene_plot(shown: Shown) -> k3d.Plot:
    """Return a k3d plot of everything, as the page holds it, nm.

    Every object's ``custom_data`` says in which layer and of which species it is, so that the page
    can switch it; a mesh that stands in several places is there once, with the poses of its
    copies, and the page makes the others. The plot's own holds what the panel shows.
    """
    import k3d

    size = shown.grid.size
    plot = k3d.plot(
        name=shown.name,
        background_color=_BACKGROUND,
        grid_visible=False,
        menu_visibility=False,
        camera_auto_fit=False,
        # The page draws when all is as it wants it.
        render_on_change=False,
        logarithmic_depth_buffer=False,
        camera=_camera(size),
        camera_fov=_FIELD,
        lighting=1.8,
        colorbar_object_id=0,
    )
    objects = [*_balls(shown), *_surfaces(shown), *_slices(shown), _box(size)]
    for number, item in enumerate(objects, start=1):
        item.id = number
        plot += item
    held = {(item.custom_data or {}).get("layer") for item in objects}
    if shown.labels is not None and "slices" in held:
        held.add("labels")
    counts = np.bincount(shown.scene.species_index, minlength=len(shown.species)).tolist()
    opened = shown.opened_at
    plot.custom_data = {
        "title": shown.name,
        "size": size.tolist(),
        "layers": [{"name": name, "on": name in _AT_FIRST} for name in LAYERS if name in held],
        "species": [
            {"name": name, "count": count, "colour": f"#{colour:06x}"}
            for name, count, colour in zip(shown.species, counts, _colours(shown), strict=True)
        ],
        "cut": None if opened is None else float(opened[1]),
    }
    return plot


def _camera(size: np.ndarray) -> list[float]:
    """Return eye, middle and the way up, from a little above and before the box."""
    middle = size / 2
    way = np.array([0.37, -0.82, 0.44])
    # So far away that the sphere around the box fits into the picture.
    far = 0.5 * np.linalg.norm(size) / np.sin(np.radians(_FIELD) / 2)
    eye = middle + far * way / np.linalg.norm(way)
    return [*eye.tolist(), *middle.tolist(), 0.0, 0.0, 1.0]


def _colours(shown: Shown) -> list[int]:
    return [(r << 16) | (g << 8) | b for r, g, b in species_bytes(len(shown.species))]


def _box(size: np.ndarray) -> k3d.Drawable:
    import k3d

    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, -1).T * size
    # Corners that differ along one axis alone.
    edges = [(i, i | bit) for bit in (1, 2, 4) for i in range(8) if not i & bit]
    return k3d.lines(
        corners.astype(np.float32),
        np.array(edges, np.uint32),
        indices_type="segment",
        color=_FRAME,
        shader="simple",
        name="box",
    )


def _balls(shown: Shown) -> Iterator[k3d.Drawable]:
    """Yield the balls of every species, at their true radii."""
    import k3d

    scene = shown.scene
    species = scene.species_index[scene.instance_of_ball]
    for s, (name, colour) in enumerate(zip(shown.species, _colours(shown), strict=True)):
        mine = species == s
        yield k3d.points(
            on_lattice(shown.balls[mine]),
            point_sizes=(2 * scene.radii[mine]).astype(np.float32),
            color=colour,
            shader="3d",
            name=name,
            group="balls",
            custom_data={"layer": "balls", "species": name},
            visible=False,
        )


def _surfaces(shown: Shown) -> Iterator[k3d.Drawable]:
    """Yield a mesh of every species: of molecules and monomers by their atoms, tubes, sheets."""
    scene = shown.scene
    copies = [shown.copies(s) for s in range(len(scene.species))]
    meshes = molecular_surfaces(scene.species, [len(c) for c in copies], most=MOST_TRIANGLES)
    for s, (model, molecule) in enumerate(zip(scene.species, meshes, strict=True)):
        numbers = shown.numbers(s)
        lines = [shown.lines[i] for i in numbers if i in shown.lines]
        sheets = [shown.surfaces[i] for i in numbers if i in shown.surfaces]
        told: dict[str, Any] = {"species": model.name, "colour": _colours(shown)[s]}
        if molecule is not None:
            layer = "filaments" if lines else "surfaces"
            yield _mesh(molecule, **told, layer=layer, poses=copies[s])
        elif lines:
            yield _mesh(merged([tube(line) for line in lines]), **told, layer="filaments")
        if sheets and model.geometry is not None:
            half = painter_of(model.geometry).girth(model.geometry)
            whole = merged([both_sides(sheet, half) for sheet in sheets])
            yield _mesh(whole, **told, layer="membranes")


def _mesh(
    mesh: Surface, *, species: str, colour: int, layer: str, poses: RigidTransforms | None = None
) -> k3d.Drawable:
    import k3d

    told: dict[str, Any] = {"layer": layer, "species": species}
    if poses is not None:
        rows = np.concatenate([poses.rotations.reshape(-1, 9), poses.translations], axis=1)
        told["poses"] = b64encode(rows.astype("<f4").tobytes()).decode("ascii")
    return k3d.mesh(
        on_lattice(mesh.vertices),
        mesh.faces.astype(np.uint32),
        color=colour,
        flat_shading=False,
        side="double",
        roughness=0.75,
        name=species,
        group=layer,
        custom_data=told,
        visible=False,
    )


def _slices(shown: Shown) -> Iterator[k3d.Drawable]:
    """Yield the central slices of a volume, with the species' labels to switch on over them."""
    import k3d

    if shown.image is None and shown.labels is None:
        return
    full = np.ones(shown.grid.shape, np.float32) if shown.image is None else shown.image.data
    data, factor = _reduced(full)
    nz, ny, nx = data.shape
    black, white = np.percentile(data, (1, 99)).tolist()
    grey = (data - black) / (white - black) if white > black else np.ones(data.shape)
    labels = np.zeros(shown.grid.shape, np.uint8) if shown.labels is None else shown.labels
    numbers = _strided(labels, factor, data.shape)
    # The page makes colours of them.
    voxels = np.zeros((*data.shape, 4), np.uint8)
    voxels[..., 0] = np.rint(255 * np.clip(grey, 0, 1))
    voxels[..., 3] = np.where(numbers < 256, numbers, 0)
    yield k3d.volume_slice(
        voxels,
        slice_z=nz // 2,
        slice_y=ny // 2,
        slice_x=nx // 2,
        bounds=_bounds(data.shape, factor, shown.grid.voxel_size),
        name="slices",
        group="slices",
        custom_data={"layer": "slices", "block": factor * shown.grid.voxel_size},
        visible=False,
    )


def _reduced(data: np.ndarray, most: int = MOST_VOXELS) -> tuple[np.ndarray, int]:
    """Return a volume that is small enough, and how many voxels became one along each axis."""
    factor = 1
    while data.size > most:
        data, factor = halved(data), 2 * factor
    return data, factor


def _strided(labels: np.ndarray, factor: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the labels near the middles of blocks."""
    index = [
        np.minimum(np.arange(n) * factor + factor // 2, full - 1)
        for n, full in zip(shape, labels.shape, strict=True)
    ]
    return labels[np.ix_(*index)]


def _bounds(shape: tuple[int, ...], factor: int, voxel_size: float) -> list[float]:
    """Return the box of all blocks: half a block beyond the centres of the outermost."""
    first = (factor - 1) / 2 * voxel_size - factor * voxel_size / 2
    last = first + np.array(shape[::-1]) * factor * voxel_size
    return [value for end in last.tolist() for value in (first, end)]
