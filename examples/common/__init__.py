"""What the examples share: the paper's molecules, packings with frames, measures, the report."""

from __future__ import annotations

import importlib

from .runs import Settings
from .section import Section

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
    """Run one experiment, by its number from 1 to 7."""
    module, function = EXPERIMENTS[number]
    return getattr(importlib.import_module(f".{module}", __package__), function)(settings)
