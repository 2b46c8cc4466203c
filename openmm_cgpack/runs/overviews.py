"""One picture of a run: from its folder, from memory, or of a packed scene."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..core import LabelVolume, PackedScene, TiltSeries, Volume
from ..draw.overview import overview_figure
from ..io.volumes import mask_file
from .folder import DENSITY, SEMANTIC, TOMOGRAM, RunFolder
from .pipeline import Simulated

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def plot_overview(
    of: PackedScene | Simulated | RunFolder | str | os.PathLike[str],
    *,
    density: Volume | None = None,
    labels: LabelVolume | None = None,
    tomogram: Volume | None = None,
    series: TiltSeries | None = None,
    title: str = "",
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Return one picture of a whole run: packing before and after, slices, species, history.

    Parameters
    ----------
    of : PackedScene, Simulated, RunFolder or path-like
        A packed scene; or what `simulate` has made, or a run's folder, of which all that there is
        is drawn.
    density, labels, tomogram : Volume, LabelVolume and Volume, optional
        What was made of a packed scene, in place of what `of` has. Labels with names of species
        have the species' colours; without names, label i is instance i of the scene, counted
        from 1.
    series : TiltSeries, optional
        The tilt series of which the tomogram was made. It adds two rows: images, their mean
        power spectrum with its Thon rings, and all three sections of the tomogram, which show
        the missing wedge, with the labels over one of them.
    title : str, optional
        Title of the picture.
    figure : Figure or SubFigure, optional
        What to draw into, as matplotlib's ``subfigures`` gives it; one of its own when left out.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    FileNotFoundError
        There is no run in the folder.
    ValueError
        What `simulate` has made has no packed scene yet.

    Examples
    --------
    `run` draws it into every folder; of a packed scene with nothing else:

    >>> from openmm_cgpack import Filament, as_packed, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 3)], seed=1))
    >>> figure = plot_overview(packed)
    >>> figure.savefig("overview.png")

    Of a run:

    >>> plot_overview("scenes/0")  # doctest: +SKIP
    """
    given = {"density": density, "labels": labels, "tomogram": tomogram, "series": series}
    packed, held = _held(of)
    shown = held | {k: v for k, v in given.items() if v is not None}
    return overview_figure(packed, **shown, title=title, figure=figure)


def _held(
    of: PackedScene | Simulated | RunFolder | str | os.PathLike[str],
) -> tuple[PackedScene, dict[str, Any]]:
    """Return a packed scene, and what there is of it."""
    if isinstance(of, PackedScene):
        return of, {}
    if isinstance(of, Simulated):
        if not hasattr(of, "packed"):
            raise ValueError("simulated: wanted one with a packed scene, which it has not yet")
        labels, rendered = (getattr(of, name, None) for name in ("labels", "rendered"))
        return of.packed, {
            "density": getattr(of, "density", None),
            "labels": None if labels is None else labels.semantic,
            "tomogram": None if rendered is None else rendered.tomogram,
            "series": None if rendered is None else rendered.series,
        }
    run = of if isinstance(of, RunFolder) else RunFolder(of)
    return run.packed(), {
        "density": run.volume(DENSITY) if run.has(DENSITY) else None,
        "labels": run.labels(SEMANTIC) if mask_file(run.path, SEMANTIC).exists() else None,
        "tomogram": run.tomogram() if run.has(TOMOGRAM) else None,
        "series": run.tilts(),
    }
