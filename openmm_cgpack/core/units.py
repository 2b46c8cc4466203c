"""Units: bare numbers are nm, ps, Da, kJ/mol, rad; quantities are stripped once, at the border."""

from __future__ import annotations

from importlib import import_module
from typing import Any

KCAL = 4.184
"""kJ per kcal."""

BOLTZMANN = 0.00831446261815324
"""Boltzmann's constant times Avogadro's number, kJ/mol/K."""

ANGSTROM_PER_NM = 10.0


def strip(value: Any) -> Any:
    """Return a quantity as a number in nm, ps, Da, kJ/mol, K, rad; anything else unchanged."""
    if not hasattr(value, "value_in_unit_system"):
        return value
    # The quantity brings its own package, so that this module never imports openmm.
    unit_package = import_module(type(value).__module__.rpartition(".")[0])
    return value.value_in_unit_system(unit_package.md_unit_system)
