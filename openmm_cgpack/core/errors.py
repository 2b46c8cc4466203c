"""Errors of runs that failed; bad arguments are ValueError and TypeError."""

from __future__ import annotations


class PlacementError(RuntimeError):
    """The molecules could not be placed without overlaps in the room given."""


class PackingError(RuntimeError):
    """A packing failed; the message names the step and the worst ball."""


class StructureError(ValueError):
    """A structure could not be read or fetched; the message names the file or the id."""
