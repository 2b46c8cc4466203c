"""A data set made, or what is missing of it."""

from __future__ import annotations

import logging
import os
import shutil
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..core.messages import shell_word, shown
from ..core.progress import progress_bar, tracked
from ..core.runtime import available_memory
from ..io.shared_folders import alone
from ..packing.simulations import asked_platform
from ..recipe import Recipe
from ..runs import Simulated
from ..runs.size import MAPS, extent, in_words, run_seconds, run_size, time_words
from .copick_project import write_project
from .folder import DATASET, SCENES, TABLE, DatasetFolder, write_dataset
from .one_scene import Outcome, Task
from .plan import SHARES, Plan, plan_of
from .scene_table import DONE, FAILED, MISSING, Row, made_row, planned_row, write_rows
from .summary import write_summary
from .workers import Workers, check_workers, make_scenes

_log = logging.getLogger(__name__)

MOST_SCENES = 10**6

_PROJECT = 0.7
"""What the copick project takes on disk, as part of maps and masks: the tomogram again, with its
smaller copies, and masks that are packed; measured."""

_LOOKED_AT = 3
"""Scenes whose sizes are worked out before any is made: the first, the last, and one between."""

_EVERY = 5.0
"""Seconds between writings of ``scenes.csv`` while scenes are made."""


def dataset(
    recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str] | None,
    n: int | None,
    out: str | os.PathLike[str],
    *,
    seed: int | None = None,
    only: int | Iterable[int] | None = None,
    resume: bool = False,
    force: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    slurm: str | os.PathLike[str] | None = None,
    shares: tuple[float, float, float] = SHARES,
    changes: Mapping[str, Any] | None = None,
    imports: Sequence[str] = (),
    progress: bool = True,
) -> DatasetFolder:
    """Make scenes of a recipe with distributions, each with values of its own, in one folder.

    A scene depends on the recipe, the seed and its number alone: not on how many there are, nor on
    who makes them in which order. Those that cannot be made are told of in ``scenes.csv``, and the
    others go on. Scenes at which a worker was lost are gone on with by another one. In a script
    the call has to stand under ``if __name__ == "__main__":``, as workers read the script, too.

    Parameters
    ----------
    recipe : Recipe, mapping or path-like, or None
        The recipe, its tables, its TOML file, or the name of one that comes along, where any value
        may be a distribution; with `resume` it may be left out.
    n : int or None
        How many scenes; with `resume` it may be left out, or be more than before.
    out : path-like
        The folder to make.
    seed : int, optional
        In place of the recipe's.
    only : int or iterable of int, optional
        Numbers of scenes, from 0, where not all of them are to be made.
    resume : bool, optional
        Whether the folder is there already, and what is missing in it is made.
    force : bool, optional
        Whether scenes that are there are made again, and begun where they take more memory or disk
        than there is.
    workers : int, optional
        How many scenes are made at once; as many as this machine bears when left out, and 0 for
        this process alone.
    scheduler, slurm : str, path-like, optional
        Workers of elsewhere; see `Workers`.
    shares : tuple of float, optional
        Parts of the scenes for training, validation and test, in tenths.
    changes : mapping, optional
        Tables that replace values of the recipe's.
    imports : sequence of str, optional
        Modules of one's own that register kinds, by name or by a path that ends in ``.py``: every
        worker imports them first.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    DatasetFolder

    Raises
    ------
    FileExistsError
        `out` exists, and `resume` was not said, or it is none of a data set.
    ValueError, TypeError, StructureError, OSError
        Something given is not good, or the scenes take more than there is; nothing is made then.

    Examples
    --------
    >>> held = dataset("crowded.toml", 200, "crowded", seed=1, workers=2)  # doctest: +SKIP
    >>> held.runs("train")[0].tomogram()  # doctest: +SKIP
    Volume(...)
    """
    how = Workers(
        workers=workers, scheduler=scheduler, slurm=None if slurm is None else Path(slurm)
    )
    check_workers(how)
    out = Path(out)
    task = Task(imports=tuple(imports), force=force, again=force and only is not None)
    task.import_modules()
    plan, n = _asked(recipe, n, out, seed=seed, resume=resume, shares=shares, changes=changes)
    chosen = _chosen(only, n)
    rows = [planned_row(plan, k) for k in tracked(range(n), "recipes", show=progress)]
    if not resume:
        memory = check_room(plan, chosen, out, force=force)
        (out / SCENES).mkdir(parents=True)
    with alone(out, "data set"):
        write_dataset(out, plan, n)
        making = _Making(DatasetFolder(out), rows)
        states = (MISSING,) if only is None else (MISSING, FAILED)
        todo = [index for index in chosen if task.again or making.rows[index]["state"] in states]
        if resume:
            memory = check_room(plan, todo, out, force=force)
        if todo and (why := plan.too_few(n)):
            _log.warning("cgpack: note: %s", why)
        making.make(todo, how, task, memory=memory, progress=progress)
        write_project(making.held, made=making.made)
        if todo or not making.held.has_summary:
            write_summary(making.held, making.rows)
    return making.held


class _Making:
    """A data set while its scenes are made: what is known of them so far."""

    def __init__(self, held: DatasetFolder, rows: list[Row]) -> None:
        self.held, self.rows = held, rows
        self._written = 0.0
        before = {row["index"]: row for row in held.rows()} if held.has_table else {}
        for index, row in enumerate(rows):
            old = before.get(str(index), {})
            if held.is_made(index):
                self._note(Outcome(index, DONE))
            elif old.get("state") in (FAILED, MISSING):
                self.rows[index] = row | {name: old[name] for name in ("state", "error")}
        self.write()

    def make(
        self,
        todo: list[int],
        how: Workers,
        task: Task,
        *,
        memory: float,
        progress: bool,
    ) -> None:
        """Make scenes; KeyboardInterrupt says how to go on."""
        if not todo:
            return
        recipe, _ = self.held.plan.scene(todo[0])
        try:
            with progress_bar("scenes", show=progress, total=len(todo), unit="scene") as advance:

                def each(outcome: Outcome) -> None:
                    self._note(outcome)
                    lost = self._number(FAILED) + bool(outcome.error)
                    advance(note=f"{lost} failed" if lost else "")
                    if outcome.error or time.monotonic() > self._written + _EVERY:
                        self.write()

                make_scenes(
                    self.held.path,
                    todo,
                    how,
                    task,
                    recipe=recipe,
                    memory=memory,
                    each=each,
                )
        except (KeyboardInterrupt, SystemExit) as end:
            words = (
                f"{len(self.made)} of {self.held.n} scenes are made; go on with: "
                f"cgpack dataset --resume -o {shell_word(self.held.path)}"
            )
            if isinstance(end, KeyboardInterrupt):
                raise KeyboardInterrupt(words) from None
            _log.warning("cgpack: note: %s", words)
            raise
        finally:
            self.write()

    @property
    def made(self) -> list[int]:
        """Numbers of the scenes that are made."""
        return [index for index, row in enumerate(self.rows) if row["state"] == DONE]

    def write(self) -> None:
        """Write ``scenes.csv``."""
        write_rows(self.held.path / TABLE, self.rows)
        self._written = time.monotonic()

    def _note(self, outcome: Outcome) -> None:
        row = self.rows[outcome.scene]
        if outcome.state == DONE:
            self.rows[outcome.scene] = made_row(row, self.held.scene(outcome.scene))
        else:
            self.rows[outcome.scene] = row | {"state": outcome.state, "error": outcome.error}

    def _number(self, state: str) -> int:
        return sum(row["state"] == state for row in self.rows)


def _asked(
    recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str] | None,
    n: int | None,
    out: Path,
    *,
    seed: int | None,
    resume: bool,
    shares: tuple[float, float, float],
    changes: Mapping[str, Any] | None,
) -> tuple[Plan, int]:
    """Return the plan and the number of scenes; FileExistsError where they may not be in `out`."""
    if resume:
        return _asked_again(
            recipe, n, DatasetFolder(out), seed=seed, shares=shares, changes=changes
        )
    if recipe is None or n is None:
        raise ValueError("dataset: wanted a recipe and how many scenes, or to resume a data set")
    if os.path.lexists(out):
        if (out / DATASET).is_file():
            raise FileExistsError(f"{out}: exists; resume=True makes what is missing in it")
        raise FileExistsError(f"{out}: exists, and is no data set; give another folder")
    return plan_of(recipe, seed=seed, shares=shares, changes=changes), _checked_n(n)


def _asked_again(
    recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str] | None,
    n: int | None,
    held: DatasetFolder,
    *,
    seed: int | None,
    shares: tuple[float, float, float],
    changes: Mapping[str, Any] | None,
) -> tuple[Plan, int]:
    """Return the plan of a data set that is there, and how many scenes it is to have now."""
    plan = held.plan
    if recipe is None and (seed is not None or changes):
        raise ValueError("resume: goes on as it began; it takes no seed and no changes")
    if recipe is not None:
        given = plan_of(recipe, seed=seed, shares=shares, changes=changes)
        if given.table != plan.table or given.shares != plan.shares:
            raise FileExistsError(
                f"{held.path}: is a data set of another recipe, seed or shares; give another folder"
            )
        plan = given
    if n is not None and n < held.n:
        raise ValueError(f"n: wanted {held.n} scenes, which {held.path} is of, or more, got {n}")
    return plan, held.n if n is None else _checked_n(n)


def _checked_n(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST_SCENES:
        raise ValueError(f"n: wanted a number of scenes from 1 to {MOST_SCENES}, got {shown(n)}")
    return n


def _chosen(only: int | Iterable[int] | None, n: int) -> list[int]:
    """Return the numbers of the scenes that are asked for."""
    if only is None:
        return list(range(n))
    chosen = [only] if isinstance(only, int) else list(only)
    for index in chosen:
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < n:
            raise ValueError(f"only: wanted scenes from 0 to {n - 1}, got {shown(index)}")
    return sorted(set(chosen))


def check_room(plan: Plan, indices: Sequence[int], out: Path, *, force: bool = False) -> float:
    """Raise ValueError where scenes take more memory or disk than there is; warn with `force`.

    Sizes are those of a few of the scenes, of which everything that a recipe names is read. The
    memory of the largest is returned, bytes.
    """
    if not indices:
        return 0.0
    first, _ = plan.scene(indices[0])
    with first.within("[run]"):
        asked_platform(first.run)
    sizes = _sizes(plan, indices)
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    disk = sum(size.disk for size in sizes) / len(sizes) * len(indices)
    memory = max(size.memory for size in sizes)
    for what, whose, wanted, free in (
        ("disk", f"{len(indices)} scenes take", disk, shutil.disk_usage(there).free),
        ("memory", "a scene takes", memory, available_memory()),
    ):
        if wanted <= free:
            continue
        text = f"{what}: {whose} about {in_words(wanted)}, and {in_words(free)} are free"
        if not force:
            raise ValueError(f"{text}; force=True begins all the same")
        warnings.warn(text, stacklevel=2)
    instances = [size.instances for size in sizes]
    counts = " to ".join(str(n) for n in sorted({min(instances), max(instances)}))
    _log.info(
        "will make  %d scenes of about %s instances; take about %s of disk in all, and of memory "
        "and time %s and %s each",
        len(indices),
        counts,
        in_words(disk),
        in_words(memory),
        time_words(max(size.seconds for size in sizes)),
    )
    return memory


class _Size(NamedTuple):
    """What a scene takes: bytes of memory and disk, and seconds of one core."""

    instances: int
    memory: float
    disk: float
    seconds: float


def _sizes(plan: Plan, indices: Sequence[int]) -> list[_Size]:
    """Return what a few of the scenes take."""
    places = {0, len(indices) // 2, len(indices) - 1}
    sizes = []
    for index in [indices[place] for place in sorted(places)][:_LOOKED_AT]:
        made = Simulated(recipe=plan.scene(index)[0])
        made.make("models")
        parts, scene = run_size(made.recipe, made.models), extent(made.recipe, made.models)
        maps = sum(part.disk for part in parts if part.what == MAPS)
        disk = sum(part.disk for part in parts) + _PROJECT * maps
        memory = sum(part.memory for part in parts)
        sizes.append(_Size(scene.instances, memory, disk, run_seconds(made.recipe, scene)))
    return sizes
