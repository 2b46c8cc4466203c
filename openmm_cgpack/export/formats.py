"""What a format is, and how the ground truth of a tomogram is written in several of them."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.messages import path_text
from ..core.names import checked_file_name, checked_name
from ..core.progress import tracked
from ..core.runtime import MissingExtra, missing_extra
from ..core.settings import Settings, kind_named, setting
from ..core.tilts import TiltSeries
from ..io.shared_folders import SharedFolder, sharing
from ..runs.folder import TOMOGRAM, RunFolder
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

    package: ClassVar[tuple[str, str] | None] = None
    """A package that it needs, and the extra that brings it."""

    names_runs: ClassVar[bool] = False
    """Whether its files have the run's name in theirs, so that several runs lie side by side.

    Of other formats the second run in a folder gets a folder of its name there.
    """

    merged: ClassVar[tuple[str, ...]] = ()
    """Patterns of its files that all runs share: `add` writes them with what is there already."""

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

    def add(
        self, project: SharedFolder, truth: GroundTruth, tilts: TiltSeries | None = None
    ) -> None:
        """Write the files of a run beside those that a folder holds; see `write`.

        A format with `merged` files overrides it.

        Parameters
        ----------
        project : SharedFolder
            The folder: what is written into its ``stage`` is put into it, and `shared_file` gives
            the merged files as they are.
        truth, tilts
            See `write`.
        """
        self.write(project.stage, truth, tilts)

    def show(self, folder: Path, truth: GroundTruth) -> None:
        """Of a viewer: write what opens the maps, masks and particles of a run's folder."""
        raise NotImplementedError

    def refuses(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> str | None:
        """Return what the format wants and does not get, as words; None where all is well."""
        if why := self.lacks():
            return why
        if self.needs_tilts and tilts is None:
            return "wanted a tilt series, got none"
        return None

    def save(
        self,
        folder: str | os.PathLike[str],
        truth: GroundTruth,
        tilts: TiltSeries | None = None,
        *,
        force: bool = False,
    ) -> Path:
        """Add the files to a folder, all of them or none; it is made where it is not there.

        What the same run, by the truth's name, wrote there before is replaced. Nothing else is:
        several runs share a folder, with what their user adds.

        Parameters
        ----------
        folder : path-like
            The folder.
        truth : GroundTruth
            What is known.
        tilts : TiltSeries, optional
            The tilt series.
        force : bool, optional
            Whether files that are there under the same names are replaced, whoever wrote them.

        Returns
        -------
        pathlib.Path
            Where the files are: the folder, or one of the run's name in it; see `names_runs`.

        Raises
        ------
        ValueError
            The format cannot hold this; see `refuses`.
        FileExistsError
            The folder holds another run of that name, or files that would have to go; see
            `openmm_cgpack.io.shared_folders`.
        """
        self.check(truth, tilts)
        return _save([(self, Path(folder))], truth, tilts, force=force)[0]

    def lacks(self) -> str | None:
        """Return how to install the package that it needs; None where it is there."""
        return None if self.package is None else missing_extra(*self.package)

    def check(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Raise ValueError where the format `refuses` a truth."""
        if why := self.refuses(truth, tilts):
            raise ValueError(f"{self.kind}: {why}")


class PointFormat(Format):
    """A format of oriented points: molecules, and places along filaments."""

    filament_spacing: float | None = setting(
        "distance of places along filaments; the tube's radius when left out; those of helices "
        "are their monomers, whatever it is",
        unit="nm",
        default=None,
        above=0,
        usual=(0.5, 100),
    )

    def refuses(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> str | None:
        """Refuse a distance of places where every filament is of monomers, which it cannot move."""
        of_monomers = [
            truth.monomers_of(name) is not None
            for name in truth.species
            if truth.kind(name) == "filament"
        ]
        if self.filament_spacing is not None and of_monomers and all(of_monomers):
            return "filament_spacing: means nothing of helices, whose places are their monomers"
        return super().refuses(truth, tilts)

    def points(self, truth: GroundTruth, species: str) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Return instance, place (3,) nm, and rotation (3, 3) of all points of a species in view.

        Those of filaments have their z axes along them, and are a helix' monomers; membranes have
        no points.
        """
        monomers = truth.monomers_of(species)
        if monomers is not None:
            held = (monomers.instance.tolist(), monomers.centre, monomers.rotation)
            return list(zip(*held, strict=True))
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
        "name of what `cgpack render` made: formats that hold one tomogram and one tilt series "
        "have its; those that hold several have all of them in any case",
        default=None,
        check=checked_file_name,
    )


EVERYTHING = Export()

Tell = Callable[[str], None]


def export_run(
    out: str | os.PathLike[str],
    formats: Iterable[str | Format] | None = None,
    settings: Export = EVERYTHING,
    *,
    folder: str | os.PathLike[str] | None = None,
    force: bool = False,
    tell: Tell | None = None,
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
        Where to write, one folder for each format; by default `out`. Several runs may go into
        one: see `Format.save`.
    force : bool, optional
        Whether files that are there under the same names are replaced, whoever wrote them.
    tell : callable, optional
        Called with a line for each format that says what was added, replaced and kept.

    Returns
    -------
    dict
        Where the files of each format are.

    Raises
    ------
    ValueError
        A format is unknown, or cannot hold this.
    FileNotFoundError
        The folder lacks a file of a run.
    FileExistsError
        What is there would have to go; nothing is written then.

    Examples
    --------
    Of what ``cgpack simulate crowded.toml -o scenes/0`` made:

    >>> export_run("scenes/0", ["copick", Shrec()])  # doctest: +SKIP
    {'copick': PosixPath('scenes/0/copick'), 'shrec': PosixPath('scenes/0/shrec')}
    """
    chosen = None if formats is None else formats_that_run(formats)
    run = RunFolder(out)
    truth, tilts, identity = _known(run, settings)
    return _export(
        truth,
        run.path if folder is None else Path(folder),
        chosen,
        tilts,
        force=force,
        tell=tell,
        identity=identity,
        source=run.path,
    )


def export_runs(
    runs: Mapping[str, str | os.PathLike[str]],
    formats: Iterable[str | Format],
    settings: Export = EVERYTHING,
    *,
    folder: str | os.PathLike[str],
    force: bool = False,
    progress: bool = True,
) -> dict[str, Path]:
    """Write the ground truth of several runs side by side, one folder for each format.

    Formats that have the run's name in their files' hold all runs in one project; of others each
    run has a folder of its name.

    Parameters
    ----------
    runs : mapping of str to path-like
        The folders of the runs by the names that tomograms are to have.
    formats, settings, force
        See `export_run`; the settings have no name.
    folder : path-like
        Where to write.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    dict
        Where the files of each format are.

    Raises
    ------
    ValueError, FileNotFoundError, FileExistsError
        As of `export_run`; the runs before the one that it is about are written.
    """
    chosen = formats_that_run(formats)
    if settings.name is not None:
        raise ValueError("name: means nothing with several runs, which have theirs")
    places = {one.kind: Path(folder) / one.kind for one in chosen}
    for name, out in tracked(runs.items(), "export", show=progress):
        run = RunFolder(out)
        truth, tilts, identity = _known(run, dataclasses.replace(settings, name=name))
        for one in chosen:
            one.check(truth, tilts)
        into = [(one, _place_of(one, places[one.kind], name)) for one in chosen]
        _save(into, truth, tilts, force=force, identity=identity, source=run.path)
    return places


def _place_of(one: Format, place: Path, name: str) -> Path:
    """Return where a run is written of several in a format's folder."""
    return place if one.names_runs else place / name


def _known(run: RunFolder, settings: Export) -> tuple[GroundTruth, TiltSeries | None, str]:
    """Return what of a run is exported, and what tells it from others of its name."""
    truth = load_truth(run.path, name=settings.name).without_hidden(settings.min_visible)
    identity = truth.digest
    if settings.render is not None:
        tomogram = run.file(run.name_in(settings.render, TOMOGRAM))
        key = path_text(tomogram.relative_to(run.path).with_suffix("").as_posix())
        truth = dataclasses.replace(truth, tomogram_name=key)
    return truth, run.tilts(settings.render), identity


def export_truth(
    truth: GroundTruth,
    folder: str | os.PathLike[str],
    formats: Iterable[str | Format] | None = None,
    *,
    tilts: TiltSeries | None = None,
    force: bool = False,
    tell: Tell | None = None,
) -> dict[str, Path]:
    """Write what is known of a tomogram in the formats of other programs.

    Parameters
    ----------
    truth : GroundTruth
        What is known.
    folder : path-like
        Where to write, one folder for each format, to which this is added; see `Format.save`.
    formats : iterable of str or Format, optional
        Formats, or names of those in ``Format.kinds``. When left out, all that are no viewers and
        that can hold this; a note in the log says what cannot, and why.
    tilts : TiltSeries, optional
        The tilt series.
    force : bool, optional
        Whether files that are there under the same names are replaced, whoever wrote them.
    tell : callable, optional
        Called with a line for each format that says what was added, replaced and kept.

    Returns
    -------
    dict
        Where the files of each format are.

    Raises
    ------
    ValueError
        A format is unknown, or cannot hold this; nothing is written then.
    FileExistsError
        What is there would have to go; nothing is written then.
    """
    return _export(
        truth, Path(folder), formats, tilts, force=force, tell=tell, identity=truth.digest
    )


def _export(
    truth: GroundTruth,
    folder: Path,
    formats: Iterable[str | Format] | None,
    tilts: TiltSeries | None,
    *,
    force: bool,
    tell: Tell | None,
    identity: str,
    source: Path | None = None,
) -> dict[str, Path]:
    chosen = {one.kind: one for one in chosen_formats(formats, truth, tilts, viewers=False)}
    places = [(one, folder / name) for name, one in chosen.items()]
    saved = _save(places, truth, tilts, force=force, tell=tell, identity=identity, source=source)
    return dict(zip(chosen, saved, strict=True))


def _save(
    places: list[tuple[Format, Path]],
    truth: GroundTruth,
    tilts: TiltSeries | None,
    *,
    force: bool,
    tell: Tell | None = None,
    identity: str | None = None,
    source: Path | None = None,
) -> list[Path]:
    """Write formats into their folders: all of them, or where one is refused none."""
    if source is not None:
        for _, place in places:
            if place.exists() and place.samefile(source):
                raise FileExistsError(f"{place}: is the folder of the run that is exported")
    with ExitStack() as stack:
        projects = {
            # In one order, so that two processes do not wait for each other.
            place: stack.enter_context(
                sharing(
                    place,
                    truth.name,
                    identity=truth.digest if identity is None else identity,
                    source="" if source is None else str(source.resolve()),
                    apart=not one.names_runs,
                    merged=one.merged,
                    force=force,
                )
            )
            for one, place in sorted(places, key=lambda pair: str(pair[1]))
        }
        for one, place in places:
            one.add(projects[place], truth, tilts)
        for project in projects.values():
            project.check()
        for _, place in places:
            projects[place].put()
            if tell is not None:
                tell(str(projects[place]))
    return [projects[place].place for _, place in places]


def format_named(one: str | Format) -> Format:
    """Return a format as it is, or the one of a name with its defaults."""
    return one if isinstance(one, Format) else kind_named(Format, one, where="format")()


def formats_that_run(formats: Iterable[str | Format]) -> list[Format]:
    """Return formats by name or value: before any work an error where a package is missing."""
    chosen = [format_named(one) for one in formats]
    for one in chosen:
        if why := one.lacks():
            raise MissingExtra(f"{one.kind}: {why}")
    return chosen


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
