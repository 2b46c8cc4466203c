"""Filaments: balls in a row (section 2.1.2 of the paper)."""

from __future__ import annotations

import numpy as np

from ..core.geometry import Curve
from ..core.model import BallModel
from ..core.settings import kind, setting
from ..core.units import KT
from .structure import Deformable


@kind("filament")
class Filament(Deformable):
    """A straight chain of touching balls along +z, its mean at the origin.

    Balls at the ends have one bond, the others two. Every triple of neighbours is listed as an
    angle that is straight at rest, whatever its constant; with the paper's constant, 0, it bends
    freely. A persistence length P makes the constant ``k = kT P / b`` with the bond length b,
    which holds for P well above b.

    What painters draw is a tube of the balls' radius along the curve through their centres,
    extended straight by one radius beyond the first and the last centre and cut flat; the model's
    volume is that of the straight tube, ``pi r² 2 r n_balls``.

    Examples
    --------
    >>> chain = Filament(n_balls=10, persistence_length=500.0).build()
    >>> chain.bonds.shape, chain.angles.shape, round(chain.angle_k)
    ((9, 2), (8, 3), 312)
    """

    n_balls: int = setting("balls along the chain", minimum=2, maximum=10**6)
    radius: float = setting(
        "radius of a ball and of the tube; the paper's filaments are 4 nm thick",
        default=2.0,
        unit="nm",
        above=0,
        usual=(0.5, 20),
    )
    persistence_length: float | None = setting(
        "bending stiffness as a persistence length at 300 K, in place of angle_k",
        default=None,
        unit="nm",
        above=0,
    )
    # Actin: 41.8 kDa of protein and 0.4 of ADP, 39.2 without hydrogens, for each 2.75 nm of a tube
    # of 7 nm (Holmes et al. 1990, Nature 347, 44). Of protein without grooves it would be 760.
    density: float = setting(
        "density of heavy atoms inside the tube, which is mass per length over its section; "
        "actin's, 42 kDa in each 2.75 nm of a tube of 7 nm, hydrogens included, is 397 with them",
        default=370.0,
        unit="Da/nm³",
        above=0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.persistence_length is not None and self.angle_k > 0:
            raise ValueError("persistence_length: stands in place of angle_k; wanted one, got both")

    def build(self, *, seed: int | np.random.SeedSequence = 0) -> BallModel:
        """Return the chain, which is deformable: no rigid groups, and a `Curve` to draw."""
        n, bond = self.n_balls, 2 * self.radius
        angle_k = self.angle_k
        if self.persistence_length is not None:
            angle_k = KT * self.persistence_length / bond
        balls = np.arange(n)
        positions = np.zeros((n, 3))
        positions[:, 2] = bond * (balls - (n - 1) / 2)
        return BallModel(
            name=self.label,
            positions=positions,
            radii=np.full(n, self.radius),
            masses=np.full(n, self.ball_mass),
            bonds=np.stack([balls[:-1], balls[1:]], axis=1),
            angles=np.stack([balls[:-2], balls[1:-1], balls[2:]], axis=1),
            bond_k=self.bond_k,
            angle_k=angle_k,
            volume=np.pi * self.radius**2 * bond * n,
            geometry=Curve(balls=balls, radius=self.radius, density=self.density),
        )
