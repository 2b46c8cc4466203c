"""Volumes of envelopes: closed forms, and voxels by another route."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from openmm_cgpack import Filament, Membrane
from openmm_cgpack.auditing import occupancy
from openmm_cgpack.auditing.shapes import body_mask, deformable_cells
from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    Grid,
    Obstacle,
    Open,
    Periodic,
    RigidTransforms,
    Scene,
    Slab,
)


def sphere(radius=3.0, name="sphere"):
    return BallModel(
        name=name, positions=np.zeros((1, 3)), radii=[radius], masses=[1.0], volume=volume(radius)
    )


def volume(radius):
    return 4 / 3 * np.pi * radius**3


def scene_of(models, index, translations, rotations=None):
    n = len(index)
    if rotations is None:
        rotations = np.tile(np.eye(3), (n, 1, 1))
    return Scene(
        species=tuple(models),
        species_index=index,
        transforms=RigidTransforms(rotations=rotations, translations=translations),
    )


def measure(scene, boundary, **options):
    return occupancy(scene, scene.positions, scene.transforms, boundary, **options)


def lens(radius, distance):
    """Return the volume that two balls share."""
    return np.pi * (4 * radius + distance) * (2 * radius - distance) ** 2 / 12


@pytest.mark.parametrize("distance", [2.0, 4.5, 6.5])
@pytest.mark.parametrize(
    "boundary", [Open(), Periodic(box=20), Slab(box=20)], ids=lambda b: type(b).__name__
)
def test_two_balls_share_a_lens(distance, boundary):
    """On the mean over poses: each one's voxels are counted on a lattice."""
    rng = np.random.default_rng(int(10 * distance))
    shared = lens(3, distance) if distance < 6 else 0.0
    found = []
    for seed in range(8):
        way = rng.normal(size=3)
        way *= distance / np.linalg.norm(way) / 2
        turned = Rotation.random(2, random_state=seed).as_matrix()
        centre = rng.uniform(-1, 1, 3)
        scene = scene_of([sphere()], [0, 0], [centre - way, centre + way], turned)
        found.append(measure(scene, boundary))
        assert found[-1].shared_voxels * found[-1].voxel_size ** 3 == pytest.approx(
            found[-1].shared
        )
        assert found[-1].sharing == (2 if shared else 0)
    assert np.mean([f.union for f in found]) == pytest.approx(2 * volume(3) - shared, rel=0.01)
    assert np.mean([f.shared for f in found]) == pytest.approx(shared, rel=0.04, abs=1e-9)
    share = np.mean([f.largest_share for f in found])
    assert share == pytest.approx(shared / volume(3), rel=0.05, abs=1e-9)


def test_balls_meet_across_a_face():
    """Through the faces of a box that repeat, and not through a wall."""
    ends = [[0.13, 0.21, -8.0], [0.13, 0.21, 8.0]]
    turned = Rotation.random(2, random_state=1).as_matrix()
    scene = scene_of([sphere()], [0, 0], ends, turned)
    across = measure(scene, Periodic(box=20))
    assert across.shared == pytest.approx(lens(3, 4.0), rel=0.05)
    assert across.union == pytest.approx(2 * volume(3) - lens(3, 4.0), rel=0.01)
    walls = measure(scene, Slab(box=20))
    assert walls.shared == 0
    # What stands in the wall is not in the box: a cap of height 1 of each.
    cap = np.pi * (3 * 3 - 1) / 3
    assert walls.union == pytest.approx(2 * (volume(3) - cap), rel=0.01)
    aside = scene_of([sphere()], [0, 0], [[-8.0, 0.1, 0.2], [8.0 + 20, 0.1, 0.2]], turned)
    assert measure(aside, Slab(box=20)).shared == pytest.approx(lens(3, 4.0), rel=0.05)


def test_three_in_one_place():
    found = measure(scene_of([sphere()], [0, 0, 0], np.zeros((3, 3))), Open())
    assert found.union == pytest.approx(found.shared)
    assert (found.sharing, found.largest_share) == (3, 1.0)


def test_a_box_takes_what_it_holds():
    rng = np.random.default_rng(1)
    translations = np.array([[x, y, z] for x in (-10, 0) for y in (-10, 0) for z in (-10, 0)]) + 5.0
    turned = Rotation.random(8, random_state=1).as_matrix()
    scene = scene_of([sphere(2.0)], [0] * 8, translations + rng.uniform(-1, 1, (8, 3)), turned)
    found = measure(scene, Periodic(box=20))
    assert found.box == (20.0, 20.0, 20.0)
    assert found.filled is None
    assert found.union / found.box_volume == pytest.approx(8 * volume(2) / 8000, rel=0.01)


def test_atoms_and_points_have_the_envelope_volume():
    rng = np.random.default_rng(2)
    for n, atoms in ((900, 1), (120, 8)):
        points = rng.normal(size=(n, 3)) * [1.0, 1.2, 2.0]
        structure = AtomicStructure(
            name="m", positions=points, masses=np.ones(n), atoms=np.full(n, atoms)
        )
        model = BallModel(
            name="m", positions=[[0, 0, 0]], radii=[5], masses=[1], volume=31.4, structure=structure
        )
        mask = body_mask(model)
        assert mask.inside.sum() * mask.spacing**3 == pytest.approx(31.4, rel=1e-3)
        assert not any(mask.inside.take(end, axis).any() for axis in range(3) for end in (0, -1))
        found = measure(
            scene_of(
                [model], [0], [[0.1, 0.2, 0.3]], Rotation.random(1, random_state=1).as_matrix()
            ),
            Open(),
            voxel_size=0.2,
        )
        assert found.union == pytest.approx(31.4, rel=0.02)


def test_a_straight_filament_and_a_bent_one():
    chain = Filament(n_balls=8, radius=2.0).build()
    way = Rotation.from_euler("xy", [0.4, 0.7]).as_matrix()
    found = measure(scene_of([chain], [0], [[0, 0, 0]], way[None]), Open())
    assert found.union == pytest.approx(np.pi * 2**2 * 32, rel=0.01)
    angle = np.linspace(0, np.pi, 40)
    many = Filament(n_balls=40, radius=2.0).build()
    balls = 12 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    cells = deformable_cells(many, balls @ way.T, np.zeros(3), np.full(3, 0.4))
    # Pappus: the section times the way of its centre, and a straight radius at both ends.
    assert len(cells) * 0.4**3 == pytest.approx(np.pi * 4 * (12 * np.pi + 4), rel=0.01)


def test_a_flat_membrane_and_a_bent_one():
    sheet = Membrane(shape=(6, 9), radius=4.0, thickness=4.0).build()
    way = Rotation.from_euler("xy", [0.4, 0.7]).as_matrix()
    found = measure(scene_of([sheet], [0], [[0, 0, 0]], way[None]), Open())
    assert found.union == pytest.approx(5 * 8 * 64 * 4.0, rel=0.02)
    flat = sheet.positions
    angle = flat[:, 1] / 20
    bent = np.stack([flat[:, 0], 20 * np.sin(angle), 20 * np.cos(angle)], axis=1)
    cells = deformable_cells(sheet, bent @ way.T, np.zeros(3), np.full(3, 0.4))
    # A strip of a tube, made of flat facets with chords of 8 nm: half the difference of squares.
    chord = 2 * 20 * np.sin(8 / 40)
    facets = 8 * chord * 40 * 4.0
    assert len(cells) * 0.4**3 == pytest.approx(facets, rel=0.03)


def test_two_filaments_cross():
    """Perpendicular tubes through one point share a Steinmetz solid, 16 r^3 / 3."""
    chain = Filament(n_balls=6, radius=2.0).build()
    turned = np.stack([np.eye(3), Rotation.from_euler("x", np.pi / 2).as_matrix()])
    scene = scene_of([chain], [0, 0], np.zeros((2, 3)), turned)
    found = measure(scene, Periodic(box=40))
    assert found.shared == pytest.approx(16 * 2**3 / 3, rel=0.05)


def test_the_filled_region_of_a_droplet():
    """Balls on a lattice inside a sphere: the region is that sphere, gaps filled."""
    side = np.arange(-30, 31, 6.0)
    points = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
    points = points[np.linalg.norm(points, axis=1) < 24]
    found = measure(scene_of([sphere(2.0)], [0] * len(points), points), Open())
    assert found.ball == pytest.approx(6, rel=0.15)
    # Between the sphere of the outermost centres and that of the outermost surfaces.
    outermost = np.linalg.norm(points, axis=1).max()
    assert volume(outermost) * 0.9 < found.filled < volume(outermost + 2)


def test_the_filled_region_of_one_ball_is_the_ball():
    found = measure(scene_of([sphere(5.0)], [0], [[0, 0, 0]]), Open())
    assert found.filled == pytest.approx(volume(5), rel=0.02)


def test_the_filled_region_holds_a_hollow():
    """What no ball reaches from outside is inside, however wide."""
    rng = np.random.default_rng(3)
    way = rng.normal(size=(900, 3))
    shell = 20 * way / np.linalg.norm(way, axis=1, keepdims=True)
    found = measure(scene_of([sphere(2.0)], [0] * 900, shell), Open())
    assert found.filled == pytest.approx(volume(22), rel=0.06)


def test_the_filled_region_leaves_a_bay_out():
    """Two droplets far apart are two regions, not what lies between."""
    side = np.arange(-6, 7, 4.0)
    cube = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
    scene = scene_of(
        [sphere(2.0)], [0] * (2 * len(cube)), np.vstack([cube, cube + np.array([80, 0, 0])])
    )
    found = measure(scene, Open())
    one = measure(scene_of([sphere(2.0)], [0] * len(cube), cube), Open())
    assert found.filled == pytest.approx(2 * one.filled, rel=0.1)


def test_an_obstacle_is_no_room():
    """Half of a box is no room, and a ball across its face trespasses."""
    grid = Grid(shape=(20, 20, 10), voxel_size=1.0, origin=[-9.5, -9.5, -9.5])
    wall = Obstacle.inside_of(lambda points: points[:, 0] < 0, grid)
    turned = Rotation.random(1, random_state=2).as_matrix()
    for x, part in ((5.0, 0.0), (0.0, 0.5)):
        scene = scene_of([sphere()], [0], [[x, 0.1, 0.2]], turned)
        scene = dataclasses.replace(scene, obstacle=wall)
        found = measure(scene, Periodic(box=20))
        assert found.blocked == pytest.approx(4000)
        assert found.trespassing == pytest.approx(part * volume(3), rel=0.05)
    found = measure(scene, Open())
    assert found.filled == pytest.approx(volume(3) / 2, rel=0.1)
