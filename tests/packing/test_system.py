"""The System: one index for both ways to be rigid, and bodies that stay what they are."""

import numpy as np
import openmm
import pytest
from helpers import PLATFORMS, body, chain, random_scene
from scipy.spatial.distance import pdist

from openmm_cgpack.core import BallModel, RigidTransforms, Scene
from openmm_cgpack.packing import Placement, Pull, create_system, place

PAPER = Pull().terms


def lone(model):
    return Scene(
        species=(model,), species_index=np.array([0]), transforms=RigidTransforms.identity(1)
    )


def masses(system):
    return np.array([system.getParticleMass(i)._value for i in range(system.getNumParticles())])


def test_bonds_have_every_ball_as_a_particle():
    scene, _ = random_scene(1)
    system = create_system(scene, forces=PAPER)
    np.testing.assert_array_equal(masses(system), 5000.0)
    assert system.getNumConstraints() == 0


def test_constraints_have_three_massive_balls_a_body():
    scene, _ = random_scene(1)
    system = create_system(scene, forces=PAPER, rigidity="constraints")
    assert system.getNumParticles() == scene.n_balls
    assert system.getNumConstraints() == 3 * 4
    mass = masses(system)
    for i in range(scene.n_instances):
        balls = scene.balls(i)
        # The body's mass is the same in both ways.
        assert mass[balls].sum() == pytest.approx(scene.masses[balls].sum())
        if scene.model(i).rigid_groups:
            assert (mass[balls] > 0).sum() == 3


@pytest.mark.parametrize("platform", PLATFORMS)
def test_sites_stand_where_the_balls_were(platform):
    scene, _ = random_scene(2)
    system = create_system(scene, forces=PAPER, rigidity="constraints")
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(platform)
    )
    start = scene.positions.copy()
    sites = [i for i in range(scene.n_balls) if system.isVirtualSite(i)]
    assert len(sites) == 8
    start[sites] = 0.0
    context.setPositions(start)
    context.computeVirtualSites()
    found = context.getState(positions=True).getPositions(asNumpy=True)._value
    np.testing.assert_allclose(found, scene.positions, atol=2e-5)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(("rigidity", "tolerance"), [("bonds", 0.02), ("constraints", 1e-4)])
def test_bodies_stay_rigid(platform, rigidity, tolerance):
    """Distances within bodies, after dynamics under the whole force field."""
    scene = place([(body("a", 7, 1), 3), (chain(), 1)], Placement(extent=40), seed=1)
    system = create_system(scene, forces=PAPER, rigidity=rigidity)
    integrator = openmm.LangevinMiddleIntegrator(300, 10, 0.01)
    integrator.setRandomNumberSeed(1)
    integrator.setConstraintTolerance(1e-7)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(scene.positions)
    integrator.step(300)
    x = context.getState(positions=True).getPositions(asNumpy=True)._value
    assert np.linalg.norm(x - scene.positions, axis=1).mean() > 1.0
    for i in range(3):
        balls = scene.balls(i)
        off = np.abs(pdist(x[balls]) - pdist(scene.positions[balls])).max()
        assert off < tolerance * (1 if rigidity == "constraints" else 3)


def test_collinear_bodies_can_not_be_constrained():
    rod = BallModel(
        name="rod",
        positions=np.outer(np.arange(4.0), [0, 0, 1]),
        radii=np.ones(4),
        masses=np.ones(4),
        rigid_groups=(np.arange(4),),
        volume=1.0,
    )
    with pytest.raises(ValueError, match="rod: rigidity='constraints' wants three balls"):
        create_system(lone(rod), forces=(), rigidity="constraints")


def test_dumbbells_and_lone_balls():
    pair = body("pair", 2, 3)
    system = create_system(lone(pair), forces=PAPER, rigidity="constraints")
    assert system.getNumConstraints() == 1
    system = create_system(lone(body("one", 1, 3)), forces=PAPER, rigidity="constraints")
    assert system.getNumConstraints() == 0
    assert masses(system).tolist() == [5000.0]


def test_rigidity_is_one_of_two():
    with pytest.raises(ValueError, match="rigidity: wanted 'bonds' or 'constraints', got 'glue'"):
        create_system(lone(chain()), forces=(), rigidity="glue")
