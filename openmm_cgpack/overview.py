"""One picture of a whole run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from .core import LabelVolume, PackedScene, TiltSeries, Volume
from .core.palette import species_colours
from .io.atomic import atomic_path
from .panels import (
    blank_figure,
    draw_history,
    draw_legend,
    dress_panel,
    label_picture,
    show_image,
)
from .shading import fitting_width, render_balls

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = (0.008, 0.341, 0.674)
_WIDTH = 0.318
_INCHES = 15.0
_ROW = 5.2
_SPECTRUM = 0.25
"""Highest frequency of the power spectrum that is drawn, 1/pixel, at least."""


def plot_overview(
    path: str | os.PathLike[str],
    *,
    packed: PackedScene,
    density: Volume,
    labels: LabelVolume,
    tomogram: Volume,
    series: TiltSeries | None = None,
) -> None:
    """Write one picture of a whole run: packing before and after, slices, species, history.

    Parameters
    ----------
    path : path-like
        Where the PNG shall be; it is written beside its place and renamed. The same run gives
        the same bytes with the same version of matplotlib.
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

    Raises
    ------
    OSError
        The file cannot be written.

    Examples
    --------
    `run` draws it into every folder; of a recipe's results in memory:

    >>> from openmm_cgpack import demo_recipe, simulate
    >>> made = simulate(demo_recipe())  # doctest: +SKIP
    >>> plot_overview(  # doctest: +SKIP
    ...     "overview.png",
    ...     packed=made.packed,
    ...     density=made.density,
    ...     labels=made.labels.semantic,
    ...     tomogram=made.tomogram,
    ... )
    """
    figure = _overview(packed, density, labels, tomogram, series)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})


def _overview(
    packed: PackedScene,
    density: Volume,
    labels: LabelVolume,
    tomogram: Volume,
    series: TiltSeries | None,
) -> Figure:
    scene = packed.scene
    rows = 2 if series is None else 4
    figure = blank_figure((_INCHES, rows * _ROW))
    colours = species_colours(len(scene.species))
    of_ball = colours[scene.species_index[scene.instance_of_ball]]

    def place(row: int, column: int) -> tuple[float, float, float, float]:
        """Return where a panel stands; rows count from the top."""
        return _COLUMNS[column], 1 - (row + 0.976) / rows, _WIDTH, 0.9174 / rows

    for column, title, positions in (
        (0, "before packing", scene.positions),
        (1, "after packing", packed.positions),
    ):
        axes = figure.add_axes(place(0, column))
        width = fitting_width(positions, scene.radii)
        axes.imshow(
            render_balls(
                positions, scene.radii, of_ball, groups=scene.instance_of_ball, width=width
            ),
            interpolation="antialiased",
        )
        dress_panel(axes, title, width=width, frame=False)

    def down(inches: float) -> float:
        return 1 - inches / (rows * _ROW)

    left = _COLUMNS[2]
    draw_legend(
        figure, packed, colours, left=left + 0.01, right=0.985, bottom=down(2.34), top=down(0.364)
    )
    height = 1.092 / (rows * _ROW)
    upper = figure.add_axes((left + 0.055, down(3.588), 0.255, height))
    lower = figure.add_axes((left + 0.055, down(4.836), 0.255, height), sharex=upper)
    draw_history(upper, lower, packed)

    middle = density.data.shape[0] // 2
    white = float(np.percentile(density.data, 99.8)) or 1.0
    axes = figure.add_axes(place(1, 0))
    show_image(axes, density.data[middle], 0.0, white, colours="gray_r")
    dress_panel(axes, "density, central xy slice", width=density.grid.size[0])

    axes = figure.add_axes(place(1, 1))
    axes.imshow(label_picture(labels, packed, colours), origin="lower", interpolation="nearest")
    dress_panel(axes, "labels, same slice", width=labels.grid.size[0])

    axes = figure.add_axes(place(1, 2))
    middle = tomogram.data.shape[0] // 2
    show_image(axes, tomogram.data[middle], *_contrast(tomogram.data[middle]))
    dress_panel(axes, "tomogram, same slice", width=tomogram.grid.size[0])
    if series is None:
        return figure

    size = series.images.shape[2] * series.pixel_size
    flat, steep = np.argmin(np.abs(series.angles)), np.argmax(np.abs(series.angles))
    for column, tilt in enumerate((flat, steep)):
        axes = figure.add_axes(place(2, column))
        show_image(axes, series.images[tilt], *_contrast(series.images[tilt]))
        degrees = np.degrees(series.angles[tilt])
        dose = series.dose_e_per_a2[tilt]
        dress_panel(axes, f"tilt {degrees:.0f}°, {dose:.2g} e/Å²", width=size)
    axes = figure.add_axes(place(2, 2))
    spectrum, highest = _power_spectrum(series)
    show_image(axes, spectrum, *_contrast(spectrum))
    dress_panel(axes, f"mean power of the images, to {highest:.2g}/nm", width=None)

    data = tomogram.data
    overlay = LabelVolume(
        data=labels.data.transpose(1, 0, 2), voxel_size=1.0, origin=np.zeros(3), names=labels.names
    )
    sections = (
        ("tomogram, xz through the middle", data[:, data.shape[1] // 2], 2, None),
        ("the same with the labels", data[:, data.shape[1] // 2], 2, overlay),
        ("tomogram, yz through the middle", data[:, :, data.shape[2] // 2], 1, None),
    )
    for column, (title, image, axis, over) in enumerate(sections):
        axes = figure.add_axes(place(3, column))
        show_image(axes, image, *_contrast(image))
        if over is not None:
            picture = label_picture(over, packed, colours)
            alpha = np.where((picture < 1).any(axis=2), 0.55, 0.0)
            axes.imshow(
                np.dstack([picture, alpha]),
                origin="lower",
                interpolation="nearest",
                extent=(-0.5, image.shape[1] - 0.5, -0.5, image.shape[0] - 0.5),
            )
        dress_panel(axes, title, width=data.shape[axis] * tomogram.voxel_size)
    return figure


def _contrast(image: np.ndarray) -> tuple[float, float]:
    """Return what to draw black and white."""
    black, white = np.percentile(image, (0.5, 99.5))
    return float(black), float(white)


def _power_spectrum(series: TiltSeries) -> tuple[np.ndarray, float]:
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
