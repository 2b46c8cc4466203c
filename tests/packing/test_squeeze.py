"""Squeezing rigid molecules by their atoms, and what the protocol makes of it."""

import dataclasses

import numpy as np
import pytest
from dense_scenes import atoms, blob, closest_atoms

from openmm_cgpack.core import Grid, Obstacle, Periodic, RigidTransforms, Slab
from openmm_cgpack.models import Filament
from openmm_cgpack.packing import (
    ClashRemoval,
    Dense,
    Insertion,
    Run,
    Squeeze,
    as_packed,
    box_fraction,
    crowding_series,
    fit_box,
    insert,
    pack_scene,
    place,
)
from openmm_cgpack.packing.addition import keeps_distance
from openmm_cgpack.packing.squeeze import squeeze_steps
from openmm_cgpack.poses import extract_transforms

TWO = [(blob("a"), 20), (blob("b", 2, n=250), 20)]


def squeezed(packed, settings=Squeeze(), *, fraction, seed=1):
    """Return a scene that was squeezed, and the fractions on the way."""
    steps, reached = (
        squeeze_steps(
            packed, settings, fraction=fraction, closest=0.25, seed=np.random.SeedSequence(seed)
        ),
        [],
    )
    while True:
        try:
            reached.append(next(steps).measured["fraction"])
        except StopIteration as end:
            return end.value, reached


@pytest.fixture(scope="module")
def clear():
    return as_packed(insert(TWO, fraction=0.2, seed=1))


def test_a_squeeze_reaches_the_fraction_and_atoms_keep_apart(clear):
    packed, reached = squeezed(clear, fraction=0.3)
    assert reached[-1] == pytest.approx(0.3)
    assert np.all(np.diff(reached) > 0)
    assert box_fraction(packed.scene, packed.boundary) == pytest.approx(0.3)
    assert packed.provenance["squeeze"]["fraction"] == pytest.approx(0.3)
    assert closest_atoms(packed) >= 0.25
    assert extract_transforms(packed).rms.max() < 1e-9
    again, _ = squeezed(clear, fraction=0.3)
    np.testing.assert_array_equal(again.positions, packed.positions)


def test_a_jam_ends_with_the_densest_state_that_was_clear(clear):
    packed, reached = squeezed(clear, Squeeze(max_steps=150), fraction=0.9)
    assert 0.25 < box_fraction(packed.scene, packed.boundary) < 0.9
    assert box_fraction(packed.scene, packed.boundary) == pytest.approx(reached[-1])
    assert closest_atoms(packed) >= 0.25
    at_once, reached = squeezed(clear, Squeeze(max_steps=0), fraction=0.6)
    assert reached == []
    np.testing.assert_allclose(at_once.positions, clear.positions, atol=1e-9)


def test_walls_obstacle_and_fixed_instances_hold(clear):
    grid = Grid(shape=(24, 24, 24), voxel_size=0.25, origin=[-2.875] * 3)
    obstacle = Obstacle.inside_of(lambda points: np.linalg.norm(points, axis=1) < 2.5, grid)
    pose = RigidTransforms(rotations=np.eye(3)[None], translations=[[4.5, 0.0, 0.0]])
    wide = fit_box(TWO, fraction=0.15, shape=Slab(box=(3, 3, 2)), obstacle=obstacle)
    scene = insert(
        TWO, boundary=wide, obstacle=obstacle, poses=[(TWO[0][0], pose)], fixed=True, seed=1
    )
    assert keeps_distance(as_packed(scene), 0.25)
    packed, _ = squeezed(as_packed(scene), fraction=0.25)
    assert keeps_distance(packed, 0.25)
    poses = extract_transforms(packed).transforms
    np.testing.assert_allclose(poses.translations[-1], [4.5, 0, 0], atol=1e-9)
    assert closest_atoms(packed) >= 0.25
    height = packed.boundary.box[2]
    for body in atoms(packed):
        assert np.abs(body[:, 2]).max() <= height / 2 - 0.125
    for body in atoms(packed)[:-1]:
        # The obstacle is one of voxels of 0.25 nm.
        assert np.linalg.norm(packed.boundary.wrap(body), axis=1).min() > 2.5 - 0.25


def test_dense_packing_squeezes_rigid_molecules_as_far_as_it_is_told():
    scene = place(TWO, boundary=Periodic(box=25.0), seed=1)
    seen = []
    packed = pack_scene(
        scene, Dense(fraction=0.28), seed=1, watch=lambda block: seen.append(block.stage)
    )
    assert list(dict.fromkeys(seen)) == ["insertion", "squeeze 1"]
    assert not {"platform", "compression", "clash_removal"} & set(packed.provenance)
    assert packed.scene.species_index.tolist() == scene.species_index.tolist()
    assert closest_atoms(packed) >= 0.25
    series = crowding_series(scene, [0.2, 0.28], seed=1)
    assert [box_fraction(p.scene, p.boundary) for p in series] == pytest.approx([0.2, 0.28])
    # Beyond its bound, with what bends, and where it jams, dynamics take over.
    bent = place(
        [*TWO, (Filament(n_balls=4, radius=0.5).build(), 2)],
        boundary=Periodic(box=25.0),
        seed=1,
    )
    for some, protocol in (
        (scene, Dense(fraction=0.28, squeeze=Squeeze(up_to=0.27))),
        (bent, Dense(fraction=0.28)),
        (scene, Dense(fraction=0.28, squeeze=Squeeze(max_steps=3))),
    ):
        packed = pack_scene(some, protocol, run=Run(platform="CPU"), seed=1)
        assert "compression" in packed.provenance
        assert box_fraction(packed.scene, packed.boundary) == pytest.approx(0.28)


def test_molecules_may_be_asked_to_keep_farther_apart():
    far = ClashRemoval(distance=0.5, closest=0.5)
    protocol = Dense(insertion=Insertion(distance=0.5), clash_removal=far)
    scene = place(TWO, boundary=Periodic(box=25.0), seed=1)
    packed = crowding_series(scene, [0.15, 0.22], protocol, seed=1)[-1]
    assert box_fraction(packed.scene, packed.boundary) == pytest.approx(0.22)
    assert "squeeze" in packed.provenance
    assert "compression" not in packed.provenance
    assert closest_atoms(packed) >= 0.5


def test_a_squeeze_that_is_stopped_has_what_there_is():
    scene = place(TWO, boundary=Periodic(box=25.0), seed=1)
    packed = pack_scene(
        scene, Dense(fraction=0.29), seed=1, watch=lambda block: block.measured["fraction"] > 0.255
    )
    assert packed.provenance["stopped"] == "squeeze 1"
    assert 0.255 < box_fraction(packed.scene, packed.boundary) < 0.29
    assert closest_atoms(packed) >= 0.25


def test_the_most_steps_are_those_of_dynamics():
    species = [model for model, _ in TWO]
    many = Dense().compression.max_steps
    assert Dense(fraction=0.3).most_steps(species) == 0
    assert Dense(fraction=0.31).most_steps(species) == many
    assert Dense(fraction=0.3).most_steps([*species, Filament(n_balls=4).build()]) == many
    assert dataclasses.replace(Dense(), fraction=None).most_steps(species) == many
