"""A structure of one's own: a ring of balls, as a recipe's ``[[ring]]``."""

import numpy as np

from openmm_cgpack.core import BallModel, Curve
from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.models import Structure


@kind("ring")
class Ring(Structure):
    """A closed chain of touching balls that bends freely."""

    n_balls: int = setting("balls along the ring", default=12, minimum=3)
    radius: float = setting("radius of a ball and of the tube", default=2.0, unit="nm", above=0)
    density: float = setting("mass density inside the tube", default=813.0, unit="Da/nm³", above=0)

    def build(self, *, seed=0):
        """Return the ring in the xy plane."""
        ball = np.arange(self.n_balls)
        angle = 2 * np.pi * ball / self.n_balls
        around = self.radius / np.sin(np.pi / self.n_balls)
        flat = np.stack([np.cos(angle), np.sin(angle), np.zeros(self.n_balls)], axis=1)
        return BallModel(
            name=self.label,
            positions=around * flat,
            radii=np.full(self.n_balls, self.radius),
            masses=np.full(self.n_balls, self.ball_mass),
            bonds=np.stack([ball, (ball + 1) % self.n_balls], axis=1),
            bond_k=self.bond_k,
            volume=np.pi * self.radius**2 * 2 * self.radius * self.n_balls,
            # Painted as a tube along the balls; the last one stands for the closing piece.
            geometry=Curve(balls=ball, radius=self.radius, density=self.density),
        )
