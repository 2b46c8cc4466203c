"""Forces between bonded balls, and along the links between instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import Scene
from ..core.settings import kind
from .terms import ForceTerm, Rigidity, flexible_bonds

if TYPE_CHECKING:
    import openmm


@kind("harmonic_bonds")
class HarmonicBonds(ForceTerm):
    """Bond stretching, the paper's eq. 10: ``U = k/2 (r - r0)^2``.

    Constants and rest lengths are those of the models. OpenMM's form has the factor 1/2 that the
    paper's lacks: k is twice the paper's k_b. Under ``rigidity="constraints"`` the bonds within
    rigid bodies are left out, since constraints hold these.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> HarmonicBonds().build(scene, "bonds").getNumBonds()
    12
    """

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.HarmonicBondForce | None:
        """Return the force, or None where no bond is left."""
        import openmm

        keep = (
            flexible_bonds(scene) if rigidity == "constraints" else np.ones(len(scene.bonds), bool)
        )
        if not keep.any():
            return None
        force = openmm.HarmonicBondForce()
        lengths = [model.bond_lengths for model in scene.species]
        constants = [np.full(len(model.bonds), model.bond_k) for model in scene.species]
        rows = zip(
            scene.bonds[keep].tolist(),
            np.concatenate([lengths[s] for s in scene.species_index])[keep].tolist(),
            np.concatenate([constants[s] for s in scene.species_index])[keep].tolist(),
            strict=True,
        )
        for (first, second), length, k in rows:
            force.addBond(first, second, length, k)
        return force


@kind("harmonic_angles")
class HarmonicAngles(ForceTerm):
    """Angle bending, the paper's eq. 11: ``U = k/2 (theta - theta0)^2``.

    The vertex is the middle ball of the model's triples. Species whose ``angle_k`` is 0 bend
    freely and have no term, which is the paper's choice for filaments and membranes.

    Examples
    --------
    A filament with a persistence length has angles; one that bends freely has no such force:

    >>> from openmm_cgpack import Filament, place
    >>> stiff = place([(Filament(n_balls=5, persistence_length=100.0).build(), 3)], seed=1)
    >>> HarmonicAngles().build(stiff, "bonds").getNumAngles()
    9
    >>> HarmonicAngles().build(place([(Filament(n_balls=5).build(), 3)], seed=1), "bonds") is None
    True
    """

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.HarmonicAngleForce | None:
        """Return the force, or None where every angle bends freely."""
        import openmm

        force = openmm.HarmonicAngleForce()
        for i in range(scene.n_instances):
            model = scene.model(i)
            if model.angle_k == 0:
                continue
            triples = (model.angles + scene.offsets[i]).tolist()
            for (first, vertex, last), angle in zip(triples, model.rest_angles, strict=True):
                force.addAngle(first, vertex, last, float(angle), model.angle_k)
        return force if force.getNumAngles() else None


@kind("links")
class LinkBonds(ForceTerm):
    """The scene's links between instances: ``U = k/2 max(0, abs(r - r0) - slack)^2``.

    Examples
    --------
    >>> import dataclasses
    >>> from openmm_cgpack import Filament, place
    >>> from openmm_cgpack.core import Links
    >>> scene = place([(Filament(n_balls=5).build(), 2)], seed=1)
    >>> leash = Links(pairs=[[0, 7]], lengths=[5.0], constants=[100.0], slacks=[5.0])
    >>> LinkBonds().build(dataclasses.replace(scene, links=leash), "bonds").getNumBonds()
    1
    """

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomBondForce | None:
        """Return the force, or None where the scene has no links."""
        import openmm

        links = scene.links
        if not len(links):
            return None
        force = openmm.CustomBondForce("0.5*k*max(0, abs(r - r0) - slack)^2")
        for name in ("k", "r0", "slack"):
            force.addPerBondParameter(name)
        values = np.stack([links.constants, links.lengths, links.slacks], axis=1)
        for (first, second), row in zip(links.pairs.tolist(), values.tolist(), strict=True):
            force.addBond(first, second, row)
        force.setUsesPeriodicBoundaryConditions(scene.boundary.bounded)
        return force
