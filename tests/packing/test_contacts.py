"""Contacts of rigid bodies: lists that are kept against a search of all pairs, and who rests."""

import numpy as np
import pytest
from dense_scenes import blob
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import Periodic, RigidTransforms, Scene, Slab
from openmm_cgpack.packing import ClashRemoval, remove_clashes
from openmm_cgpack.packing.contacts import ContactList
from openmm_cgpack.packing.repulsion import Repulsion
from openmm_cgpack.packing.solids import solids_of
from openmm_cgpack.packing.surfaces import Limits, atom_points
from openmm_cgpack.poses import extract_transforms

BOX = 9.0
BODIES = 7


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def solids(rng):
    """Return two shapes, neither of them symmetric."""
    spread = (0.9, 0.6, 0.4)
    return solids_of(
        [(rng.normal(scale=spread, size=(n, 3)), rng.uniform(0.1, 0.2, n)) for n in (60, 90)]
    )


SPECIES = np.arange(BODIES) % 2


def all_touching(solids, poses, moving):
    """Return every pair of points that touch, across the boundary too: (body, point) twice."""
    pairs = set()
    rows = [range(solids.first[s], solids.first[s + 1]) for s in SPECIES]
    placed = [
        solids.points[rows[i]] @ poses.rotations[i].T + poses.translations[i] for i in range(BODIES)
    ]
    for a in range(BODIES):
        for b in range(a + 1, BODIES):
            if not (moving[a] or moving[b]):
                continue
            offset = placed[a][:, None] - placed[b][None]
            offset -= BOX * np.round(offset / BOX)
            touch = solids.radii[rows[a]][:, None] + solids.radii[rows[b]]
            for i, j in np.argwhere(np.linalg.norm(offset, axis=2) < touch).tolist():
                pairs.add(((a, rows[a][i]), (b, rows[b][j])))
    return pairs


def listed_touching(contacts, poses):
    """Return the pairs of a list that touch, in the same form."""
    solids, found = contacts.solids, []
    for p in contacts.live.tolist():
        points = contacts.pairs[contacts.begin[p] : contacts.end[p]]
        one, other = contacts.bodies[p].tolist()
        placed = [
            solids.points[points[:, side]] @ poses.rotations[body].T + poses.translations[body]
            for side, body in enumerate((one, other))
        ]
        apart = np.linalg.norm(placed[0] + contacts.shifts[p] - placed[1], axis=1)
        for i, j in points[apart < solids.radii[points].sum(axis=1)].tolist():
            found.append(tuple(sorted(((one, i), (other, j)))))
    assert len(found) == len(set(found))
    return set(found)


def walked(poses, rng, some, step=0.05):
    """Return the poses after a small step of some bodies."""
    n = len(poses)
    turn = Rotation.from_rotvec(rng.normal(scale=step / 2, size=(n, 3))).as_matrix()
    turn[~some] = np.eye(3)
    shift = np.where(some[:, None], rng.normal(scale=step, size=(n, 3)), 0.0)
    return RigidTransforms(
        rotations=turn @ poses.rotations, translations=poses.translations + shift
    )


def test_no_two_points_touch_without_being_listed(solids, rng):
    everything = np.ones(BODIES, bool)
    contacts = ContactList(
        solids,
        SPECIES,
        Periodic(box=BOX),
        skin=0.4,
        moving=everything,
        coarse=np.zeros(BODIES, bool),
    )
    poses = RigidTransforms(
        rotations=Rotation.random(BODIES, rng=rng).as_matrix(),
        translations=rng.uniform(-BOX / 2, BOX / 2, (BODIES, 3)),
    )
    touched = set()
    for step in range(60):
        # For a third of the way only two bodies move, and only their pairs are looked at.
        some = np.isin(np.arange(BODIES), (1, 4)) if 20 <= step < 40 else everything
        if step in (20, 40):
            contacts.watch(some)
        contacts.update(poses)
        wanted = all_touching(solids, poses, some)
        assert listed_touching(contacts, poses) == wanted
        touched |= wanted
        poses = walked(poses, rng, some)
    assert len(touched) > 100
    # A list that is made anew at every step is none: two thirds of the steps move all pairs.
    assert contacts.compared < 40 * len(contacts.bodies) / 2


def test_clash_removal_moves_those_that_overlap_and_lets_the_others_be():
    model = blob("a")
    places = np.array([[-6.0, 0, 0], [-6.0, 1.5, 0], [6.0, 0, 0], [6.0, 6.5, 0]])
    scene = Scene(
        species=(model,),
        species_index=np.zeros(4, np.int64),
        transforms=RigidTransforms(rotations=np.tile(np.eye(3), (4, 1, 1)), translations=places),
        boundary=Periodic(box=30.0),
    )
    before = remove_clashes(scene, ClashRemoval(max_steps=0))
    assert before.provenance["clash_removal"]["bodies_too_close"] == 2
    cleared = remove_clashes(scene)
    assert cleared.provenance["clash_removal"]["bodies_too_close"] == 0
    moved = extract_transforms(cleared).transforms.translations - places
    assert (np.linalg.norm(moved[:2], axis=1) > 0.05).all()
    np.testing.assert_allclose(moved[2:], 0, atol=1e-9)


def test_walls_are_listed_before_a_body_reaches_them():
    boundary = Slab(box=(20.0, 20.0, 8.0))
    solids = solids_of([atom_points(blob("a"), 0.28)])
    limits = Limits(boundary, None, 1.0)
    reach, one = float(solids.reach[0]), np.ones(1, bool)
    # Its farthest point upwards.
    upright = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    if solids.points[:, 0].max() < -solids.points[:, 0].min():
        upright = np.diag([-1.0, 1, -1]) @ upright
    # Clear of the wall when it is listed, and then moved by less than the skin.
    for clear, moved in ((0.01, 0.3), (0.2, 0.39)):
        repulsion = Repulsion(
            solids, np.zeros(1, int), boundary, limits, skin=0.4, moving=one, coarse=~one
        )
        for height in (4.0 - reach - clear, 4.0 - reach - clear + moved):
            poses = RigidTransforms(rotations=upright[None], translations=[[0, 0, height]])
            found = repulsion.pushes(poses, 0.03)
        # A wall is half the way to the mirror image.
        depth = 2 * (solids.points @ upright[2] + solids.radii + height - 4.0)
        assert found.deepest[0] == pytest.approx(depth.max())
        assert found.deepest[0] > 0.2
        assert repulsion.too_close(poses, 0.03) == (depth > 0.03).sum()


def test_pairs_of_bodies_that_never_move_are_left_out(solids, rng):
    moving = np.arange(BODIES) < 2
    contacts = ContactList(
        solids, SPECIES, Periodic(box=BOX), skin=0.4, moving=moving, coarse=np.zeros(BODIES, bool)
    )
    poses = RigidTransforms(
        rotations=Rotation.random(BODIES, rng=rng).as_matrix(),
        translations=rng.uniform(-1.5, 1.5, (BODIES, 3)),
    )
    contacts.update(poses)
    assert listed_touching(contacts, poses) == all_touching(solids, poses, moving)
    contacts.watch(np.ones(BODIES, bool))
    assert listed_touching(contacts, poses) == all_touching(solids, poses, moving)


def test_pushes_are_the_gradient_of_the_overlaps_across_images_too(solids, rng):
    everything = np.ones(BODIES, bool)
    # So small that bodies meet each other, and their own images, several times.
    boundary = Slab(box=(3.4, 5.0, 4.0))
    repulsion = Repulsion(
        solids,
        SPECIES,
        boundary,
        Limits(boundary, None, 1.0),
        skin=0.3,
        moving=everything,
        coarse=~everything,
    )
    rotations = Rotation.random(BODIES, rng=rng).as_matrix()
    translations = rng.uniform(-1.6, 1.6, (BODIES, 3))
    found = repulsion.pushes(RigidTransforms(rotations=rotations, translations=translations), 0.05)

    def energy(body, shift, turn):
        moved, turned = translations.copy(), rotations.copy()
        moved[body] += shift
        turned[body] = Rotation.from_rotvec(turn).as_matrix() @ turned[body]
        return repulsion.pushes(RigidTransforms(rotations=turned, translations=moved), 0.05).energy

    none, step = np.zeros(3), 1e-5
    for body in (0, 3):
        for axis in np.eye(3):
            slope = (energy(body, step * axis, none) - energy(body, -step * axis, none)) / 2
            assert slope / step == pytest.approx(-found.force[body] @ axis, abs=1e-4)
            slope = (energy(body, none, step * axis) - energy(body, none, -step * axis)) / 2
            assert slope / step == pytest.approx(-found.torque[body] @ axis, abs=1e-4)
    # And all of it by hand, of the pairs in all images.
    placed = [
        (solids.points[solids.first[s] : solids.first[s + 1]] @ r.T + t, solids.radii[rows])
        for s, r, t in zip(SPECIES, rotations, translations, strict=True)
        for rows in [slice(solids.first[s], solids.first[s + 1])]
    ]
    total, counts, deepest = 0.0, np.zeros(BODIES), np.zeros(BODIES)
    for a, (mine, sizes) in enumerate(placed):
        for b, (theirs, others) in enumerate(placed):
            for i, j in np.ndindex(5, 5):
                if a == b and (i, j) == (2, 2):
                    continue
                image = theirs + np.array([(i - 2) * 3.4, (j - 2) * 5.0, 0.0])
                depth = sizes[:, None] + others - np.linalg.norm(mine[:, None] - image, axis=2)
                deep = depth[depth > 0]
                total += (deep**2).sum() / 4
                counts[a] += len(deep)
                deepest[a] = max(deepest[a], deep.max(initial=0.0))
        # Of each point and its mirror image in the wall.
        wall = 2 * (np.abs(mine[:, 2]) + sizes - 2.0)
        total += (wall[wall > 0] ** 2).sum() / 4
        counts[a] += 2 * (wall > 0).sum()
        deepest[a] = max(deepest[a], wall.max())
    assert found.energy == pytest.approx(total)
    np.testing.assert_allclose(found.contacts, counts)
    np.testing.assert_allclose(found.deepest, deepest)
