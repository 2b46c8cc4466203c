"""One scene of a data set, made wherever a worker is, with a log of its own."""

from __future__ import annotations

import logging
import os
import platform
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ..core import PackingError, PlacementError
from ..core.messages import PACKAGE, one_line, printable
from ..core.runtime import threads_at_most
from ..io.inputs import load_module
from ..runs import resume, run
from ..runs.folder import MANIFEST, RECIPE
from ..runs.work import work_folder
from .copick_project import add_to_project
from .folder import DatasetFolder
from .scene_table import DONE, FAILED, MISSING

_ALONE = threading.Lock()
"""One scene at a time in a process, whose log and number of threads are the scene's."""

_log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What came of a scene: its number, one of the states of `scene_table`, and an error."""

    scene: int
    state: str
    error: str = ""


class Task(NamedTuple):
    """What is to be done at each scene, the same for all.

    Parameters
    ----------
    imports : tuple of str
        Modules of the user's own that register kinds.
    force : bool
        Whether a scene is begun where it takes more memory or disk than there is.
    again : bool
        Whether it is made again where it is there, or begun.
    """

    imports: tuple[str, ...] = ()
    force: bool = False
    again: bool = False

    def import_modules(self) -> None:
        """Import the user's modules; ValueError where one cannot be."""
        for name in self.imports:
            load_module(name)


def make_scene(path: str, index: int, task: Task) -> Outcome:
    """Make a scene, or go on with it where a worker was lost at it.

    Parameters
    ----------
    path : str
        The folder of the data set.
    index : int
        Number of the scene.
    task : Task
        What is to be done.

    Returns
    -------
    Outcome
        Also where it fails: nothing but an interruption is raised.
    """
    held = DatasetFolder(path)
    with _ALONE, _log_of(held.log(index)):
        try:
            task.import_modules()
            recipe, _ = held.plan.scene(index)
            with threads_at_most(recipe.run.threads or 1):
                out = held.scene(index)
                if (work_folder(out) / RECIPE).is_file() and not task.again:
                    resume(out, force=task.force, progress=False)
                elif task.again or not (out / MANIFEST).is_file():
                    run(recipe, out, force=task.force or task.again, progress=False)
                if task.again or not held.is_made(index):
                    add_to_project(held, index)
        except (PackingError, PlacementError) as error:
            return _ended(index, FAILED, error)
        except Exception as error:
            # Of this scene, as a full disc: what it is, whoever makes the others cannot know.
            return _ended(index, MISSING, error)
        return Outcome(index, DONE)


def _ended(index: int, state: str, error: Exception) -> Outcome:
    _log.error("%s", "".join(traceback.format_exception(error)))
    return Outcome(index, state, one_line(error))


@contextmanager
def _log_of(path: Path) -> Iterator[None]:
    """Send what the package says while a scene is made to the scene's log, and nowhere else."""
    package = logging.getLogger(PACKAGE)
    before = package.handlers[:], package.level, package.propagate
    file = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    file.setFormatter(_Lines("%(asctime)s %(message)s", "%H:%M:%S"))
    package.handlers, package.propagate = [file], False
    package.setLevel(logging.INFO)
    begin = datetime.now(UTC).isoformat(timespec="seconds")
    _log.info("begun %s on %s by process %d", begin, platform.node(), os.getpid())
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _to_log
            yield
    finally:
        file.close()
        package.handlers, package.propagate = before[0], before[2]
        package.setLevel(before[1])


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(printable(line) for line in super().format(record).split("\n"))


def _to_log(message: Warning | str, *_: object, **__: object) -> None:
    _log.warning("note: %s", message)
