"""Recipes run into folders, gone on with, and read again."""

from .folder import RunFolder
from .overviews import plot_overview
from .pipeline import STAGES, Simulated, simulate, simulate_series
from .rendering import render_again
from .running import resume, run
from .work import load_unfinished

__all__ = [
    "STAGES",
    "RunFolder",
    "Simulated",
    "load_unfinished",
    "plot_overview",
    "render_again",
    "resume",
    "run",
    "simulate",
    "simulate_series",
]
