"""Auditing a packed scene: counts, density, overlaps, distances and orientations."""

from .atoms import Contacts, Within, atom_contacts
from .distances import RadialDistribution, radial_distribution
from .envelopes import Occupancy, occupancy
from .measure import audit, ball_overlap
from .orientation import NeighbourOrder, NematicOrder, Orientation, nematic_order, orientation
from .page import plot_audit, write_audit
from .result import Audit, BallOverlap, SpeciesCount

__all__ = [
    "Audit",
    "BallOverlap",
    "Contacts",
    "NeighbourOrder",
    "NematicOrder",
    "Occupancy",
    "Orientation",
    "RadialDistribution",
    "SpeciesCount",
    "Within",
    "atom_contacts",
    "audit",
    "ball_overlap",
    "nematic_order",
    "occupancy",
    "orientation",
    "plot_audit",
    "radial_distribution",
    "write_audit",
]
