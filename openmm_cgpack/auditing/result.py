"""What an audit finds."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..core.arrays import noun
from .atoms import Contacts
from .ball_overlaps import BallOverlap
from .composition import SpeciesCount
from .distances import RadialDistribution
from .envelopes import Occupancy
from .orientations import OrientationOrder

MG_PER_ML = 1.66053907
"""One Da/nm^3 in mg/mL."""

FORMAT_VERSION = 2


@noun
class Audit:
    """What is in a packed scene, how tight it is, and whether it is clean.

    Parameters
    ----------
    boundary : str
        ``"open"``, ``"periodic"`` or ``"slab"``.
    species : tuple of SpeciesCount
        Counts asked and placed.
    occupancy : Occupancy
        Volumes of the envelopes.
    mass, mass_with_hydrogens : float
        Mass of all heavy atoms, and with their hydrogens estimated, Da.
    contacts : Contacts or None
        Heavy atoms near those of other molecules; None where no species has real atoms.
    balls : BallOverlap
        Overlaps of the balls.
    radial : RadialDistribution or None
        Of the centres of the rigid molecules; None for fewer than two.
    orientation : OrientationOrder or None
        Of the rigid molecules and filaments; None for fewer than two molecules.

    Examples
    --------
    >>> from openmm_cgpack import as_packed, audit, Filament, place
    >>> found = audit(as_packed(place([(Filament(n_balls=5).build(), 4)], seed=1)))
    >>> found.n_instances, found.boundary, found.balls.deepest
    (4, 'open', 0.0)
    """

    boundary: str
    species: tuple[SpeciesCount, ...]
    occupancy: Occupancy
    mass: float
    mass_with_hydrogens: float
    contacts: Contacts | None
    balls: BallOverlap
    radial: RadialDistribution | None
    orientation: OrientationOrder | None

    @property
    def n_instances(self) -> int:
        """Number of instances."""
        return sum(species.placed for species in self.species)

    @property
    def region_volume(self) -> float:
        """Volume of the box less the obstacle, or of an open scene's filled region, nm^3."""
        filled = self.occupancy.filled
        return self.occupancy.box_volume - self.occupancy.blocked if filled is None else filled

    @property
    def fraction(self) -> float:
        """Union of all envelopes over the box less the obstacle, or over the filled region."""
        return self.occupancy.union / self.region_volume

    @property
    def fraction_of_box(self) -> float:
        """Union of all envelopes over the box; that around everything where the scene is open."""
        return self.occupancy.union / self.occupancy.box_volume

    @property
    def nominal_fraction(self) -> float:
        """Sum of the envelopes' volumes at rest over the same volume as `fraction`."""
        return sum(s.placed * s.volume for s in self.species) / self.region_volume

    @property
    def mg_per_ml(self) -> float:
        """Mass of the heavy atoms over the same volume as `fraction`, mg/mL."""
        return self.mass / self.region_volume * MG_PER_ML

    @property
    def mg_per_ml_with_hydrogens(self) -> float:
        """The same with the hydrogens estimated, mg/mL."""
        return self.mass_with_hydrogens / self.region_volume * MG_PER_ML

    @property
    def mean_spacing(self) -> float:
        """Edge of the cube that one instance has to itself, nm."""
        return (self.region_volume / self.n_instances) ** (1 / 3)

    @property
    def order_beyond_two_spacings(self) -> float | None:
        """`RadialDistribution.order_beyond` of two mean spacings; None without a distribution."""
        return None if self.radial is None else self.radial.order_beyond(2 * self.mean_spacing)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain JSON types, by the names of fields; lengths in nm."""
        record = {"format": "openmm_cgpack audit", "format_version": FORMAT_VERSION}
        derived = {
            name: getattr(self, name)
            for name, member in vars(Audit).items()
            if isinstance(member, property)
        }
        return record | derived | _plain(self)

    def __str__(self) -> str:
        from .text_table import audit_table

        return audit_table(self)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    return value.tolist() if isinstance(value, np.ndarray) else value
