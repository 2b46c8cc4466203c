import numpy as np
import pytest

from openmm_cgpack import Periodic, Sheet, Slab, Vesicle
from openmm_cgpack.models import sphere_mesh
from openmm_cgpack.models.triangulation import area_of, edges_of, volume_of
from openmm_cgpack.testing import check_structure

SHAPES = {"vesicle": Vesicle(radius=20), "sheet": Sheet(size=(60, 50))}


@pytest.fixture(scope="module", params=SHAPES)
def built(request):
    return SHAPES[request.param], SHAPES[request.param].build()


def lengths_of(model):
    corners = model.geometry.corners(model.positions)
    return np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)


def valences_of(model):
    return np.bincount(edges_of(model.faces).ravel(), minlength=model.n_balls)


def test_meshes_are_even(built):
    structure, model = built
    lengths = lengths_of(model)
    assert lengths.mean() == pytest.approx(structure.edge, rel=0.05)
    assert lengths.std() < 0.15 * structure.edge
    assert np.isin(valences_of(model), (5, 6, 7)).mean() > 0.98


def test_balls_close_every_face(built):
    structure, model = built
    corners = model.geometry.corners(model.positions)
    # the point of a face farthest from its corners, half the thickness above it
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    top = corners.mean(axis=1) + structure.thickness / 2 * normals
    gap = np.linalg.norm(corners - top[:, None], axis=2).min(axis=1) - model.radii[0]
    assert gap.mean() < 0.05
    assert gap.max() < 0.3


def test_neighbours_do_not_push_each_other(built):
    _, model = built
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
def test_spheres_are_closed_and_face_outwards(radius):
    vertices, faces = sphere_mesh(radius, 4)
    assert len(vertices) - len(edges_of(faces)) + len(faces) == 2
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), radius)
    # of triangles inside a sphere, whose sides are edge long
    lost = (4 / radius) ** 2
    assert area_of(vertices[faces]) == pytest.approx(4 * np.pi * radius**2, rel=lost / 4)
    assert volume_of(vertices[faces]) == pytest.approx(4 / 3 * np.pi * radius**3, rel=lost / 2)
    normals = np.cross(*np.moveaxis(np.diff(vertices[faces], axis=1), 1, 0))
    assert (np.einsum("fi,fi->f", normals, vertices[faces].mean(axis=1)) > 0).all()


def test_a_vesicle_is_closed_and_has_its_constants():
    model = Vesicle(radius=20, count=3).build()
    assert model.is_closed
    # 20 kT at 300 K; 240 mN/m = 0.240 J/m² x 6.022e23 / 1e18 nm²
    assert model.elasticity.bending == pytest.approx(20 * 8.314462618e-3 * 300)
    assert model.elasticity.area_modulus == pytest.approx(144.5, rel=1e-3)
    assert model.elasticity.tension == pytest.approx(0.02 * 0.6022, rel=1e-3)
    # 750 kPa = 7.5e5 J/m³ x 6.022e23 / 1e27 nm³, in kJ
    assert model.elasticity.volume_modulus == pytest.approx(0.4517, rel=1e-3)
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
        (lambda: Vesicle(radius=20, bond_k=1.0), "bond_k: means nothing"),
        (lambda: Vesicle(radius=20, at=(0, 0, 0), count=2), "at: wanted for a count of 1"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
