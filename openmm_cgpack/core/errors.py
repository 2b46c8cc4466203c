"""Errors of runs that failed; bad arguments are ValueError and TypeError."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene import PackedScene


class PlacementError(RuntimeError):
    """The molecules could not be placed without overlaps in the room given."""


class PackingError(RuntimeError):
    """A packing failed; the message names the step and the worst ball, or the fraction reached.

    Parameters
    ----------
    message : str
        What happened.
    best : PackedScene, optional
        The best state that was reached, where there is one.
    """

    def __init__(self, message: str, *, best: PackedScene | None = None) -> None:
        super().__init__(message)
        self.best = best


class StructureError(ValueError):
    """A structure could not be read or fetched; the message names the file or the id."""
