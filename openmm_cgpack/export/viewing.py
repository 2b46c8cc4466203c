"""What shows a run: viewers' files into its folder, and beside them what these open."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..core.messages import path_from_text
from ..core.progress import tracked
from ..io import write_mrc, write_particles
from ..io.balls_and_meshes import write_obj
from ..io.shared_folders import sharing
from ..io.volumes import write_mask
from ..runs.folder import INSTANCES, PARTICLES, SEMANTIC
from .formats import Format, chosen_formats, formats_that_run
from .truth import GroundTruth, load_truth

SURFACES = "surfaces"
"""Folder of the membranes' surfaces, a file a species."""


def write_viewers(
    out: str | os.PathLike[str],
    formats: Iterable[str | Format] | None = None,
    *,
    force: bool = False,
    progress: bool = True,
) -> dict[str, Path]:
    """Write what shows a run into its folder.

    Parameters
    ----------
    out : path-like
        The folder that ``cgpack simulate`` made.
    formats : iterable of str or Format, optional
        Which viewers; when left out, all that can be written. The page for browsers needs the
        extra ``viz``.
    force : bool, optional
        Whether files of the viewers' names are replaced, whoever wrote them.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

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
    FileExistsError
        A file of that name is not what a viewer wrote there, or was changed since.

    Examples
    --------
    >>> write_viewers("scenes/0")["html"]  # doctest: +SKIP
    PosixPath('scenes/0/view.html')
    """
    out = Path(out)
    formats = None if formats is None else formats_that_run(formats)
    truth = load_truth(out)
    written = {}
    chosen = chosen_formats(formats, truth, None, viewers=True)
    with sharing(out, "view", whole=False, force=force) as folder:
        folder.check(viewer.opens for viewer in chosen)
        for viewer in tracked(chosen, "viewers", show=progress):
            viewer.show(folder.stage, truth)
            written[viewer.kind] = out / viewer.opens
        folder.check()
        folder.put()
    return written


def maps_in_order(truth: GroundTruth) -> list[str]:
    """Return the names of the maps, the tomogram first."""
    return sorted(truth.maps, key=lambda key: (key != "tomogram", key))


def write_volumes(folder: Path, truth: GroundTruth) -> None:
    """Write the maps, masks and particles under the names that they have in a run's folder."""
    for name, volume in truth.maps.items():
        path = folder / path_from_text(f"{name}.mrc")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mrc(path, volume)
    for name, mask in ((INSTANCES, truth.instances), (SEMANTIC, truth.semantic)):
        write_mask(folder, name, mask)
    write_particles(folder / PARTICLES, truth.particles)


def write_surfaces(folder: Path, truth: GroundTruth) -> dict[str, str]:
    """Write the middle surfaces of membranes as OBJ, and return their files by species."""
    files = {}
    for species, name in truth.file_names.items():
        numbers = truth.particles.instance[truth.rows(species)].tolist()
        surfaces = {i: truth.surfaces[i] for i in numbers if i in truth.surfaces}
        if surfaces:
            files[species] = f"{SURFACES}/{name}.obj"
            (folder / SURFACES).mkdir(exist_ok=True)
            write_obj(
                folder / files[species],
                {i: (surface.vertices, surface.faces) for i, surface in surfaces.items()},
            )
    return files
