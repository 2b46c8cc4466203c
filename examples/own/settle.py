"""A protocol of one's own: heat and soft repulsion for a number of steps, and nothing else."""

from typing import ClassVar

from openmm_cgpack.core import PackedScene
from openmm_cgpack.core.runtime import integer_seed, seed_sequence
from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.forces import HarmonicAngles, HarmonicBonds, SoftRepulsion, Walls
from openmm_cgpack.models import SHAPE_COVER
from openmm_cgpack.packing import (
    Block,
    Protocol,
    Stop,
    as_packed,
    choose_platform,
    create_system,
    to_topology,
)
from openmm_cgpack.packing.simulations import engine_of


@kind("settle")
class Settle(Protocol):
    """Let a scene move by heat while its balls repel each other softly."""

    cover: ClassVar = SHAPE_COVER

    n_steps: int = setting("steps", default=1000, minimum=1)
    block: int = setting("steps between measurements", default=100, minimum=1)
    timestep: float = setting("time step", default=0.05, unit="ps", above=0)
    temperature: float = setting("temperature", default=300.0, unit="K", minimum=0)
    stiffness: float = setting("of the repulsion", default=1e4, unit="kJ/mol/nm²", above=0)

    def steps(self, scene, *, run, seed, reporters=(), checkpoint=None):
        """Yield after every block; return the scene as it is then."""
        import openmm
        import openmm.app
        import openmm.unit

        apart = (SoftRepulsion(k=self.stiffness), Walls(k=self.stiffness))
        # `self.forces` are the user's own terms: they act in every protocol.
        terms = (*apart, HarmonicBonds(), HarmonicAngles(), *self.forces)
        system = create_system(scene, forces=terms, rigidity="constraints")
        integrator = openmm.LangevinMiddleIntegrator(self.temperature, 1.0, self.timestep)
        integrator.setRandomNumberSeed(integer_seed(seed_sequence(seed)))
        simulation = openmm.app.Simulation(
            to_topology(scene), system, integrator, *choose_platform(run)
        )
        simulation.reporters += reporters
        simulation.context.setPositions(scene.positions)

        def positions():
            state = simulation.context.getState(positions=True)
            return state.getPositions(asNumpy=True).value_in_unit(openmm.unit.nanometer)

        try:
            while simulation.currentStep < self.n_steps:
                steps = min(self.block, self.n_steps - simulation.currentStep)
                simulation.step(steps)
                yield Block(
                    stage="settling",
                    step=simulation.currentStep,
                    steps=steps,
                    total=self.n_steps,
                    measured={},
                    simulation=simulation,
                    read_positions=positions,
                )
        except Stop:
            pass
        start = as_packed(scene)
        return PackedScene(
            scene=scene,
            positions=positions(),
            boundary=scene.boundary,
            history=start.history,
            provenance=engine_of(simulation),
        )
