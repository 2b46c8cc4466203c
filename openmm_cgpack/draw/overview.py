"""One picture of a whole run, or of what there is of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..core.palette import INK, species_colours
from ..core.scene import PackedScene, Scene
from ..core.tilts import TiltSeries
from ..core.volume import Grid, LabelVolume, Volume
from .cutaway import CUT_VIEW, Drawn, balls_of, cut_open, render_molecules
from .scenes import draw_history, draw_legend
from .shading import VIEW, fitting_width, render_balls
from .style import (
    dress_panel,
    figure_for,
    show_density,
    show_image,
    show_labels,
    show_picture,
)
from .volumes import label_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_COLUMNS = (0.008, 0.341, 0.674)
_WIDTH = 0.318
_INCHES = 15.0
_ROW = 5.2
"""Height of a row of square panels, inches; that of flat ones is less."""
_TITLE, _PANEL, _GAP = 0.0586, 0.9174, 0.024
"""What of it is a title, the panel below it, and room below that."""
_HEAD = 0.45
"""Room for a title of the whole, inches."""
_SIZE = 700
"""Edge of a picture of the packing, pixels."""
_SPECTRUM = 0.25
"""Highest frequency of the power spectrum that is drawn, 1/pixel, at least."""


def overview_figure(
    packed: PackedScene,
    *,
    density: Volume | None = None,
    labels: LabelVolume | None = None,
    tomogram: Volume | None = None,
    series: TiltSeries | None = None,
    title: str = "",
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Return one picture of a packed scene and of what there is of it: see `plot_overview`."""
    colours = species_colours(len(packed.scene.species))
    rows = [
        _slices(packed, colours, density, labels, tomogram),
        [] if series is None else _images(series),
        [] if series is None or tomogram is None else _sections(packed, colours, labels, tomogram),
    ]
    rows = [row for row in rows if row]
    volumes = (volume for volume in (density, labels, tomogram) if volume is not None)
    grid = next((volume.grid for volume in volumes), None)
    pictures = [
        Panel(title, show_picture, picture, width)
        for title, picture, width in _pictures(packed, grid, colours)
    ]
    rows = [pictures, *rows]
    tall = [_PANEL * min(1.0, max(panel.aspect for panel in row)) for row in rows]
    head = _HEAD if title else 0.0
    inches = head + _ROW * (sum(tall) + len(rows) * (_TITLE + _GAP))
    drawn, top = figure_for(figure, (_INCHES, inches)), 1 - head / inches
    if title:
        drawn.text(0.008, 1 - head / 2 / inches, title, fontsize=14, color=INK, va="center")
    for row, height in zip(rows, tall, strict=True):
        bottom = top - _ROW * (_TITLE + height) / inches
        for column, panel in enumerate(row):
            axes = drawn.add_axes((_COLUMNS[column], bottom, _WIDTH, _ROW * height / inches))
            panel.show(axes, panel.image)
            if panel.over is not None:
                panel.over(axes)
            framed = panel.show is not show_picture
            dress_panel(axes, panel.title, width=panel.width, frame=framed)
        top = bottom - _ROW * _GAP / inches
    _draw_side(drawn, packed, colours, head=head, inches=inches)
    return drawn.figure


class Panel(NamedTuple):
    """An image of a title and a width, nm (None for no scale bar), and how it is drawn."""

    title: str
    show: Callable[[Axes, np.ndarray], None]
    image: np.ndarray
    width: float | None
    over: Callable[[Axes], None] | None = None

    @property
    def aspect(self) -> float:
        """Height of the image over its width."""
        return self.image.shape[0] / self.image.shape[1]


def _slices(
    packed: PackedScene,
    colours: np.ndarray,
    density: Volume | None,
    labels: LabelVolume | None,
    tomogram: Volume | None,
) -> list[Panel]:
    """Return the central xy slice of what there is."""
    panels = []
    if density is not None:
        middle = density.data[density.data.shape[0] // 2]
        width = density.grid.size[0]
        panels.append(Panel("density, central xy slice", show_density, middle, width))
    if labels is not None:
        picture = label_picture(labels, packed, colours)
        panels.append(Panel("labels, central xy slice", show_labels, picture, labels.grid.size[0]))
    if tomogram is not None:
        middle = tomogram.data[tomogram.data.shape[0] // 2]
        width = tomogram.grid.size[0]
        panels.append(Panel("tomogram, central xy slice", show_image, middle, width))
    return panels


def _images(series: TiltSeries) -> list[Panel]:
    """Return the flattest and the steepest image of a tilt series, and their mean power."""
    size = series.images.shape[2] * series.pixel_size
    panels = []
    for tilt in (np.abs(series.angles).argmin(), np.abs(series.angles).argmax()):
        degrees, dose = np.degrees(series.angles[tilt]), series.dose_e_per_a2[tilt]
        title = f"tilt {degrees:.0f}°, {dose:.2g} e/Å²"
        panels.append(Panel(title, show_image, series.images[tilt], size))
    spectrum, highest = power_spectrum(series)
    title = f"mean power of the images, to {highest:.2g}/nm"
    return [*panels, Panel(title, show_image, spectrum, None)]


def _sections(
    packed: PackedScene, colours: np.ndarray, labels: LabelVolume | None, tomogram: Volume
) -> list[Panel]:
    """Return the sections of a tomogram along its beam, and the labels over one of them."""
    (nx, ny, _), data = tomogram.grid.size, tomogram.data
    xz, yz = (data.take(data.shape[axis] // 2, axis) for axis in (1, 2))
    panels = [Panel("tomogram, xz through the middle", show_image, xz, nx)]
    if labels is not None:
        picture = label_picture(labels, packed, colours, axis=1)
        alpha = np.where((picture < 1).any(axis=2), 0.55, 0.0)

        def over(axes: Axes) -> None:
            axes.imshow(
                np.dstack([picture, alpha]),
                origin="lower",
                interpolation="nearest",
                extent=(-0.5, xz.shape[1] - 0.5, -0.5, xz.shape[0] - 0.5),
            )

        panels.append(Panel("the same with the labels", show_image, xz, nx, over))
    return [*panels, Panel("tomogram, yz through the middle", show_image, yz, ny)]


def _pictures(
    packed: PackedScene, grid: Grid | None, colours: np.ndarray
) -> Iterator[tuple[str, np.ndarray, float]]:
    """Yield title, picture and width in nm of two views of a packing.

    They are the balls before and after it; of a scene with an inside, which is as crowded at its
    start, the balls and what they stand for, cut open at the slice that is drawn below, or where
    there is none through their middle.
    """
    scene = packed.scene
    if not any(model.is_closed or model.elasticity is not None for model in scene.species):
        start = dataclasses.replace(packed, positions=scene.positions)
        yield "before packing", *_balls(balls_of(start), scene, colours, VIEW)
        yield "after packing", *_balls(balls_of(packed), scene, colours, VIEW)
        return
    height = float(packed.positions[:, 2].mean())
    if grid is not None:
        height = float(grid.origin[2] + grid.shape[0] // 2 * grid.voxel_size)
    left = cut_open(packed, balls_of(packed), height=height)
    yield "balls after packing, cut open", *_balls(left, scene, colours, CUT_VIEW)
    picture, width = render_molecules(packed, colours, size=_SIZE, view_deg=CUT_VIEW, cut_at=height)
    yield "what they stand for, cut open", picture, width


def _balls(
    balls: Drawn, scene: Scene, colours: np.ndarray, view_deg: tuple[float, float]
) -> tuple[np.ndarray, float]:
    """Return a picture of balls and its width, nm."""
    width = fitting_width(balls.positions, balls.radii, view_deg=view_deg)
    picture = render_balls(
        balls.positions,
        balls.radii,
        colours[scene.species_index[balls.instance]],
        groups=balls.instance,
        size=_SIZE,
        view_deg=view_deg,
        width=width,
    )
    return picture, width


def _draw_side(
    figure: Figure | SubFigure,
    packed: PackedScene,
    colours: np.ndarray,
    *,
    head: float,
    inches: float,
) -> None:
    """Draw the species and the history, right of the pictures of the packing."""

    def down(distance: float) -> float:
        return 1 - (head + distance) / inches

    left, height = _COLUMNS[2], 1.092 / inches
    draw_legend(
        figure,
        packed.scene,
        colours,
        left=left + 0.01,
        right=0.985,
        bottom=down(2.34),
        top=down(0.364),
    )
    upper = figure.add_axes((left + 0.055, down(3.588), 0.255, height))
    lower = figure.add_axes((left + 0.055, down(4.836), 0.255, height), sharex=upper)
    draw_history(upper, lower, packed)


def power_spectrum(series: TiltSeries) -> tuple[np.ndarray, float]:
    """Return the logarithm of the images' mean power, cut square, and its highest frequency."""
    from scipy import fft, ndimage

    size = min(series.images.shape[1:])
    power = np.zeros((size, size))
    for image in series.images:
        top, left = ((n - size) // 2 for n in image.shape)
        square = image[top : top + size, left : left + size]
        power += np.abs(fft.fft2(square - square.mean())) ** 2
    power = ndimage.uniform_filter(np.log(fft.fftshift(power) + 1e-12), 3)
    reach = max(int(size * _SPECTRUM), min(size // 2, round(size * series.pixel_size)))
    reach = min(reach, size // 2)
    middle = size // 2
    cut = power[middle - reach : middle + reach, middle - reach : middle + reach]
    return cut, reach / (size * series.pixel_size)
