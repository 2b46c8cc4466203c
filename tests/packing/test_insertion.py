"""What is inserted is clean as it comes: no two atoms are closer than asked for, by brute force."""

import numpy as np
import pytest
from dense_scenes import blob
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from scipy.stats import chisquare

from openmm_cgpack import SHAPE_COVER, coarse_grain, library
from openmm_cgpack.core import Grid, Obstacle, Periodic, RigidTransforms, Slab
from openmm_cgpack.packing import Insertion, insert
from openmm_cgpack.packing.crowd import Placed
from openmm_cgpack.packing.lattice import Lattice
from openmm_cgpack.packing.solids import near, solids_of
from openmm_cgpack.packing.surfaces import atom_points
from openmm_cgpack.packing.tries import first_room


def closest(scene, distance=0.25):
    """Return by how much the nearest spheres of two bodies, or of images, are clear, nm."""
    points, radii, owner = [], [], []
    steps = [(-1, 0, 1) if periodic else (0,) for periodic in scene.boundary.periodic]
    images = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3) * scene.boundary.box
    for i in range(scene.n_instances):
        own, sizes = atom_points(scene.model(i), distance)
        turned = scene.transforms[i].apply(own)[0]
        for number, image in enumerate(images):
            points.append(turned + image)
            radii.append(sizes)
            owner.append(np.full(len(own), number * scene.n_instances + i))
    points, radii, owner = (np.concatenate(part) for part in (points, radii, owner))
    pairs = KDTree(points).query_pairs(2 * radii.max() + 0.2, output_type="ndarray")
    i, j = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]].T
    clear = np.linalg.norm(points[i] - points[j], axis=1) - radii[i] - radii[j]
    return clear.min(initial=np.inf)


TWO = [(blob("a"), 12), (blob("b", 2, n=250), 12)]


def test_atoms_keep_the_distance_across_the_faces_of_a_box():
    scene = insert(TWO, fraction=0.22, seed=2)
    # As near as that, and no nearer.
    assert 0.0 <= closest(scene) < 0.1


@pytest.mark.parametrize("distance", [0.15, 0.4])
def test_another_distance_may_be_asked_for(distance):
    scene = insert(TWO, Insertion(distance=distance), fraction=0.18, seed=2)
    assert 0.0 <= closest(scene, distance) < 0.1


def test_a_body_keeps_the_distance_from_its_own_image():
    """The box is a little wider than the body, and at many rotations narrower."""
    model = blob("a")
    points, radii = atom_points(model, 0.25)
    box = np.ptp(points, axis=0).min() + 2 * radii[0] + 0.1
    for seed in range(3):
        scene = insert([(model, 1)], boundary=Periodic(box=box), seed=seed)
        assert closest(scene) >= 0.0


def test_walls_and_the_obstacle_keep_half_the_distance():
    grid = Grid(shape=(24, 24, 24), voxel_size=0.25, origin=[-2.875] * 3)
    ball = Obstacle.inside_of(lambda points: np.linalg.norm(points, axis=1) < 2.5, grid)
    scene = insert(TWO, boundary=Slab(box=(18.0, 18.0, 9.0)), obstacle=ball, seed=1)
    assert closest(scene) >= 0.0
    atoms = np.concatenate(
        [
            scene.transforms[i].apply(scene.model(i).structure.positions)[0]
            for i in range(scene.n_instances)
        ]
    )
    assert np.abs(atoms[:, 2]).max() <= 4.5 - 0.125 + 1e-9
    assert not ball.contains(atoms).any()


def test_species_of_the_library_and_given_poses():
    models = [coarse_grain(library.load(name), SHAPE_COVER, seed=1) for name in ("3hhb", "2bo9")]
    there = RigidTransforms(rotations=np.eye(3)[None], translations=np.zeros((1, 3)))
    scene = insert(
        [(model, 8) for model in models],
        fraction=0.2,
        poses=[(models[0], there)],
        fixed=True,
        seed=1,
    )
    assert scene.fixed.sum() == 1
    assert 0.0 <= closest(scene) < 0.3


def test_near_points_are_those_of_a_search_of_all_however_large_and_far():
    rng = np.random.default_rng(3)
    parts = [
        (rng.normal(scale=1.5, size=(60, 3)), rng.uniform(0.1, 0.2, 60)),
        # Balls of a membrane: larger than what is known of the room around them.
        (rng.normal(scale=4.0, size=(9, 3)), np.full(9, 3.1)),
    ]
    solids = solids_of(parts)
    pairs = np.empty((2000, 2), np.int64)
    touching = 0
    for _ in range(300):
        one, other = rng.integers(2, size=2)
        turn = Rotation.random(rng=rng).as_matrix()
        # Also far off along one axis alone, beyond the cells of the other.
        shift = rng.normal(scale=2.0, size=3) + rng.choice([0, 0, 0, 25, -25, 1e8], 3)
        found = near(solids, one, other, turn, shift, 0.1, pairs)
        mine, theirs = (slice(solids.first[s], solids.first[s + 1]) for s in (one, other))
        apart = cdist(solids.points[mine] @ turn.T + shift, solids.points[theirs])
        reach = solids.radii[mine][:, None] + solids.radii[theirs] + 0.1
        wanted = np.argwhere(apart < reach) + np.array([solids.first[one], solids.first[other]])
        assert sorted(map(tuple, pairs[:found].tolist())) == sorted(map(tuple, wanted.tolist()))
        touching += found > 0
    assert 30 < touching < 250


def test_every_free_place_has_the_same_chance():
    """Balls among balls: all free places of one rotation, found one by one, are drawn as often."""
    rng = np.random.default_rng(1)
    lattice = Lattice(Periodic(box=(6.0, 7.0, 35.3)), spacing=0.5, obstacle=None)
    ball = np.argwhere(np.linalg.norm(np.indices((5, 5, 5)) - 2, axis=0) < 2.3) - 2
    for centre in rng.integers(0, 71, (110, 3)):
        lattice.take(ball + centre)
    places = np.argwhere(np.ones(lattice.shape, bool))
    room = np.array([lattice.free(ball + place) for place in places])
    free = {tuple(place): 0 for place in places[room].tolist()}
    placed = Placed([], boundary=Periodic(box=50.0), obstacle=None, distance=0.25)
    state, found = np.array([1], np.uint64), np.zeros(3, np.int64)
    none, wide = np.empty(0, np.uint32), np.full(3, np.inf)
    draws = 20 * len(free)
    for _ in range(draws):
        assert first_room(
            lattice.packed,
            lattice.depth,
            64,
            ball,
            none,
            state,
            10**6,
            np.zeros(3),
            lattice.size,
            -wide,
            wide,
            placed.solids,
            placed.crowd,
            -1,
            np.eye(3),
            found,
        )
        free[tuple(found.tolist())] += 1
    # Free places lie alone and in long rows.
    assert 100 < len(free) < 2000
    assert chisquare(list(free.values())).pvalue > 1e-3
