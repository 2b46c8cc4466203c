"""Units: bare numbers are nm, ps, Da, kJ/mol, rad; quantities are stripped once, at the border."""

from __future__ import annotations

from importlib import import_module
from typing import Any

KCAL = 4.184
"""kJ per kcal."""

BOLTZMANN = 0.00831446261815324
"""Boltzmann's constant times Avogadro's number, kJ/mol/K."""

AVOGADRO = 6.02214076e23
"""Particles per mole."""

ROOM_TEMPERATURE = 300.0
"""Temperature at which elastic constants are stated, K."""

KT = BOLTZMANN * ROOM_TEMPERATURE
"""Thermal energy at room temperature, kJ/mol."""

MN_PER_M = 1e-24 * AVOGADRO
"""Of a tension, kJ/mol/nm² per mN/m."""

KPA = 1e-27 * AVOGADRO
"""Of a pressure, kJ/mol/nm³ per kPa."""

ANGSTROM_PER_NM = 10.0


def strip(value: Any) -> Any:
    """Return a quantity as a number in nm, ps, Da, kJ/mol, K, rad; anything else unchanged."""
    if not hasattr(value, "value_in_unit_system"):
        return value
    # The quantity brings its own package, so that this module never imports openmm.
    unit_package = import_module(type(value).__module__.rpartition(".")[0])
    return value.value_in_unit_system(unit_package.md_unit_system)
