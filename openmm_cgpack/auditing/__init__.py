"""Auditing a packed scene: counts, density, overlaps, distances and orientations."""

from .atoms import Contacts, Within, atom_contacts
from .ball_overlaps import BallOverlap, ball_overlap
from .composition import SpeciesCount
from .distances import RadialDistribution, radial_distribution
from .envelopes import Occupancy, occupancy
from .measure import AuditSettings, audit
from .orientations import (
    OrderParameter,
    OrientationOrder,
    nematic_order,
    orientation_order,
)
from .page import plot_audit, write_audit
from .result import Audit

__all__ = [
    "Audit",
    "AuditSettings",
    "BallOverlap",
    "Contacts",
    "Occupancy",
    "OrderParameter",
    "OrientationOrder",
    "RadialDistribution",
    "SpeciesCount",
    "Within",
    "atom_contacts",
    "audit",
    "ball_overlap",
    "nematic_order",
    "occupancy",
    "orientation_order",
    "plot_audit",
    "radial_distribution",
    "write_audit",
]
