"""The elasticity of membranes as an OpenMM force."""

import numpy as np
import pytest
from elastic_meshes import icosphere, membrane
from helpers import PLATFORMS, chain, energy_and_forces

from openmm_cgpack.core import RigidTransforms, Scene
from openmm_cgpack.core.mesh_elasticity import ElasticMeshes
from openmm_cgpack.core.units import KT
from openmm_cgpack.forces import MembraneElasticity
from openmm_cgpack.packing import Run, create_system
from openmm_cgpack.packing.simulations import capture, langevin_simulation, restore

openmm = pytest.importorskip("openmm")


def vesicle(**elastic):
    points, faces = icosphere(2, 14.0)
    return membrane(points, faces, volume=11_000.0, volume_modulus=10.0, **elastic)


def scene_of(*models):
    """Return a scene of one instance of each model, 40 nm from each other."""
    n = len(models)
    return Scene(
        species=models,
        species_index=np.arange(n),
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (n, 1, 1)),
            translations=40.0 * np.arange(n)[:, None] * [1.0, 0, 0],
        ),
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_forces_are_minus_the_gradient_of_the_energy(platform):
    """Of the membranes alone: what stands between and behind them feels nothing."""
    other = membrane(*icosphere(1, 9.0), name="other", tension=3.0)
    scene = scene_of(chain("first"), vesicle(), chain(), other)
    rng = np.random.default_rng(1)
    places = scene.positions + rng.normal(size=scene.positions.shape) * 0.2
    energy, forces = energy_and_forces(scene, [MembraneElasticity()], places, platform)
    elastic = np.concatenate([np.arange(scene.n_balls)[scene.balls(i)] for i in (1, 3)])
    models = [scene.model(1), scene.model(3)]
    meshes = ElasticMeshes(models, evenness=250.0, heat=KT)
    exact, gradient = meshes.energy_and_gradient(places[elastic])
    assert energy == pytest.approx(exact, rel=1e-5)
    np.testing.assert_allclose(forces[elastic], -gradient, atol=1e-4 * np.abs(gradient).max())
    assert not np.delete(forces, elastic, axis=0).any()


def test_membranes_that_are_fixed_or_not_elastic_have_no_force():
    import dataclasses

    stiff = dataclasses.replace(vesicle(), elasticity=None)
    assert MembraneElasticity().build(scene_of(stiff), "bonds") is None
    fixed = dataclasses.replace(scene_of(vesicle()), fixed=[True])
    assert MembraneElasticity().build(fixed, "bonds") is None


def test_a_system_with_a_membrane_goes_into_a_file():
    scene = scene_of(vesicle())
    system = create_system(scene, forces=[MembraneElasticity()])
    again = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
    energies = []
    for one in (system, again):
        context = openmm.Context(
            one, openmm.VerletIntegrator(0.1), openmm.Platform.getPlatformByName("Reference")
        )
        context.setPositions(1.1 * scene.positions)
        energies.append(context.getState(energy=True).getPotentialEnergy()._value)
    assert energies[0] == energies[1] > 0


def simulation_of(scene):
    return langevin_simulation(
        scene,
        create_system(scene, forces=[MembraneElasticity()]),
        temperature=300.0,
        friction=1.0,
        timestep=0.15,
        constraint_tolerance=1e-6,
        run=Run(platform="CPU", threads=1),
        seed=3,
    )


def positions_of(simulation):
    return simulation.context.getState(positions=True).getPositions(asNumpy=True)._value


def test_a_vesicle_keeps_its_area_volume_and_even_mesh_and_goes_on_bit_for_bit():
    scene = scene_of(vesicle())
    simulation = simulation_of(scene)
    simulation.step(300)
    kept = capture(simulation)
    simulation.step(300)
    end = positions_of(simulation)
    other = simulation_of(scene)
    restore(other, *kept)
    other.step(300)
    assert np.array_equal(positions_of(other), end)
    meshes, elasticity = ElasticMeshes([scene.model(0)]), scene.model(0).elasticity
    (area,), (volume,) = meshes.areas_and_volumes(end)
    assert area == pytest.approx(elasticity.area, rel=0.01)
    assert volume == pytest.approx(elasticity.volume, rel=0.01)
    corners = end[scene.model(0).faces]
    lengths = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    # A needle has an edge far shorter than its longest; thermal motion has moved all of them.
    assert (lengths.min(axis=1) / lengths.max(axis=1)).min() > 0.5
    assert np.abs(end - scene.positions).max() > 0.5
