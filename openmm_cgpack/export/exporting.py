"""Ground truth in the formats of other programs: that of a run, of several, or in memory."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..core.messages import path_text
from ..core.names import checked_file_name, checked_name
from ..core.progress import progress_shown, tracked
from ..core.settings import Settings, setting
from ..core.tilts import TiltSeries
from ..runs.folder import TOMOGRAM, RunFolder
from .formats import Format, Tell, chosen_formats, formats_that_run, save_all
from .truth import GroundTruth, load_truth


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


def export_run(
    out: str | os.PathLike[str],
    formats: Iterable[str | Format] | None = None,
    settings: Export = EVERYTHING,
    *,
    folder: str | os.PathLike[str] | None = None,
    force: bool = False,
    tell: Tell | None = None,
    progress: bool = True,
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
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

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
        progress=progress,
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
        with progress_shown(False):
            save_all(into, truth, tilts, force=force, identity=identity, source=run.path)
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
    progress: bool = True,
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
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

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
        truth,
        Path(folder),
        formats,
        tilts,
        force=force,
        tell=tell,
        identity=truth.digest,
        progress=progress,
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
    progress: bool,
) -> dict[str, Path]:
    chosen = {one.kind: one for one in chosen_formats(formats, truth, tilts, viewers=False)}
    places = [(one, folder / name) for name, one in chosen.items()]
    with progress_shown(progress):
        saved = save_all(
            places, truth, tilts, force=force, tell=tell, identity=identity, source=source
        )
    return dict(zip(chosen, saved, strict=True))
