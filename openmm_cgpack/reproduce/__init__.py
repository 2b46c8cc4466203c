"""The paper's experiments as functions, and a report of what holds."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Iterable

from .report import findings_markdown, report_html, write_report
from .runs import Settings
from .section import Finding, Picture, Section, Table

__all__ = [
    "EXPERIMENTS",
    "Finding",
    "Picture",
    "Section",
    "Settings",
    "Table",
    "findings_markdown",
    "report_html",
    "reproduce",
    "run_experiment",
    "write_report",
]

EXPERIMENTS = {
    1: ("crowded", "run_crowded"),
    2: ("volumes", "run_volumes"),
    3: ("five", "run_five"),
    4: ("together", "run_together"),
    5: ("deforming", "run_deforming"),
    6: ("picking", "run_picking"),
    7: ("segmenting", "run_segmenting"),
}
"""Module and function of each experiment, by its number."""


def run_experiment(number: int, settings: Settings) -> Section:
    """Run one experiment.

    Parameters
    ----------
    number : int
        Its number, 1 to 7.
    settings : Settings
        How.

    Returns
    -------
    Section

    Raises
    ------
    ValueError
        There is no experiment of that number.
    """
    if number not in EXPERIMENTS:
        raise ValueError(f"experiment: wanted a number from 1 to {len(EXPERIMENTS)}, got {number}")
    module, function = EXPERIMENTS[number]
    return getattr(importlib.import_module(f".{module}", __package__), function)(settings)


def reproduce(
    settings: Settings | None = None,
    *,
    only: Iterable[int] | None = None,
    after_each: Callable[[tuple[Section, ...]], None] | None = None,
) -> tuple[Section, ...]:
    """Run the paper's experiments.

    Parameters
    ----------
    settings : Settings, optional
        How; full size with seed 0 when left out.
    only : iterable of int, optional
        Numbers of the experiments to run; all when left out.
    after_each : callable, optional
        Called with all sections so far after every experiment, so that a long run which is cut
        short leaves what it has.

    Returns
    -------
    tuple of Section
        In the order of their numbers.

    Raises
    ------
    ValueError
        There is no experiment of a number.
    """
    settings = Settings() if settings is None else settings
    numbers = sorted(set(EXPERIMENTS if only is None else only))
    for number in numbers:
        if number not in EXPERIMENTS:
            raise ValueError(
                f"experiment: wanted numbers from 1 to {len(EXPERIMENTS)}, got {number}"
            )
    log = logging.getLogger(__name__)
    sections = []
    for number in numbers:
        start = time.monotonic()
        sections.append(run_experiment(number, settings))
        seconds = time.monotonic() - start
        log.info("experiment %d: %s (%.0f s)", number, sections[-1].title, seconds)
        if after_each is not None:
            after_each(tuple(sections))
    return tuple(sections)
