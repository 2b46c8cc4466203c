"""Progress of long work: one bar for everything, and threads whose work it counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Advance = Callable[..., None]
"""Moves a bar on, by some units (1 when left out), with a ``note`` of words beside it."""


@contextmanager
def progress_bar(
    name: str, *, show: bool, total: int | None = None, unit: str = "it"
) -> Iterator[Advance]:
    """Yield ``advance(units=1, note="")``, which moves a progress bar on where one is shown.

    Examples
    --------
    >>> with progress_bar("packing", show=False, total=3) as advance:
    ...     advance(2, note="radius of gyration 12.1 nm")
    """
    if not show:
        yield lambda units=1, note="": None
        return
    from tqdm.auto import tqdm

    with tqdm(desc=name, total=total, unit=unit, leave=False) as bar:

        def advance(units: int = 1, note: str = "") -> None:
            if note:
                bar.set_postfix_str(note)
            bar.update(units)

        yield advance


def tracked(items: Iterable[Item], name: str, *, show: bool) -> Iterator[Item]:
    """Yield items, with a progress bar over them where it is to be shown."""
    items = list(items)
    with progress_bar(name, show=show, total=len(items)) as advance:
        for item in items:
            yield item
            advance()


def in_threads(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None,
    name: str = "",
    show: bool = False,
) -> list[Result]:
    """Return the results of work on each item, in their order; all cores with ``threads=None``.

    Examples
    --------
    >>> in_threads(abs, [-1, 2], threads=2)
    [1, 2]
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads: wanted 1 or more, got {threads}")
    items = list(items)
    pool = ThreadPoolExecutor(threads or os.cpu_count())
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
