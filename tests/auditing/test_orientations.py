"""Orientation order, and what chance gives."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from openmm_cgpack import Filament
from openmm_cgpack.auditing import nematic_order, orientation_order
from openmm_cgpack.auditing.orientations import long_axis, neighbour_order, uniformity
from openmm_cgpack.core import BallModel, Open, Periodic, RigidTransforms, Scene


def rod(name="rod"):
    z = np.linspace(-4, 4, 5)
    return BallModel(
        name=name,
        positions=np.stack([0 * z, 0.1 * z**2 - 0.8, z], axis=1),
        radii=np.ones(5),
        masses=np.ones(5),
        rigid_groups=(np.arange(5),),
        volume=10.0,
    )


def random_axes(rng, n):
    axes = rng.normal(size=(n, 3))
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def scene_of(rotations, translations, models=None):
    n = len(rotations)
    models = models or (rod(),)
    return Scene(
        species=models,
        species_index=np.arange(n) % len(models),
        transforms=RigidTransforms(rotations=rotations, translations=translations),
    )


def test_aligned_rods():
    """Heads up or down are the same; turning all changes nothing."""
    way = np.array([1.0, 2, -2]) / 3
    signs = np.where(np.arange(20) % 3, 1.0, -1.0)
    found = nematic_order("rods", signs[:, None] * way)
    assert found.order == pytest.approx(1)
    assert found.deviation > 10


def test_rods_in_a_plane():
    angle = np.linspace(0, np.pi, 60, endpoint=False)
    axes = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    assert nematic_order("plane", axes).order == pytest.approx(0.25)


def test_chance_falls_with_the_root_of_the_number():
    """The level of chance is that of fresh draws, and is constant / sqrt(n)."""
    rng = np.random.default_rng(1)
    for n in (10, 100, 1000):
        drawn = [nematic_order("random", random_axes(rng, n)) for _ in range(200)]
        orders = np.array([d.order for d in drawn])
        assert orders.mean() == pytest.approx(drawn[0].random, rel=0.1)
        assert orders.std() == pytest.approx(drawn[0].random_spread, rel=0.25)
    levels = np.array([nematic_order("random", random_axes(rng, n)).random for n in (100, 10_000)])
    assert levels[0] / levels[1] == pytest.approx(10, rel=0.05)


def test_rotations_drawn_evenly_pass():
    """The two probabilities are spread evenly between 0 and 1 when the rotations are even."""
    p = np.array([uniformity(Rotation.random(300, random_state=s).as_matrix()) for s in range(200)])
    assert (p.mean(axis=0) > 0.4).all()
    assert (p.mean(axis=0) < 0.6).all()
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.04)


def test_rotations_that_are_not_even_do_not():
    rng = np.random.default_rng(2)
    # Euler angles drawn evenly crowd the poles: the classical mistake.
    angles = rng.uniform(0, 1, (400, 3)) * [2 * np.pi, np.pi, 2 * np.pi]
    _, axial = uniformity(Rotation.from_euler("ZYZ", angles).as_matrix())
    assert axial < 1e-3
    leaning = Rotation.random(400, random_state=3).as_matrix()
    leaning = leaning[leaning[:, 2, 2] > -0.5]
    polar, _ = uniformity(leaning)
    assert polar < 1e-6


def test_neighbours_side_by_side():
    """Pairs of parallel rods, each pair turned at random: no nematic order, but neighbours have."""
    rng = np.random.default_rng(4)
    pair = Rotation.random(60, random_state=4).as_matrix()
    rotations = np.repeat(pair, 2, axis=0)
    translations = np.repeat(rng.uniform(-60, 60, (60, 3)), 2, axis=0)
    translations[1::2] += [0.0, 0.5, 0.0]
    scene = scene_of(rotations, translations)
    found = orientation_order(scene, scene.positions, scene.transforms, Open())
    assert found.neighbours.order == pytest.approx(1)
    assert found.neighbours.n == 60
    # The two of a pair are one draw: chance is that of 60 axes.
    assert found.nematic[0].order < 2.5 * found.nematic[0].random


def test_neighbours_at_random():
    rng = np.random.default_rng(5)
    deviations = []
    for _ in range(100):
        points = rng.uniform(-5, 5, (200, 3))
        found = neighbour_order(points, random_axes(rng, 200), Periodic(box=10))
        deviations.append(found.deviation)
    assert abs(np.mean(deviations)) < 0.4
    assert np.std(deviations) == pytest.approx(1, abs=0.25)


def test_the_nearest_neighbour_may_be_an_image():
    points = np.array([[-4.9, 0, 0], [4.9, 0, 0], [-3.0, 0, 0]])
    axes = np.array([[0, 0, 1.0], [0, 0, 1], [1, 0, 0]])
    near = neighbour_order(points, axes, Periodic(box=10))
    # 0 and 1 are 0.2 apart across the face, parallel; 2's neighbour is 0, at right angles.
    assert near.n == 2
    assert near.order == pytest.approx((1 - 0.5) / 2)
    assert neighbour_order(points, axes, Open()).order == pytest.approx(-0.5)


def test_the_long_axis_of_a_bent_rod():
    np.testing.assert_allclose(np.abs(long_axis(rod())), [0, 0, 1], atol=1e-9)


def test_filaments_by_their_ends():
    chain = Filament(n_balls=4, name="chain").build()
    turn = Rotation.from_euler("y", 1.0).as_matrix()
    n = 12
    scene = scene_of(np.tile(turn, (n, 1, 1)), np.arange(3 * n).reshape(n, 3) * 9.0, (chain, rod()))
    found = orientation_order(scene, scene.positions, scene.transforms, Open())
    by_name = {nematic.name: nematic for nematic in found.nematic}
    assert by_name["chain"].order == pytest.approx(1)
    assert by_name["chain"].n == 6
    assert by_name["all molecules"].n == 6


def test_fewer_than_two_molecules_have_no_order():
    scene = scene_of(np.eye(3)[None], np.zeros((1, 3)))
    assert orientation_order(scene, scene.positions, scene.transforms, Open()) is None
