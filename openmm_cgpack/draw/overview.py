"""One picture of a whole run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..core.palette import species_colours
from ..core.scene import PackedScene, Scene
from ..core.tilts import TiltSeries
from ..core.volume import Grid, LabelVolume, Volume
from .cutaway import CUT_VIEW, Drawn, balls_of, cut_open, render_molecules
from .scenes import draw_history, draw_legend
from .shading import VIEW, fitting_width, render_balls
from .style import (
    blank_figure,
    dress_panel,
    show_density,
    show_image,
    show_labels,
    show_picture,
)
from .volumes import label_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = (0.008, 0.341, 0.674)
_WIDTH = 0.318
_INCHES = 15.0
_ROW = 5.2
_SIZE = 700
"""Edge of a picture of the packing, pixels."""
_SPECTRUM = 0.25
"""Highest frequency of the power spectrum that is drawn, 1/pixel, at least."""


def plot_overview(
    packed: PackedScene,
    *,
    density: Volume,
    labels: LabelVolume,
    tomogram: Volume,
    series: TiltSeries | None = None,
) -> Figure:
    """Return one picture of a whole run: packing before and after, slices, species, history.

    Parameters
    ----------
    packed : PackedScene
        The packing.
    density : Volume
        Its density.
    labels : LabelVolume
        Instance or semantic labels. Labels with names of species have the species' colours;
        without names, label i is instance i of the scene, counted from 1.
    tomogram : Volume
        The tomogram.
    series : TiltSeries, optional
        The tilt series of which the tomogram was made. It adds two rows: images, their mean
        power spectrum with its Thon rings, and all three sections of the tomogram, which show
        the missing wedge, with the labels over one of them.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    `run` draws it into every folder; of a recipe's results in memory:

    >>> from openmm_cgpack import demo_recipe, simulate
    >>> made = simulate(demo_recipe())  # doctest: +SKIP
    >>> figure = plot_overview(  # doctest: +SKIP
    ...     made.packed,
    ...     density=made.density,
    ...     labels=made.labels.semantic,
    ...     tomogram=made.tomogram,
    ... )
    >>> figure.savefig("overview.png")  # doctest: +SKIP
    """
    rows = 2 if series is None else 4
    figure = blank_figure((_INCHES, rows * _ROW))
    colours = species_colours(len(packed.scene.species))

    def panel(
        row: int,
        column: int,
        title: str,
        show: Callable[[Axes, np.ndarray], None],
        image: np.ndarray,
        width: float | None,
    ) -> Axes:
        """Draw an image `width` nm wide; rows count from the top."""
        place = (_COLUMNS[column], 1 - (row + 0.976) / rows, _WIDTH, 0.9174 / rows)
        axes = figure.add_axes(place)
        show(axes, image)
        dress_panel(axes, title, width=width, frame=show is not show_picture)
        return axes

    for column, (title, picture, width) in enumerate(_pictures(packed, density.grid, colours)):
        panel(0, column, title, show_picture, picture, width)
    _draw_side(figure, packed, colours)

    middle = density.data[density.data.shape[0] // 2]
    panel(1, 0, "density, central xy slice", show_density, middle, density.grid.size[0])
    picture = label_picture(labels, packed, colours)
    panel(1, 1, "labels, same slice", show_labels, picture, labels.grid.size[0])
    nx, ny, _ = tomogram.grid.size
    data = tomogram.data
    xy, xz, yz = (data.take(data.shape[axis] // 2, axis) for axis in range(3))
    panel(1, 2, "tomogram, same slice", show_image, xy, nx)
    if series is None:
        return figure

    size = series.images.shape[2] * series.pixel_size
    for column, tilt in enumerate((np.abs(series.angles).argmin(), np.abs(series.angles).argmax())):
        degrees, dose = np.degrees(series.angles[tilt]), series.dose_e_per_a2[tilt]
        title = f"tilt {degrees:.0f}°, {dose:.2g} e/Å²"
        panel(2, column, title, show_image, series.images[tilt], size)
    spectrum, highest = power_spectrum(series)
    title = f"mean power of the images, to {highest:.2g}/nm"
    panel(2, 2, title, show_image, spectrum, None)

    panel(3, 0, "tomogram, xz through the middle", show_image, xz, nx)
    axes = panel(3, 1, "the same with the labels", show_image, xz, nx)
    picture = label_picture(labels, packed, colours, axis=1)
    alpha = np.where((picture < 1).any(axis=2), 0.55, 0.0)
    axes.imshow(
        np.dstack([picture, alpha]),
        origin="lower",
        interpolation="nearest",
        extent=(-0.5, xz.shape[1] - 0.5, -0.5, xz.shape[0] - 0.5),
    )
    panel(3, 2, "tomogram, yz through the middle", show_image, yz, ny)
    return figure


def _pictures(
    packed: PackedScene, grid: Grid, colours: np.ndarray
) -> Iterator[tuple[str, np.ndarray, float]]:
    """Yield title, picture and width in nm of two views of a packing.

    They are the balls before and after it; of a scene with an inside, which is as crowded at its
    start, the balls and what they stand for, cut open at the slice that is drawn below.
    """
    scene = packed.scene
    if not any(model.is_closed or model.elasticity is not None for model in scene.species):
        start = dataclasses.replace(packed, positions=scene.positions)
        yield "before packing", *_balls(balls_of(start), scene, colours, VIEW)
        yield "after packing", *_balls(balls_of(packed), scene, colours, VIEW)
        return
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


def _draw_side(figure: Figure, packed: PackedScene, colours: np.ndarray) -> None:
    """Draw the species and the history, right of the pictures of the packing."""
    inches = figure.get_figheight()

    def down(distance: float) -> float:
        return 1 - distance / inches

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
