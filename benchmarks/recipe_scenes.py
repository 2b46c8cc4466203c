"""Scenes of the recipes that come along: small ones to test with, and pictures of large ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from openmm_cgpack import RunFolder
from openmm_cgpack.core.palette import species_colours
from openmm_cgpack.draw.cutaway import render_molecules
from openmm_cgpack.draw.overview import CUT_VIEW
from openmm_cgpack.draw.scenes import draw_legend
from openmm_cgpack.draw.style import (
    blank_figure,
    dress_panel,
    show_image,
    show_labels,
    show_picture,
)
from openmm_cgpack.draw.volumes import label_picture

_THICK = 5.0
"""Thickness of the slice of a tomogram that is shown, nm."""

_BLUR = 1.5
"""Standard deviation of the Gaussian by which it is blurred, nm."""

_WIDE = 320.0
"""Edge of what is shown of wide slices, nm."""


def small(tables: dict[str, Any]) -> dict[str, Any]:
    """Return a drawn scene's tables for a small box: everything smaller, and one of each.

    Of molecules only the last two kinds stay, of membrane proteins the first; tilts are far apart.
    """
    tables = dict(tables)
    if "box" in tables["start"]:
        edge = 130 if "tube" in tables else 90 if tables.keys() & {"vesicle", "ellipsoid"} else 56
        box = [edge, edge, 60 if "tube" in tables else 50]
        tables["start"] = {"boundary": "slab", "box": box, "insertion": {"spacing": 1.0}}
    steps = {"cell": {"settling": {"steps": 20}}, "pull": {"max_steps": 200}, "dense": {}}
    kind = tables["pack"]["kind"]
    tables["pack"] = {"kind": kind, **steps[kind]}
    tables["molecule"] = tables["molecule"][-2:]
    if "membrane_protein" in tables:
        tables["membrane_protein"] = tables["membrane_protein"][:1]
    for kind, entries in tables.items():
        if isinstance(entries, list):
            tables[kind] = [_small(kind, entry) for entry in entries]
    tables["density"] = {"voxel_size": 2.0, "resolution": 5.0}
    imaging = dict(tables["imaging"])
    if "microscope" in imaging:
        scheme = {**imaging["microscope"]["scheme"], "tilt_step_deg": 30}
        imaging["microscope"] = {**imaging["microscope"], "scheme": scheme}
    tables["imaging"] = imaging
    return tables


def _small(kind: str, entry: dict[str, Any]) -> dict[str, Any]:
    least = {"radius": 20.0, "radii": [14, 13, 12], "length": 40.0}
    shrunk = {key: least.get(key, value) for key, value in entry.items()}
    for given in ("fraction", "per_area", "at"):
        shrunk.pop(given, None)
    if kind in ("molecule", "membrane_protein"):
        shrunk["atoms_per_ball"] = 3000
    if kind in ("vesicle", "ellipsoid", "tube"):
        shrunk["edge"] = 6.0
    return {**shrunk, "count": 1}


def picture(run: RunFolder) -> Figure:
    """Return a picture of a run: its molecules cut open, its labels, its tomogram, and a legend.

    The tomogram as one looks at a real one: a few nanometres of depth, and a little blurred. Of
    wide boxes labels and tomogram are those of the middle.
    """
    packed, labels, tomogram = run.packed(), run.labels("instances"), run.tomogram()
    colours = species_colours(len(packed.scene.species))
    height = float(labels.origin[2] + labels.data.shape[0] // 2 * labels.voxel_size)
    balls, width = render_molecules(packed, colours, size=900, view_deg=CUT_VIEW, cut_at=height)
    labels = dataclasses.replace(labels, data=_middle(labels.data, labels.voxel_size))
    voxel, data = tomogram.voxel_size, _middle(tomogram.data, tomogram.voxel_size)
    half, centre = round(_THICK / 2 / voxel), len(data) // 2
    thick = data[centre - half : centre + half + 1].mean(axis=0)
    thick = gaussian_filter(thick, _BLUR / voxel)
    across = labels.data.shape[2] * voxel
    figure = blank_figure((16.6, 4.5))
    panels = (
        ("cut open in the middle", show_picture, balls, width),
        ("labels there", show_labels, label_picture(labels, packed, colours), across),
        (f"tomogram there, {_THICK:g} nm thick", show_image, thick, across),
    )
    for number, (title, show, image, wide) in enumerate(panels):
        axes = figure.add_axes((0.003 + 0.256 * number, 0.01, 0.251, 0.92))
        show(axes, np.asarray(image))
        dress_panel(axes, title, width=wide, frame=number > 0)
    title = f"{packed.scene.n_instances} of {len(packed.scene.species)} kinds"
    draw_legend(
        figure,
        packed.scene,
        colours,
        left=0.775,
        right=1.02,
        bottom=0.02,
        top=0.93,
        title=title,
    )
    return figure


def _middle(data: np.ndarray, voxel: float) -> np.ndarray:
    """Return what of a volume is within `_WIDE` about the middle of its planes."""
    half = round(_WIDE / 2 / voxel)
    y, x = (slice(max(0, n // 2 - half), n // 2 + half) for n in data.shape[1:])
    return data[:, y, x]
