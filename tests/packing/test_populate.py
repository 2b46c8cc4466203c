"""A box filled with membranes, and what is in, around and near them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from openmm_cgpack import (
    Filament,
    Membrane,
    Molecule,
    Open,
    Periodic,
    PlacementError,
    Slab,
    Where,
    populate,
)
from openmm_cgpack.core.boundary import close_pairs
from openmm_cgpack.models import Helix, Sheet, Tube, Vesicle
from openmm_cgpack.packing import Insertion


def winding(points, corners):
    """Return how often a surface goes round points, by the solid angle of every triangle."""
    a, b, c = np.moveaxis(corners[None] - points[:, None, None], 2, 0)
    norm = [np.linalg.norm(side, axis=-1) for side in (a, b, c)]
    top = np.einsum("pfi,pfi->pf", a, np.cross(b, c))
    bottom = np.prod(norm, axis=0)
    for one, other, third in ((a, b, norm[2]), (b, c, norm[0]), (c, a, norm[1])):
        bottom = bottom + np.einsum("pfi,pfi->pf", one, other) * third
    return np.arctan2(top, bottom).sum(axis=1) / (2 * np.pi)


def of(scene, species):
    """Return the instances of a species."""
    return np.flatnonzero(scene.species_index == species)


def held(scene, species, membrane):
    """Return for every ball of a species whether an instance of a membrane holds it, (i, b)."""
    number = [model.name for model in scene.species].index
    balls = [scene.positions[scene.balls(i)] for i in of(scene, number(species))]
    points = np.concatenate(balls)
    inside = np.zeros(len(points), bool)
    for m in of(scene, number(membrane)):
        surface = scene.positions[scene.balls(m)]
        corners = surface[scene.model(m).faces]
        moved = corners.mean(axis=(0, 1)) + scene.boundary.minimum_image(
            points - corners.mean(axis=(0, 1))
        )
        inside |= np.abs(winding(moved, corners)) > 0.5
    return inside.reshape(len(balls), -1)


CELL = (
    Vesicle(name="cell", radius=20.0, at=(28.0, 5.0, 0.0)),
    Vesicle(name="lumen", radius=9.0, where=Where(inside="cell")),
    Molecule(name="cargo", species="1s3x", where=Where(inside="lumen"), count=3),
    Molecule(
        name="dense", species="3hhb", where=Where(inside="cell", outside="lumen"), fraction=0.1
    ),
    Molecule(name="dilute", species="3hhb", where=Where(outside="cell"), fraction=0.03),
    Molecule(
        name="near", species="1s3x", where=Where(outside="cell", within=8.0, of="cell"), count=9
    ),
    Filament(n_balls=9, where=Where(outside="cell"), count=2),
)
"""A vesicle that reaches through the sides of its box, another in it, and a crowd."""

COARSE = Insertion(spacing=0.75)


@pytest.fixture(scope="module")
def cell():
    return populate(CELL, boundary=Periodic(box=(66, 60, 60)), insertion=COARSE, seed=3)


def test_instances_are_as_many_as_asked_for(cell):
    assert [model.name for model in cell.species] == [s.label for s in CELL]
    counts = np.bincount(cell.species_index).tolist()
    assert [counts[s] for s in (0, 1, 2, 5, 6)] == [1, 1, 3, 9, 2]


def test_a_fraction_is_that_of_the_region_without_bilayers(cell):
    """Of spheres 2 nm inside and outside of the bilayers' middles, ripples apart."""
    sphere = 4 / 3 * np.pi * np.array([18.0, 11.0, 22.0]) ** 3
    rooms = {"dense": sphere[0] - sphere[1], "dilute": 66 * 60 * 60 - sphere[2]}
    for name, fraction in (("dense", 0.1), ("dilute", 0.03)):
        s = [model.name for model in cell.species].index(name)
        got = (cell.species_index == s).sum() * cell.species[s].volume / rooms[name]
        assert got == pytest.approx(fraction, rel=0.06)


def test_all_are_on_the_side_that_they_are_to_be_on(cell):
    for species, membrane, inside in (
        ("lumen", "cell", True),
        ("cargo", "lumen", True),
        ("cargo", "cell", True),
        ("dense", "cell", True),
        ("dense", "lumen", False),
        ("dilute", "cell", False),
        ("near", "cell", False),
        ("filament", "cell", False),
    ):
        assert (held(cell, species, membrane) == inside).all(), (species, membrane)


def test_nothing_overlaps_but_for_the_coarseness_of_voxels(cell):
    first, second, shift = close_pairs(cell.boundary, cell.positions, cell.radii)
    apart = cell.instance_of_ball[first] != cell.instance_of_ball[second]
    offset = cell.positions[second] + shift - cell.positions[first]
    overlap = (cell.radii[first] + cell.radii[second]) - np.linalg.norm(offset, axis=1)
    assert overlap[apart].max() < 2 * COARSE.spacing


def test_what_is_within_a_distance_is_held_there(cell):
    near = of(cell, 5)
    surface = cell.positions[cell.balls(0)]
    offset = cell.transforms.translations[near][:, None] - surface
    distance = np.linalg.norm(cell.boundary.minimum_image(offset), axis=2).min(axis=1)
    assert distance.max() <= 8.0
    links = cell.links
    assert len(links) == len(near)
    assert not links.joined.any()
    assert sorted(cell.instance_of_ball[links.pairs[:, 0]]) == near.tolist()
    assert (cell.instance_of_ball[links.pairs[:, 1]] == 0).all()
    ball, vertex = cell.positions[links.pairs.T]
    aside = np.linalg.norm(cell.boundary.minimum_image(ball - vertex), axis=1)
    from_centre = np.linalg.norm(ball - cell.transforms.translations[near], axis=1)
    longest = links.lengths + links.slacks
    assert (longest + from_centre < 8.0).all()
    assert (aside < longest + 2 * from_centre + COARSE.spacing).all()


def test_one_seed_one_result(cell):
    again = populate(CELL, boundary=Periodic(box=(66, 60, 60)), insertion=COARSE, seed=3)
    assert np.array_equal(again.positions, cell.positions)
    assert np.array_equal(again.links.pairs, cell.links.pairs)


def test_instances_of_one_species_have_shapes_of_their_own():
    actin = Helix(species="2zwh", lattice="actin", length=40.0, persistence_length=50.0, count=2)
    scene = populate([actin], boundary=Periodic(box=50.0), seed=1)
    chains = [scene.positions[scene.balls(i)] for i in range(2)]
    one, other = (np.linalg.norm(chain - chain.mean(axis=0), axis=1) for chain in chains)
    assert np.abs(one - other).max() > 0.05


def test_a_sheet_spans_the_box_at_its_height_between_filaments():
    structures = [Sheet(height=-5.0), Filament(n_balls=6, count=6), Filament(name="f", n_balls=9)]
    scene = populate(structures, boundary=Slab(box=(40, 30, 36)), seed=2)
    sheet = scene.positions[scene.balls(0)]
    assert sheet[:, 2].mean() == pytest.approx(-5.0, abs=0.1)
    for i in range(1, scene.n_instances):
        assert len(set(np.sign(scene.positions[scene.balls(i), 2] + 5.0))) == 1


def test_a_long_filament_lies_along_a_thin_slab():
    scene = populate([Filament(n_balls=20, count=3)], boundary=Slab(box=(150, 150, 12)), seed=1)
    assert np.abs(scene.positions[:, 2]).max() < 4.5


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (Where(inside="x"), 'where: inside: wanted one of membrane, vesicle, a, got "x"'),
        (Where(within=5.0, of="a"), "name each other in a circle"),
        (Where(outside="membrane"), 'outside: wanted a closed membrane, got "membrane"'),
    ],
)
def test_names_that_cannot_be(where, said):
    structures = [
        Membrane(shape=(3, 3)),
        Vesicle(radius=9.0),
        Vesicle(name="a", radius=9.0, where=where),
    ]
    with pytest.raises(ValueError, match=said):
        populate(structures, boundary=Periodic(box=40.0), seed=1)


@pytest.mark.parametrize(
    "second",
    [
        Vesicle(name="b", radius=9.0, at=(4.0, 0.0, 0.0)),
        Vesicle(name="b", radius=8.0, at=(0.0, 28.0, 0.0), where=Where(inside="vesicle")),
        Sheet(name="b", height=17.0),
    ],
)
def test_a_given_place_has_to_have_room(second):
    first = Vesicle(radius=9.0, at=(0.0, 0.0, 0.0))
    with pytest.raises(PlacementError, match="no room: b cannot be at"):
        populate([first, second], boundary=Slab(box=(36, 60, 36)), insertion=COARSE, seed=1)


def test_a_molecule_is_no_membrane():
    one, other = (
        Molecule(species="3hhb"),
        Molecule(name="b", species="3hhb", where=Where(within=5, of="3hhb")),
    )
    with pytest.raises(ValueError, match='b: where: of: wanted a membrane, got "3hhb", a molecule'):
        populate([one, other], boundary=Periodic(box=40.0), seed=1)


def test_no_room_says_of_what_and_how_far_it_went():
    inside = Molecule(species="3hhb", count=20, where=Where(inside="vesicle"))
    with pytest.raises(PlacementError, match=r"\d+ of 20 3hhb fit .* to a fraction of 0\.\d+"):
        populate(
            [Vesicle(radius=9.0), inside],
            boundary=Periodic(box=30.0),
            insertion=COARSE,
            seed=1,
        )


def test_a_fraction_of_less_than_one():
    few = Molecule(species="3hhb", fraction=1e-4)
    with pytest.raises(PlacementError, match="3hhb: wanted at least one instance, got 0"):
        populate([few], boundary=Periodic(box=30.0), seed=1)


def test_it_wants_a_box():
    with pytest.raises(ValueError, match="boundary: populate wants Periodic or Slab"):
        populate([Vesicle(radius=9.0)], boundary=Open(), seed=1)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"inside": ()}, "inside: wanted at least one name"),
        ({"within": 5.0, "of": ()}, "of: wanted at least one name"),
        ({"inside": "a", "outside": ("a", "b")}, "inside and outside: nothing is both, of a"),
    ],
)
def test_a_place_has_to_be_somewhere(where, said):
    with pytest.raises(ValueError, match=said):
        Where(**where)


@pytest.mark.parametrize(
    ("vesicle", "said"),
    [
        (Vesicle(radius=9.0, at=(0.0, 40.0, 0.0)), "vesicle: at: wanted a place in Periodic"),
        (Vesicle(radius=19.0), "vesicle: radius: wanted one that fits into 40 nm"),
    ],
)
def test_a_membrane_has_to_be_in_the_box(vesicle, said):
    with pytest.raises(ValueError, match=said):
        populate([vesicle], boundary=Periodic(box=40.0), seed=1)


def test_what_is_within_more_than_a_box_is_anywhere():
    structures = [
        Sheet(),
        Molecule(name="near", species="3hhb", where=Where(within=1e6, of="sheet"), fraction=0.01),
        Molecule(name="any", species="3hhb", fraction=0.01),
    ]
    scene = populate(structures, boundary=Periodic(box=32.0), insertion=COARSE, seed=1)
    _, near, anywhere = np.bincount(scene.species_index)
    assert near == anywhere > 0


def test_a_membrane_is_turned_as_said():
    tube = Tube(radius=8, length=30, at=(0, 0, 0), angles_deg=(30, 90, 0))
    scene = populate([tube], boundary=Periodic(box=60.0), insertion=COARSE, seed=1)
    turn = Rotation.from_euler("ZYZ", [30, 90, 0], degrees=True).as_matrix()
    np.testing.assert_allclose(scene.transforms.rotations[0], turn, atol=1e-12)
    along = np.linalg.svd(scene.positions - scene.positions.mean(axis=0))[2][0]
    assert abs(along @ turn[:, 2]) > 0.99
