"""Scenes and evaluations that several tests share."""

import numpy as np
import openmm

from openmm_cgpack.core import BallModel, RigidTransforms, Scene
from openmm_cgpack.packing import create_system

PLATFORMS = [
    openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())
]


def body(name, n, seed, *, bond_k=1_673_600.0, scale=3.0):
    """Return a rigid body of n balls at random."""
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(n, 3)) * scale
    first, second = np.triu_indices(n, k=1)
    return BallModel(
        name=name,
        positions=positions - positions.mean(axis=0),
        radii=rng.uniform(1.0, 2.0, n),
        masses=np.full(n, 5000.0),
        bonds=np.stack([first, second], axis=1),
        bond_k=bond_k,
        rigid_groups=(np.arange(n),),
        volume=100.0,
    )


def chain(name="chain", n=5, *, angle_k=40.0):
    """Return a straight chain of n balls."""
    ball = np.arange(n)
    return BallModel(
        name=name,
        positions=np.stack([0 * ball, 0 * ball, 3.0 * (ball - (n - 1) / 2)], axis=1),
        radii=np.full(n, 1.5),
        masses=np.full(n, 5000.0),
        bonds=np.stack([ball[:-1], ball[1:]], axis=1),
        angles=np.stack([ball[:-2], ball[1:-1], ball[2:]], axis=1),
        bond_k=900.0,
        angle_k=angle_k,
        volume=50.0,
    )


def random_scene(seed, *, bend=0.2, angle_k=40.0):
    """Return a small scene, and positions for it whose balls are off their places by `bend`."""
    rng = np.random.default_rng(seed)
    species = (body("three", 3, 1), body("seven", 7, 2), chain(angle_k=angle_k))
    index = np.array([0, 0, 1, 1, 2, 2])
    quaternions = rng.normal(size=(len(index), 4))
    from scipy.spatial.transform import Rotation

    scene = Scene(
        species=species,
        species_index=index,
        transforms=RigidTransforms(
            rotations=Rotation.from_quat(quaternions).as_matrix(),
            translations=rng.uniform(-15, 15, (len(index), 3)),
        ),
    )
    return scene, scene.positions + rng.normal(size=(scene.n_balls, 3)) * bend


def energy_and_forces(scene, terms, positions, platform, rigidity="bonds"):
    """Return the potential energy (kJ/mol) and forces (kJ/mol/nm) of force terms."""
    system = create_system(scene, forces=terms, rigidity=rigidity)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(platform)
    )
    context.setPositions(positions)
    context.computeVirtualSites()
    state = context.getState(energy=True, forces=True)
    unit = openmm.unit
    return (
        state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole),
        state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer),
    )
