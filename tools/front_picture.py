"""Draws the README's first picture, of a run's folder.

    cgpack demo cell -o OUT && python tools/front_picture.py OUT

The scene cut open in the middle of its height, and beside it what a microscope sees of that plane
and what is there: a slice of the tomogram, as one looks at a real one, and the labels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from openmm_cgpack import RunFolder
from openmm_cgpack.core.palette import INK, species_colours
from openmm_cgpack.draw.cutaway import render_molecules
from openmm_cgpack.draw.style import (
    blank_figure,
    drawn_name,
    dress_panel,
    save_figure,
    show_image,
    show_labels,
    show_picture,
)
from openmm_cgpack.draw.volumes import label_picture

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "cell.png"

_INCHES = (12.0, 9.0)
_DPI = 130
_LARGE = 1060
"""Edge of the picture of the scene, pixels."""
_VIEW = (-76.0, 66.0)
"""Where the scene is seen from: azimuth and elevation, degrees."""
_THICK, _BLUR = 5.0, 1.5
"""Thickness of the slice of the tomogram, and standard deviation of its Gaussian blur, nm."""
_ROWS = 3
"""Rows of the legend."""


def front_picture(run: RunFolder) -> Figure:
    """Return the picture of a run.

    Parameters
    ----------
    run : RunFolder
        Its folder, with instance labels and a tomogram.

    Returns
    -------
    matplotlib.figure.Figure
    """
    packed, labels, tomogram = run.packed(), run.labels("instances"), run.tomogram()
    colours = species_colours(len(packed.scene.species))
    middle = labels.data.shape[0] // 2
    height = float(labels.origin[2] + middle * labels.voxel_size)
    scene, width = render_molecules(packed, colours, size=_LARGE, view_deg=_VIEW, cut_at=height)
    voxel, half = tomogram.voxel_size, round(_THICK / 2 / tomogram.voxel_size)
    centre = tomogram.data.shape[0] // 2
    slab = tomogram.data[centre - half : centre + half + 1].mean(axis=0)
    across = labels.data.shape[2] * labels.voxel_size

    figure = blank_figure(_INCHES)
    panels = (
        ((0.005, 0.1, 0.68, 0.865), "the scene, cut open", show_picture, scene, width),
        (
            (0.69, 0.545, 0.305, 0.42),
            f"tomogram of the cut, {_THICK:g} nm thick",
            show_image,
            gaussian_filter(slab, _BLUR / voxel),
            across,
        ),
        (
            (0.69, 0.09, 0.305, 0.42),
            "labels of the cut",
            show_labels,
            label_picture(labels, packed, colours),
            across,
        ),
    )
    for place, title, show, image, wide in panels:
        axes = figure.add_axes(place)
        show(axes, np.asarray(image))
        dress_panel(axes, title, width=wide, frame=show is not show_picture)
    _draw_names(figure, [model.name for model in packed.scene.species], colours)
    return figure


def _draw_names(figure: Figure, names: list[str], colours: np.ndarray) -> None:
    """Write the species with their colours below the pictures."""
    columns = -(-len(names) // _ROWS)
    axes = figure.add_axes((0.01, 0.0, 0.985, 0.075))
    axes.set_axis_off()
    axes.set_xlim(0, columns)
    axes.set_ylim(_ROWS, 0)
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        x, y = number % columns, number // columns + 0.5
        axes.plot(x + 0.06, y, "o", color=colour, markersize=9, clip_on=False)
        axes.text(x + 0.16, y, drawn_name(name), va="center", fontsize=11, color=INK)


def save_small(path: Path, figure: Figure) -> None:
    """Write a figure as PNG of 256 colours, which is a third as large."""
    from PIL import Image

    save_figure(path, figure, dpi=_DPI)
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    save_small(PICTURE, front_picture(RunFolder(sys.argv[1])))
