"""The elasticity of membranes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import Scene
from ..core.mesh_elasticity import ElasticMeshes
from ..core.settings import kind, setting
from ..core.units import KT
from .terms import ForceTerm, Rigidity

if TYPE_CHECKING:
    import openmm


@kind("membrane")
class MembraneElasticity(ForceTerm):
    """Bending, area, tension, volume and pressure of every membrane that has an elasticity.

    The constants are those of the models (`openmm_cgpack.core.Elasticity`); the energy and its
    exact gradient on a triangle mesh are those of `openmm_cgpack.core.mesh_elasticity`. They are
    worked out in numpy at every step, on any platform, in 2 µs a ball. Springs between all balls
    two edges apart, made anew as the shape moves, cost 47 µs a ball whenever they are.

    Examples
    --------
    A scene without such membranes has no such force:

    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> MembraneElasticity().build(scene, "bonds") is None
    True
    """

    evenness: float = setting(
        "how firmly each ball stays in the middle of its neighbours, sideways alone, so that the "
        "shape of the membrane does not feel it",
        unit="kJ/mol",
        default=250.0,
        minimum=0,
    )

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.PythonForce | None:
        """Return the force, or None where no membrane has an elasticity."""
        import openmm

        elastic = [
            i
            for i in np.flatnonzero(~scene.fixed).tolist()
            if scene.model(i).elasticity is not None
        ]
        if not elastic:
            return None
        models = [scene.model(i) for i in elastic]
        meshes = ElasticMeshes(models, evenness=self.evenness, heat=KT)
        balls = np.arange(scene.n_balls)
        # Not by setParticles: in a box, platforms of GPUs would tear these balls apart into images.
        return openmm.PythonForce(
            _OfState(meshes, np.concatenate([balls[scene.balls(i)] for i in elastic]))
        )


class _OfState:
    """The energy and forces of meshes in a State, as OpenMM asks for them; it goes into files."""

    def __init__(self, meshes: ElasticMeshes, balls: np.ndarray) -> None:
        self.meshes = meshes
        self.balls = balls

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        positions = state.getPositions(asNumpy=True)._value
        forces = np.zeros_like(positions)
        # Dynamics that diverges is seen by those who step it.
        with np.errstate(all="ignore"):
            energy, gradient = self.meshes.energy_and_gradient(positions[self.balls])
        forces[self.balls] = -gradient
        return energy, forces
