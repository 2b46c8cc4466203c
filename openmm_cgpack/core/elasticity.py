"""What makes a surface of balls a membrane: its elastic constants and its rest area and volume."""

from __future__ import annotations

import numpy as np

from .arrays import noun, positive


@noun
class Elasticity:
    """The elasticity of a fluid membrane over a triangle mesh (Helfrich 1973).

    ``E = kappa/2 integral (2 H)² dA + sigma A + K_A/2 (A - A0)²/A0 + K_V/2 (V - V0)²/V0 - p V``,
    with the mean curvature H, the area A, and of a closed surface the volume V inside.

    Parameters
    ----------
    bending : float
        Bending modulus kappa, kJ/mol.
    area : float
        Rest area A0, nm².
    area_modulus : float
        K_A, kJ/mol/nm².
    tension : float, optional
        sigma, kJ/mol/nm².
    volume : float, optional
        Volume V0 inside, nm³, that is kept; None where the surface is open, or the volume free.
    volume_modulus : float, optional
        K_V, kJ/mol/nm³.
    pressure : float, optional
        p inside less outside, kJ/mol/nm³.
    """

    bending: float
    area: float
    area_modulus: float
    tension: float = 0.0
    volume: float | None = None
    volume_modulus: float = 0.0
    pressure: float = 0.0

    def __post_init__(self) -> None:
        for name in ("bending", "area"):
            object.__setattr__(self, name, positive(getattr(self, name), f"elasticity: {name}"))
        for name in ("area_modulus", "volume_modulus"):
            value = positive(getattr(self, name), f"elasticity: {name}", zero=True)
            object.__setattr__(self, name, value)
        if self.volume is not None:
            object.__setattr__(self, "volume", positive(self.volume, "elasticity: volume"))
        for name in ("tension", "pressure"):
            value = float(getattr(self, name))
            if not np.isfinite(value):
                raise ValueError(f"elasticity: {name}: wanted a finite number, got {value}")
            object.__setattr__(self, name, value)
