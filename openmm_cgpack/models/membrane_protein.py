"""Proteins that sit in a membrane."""

from __future__ import annotations

import numpy as np

from ..core.model import BallModel
from ..core.runtime import StructureError
from ..core.settings import kind, setting
from ..core.structure import AtomicStructure, MembranePlane
from ..structures import find_belt
from .embedding import seated
from .molecule import Molecule
from .structure import Names, Seat, names

_HALF_THICKNESS = 1.5
"""Half of a membrane's hydrophobic core where the user says its axis and height, nm; OPM's
proteins have 1.1 to 1.7."""


@kind("membrane_protein")
class MembraneProtein(Molecule):
    """A rigid molecule in a membrane: one of `species`, `pdb` and `id` says which.

    Its axis and height are those that are said here, else those of the membrane that its file
    marks (OPM's dummy atoms), else found from the hydrophobic belt around it; the library's
    membrane proteins have theirs.

    Examples
    --------
    >>> channel = MembraneProtein(species="6cnj", membrane="vesicle", count=20)
    >>> channel.label, channel.hosts, channel.read().membrane_plane.normal.round(1)
    ('6cnj', ('vesicle',), array([ 0., -0.,  1.]))
    """

    membrane: Names = setting(
        "name of the membrane that it sits in, or a list of names; `count` is altogether, in any "
        "instance of any of them, larger ones taking more"
    )
    per_area: float | None = setting(
        "in place of count: how many on an area of the membranes",
        default=None,
        unit="1/nm²",
        above=0,
    )
    axis: tuple[float, float, float] | None = setting(
        "normal of its membrane in the frame of its file, from the inner to the outer side; left "
        "out, as its file marks it, or as its hydrophobic belt has it",
        default=None,
    )
    height: float | None = setting(
        "where the middle of its membrane is along axis, from the origin of its file",
        default=None,
        unit="nm",
        usual=(-20, 20),
    )
    outward: float = setting(
        "part of them with their outer side on the membrane's outer side; the others are the other "
        "way up",
        default=1.0,
        minimum=0,
        maximum=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hosts:
            raise ValueError("membrane: wanted at least one name")
        if self.model == "single":
            raise ValueError('model: wanted "balls": one ball has no axis')
        if (self.axis is None) != (self.height is None):
            raise ValueError("axis and height: wanted both or neither")
        if self.axis is not None and not np.linalg.norm(self.axis) > 0:
            raise ValueError("axis: wanted a direction, got (0, 0, 0)")

    def meaningless(self) -> dict[str, str]:
        """Return what its membranes settle."""
        settled = dict.fromkeys(("where", "fraction"), "for what sits in a membrane")
        beside = {} if self.per_area is None else {"count": "beside per_area"}
        return super().meaningless() | settled | beside

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the membranes that it sits in."""
        return names(self.membrane)

    def read(self) -> AtomicStructure:
        """Return the protein with its membrane.

        Raises
        ------
        StructureError
            No membrane is said or marked, and there is no hydrophobic belt.
        """
        structure = super().read()
        if self.axis is not None and self.height is not None:
            return structure.in_membrane(_said(structure, np.array(self.axis), self.height))
        if structure.membrane is not None:
            return structure
        return structure.in_membrane(find_belt(structure).plane)

    def number(self, model: BallModel, room: float) -> int:
        """Return how many there are on an area of `room` nm²."""
        return self.count if self.per_area is None else round(self.per_area * room)

    def seat(
        self,
        model: BallModel,
        membrane: BallModel,
        balls: np.ndarray,
        *,
        face: int,
        weights: np.ndarray,
        rng: np.random.Generator,
    ) -> Seat:
        """Return how an instance sits at a place; which way up and its turn are drawn."""
        return seated(
            model,
            membrane,
            balls,
            face=face,
            weights=weights,
            outward=bool(rng.random() < self.outward),
            turn=rng.uniform(0, 2 * np.pi),
        )


def _said(structure: AtomicStructure, axis: np.ndarray, height: float) -> MembranePlane:
    """Return the membrane at a height along an axis of the file, its middle amid the atoms."""
    normal = axis / np.linalg.norm(axis)
    heights = (structure.positions + structure.file_origin) @ normal - height
    inside = np.abs(heights) < _HALF_THICKNESS
    if not inside.any():
        raise StructureError(
            f"{structure.name}: height: wanted that of a membrane that it is in, from "
            f"{heights.min() + height:.1f} to {heights.max() + height:.1f} nm along its axis, got "
            f"{height:g}"
        )
    middle = np.average(structure.positions[inside], axis=0, weights=structure.masses[inside])
    middle = middle + (height - (middle + structure.file_origin) @ normal) * normal
    return MembranePlane(middle, normal, _HALF_THICKNESS)
