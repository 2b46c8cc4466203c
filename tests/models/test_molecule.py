"""Molecules as balls: the paper's equations, an anchor on a real entry, and volumes."""

from itertools import combinations

import numpy as np
import pytest

from openmm_cgpack.core import AtomicStructure
from openmm_cgpack.models import (
    SHAPE_COVER,
    Cover,
    coarse_grain,
    number_of_balls,
    single_ball,
    union_volume,
)
from openmm_cgpack.models.clustering import kmeans
from openmm_cgpack.structures import Reading, envelope_volume, load_structure


def bent_rod(n=4000, seed=3, **fields):
    """Atoms along an L, as dense as in a protein: no symmetry."""
    rng = np.random.default_rng(seed)
    long = rng.uniform([0, 0, 0], [8, 2, 2], (2 * n // 3, 3))
    short = rng.uniform([0, 2, 0], [2, 6, 2], (n - len(long), 3))
    positions = np.concatenate([long, short])
    return AtomicStructure(
        name="L", positions=positions - positions.mean(axis=0), masses=np.full(n, 13.0), **fields
    )


def test_number_of_balls_is_eqs_3_and_4():
    assert [number_of_balls(n, 5000) for n in (1, 15000, 15001, 20000, 98543)] == [3, 3, 4, 4, 20]


def test_the_balls_are_means_of_clusters_with_the_farthest_atom_on_their_surface():
    structure = bent_rod()
    model = coarse_grain(structure, Cover(atoms_per_ball=800), seed=1)
    assert model.n_balls == 5
    distance = np.linalg.norm(structure.positions[:, None] - model.positions[None], axis=2)
    nearest = distance.argmin(axis=1)
    for ball in range(5):
        members = structure.positions[nearest == ball]
        np.testing.assert_allclose(model.positions[ball], members.mean(axis=0), atol=1e-12)
        assert model.radii[ball] == pytest.approx(distance[nearest == ball, ball].max(), abs=1e-12)
    assert model.is_rigid
    assert (model.masses == 5000).all()
    assert model.structure is structure


def test_all_pairs_are_bonded_at_the_distances_they_have():
    model = coarse_grain(bent_rod(), Cover(atoms_per_ball=500), seed=1)
    assert sorted(map(tuple, model.bonds.tolist())) == list(combinations(range(8), 2))
    # 2000 kcal/mol/A^2 without the factor 1/2, as NAMD writes it
    assert model.bond_k == pytest.approx(1_673_600)
    i, j = model.bonds.T
    expected = np.sqrt(((model.positions[i] - model.positions[j]) ** 2).sum(axis=1))
    np.testing.assert_allclose(model.bond_lengths, expected)


def test_the_1f1b_anchor(shared):
    structure = load_structure(
        shared / "pdb" / "1f1b.pdb.gz", Reading(waters=True, hydrogens=True), name="1F1B"
    )
    assert structure.n_atoms == 8274
    model = coarse_grain(structure, seed=0)
    centres = (model.positions + structure.file_origin) * 10
    # by increasing x
    np.testing.assert_allclose(
        centres,
        [[23.714, 77.135, 38.553], [37.188, 34.464, 13.232], [64.266, 59.099, 66.504]],
        atol=6e-4,
    )
    np.testing.assert_allclose(model.radii * 10, [35.3399, 39.7004, 36.7010], atol=6e-5)
    nearest = np.linalg.norm(structure.positions[:, None] - model.positions, axis=2).min(axis=1)
    assert (nearest**2).sum() * 100 == pytest.approx(3332252.674, abs=2e-3)


@pytest.mark.parametrize("atoms_per_ball", [300, 5000])
def test_volume_radii_give_the_envelope_volume(atoms_per_ball):
    structure = bent_rod()
    model = coarse_grain(structure, Cover(atoms_per_ball=atoms_per_ball, radius="volume"), seed=1)
    envelope = envelope_volume(structure)
    assert model.volume == envelope
    # counted on a lattice: a route of its own
    low, high = (model.positions - 4).min(axis=0), (model.positions + 4).max(axis=0)
    axes = [np.arange(a, b, 0.1) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.zeros(len(grid), bool)
    for centre, radius in zip(model.positions, model.radii, strict=True):
        inside |= ((grid - centre) ** 2).sum(axis=1) < radius**2
    assert inside.sum() * 0.1**3 == pytest.approx(envelope, rel=5e-3)


def test_volume_radii_of_a_real_molecule(shared):
    structure = load_structure(shared / "pdb" / "3hhb.pdb.gz")
    model = coarse_grain(structure, SHAPE_COVER, seed=1)
    assert union_volume(model.positions, model.radii) == pytest.approx(model.volume, rel=5e-3)
    gap = np.linalg.norm(structure.positions[:, None] - model.positions, axis=2) - model.radii
    assert (gap.min(axis=1) > 0.3).mean() < 0.02
    farthest = coarse_grain(structure, Cover(atoms_per_ball=300), seed=1)
    np.testing.assert_array_equal(farthest.positions, model.positions)
    assert union_volume(farthest.positions, farthest.radii) > 1.2 * model.volume


def test_one_seed_gives_one_model_whatever_the_threads():
    from threadpoolctl import threadpool_limits

    structure = bent_rod()
    first = coarse_grain(structure, Cover(atoms_per_ball=100), seed=5)
    with threadpool_limits(1):
        second = coarse_grain(structure, Cover(atoms_per_ball=100), seed=np.random.SeedSequence(5))
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(first.radii, second.radii)
    other = coarse_grain(structure, Cover(atoms_per_ball=100), seed=6)
    assert not np.array_equal(first.positions, other.positions)


def test_the_largest_structures_are_clustered_in_parts():
    """The mean square within cells is near that of the best lattice known, of cells in a crystal.

    Conway and Sloane 1982: 0.0785 V^(2/3) along each axis.
    """
    points = np.random.default_rng(1).uniform(size=(24_100, 3))
    cube = AtomicStructure(name="cube", positions=points, masses=np.ones(len(points)))
    centres, labels = kmeans(cube, 500, n_init=1, seed=1)
    np.testing.assert_allclose(centres[7], points[labels == 7].mean(axis=0))
    squares = ((points - centres[labels]) ** 2).sum(axis=1).mean()
    assert 0.95 < squares / (3 * 0.0785 * 500 ** (-2 / 3)) < 1.05
    assert np.bincount(labels, minlength=500).min() > 10
    np.testing.assert_array_equal(kmeans(cube, 500, n_init=1, seed=1)[1], labels)


def test_points_that_stand_for_atoms_count_as_many():
    rng = np.random.default_rng(0)
    positions = np.array([[0.0, 0, 0], [5, 0, 0], [0, 7, 0], [0, 7.4, 0]])
    structure = AtomicStructure(
        name="reduced",
        positions=positions,
        masses=rng.uniform(100, 200, 4),
        atoms=[20, 20, 30, 10],
        spread=[0.5, 0.6, 0.7, 0.8],
        envelope_volume=2.0,
    )
    model = coarse_grain(structure, Cover(atoms_per_ball=30), seed=1)
    # ceil(80 / 30) balls; the two near points share one, at 3/4 and 1/4
    order = np.lexsort(model.positions.T[::-1])
    np.testing.assert_allclose(model.positions[order], [[0, 0, 0], [0, 7.1, 0], [5, 0, 0]])
    np.testing.assert_allclose(model.radii[order], [0.5, 0.3 + 0.8, 0.6])
    assert model.volume == 2.0


def test_a_ball_of_one_atom_has_an_atoms_radius():
    structure = AtomicStructure(
        name="three", positions=np.diag([1.0, 2.0, 3.0]), masses=np.ones(3), envelope_volume=1.0
    )
    np.testing.assert_allclose(coarse_grain(structure, seed=1).radii, 0.18)
    # the circumcircle: product of the sides over four times the area
    np.testing.assert_allclose(single_ball(structure).radii, np.sqrt(5 * 10 * 13) / (4 * 3.5))


def test_the_single_ball_touches_the_outermost_atoms():
    structure = bent_rod()
    model = single_ball(structure)
    distance = np.linalg.norm(structure.positions - model.positions[0], axis=1)
    assert model.n_balls == 1
    assert model.is_rigid
    assert len(model.bonds) == 0
    assert distance.max() == pytest.approx(model.radii[0], rel=1e-9)
    # The L is lopsided: its sphere is not about the centre of mass, and is smaller for it.
    assert np.linalg.norm(model.positions[0]) > 0.5
    assert model.radii[0] < structure.radius - 0.3


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"radius": "largest"}, 'radius: wanted "farthest" or "volume", got "largest"'),
        ({"atoms_per_ball": 0}, "atoms_per_ball: wanted a whole number >= 1, got 0"),
        ({"n_starts": 0}, "n_starts: wanted a whole number >= 1.*, got 0"),
        ({"ball_mass": -1}, "ball_mass: wanted a number > 0, got -1"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Cover(**kwargs)


def test_more_balls_than_points():
    structure = AtomicStructure(
        name="pair", positions=[[0, 0, 0], [1, 0, 0], [1, 0, 0]], masses=[1, 1, 1]
    )
    with pytest.raises(ValueError, match=r'pair: 3 balls wanted, .* got 2; model = "single"'):
        coarse_grain(structure, seed=1)
