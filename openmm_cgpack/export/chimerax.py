"""Scripts for ChimeraX."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..core.palette import species_bytes
from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..core.units import ANGSTROM_PER_NM
from ..io import write_bild
from ..io.files import atomic_path
from ..runs.folder import BILD, SEMANTIC
from .formats import Format
from .truth import GroundTruth
from .viewing import maps_in_order, write_surfaces, write_volumes

PLACED = "originIndex 0,0,0 region all step 1"
"""Files with an origin of 0 are put there, whatever has been chosen before."""


_WORD = re.compile(r"[\w./-]+")
"""What a file's name may be without quotation marks."""


@kind("chimerax")
class ChimeraX(Format):
    """A script that opens maps, masks and balls in ChimeraX, all in their places.

    The tomogram is three planes through its middle, the others a surface each: the density, the
    mask of each species, and the membranes' own. Where membranes are closed, the script shows them
    and the masks of all that is no membrane in place of the balls, cut open at the middle of the
    largest; ``clip off`` closes them.
    """

    opens = "view.cxc"

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write ``view.cxc``, the balls, and all that it opens."""
        write_volumes(folder, truth)
        self.show(folder, truth)

    def show(self, folder: Path, truth: GroundTruth) -> None:
        """Write ``view.cxc`` and the balls."""
        write_bild(folder / BILD, truth.scene, truth.balls)
        lines = [
            f"# {truth.name}: everything in Å, the first voxel's centre at 0",
            "close session",
            "set bgColor white",
        ]
        names = maps_in_order(truth)
        for number, name in enumerate(names, start=1):
            lines += _map(truth, name, number)
        balls = len(names) + 1
        lines.append(f"open {BILD} id {balls}")
        masks = balls + 1
        lines += _masks(truth, masks)
        lines += _surfaces(truth, write_surfaces(folder, truth), masks + len(truth.species) + 1)
        if truth.opened_at is not None:
            lines += _cut_open(truth, truth.opened_at, balls=balls, masks=masks)
        lines += ["lighting soft", "view"]
        with atomic_path(folder / self.opens) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _map(truth: GroundTruth, name: str, number: int) -> list[str]:
    data = truth.maps[name].data
    lines = [f"open {_word(f'{name}.mrc')} id {number}", f"volume #{number} {PLACED}"]
    if name == "density":
        inside = data[truth.semantic.data > 0]
        level = float(inside.mean() if inside.size else data.max()) / 2
        lines.append(f"volume #{number} style surface level {level:.6g} color #c8c8c8")
    else:
        low, high = np.percentile(data, (1, 99)).tolist()
        middle = ",".join(str(n // 2) for n in reversed(data.shape))
        lines.append(
            f"volume #{number} style image orthoplanes xyz positionPlanes {middle} "
            "colorMode opaque8 showOutlineBox true "
            f"level {low:.6g},0 level {high:.6g},1 color black color white"
        )
    if name != "tomogram":
        lines.append(f"hide #{number} models")
    return lines


def _word(file: str) -> str:
    return file if _WORD.fullmatch(file) else _quoted(file)


def _quoted(name: str) -> str:
    """Return a name as one word of a command, in which a semicolon begins no other command.

    ChimeraX takes backslashes in quotation marks as escapes, and ends a word at a quotation mark
    before a blank: names have apostrophes in their place.
    """
    return '"' + name.replace("\\", "\\\\").replace('"', "'") + '"'


def _masks(truth: GroundTruth, number: int) -> list[str]:
    lines = [f"open {SEMANTIC}.mrc id {number}", f"volume #{number} {PLACED}"]
    colours = species_bytes(len(truth.species))
    for label, (species, colour) in enumerate(zip(truth.species, colours, strict=True), start=1):
        model = f"#{number + label}"
        red, green, blue = colour
        lines += [
            # Everything but this label becomes 0.
            f"volume threshold #{number} minimum {label - 0.5} set 0 "
            f"maximum {label + 0.5} setMaximum 0 modelId {model}",
            f"volume {model} style surface level {label / 2} color #{red:02x}{green:02x}{blue:02x}",
            f"rename {model} {_quoted(species)}",
            f"hide {model} models",
        ]
    return [*lines, f"hide #{number} models"]


def _surfaces(truth: GroundTruth, files: dict[str, str], number: int) -> list[str]:
    lines = []
    colours = dict(zip(truth.species, species_bytes(len(truth.species)), strict=True))
    for model, (species, file) in enumerate(files.items(), start=number):
        red, green, blue = colours[species]
        lines += [
            f"open {_word(file)} id {model}",
            f"rename #{model} {_quoted(f'{species}, middle surface')}",
            f"color #{model} #{red:02x}{green:02x}{blue:02x}",
        ]
        if truth.opened_at is None:
            lines.append(f"hide #{model} models")
    return lines


def _cut_open(truth: GroundTruth, place: np.ndarray, *, balls: int, masks: int) -> list[str]:
    """Return what shows masks in place of balls, and cuts everything at a place, nm."""
    shown = [
        f"show #{masks + label} models"
        for label, species in enumerate(truth.species, start=1)
        if truth.kind(species) != "membrane"
    ]
    middle = ",".join(f"{x:.6g}" for x in place * ANGSTROM_PER_NM)
    return [
        f"hide #1-{balls} models",
        *shown,
        # Without caps: one shall see inside.
        "surface cap false",
        f"clip front 0 position {middle} axis 0,0,-1 coordinateSystem #{balls}",
    ]
