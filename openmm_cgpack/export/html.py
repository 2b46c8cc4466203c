"""One page for any browser that shows everything."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.palette import INK, species_bytes
from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..io.files import atomic_path
from ..io.omezarr import halved
from .formats import Format
from .truth import GroundTruth

if TYPE_CHECKING:
    import k3d

MOST_VOXELS = 3_000_000
"""Volumes are halved until they have no more voxels than this: the page has to open."""


@kind("html")
class Html(Format):
    """A page that shows everything in a browser and needs no network."""

    opens = "view.html"
    package = ("k3d", "viz")

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write ``view.html``, which needs nothing else."""
        self.check(truth, tilts)
        self.show(folder, truth)

    def show(self, folder: Path, truth: GroundTruth) -> None:
        """Write ``view.html``."""
        page = scene_plot(truth).get_snapshot()
        with atomic_path(folder / self.opens) as temporary:
            temporary.write_text(page, encoding="utf-8")


def scene_plot(truth: GroundTruth) -> k3d.Plot:
    """Return a k3d plot of everything: a widget in Jupyter.

    Balls are at their true radii, one colour a species. Surfaces of each species, of half its
    mean density, filaments and membranes as lines and meshes are there too, switched off: the
    panel switches them. The central slices show the tomogram, with the species' masks over it.
    Where membranes are closed, meshes and lines are switched on in place of their balls and of
    the slices, and everything is cut open by a plane through the middle of the largest, which the
    panel moves.

    Parameters
    ----------
    truth : GroundTruth
        What is known.

    Returns
    -------
    k3d.Plot
        In nm; the first voxel's centre is at 0.
    """
    import k3d

    colours = [(r << 16) | (g << 8) | b for r, g, b in species_bytes(len(truth.species))]
    plot = k3d.plot(name=truth.name, grid_visible=False, axes=["x / nm", "y / nm", "z / nm"])
    scene = truth.scene
    species = scene.species_index[scene.instance_of_ball]
    for s, name in enumerate(truth.species):
        mine = species == s
        plot += k3d.points(
            truth.balls[mine].astype(np.float32),
            point_sizes=(2 * scene.radii[mine]).astype(np.float32),
            color=colours[s],
            shader="3d",
            name=name,
            group="balls",
            visible=truth.opened_at is None or truth.kind(name) == "molecule",
        )
    _add_slices(plot, truth, colours)
    for s, name in enumerate(truth.species):
        _add_surfaces(plot, truth, name, colours[s])
    legend = "".join(
        f'<span style="color:#{colour:06x}">&#9679;</span> {escape(name)}<br>'
        for name, colour in zip(truth.species, colours, strict=True)
    )
    plot += k3d.text2d(
        legend, position=(0.01, 0.02), color=int(INK[1:], 16), size=0.7, is_html=True, name="legend"
    )
    size = truth.grid.size
    middle = size / 2
    distance = 0.85 * np.linalg.norm(size)
    eye = middle + distance * np.array([0.45, -0.75, 0.5])
    plot.camera_auto_fit = False
    plot.colorbar_object_id = 0
    plot.camera = [*eye.tolist(), *middle.tolist(), 0, 0, 1]
    if truth.opened_at is not None:
        # What is behind that place, as seen from the camera: its y and more.
        plot.clipping_planes = [[0.0, 1.0, 0.0, -float(truth.opened_at[1])]]
    return plot


def _add_slices(plot: k3d.Plot, truth: GroundTruth, colours: list[int]) -> None:
    import k3d

    name = next((key for key in ("tomogram", "density") if key in truth.maps), None)
    if name is None:
        return
    data, factor = _reduced(truth.maps[name].data)
    mask = _strided(truth.semantic.data, factor, data.shape)
    nz, ny, _ = data.shape
    low, high = np.percentile(data, (1, 99)).tolist()
    plot += k3d.volume_slice(
        data.astype(np.float16),
        color_map=[0.0, 0.05, 0.05, 0.05, 1.0, 1.0, 1.0, 1.0],
        color_range=[low, high],
        mask=mask.astype(np.uint8),
        active_masks=np.arange(1, min(len(colours), 255) + 1, dtype=np.uint8),
        color_map_masks=colours,
        mask_opacity=0.8,
        slice_z=nz // 2,
        slice_x=-1,
        slice_y=ny // 2,
        bounds=_bounds(data.shape, factor, truth.grid.voxel_size, 0.5),
        name=name,
        group="slices",
        visible=truth.opened_at is None,
    )


def _add_surfaces(plot: k3d.Plot, truth: GroundTruth, species: str, colour: int) -> None:
    import k3d

    shown = truth.opened_at is not None
    options: dict[str, Any] = {"color": colour, "group": "surfaces", "visible": shown}
    for number in truth.particles.instance[truth.particles.species == species].tolist():
        name = f"{species} {number}"
        if number in truth.lines:
            line = truth.lines[number]
            points = line.points.astype(np.float32)
            # The width of a line that is a mesh is its radius.
            plot += k3d.line(
                points, width=line.radius, shader="mesh", radial_segments=16, name=name, **options
            )
        elif number in truth.surfaces:
            surface = truth.surfaces[number]
            vertices = surface.vertices.astype(np.float32)
            faces = surface.faces.astype(np.uint32)
            plot += k3d.mesh(vertices, faces, side="double", name=name, **options)
    density = truth.maps.get("density")
    if density is None or truth.kind(species) != "molecule":
        return
    data, factor = _reduced(density.data, MOST_VOXELS // 4)
    label = truth.species.index(species) + 1
    inside = _strided(truth.semantic.data, factor, data.shape) == label
    if inside.any():
        plot += k3d.marching_cubes(
            np.where(inside, data, 0).astype(np.float32),
            level=float(data[inside].mean() / 2),
            bounds=_bounds(data.shape, factor, truth.grid.voxel_size, 0.0),
            name=species,
            **options | {"visible": False},
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


def _bounds(shape: tuple[int, ...], factor: int, voxel_size: float, margin: float) -> list[float]:
    """Return the box between the centres of the outermost blocks, and a part of a block around."""
    block = factor * voxel_size
    first = (factor - 1) / 2 * voxel_size - margin * block
    last = first + (np.array(shape[::-1]) - 1 + 2 * margin) * block
    return [value for end in last.tolist() for value in (first, end)]
