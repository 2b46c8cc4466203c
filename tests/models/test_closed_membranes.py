import numpy as np
import pytest

from openmm_cgpack import Ellipsoid, Periodic, Sheet, Slab, Tube, Vesicle
from openmm_cgpack.models import sphere_mesh
from openmm_cgpack.models.triangulation import area_of, edges_of, volume_of
from openmm_cgpack.testing import check_structure

SHAPES = {
    "vesicle": Vesicle(radius=20),
    "ellipsoid": Ellipsoid(radii=(24, 16, 12)),
    "tube": Tube(radius=10, length=36),
    "endless tube": Tube(radius=10, length=50, spans="y"),
    "sheet": Sheet(size=(60, 50)),
}
AREAS = {
    "vesicle": 4 * np.pi * 20**2,
    "tube": 2 * np.pi * 10 * 36,
    "endless tube": 2 * np.pi * 10 * 50,
    "sheet": 60 * 50,
}
VOLUMES = {
    "vesicle": 4 / 3 * np.pi * 20**3,
    "ellipsoid": 4 / 3 * np.pi * 24 * 16 * 12,
    "tube": np.pi * 10**2 * 16 + 4 / 3 * np.pi * 10**3,
}


@pytest.fixture(scope="module", params=SHAPES)
def built(request):
    structure = SHAPES[request.param]
    return structure, structure.build(), request.param


def lengths_of(model):
    corners = model.geometry.corners(model.positions)
    return np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)


def valences_of(model):
    return np.bincount(edges_of(model.faces).ravel(), minlength=model.n_balls)


def test_meshes_are_even(built):
    structure, model, _ = built
    lengths = lengths_of(model)
    assert lengths.mean() == pytest.approx(structure.edge, rel=0.05)
    assert lengths.std() < 0.15 * structure.edge
    assert np.isin(valences_of(model), (5, 6, 7)).all()


def test_areas_and_volumes_are_those_of_the_shape(built):
    structure, model, shape = built
    corners = model.geometry.corners(model.positions)
    # of triangles inside a surface of radius 10 to 20, whose sides are 4 long
    area = area_of(corners)
    assert area == pytest.approx(AREAS.get(shape, area_of_ellipsoid(24, 16, 12)), rel=0.035)
    assert model.volume == pytest.approx(area * structure.thickness)
    assert model.is_closed == (shape in VOLUMES)
    # a closed surface of genus 0; a torus where it goes on through the box
    n_edges = len(edges_of(model.faces))
    assert model.n_balls - n_edges + len(model.faces) == (2 if model.is_closed else 0)
    if model.is_closed:
        assert model.elasticity.volume == pytest.approx(volume_of(corners))
        assert volume_of(corners) == pytest.approx(VOLUMES[shape], rel=0.06)
    else:
        assert model.elasticity.volume is None


def area_of_ellipsoid(a, b, c):
    """Return the area by quadrature over the unit sphere."""
    z, weight = np.polynomial.legendre.leggauss(60)
    angle = (np.arange(120) + 0.5) * np.pi / 60
    x, y = np.sqrt(1 - z**2)[:, None] * np.stack([np.cos(angle), np.sin(angle)])[:, None]
    stretch = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z[:, None] / c) ** 2)
    return a * b * c * np.pi / 60 * (weight @ stretch).sum()


def test_balls_lie_on_the_shape():
    x, y, z = (SHAPES["ellipsoid"].mesh()[0] / (24, 16, 12)).T
    np.testing.assert_allclose(x**2 + y**2 + z**2, 1, atol=1e-9)
    vertices = SHAPES["tube"].mesh()[0]
    beyond = np.abs(vertices[:, 2]) - 8
    from_axis = np.hypot(np.hypot(*vertices[:, :2].T), beyond.clip(min=0))
    np.testing.assert_allclose(from_axis, 10, atol=1e-9)
    vertices, _, period = SHAPES["endless tube"].mesh()
    np.testing.assert_allclose(np.hypot(vertices[:, 0], vertices[:, 2]), 10)
    assert period.tolist() == [0, 50, 0]


@pytest.mark.parametrize("shape", ["vesicle", "endless tube"])
def test_faces_are_counterclockwise_from_outside(shape):
    model = SHAPES[shape].build()
    corners = model.geometry.corners(model.positions)
    out = corners.mean(axis=1) * (model.geometry.period == 0)
    normals = np.cross(*np.moveaxis(np.diff(corners, axis=1), 1, 0))
    assert (np.einsum("fi,fi->f", normals, out) > 0).all()


def test_balls_close_every_face(built):
    structure, model, _ = built
    corners = model.geometry.corners(model.positions)
    # the point of a face farthest from its corners, half the thickness above it
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    top = corners.mean(axis=1) + structure.thickness / 2 * normals
    gap = np.linalg.norm(corners - top[:, None], axis=2).min(axis=1) - model.radii[0]
    assert gap.mean() < 0.05
    assert gap.max() < 0.4


def test_neighbours_do_not_push_each_other(built):
    _, model, _ = built
    near = {tuple(pair) for pair in model.exclusions.tolist()}
    assert {tuple(pair) for pair in edges_of(model.faces).tolist()} <= near
    offset = model.positions[:, None] - model.positions
    period = model.geometry.period
    offset -= period * np.rint(offset / np.where(period > 0, period, np.inf))
    touching = np.linalg.norm(offset, axis=2) < 2 * model.radii[0]
    assert {tuple(p) for p in np.argwhere(np.triu(touching, 1)).tolist()} <= near


def test_kinds_keep_the_contract(built):
    check_structure(built[0])


@pytest.mark.parametrize("radius", [10, 25, 40])
def test_spheres_are_as_exact_as_their_triangles(radius):
    vertices, faces = sphere_mesh(radius, 4)
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), radius)
    # of triangles inside a sphere, whose sides are edge long
    lost = (4 / radius) ** 2
    assert area_of(vertices[faces]) == pytest.approx(4 * np.pi * radius**2, rel=lost / 4)
    assert volume_of(vertices[faces]) == pytest.approx(4 / 3 * np.pi * radius**3, rel=lost / 2)


def test_a_vesicle_is_closed_and_has_its_constants():
    model = Vesicle(radius=20, count=3).build()
    assert model.is_closed
    # 20 kT at 300 K; 240 mN/m = 0.240 J/m² x 6.022e23 / 1e18 nm²
    assert model.elasticity.bending == pytest.approx(20 * 8.314462618e-3 * 300)
    assert model.elasticity.area_modulus == pytest.approx(144.5, rel=1e-3)
    assert model.elasticity.tension == pytest.approx(0.02 * 0.6022, rel=1e-3)
    # 7500 kPa = 7.5e6 J/m³ x 6.022e23 / 1e27 nm³, in kJ
    assert model.elasticity.volume_modulus == pytest.approx(4.517, rel=1e-3)
    assert model.elasticity.volume == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.02)
    assert Vesicle(radius=20, volume_modulus_kpa=0).build().elasticity.volume is None


def test_a_sheet_takes_the_edges_of_the_box():
    sheet = Sheet(height=7.0).spanning(Slab(box=(80, 60, 50)))
    model = sheet.build()
    assert sheet.size == (80, 60)
    assert model.geometry.period.tolist() == [80, 60, 0]
    assert not model.is_closed
    corners = model.geometry.corners(model.positions)
    assert area_of(corners) == pytest.approx(80 * 60)
    assert (np.cross(*np.moveaxis(np.diff(corners, axis=1), 1, 0))[:, 2] > 0).all()
    assert model.volume == pytest.approx(80 * 60 * 4)
    assert (valences_of(model) == 6).all()
    assert sheet.fixed_centre.tolist() == [0, 0, 7]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sheet().build(), "sheet: size: wanted, as there is no box that it spans"),
        (
            lambda: Sheet(size=(50, 60)).spanning(Periodic(box=60)),
            "sheet: size: wanted that of the box, 60 x 60 nm, got 50 x 60",
        ),
        (lambda: Sheet(count=2), "count: wanted 1, as a sheet has one height"),
        (lambda: Sheet(at=(0, 0, 1)), "at: means nothing for a sheet"),
        (lambda: Sheet(size=(10, 80)).build(), "edge: wanted at most a quarter of 10 nm, got 4"),
        (lambda: Vesicle(radius=7), "radius: wanted at least twice the edge, 8 nm, got 7"),
        (lambda: Ellipsoid(radii=(20, 7, 20)), "radii: wanted at least twice the edge"),
        (lambda: Vesicle(radius=5000), "edge: wanted at least 19 nm, with which 3.14159e.08 nm²"),
        (
            lambda: Sheet(height=40).spanning(Slab(box=80)),
            "sheet: height: wanted one in the box, within 40 nm of its middle, got 40",
        ),
        (lambda: Tube(radius=10), "length: is missing; only a tube that spans a box"),
        (lambda: Tube(radius=10, length=19), "length: wanted at least both caps, 20 nm, got 19"),
        (lambda: Tube(radius=10, spans="z").build(), "tube: length: wanted, as there is no box"),
        (
            lambda: Tube(radius=10, spans="z").spanning(Slab(box=60)),
            "tube: wanted a box that repeats along z, got Slab",
        ),
        (lambda: Tube(radius=10, spans="x", pressure_kpa=1.0), "pressure_kpa: means nothing for"),
        (lambda: Vesicle(radius=20, bond_k=1.0), "bond_k: means nothing"),
        (lambda: Vesicle(radius=20, at=(0, 0, 0), count=2), "at: wanted for a count of 1"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
