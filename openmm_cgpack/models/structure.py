"""What a scene holds many of: settings that build a ball model, one class and one file a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from ..core.model import BallModel
from ..core.names import checked_name
from ..core.settings import Settings, setting
from ..core.units import KCAL

if TYPE_CHECKING:
    from .molecule import Cover


class Balls(Settings):
    """How balls are bonded and what they weigh."""

    # 2000 kcal/mol/Å² of the paper's k (r - r0)² (eq. 10), for OpenMM's k/2 (r - r0)².
    bond_k: float = setting(
        "constant of the bonds, which have the factor 1/2",
        default=2 * 2000 * KCAL * 100,
        unit="kJ/mol/nm²",
        above=0,
    )
    ball_mass: float = setting(
        "mass of a ball for the dynamics, whatever it holds; densities come from atomic masses",
        default=5000.0,
        unit="Da",
        above=0,
    )


class Structure(Balls, family=True):
    """A molecule, filament or membrane, and how many of it.

    A new kind is a subclass with `build`, registered by `kind`: a recipe then has its tables
    ``[[name_of_the_kind]]``. Nothing downstream asks for the kind: forces, poses, density and
    labels follow from what the `BallModel` holds.
    """

    name: str | None = setting(
        "name of the species; left out, a name of the kind", default=None, check=checked_name
    )
    count: int = setting("how many instances", default=1, minimum=1)

    @property
    def has_atoms(self) -> bool | None:
        """Whether the model's structure has all its atoms; None where nothing has any."""
        return None

    @property
    def label(self) -> str:
        """Name of the species in scenes and tables."""
        return self.kind if self.name is None else self.name

    def covered(self, cover: Cover) -> Self:
        """Return the structure with what it leaves open about its balls as a protocol has it."""
        return self

    def build(self, *, seed: int | np.random.SeedSequence = 0) -> BallModel:
        """Return the ball model, named `label`; `seed` is that of what is drawn on the way."""
        raise NotImplementedError


class Deformable(Structure):
    """A structure that bends."""

    angle_k: float = setting(
        "bending constant of k/2 (theta - pi)²; 0 bends freely",
        default=0.0,
        unit="kJ/mol/rad²",
        minimum=0,
    )
