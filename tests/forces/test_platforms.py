"""Every force term on every platform that OpenMM finds, beside Reference."""

import numpy as np
import openmm
import pytest
from elastic_meshes import icosphere, membrane
from helpers import PLATFORMS, body, chain
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import (
    Grid,
    Links,
    Obstacle,
    Open,
    Periodic,
    RigidTransforms,
    Scene,
    Slab,
)
from openmm_cgpack.forces import (
    CentrePull,
    ForceTerm,
    HarmonicAngles,
    HarmonicBonds,
    LargeBallRepulsion,
    LinkBonds,
    MembraneElasticity,
    ObstacleWall,
    SoftRepulsion,
    SwitchedLennardJones,
    Walls,
)
from openmm_cgpack.packing import Run, choose_platform, create_system

TERMS = (
    HarmonicBonds(),
    HarmonicAngles(),
    LinkBonds(),
    CentrePull(k=2.0, radius=15.0),
    Walls(k=50.0),
    ObstacleWall(k=50.0),
    MembraneElasticity(),
    SwitchedLennardJones(epsilon=5.0, switch=14.0, cutoff=20.0, form="custom"),
    SoftRepulsion(k=50.0, gap=3.0),
    LargeBallRepulsion(k=50.0, gap=3.0, beyond=1.6),
)
BOUNDARIES = (Open(), Periodic(box=60.0), Slab(box=(60.0, 60.0, 34.0)))
IN_PYTHON = (MembraneElasticity, LargeBallRepulsion)


def scene_of_everything(boundary):
    """Return a scene in which every term finds something, on all sides of 0, and places in it."""
    rng = np.random.default_rng(3)
    vesicle = membrane(*icosphere(1, 9.0), volume=2900.0, volume_modulus=10.0)
    species = (body("three", 3, 1), body("seven", 7, 2), chain(), vesicle)
    index = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3])
    grid = Grid(shape=(20, 20, 30), voxel_size=2.0, origin=[-29.0, -19.0, -19.0])
    scene = Scene(
        species=species,
        species_index=index,
        transforms=RigidTransforms(
            rotations=Rotation.from_quat(rng.normal(size=(len(index), 4))).as_matrix(),
            translations=rng.uniform(-20, 20, (len(index), 3)),
        ),
        boundary=boundary,
        obstacle=Obstacle.inside_of(lambda points: points[:, 2] < -12, grid),
        links=Links(pairs=[[0, 9], [4, 33]], lengths=[2, 3], constants=[9, 7], slacks=[0, 1]),
    )
    # Of rigid bodies no ball may be off its place, since the others are worked out of three.
    flexible = np.isin(index, (2, 3))[scene.instance_of_ball, None]
    return scene, scene.positions + flexible * rng.normal(size=(scene.n_balls, 3)) * 0.2


def of_each_term(system, positions, platform):
    """Return the energy and the forces of each term that the system has, by force group."""
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), *choose_platform(Run(platform=platform))
    )
    context.setPositions(positions)
    found = {}
    for force in system.getForces():
        group = force.getForceGroup()
        state = context.getState(energy=True, forces=True, groups={group})
        energy = state.getPotentialEnergy()._value
        found[group] = energy, np.array(state.getForces(asNumpy=True)._value)
    return found


def test_no_term_is_forgotten_here():
    ours = [
        term for term in ForceTerm.kinds.values() if term.__module__.startswith("openmm_cgpack")
    ]
    assert {type(term) for term in TERMS} == set(ours)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda boundary: boundary.kind)
def test_every_term_is_as_on_reference(boundary, platform):
    scene, positions = scene_of_everything(boundary)
    system = create_system(scene, forces=TERMS, rigidity="constraints")
    expected = of_each_term(system, positions, "Reference")
    found = of_each_term(system, positions, platform)
    idle = {type(TERMS[group]).__name__ for group in set(range(len(TERMS))) - set(expected)}
    assert idle == (set() if boundary.walls.any() else {"Walls"})
    for group, (energy, forces) in expected.items():
        name, size = TERMS[group].kind, np.abs(forces).max()
        assert size > 1, name
        assert found[group][0] == pytest.approx(energy, rel=1e-4, abs=1e-3), name
        np.testing.assert_allclose(found[group][1], forces, atol=1e-4 * size, err_msg=name)


@pytest.mark.parametrize("boundary", BOUNDARIES[1:], ids=lambda boundary: boundary.kind)
def test_no_term_asks_which_image_of_an_instance_is_meant(boundary):
    """Platforms of GPUs hand over any; forces in Python get the places as they were set."""
    scene, positions = scene_of_everything(boundary)
    terms = [term for term in TERMS if not isinstance(term, IN_PYTHON)]
    system = create_system(scene, forces=terms, rigidity="constraints")
    edges = np.diag([list(v._value) for v in system.getDefaultPeriodicBoxVectors()])
    boxes = np.random.default_rng(1).integers(-2, 3, size=(scene.n_instances, 3))
    expected = of_each_term(system, positions, "Reference")
    moved = positions + (boxes * edges)[scene.instance_of_ball]
    for group, (energy, forces) in of_each_term(system, moved, "Reference").items():
        name, size = terms[group].kind, np.abs(expected[group][1]).max()
        assert energy == pytest.approx(expected[group][0], rel=1e-9), name
        np.testing.assert_allclose(forces, expected[group][1], atol=1e-9 * size, err_msg=name)
