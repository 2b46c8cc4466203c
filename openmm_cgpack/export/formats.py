"""What a format is, and how the ground truth of a tomogram is written in several of them."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.names import checked_file_name, checked_name
from ..core.settings import Settings, kind_named, setting
from ..core.tilts import TiltSeries
from ..io import write_mrc, write_particles
from ..io.files import atomic_folder
from ..io.volumes import mask_file, write_mask
from ..runs.folder import INSTANCES, PARTICLES, SEMANTIC, TOMOGRAM, RunFolder
from .truth import GroundTruth, load_truth

_log = logging.getLogger(__name__)


class Format(Settings, family=True):
    r"""What another program reads, or a viewer shows: one folder of files.

    A kind of it overrides `write`, and where it cannot hold everything, `refuses`:

    >>> from openmm_cgpack.core.settings import kind
    >>> @kind("count")
    ... class Count(Format):
    ...     "A file with the number of objects."
    ...     def write(self, folder, truth, tilts=None):
    ...         (folder / "count.txt").write_text(f"{len(truth.particles)}\n")
    >>> del Format.kinds["count"]
    """

    kinds: ClassVar[dict[str, type[Format]]]  # type: ignore[assignment]

    needs_tilts: ClassVar[bool] = False
    """Whether it holds a tilt series in any case."""

    opens: ClassVar[str] = ""
    """Of a viewer: its file that a user opens. `view` writes viewers into the folder of a run."""

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write the files.

        Parameters
        ----------
        folder : pathlib.Path
            Where to write; it exists.
        truth : GroundTruth
            What is known.
        tilts : TiltSeries, optional
            The tilt series.
        """
        raise NotImplementedError

    def refuses(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> str | None:
        """Return what the format wants and does not get, as words; None where all is well."""
        if self.needs_tilts and tilts is None:
            return "wanted a tilt series, got none"
        return None

    def save(
        self, folder: str | os.PathLike[str], truth: GroundTruth, tilts: TiltSeries | None = None
    ) -> Path:
        """Write the files into a folder that is whole or not there; an older one is replaced.

        Parameters
        ----------
        folder : path-like
            The folder to make.
        truth : GroundTruth
            What is known.
        tilts : TiltSeries, optional
            The tilt series.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        ValueError
            The format cannot hold this; see `refuses`.
        """
        self.check(truth, tilts)
        with atomic_folder(folder) as temporary:
            self.write(temporary, truth, tilts)
        return Path(folder)

    def check(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Raise ValueError where the format `refuses` a truth."""
        if why := self.refuses(truth, tilts):
            raise ValueError(f"{self.kind}: {why}")


class PointFormat(Format):
    """A format of oriented points: molecules, and places along filaments."""

    filament_spacing: float | None = setting(
        "distance of places along filaments; the tube's radius when left out",
        unit="nm",
        default=None,
        above=0,
    )

    def points(self, truth: GroundTruth, species: str) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Return instance, place (3,) nm, and rotation (3, 3) of all points of a species in view.

        Those of filaments have their z axes along them; membranes have no points.
        """
        table = truth.particles
        points = []
        for row in truth.rows(species).tolist():
            number = int(table.instance[row])
            if number in truth.surfaces:
                continue
            if number in truth.lines:
                places, turns = truth.lines[number].poses(self.filament_spacing)
            else:
                places, turns = table.centre[row : row + 1], table.rotation[row : row + 1]
            points += [(number, *pose) for pose in zip(places, turns, strict=True)]
        return points


class Export(Settings):
    """What of a run is exported."""

    name: str | None = setting(
        "name of the tomogram; that of the run's folder when left out",
        default=None,
        check=checked_name,
    )
    min_visible: float = setting(
        "objects with no more than this part of their mass in the field of view are left out of "
        "lists; masks keep them",
        default=0.0,
        minimum=0,
        below=1,
    )
    render: str | None = setting(
        "name of what `cgpack render` made: its tomogram and tilt series take the places of the "
        "run's; formats that hold several tomograms have all of them in any case",
        default=None,
        check=checked_file_name,
    )


EVERYTHING = Export()


def export_run(
    out: str | os.PathLike[str],
    formats: Iterable[str | Format] | None = None,
    settings: Export = EVERYTHING,
    *,
    folder: str | os.PathLike[str] | None = None,
) -> dict[str, Path]:
    """Write the ground truth of a run in the formats of other programs.

    Parameters
    ----------
    out : path-like
        The folder that ``cgpack simulate`` made.
    formats : iterable of str or Format, optional
        Which ones, as for `export_truth`.
    settings : Export, optional
        What of the run.
    folder : path-like, optional
        Where to write, one folder for each format; by default `out`.

    Returns
    -------
    dict
        The folder of each format.

    Raises
    ------
    ValueError
        A format is unknown, or cannot hold this.
    FileNotFoundError
        The folder lacks a file of a run.

    Examples
    --------
    Of what ``cgpack simulate crowded.toml -o scenes/0`` made:

    >>> export_run("scenes/0", ["copick", Shrec()])  # doctest: +SKIP
    {'copick': PosixPath('scenes/0/copick'), 'shrec': PosixPath('scenes/0/shrec')}
    """
    chosen = None if formats is None else [format_named(one) for one in formats]
    run = RunFolder(out)
    truth = load_truth(out, name=settings.name).without_hidden(settings.min_visible)
    if settings.render is not None:
        tomogram = run.file(run.name_in(settings.render, TOMOGRAM))
        key = tomogram.relative_to(run.path).with_suffix("").as_posix()
        truth = dataclasses.replace(truth, maps={**truth.maps, "tomogram": truth.maps[key]})
    tilts = run.tilts(settings.render)
    return export_truth(truth, out if folder is None else folder, chosen, tilts=tilts)


def export_truth(
    truth: GroundTruth,
    folder: str | os.PathLike[str],
    formats: Iterable[str | Format] | None = None,
    *,
    tilts: TiltSeries | None = None,
) -> dict[str, Path]:
    """Write what is known of a tomogram in the formats of other programs.

    Parameters
    ----------
    truth : GroundTruth
        What is known.
    folder : path-like
        Where to write, one folder for each format, which is replaced; it is made where it is not
        there.
    formats : iterable of str or Format, optional
        Formats, or names of those in ``Format.kinds``. When left out, all that are no viewers and
        that can hold this; a note in the log says what cannot, and why.
    tilts : TiltSeries, optional
        The tilt series.

    Returns
    -------
    dict
        The folder of each format.

    Raises
    ------
    ValueError
        A format is unknown, or cannot hold this; nothing is written then.
    """
    chosen = chosen_formats(formats, truth, tilts, viewers=False)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return {one.kind: one.save(folder / one.kind, truth, tilts) for one in chosen}


def format_named(one: str | Format) -> Format:
    """Return a format as it is, or the one of a name with its defaults."""
    return one if isinstance(one, Format) else kind_named(Format, one, where="format")()


def chosen_formats(
    formats: Iterable[str | Format] | None,
    truth: GroundTruth,
    tilts: TiltSeries | None,
    *,
    viewers: bool,
) -> list[Format]:
    """Return the formats that are asked for, or all that can hold this."""
    if formats is not None:
        chosen = [format_named(one) for one in formats]
        for one in chosen:
            if viewers and not one.opens:
                raise ValueError(f"{one.kind}: is no viewer; export it")
            one.check(truth, tilts)
        return chosen
    chosen = []
    for kind in Format.kinds.values():
        one = kind()
        if bool(one.opens) != viewers:
            continue
        if why := one.refuses(truth, tilts):
            _log.warning("left out: %s: %s", one.kind, why)
        else:
            chosen.append(one)
    return chosen


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
