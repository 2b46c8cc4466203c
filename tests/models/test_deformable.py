import numpy as np
import pytest

from openmm_cgpack.imaging.specimen import MATERIALS
from openmm_cgpack.models import Filament, Membrane


def bonds_of(model):
    return np.bincount(model.bonds.ravel(), minlength=model.n_balls)


def test_a_filament_is_a_straight_chain_of_touching_balls():
    model = Filament(n_balls=6, radius=1.5).build()
    assert bonds_of(model).tolist() == [1, 2, 2, 2, 2, 1]
    np.testing.assert_allclose(model.bond_lengths, 3.0)
    np.testing.assert_allclose(model.rest_angles, np.pi)
    assert len(model.angles) == 4
    assert (model.angles[:, 1] == [1, 2, 3, 4]).all()
    np.testing.assert_allclose(model.positions.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(model.positions[-1] - model.positions[0], [0, 0, 15])
    assert model.rigid_groups == ()
    assert not model.is_rigid
    assert (model.bond_k, model.angle_k) == (1_673_600, 0)
    assert model.geometry.balls.tolist() == list(range(6))
    # a tube from one radius before the first ball to one radius after the last
    assert model.volume == pytest.approx(np.pi * 1.5**2 * 18)


def test_persistence_length_of_a_chain_drawn_from_its_angle_energy():
    persistence, temperature = 60.0, 300.0
    model = Filament(n_balls=3, persistence_length=persistence).build()
    # Boltzmann-weighted mean of cos(theta) of one joint; tangents decay as exp(-b / P)
    bend = np.linspace(0, np.pi, 20001)
    kt = 8.31446261815324e-3 * temperature
    weight = np.sin(bend) * np.exp(-0.5 * model.angle_k * bend**2 / kt)
    cosine = (weight * np.cos(bend)).sum() / weight.sum()
    assert -4.0 / np.log(cosine) == pytest.approx(persistence, rel=0.03)


def test_two_balls_are_a_filament():
    model = Filament(n_balls=2, angle_k=3.0).build()
    assert model.angles.shape == (0, 3)
    assert model.bonds.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"n_balls": 1}, ValueError, "n_balls: wanted a whole number >= 2 and .*, got 1"),
        ({"n_balls": 2.5}, TypeError, "n_balls: wanted a whole number >= 2 and .*, got 2.5"),
        ({"n_balls": 5, "radius": -2}, ValueError, "radius: wanted a number > 0, got -2"),
        ({"n_balls": 5, "radius": np.nan}, ValueError, "radius: .* got nan"),
        (
            {"n_balls": 5, "angle_k": 1.0, "persistence_length": 2.0},
            ValueError,
            "persistence_length: stands in place of angle_k; wanted one, got both",
        ),
    ],
)
def test_bad_filaments(kwargs, error, message):
    with pytest.raises(error, match=message):
        Filament(**kwargs).build()


def test_a_membrane_is_a_flat_mesh_with_diagonals():
    m, n = 5, 4
    model = Membrane(shape=(m, n), radius=4.0).build()
    counts = bonds_of(model).reshape(m, n)
    expected = np.full((m, n), 8)
    expected[[0, -1]] = expected[:, [0, -1]] = 5
    expected[np.ix_([0, -1], [0, -1])] = 3
    np.testing.assert_array_equal(counts, expected)
    assert len({tuple(sorted(pair)) for pair in model.bonds.tolist()}) == len(model.bonds)
    lengths, number = np.unique(model.bond_lengths.round(9), return_counts=True)
    np.testing.assert_allclose(lengths, [8, 8 * np.sqrt(2)])
    assert number.tolist() == [(m - 1) * n + m * (n - 1), 2 * (m - 1) * (n - 1)]
    assert (model.positions[:, 2] == 0).all()
    np.testing.assert_allclose(model.positions.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.ptp(model.positions, axis=0), [32, 24, 0])
    assert model.rigid_groups == ()


def test_membrane_angles_are_the_straight_triples_of_the_mesh():
    m, n = 5, 4
    model = Membrane(shape=(m, n), angle_k=7.0).build()
    np.testing.assert_allclose(model.rest_angles, np.pi)
    # every pair of collinear bonds that share a ball, found from the bonds
    partners = {ball: set() for ball in range(model.n_balls)}
    for a, b in model.bonds.tolist():
        partners[a].add(b)
        partners[b].add(a)
    wanted = set()
    for ball, others in partners.items():
        for a in others:
            for b in others:
                if np.allclose(model.positions[a] + model.positions[b], 2 * model.positions[ball]):
                    wanted.add((min(a, b), ball, max(a, b)))
    got = {(min(a, c), b, max(a, c)) for a, b, c in model.angles.tolist()}
    assert got == wanted
    assert len(model.angles) == len(wanted)


def test_membrane_faces_tile_the_sheet_facing_up():
    model = Membrane(shape=(4, 3), radius=2.0, thickness=5.0).build()
    a, b, c = model.positions[model.geometry.faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    np.testing.assert_allclose(normal, np.tile([0, 0, 16.0], (12, 1)))
    assert model.volume == pytest.approx(0.5 * normal[:, 2].sum() * 5)
    # an edge inside the sheet is walked once each way, an outer one once
    edges = {}
    for face in model.geometry.faces.tolist():
        for i in range(3):
            edge = (face[i], face[(i + 1) % 3])
            edges[edge] = edges.get(edge, 0) + 1
    assert set(edges.values()) == {1}
    outer = [edge for edge in edges if edge[::-1] not in edges]
    assert len(outer) == 2 * (3 + 2)


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), 5, (3, 3, 3)])
def test_bad_membrane_shapes(shape):
    with pytest.raises((ValueError, TypeError), match="shape: wanted"):
        Membrane(shape=shape).build()


def test_a_denser_mesh_keeps_its_bonds_and_has_no_holes():
    loose, dense = Membrane(shape=(5, 4)).build(), Membrane(shape=(5, 4), spacing=5.0).build()
    np.testing.assert_array_equal(loose.bonds, dense.bonds)
    np.testing.assert_allclose(dense.positions, loose.positions * 5 / 8)
    assert dense.volume == pytest.approx(4 * 3 * 5**2 * 4)
    # The middle of a mesh is as far from its four balls as anything gets: inside them all.
    assert np.hypot(2.5, 2.5) < dense.radii.min()
    # Balls that are not bonded are in no other.
    bonded = {tuple(sorted(pair)) for pair in dense.bonds.tolist()}
    apart = np.linalg.norm(dense.positions[:, None] - dense.positions, axis=2)
    i, j = np.triu_indices(dense.n_balls, 1)
    free = [d for a, b, d in zip(i, j, apart[i, j], strict=True) if (a, b) not in bonded]
    assert min(free) >= 8.0


@pytest.mark.parametrize("spacing", [3.9, 8.1, float("nan")])
def test_bad_membrane_spacings(spacing):
    with pytest.raises(ValueError, match="spacing: wanted"):
        Membrane(shape=(3, 3), spacing=spacing).build()


def test_a_filament_of_seven_nanometres_weighs_what_actin_does():
    tube = Filament(n_balls=20, radius=3.5).build()
    protein = MATERIALS["protein"]
    a_nanometre = tube.geometry.density * tube.volume / (20 * 7.0)
    with_hydrogens = a_nanometre * protein.mass / protein.heavy_mass
    assert with_hydrogens == pytest.approx(42_200 / 2.75, rel=0.01)
