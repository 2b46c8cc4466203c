"""Bounded forces that push apart what has been put too close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core import Open, Scene, Slab
from ..core.arrays import positive
from .rigidity import Rigidity, body_numbers, flexible_bonds

if TYPE_CHECKING:
    import openmm


@dataclass(frozen=True, kw_only=True)
class SoftRepulsion:
    """Balls of different bodies push each other apart: ``U = k/2 (r1 + r2 + gap - r)^2``.

    Zero where they do not touch, and bounded where they do, so that no start is too bad. Pairs
    within a rigid body are known by a body number, and bonded pairs of deformables are excluded.

    Parameters
    ----------
    k : float
        Stiffness of a contact, kJ/mol/nm^2.
    gap : float, optional
        Distance that is kept between the surfaces of balls, nm; negative lets them overlap.
    """

    k: float = 10_000.0
    gap: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", positive(self.k, "k"))

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomNonbondedForce:
        """Return the force."""
        import openmm

        energy = "0.5*soft_k*max(0, radius1 + radius2 - r)^2"
        by_body = rigidity == "constraints"
        if by_body:
            energy = "min(1, abs(body1 - body2))*" + energy
        force = openmm.CustomNonbondedForce(energy)
        force.addGlobalParameter("soft_k", self.k)
        force.addPerParticleParameter("radius")
        radii = scene.radii + self.gap / 2
        columns = [radii]
        if by_body:
            force.addPerParticleParameter("body")
            columns.append(body_numbers(scene))
        for row in np.column_stack(columns).tolist():
            force.addParticle(row)
        excluded = scene.bonds[flexible_bonds(scene)] if by_body else scene.bonds
        for first, second in excluded.tolist():
            force.addExclusion(first, second)
        periodic = not isinstance(scene.boundary, Open)
        force.setNonbondedMethod(force.CutoffPeriodic if periodic else force.CutoffNonPeriodic)
        force.setCutoffDistance(2 * float(radii.max()))
        return force


@dataclass(frozen=True, kw_only=True)
class Walls:
    """The walls of a slab push balls back: ``U = k/2 (|z| + radius - height/2)^2`` beyond them.

    Parameters
    ----------
    k : float
        Stiffness, kJ/mol/nm^2.
    """

    k: float = 10_000.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", positive(self.k, "k"))

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomExternalForce | None:
        """Return the force, or None where the scene has no walls."""
        import openmm

        if not isinstance(scene.boundary, Slab):
            return None
        force = openmm.CustomExternalForce("0.5*wall_k*max(0, abs(z) + radius - 0.5*slab_height)^2")
        force.addGlobalParameter("wall_k", self.k)
        force.addGlobalParameter(SLAB_HEIGHT, scene.boundary.box[2])
        force.addPerParticleParameter("radius")
        for ball, radius in enumerate(scene.radii.tolist()):
            force.addParticle(ball, [radius])
        return force


SLAB_HEIGHT = "slab_height"
"""Global parameter of the Context: the distance between the walls of a slab, nm."""
