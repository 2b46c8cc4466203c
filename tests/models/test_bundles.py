"""Bundles of filaments: how far apart, which way they point, and that they stay together."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from openmm_cgpack import Cell, Helix, Periodic, Vesicle, Where, pack_scene, populate
from openmm_cgpack.core.curves import SmoothCurve
from openmm_cgpack.models.bundles import hexagonal_cells, hexagonal_places
from openmm_cgpack.packing import Insertion
from openmm_cgpack.packing.settling import Settling
from openmm_cgpack.poses import structure_poses

SPACING = 12.0


def bent(**more):
    """Return a bundle that bends a lot, 80 nm long."""
    given = {"lattice": "actin", "length": 80.0, "bundle": 7, "persistence_length": 100.0}
    return Helix(**given | more)


def apart(group):
    """Return how far each filament's inner balls are from another's curve at least, (n, n) nm."""
    chains = np.split(group.balls, len(group.shapes))
    lines = []
    for chain in chains:
        curve = SmoothCurve(chain)
        lines.append(curve.positions(np.linspace(-10, curve.length + 10, 4000)))
    nearest = np.zeros((len(chains),) * 2 + (len(chains[0]),))
    for i, chain in enumerate(chains):
        for j, line in enumerate(lines):
            nearest[i, j] = np.linalg.norm(chain[:, None] - line, axis=2).min(axis=1)
    return nearest


def test_a_bundle_is_hexagonal():
    places = hexagonal_places(hexagonal_cells(19), SPACING)
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    neighbours = (np.abs(distance - SPACING) < 1e-9).sum(axis=1)
    # Two shells around the middle one: 6 corners, 6 sides, and 7 inside.
    assert sorted(neighbours.tolist()) == [3] * 6 + [4] * 6 + [6] * 7
    assert distance[distance > 0].min() == pytest.approx(SPACING)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("polarity", ["parallel", "alternate"])
def test_neighbours_are_one_spacing_apart_along_a_bend(polarity):
    helix = bent(bundle_polarity=polarity)
    model = helix.build()
    group = helix.group(model, seed=3)
    first = group.balls[: model.n_balls]
    chord = np.linalg.norm(first[-1] - first[0])
    assert chord < 0.985 * model.bond_lengths.sum(), "not bent"
    nearest = apart(group)
    cells = hexagonal_cells(7)
    q, r = np.moveaxis(cells[:, None] - cells, 2, 0)
    neighbours = q**2 + q * r + r**2 == 1
    np.testing.assert_allclose(nearest[neighbours][:, 1:-1], SPACING, atol=0.15)
    assert nearest[~neighbours & ~np.eye(7, dtype=bool)].min() > 1.5 * SPACING
    # Every filament has the length of one alone, so that no bond is strained.
    for chain in np.split(group.balls, 7):
        bonds = np.linalg.norm(np.diff(chain, axis=0), axis=1)
        np.testing.assert_allclose(bonds, model.bond_lengths, rtol=1e-2)


@pytest.mark.parametrize(("polarity", "backward"), [("parallel", 0), ("alternate", 4)])
def test_polarity_and_handedness(polarity, backward):
    helix = bent(bundle_polarity=polarity, persistence_length=3000.0)
    scene = populate(
        [helix], boundary=Periodic(box=120.0), insertion=Insertion(spacing=2.0), seed=1
    )
    assert scene.n_instances == 7
    start = {"positions": scene.positions, "transforms": scene.transforms}
    axes = []
    for i in range(7):
        poses = structure_poses(scene, i, **start)
        steps = poses[np.arange(len(poses) - 1)].invert().compose(poses[np.arange(1, len(poses))])
        twist = Rotation.from_matrix(steps.rotations).as_rotvec(degrees=True)
        np.testing.assert_allclose(np.linalg.norm(twist, axis=1), 166.6, atol=2.0)
        # Forwards along its own axis every filament turns backwards about it.
        assert (twist[:, 2] < -160).all()
        axes.append(poses.translations[-2:].mean(axis=0) - poses.translations[:2].mean(axis=0))
        along = poses.rotations[:, :, 2].mean(axis=0)
        assert along @ axes[-1] > 0.9 * np.linalg.norm(axes[-1])
    way = np.array(axes) @ axes[0] > 0
    assert (~way).sum() == backward


def test_a_bundle_stays_one_in_the_heat():
    """Filaments that nothing tied would diffuse apart, and stiff ones would not bend together."""
    helix = bent(bundle=3, length=50.0)
    scene = populate([helix], boundary=Periodic(box=90.0), insertion=Insertion(spacing=2.0), seed=3)
    assert len(scene.links) == 2 * 3
    assert not scene.partners.size
    settled = pack_scene(scene, Cell(settling=Settling(steps=3000)), seed=5)
    ends = settled.positions[scene.links.pairs]
    offset = scene.boundary.minimum_image(ends[:, 0] - ends[:, 1])
    change = np.linalg.norm(offset, axis=1) / scene.links.lengths
    assert np.abs(change - 1).max() < 0.13
    assert np.abs(change - 1).max() > 0.01
    assert np.abs(settled.positions - scene.positions).max() > 0.3


def test_counts_are_of_bundles():
    helix = bent(count=3)
    model = helix.build()
    assert helix.number(model, 1e6) == 21
    assert bent(um_per_um3=2000.0).number(model, 1e6) == 28
    assert bent(fraction=0.01).number(model, 1e6) == 7 * round(1e4 / 7 / model.volume)


def test_no_membrane_lies_between_the_filaments_of_a_bundle():
    structures = [
        Vesicle(radius=12.0, edge=6.0, count=2),
        bent(bundle=2, length=14.0, bundle_spacing=60.0, where=Where(outside="vesicle"), count=8),
    ]
    scene = populate(
        structures, boundary=Periodic(box=80.0), insertion=Insertion(spacing=1.0), seed=6
    )
    ends = scene.positions[scene.links.pairs]
    assert len(ends) == 16
    ties = scene.boundary.minimum_image(ends[:, 1] - ends[:, 0])
    along = ends[:, :1] + np.linspace(0, 1, 60)[:, None] * ties[:, None]
    for vesicle in scene.transforms.translations[:2]:
        distance = np.linalg.norm(scene.boundary.minimum_image(along - vesicle), axis=2)
        assert distance.min() > 12.0


def test_the_curvature_of_the_inner_filaments_is_limited():
    helix = bent(max_curvature=0.004)
    model = helix.build()
    for chain in np.split(helix.group(model, seed=2).balls, 7):
        tangents = np.diff(chain, axis=0)
        tangents /= np.linalg.norm(tangents, axis=1)[:, None]
        angles = np.arccos(np.clip((tangents[1:] * tangents[:-1]).sum(axis=1), -1, 1))
        assert 0 < angles.max() < 1.1 * 0.004 * model.bond_lengths[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bundle": 0}, "bundle: wanted a whole number >= 1 and <= 500"),
        ({"bundle": 1, "bundle_spacing": 12.0}, "bundle_spacing: means nothing without a bundle"),
        ({"bundle_polarity": "mixed"}, "bundle_polarity: wanted"),
        (
            {"lattice": None, "species": "2zwh", "rise": 3.0, "twist_deg": 10.0},
            "bundle_spacing: wanted a number, or a lattice that says it",
        ),
    ],
)
def test_what_makes_no_bundle_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        bent(**given)


def test_filaments_that_would_meet_are_refused():
    with pytest.raises(ValueError, match=r"bundle_spacing: wanted 10\.\d+ nm or more.*got 8"):
        bent(bundle_spacing=8.0).build()
