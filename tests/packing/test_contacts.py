"""Contacts of rigid bodies: lists that are kept against a search of all pairs, and who rests."""

import numpy as np
import pytest
from dense_scenes import blob
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import Periodic, RigidTransforms, Scene, Slab
from openmm_cgpack.packing import ClashRemoval, remove_clashes
from openmm_cgpack.packing.contacts import ContactList
from openmm_cgpack.packing.repulsion import Repulsion
from openmm_cgpack.packing.surfaces import Limits, Surface, atom_points
from openmm_cgpack.poses import extract_transforms

BOX = 9.0
BODIES = 7


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def surfaces(rng):
    """Return bodies of two shapes, neither of them symmetric."""
    spread = (0.9, 0.6, 0.4)
    shapes = [
        Surface(rng.normal(scale=spread, size=(n, 3)), rng.uniform(0.1, 0.2, n), cutoff=1.2)
        for n in (60, 90)
    ]
    return [shapes[i % 2] for i in range(BODIES)]


def all_touching(surfaces, poses, moving):
    """Return every pair of points that touch, across the boundary too: (body, point) twice."""
    pairs = set()
    placed = [
        s.points @ r.T + t
        for s, r, t in zip(surfaces, poses.rotations, poses.translations, strict=True)
    ]
    for a in range(len(surfaces)):
        for b in range(a + 1, len(surfaces)):
            if not (moving[a] or moving[b]):
                continue
            offset = placed[a][:, None] - placed[b][None]
            offset -= BOX * np.round(offset / BOX)
            touch = surfaces[a].radii[:, None] + surfaces[b].radii[None]
            for i, j in np.argwhere(np.linalg.norm(offset, axis=2) < touch).tolist():
                pairs.add(((a, i), (b, j)))
    return pairs


def listed_touching(contacts, poses):
    """Return the pairs of a list that touch, in the same form."""
    pairs = contacts.pairs()
    places = np.einsum("qij,qj->qi", poses.rotations[pairs.body], pairs.points)
    places += poses.translations[pairs.body] + pairs.shift
    offset = places[pairs.first] - places[pairs.second]
    touching = np.linalg.norm(offset, axis=1) < pairs.touch
    ends = np.stack([pairs.body, pairs.number], axis=1)
    found = [
        tuple(sorted((tuple(ends[i].tolist()), tuple(ends[j].tolist()))))
        for i, j in zip(pairs.first[touching], pairs.second[touching], strict=True)
    ]
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


def test_no_two_points_touch_without_being_listed(surfaces, rng, monkeypatch):
    looks = []
    near = Surface.near
    monkeypatch.setattr(Surface, "near", lambda *a, **k: looks.append(1) or near(*a, **k))
    everything = np.ones(BODIES, bool)
    contacts = ContactList(surfaces, Periodic(box=BOX), skin=0.4, moving=everything)
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
        wanted = all_touching(surfaces, poses, some)
        assert listed_touching(contacts, poses) == wanted
        touched |= wanted
        poses = walked(poses, rng, some)
    assert len(touched) > 100
    # A list that is made anew at every step is none: two thirds of the steps move all pairs.
    assert len(looks) < 40 * len(contacts.bodies) / 3


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
    surface = Surface(*atom_points(blob("a"), 0.28), cutoff=1.2)
    limits = Limits(boundary, None, 1.0)
    reach, moving = surface.reach, np.ones(1, bool)
    # Its farthest point upwards.
    upright = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    if surface.points[:, 0].max() < -surface.points[:, 0].min():
        upright = np.diag([-1.0, 1, -1]) @ upright
    # Clear of the wall when it is listed, and then moved by less than the skin.
    for clear, moved in ((0.01, 0.3), (0.2, 0.39)):
        repulsion = Repulsion([surface], boundary, limits, skin=0.4, moving=moving)
        for height in (4.0 - reach - clear, 4.0 - reach - clear + moved):
            poses = RigidTransforms(rotations=upright[None], translations=[[0, 0, height]])
            found = repulsion.pushes(poses).overlaps(0.03)
        upwards = surface.points @ upright[2] + surface.radii
        assert found.deepest == pytest.approx(upwards.max() + height - 4.0)
        assert found.deepest > 0.1


def test_pairs_of_bodies_that_never_move_are_left_out(surfaces, rng):
    moving = np.arange(BODIES) < 2
    contacts = ContactList(surfaces, Periodic(box=BOX), skin=0.4, moving=moving)
    poses = RigidTransforms(
        rotations=Rotation.random(BODIES, rng=rng).as_matrix(),
        translations=rng.uniform(-1.5, 1.5, (BODIES, 3)),
    )
    contacts.update(poses)
    assert listed_touching(contacts, poses) == all_touching(surfaces, poses, moving)
    contacts.watch(np.ones(BODIES, bool))
    assert listed_touching(contacts, poses) == all_touching(surfaces, poses, moving)
