"""Forces between balls that are not bonded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..core import Open, Scene
from ..core.arrays import positive
from .rigidity import Rigidity, body_numbers, flexible_bonds, rigid_pairs

if TYPE_CHECKING:
    import openmm

_FEW_PAIRS = 20
"""Exceptions a ball up to which a NonbondedForce is the faster one."""

LENNARD_JONES_SCALE = "lennard_jones_scale"
"""Global parameter of the Context that scales the Lennard-Jones energy: 1 is all of it."""


@dataclass(frozen=True, kw_only=True)
class SwitchedLennardJones:
    """The paper's eq. 12: ``U = epsilon ((Rmin/r)^12 - 2 (Rmin/r)^6)``, switched off at the cutoff.

    ``Rmin`` of a pair is the sum of the two radii. Bonded pairs are left out, and so are pairs
    within a rigid body. The switch is OpenMM's quintic between `switch` and `cutoff`; the paper
    only says that the force "drops evenly" there.

    Parameters
    ----------
    epsilon : float
        Depth of the well, kJ/mol.
    switch : float
        Where the switching begins, nm.
    cutoff : float
        Where the potential has become zero, nm.
    form : {"custom", "standard", "auto"}
        ``"custom"`` builds a CustomNonbondedForce, which under ``rigidity="constraints"`` knows
        the pairs within a body by a body number and so stays cheap for bodies of many balls.
        ``"standard"`` builds the same potential as a NonbondedForce without charges: about four
        times faster on the CPU platform, but every pair within a body is an exception, so it is
        for models of few balls. ``"auto"`` takes that form for scenes of such models and the
        other for others.

    Raises
    ------
    ValueError
        A number is not positive, the switch is not below the cutoff, or the form is unknown.

    Examples
    --------
    Bonded pairs of balls do not see each other:

    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> force = SwitchedLennardJones(epsilon=0.5, switch=20.0, cutoff=21.0).build(scene, "bonds")
    >>> force.getNumParticles(), force.getNumExclusions()
    (15, 12)
    """

    epsilon: float
    switch: float = 60.0
    cutoff: float = 61.0
    form: Literal["custom", "standard", "auto"] = "custom"

    def __post_init__(self) -> None:
        for key in ("epsilon", "switch", "cutoff"):
            object.__setattr__(self, key, positive(getattr(self, key), key))
        if self.switch >= self.cutoff:
            raise ValueError(
                f"switch: wanted less than the cutoff {self.cutoff:g}, got {self.switch:g}"
            )
        if self.form not in ("custom", "standard", "auto"):
            raise ValueError(f"form: wanted 'custom', 'standard' or 'auto', got {self.form!r}")

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.Force:
        """Return the CustomNonbondedForce or the NonbondedForce."""
        standard = self.form == "standard" or (
            self.form == "auto" and len(rigid_pairs(scene)) <= _FEW_PAIRS * scene.n_balls
        )
        return self._standard(scene) if standard else self._custom(scene, rigidity)

    def _custom(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomNonbondedForce:
        import openmm

        energy = f"{LENNARD_JONES_SCALE}*epsilon*(x^2 - 2*x); x = ((radius1 + radius2)/r)^6"
        by_body = rigidity == "constraints"
        if by_body:
            # A list of exclusions would grow with the square of a body's balls.
            energy = "min(1, abs(body1 - body2))*" + energy
        force = openmm.CustomNonbondedForce(energy)
        force.addGlobalParameter(LENNARD_JONES_SCALE, 1.0)
        force.addGlobalParameter("epsilon", self.epsilon)
        force.addPerParticleParameter("radius")
        parameters = scene.radii[:, None]
        if by_body:
            force.addPerParticleParameter("body")
            parameters = np.column_stack([scene.radii, body_numbers(scene)])
        for row in parameters.tolist():
            force.addParticle(row)
        excluded = scene.bonds[flexible_bonds(scene)] if by_body else scene.bonds
        for first, second in excluded.tolist():
            force.addExclusion(first, second)
        periodic = not isinstance(scene.boundary, Open)
        force.setNonbondedMethod(force.CutoffPeriodic if periodic else force.CutoffNonPeriodic)
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(self.switch)
        force.setCutoffDistance(self.cutoff)
        return force

    def _standard(self, scene: Scene) -> openmm.NonbondedForce:
        import openmm

        force = openmm.NonbondedForce()
        # sigma of a pair is the mean of the two, and Rmin = 2^(1/6) sigma.
        force.addGlobalParameter(LENNARD_JONES_SCALE, 1.0)
        for ball, sigma in enumerate((2 ** (5 / 6) * scene.radii).tolist()):
            force.addParticle(0.0, sigma, 0.0)
            force.addParticleParameterOffset(LENNARD_JONES_SCALE, ball, 0.0, 0.0, self.epsilon)
        excluded = np.concatenate([np.sort(scene.bonds, axis=1), rigid_pairs(scene)])
        for first, second in np.unique(excluded, axis=0).tolist():
            force.addException(first, second, 0.0, 1.0, 0.0)
        periodic = not isinstance(scene.boundary, Open)
        force.setNonbondedMethod(force.CutoffPeriodic if periodic else force.CutoffNonPeriodic)
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(self.switch)
        force.setCutoffDistance(self.cutoff)
        force.setUseDispersionCorrection(False)
        return force
