"""A force term of one's own: springs that hold one species near a point."""

import numpy as np

from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.forces import ForceTerm


@kind("tether")
class Tether(ForceTerm):
    """A harmonic spring from every ball of a species to a point, ``k/2 |x - x0|²``."""

    species: str = setting("name of the species")
    k: float = setting("spring constant", default=10.0, unit="kJ/mol/nm²", above=0)
    point: tuple[float, float, float] = setting("the point", default=(0.0, 0.0, 0.0), unit="nm")

    def build(self, scene, rigidity):
        """Return the force on the balls of the species; None where the scene has none of it."""
        import openmm

        names = np.array([model.name for model in scene.species])[scene.species_index]
        balls = np.flatnonzero(names[scene.instance_of_ball] == self.species)
        if not len(balls):
            return None
        # Through the walls of a box the shortest way counts.
        away = "periodicdistance(x, y, z, x0, y0, z0)" if scene.boundary.periodic.any() else None
        away = away or "sqrt((x - x0)^2 + (y - y0)^2 + (z - z0)^2)"
        force = openmm.CustomExternalForce(f"0.5*tether_k*{away}^2")
        force.addGlobalParameter("tether_k", self.k)
        for name, value in zip(("x0", "y0", "z0"), self.point, strict=True):
            force.addGlobalParameter(name, value)
        for ball in balls.tolist():
            force.addParticle(ball, ())
        return force
