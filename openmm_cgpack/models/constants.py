"""Constants that the ball models share."""

from __future__ import annotations

from ..core.units import KCAL

PAPER_BOND_K = 2 * 2000 * KCAL * 100
"""The paper's bond constant, kJ/mol/nm^2: 2000 kcal/mol/Å^2 of ``k (r - r0)^2`` (eq. 10), for
OpenMM's ``k/2 (r - r0)^2``."""

BALL_MASS = 5000.0
"""The paper's mass of every ball, Da (section 2.2)."""

ATOM_RADIUS = 0.17
"""Radius of a ball that stands for one atom, nm: van der Waals radius of carbon (Bondi 1964)."""

PROTEIN_DENSITY = 813.0
"""Mass density of protein, Da/nm^3: 1.35 g/cm^3 (Fischer, Polikarpov and Craievich 2004, Protein
Science 13, 2825)."""

LIPID_DENSITY = 605.0
"""Mean mass density of a lipid bilayer, Da/nm^3: 760.1 Da in 1.256 nm^3 for POPC, 1.00 g/cm^3
(Kučerka, Nieh and Katsaras 2011, BBA Biomembranes 1808, 2761)."""

BILAYER_THICKNESS = 4.0
"""Thickness of a lipid bilayer with its head groups, nm; 3.9 for POPC (same source)."""
