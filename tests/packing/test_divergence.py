"""Dynamics that diverges: on no platform does it take the process with it, or end in a result."""

import signal

import numpy as np
import openmm
import openmm.app
import pytest
from dense_scenes import blob
from helpers import PLATFORMS, body, chain

from openmm_cgpack.core import (
    BallModel,
    PackedScene,
    PackingError,
    Periodic,
    RigidTransforms,
    Scene,
)
from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.forces import ForceTerm
from openmm_cgpack.packing import (
    Block,
    Compression,
    Dense,
    FrameReporter,
    Protocol,
    Pull,
    Run,
    as_packed,
    choose_platform,
    compress,
    create_system,
    insert,
    pack_scene,
    place,
    to_topology,
)
from openmm_cgpack.packing.divergence import positions_of


@pytest.fixture
def own_kinds():
    """A force of a user's that explodes, and a protocol that does not care."""

    @kind("exploding")
    class Exploding(ForceTerm):
        value: float = setting("force on a ball from some step on")
        after: int = setting("that step", default=5)

        def build(self, scene, rigidity):
            calls = []

            def compute(state):
                calls.append(1)
                forces = np.zeros((scene.n_balls, 3))
                if len(calls) > self.after:
                    forces[2] = self.value, -self.value, self.value
                return 0.0, forces

            return openmm.PythonForce(compute)

    @kind("plain")
    class Plain(Protocol):
        watched: bool = setting("whether it adds the reporters that it is given", default=True)

        def steps(self, scene, *, run, seed, reporters=(), checkpoint=None):
            system = create_system(scene, forces=self.forces, rigidity="constraints")
            integrator = openmm.LangevinMiddleIntegrator(300, 1.0, 0.02)
            simulation = openmm.app.Simulation(
                to_topology(scene), system, integrator, *choose_platform(run)
            )
            simulation.reporters += reporters if self.watched else ()
            simulation.context.setPositions(scene.positions)
            for steps in (2, 98):
                simulation.step(steps)
                yield Block(
                    stage="all",
                    step=simulation.currentStep,
                    steps=steps,
                    measured={},
                    simulation=simulation,
                    read_positions=lambda: positions_of(simulation),
                )
            return PackedScene(
                scene=scene,
                positions=positions_of(simulation),
                boundary=scene.boundary,
                history=as_packed(scene).history,
            )

    yield Exploding, Plain
    del ForceTerm.kinds["exploding"], Protocol.kinds["plain"]


@kind("wrong")
class Wrong(ForceTerm):
    """What a user may write by mistake; it leaves the register again below."""

    what: str = setting("which mistake")

    def build(self, scene, rigidity):
        if self.what == "raises":
            return 1 / 0
        return 5 if self.what == "number" else openmm.CustomExternalForce("unknown*x")


del ForceTerm.kinds["wrong"]


def exploding(own_kinds, value):
    """Return the force: no recipe has such a value, but a force may come to it all the same."""
    term = own_kinds[0](value=0.0)
    object.__setattr__(term, "value", value)
    return term


BOX = insert([(blob(), 6)], boundary=Periodic(box=8.0), seed=1)
OPEN = place([(body("a", 5, 1), 3), (chain(), 2)], seed=1)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("value", [1e300, -1e30, 1e22, np.inf, np.nan])
@pytest.mark.parametrize("protocol", ["constraints", "bonds", "dense", "plain", "unwatched"])
def test_a_force_that_explodes_is_an_error_that_names_a_ball(own_kinds, protocol, value, platform):
    scene = OPEN if protocol in ("constraints", "bonds") else BOX
    forces = (exploding(own_kinds, value),)
    packer = {
        "dense": lambda: Dense(forces=forces),
        "plain": lambda: own_kinds[1](forces=forces),
        "unwatched": lambda: own_kinds[1](forces=forces, watched=False),
    }.get(protocol, lambda: Pull(rigidity=protocol, max_steps=100, relax_steps=0, forces=forces))()
    frames = FrameReporter(1)
    words = r"diverged.* ball \d of instance 1 \(|NaN"
    with pytest.raises(PackingError, match=words) as caught:
        pack_scene(scene, packer, run=Run(platform=platform), seed=1, reporters=[frames])
    if protocol not in ("plain", "unwatched"):
        # What was made stays, and no frame of what was taken back.
        assert np.isfinite(caught.value.best.positions).all()
        assert all(np.isfinite(frame).all() for frame in frames.frames)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_other_reporters_see_nothing_that_was_not_looked_at(own_kinds, platform, tmp_path):
    """Energies of lost positions would be worked out before the Simulation's step is over."""
    energies = openmm.app.StateDataReporter(str(tmp_path / "e.csv"), 1, potentialEnergy=True)
    protocol = Dense(forces=(exploding(own_kinds, 1e290),))
    with pytest.raises(PackingError, match="diverged"):
        pack_scene(BOX, protocol, run=Run(platform=platform), seed=1, reporters=[energies])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_time_step_too_long_is_halved_until_the_bodies_hold(platform, caplog):
    protocol = Pull(rigidity="bonds", timestep=0.1, max_steps=200, relax_steps=0, block=50)
    packed = pack_scene(OPEN, protocol, run=Run(platform=platform), seed=1)
    assert 0.1 / 16 <= packed.provenance["timestep_ps"] < 0.1
    assert packed.history.radius_of_gyration[-1] < packed.history.radius_of_gyration[0]
    assert "on with steps of 0.05 ps" in caplog.text


@pytest.mark.parametrize("platform", PLATFORMS)
def test_heat_turns_no_body_out_of_its_constraints(platform, caplog):
    """Few large balls: the heat that lets them pass each other moves them by their distances."""
    turned = np.array([[1.2, 0, 0], [-0.6, 1.04, 0], [-0.6, -1.04, 0]])
    large = BallModel(
        name="large",
        positions=turned,
        radii=[3.0] * 3,
        masses=[5000.0] * 3,
        rigid_groups=(np.arange(3),),
        volume=60.0,
    )
    rng = np.random.default_rng(1)
    places = RigidTransforms(
        rotations=[np.eye(3)] * 12, translations=rng.uniform(-8, 8, size=(12, 3))
    )
    scene = Scene(
        species=(large,), species_index=[0] * 12, transforms=places, boundary=Periodic(box=16.0)
    )
    settings = Compression(anneal_steps=400, max_steps=500, limit=3.0)
    packed = compress(scene, settings, fraction=0.1758, run=Run(platform=platform), seed=1)
    assert "on with steps" not in caplog.text
    positions = packed.positions.reshape(12, 3, 3)
    sides = np.linalg.norm(positions - np.roll(positions, 1, axis=1), axis=2)
    np.testing.assert_allclose(sides, 2.08, atol=0.01)


@pytest.mark.parametrize(
    ("what", "match"),
    [
        (
            "raises",
            "wrong: wanted an OpenMM force from it, got ZeroDivisionError: division by zero",
        ),
        ("number", "wrong: wanted an OpenMM force from it, got 5"),
        ("expression", "OpenMM refuses them: Unknown variable in expression: unknown"),
    ],
)
@pytest.mark.parametrize("protocol", [Dense, Pull])
def test_a_force_that_is_none_is_refused_in_one_line(protocol, what, match):
    with pytest.raises(ValueError, match=rf"^forces: {match}"):
        pack_scene(BOX if protocol is Dense else OPEN, protocol(forces=(Wrong(what=what),)), seed=1)


@pytest.fixture
def interrupting():
    """A force of a user's in Python, in whose fifth call Ctrl-C arrives."""
    calls = []

    @kind("interrupting")
    class Interrupting(ForceTerm):
        """Nothing else."""

        def build(self, scene, rigidity):
            def compute(state):
                calls.append(1)
                if len(calls) == 5:
                    signal.raise_signal(signal.SIGINT)
                return 0.0, np.zeros((scene.n_balls, 3))

            return openmm.PythonForce(compute)

    yield Interrupting, calls
    del ForceTerm.kinds["interrupting"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_interruption_ends_it_after_the_step_that_it_is_in(interrupting, platform):
    """OpenMM takes ten before it listens, and makes an error of one that meets it in a force.

    On a GPU, which is not waited for after every step, it ends after the ten.
    """
    term, calls = interrupting
    with pytest.raises(KeyboardInterrupt):
        pack_scene(OPEN, Pull(forces=(term(),)), run=Run(platform=platform), seed=1)
    assert len(calls) <= (6 if platform in ("CPU", "Reference") else 11)
