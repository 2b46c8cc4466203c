"""Pictures of a protein and of the membrane that it sits in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.palette import INK
from ..core.structure import AtomicStructure
from ..core.transforms import shortest_rotations
from ..structures.hydrophobic_belt import TRANSFER_ENERGY
from .shading import render_balls
from .style import LABEL, Panels, blank_figure, drawn_name, panels_for, show_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDES = (0.0, 60.0)
_GREASY, _POLAR, _OTHER = (
    np.array([0.90, 0.50, 0.10]),
    np.array([0.35, 0.60, 0.85]),
    np.array([0.75, 0.75, 0.75]),
)
_ATOM = 0.2
"""Radius of an atom in the picture, nm; points that stand for several fill what they reach."""


def plot_membrane(
    structure: AtomicStructure, *, size: int = 600, title: str = "", axes: Panels = None
) -> Figure:
    """Return a protein from two sides, with the two planes of its membrane.

    Residues that lose nothing by leaving water (`TRANSFER_ENERGY`) are orange, the others blue,
    what is no amino acid, or a point that stands for several atoms, is grey. The membrane is
    right where the orange belt is between the lines.

    Parameters
    ----------
    structure : AtomicStructure
        With a membrane plane: its file's, the user's, or that of `find_belt`.
    size : int, optional
        Edge of each of the two pictures, pixels.
    title : str, optional
        Title of the figure; where the membrane is, when left out.
    axes : sequence of two Axes, optional
        What to draw into; a figure of its own when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The structure has no membrane plane.

    Examples
    --------
    >>> from openmm_cgpack.structures import library
    >>> figure = plot_membrane(library.load("6cnj"), size=60)
    >>> figure.savefig("membrane.png")
    """
    plane = structure.membrane_plane
    if plane is None:
        raise ValueError(f"{structure.name}: wanted a structure with a membrane plane")
    turn = shortest_rotations(plane.normal[None], np.array([[0.0, 0.0, 1.0]]))[0]
    places = (structure.positions - plane.centre) @ turn.T
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    width = 2.1 * float(np.abs(places - middle).max() + _ATOM)
    radii = np.maximum(structure.spread, _ATOM)

    def make() -> list[Axes]:
        own = blank_figure((2 * 5.2, 5.4))
        return [own.add_axes((0.5 * side + 0.005, 0.01, 0.49, 0.9)) for side in range(len(_SIDES))]

    figure, panels = panels_for(axes, len(_SIDES), make)
    for panel, azimuth in zip(panels, _SIDES, strict=True):
        picture = render_balls(
            places,
            radii,
            _colours(structure),
            groups=np.zeros(len(places), np.int64),
            size=size,
            view_deg=(azimuth, 0.0),
            centre=middle,
            width=width,
            seams=0.1,
        )
        show_picture(panel, picture)
        panel.set_axis_off()
        for side, word in ((1, "outer side"), (-1, "inner side")):
            row = size * (0.5 - (side * plane.half_thickness - middle[2]) / width)
            panel.axhline(row, color=INK, linewidth=1.2)
            # The words stand beyond the membrane, away from the line.
            above = "bottom" if side > 0 else "top"
            panel.text(6, row - 6 * side, word, fontsize=LABEL, color=INK, va=above)
    x, y, z = plane.centre + structure.file_origin
    nx, ny, nz = plane.normal + 0.0
    where = (
        f"{drawn_name(structure.name)}: {2 * plane.half_thickness:.1f} nm about "
        f"({x:.2f}, {y:.2f}, {z:.2f}) nm, normal ({nx:.2f}, {ny:.2f}, {nz:.2f})"
    )
    if title or axes is None:
        figure.suptitle(title or where, fontsize=LABEL + 1, color=INK)
    return figure


def _colours(structure: AtomicStructure) -> np.ndarray:
    colours = np.tile(_OTHER, (len(structure.positions), 1))
    if structure.atom_table is not None:
        residues = structure.atom_table["residue"]
        for name, energy in TRANSFER_ENERGY.items():
            colours[residues == name] = _GREASY if energy <= 0 else _POLAR
    return colours
