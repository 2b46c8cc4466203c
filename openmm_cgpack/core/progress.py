"""Progress bars of long work, where somebody sees them."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from .messages import printable

Item = TypeVar("Item")

_QUIET = 1.0
"""What takes less shows no progress, s."""

Advance = Callable[..., None]
"""Moves a bar on, by some units (1 when left out), with a ``note`` of words beside it."""


_shown: ContextVar[bool] = ContextVar("_shown", default=not os.environ.get("TQDM_DISABLE"))
"""Whether bars are shown; tqdm's own variable turns all of them off, as for built pages."""


@contextmanager
def progress_shown(show: bool) -> Iterator[None]:
    """Let what is called show progress bars, or none: who is told not to is told for all inside.

    Examples
    --------
    >>> with progress_shown(False), progress_bar("packing", total=3) as advance:
    ...     advance(2, note="radius of gyration 12.1 nm")
    """
    token = _shown.set(_shown.get() and show)
    try:
        yield
    finally:
        _shown.reset(token)


@contextmanager
def progress_bar(
    name: str, *, show: bool = True, total: int | None = None, unit: str = "it"
) -> Iterator[Advance]:
    """Yield ``advance(units=1, note="")``, which moves a progress bar on where somebody sees it.

    That is in a terminal and in a notebook, from a second on, where neither `show` nor an outer
    `progress_shown` says no. Without a total it tells the time.

    Examples
    --------
    >>> with progress_bar("packing", show=False, total=3) as advance:
    ...     advance(2, note="radius of gyration 12.1 nm")
    """
    if not (show and _shown.get() and (_in_notebook() or sys.stderr.isatty())):
        yield lambda units=1, note="": None
        return
    form = "{desc}: {elapsed}{postfix}" if total is None else None
    # `delay` leaves the first look to the ticking, and what is quicker is never shown.
    with _tqdm()(
        desc=printable(name), total=total, unit=unit, leave=False, delay=_QUIET, bar_format=form
    ) as bar:

        def advance(units: int = 1, note: str = "") -> None:
            if note:
                bar.set_postfix_str(printable(note), refresh=False)
            bar.update(units)

        with _ticking(bar):
            yield advance


@contextmanager
def _ticking(bar: Any) -> Iterator[None]:
    """Draw a bar anew every second, the first time after one: what is at one long item lives."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(_QUIET):
            bar.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _tqdm() -> Any:
    """Return the bars for where we are: widgets in a notebook that has them, else text."""
    with warnings.catch_warnings():
        # Without ipywidgets a notebook has bars of text, which is no news.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm


def tracked(items: Iterable[Item], name: str, *, show: bool = True) -> Iterator[Item]:
    """Yield items, with a progress bar over them where it is to be shown."""
    items = list(items)
    with progress_bar(name, show=show, total=len(items)) as advance:
        for item in items:
            yield item
            advance()
