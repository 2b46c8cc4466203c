"""An audit as one page of plots."""

from __future__ import annotations

import json
import os
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from ..core.palette import BLUE, INK, PALE, RED
from ..draw.style import (
    TITLE,
    Panels,
    blank_figure,
    drawn_name,
    dress_axes,
    panels_for,
    save_figure,
)
from ..io.files import write_text
from .audits import Audit, membrane_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILES = ("audit.txt", "audit.json", "audit.png")
"""What `write_audit` writes."""

_ROWS = 30
_COLUMNS = 46
"""Letters of a line of numbers."""


def plot_audit(audit: Audit, *, title: str = "", axes: Panels = None) -> Figure:
    """Return one page of plots of an audit.

    Counts, the radial distribution with the error of chance, what stands in what, and the order
    of orientations with the level of chance.

    Parameters
    ----------
    audit : Audit
        What was found.
    title : str, optional
        Title of the page; what was looked at when left out.
    axes : sequence of six Axes, optional
        What to draw into, without the lines at the top; a figure of its own when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from openmm_cgpack import Filament, as_packed, audit, place
    >>> found = audit(as_packed(place([(Filament(n_balls=5).build(), 4)], seed=1)))
    >>> len(plot_audit(found).axes)
    6
    """

    def make() -> list[Axes]:
        own = blank_figure((13.0, 9.0))
        own.subplots_adjust(
            left=0.075, right=0.985, top=0.86, bottom=0.075, wspace=0.3, hspace=0.38
        )
        return np.ravel(own.subplots(2, 3)).tolist()

    figure, panels = panels_for(axes, len(_DRAWN), make)
    for panel, draw in zip(panels, _DRAWN, strict=True):
        draw(panel, audit)
    if axes is None:
        _head(figure, audit, title)
    return figure


def write_audit(folder: str | os.PathLike[str], audit: Audit) -> tuple[Path, Path, Path]:
    """Write an audit as ``audit.txt``, ``audit.json`` and ``audit.png`` into a folder that exists.

    Files of these names are replaced; the command asks for ``--force`` where they are not its own.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack import as_packed, audit, Filament, place
    >>> found = audit(as_packed(place([(Filament(n_balls=5).build(), 4)], seed=1)))
    >>> with TemporaryDirectory() as folder:
    ...     [path.name for path in write_audit(folder, found)]
    ['audit.txt', 'audit.json', 'audit.png']
    """
    text, table, picture = (Path(folder) / name for name in FILES)
    write_text(text, f"{audit}\n")
    write_text(table, json.dumps(audit.to_dict(), indent=1, allow_nan=False) + "\n")
    save_figure(picture, plot_audit(audit), dpi=120)
    return text, table, picture


def _head(figure: Figure, audit: Audit, title: str) -> None:
    region = "of the filled region" if audit.occupancy.filled is not None else "of the box"
    figure.text(
        0.012,
        0.955,
        title
        or f"{audit.n_instances} instances of {len(audit.species)} species, {audit.boundary}: "
        f"envelope volume fraction {audit.fraction:.4f} {region}",
        fontsize=15,
        color=INK,
    )
    figure.text(
        0.012,
        0.92,
        f"{audit.mg_per_ml:.0f} mg/mL of heavy atoms, {audit.mg_per_ml_with_hydrogens:.0f} mg/mL "
        "with hydrogens (estimated)   ·   envelopes share "
        f"{100 * audit.occupancy.shared / audit.occupancy.union:.3f} % of their volume   ·   "
        f"deepest overlap of balls {audit.balls.deepest:.3f}",
        fontsize=10.5,
        color=INK,
    )


def _nothing(axes: Axes, title: str, why: str) -> None:
    axes.set_axis_off()
    axes.set_title(title, fontsize=TITLE, color=INK, loc="left", pad=6)
    axes.text(0.0, 0.9, why, fontsize=10, color=INK, transform=axes.transAxes, wrap=True)


def _draw_counts(axes: Axes, audit: Audit) -> None:
    shown = audit.species[:_ROWS]
    rows = np.arange(len(shown))
    axes.barh(rows, [s.placed for s in shown], height=0.7, color=BLUE)
    asked = [(row, s.asked) for row, s in enumerate(shown) if s.asked is not None]
    if asked:
        place, number = np.array(asked).T
        axes.plot(number, place, "|", color=RED, markersize=10, markeredgewidth=1.6, label="asked")
        axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    more = len(audit.species) - len(shown)
    dress_axes(
        axes, title="placed" + (f" ({more} species more)" if more else ""), across="instances"
    )
    # There are no halves of instances.
    axes.locator_params(axis="x", integer=True)
    axes.set_yticks(
        rows, [drawn_name(s.name, 16) for s in shown], fontsize=8 if len(shown) <= 22 else 6.5
    )
    axes.set_ylim(max(len(shown), 8) - 0.4, -0.6)


def _draw_radial(axes: Axes, audit: Audit) -> None:
    radial = audit.radial
    if radial is None:
        _nothing(axes, "radial distribution", "fewer than two molecules")
        return
    axes.fill_between(radial.r, 1 - 2 * radial.error, 1 + 2 * radial.error, color=PALE, linewidth=0)
    axes.plot(radial.r, radial.g, color=BLUE, linewidth=1.4)
    axes.axhline(1, color=INK, linewidth=0.6)
    known = radial.g[radial.expected >= 5]
    axes.set_ylim(0, max(1.6, 1.1 * float(known.max(initial=1.0))))
    axes.set_xlim(0, radial.edges[-1])
    dress_axes(
        axes,
        title="centres of molecules",
        across="distance (nm)",
        up="g(r), ± 2 errors of chance in gray",
    )


def _draw_contacts(axes: Axes, audit: Audit) -> None:
    contacts = audit.contacts
    title = "heavy atoms near another molecule's"
    if contacts is None:
        _nothing(
            axes, title, "no species has real atoms;\nvoxels that envelopes share tell instead"
        )
        return
    rows = np.arange(len(contacts.within))
    atoms = np.array([100 * w.atoms / contacts.atoms for w in contacts.within])
    molecules = np.array([100 * w.molecules / contacts.molecules for w in contacts.within])
    axes.barh(rows - 0.2, molecules, height=0.36, color=BLUE, label="molecules")
    axes.barh(rows + 0.2, atoms, height=0.36, color=RED, label="atoms")
    for row, (atom, molecule) in enumerate(zip(atoms, molecules, strict=True)):
        axes.text(molecule, row - 0.2, f" {molecule:.2g} %", va="center", fontsize=9, color=INK)
        axes.text(atom, row + 0.2, f" {atom:.2g} %", va="center", fontsize=9, color=INK)
    axes.set_xlim(0, max(1.0, 1.25 * float(max(molecules.max(), atoms.max()))))
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    dress_axes(axes, title=title, across="part of all (%)")
    axes.set_yticks(rows, [f"within {10 * w.distance:g} Å" for w in contacts.within])
    axes.set_ylim(len(rows) - 0.3, -0.7)


def _draw_overlaps(axes: Axes, audit: Audit) -> None:
    balls = audit.balls
    title = "balls of two instances that overlap"
    if not balls.pairs.any():
        _nothing(axes, title, "none")
        return
    axes.bar(
        100 * balls.edges[:-1],
        balls.pairs,
        width=100 * np.diff(balls.edges),
        align="edge",
        color=BLUE,
    )
    axes.set_yscale("log")
    axes.set_xlim(0, max(10.0, 110 * balls.deepest))
    dress_axes(axes, title=title, across="depth (% of the contact distance)", up="pairs")


def _draw_nematic(axes: Axes, audit: Audit) -> None:
    title = "nematic order, chance ± 2 in gray"
    if audit.orientation is None:
        _nothing(axes, title, "fewer than two molecules")
        return
    shown = audit.orientation.nematic[:_ROWS]
    rows = np.arange(len(shown))
    mean = np.array([n.random for n in shown])
    spread = 2 * np.array([n.random_spread for n in shown])
    axes.barh(rows, 2 * spread, left=mean - spread, height=0.7, color=PALE)
    axes.plot([n.order for n in shown], rows, "o", color=BLUE, markersize=5)
    highest = max(float((mean + spread).max()), max(n.order for n in shown))
    axes.set_xlim(0, min(1.0, 1.1 * highest))
    dress_axes(axes, title=title, across="order of the long axes")
    axes.set_yticks(
        rows, [drawn_name(n.name, 16) for n in shown], fontsize=8 if len(shown) <= 22 else 6.5
    )
    axes.set_ylim(max(len(shown), 8) - 0.4, -0.6)


def _draw_numbers(axes: Axes, audit: Audit) -> None:
    """Write the numbers that no other panel shows."""
    lines = []
    found = audit.orientation
    if found is not None and found.neighbours is not None:
        near = found.neighbours
        lines += [
            f"nearest neighbours' order {near.order:+.3f}",
            f"   (random 0 ± {near.random_spread:.3f}, {near.n} pairs)",
            f"rotations even: p {found.polar_p:.2g} (vectors), {found.axial_p:.2g} (tensors)",
        ]
    occupancy = audit.occupancy
    box = " x ".join(f"{edge:.1f}" for edge in occupancy.box)
    lines += [
        f"box {box} nm" + (" around everything" if occupancy.filled is not None else ""),
        f"of the whole box {audit.fraction_of_box:.4f}",
        f"voxels shared {occupancy.shared_voxels} of {occupancy.voxel_size:.2g} nm,",
        f"   by {occupancy.sharing} instances, "
        f"at most {100 * occupancy.largest_share:.2g} % of one",
    ]
    if audit.contacts is not None and audit.contacts.closest is not None:
        lines.append(f"closest atoms of two molecules {10 * audit.contacts.closest:.2f} Å")
    if audit.membranes is not None:
        shown = membrane_rows(audit.membranes)[: _ROWS // 3]
        for row in shown:
            text = ": ".join(part.strip() for part in row if part)
            lines += wrap(text, _COLUMNS, subsequent_indent="   ")
    if audit.balls.where:
        lines.append("deepest overlap of balls:\n   " + audit.balls.where.replace(", ", ",\n   "))
    _nothing(axes, "numbers", "")
    axes.text(
        0, 0.97, "\n".join(lines), va="top", fontsize=9.5, color=INK, transform=axes.transAxes
    )


_DRAWN = (
    _draw_counts,
    _draw_radial,
    _draw_contacts,
    _draw_overlaps,
    _draw_nematic,
    _draw_numbers,
)
"""The panels of the page, row by row."""
