"""The elastic energy of meshes against exact values, a second route, and its own differences."""

import numpy as np
import pytest
from elastic_meshes import icosphere, lattice, membrane
from scipy.integrate import quad
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre

from openmm_cgpack.core.mesh_elasticity import ElasticMeshes

KAPPA = 50.0
SPHERE, FACES = icosphere(4)


def spheroid_energy(ratio):
    """Bending energy of a spheroid with axes 1, 1, c, in kappa: the integral of (2 H)²/2."""

    def ring(t):
        # x = cos t, z = c sin t: the curvatures along the meridian and around the axis.
        speed = np.hypot(np.sin(t), ratio * np.cos(t))
        curvature = ratio / speed**3 + ratio / speed
        return np.pi * np.cos(t) * speed * curvature**2

    return quad(ring, -np.pi / 2, np.pi / 2)[0]


def tube(shape, radius):
    """Return a lattice rolled up along x, which repeats in z."""
    points, faces, box = lattice(shape)
    scale = 2 * np.pi * radius / box[0]
    angle = points[:, 0] * scale / radius
    rolled = np.stack(
        [radius * np.cos(angle), radius * np.sin(angle), scale * points[:, 1]], axis=1
    )
    return membrane(rolled, faces, period=(0, 0, scale * box[1])), scale * box[1]


def juelicher_energy(points, faces):
    """Jülicher 1996, in kappa: 2 M²/A of each vertex, M a quarter of its edges' length x angle."""
    a, b, c = points[faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1) / 2
    normal /= 2 * area[:, None]
    sides = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    there, back = (np.lexsort(pair) for pair in (sides.T, sides[:, ::-1].T))
    left, right = there // 3, back // 3
    edge = points[sides[there, 1]] - points[sides[there, 0]]
    length = np.linalg.norm(edge, axis=1)
    turn = (np.cross(normal[left], normal[right]) * edge).sum(axis=1) / length
    angle = np.arctan2(turn, (normal[left] * normal[right]).sum(axis=1))
    # Each edge is here from either side, and is counted at the end that it begins at.
    curvature = np.bincount(sides[there, 0], length * angle / 4)
    share = np.bincount(faces.ravel(), np.repeat(area / 3, 3))
    return float((2 * curvature**2 / share).sum())


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.5, 2.0])
def test_spheroids_have_the_exact_bending_energy(ratio):
    exact = spheroid_energy(ratio)
    if ratio == 1:
        assert exact == pytest.approx(8 * np.pi)
    points = SPHERE * [1, 1, ratio]
    model = membrane(points, FACES)
    energy = ElasticMeshes([model]).bending_energies(points).sum() / KAPPA
    assert energy == pytest.approx(exact, rel=0.02)
    assert energy - 8 * np.pi == pytest.approx(exact - 8 * np.pi, rel=0.02, abs=0.05)
    assert energy == pytest.approx(juelicher_energy(points, FACES), rel=0.01)


def test_a_tube_that_spans_a_box_has_the_exact_bending_energy():
    model, length = tube((40, 12), radius=6.0)
    energy = ElasticMeshes([model]).bending_energies(model.positions).sum()
    assert energy == pytest.approx(np.pi * KAPPA * length / 6.0, rel=0.02)


def test_energy_grows_as_that_of_spherical_harmonics():
    """A sphere's second variation: kappa (l - 1) l (l + 1) (l + 2), of unit harmonics."""
    meshes = ElasticMeshes([membrane(SPHERE, FACES)])
    area = 4 * np.pi / len(SPHERE)
    for degree in range(2, 11):
        harmonic = eval_legendre(degree, SPHERE @ [0.36, 0.48, 0.8])
        harmonic /= np.sqrt(area * (harmonic**2).sum())
        moved = [SPHERE * (1 + h * harmonic[:, None]) for h in (-1e-3, 0, 1e-3)]
        low, rest, high = (meshes.bending_energies(points).sum() for points in moved)
        stiffness = (low - 2 * rest + high) / 1e-6
        exact = KAPPA * (degree - 1) * degree * (degree + 1) * (degree + 2)
        assert stiffness == pytest.approx(exact, rel=0.015 + 1e-3 * degree**2), degree


def test_energy_grows_as_that_of_plane_waves():
    """A sheet's: kappa q⁴/4 of its area, for a wave of unit height along x."""
    points, faces, box = lattice((60, 6))
    meshes = ElasticMeshes([membrane(points, faces, period=box)])
    for index in range(2, 11):
        q = 2 * np.pi * index / box[0]
        height = 1e-3 * np.cos(q * points[:, 0])
        energy = meshes.bending_energies(points + height[:, None] * [0, 0, 1]).sum()
        exact = KAPPA * q**4 / 4 * box[0] * box[1] * 1e-6
        assert energy == pytest.approx(exact, rel=0.15 * q**2), index


def some_membranes():
    """Return a vesicle, a tube and a sheet with a rim, with all that a membrane may have."""
    points, faces = icosphere(1, 5.0)
    vesicle = membrane(
        points, faces, name="vesicle", tension=2.0, volume=400.0, volume_modulus=9.0, pressure=0.7
    )
    crossing = tube((8, 6), radius=1.4)[0]
    flat, faces, _ = lattice((6, 6))
    rim = membrane(flat, [face for face in faces if np.ptp(flat[face], axis=0).max() < 2])
    return [vesicle, crossing, rim]


@pytest.mark.parametrize(("evenness", "heat"), [(0.0, 0.0), (250.0, 2.5)])
def test_gradient_is_that_of_the_energy(evenness, heat):
    models = some_membranes()
    meshes = ElasticMeshes(models, evenness=evenness, heat=heat)
    rng = np.random.default_rng(1)
    points = np.concatenate([model.positions for model in models])
    # So far from rest that triangles meet the bound of their areas, too.
    points = points + rng.normal(size=points.shape) * 0.15
    _, gradient = meshes.energy_and_gradient(points)
    for ball in rng.choice(len(points), 40, replace=False):
        for axis in range(3):
            step = np.zeros(points.shape)
            step[ball, axis] = 1e-5
            up, down = (meshes.energy_and_gradient(points + sign * step)[0] for sign in (1, -1))
            slope = (up - down) / 2e-5
            assert gradient[ball, axis] == pytest.approx(slope, rel=1e-5, abs=1e-4)


def test_energy_is_the_sum_of_its_parts():
    """Area, volume, tension and pressure as in the docstring of `Elasticity`, by hand."""
    model = some_membranes()[0]
    points = model.positions * 1.1
    meshes = ElasticMeshes([model])
    (area,), (volume,) = meshes.areas_and_volumes(points)
    a, b, c = points[model.faces].transpose(1, 0, 2)
    assert area == pytest.approx(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
    assert volume == pytest.approx(np.linalg.det(points[model.faces]).sum() / 6)
    rest = model.elasticity
    by_hand = (
        meshes.bending_energies(points).sum()
        + 2.0 * area
        + 145.0 / 2 * (area - rest.area) ** 2 / rest.area
        + 9.0 / 2 * (volume - 400.0) ** 2 / 400.0
        - 0.7 * volume
    )
    assert meshes.energy_and_gradient(points)[0] == pytest.approx(by_hand)


def test_heat_pushes_back_on_the_area():
    """By hand: kT/2 log of each vertex' area, whose sum is the membrane's."""
    model = some_membranes()[0]
    cold, warm = (ElasticMeshes([model], heat=heat) for heat in (0.0, 2.5))
    points = model.positions
    a, b, c = points[model.faces].transpose(1, 0, 2)
    thirds = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    areas = np.bincount(model.faces.ravel(), np.repeat(thirds, 3))
    pushed = warm.energy_and_gradient(points)[0] - cold.energy_and_gradient(points)[0]
    assert pushed == pytest.approx(1.25 * np.log(areas).sum())


def test_the_energy_does_not_change_with_the_pose():
    model = some_membranes()[0]
    meshes = ElasticMeshes([model], evenness=250.0, heat=2.5)
    points = model.positions * [1, 1, 1.2]
    energy, gradient = meshes.energy_and_gradient(points)
    turn = Rotation.from_rotvec([0.3, -0.8, 1.1])
    again, turned = meshes.energy_and_gradient(turn.apply(points) + np.array([50.0, -70.0, 20.0]))
    assert again == pytest.approx(energy)
    np.testing.assert_allclose(turned, turn.apply(gradient), atol=1e-8)
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(np.cross(points, gradient).sum(axis=0), 0, atol=1e-7)


def test_evenness_costs_a_shape_nothing_and_a_sheared_mesh_something():
    points = 5 * SPHERE
    model = membrane(points, FACES, area_modulus=0.0)
    without, even = (ElasticMeshes([model], evenness=c) for c in (0.0, 250.0))

    def cost(places):
        return even.energy_and_gradient(places)[0] - without.energy_and_gradient(places)[0]

    # Inversion in a sphere around a point far outside keeps angles, to first order of the edges.
    away = points - [0, 0, 80.0]
    scale = 6400 / (away**2).sum(axis=1)
    assert (scale.min(), scale.max()) == pytest.approx(((80 / 85) ** 2, (80 / 75) ** 2), rel=0.01)
    waves = 1 + 0.02 * eval_legendre(3, SPHERE @ [0.36, 0.48, 0.8])
    x, y, z = points.T
    sheared = points + 0.02 * np.stack([y * z, z * x, x * y], axis=1)
    assert cost(points) < cost(scale[:, None] * away) < 0.01
    assert cost(waves[:, None] * points) < 0.01
    assert cost(sheared) > 100


def test_what_has_no_meaning_is_refused():
    model = some_membranes()[2]
    with pytest.raises(ValueError, match=r"^membrane: elasticity: a volume or pressure wants"):
        ElasticMeshes([membrane(model.positions, model.faces, pressure=1.0)])
