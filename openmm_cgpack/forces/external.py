"""Forces on single balls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core import Scene
from ..core.settings import kind, setting
from .terms import ForceTerm, Rigidity

if TYPE_CHECKING:
    import openmm

PULL_SCALE = "pull_scale"
"""Global parameter of the Context that scales the centre pull: 1 is all of it, 0 none."""


@kind("centre_pull")
class CentrePull(ForceTerm):
    """The paper's eq. 8: a force towards the centre, ``k r`` up to `radius`, constant beyond.

    Its potential is ``k/2 min(r^2, R^2) + k R (sqrt(max(r^2, R^2)) - R)``, which has no square
    root near the centre. The default constant is the paper's 10 kcal/mol/Å².

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> CentrePull(k=0.01).build(scene, "bonds").getNumParticles()
        15
    """

    k: float = setting("force constant", unit="kJ/mol/nm²", default=4184.0, above=0)
    radius: float = setting("where the force stops growing", unit="nm", default=30.0, above=0)
    centre: tuple[float, float, float] = setting("the centre", unit="nm", default=(0.0, 0.0, 0.0))

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomExternalForce:
        """Return the force on all balls."""
        import openmm

        x, y, z = self.centre
        force = openmm.CustomExternalForce(
            f"{PULL_SCALE}*(0.5*pull_k*min(r2, pull_radius^2)"
            " + pull_k*pull_radius*(sqrt(max(r2, pull_radius^2)) - pull_radius));"
            f" r2 = (x - {x!r})^2 + (y - {y!r})^2 + (z - {z!r})^2"
        )
        force.addGlobalParameter(PULL_SCALE, 1.0)
        force.addGlobalParameter("pull_k", self.k)
        force.addGlobalParameter("pull_radius", self.radius)
        for ball in range(scene.n_balls):
            force.addParticle(ball, ())
        return force
