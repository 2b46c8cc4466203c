"""Auditing a packed scene: counts, density, overlaps, distances and orientations."""

from .audits import Audit, AuditSettings, audit
from .composition import SpeciesCount
from .contacts import BallOverlap, Contacts, Within, atom_contacts, ball_overlap
from .distances import RadialDistribution, radial_distribution
from .envelopes import Occupancy, occupancy
from .membranes import Membranes, MembraneShape, Tilt
from .orientations import (
    OrderParameter,
    OrientationOrder,
    nematic_order,
    orientation_order,
)
from .page import plot_audit, write_audit

__all__ = [
    "Audit",
    "AuditSettings",
    "BallOverlap",
    "Contacts",
    "MembraneShape",
    "Membranes",
    "Occupancy",
    "OrderParameter",
    "OrientationOrder",
    "RadialDistribution",
    "SpeciesCount",
    "Tilt",
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
