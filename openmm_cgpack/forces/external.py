"""Forces on single balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core import Scene
from ..core.arrays import frozen, positive
from .rigidity import Rigidity

if TYPE_CHECKING:
    import openmm

PULL_SCALE = "pull_scale"
"""Global parameter of the Context that scales the centre pull: 1 is all of it, 0 none."""


@dataclass(frozen=True, kw_only=True)
class CentrePull:
    """The paper's eq. 8: a force towards the centre, ``k r`` up to `radius`, constant beyond.

    Its potential is ``k/2 min(r^2, R^2) + k R (sqrt(max(r^2, R^2)) - R)``, which has no square
    root near the centre.

    Parameters
    ----------
    k : float
        Force constant, kJ/mol/nm^2.
    radius : float
        Where the force stops growing, nm.
    centre : tuple of float, optional
        The centre, nm.

    Raises
    ------
    ValueError
        `k` is negative, or the radius is not positive.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> CentrePull(k=0.01, radius=30.0).build(scene, "bonds").getNumParticles()
    15
    >>> CentrePull(k=0.0).build(scene, "bonds") is None
    True
    """

    k: float
    radius: float = 30.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", positive(self.k, "pull k", zero=True))
        object.__setattr__(self, "radius", positive(self.radius, "pull radius"))
        centre = tuple(frozen(self.centre, "pull centre", (3,)).tolist())
        object.__setattr__(self, "centre", centre)

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomExternalForce | None:
        """Return the force on all balls, or None without a pull."""
        import openmm

        if self.k == 0:
            return None
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
