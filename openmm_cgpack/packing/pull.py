"""The paper's protocol: an open scene is pulled together until it no longer tightens."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..core import BallModel, PackedScene, Scene
from ..core.boundary import Boundary
from ..core.messages import checked_type
from ..core.settings import checked_settings, kind, setting
from ..forces import (
    CentrePull,
    ForceTerm,
    HarmonicAngles,
    HarmonicBonds,
    Rigidity,
    SwitchedLennardJones,
)
from .divergence import Guard, bound_of
from .protocols import Packing, Protocol, Steps, Watch
from .pull_schedule import RELAX_BONDS, pull_steps
from .scenes import Packable
from .simulations import Run, langevin_simulation
from .system import create_system

if TYPE_CHECKING:
    import openmm.app


@kind("pull")
class Pull(Protocol):
    """The paper's protocol: everything is pulled to a centre until it no longer tightens.

    The dynamics is stepped in blocks. A scene has tightened as far as it will when the least
    radius of gyration of the last `patience` blocks is not below that before them by more than
    `tolerance`. Then the pull is ramped off over half of `relax_steps`, and the scene settles for
    the rest of them. Where bodies are held by bonds, the Lennard-Jones energy is halved ten times
    meanwhile, as long as overlaps do not grow: that leaves the packing as it is but takes the
    strain out of the bodies.

    Examples
    --------
    >>> [term.kind for term in Pull(centre_pull=None).terms]
    ['harmonic_bonds', 'harmonic_angles', 'lennard_jones']
    """

    in_box: ClassVar[bool | None] = False

    lennard_jones: SwitchedLennardJones = setting(
        "what attracts balls to each other and keeps them apart", default=SwitchedLennardJones()
    )
    centre_pull: CentrePull | None = setting(
        "what pulls them to the centre; false for nothing", default=CentrePull()
    )
    rigidity: Rigidity = setting(
        "what keeps a rigid body's shape; with constraints none can become its mirror image",
        default="constraints",
    )
    max_steps: int = setting("most steps before the pull is ramped off", default=20_000, minimum=1)
    block: int = setting("steps between measurements", default=250, minimum=1)
    tolerance: float = setting(
        "relative tightening below which a packing has ended", default=2e-3, minimum=0
    )
    patience: int = setting("blocks without tightening that end it", default=4, minimum=1)
    relax_steps: int | None = setting(
        "steps in which the pull is ramped off and the balls settle; 0 leaves it on; left out, "
        "8000 where bodies are held by bonds and 4000 elsewhere",
        default=None,
        minimum=0,
    )
    timestep: float = setting("time step", unit="ps", default=0.02, above=0)
    friction: float = setting(
        "friction of the Langevin dynamics", unit="1/ps", default=10.0, minimum=0
    )
    temperature: float = setting("temperature", unit="K", default=300.0, minimum=0)
    checkpoint_every: int = setting(
        "steps between checkpoints, from which an unfinished run goes on; with one thread of the "
        "CPU platform they decide the last digits",
        default=2500,
        minimum=1,
    )

    def most_steps(self, species: Sequence[BallModel]) -> int:
        """Return those of the pull, and of the relaxation."""
        return self.max_steps + (RELAX_BONDS if self.relax_steps is None else self.relax_steps)

    def seconds(self, models: Sequence[tuple[BallModel, float]], fraction: float) -> float:
        """Return twice that of dynamics in a box: in a droplet most balls see each other."""
        return 2 * super().seconds(models, fraction)

    @property
    def terms(self) -> tuple[ForceTerm, ...]:
        """All force terms: the paper's eqs 10, 11, 12 and 8, and the user's own."""
        pull = () if self.centre_pull is None else (self.centre_pull,)
        return HarmonicBonds(), HarmonicAngles(), self.lennard_jones, *pull, *self.forces

    def check(self, boundary: Boundary) -> None:
        """Raise ValueError unless the boundary is open."""
        if boundary.bounded:
            raise ValueError(
                f"protocol: Pull is for open scenes, got one in a {type(boundary).__name__} "
                "boundary; see Dense"
            )

    def simulation(
        self,
        scene: Scene,
        *,
        run: Run = Run(),
        seed: int | np.random.SeedSequence,
        reporters: Sequence[Any] = (),
    ) -> openmm.app.Simulation:
        """Return the Simulation that the protocol drives, at its start; see `pack`."""
        return langevin_simulation(
            scene,
            create_system(scene, forces=self.terms, rigidity=self.rigidity),
            temperature=self.temperature,
            friction=self.friction,
            timestep=self.timestep,
            constraint_tolerance=1e-7,
            run=run,
            seed=seed,
            reporters=reporters,
        )

    def steps(
        self,
        scene: Scene,
        *,
        run: Run,
        seed: int | np.random.SeedSequence,
        reporters: Sequence[Any] = (),
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Steps[PackedScene]:
        """Pack a scene as a generator: see `Protocol.steps`."""
        self.check(scene.boundary)
        _check_stiff(scene)
        simulation = self.simulation(scene, run=run, seed=seed, reporters=reporters)
        return (yield from pull_steps(simulation, scene, self, checkpoint=checkpoint))


def _check_stiff(scene: Scene) -> None:
    """Raise ValueError where the pull would crumple a helix, whose monomers keep their lattice.

    It is thousands of times stronger than the heat that a persistence length is about: ten
    filaments of actin become balls of yarn.
    """
    helices = [model.name for model in scene.species if model.copies > 1]
    if helices:
        raise ValueError(
            f"protocol: Pull crumples helices, got {', '.join(helices)}; wanted Cell, in which "
            "their stiffness counts"
        )


def pack_scene(
    scene: Scene,
    protocol: Protocol = Pull(),
    *,
    run: Run = Run(),
    seed: int | np.random.SeedSequence,
    reporters: Sequence[Any] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> PackedScene:
    """Pack a scene in one call.

    Parameters
    ----------
    scene : Scene
        The scene, as `place` or `insert` made it.
    protocol : Protocol, optional
        How: `Pull` for open scenes, `Dense` for scenes in a box.
    run : Run, optional
        The platform.
    seed : int or numpy.random.SeedSequence
        Seed of everything that is drawn.
    reporters : sequence of OpenMM reporters, optional
        Added to every Simulation.
    checkpoint : path-like, optional
        File that keeps how far the packing is, replaced whole each time. Where it exists, the
        packing goes on from it. On Reference, and on the CPU platform with one thread, it ends
        as one that was not cut off, bit for bit.
    watch : callable, optional
        Called with a `Block` after every block of steps and every stage. Where it returns
        something true the packing ends there, with what it has; its provenance then says under
        ``"stopped"`` at which stage. The checkpoint stays as it was.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    PackedScene

    Raises
    ------
    ValueError
        The protocol is not for the scene's boundary, the platform is not here, or the checkpoint
        is of another run.
    PackingError
        The simulation diverged, or the fraction could not be reached; then the error's `best` is
        the best state.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Pull, Run, pack_scene, place
    >>> scene = place([(Filament(n_balls=5).build(), 4)], seed=1)
    >>> short = Pull(max_steps=500, relax_steps=100)
    >>> packed = pack_scene(scene, short, run=Run(platform="CPU"), seed=1)
    >>> bool(packed.history.radius_of_gyration[-1] < packed.history.radius_of_gyration[0])
    True

    A rule of your own ends it:

    >>> packed = pack_scene(scene, seed=1, watch=lambda block: block.step >= 500)
    >>> packed.history.step.tolist(), packed.provenance["stopped"]
    ([0, 250, 500], 'pulling')
    """
    checked_type("scene", scene, Packable)
    checked_settings("protocol", protocol, Protocol)
    checked_settings("run", run, Run)
    protocol.check(scene.boundary)
    # A protocol of the user's own makes its Simulation itself.
    watched = [*reporters, Guard(bound_of(scene))]
    steps = protocol.steps(scene, run=run, seed=seed, reporters=watched, checkpoint=checkpoint)
    return Packing(steps, scene=scene).finish(watch=watch, progress=progress)


def pack(
    simulation: openmm.app.Simulation,
    scene: Scene,
    protocol: Pull = Pull(),
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> PackedScene:
    """Drive a Simulation of your own until its packing no longer tightens.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        One whose particles are the scene's balls, with their positions set: that of
        ``protocol.simulation(scene, seed=1)``, or any other. Its System, integrator and platform
        are taken as they are, so that of the protocol only the schedule counts.
    scene : Scene
        The scene.
    protocol : Pull, optional
        The schedule.
    checkpoint, watch, progress
        See `pack_scene`. The Simulation that goes on must be made as it was for the first part.

    Returns
    -------
    PackedScene

    Raises
    ------
    ValueError
        The Simulation is not one of this scene, its positions are not set or not finite, or the
        checkpoint is of another run.
    PackingError
        The simulation diverged; the message names the step and the worst ball.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> scene, protocol = place([(Filament(n_balls=5).build(), 4)], seed=1), Pull(max_steps=500)
    >>> simulation = protocol.simulation(scene, seed=1)
    >>> simulation.integrator.setFriction(1.0)
    >>> packed = pack(simulation, scene, protocol, watch=lambda block: block.step >= 250)
    >>> simulation.currentStep
    250
    """
    steps = pull_steps(simulation, scene, protocol, checkpoint=checkpoint)
    return Packing(steps).finish(watch=watch, progress=progress)
