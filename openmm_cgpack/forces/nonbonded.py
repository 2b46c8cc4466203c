"""Forces between balls that are not bonded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..core import Scene
from ..core.settings import kind, setting
from .terms import ForceTerm, Rigidity, body_numbers, flexible_bonds, rigid_pairs

if TYPE_CHECKING:
    import openmm

_FEW_PAIRS = 20
"""Exceptions a ball up to which a NonbondedForce is the faster one."""

_NOWHERE = -1e4
"""Radius with which a ball touches nothing, nm."""

LENNARD_JONES_SCALE = "lennard_jones_scale"
"""Global parameter of the Context that scales the Lennard-Jones energy: 1 is all of it."""


@kind("lennard_jones")
class SwitchedLennardJones(ForceTerm):
    """The paper's eq. 12: ``U = epsilon ((Rmin/r)^12 - 2 (Rmin/r)^6)``, switched off at the cutoff.

    ``Rmin`` of a pair is the sum of the two radii. Bonded pairs are left out, and so are pairs
    within a rigid body. The switch is OpenMM's quintic between `switch` and `cutoff`; the paper
    only says that the force "drops evenly" there. It names no epsilon either: the table behind the
    default is in docs/explanation/forces.md.

    The form ``"custom"`` stays cheap for bodies of many balls. ``"standard"`` is about four times
    faster on the CPU platform, but every pair within a body is an exception, so it is for models
    of few balls.

    Examples
    --------
    Bonded pairs of balls do not see each other:

    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> term = SwitchedLennardJones(epsilon=0.5, switch=20.0, cutoff=21.0, form="custom")
    >>> force = term.build(scene, "bonds")
    >>> force.getNumParticles(), force.getNumExclusions()
    (15, 12)
    """

    epsilon: float = setting("depth of the well", unit="kJ/mol", default=8368.0, above=0)
    switch: float = setting(
        "where the potential begins to be switched off", unit="nm", default=60.0, above=0
    )
    cutoff: float = setting("where it has become zero", unit="nm", default=61.0, above=0)
    form: Literal["auto", "custom", "standard"] = setting(
        "OpenMM force that holds it: a CustomNonbondedForce, a NonbondedForce without charges, "
        "or the one that is faster for the scene",
        default="auto",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.switch >= self.cutoff:
            raise ValueError(
                f"switch: wanted less than the cutoff {self.cutoff:g}, got {self.switch:g}"
            )

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.Force:
        """Return the CustomNonbondedForce or the NonbondedForce."""
        standard = self.form == "standard" or (
            self.form == "auto" and len(rigid_pairs(scene)) <= _FEW_PAIRS * scene.n_balls
        )
        return self._standard(scene) if standard else self._custom(scene, rigidity)

    def _custom(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomNonbondedForce:
        energy = f"{LENNARD_JONES_SCALE}*epsilon*(x^2 - 2*x); x = ((radius1 + radius2)/r)^6"
        constants = {LENNARD_JONES_SCALE: 1.0, "epsilon": self.epsilon}
        force = pair_force(scene, rigidity, energy, constants=constants, radii=scene.radii)
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
        pairs = np.concatenate([scene.bonds, scene.exclusions])
        excluded = np.concatenate([np.sort(pairs, axis=1), rigid_pairs(scene)])
        for first, second in np.unique(excluded, axis=0).tolist():
            force.addException(first, second, 0.0, 1.0, 0.0)
        periodic = scene.boundary.bounded
        force.setNonbondedMethod(force.CutoffPeriodic if periodic else force.CutoffNonPeriodic)
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(self.switch)
        force.setCutoffDistance(self.cutoff)
        force.setUseDispersionCorrection(False)
        return force


@kind("soft_repulsion")
class SoftRepulsion(ForceTerm):
    """Balls of different bodies push each other apart: ``U = k/2 (r1 + r2 + gap - r)^2``.

    Zero where they do not touch, and bounded where they do, so that no start is too bad.

    Examples
    --------
    Nothing farther apart than two of the largest balls is looked at:

    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5, radius=2.0).build(), 3)], seed=1)
    >>> SoftRepulsion(k=1000.0, gap=0.5).build(scene, "bonds").getCutoffDistance()._value
    4.5
    """

    k: float = setting("stiffness of a contact", unit="kJ/mol/nm²", default=10_000.0, above=0)
    gap: float = setting(
        "distance that is kept between the surfaces of balls; negative lets them overlap",
        unit="nm",
        default=0.0,
    )
    up_to: float | None = setting(
        "radius up to which balls push: a few large ones would make the search among all as wide "
        "as themselves",
        unit="nm",
        default=None,
        above=0,
    )

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomNonbondedForce:
        """Return the force; its cutoff is where the two largest balls touch."""
        energy = "0.5*soft_k*max(0, radius1 + radius2 - r)^2"
        pushing = scene.radii <= (np.inf if self.up_to is None else self.up_to)
        radii = np.where(pushing, scene.radii + self.gap / 2, _NOWHERE)
        force = pair_force(scene, rigidity, energy, constants={"soft_k": self.k}, radii=radii)
        force.setCutoffDistance(2 * float(radii.max()))
        return force


def pair_force(
    scene: Scene,
    rigidity: Rigidity,
    energy: str,
    *,
    constants: Mapping[str, float],
    radii: np.ndarray,
) -> openmm.CustomNonbondedForce:
    """Return a force between all pairs of balls that are neither bonded nor of one rigid body.

    `energy` is OpenMM's expression of r, radius1 and radius2, of (b,) `radii` in nm; `constants`
    are its global parameters. The caller sets the cutoff distance. With constraints, pairs of one
    body are told by a body number: a list of exclusions would grow with the square of its balls.
    """
    import openmm

    by_body = rigidity == "constraints"
    force = openmm.CustomNonbondedForce(
        "min(1, abs(body1 - body2))*" + energy if by_body else energy
    )
    for name, value in constants.items():
        force.addGlobalParameter(name, value)
    columns = {"radius": radii} | ({"body": body_numbers(scene)} if by_body else {})
    for name in columns:
        force.addPerParticleParameter(name)
    for row in np.column_stack(list(columns.values())).tolist():
        force.addParticle(row)
    bonds = scene.bonds[flexible_bonds(scene)] if by_body else scene.bonds
    excluded = np.sort(np.concatenate([bonds, scene.exclusions]), axis=1)
    for first, second in np.unique(excluded, axis=0).tolist():
        force.addExclusion(first, second)
    periodic = scene.boundary.bounded
    force.setNonbondedMethod(force.CutoffPeriodic if periodic else force.CutoffNonPeriodic)
    return force
