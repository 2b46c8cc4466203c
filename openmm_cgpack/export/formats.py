"""What a format is, which there are, and how several are written as one."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.progress import tracked
from ..core.runtime import MissingExtra, missing_extra
from ..core.settings import Settings, kind_named, setting
from ..core.tilts import TiltSeries
from ..io.shared_folders import SharedFolder, sharing
from .truth import GroundTruth

_log = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Takes a line that says what was added, replaced and kept."""


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
        return save_all([(self, Path(folder))], truth, tilts, force=force)[0]

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


def save_all(
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
        for one, place in tracked(places, "formats"):
            one.add(projects[place], truth, tilts)
        for project in projects.values():
            project.check()
        for _, place in places:
            projects[place].put()
            if tell is not None:
                tell(str(projects[place]))
    return [projects[place].place for _, place in places]
