"""Reduced points keep what a molecule is."""

import numpy as np
import pytest
from reduction import reduce_structure

from openmm_cgpack.core import AtomicStructure


@pytest.fixture
def molecule():
    rng = np.random.default_rng(11)
    positions = rng.uniform(-1, 1, (1500, 3)) * [1, 2, 3]
    positions = positions[np.linalg.norm(positions, axis=1) > 0.8]
    masses = rng.choice([12.0, 14.0, 16.0, 32.0], len(positions))
    return AtomicStructure(
        name="m",
        positions=positions,
        masses=masses,
        envelope_volume=9.0,
        file_origin=[1, 2, 3],
        source="here",
    )


@pytest.mark.parametrize("atoms_per_point", [1, 2, 7, 20, 5000])
def test_mass_centre_and_second_moment(molecule, atoms_per_point):
    points = reduce_structure(molecule, atoms_per_point=atoms_per_point)
    assert len(points.masses) <= -(-molecule.n_atoms // atoms_per_point)
    assert len(points.masses) > 0.9 * molecule.n_atoms / atoms_per_point
    assert points.n_atoms == molecule.n_atoms
    assert points.atoms.min() >= 1
    assert points.mass == pytest.approx(molecule.mass, rel=1e-12)
    np.testing.assert_allclose(
        points.masses @ points.positions, molecule.masses @ molecule.positions, atol=1e-7
    )
    gyration = [s.masses @ (s.positions**2).sum(axis=1) / s.mass for s in (points, molecule)]
    assert gyration[0] + 3 * points.point_variance == pytest.approx(gyration[1], rel=1e-9)
    assert points.envelope_volume == 9.0
    assert points.file_origin.tolist() == [1, 2, 3]
    assert points.source == "here"


def test_spread_reaches_every_atom(molecule):
    points = reduce_structure(molecule, atoms_per_point=12)
    distances = np.linalg.norm(molecule.positions[:, None] - points.positions, axis=2)
    assert (distances <= points.spread + 1e-9).any(axis=1).all()
    assert points.radius >= molecule.radius
    # Compact groups: 12 atoms of this density fill a ball of 0.24 nm radius.
    assert np.median(points.spread) < 0.6


def test_one_atom_a_point_is_the_molecule(molecule):
    points = reduce_structure(molecule, atoms_per_point=1)
    assert points.point_variance == pytest.approx(0, abs=1e-24)
    order = [np.lexsort(s.positions.T) for s in (points, molecule)]
    np.testing.assert_allclose(points.positions[order[0]], molecule.positions[order[1]], atol=1e-12)
    np.testing.assert_allclose(points.masses[order[0]], molecule.masses[order[1]])


def test_same_points_every_time_and_twice_is_fewer(molecule):
    first = reduce_structure(molecule, atoms_per_point=4)
    again = reduce_structure(molecule, atoms_per_point=4)
    np.testing.assert_array_equal(first.positions, again.positions)
    twice = reduce_structure(first, atoms_per_point=3)
    assert twice.n_atoms == molecule.n_atoms
    assert twice.point_variance > first.point_variance
    gyration = twice.masses @ (twice.positions**2).sum(axis=1) / twice.mass
    exact = molecule.masses @ (molecule.positions**2).sum(axis=1) / molecule.mass
    assert gyration + 3 * twice.point_variance == pytest.approx(exact, rel=1e-9)
    distances = np.linalg.norm(molecule.positions[:, None] - twice.positions, axis=2)
    assert (distances <= twice.spread + 1e-9).any(axis=1).all()


def test_atoms_at_one_place():
    heap = AtomicStructure(name="heap", positions=np.zeros((9, 3)), masses=np.ones(9))
    points = reduce_structure(heap, atoms_per_point=2)
    assert points.n_atoms == 9
    assert points.mass == 9


@pytest.mark.parametrize("value", [0, -3, 1.5, True, float("nan")])
def test_atoms_per_point_is_a_count(molecule, value):
    with pytest.raises(ValueError, match="atoms_per_point"):
        reduce_structure(molecule, atoms_per_point=value)
