import dataclasses

import numpy as np
import pytest
from common.measures import (
    clash_share,
    gaps,
    measure_bending,
    measure_droplet,
    molecule_points,
    nearest_gaps,
)
from scipy.spatial.transform import Rotation

from openmm_cgpack import (
    AtomicStructure,
    Cover,
    Filament,
    LabelVolume,
    Membrane,
    Open,
    PackedScene,
    RigidTransforms,
    Scene,
    coarse_grain,
)
from openmm_cgpack.core import History, Periodic
from openmm_cgpack.models import single_ball


def packed(models, places, rotations=None):
    n = len(models)
    scene = Scene(
        species=tuple(models),
        species_index=np.arange(n),
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (n, 1, 1)) if rotations is None else rotations,
            translations=places,
        ),
    )
    nothing = dict.fromkeys(("radius_of_gyration", "fraction", "overlap", "energy"), np.zeros(0))
    return PackedScene(
        scene=scene,
        positions=scene.positions,
        boundary=Open(),
        history=History(step=np.zeros(0, int), **nothing),
    )


def cloud(name, points, volume):
    points = np.asarray(points, float)
    return AtomicStructure(
        name=name,
        positions=points - points.mean(axis=0),
        masses=np.full(len(points), 12.0),
        envelope_volume=volume,
    )


def uniform_ball(radius, spacing):
    axis = np.arange(-radius, radius + spacing, spacing)
    grid = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    return grid[np.linalg.norm(grid, axis=1) <= radius]


def test_a_uniform_ball_has_its_own_fraction_everywhere():
    points = uniform_ball(10.0, 0.7)
    volume = 0.3 * 4 / 3 * np.pi * 10.0**3
    scene = packed([single_ball(cloud("a", points, volume))], [[3, 4, 5]])
    droplet = measure_droplet(scene)
    assert droplet.fraction == pytest.approx(0.3, rel=0.02)
    assert droplet.inner_fraction == pytest.approx(0.3, rel=0.03)
    assert droplet.inner_radius == pytest.approx(10 * 0.5 ** (1 / 3), rel=0.02)
    assert droplet.roundness == pytest.approx(1, abs=0.01)
    assert clash_share(scene) == 0
    np.testing.assert_allclose(droplet.centre, [3, 4, 5], atol=1e-9)


def test_a_rod_is_not_round():
    rod = np.stack([np.linspace(-9, 9, 181), np.zeros(181), np.tile([-1.0, 1, 0], 61)[:181]], 1)
    droplet = measure_droplet(packed([single_ball(cloud("rod", rod, 10.0))], [[0, 0, 0]]))
    assert droplet.roundness < 0.2


def test_the_cover_changes_nothing_that_is_measured():
    rng = np.random.default_rng(2)
    structures = [cloud(f"m{k}", rng.normal(size=(400, 3)) * [3, 1, 2], 40.0) for k in range(3)]
    places = rng.uniform(-6, 6, (3, 3))
    turns = Rotation.random(3, random_state=3).as_matrix()
    scenes = [
        packed(models, places, turns)
        for models in (
            [single_ball(s) for s in structures],
            [coarse_grain(s, Cover(atoms_per_ball=50), seed=1) for s in structures],
        )
    ]
    droplets = [measure_droplet(scene) for scene in scenes]
    for key in ("fraction", "inner_fraction", "roundness"):
        one, other = (getattr(d, key) for d in droplets)
        assert one == pytest.approx(other, rel=1e-6), key
    assert clash_share(scenes[0]) == clash_share(scenes[1]) > 0


def test_points_carry_the_whole_envelope():
    structures = [cloud("a", np.eye(3), 7.0), cloud("b", 2 * np.eye(3), 11.0)]
    _, volumes, instance = molecule_points(
        packed([single_ball(s) for s in structures], [[0, 0, 0], [9, 0, 0]])
    )
    np.testing.assert_allclose(np.bincount(instance, volumes), [7.0, 11.0])


def test_nearest_gaps_and_clashes_of_known_places():
    line = cloud("a", [[-1, 0, 0], [1, 0, 0]], 1.0)
    other = cloud("b", [[-1, 0, 0], [1, 0, 0]], 1.0)
    third = cloud("c", [[-1, 0, 0], [1, 0, 0]], 1.0)
    scene = packed(
        [single_ball(s) for s in (line, other, third)], [[0, 0, 0], [5, 0, 0], [7.3, 0, 0]]
    )
    np.testing.assert_allclose(nearest_gaps(scene), [3.0, 0.3, 0.3])
    assert clash_share(scene) == pytest.approx(2 / 6)


def test_clashes_across_the_faces_of_a_periodic_box():
    pair = [single_ball(cloud(name, [[-1, 0, 0], [1, 0, 0]], 1.0)) for name in "ab"]
    scene = packed(pair, [[-4, 0, 0], [4, 0, 0]])
    assert clash_share(scene) == 0
    # In a box of 10.2 the outer points, 10 apart, are 0.2 apart.
    boxed = dataclasses.replace(scene, boundary=Periodic(box=(10.2, 9, 9)))
    assert clash_share(boxed) == pytest.approx(2 / 4)


def test_gaps_of_two_walls():
    data = np.ones((9, 9, 21), np.uint16)
    data[:, :, 5:16] = 0
    labels = LabelVolume(data=data, voxel_size=2.0, origin=(-20, -8, -8))
    mean, largest = gaps(labels, np.zeros(3), 11.0)
    # Eleven empty planes, 1 to 6 voxels from the nearest wall.
    assert largest == pytest.approx(12.0)
    assert 6.0 < mean < 12.0
    assert gaps(labels, np.array([-20.0, 0, 0]), 1.0) == (0.0, 0.0)


def test_a_straight_filament_and_a_flat_membrane_are_not_bent():
    turn = Rotation.random(random_state=1).as_matrix()
    for model in (Filament(n_balls=9).build(), Membrane(shape=(4, 6)).build()):
        shape = measure_bending(model, model.positions @ turn.T + [1, 2, 3])
        assert shape.end_to_end == pytest.approx(1)
        assert shape.bond_worst == pytest.approx(0, abs=1e-12)
        assert shape.bend == pytest.approx(0, abs=1e-5)
        assert shape.departure == pytest.approx(0, abs=1e-7)


def test_a_filament_on_a_circle():
    n, radius = 13, 2.0
    model = Filament(n_balls=n, radius=radius).build()
    turn = 2 * np.pi / 24
    circle = radius / np.sin(turn / 2)
    angle = turn * np.arange(n)
    balls = np.stack([circle * np.cos(angle), circle * np.sin(angle), 0 * angle], 1)
    shape = measure_bending(model, balls)
    assert shape.bend == pytest.approx(15)
    assert shape.bond_spread == pytest.approx(0, abs=1e-12)
    assert shape.end_to_end == pytest.approx(2 * circle / (4.0 * 12))
    assert shape.departure > 0.3


def test_a_membrane_folded_in_the_middle():
    model = Membrane(shape=(5, 5)).build()
    balls = model.positions.copy()
    folded = balls[:, 0] > 0
    balls[folded, 2], balls[folded, 0] = balls[folded, 0], 0.0
    shape = measure_bending(model, balls)
    # Rows of three across the fold: 5 along x, and the diagonals' 3 + 3 of three times three each.
    i, vertex, k = model.angles.T
    across = (model.positions[vertex, 0] == 0) & (model.positions[i, 0] * model.positions[k, 0] < 0)
    a, b = balls[vertex] - balls[i], balls[k] - balls[vertex]
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    wanted = np.degrees(np.where(across, np.arccos(cosine.clip(-1, 1)), 0)).mean()
    assert across.sum() == 11
    assert shape.bend == pytest.approx(wanted)
    assert shape.end_to_end == pytest.approx(np.sqrt(16**2 + 16**2 + 32**2) / np.hypot(32, 32))
    stretched = measure_bending(model, 1.1 * model.positions)
    assert stretched.bond_spread == pytest.approx(0.1)
    assert stretched.bond_worst == pytest.approx(0.1)
