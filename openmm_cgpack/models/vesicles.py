"""Closed membranes of simple shapes."""

from __future__ import annotations

import numpy as np

from ..core.settings import kind, setting
from .elastic_membrane import ClosedMembrane
from .triangulation import sphere_mesh


@kind("vesicle")
class Vesicle(ClosedMembrane):
    """A spherical vesicle, on whose surface heat draws waves.

    Examples
    --------
    >>> model = Vesicle(radius=25).build()
    >>> model.n_balls, model.is_closed, round(model.elasticity.bending, 1)
    (642, True, 49.9)
    """

    radius: float = setting("radius of the sphere in the bilayer's middle", unit="nm", above=0)

    def mesh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return an even sphere."""
        return *sphere_mesh(self.radius, self.edge), np.zeros(3)
