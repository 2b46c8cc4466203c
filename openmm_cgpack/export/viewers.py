"""Looking at a run: viewers are formats whose files stand beside the maps that they open."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..io import write_mrc, write_particles
from ..io.volumes import mask_file, write_mask
from ..runs.folder import INSTANCES, PARTICLES, SEMANTIC
from .formats import Format, chosen_formats
from .truth import GroundTruth, load_truth


def view(
    out: str | os.PathLike[str], formats: Iterable[str | Format] | None = None
) -> dict[str, Path]:
    """Write what shows a run into its folder.

    Parameters
    ----------
    out : path-like
        The folder that ``cgpack simulate`` made.
    formats : iterable of str or Format, optional
        Which viewers; when left out, all that can be written. The page for browsers needs the
        extra ``viz``.

    Returns
    -------
    dict
        The file of each that is opened: ``html`` is a page for any browser, with or without a
        network; ``chimerax`` and ``napari`` are scripts.

    Raises
    ------
    ValueError
        A viewer is unknown, or cannot be written.
    FileNotFoundError
        The folder lacks a file of a run.

    Examples
    --------
    >>> view("scenes/0")["html"]  # doctest: +SKIP
    PosixPath('scenes/0/view.html')
    """
    out = Path(out)
    truth = load_truth(out)
    written = {}
    for viewer in chosen_formats(formats, truth, None, viewers=True):
        viewer.write(out, truth)
        written[viewer.kind] = out / viewer.opens
    return written


def maps_in_order(truth: GroundTruth) -> list[str]:
    """Return the names of the maps, the tomogram first."""
    return sorted(truth.maps, key=lambda key: (key != "tomogram", key))


def write_missing(folder: Path, truth: GroundTruth) -> None:
    """Write the maps, masks and particles that a folder does not hold, under a run's names."""
    for name, volume in truth.maps.items():
        path = folder / f"{name}.mrc"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mrc(path, volume)
    for name, mask in ((INSTANCES, truth.instances), (SEMANTIC, truth.semantic)):
        if not mask_file(folder, name).exists():
            write_mask(folder, name, mask)
    if not (folder / PARTICLES).exists():
        write_particles(folder / PARTICLES, truth.particles)
