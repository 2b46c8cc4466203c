"""Driving Simulations."""

import sys

import numpy as np
import openmm
import openmm.app
import pytest
from helpers import PLATFORMS, body, chain
from limits import no_memory_beyond
from scipy.spatial.distance import pdist

from openmm_cgpack.core import PackingError, Periodic
from openmm_cgpack.core.runtime import integer_seed
from openmm_cgpack.forces import LENNARD_JONES_SCALE, PULL_SCALE
from openmm_cgpack.models import Filament
from openmm_cgpack.packing import (
    FrameReporter,
    Packing,
    Pull,
    Run,
    choose_platform,
    create_system,
    pack,
    pack_scene,
    place,
    platform_names,
    radius_of_gyration,
    to_topology,
)
from openmm_cgpack.packing.pull_schedule import pull_steps
from openmm_cgpack.poses import extract_transforms


@pytest.fixture(scope="module")
def scene():
    return place([(body("a", 7, 1), 6), (body("b", 3, 2), 6), (chain(n=7), 2)], seed=1)


CPU = Run(platform="CPU")
ONE_THREAD = Run(platform="CPU", threads=1)


def simulation_of(scene, **settings):
    return Pull(**settings).simulation(scene, run=ONE_THREAD, seed=1)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("rigidity", ["bonds", "constraints"])
def test_a_scene_packs(scene, platform, rigidity):
    packed = pack_scene(
        scene,
        Pull(rigidity=rigidity, max_steps=3000, block=100, relax_steps=400),
        run=Run(platform=platform),
        seed=1,
    )
    history = packed.history
    assert history.radius_of_gyration[-1] < 0.7 * history.radius_of_gyration[0]
    assert history.overlap[0] == 0
    assert history.overlap[-1] < 0.5
    assert packed.provenance["platform"] == platform
    assert history.radius_of_gyration[-1] == pytest.approx(radius_of_gyration(packed.positions))


def test_the_user_drives(scene):
    """pack() drives a Simulation that the user made, with the user's reporter and force."""
    simulation = simulation_of(scene)
    reporter = FrameReporter(100)
    simulation.reporters.append(reporter)
    packed = pack(simulation, scene, Pull(max_steps=400, block=200, relax_steps=100))
    assert simulation.currentStep == 500
    assert packed.history.step[[0, -1]].tolist() == [0, 500]
    assert reporter.steps == [100, 200, 300, 400, 500]
    np.testing.assert_allclose(reporter.frames[-1], packed.positions, atol=1e-5)
    assert simulation.context.getParameter(PULL_SCALE) == 0.0
    assert simulation.context.getParameter(LENNARD_JONES_SCALE) == 1.0


def test_it_stops_when_it_no_longer_tightens(scene):
    packed = pack_scene(scene, Pull(max_steps=50_000, block=100), run=CPU, seed=1)
    assert packed.history.step[-1] < 20_000


def test_without_relaxing_the_pull_stays(scene):
    simulation = simulation_of(scene)
    pack(simulation, scene, Pull(max_steps=100, block=100, relax_steps=0))
    assert simulation.context.getParameter(PULL_SCALE) == 1.0


@pytest.mark.parametrize("run", [Run(platform="Reference"), ONE_THREAD], ids=str)
def test_one_seed_one_packing(scene, run):
    protocol = Pull(max_steps=200, relax_steps=0)
    runs = [pack_scene(scene, protocol, run=run, seed=s) for s in (1, 1, 2)]
    assert np.array_equal(runs[0].positions, runs[1].positions)
    assert not np.array_equal(runs[0].positions, runs[2].positions)


def test_divergence_names_the_step_and_a_ball(scene):
    simulation = simulation_of(scene, timestep=50.0)
    with pytest.raises(PackingError, match=r"after step \d+ .* ball \d+ of instance \d+ \("):
        pack(simulation, scene, Pull(max_steps=5000, block=50))


def test_the_worst_ball_is_the_one_that_flew_away(scene):
    """A ball with a force of its own, far beyond the others', is the one named."""
    system = create_system(scene, forces=Pull().terms, rigidity="bonds")
    kick = openmm.CustomExternalForce("-1e9*x")
    kick.addParticle(10)
    system.addForce(kick)
    simulation = openmm.app.Simulation(
        to_topology(scene),
        system,
        openmm.LangevinMiddleIntegrator(300, 10, 0.01),
        openmm.Platform.getPlatformByName("CPU"),
    )
    simulation.context.setPositions(scene.positions)
    with pytest.raises(PackingError, match=r"ball 4 of instance 2 \(a\)"):
        pack(simulation, scene, Pull(max_steps=1000, block=10))


def test_positions_that_are_not_finite_are_found_first(scene):
    simulation = simulation_of(scene)
    positions = scene.positions.copy()
    positions[8] = np.nan
    simulation.context.setPositions(positions)
    with pytest.raises(ValueError, match=r"position of ball 2 of instance 2 \(a\) is not finite"):
        pack(simulation, scene)


def test_positions_that_were_not_set(scene):
    system = create_system(scene, forces=Pull().terms)
    simulation = openmm.app.Simulation(
        to_topology(scene), system, openmm.VerletIntegrator(0.001), choose_platform(CPU)[0]
    )
    with pytest.raises(ValueError, match="have not been set"):
        pack(simulation, scene)


def test_a_simulation_of_another_scene(scene):
    other = place([(chain(), 1)], seed=1)
    with pytest.raises(ValueError, match="wanted a System of the scene's 5 balls"):
        pack(simulation_of(scene), other)


def test_a_missing_platform_lists_those_present(scene):
    with pytest.raises(ValueError, match=r'platform: "CUBA" is not here, only .*CPU'):
        pack_scene(scene, run=Run(platform="CUBA"), seed=1)
    if "CUDA" not in platform_names():
        with pytest.raises(ValueError, match="pip extra cuda13"):
            choose_platform(Run(platform="CUDA"))


def test_none_takes_a_platform_that_works(monkeypatch):
    monkeypatch.delenv("OPENMM_DEFAULT_PLATFORM", raising=False)
    platform, _ = choose_platform()
    assert platform.getName() in platform_names()
    assert platform.getName() != "Reference"


@pytest.mark.parametrize(
    ("settings", "arguments", "error"),
    [
        (Pull, {"max_steps": 0}, ValueError),
        (Pull, {"block": 1.5}, TypeError),
        (Pull, {"timestep": -1.0}, ValueError),
        (Pull, {"temperature": float("nan")}, ValueError),
        (Pull, {"checkpoint_every": 0}, ValueError),
        (Pull, {"rigidity": "glue"}, ValueError),
        (Run, {"threads": 0}, ValueError),
    ],
)
def test_bad_settings(settings, arguments, error):
    with pytest.raises(error, match=rf"^{next(iter(arguments))}: wanted"):
        settings(**arguments)


def test_threads_are_the_cpu_platforms():
    with pytest.raises(ValueError, match="threads: means nothing on CUDA, only on CPU"):
        Run(platform="CUDA", threads=2)


def test_a_box_is_not_for_the_pull():
    scene = place([(body("a", 4, 1), 2)], boundary=Periodic(box=60.0), seed=1)
    with pytest.raises(ValueError, match="Pull is for open scenes, got one in a Periodic"):
        pack_scene(scene, seed=1)


def test_one_call_is_what_the_user_builds(scene):
    """The System of the protocol's terms, an integrator and a Simulation: the same bits."""
    protocol = Pull(max_steps=200, relax_steps=100)
    system = create_system(scene, forces=protocol.terms, rigidity=protocol.rigidity)
    integrator = openmm.LangevinMiddleIntegrator(300, 10, 0.02)
    integrator.setRandomNumberSeed(integer_seed(np.random.SeedSequence(1)))
    integrator.setConstraintTolerance(1e-7)
    simulation = openmm.app.Simulation(
        to_topology(scene), system, integrator, *choose_platform(ONE_THREAD)
    )
    simulation.context.setPositions(scene.positions)
    mine = pack(simulation, scene, protocol)
    whole = pack_scene(scene, protocol, run=ONE_THREAD, seed=1)
    assert np.array_equal(mine.positions, whole.positions)
    assert mine.provenance == whole.provenance
    stepped = Packing(pull_steps(simulation_of(scene), scene, protocol))
    assert [block.step for block in stepped if not block.finished][:1] == [200]
    assert np.array_equal(stepped.result.positions, whole.positions)


@pytest.mark.slow
def test_the_defaults_make_no_mirror_images_and_keep_bodies_exact():
    bodies = [body(f"m{i}", 4 + i, i, scale=2.5) for i in range(4)]
    scene = place([(model, 10) for model in bodies], seed=3)
    packed = pack_scene(scene, run=CPU, seed=3)
    for i in range(scene.n_instances):
        x, model = packed.positions[scene.balls(i)], scene.model(i)
        assert np.abs(pdist(x) - pdist(model.positions)).max() < 1e-4
        volume = np.linalg.det(model.positions[1:4] - model.positions[0])
        assert np.linalg.det(x[1:4] - x[0]) == pytest.approx(volume, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("stiffness", "largest_strain"), [(0.0, 0.02), (20_000.0, 0.05)])
def test_strain_is_taken_out_where_that_costs_nothing(stiffness, largest_strain):
    """Bodies held by bonds come to rest; stiff chains are not let into them for that."""
    counts = [(body(f"m{i}", 5, i, scale=2.5), 8) for i in range(3)]
    threads = Filament(n_balls=12, radius=1.5, angle_k=stiffness).build()
    scene = place([*counts, (threads, 3)], seed=2)
    packed = pack_scene(scene, Pull(rigidity="bonds"), run=ONE_THREAD, seed=2)
    depth = packed.history.overlap
    settled = np.flatnonzero(packed.history.step <= packed.history.step[-1] - 2000)[-1]
    assert depth[-1] < depth[settled] + 0.05
    poses = extract_transforms(packed)
    sizes = np.array([scene.model(i).radius_of_gyration for i in range(24)])
    good = ~poses.mirrored[:24]
    assert good.sum() > 12
    assert (poses.rms[:24] / sizes)[good].max() < largest_strain


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to the limit")
def test_threads_that_the_machine_does_not_start_are_refused():
    # OpenMM's own threads, where one does not start, end the process by SIGABRT.
    with (
        no_memory_beyond(256 << 20),
        pytest.raises(ValueError, match=r"threads: this machine starts no 1000 threads, only \d"),
    ):
        choose_platform(Run(platform="CPU", threads=1000))
