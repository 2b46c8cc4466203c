"""One picture of a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.palette import species_colours
from ..core.scene import PackedScene
from ..core.tilts import TiltSeries
from ..core.volume import LabelVolume, Volume
from .scenes import draw_history, draw_legend
from .shading import fitting_width, render_balls
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
    figure = blank_figure((_INCHES, (2 if series is None else 4) * _ROW))
    colours = species_colours(len(packed.scene.species))
    _draw_packing(figure, packed, colours)
    _draw_planes(figure, packed, density, labels, tomogram, colours)
    if series is not None:
        _draw_series(figure, series)
        _draw_sections(figure, packed, labels, tomogram, colours)
    return figure


def _panel(figure: Figure, row: int, column: int) -> Axes:
    """Return the axes of a panel; rows count from the top."""
    rows = round(figure.get_figheight() / _ROW)
    place = (_COLUMNS[column], 1 - (row + 0.976) / rows, _WIDTH, 0.9174 / rows)
    return figure.add_axes(place)


def _draw_packing(figure: Figure, packed: PackedScene, colours: np.ndarray) -> None:
    scene = packed.scene
    of_ball = colours[scene.species_index[scene.instance_of_ball]]
    for column, title, positions in (
        (0, "before packing", scene.positions),
        (1, "after packing", packed.positions),
    ):
        axes = _panel(figure, 0, column)
        width = fitting_width(positions, scene.radii)
        picture = render_balls(
            positions, scene.radii, of_ball, groups=scene.instance_of_ball, width=width
        )
        show_picture(axes, picture)
        dress_panel(axes, title, width=width, frame=False)

    inches = figure.get_figheight()

    def down(distance: float) -> float:
        """Return a height in the figure from inches below its top."""
        return 1 - distance / inches

    left = _COLUMNS[2]
    draw_legend(
        figure, packed, colours, left=left + 0.01, right=0.985, bottom=down(2.34), top=down(0.364)
    )
    height = 1.092 / inches
    upper = figure.add_axes((left + 0.055, down(3.588), 0.255, height))
    lower = figure.add_axes((left + 0.055, down(4.836), 0.255, height), sharex=upper)
    draw_history(upper, lower, packed)


def _draw_planes(
    figure: Figure,
    packed: PackedScene,
    density: Volume,
    labels: LabelVolume,
    tomogram: Volume,
    colours: np.ndarray,
) -> None:
    axes = _panel(figure, 1, 0)
    show_density(axes, density.data[density.data.shape[0] // 2])
    dress_panel(axes, "density, central xy slice", width=density.grid.size[0])
    axes = _panel(figure, 1, 1)
    show_labels(axes, label_picture(labels, packed, colours))
    dress_panel(axes, "labels, same slice", width=labels.grid.size[0])
    axes = _panel(figure, 1, 2)
    show_image(axes, tomogram.data[tomogram.data.shape[0] // 2])
    dress_panel(axes, "tomogram, same slice", width=tomogram.grid.size[0])


def _draw_series(figure: Figure, series: TiltSeries) -> None:
    size = series.images.shape[2] * series.pixel_size
    flat, steep = np.argmin(np.abs(series.angles)), np.argmax(np.abs(series.angles))
    for column, tilt in enumerate((flat, steep)):
        axes = _panel(figure, 2, column)
        show_image(axes, series.images[tilt])
        degrees, dose = np.degrees(series.angles[tilt]), series.dose_e_per_a2[tilt]
        dress_panel(axes, f"tilt {degrees:.0f}°, {dose:.2g} e/Å²", width=size)
    axes = _panel(figure, 2, 2)
    spectrum, highest = power_spectrum(series)
    show_image(axes, spectrum)
    dress_panel(axes, f"mean power of the images, to {highest:.2g}/nm", width=None)


def _draw_sections(
    figure: Figure,
    packed: PackedScene,
    labels: LabelVolume,
    tomogram: Volume,
    colours: np.ndarray,
) -> None:
    data = tomogram.data
    _, ny, nx = data.shape
    xz, yz = data[:, ny // 2], data[:, :, nx // 2]
    sections = (
        ("tomogram, xz through the middle", xz, nx),
        ("the same with the labels", xz, nx),
        ("tomogram, yz through the middle", yz, ny),
    )
    for column, (title, image, width) in enumerate(sections):
        axes = _panel(figure, 3, column)
        show_image(axes, image)
        if column == 1:
            across = LabelVolume(
                data=labels.data.transpose(1, 0, 2),
                voxel_size=labels.voxel_size,
                origin=labels.origin,
                names=labels.names,
            )
            picture = label_picture(across, packed, colours)
            alpha = np.where((picture < 1).any(axis=2), 0.55, 0.0)
            axes.imshow(
                np.dstack([picture, alpha]),
                origin="lower",
                interpolation="nearest",
                extent=(-0.5, image.shape[1] - 0.5, -0.5, image.shape[0] - 0.5),
            )
        dress_panel(axes, title, width=width * tomogram.voxel_size)


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
