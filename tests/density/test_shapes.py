"""Tubes and sheets: mass, volume, where they are."""

import numpy as np
import pytest
from drawing import make_faces, make_filament, make_membrane

from openmm_cgpack.core import Curve, Mesh
from openmm_cgpack.density import MapSettings, painter_of
from openmm_cgpack.density.points import shape_points


def drawn(geometry, balls, *, spacing):
    points = painter_of(geometry).points(geometry, balls, spacing=spacing)
    return points.positions, points.masses


def arc(n, bend, step=4.0):
    """Return balls `step` of arc apart on a circle of radius `bend`, tilted out of all planes."""
    angle = step / bend * np.arange(n)
    plane = np.array([[0.6, 0.0, 0.8], [0.64, 0.6, -0.48]])
    return bend * (np.stack([np.cos(angle), np.sin(angle)], axis=1) @ plane)


def test_a_tube_on_an_arc_has_its_length_and_stays_on_it():
    bend, n, radius, density = 20.0, 16, 2.0, 813.0
    curve = Curve(balls=np.arange(n), radius=radius, density=density)
    positions, masses = drawn(curve, arc(n, bend), spacing=0.5)
    length = 4.0 * (n - 1) + 2 * radius
    # Natural ends are a little straighter than the circle.
    assert masses.sum() == pytest.approx(density * np.pi * radius**2 * length, rel=2e-3)
    plane = np.array([[0.6, 0.0, 0.8], [0.64, 0.6, -0.48]])
    flat = positions @ plane.T
    angle = np.arctan2(*flat.T[::-1]) % (2 * np.pi)
    inner = (angle > 8 / bend) & (angle < 4.0 * (n - 3) / bend)
    height = positions @ np.cross(*plane)
    off = np.hypot(np.hypot(*flat.T) - bend, height)[inner]
    assert off.max() < radius
    # The density is even although the inner side of the bend is shorter.
    # Even density with Pappus' volume element 1 + x / R puts the centroid r^2 / (4 R) outwards.
    outwards = np.average(np.hypot(*flat.T)[inner] - bend, weights=masses[inner])
    assert outwards == pytest.approx(radius**2 / (4 * bend), rel=0.05)


def test_a_tube_goes_through_its_balls_and_ends_flat_a_radius_beyond():
    model = make_filament(5, radius=2.0, density=700.0)
    points = shape_points(model, model.positions, spacing=0.4)
    x, y, z = points.positions.T
    assert x.min() == pytest.approx(-10, abs=0.4)
    assert x.max() == pytest.approx(10, abs=0.4)
    assert np.hypot(y, z).max() < 2.0
    assert points.masses.sum() == pytest.approx(700 * model.volume, rel=1e-9)
    assert points.masses @ y**2 / points.masses.sum() == pytest.approx(2.0**2 / 4, rel=1e-3)


def test_a_curve_needs_two_balls():
    curve = Curve(balls=[0], radius=1.0, density=1.0)
    with pytest.raises(ValueError, match="two balls or more, got 1"):
        drawn(curve, np.zeros((1, 3)), spacing=0.5)


def test_a_flat_sheet_has_its_mass_whether_as_a_bilayer_or_filled_for_masks():
    model = make_membrane(4, 5, step=8.0, thickness=4.0, density=602.0)
    for filled, reach in ((False, 2.85), (True, 2.0)):
        points = shape_points(model, model.positions, spacing=0.25, filled=filled)
        assert points.masses.sum() == pytest.approx(602 * model.volume, rel=1e-9)
        z = points.positions[:, 2]
        assert np.abs(z).max() == pytest.approx(reach, abs=0.15)
    mass, _ = np.histogram(z, np.linspace(-2, 2, 9), weights=points.masses)
    assert mass == pytest.approx(np.full(8, mass.mean()), rel=1e-6)


def cylinder(bend=30.0, m=6, n=7, step=8.0):
    """Return a patch of a cylinder about x as m rows of n balls, and its opening angle."""
    row, column = np.divmod(np.arange(m * n), n)
    angle = row * step / bend
    balls = np.stack([column * step, -bend * np.cos(angle), bend * np.sin(angle)], axis=1)
    return balls, (m - 1) * step / bend


def test_a_sheet_on_a_cylinder_follows_it():
    bend, m, n, step = 30.0, 6, 7, 8.0
    balls, angle = cylinder(bend, m, n, step)
    mesh = Mesh(faces=make_faces(m, n), thickness=4.0, density=600.0)
    positions, masses = drawn(mesh, balls, spacing=0.5)
    area = bend * angle * (n - 1) * step
    assert masses.sum() == pytest.approx(600 * 4.0 * area, rel=5e-3)
    corners = balls[mesh.faces]
    facets = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    faceted = np.linalg.norm(facets, axis=1).sum() / 2
    assert abs(masses.sum() / 2400 - area) < 0.6 * abs(faceted - area)
    # Away from the edges, where the normals are those of the cylinder.
    around = np.arctan2(positions[:, 2], -positions[:, 1])
    inner = (around > step / bend) & (around < angle - step / bend)
    inner &= (positions[:, 0] > step) & (positions[:, 0] < (n - 2) * step)
    depth = np.hypot(positions[inner, 1], positions[inner, 2]) - bend
    assert -3.1 < depth.min() < -2.4
    assert 2.4 < depth.max() < 3.1


def test_the_sense_of_the_faces_does_not_matter_to_a_symmetric_bilayer():
    balls, _ = cylinder()
    faces = make_faces(6, 7)
    one, mass = drawn(Mesh(faces=faces, thickness=4.0, density=1.0), balls, spacing=1.0)
    other, same = drawn(Mesh(faces=faces[:, ::-1], thickness=4.0, density=1.0), balls, spacing=1.0)
    assert mass.sum() == pytest.approx(same.sum())
    assert mass @ one / mass.sum() == pytest.approx(same @ other / same.sum(), abs=1e-9)


def test_balls_are_solid_spheres_of_the_geometry_s_density():
    model = make_filament(3, radius=2.0, density=500.0)
    points = shape_points(model, model.positions, spacing=0.2, deformables="balls")
    assert points.masses.sum() == pytest.approx(500 * 3 * 4 / 3 * np.pi * 2.0**3)
    one = points.positions[np.abs(points.positions[:, 0]) < 1.9]
    assert np.linalg.norm(one, axis=1).max() <= 2.0
    # Mean square radius of a solid sphere, 3/5 r^2, along one axis.
    sphere = points.positions[len(points.positions) // 3 : 2 * len(points.positions) // 3]
    assert sphere.var(axis=0) == pytest.approx(np.full(3, 2.0**2 / 5), rel=0.02)


def test_what_cannot_be_drawn_is_named(molecule_without_density):
    model = molecule_without_density
    with pytest.raises(ValueError, match="bare: wanted a structure or a geometry"):
        shape_points(model, model.positions, spacing=1.0)
    with pytest.raises(
        ValueError, match='deformables: wanted "smooth" or "even" or "balls", got "beads"'
    ):
        MapSettings(deformables="beads")


@pytest.fixture
def molecule_without_density():
    from openmm_cgpack.core import BallModel

    return BallModel(name="bare", positions=np.zeros((1, 3)), radii=[1.0], masses=[1.0], volume=4.0)
