"""What all long work shares: seeds, threads, memory, and the errors of what failed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .progress import progress_bar

if TYPE_CHECKING:
    from .scene import PackedScene

Item = TypeVar("Item")
Result = TypeVar("Result")

STAGES = ("models", "placement", "dynamics", "noise", "drawing", "split")
"""Stages in the order of their children; append, never reorder: old seeds keep their meaning."""


def stage_seed(seed: int, stage: str, index: int = 0) -> np.random.SeedSequence:
    """Return the seeds of a stage (one of `STAGES`) of the scene `index` of a recipe.

    Examples
    --------
    >>> stage_seed(1, "noise").generate_state(1) == stage_seed(1, "noise").generate_state(1)
    array([ True])
    """
    return np.random.SeedSequence(seed, spawn_key=(index, STAGES.index(stage)))


def integer_seed(sequence: np.random.SeedSequence) -> int:
    """Return a positive 31-bit integer drawn from `sequence`, for libraries that want one."""
    return int(sequence.generate_state(1)[0] % (2**31 - 1)) + 1


def seed_sequence(seed: int | np.random.SeedSequence) -> np.random.SeedSequence:
    """Return a seed as a sequence; one that is a sequence already as it is.

    Raises
    ------
    TypeError, ValueError
        It is no whole number, or a negative one.
    """
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if not isinstance(seed, int | np.integer):
        raise TypeError(
            f"seed: wanted a whole number or a SeedSequence, got a value of {type(seed).__name__}"
        )
    if seed < 0:
        raise ValueError(f"seed: wanted a whole number >= 0, got {seed}")
    return np.random.SeedSequence(int(seed))


_most_threads: int | None = None


@contextmanager
def threads_at_most(number: int) -> Iterator[None]:
    """Let all that this process does use no more threads than a number, BLAS's included.

    For processes that share a machine, as workers of a cluster; it holds for the whole process.

    Examples
    --------
    >>> with threads_at_most(2):
    ...     all_threads() <= 2
    True
    """
    from threadpoolctl import threadpool_limits

    global _most_threads
    before, _most_threads = _most_threads, number
    try:
        with threadpool_limits(number):
            yield
    finally:
        _most_threads = before


def all_threads() -> int:
    """Return how many threads are used where nothing is said: the cores, or `threads_at_most`."""
    cores = os.cpu_count() or 1
    return cores if _most_threads is None else min(cores, _most_threads)


def in_threads(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None,
    name: str = "",
    show: bool = False,
) -> list[Result]:
    """Return the results of work on each item, in their order; `all_threads` with None.

    Examples
    --------
    >>> in_threads(abs, [-1, 2], threads=2)
    [1, 2]
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads: wanted 1 or more, got {threads}")
    items = list(items)
    pool = ThreadPoolExecutor(threads or all_threads())
    try:
        with progress_bar(name, show=show, total=len(items)) as advance:
            results = []
            for result in pool.map(work, items):
                results.append(result)
                advance()
            return results
    finally:
        # After an error or an interruption nothing that waits is begun.
        pool.shutdown(cancel_futures=True)


def available_memory() -> int:
    """Return how many bytes of memory a process may still take: of the machine, its group, itself.

    Examples
    --------
    >>> available_memory() > 2**20
    True
    """
    free = [2**62, *_free_of_the_machine(), *_free_of_the_group(), *_free_of_the_process()]
    return max(0, min(free))


def _free_of_the_machine() -> Iterator[int]:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
            return
    # Without that file: all that the machine has.
    names = getattr(os, "sysconf_names", {})
    if {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(names):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free_of_the_group() -> Iterator[int]:
    """Yield what Linux' control groups leave, as containers and queue systems set them."""
    root = Path("/sys/fs/cgroup")
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.strip().split(":", 2)
        if controllers in ("", "memory"):
            names = ("memory.max", "memory.current", "inactive_file")
            if controllers:
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            top = root / controllers
            own = top / path.lstrip("/")
            # A limit of a group is one of all groups in it.
            for folder in (own, *own.parents):
                if folder.is_relative_to(top):
                    yield from _free_of_one_group(folder, *names)


def _free_of_one_group(folder: Path, limit: str, used: str, pages: str) -> Iterator[int]:
    limits, taken = _lines(folder / limit), _lines(folder / used)
    if limits and taken and limits[0].strip().isdigit():
        # Pages of files that were read are given up where memory is wanted.
        stat = dict(line.split() for line in _lines(folder / "memory.stat"))
        yield int(limits[0]) - int(taken[0]) + int(stat.get(pages, 0))


def _free_of_the_process() -> Iterator[int]:
    """Yield what the limits of a shell's ``ulimit`` leave."""
    if sys.platform != "linux":
        return
    import resource

    pages = [int(number) for line in _lines("/proc/self/statm") for number in line.split()]
    if not pages:
        return
    # Address space, and what of it is data.
    for kind, taken in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - taken * resource.getpagesize()


def _lines(path: str | os.PathLike[str]) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


class MissingExtra(ImportError, ValueError):
    """A package is not installed that only a part of this one needs."""


def missing_extra(module: str, extra: str) -> str | None:
    """Return how to install a package that an extra brings; None where it is installed."""
    package = module.partition(".")[0]
    if find_spec(package) is not None:
        return None
    return f"wanted {package}, which is not installed: pip install 'openmm_cgpack[{extra}]'"


def require(module: str, extra: str) -> Any:
    """Return a module of a package that an extra brings.

    Functions that need one ask for it first, so that nobody waits for an error.

    Raises
    ------
    MissingExtra
        It is not installed; the message says how to install it.

    Examples
    --------
    >>> try:
    ...     require("no_such_package", "viz")
    ... except MissingExtra as error:
    ...     print(error)
    wanted no_such_package, which is not installed: pip install 'openmm_cgpack[viz]'
    """
    if why := missing_extra(module, extra):
        raise MissingExtra(why)
    return import_module(module)


class PlacementError(RuntimeError):
    """The molecules could not be placed without overlaps in the room given.

    Its `fraction` is the envelope volume fraction to which a box was filled; 0 where none was.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Periodic, place
    >>> try:
    ...     place([(Filament(n_balls=9).build(), 50)], boundary=Periodic(box=40), seed=1)
    ... except PlacementError as error:
    ...     print(error)
    no room: ... of 50 instances fit into 40 x 40 x 40 nm without overlaps; ...
    """

    def __init__(self, message: str, *, fraction: float = 0.0) -> None:
        super().__init__(message)
        self.fraction = fraction


class PackingError(RuntimeError):
    """A packing failed; the message names the step and the worst ball, or the fraction reached.

    Whoever catches it has the `best` PackedScene that was reached, to look at or to go on from;
    None where there is none.

    Examples
    --------
    >>> try:
    ...     raise PackingError("reached 0.21 of 0.40", best=None)
    ... except PackingError as error:
    ...     print(error, error.best)
    reached 0.21 of 0.40 None
    """

    def __init__(self, message: str, *, best: PackedScene | None = None) -> None:
        super().__init__(message)
        self.best = best


class StructureError(ValueError):
    """A structure could not be read or fetched; the message names the file or the id.

    Examples
    --------
    >>> from openmm_cgpack import load_structure
    >>> try:
    ...     load_structure("missing.pdb")
    ... except StructureError as error:
    ...     print(error)
    missing.pdb: ...
    """
