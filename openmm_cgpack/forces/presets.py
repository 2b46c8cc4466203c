"""Sets of force terms that go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from ..core import Scene
from ..core.units import KCAL
from .bonded import HarmonicAngles, HarmonicBonds
from .external import CentrePull
from .nonbonded import SwitchedLennardJones
from .rigidity import Rigidity

if TYPE_CHECKING:
    import openmm

PAPER_PULL_K = 10 * KCAL * 100
"""10 kcal/mol/A^2 of eq. 8, in kJ/mol/nm^2."""

DEFAULT_EPSILON = 2000 * KCAL
"""kJ/mol. The paper names none; docs/forces.md has the table behind this choice."""


class ForceTerm(Protocol):
    """A frozen specification of one OpenMM force."""

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.Force | None:
        """Return the force for a scene, or None where the scene has nothing for it."""


def paper_forces(
    *,
    epsilon: float = DEFAULT_EPSILON,
    pull_k: float = PAPER_PULL_K,
    pull_radius: float = 30.0,
    switch: float = 60.0,
    cutoff: float = 61.0,
    lennard_jones: Literal["custom", "standard", "auto"] = "custom",
) -> tuple[ForceTerm, ...]:
    """Return the paper's force field: eqs 8, 10, 11 and 12.

    Constants of bonds and angles, and the masses of the balls, belong to the models.

    Parameters
    ----------
    epsilon : float or openmm.unit.Quantity, optional
        Depth of the Lennard-Jones well, kJ/mol.
    pull_k : float or openmm.unit.Quantity, optional
        Constant of the centre pull, kJ/mol/nm^2; 0 leaves the pull out.
    pull_radius : float or openmm.unit.Quantity, optional
        Where the pull stops growing, nm.
    switch, cutoff : float or openmm.unit.Quantity, optional
        Where the Lennard-Jones potential begins to be switched off and where it is zero, nm.
    lennard_jones : {"custom", "standard", "auto"}, optional
        Which OpenMM force holds the Lennard-Jones term; see `SwitchedLennardJones`.

    Returns
    -------
    tuple of force terms
        HarmonicBonds, HarmonicAngles, SwitchedLennardJones, CentrePull.

    Raises
    ------
    ValueError
        An argument is not positive, or the switch is not below the cutoff.

    Examples
    --------
    >>> [type(term).__name__ for term in paper_forces()]
    ['HarmonicBonds', 'HarmonicAngles', 'SwitchedLennardJones', 'CentrePull']
    """
    return (
        HarmonicBonds(),
        HarmonicAngles(),
        SwitchedLennardJones(epsilon=epsilon, switch=switch, cutoff=cutoff, form=lennard_jones),
        CentrePull(k=pull_k, radius=pull_radius),
    )
