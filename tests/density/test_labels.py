"""Masks: whose each voxel is."""

import numpy as np
import pytest
from drawing import (
    make_filament,
    make_membrane,
    make_molecule,
    make_packed,
    make_structure,
    turns,
)

from openmm_cgpack.core import AtomicStructure, BallModel, Grid
from openmm_cgpack.density import (
    MapSettings,
    bounding_grid,
    box_grid,
    particle_table,
    render_density,
    render_labels,
)

MOLECULE = make_molecule(make_structure())
SMALL = make_molecule(make_structure("small", n=700, seed=9, size=0.6))


def count(labels):
    return np.bincount(labels.data.ravel())


def mixed(n=20, seed=3, spread=18.0):
    rng = np.random.default_rng(seed)
    placed = [
        (SMALL if i % 3 else MOLECULE, turn, rng.uniform(-spread, spread, 3))
        for i, turn in enumerate(turns(n, seed))
    ]
    placed.append((make_filament(8), turns(1, seed=7)[0], [2, 3, 25]))
    placed.append((make_membrane(4, 5), turns(1, seed=8)[0], [0, 0, -30]))
    return make_packed(placed)


@pytest.mark.parametrize("voxel_size", [0.5, 1.0])
def test_a_mask_has_its_envelope_s_volume(voxel_size):
    shifts = np.random.default_rng(0).uniform(0, 1, (12, 3))
    volumes = {"molecule": [], "filament": [], "membrane": []}
    for turn, shift in zip(turns(12, seed=2), shifts, strict=True):
        for model in (MOLECULE, make_filament(5), make_membrane(3, 3)):
            if voxel_size < 1 and model.name == "membrane":
                continue
            labels = render_labels(
                make_packed([(model, turn, shift)]), MapSettings(voxel_size=voxel_size)
            )
            volumes[model.name].append(count(labels.instances)[1] * voxel_size**3 / model.volume)
    for name, values in volumes.items():
        if values:
            assert np.mean(values) == pytest.approx(1, abs=0.03), name
            assert np.ptp(values) < 0.2, name


def test_masks_lie_on_their_molecules():
    turn, shift = turns(1, seed=4)[0], np.array([3.2, -1.7, 8.4])
    packed = make_packed([(MOLECULE, turn, shift)])
    labels = render_labels(packed, MapSettings(voxel_size=0.5))
    atoms = MOLECULE.structure.positions @ turn.T + shift
    k, j, i = np.rint(labels.instances.grid.to_voxels(atoms)).astype(int).T[::-1]
    assert (labels.instances.data[k, j, i] == 1).mean() > 0.95


def test_every_object_is_labelled_with_its_number_and_species():
    packed = mixed()
    scene = packed.scene
    labels = render_labels(packed)
    assert (count(labels.instances)[1:] > 0).all()
    assert count(labels.instances).size == scene.n_instances + 1
    assert labels.instances.data.dtype == np.uint16
    assert labels.semantic.names == tuple(model.name for model in scene.species)
    table = np.concatenate([[0], scene.species_index + 1])
    assert (labels.semantic.data == table[labels.instances.data]).all()


def test_labels_and_density_stand_on_the_same_grid():
    packed = mixed()
    grid = bounding_grid(packed)
    labels, density = render_labels(packed, grid=grid), render_density(packed, grid=grid)
    assert labels.instances.data.shape == density.data.shape
    assert (labels.instances.origin == density.origin).all()
    # What is labelled is dense.
    inside = density.data[labels.instances.data > 0]
    assert np.median(inside) > 20 * np.median(density.data[labels.instances.data == 0] + 1e-6)


def test_a_tie_goes_to_the_lower_number_and_nobody_loses_everything():
    turn, shift = turns(1)[0], np.array([0.2, 0.4, 0.1])
    alone = count(render_labels(make_packed([(MOLECULE, turn, shift)])).instances)[1]
    twice = make_packed([(MOLECULE, turn, shift)] * 3)
    assert count(render_labels(twice).instances)[1:].tolist() == [alone - 2, 1, 1]


def test_a_voxel_goes_to_the_one_that_is_higher_over_its_threshold():
    a, b = np.array([-2.0, 0, 0]), np.array([2.0, 0, 0])
    model = make_filament(2, radius=2.0)
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    labels = render_labels(make_packed([(model, quarter, a), (model, quarter, b)])).instances
    x = labels.origin[0] + np.arange(labels.data.shape[2])
    # The plane between the two may go to either.
    _, _, i = np.nonzero(labels.data == 1)
    assert x[i].max() <= 0
    _, _, i = np.nonzero(labels.data == 2)
    assert x[i].min() >= 0


def test_something_smaller_than_a_voxel_owns_one():
    atoms = AtomicStructure(
        name="dot", positions=[[0.01, 0, 0], [-0.01, 0, 0]], masses=[12.0, 12.0]
    )
    dot = BallModel(
        name="dot",
        positions=np.zeros((1, 3)),
        radii=[0.2],
        masses=[1.0],
        volume=0.03,
        structure=atoms,
    )
    for shift in np.random.default_rng(1).uniform(0, 4, (20, 3)):
        grid = box_grid(40.0, voxel_size=2.0)
        labels = render_labels(make_packed([(dot, np.eye(3), shift)]), grid=grid).instances
        k, j, i = np.argwhere(labels.data == 1)[0]
        place = labels.origin + 2.0 * np.array([i, j, k])
        assert np.abs(place - shift).max() <= 1.0 + 1e-6


def test_objects_outside_are_left_out_and_those_inside_never():
    packed = mixed(40, seed=5, spread=14.0)
    grid = Grid(shape=(16, 20, 18), voxel_size=1.0, origin=np.array([-9.0, -10.0, -8.0]))
    owned = count(render_labels(packed, grid=grid).instances)
    owned = np.pad(owned, (0, packed.scene.n_instances + 1 - len(owned)))[1:]
    index = particle_table(packed, grid=grid).centre
    inside = ((index >= -0.5) & (index <= np.array(grid.shape[::-1]) - 0.5)).all(axis=1)
    molecule = packed.scene.species_index < 2
    assert inside.sum() > 5
    assert (owned[inside & molecule] > 0).all()
    far = (np.abs(index - np.array(grid.size) / 2) > 20).any(axis=1)
    assert far.any()
    assert not owned[far & molecule].any()


@pytest.mark.slow
def test_more_than_65535_objects_need_more_bits():
    n = 65_536
    atoms = AtomicStructure(name="dot", positions=np.zeros((1, 3)), masses=[12.0])
    dot = BallModel(
        name="dot",
        positions=np.zeros((1, 3)),
        radii=[0.2],
        masses=[1.0],
        volume=1.0,
        structure=atoms,
    )
    lattice = 3.0 * np.indices((16, 64, 64)).reshape(3, -1).T
    packed = make_packed([(dot, np.eye(3), shift) for shift in lattice])
    labels = render_labels(
        packed, grid=Grid(shape=(4, 4, 48), voxel_size=1.0, origin=lattice[-1] - [45, 1, 1])
    )
    assert labels.instances.data.dtype == np.uint32
    assert labels.instances.data.max() == n


def test_particle_table():
    model = make_filament(6, radius=2.0)
    turn, shift = turns(1, seed=6)[0], np.array([3.0, 4.0, 5.0])
    start = make_packed([(MOLECULE, turn, shift), (model, np.eye(3), [0, 0, 30])])
    positions = start.scene.positions.copy()
    positions[-model.n_balls :] += [0, 0, 7.0]
    packed = make_packed(
        [(MOLECULE, turn, shift), (model, np.eye(3), [0, 0, 30])], positions=positions
    )
    grid = Grid(shape=(8, 8, 8), voxel_size=1.0, origin=np.array([-10.0, -20.0, -30.0]))
    table = particle_table(packed, grid=grid)
    assert table.instance.tolist() == [1, 2]
    assert table.species.tolist() == ["molecule", "filament"]
    # The body's origin is its centre of mass, which the mean of its few balls is not.
    assert table.centre[0] == pytest.approx(shift - grid.origin, abs=1e-9)
    assert table.centre[1] == pytest.approx([10, 20, 67], abs=1e-9)
    assert table.rotation[0] == pytest.approx(turn, abs=1e-9)
    atoms = np.linalg.norm(MOLECULE.structure.positions, axis=1)
    assert table.radius[0] == pytest.approx(atoms.max())
    # Six diameters of 4 nm: the rim of the flat end is at 12 nm along and 2 nm across.
    assert np.hypot(12, 2) <= table.radius[1] < np.hypot(12, 2) + 1
