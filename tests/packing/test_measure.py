"""Overlaps and tightness."""

import dataclasses

import numpy as np
import pytest
from helpers import body, random_scene
from scipy.spatial.distance import cdist

from openmm_cgpack.core import RigidTransforms, Scene
from openmm_cgpack.packing import deepest_overlap, filled_fraction, overlaps, radius_of_gyration


def test_overlaps_are_those_of_all_pairs():
    scene, x = random_scene(1)
    x = x * 0.4
    pairs, depth = overlaps(scene, x)
    instance = scene.instance_of_ball
    by_hand = 1 - cdist(x, x) / (scene.radii[:, None] + scene.radii)
    expected = np.argwhere(np.triu(by_hand > 0, 1) & (instance[:, None] != instance))
    assert len(expected) > 5
    order = np.lexsort(pairs.T[::-1])
    np.testing.assert_array_equal(pairs[order], expected)
    np.testing.assert_allclose(depth[order], by_hand[tuple(expected.T)])
    assert deepest_overlap(scene, x) == depth.max()


def test_no_overlap_is_zero():
    scene, x = random_scene(1)
    assert deepest_overlap(scene, 10 * x) == 0.0


def test_filled_fraction_of_a_uniform_ball():
    """Instances spread evenly in a ball of radius 30 nm fill what their volumes say."""
    rng = np.random.default_rng(0)
    n = 4000
    places = rng.normal(size=(n, 3))
    places *= 30 * rng.random((n, 1)) ** (1 / 3) / np.linalg.norm(places, axis=1, keepdims=True)
    scene = Scene(
        species=(body("a", 1, 1),),
        species_index=np.zeros(n, int),
        transforms=RigidTransforms(rotations=np.tile(np.eye(3), (n, 1, 1)), translations=places),
    )
    expected = n * 100.0 / (4 / 3 * np.pi * 30**3)
    assert filled_fraction(scene, scene.positions) == pytest.approx(expected, rel=0.03)
    assert radius_of_gyration(scene.positions) == pytest.approx(30 * np.sqrt(3 / 5), rel=0.01)


def test_large_and_small_balls_meet():
    """Radii from 0.5 to 8 nm: several classes of size, each searched with each."""
    rng = np.random.default_rng(3)
    radii = np.array([0.5, 0.9, 2.0, 3.5, 8.0])
    lone = body("lone", 1, 1)
    models = tuple(dataclasses.replace(lone, name=str(r), radii=np.array([r])) for r in radii)
    n = 300
    scene = Scene(
        species=models,
        species_index=rng.integers(5, size=n),
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (n, 1, 1)), translations=rng.uniform(-20, 20, (n, 3))
        ),
    )
    x = scene.positions
    by_hand = 1 - cdist(x, x) / (scene.radii[:, None] + scene.radii)
    expected = np.argwhere(np.triu(by_hand > 0, 1))
    pairs, depth = overlaps(scene, x)
    order = np.lexsort(pairs.T[::-1])
    np.testing.assert_array_equal(pairs[order], expected)
    np.testing.assert_allclose(depth[order], by_hand[tuple(expected.T)])
