"""The folder of a data set: the name of everything in it, once, and how it is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..core.display import Rows, described
from ..core.messages import path_from_text, path_text, said_of
from ..export import Export, Format, export_runs
from ..export.exporting import EVERYTHING
from ..export.formats import format_named
from ..io.files import read_toml, toml_text, write_text
from ..io.inputs import read_table
from ..io.picks import COPICK_RUNS
from ..runs.folder import MANIFEST, RunFolder
from .plan import SPLITS, Plan

DATASET = "dataset.toml"
"""The file that says that a folder is a data set's: the first one written."""

TABLE = "scenes.csv"
SCENES = "scenes"
"""Folder of the runs, a folder and a log each."""

PROJECT = "copick"
"""Folder of the copick project of all runs, whose configuration is beside it."""

PROJECT_CONFIG = "copick.json"

SUMMARY_PICTURE, SUMMARY_PAGE = "summary.png", "summary.html"

_FORMAT = "openmm_cgpack dataset 1"
_WANTED = "a data set of openmm_cgpack"


@described
class DatasetFolder:
    """What a data set holds; every part is read when it is asked for.

    Parameters
    ----------
    path : path-like
        The folder that ``cgpack dataset`` made.

    Raises
    ------
    FileNotFoundError
        There is no such folder, or no data set in it.

    Examples
    --------
    >>> held = DatasetFolder("crowded")  # doctest: +SKIP
    >>> [run.tomogram().data.shape for run in held.runs("train")]  # doctest: +SKIP
    [(128, 128, 128), (128, 128, 128), ...]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not (self.path / DATASET).is_file():
            raise FileNotFoundError(f"{self.path / DATASET}: no such file; wanted {_WANTED}")

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{str(self.path)!r}, {len(self.indices())} of {self.n} scenes made"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        return [(split, f"{len(self.indices(split))} scenes made") for split in SPLITS]

    @cached_property
    def plan(self) -> Plan:
        """The recipe with its distributions, and the seed."""
        held = self._held
        with said_of(self.path / DATASET, _WANTED):
            folder = Path(os.path.normpath(self.path.resolve() / path_from_text(held["folder"])))
            return Plan(
                table=held["recipe"],
                seed=held["recipe"]["seed"],
                shares=tuple(held["shares"]),
                folder=folder,
                source=str(self.path / DATASET),
            )

    @cached_property
    def n(self) -> int:
        """How many scenes it is to have."""
        with said_of(self.path / DATASET, _WANTED):
            return int(self._held["n"])

    @cached_property
    def _held(self) -> dict[str, Any]:
        held = read_toml(self.path / DATASET)
        with said_of(self.path / DATASET, _WANTED):
            if held["format"] != _FORMAT:
                raise ValueError("another format")
        return held

    def scene(self, index: int) -> Path:
        """Return the folder of a scene's run, which is there when the scene is made."""
        return self.path / SCENES / scene_name(index)

    def log(self, index: int) -> Path:
        """Return the log of a scene."""
        return self.path / SCENES / f"{scene_name(index)}.log"

    @property
    def has_table(self) -> bool:
        """Whether ``scenes.csv`` is there: it is not while the folder is begun."""
        return (self.path / TABLE).is_file()

    @property
    def has_summary(self) -> bool:
        """Whether there is a page that sums it up."""
        return (self.path / SUMMARY_PAGE).is_file()

    def project_run(self, index: int) -> Path:
        """Return the folder of a scene in the copick project."""
        return self.path / PROJECT / COPICK_RUNS / tomogram_name(index)

    def is_made(self, index: int) -> bool:
        """Return whether all of a scene is there."""
        return (self.scene(index) / MANIFEST).is_file() and self.project_run(index).is_dir()

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of ``scenes.csv``: texts by the names of columns."""
        return [row for _, row in read_table(self.path / TABLE).rows]

    def indices(self, split: str | None = None) -> list[int]:
        """Return the numbers of the scenes that are made, all or those of a split.

        Raises
        ------
        ValueError
            There is no such split.
        """
        if split is not None and split not in SPLITS:
            raise ValueError(f"split: wanted one of {', '.join(SPLITS)}, got {split!r}")
        return [
            index
            for index in range(self.n)
            if (self.scene(index) / MANIFEST).is_file() and split in (None, self.plan.split(index))
        ]

    def export(
        self,
        formats: Iterable[str | Format],
        settings: Export = EVERYTHING,
        *,
        split: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        force: bool = False,
        progress: bool = True,
    ) -> dict[str, Path]:
        """Write the ground truth of the scenes that are made for other programs.

        Parameters
        ----------
        formats : iterable of str or Format
            Which ones; the copick project is there without.
        settings : Export, optional
            What of each scene; see `export_runs`.
        split : str, optional
            That of the scenes; all of them when left out.
        folder : path-like, optional
            Where to write, one folder for each format; by default that of the data set.
        force, progress : bool, optional
            See `export_runs`.

        Returns
        -------
        dict
            Where the files of each format are.
        """
        chosen = [format_named(one) for one in formats]
        if not chosen:
            raise ValueError("format: wanted at least one, for a data set")
        if folder is None and PROJECT in {one.kind for one in chosen}:
            raise FileExistsError(
                f"{self.path / PROJECT_CONFIG}: is the copick project; give another folder for one "
                "more"
            )
        runs = {tomogram_name(index): self.scene(index) for index in self.indices(split)}
        place = self.path if folder is None else folder
        return export_runs(runs, chosen, settings, folder=place, force=force, progress=progress)

    def runs(self, split: str | None = None) -> list[RunFolder]:
        """Return the runs of the scenes that are made, all or those of a split."""
        return [RunFolder(self.scene(index)) for index in self.indices(split)]


def tomogram_name(index: int) -> str:
    """Return the name of a scene's tomogram, which no reader takes for a number.

    Examples
    --------
    >>> tomogram_name(17)
    'scene-0017'
    """
    return f"scene-{scene_name(index)}"


def scene_name(index: int) -> str:
    """Return the name of the folder of a scene's run.

    Examples
    --------
    >>> scene_name(17)
    '0017'
    """
    return f"{index:04d}"


def write_dataset(path: Path, plan: Plan, n: int) -> None:
    """Write what a data set is into its folder."""
    folder = Path(os.path.relpath(plan.folder.resolve(), path.resolve()))
    held: Mapping[str, Any] = {
        "format": _FORMAT,
        "version": version("openmm_cgpack"),
        "n": n,
        "shares": list(plan.shares),
        # Where relative paths of the recipe start, from here.
        "folder": path_text(folder.as_posix()),
        "recipe": plan.table,
    }
    write_text(path / DATASET, toml_text(held))
