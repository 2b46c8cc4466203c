"""Scripts for ChimeraX."""

from __future__ import annotations

import os

import numpy as np

from ..core.palette import species_colours
from .atomic import atomic_path
from .truth import GroundTruth


def write_chimerax(
    path: str | os.PathLike[str], truth: GroundTruth, *, balls: str | None = None
) -> None:
    """Write a script that opens the maps and masks of a run in ChimeraX, all in their places.

    Files are named relative to the script, whose folder ChimeraX takes them from. The tomogram
    is three planes through its middle, the others a surface each: the density, and the mask of
    each species.

    Parameters
    ----------
    path : path-like
        Where to write: ``.cxc``, beside the maps.
    truth : GroundTruth
        Whose maps, ``NAME.mrc``, and ``semantic.mrc`` are opened.
    balls : str, optional
        A BILD file of the balls.
    """
    nz, ny, nx = truth.grid.shape
    middle = f"{nx // 2},{ny // 2},{nz // 2}"
    lines = [
        f"# {_one_line(truth.name)}: everything in Å, the first voxel's centre at 0",
        "close session",
        "set bgColor white",
    ]
    names = sorted(truth.maps, key=lambda key: (key != "tomogram", key))
    for number, name in enumerate(names, start=1):
        data = truth.maps[name].data
        lines.append(f"open {name}.mrc id {number}")
        # Files with an origin of 0 are put there, whatever has been chosen before.
        lines.append(f"volume #{number} originIndex 0,0,0 region all step 1")
        if name == "density":
            inside = data[truth.semantic.data > 0]
            level = float(inside.mean() if inside.size else data.max()) / 2
            lines.append(f"volume #{number} style surface level {level:.6g} color #c8c8c8")
        else:
            low, high = np.percentile(data, (1, 99)).tolist()
            lines.append(
                f"volume #{number} style image orthoplanes xyz positionPlanes {middle} "
                "colorMode opaque8 showOutlineBox true "
                f"level {low:.6g},0 level {high:.6g},1 color black color white"
            )
        if name != "tomogram":
            lines.append(f"hide #{number} models")
    number = len(names) + 1
    if balls is not None:
        lines.append(f"open {balls} id {number}")
        number += 1
    masks = number
    lines += [
        f"open semantic.mrc id {masks}",
        f"volume #{masks} originIndex 0,0,0 region all step 1",
    ]
    colours = np.rint(species_colours(len(truth.species)) * 255).astype(int).tolist()
    for label, (species, colour) in enumerate(zip(truth.species, colours, strict=True), start=1):
        model = f"#{masks + label}"
        red, green, blue = colour
        lines += [
            # Everything but this label becomes 0.
            f"volume threshold #{masks} minimum {label - 0.5} set 0 "
            f"maximum {label + 0.5} setMaximum 0 modelId {model}",
            f"volume {model} style surface level {label / 2} color #{red:02x}{green:02x}{blue:02x}",
            f'rename {model} "{_one_line(species)}"',
            f"hide {model} models",
        ]
    lines += [f"hide #{masks} models", "lighting soft", "view"]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _one_line(text: str) -> str:
    """Return a name that ends no line and no quotes."""
    return " ".join(text.split()).replace('"', "'").replace(";", ",")
