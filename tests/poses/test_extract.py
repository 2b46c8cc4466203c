import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import BallModel, History, PackedScene, RigidTransforms, Scene
from openmm_cgpack.core.transforms import shortest_rotations
from openmm_cgpack.models import Filament, Membrane
from openmm_cgpack.poses import extract_transforms

METHODS = ("kabsch", "vectors")
HISTORY = History(step=[], radius_of_gyration=[], fraction=[], overlap=[], energy=[])


def rigid(positions, name="body"):
    n = len(positions)
    return BallModel(
        name=name,
        positions=positions,
        radii=np.ones(n),
        masses=np.ones(n),
        rigid_groups=(np.arange(n),),
        volume=1.0,
    )


def random_transforms(n, seed):
    return RigidTransforms(
        rotations=Rotation.random(n, random_state=seed).as_matrix(),
        translations=np.random.default_rng(seed).uniform(-50, 50, (n, 3)),
    )


def packed(models, n_each, seed=0):
    """Return n instances of each model, their positions as placed, and transforms to move to."""
    index = np.tile(np.arange(len(models)), n_each)
    scene = Scene(
        species=tuple(models), species_index=index, transforms=random_transforms(len(index), seed)
    )
    final = random_transforms(len(index), seed + 1000)
    moved = Scene(species=scene.species, species_index=index, transforms=final)
    return scene, final, moved.positions


def poses_of(scene, positions, method="kabsch"):
    return extract_transforms(
        PackedScene(scene=scene, positions=positions, boundary=scene.boundary, history=HISTORY),
        method=method,
    )


# off the origin and asymmetric, from three balls to many, flat and solid
SOLID = np.random.default_rng(7).normal(size=(9, 3)) * [4, 2, 1] + [1, -2, 0.5]
BODIES = [
    rigid(SOLID, "nine"),
    rigid(SOLID[:4], "four"),
    rigid(SOLID[:3], "three"),
    rigid(SOLID * [1, 1, 0] + [0, 0, 1], "flat"),
    rigid(np.random.default_rng(8).normal(size=(60, 3)) * 3, "sixty"),
]


@pytest.mark.parametrize("method", METHODS)
def test_known_transforms_are_recovered(method):
    scene, final, positions = packed(BODIES, 20)
    poses = poses_of(scene, positions, method)
    np.testing.assert_allclose(poses.transforms.rotations, final.rotations, atol=1e-6)
    np.testing.assert_allclose(poses.transforms.translations, final.translations, atol=1e-6)
    np.testing.assert_allclose(poses.rms, 0, atol=1e-10)
    assert not poses.mirrored.any()
    for i in range(scene.n_instances):
        mean = positions[scene.balls(i)].mean(axis=0)
        np.testing.assert_allclose(poses.positions[i], mean, atol=1e-12)
        start = scene.positions[scene.balls(i)].mean(axis=0)
        np.testing.assert_allclose(poses.displacements[i], mean - start, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_the_two_methods_agree_on_bodies_of_any_shape(seed):
    body = rigid(np.random.default_rng(seed).normal(size=(3 + seed % 5, 3)))
    scene, final, positions = packed([body], 2, seed % 1000)
    for method in METHODS:
        rotations = poses_of(scene, positions, method).transforms.rotations
        np.testing.assert_allclose(rotations, final.rotations, atol=1e-6)


def test_least_squares_of_noisy_bodies_against_scipy():
    scene, final, positions = packed(BODIES[:1], 30)
    noise = np.random.default_rng(3).normal(size=positions.shape) * 0.05
    poses = poses_of(scene, positions + noise)
    for i in range(scene.n_instances):
        moved = (positions + noise)[scene.balls(i)]
        expected, misfit = Rotation.align_vectors(
            moved - moved.mean(axis=0), SOLID - SOLID.mean(axis=0)
        )
        np.testing.assert_allclose(poses.transforms.rotations[i], expected.as_matrix(), atol=1e-6)
        assert poses.rms[i] == pytest.approx(misfit / np.sqrt(len(SOLID)), rel=1e-6)
    turned = (
        Rotation.from_matrix(poses.transforms.rotations)
        * Rotation.from_matrix(final.rotations).inv()
    )
    assert turned.magnitude().max() < 0.05
    # three balls carry the noise more than all do, and are near all the same
    vectors = Rotation.from_matrix(
        poses_of(scene, positions + noise, "vectors").transforms.rotations
    )
    off = (vectors * Rotation.from_matrix(final.rotations).inv()).magnitude()
    assert off.max() < 0.15
    assert np.sqrt((turned.magnitude() ** 2).mean()) < np.sqrt((off**2).mean())


@pytest.mark.parametrize("method", METHODS)
def test_a_mirrored_body_is_reported(method):
    scene, _, positions = packed(BODIES, 4)
    mirrored = positions.copy()
    turned_over = np.arange(scene.n_instances) % 2 == 0
    for i in np.flatnonzero(turned_over):
        mirrored[scene.balls(i)] *= [1, 1, -1]
    poses = poses_of(scene, mirrored, method)
    # balls in a plane are their own mirror images
    solid = np.array(
        [
            name in ("nine", "four", "sixty")
            for name in np.array([m.name for m in BODIES])[scene.species_index]
        ]
    )
    np.testing.assert_array_equal(poses.mirrored, turned_over & solid)
    assert (poses.rms[poses.mirrored] > 0.1).all()
    np.testing.assert_allclose(np.linalg.det(poses.transforms.rotations), 1)
    np.testing.assert_allclose(poses.rms[~poses.mirrored], 0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_balls", [2, 5])
def test_balls_on_a_line_turn_by_the_smallest_rotation(method, n_balls):
    line = np.linspace(-3, 4, n_balls)[:, None] * [0.6, 0, 0.8] + [0, 1, 0]
    scene, final, positions = packed([rigid(line, "rod")], 25)
    poses = poses_of(scene, positions, method)
    np.testing.assert_allclose(poses.transforms.apply(line).reshape(-1, 3), positions, atol=1e-9)
    np.testing.assert_allclose(poses.rms, 0, atol=1e-9)
    assert not poses.mirrored.any()
    # no rotation that aligns the line is smaller than the angle that the line has turned by
    axis = np.array([0.6, 0, 0.8])
    cosine = np.einsum("ni,ni->n", scene.transforms.rotations @ axis, final.rotations @ axis)
    relative = (
        Rotation.from_matrix(poses.transforms.rotations)
        * Rotation.from_matrix(scene.transforms.rotations).inv()
    )
    np.testing.assert_allclose(relative.magnitude(), np.arccos(cosine), atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_a_rod_that_has_not_turned_keeps_its_rotation(method):
    rod = rigid(np.array([[0.0, 0, -2], [0, 0, 1]]), "rod")
    scene, _, _ = packed([rod], 10)
    poses = poses_of(scene, scene.positions + np.array([1, 2, 3]), method)
    np.testing.assert_allclose(poses.transforms.rotations, scene.transforms.rotations, atol=1e-7)
    np.testing.assert_allclose(poses.displacements, np.tile([1, 2, 3], (10, 1)), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_rod_turned_end_for_end(method):
    rod = rigid(np.array([[0.0, 0, -2], [0, 0, 1], [0, 0, 3]]), "rod")
    scene = Scene(species=(rod,), species_index=[0], transforms=RigidTransforms.identity(1))
    poses = poses_of(scene, -scene.positions, method)
    np.testing.assert_allclose(poses.transforms.rotations[0] @ [0, 0, 1], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(poses.rms, 0, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_one_ball_keeps_its_rotation_and_its_origin_goes_along(method):
    ball = BallModel(
        name="ball", positions=[[0.5, 0.2, -1.0]], radii=[3.0], masses=[1.0], volume=1.0
    )
    scene, _, positions = packed([ball], 6)
    poses = poses_of(scene, positions, method)
    np.testing.assert_array_equal(poses.transforms.rotations, scene.transforms.rotations)
    np.testing.assert_allclose(poses.transforms.apply(ball.positions)[:, 0], positions, atol=1e-12)
    assert (poses.rms == 0).all()
    assert poses.rigid.all()


def test_deformables_keep_their_rotation_and_tell_how_far_they_have_bent():
    chain, sheet = Filament(n_balls=9).build(), Membrane(shape=(4, 5)).build()
    scene, final, positions = packed([chain, sheet, BODIES[0]], 3)
    poses = poses_of(scene, positions)
    soft = scene.species_index < 2
    np.testing.assert_array_equal(poses.rigid, ~soft)
    np.testing.assert_array_equal(
        poses.transforms.rotations[soft], scene.transforms.rotations[soft]
    )
    # turned, but straight and flat
    np.testing.assert_allclose(poses.rms, 0, atol=1e-9)
    np.testing.assert_allclose(
        poses.transforms.translations[soft], poses.positions[soft], atol=1e-9
    )
    # a bow of the first chain, by hand: x = a s^2 about a straight line
    bent = positions.copy()
    s = np.arange(9) - 4
    bow = 0.1 * (s**2 - (s**2).mean())
    first = scene.balls(0)
    across = final.rotations[0] @ [1, 0, 0]
    bent[first] += bow[:, None] * across
    assert poses_of(scene, bent).rms[0] == pytest.approx(np.sqrt((bow**2).mean()), rel=1e-6)


def test_collapsed_balls_still_give_proper_rotations():
    scene, _, positions = packed(BODIES[:1], 3)
    line = positions.copy()
    line[scene.balls(0)] = np.linspace(0, 5, 9)[:, None] * [1, 0, 0]
    line[scene.balls(1)] = [1, 2, 3]
    for method in METHODS:
        poses = poses_of(scene, line, method)
        np.testing.assert_allclose(np.linalg.det(poses.transforms.rotations), 1)
        assert not poses.mirrored.any()


def test_an_unknown_method():
    scene, _, positions = packed(BODIES[:1], 1)
    with pytest.raises(ValueError, match="method: wanted 'kabsch' or 'vectors', got 'svd'"):
        poses_of(scene, positions, "svd")


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_shortest_rotations_turn_by_the_angle_between(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 4, 3))
    b[0] = -2 * a[0]
    b[1] = 3 * a[1]
    rotations = shortest_rotations(a, b)
    unit_a, unit_b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    np.testing.assert_allclose(np.einsum("nij,nj->ni", rotations, unit_a), unit_b, atol=1e-9)
    angle = np.arccos(np.einsum("ni,ni->n", unit_a, unit_b).clip(-1, 1))
    np.testing.assert_allclose(Rotation.from_matrix(rotations).magnitude(), angle, atol=1e-6)
