"""Errors of runs that failed; bad arguments are ValueError and TypeError."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene import PackedScene


class PlacementError(RuntimeError):
    """The molecules could not be placed without overlaps in the room given.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Periodic, place
    >>> try:
    ...     place([(Filament(n_balls=9).build(), 50)], boundary=Periodic(box=40), seed=1)
    ... except PlacementError as error:
    ...     print(error)
    no room: ... of 50 instances fit into 40 x 40 x 40 nm without overlaps; ...
    """


class PackingError(RuntimeError):
    """A packing failed; the message names the step and the worst ball, or the fraction reached.

    Parameters
    ----------
    message : str
        What happened.
    best : PackedScene, optional
        The best state that was reached, where there is one.

    Examples
    --------
    Whoever catches it has the best state, to look at or to go on from:

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
