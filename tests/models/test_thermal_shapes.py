import numpy as np
import pytest
from scipy.special import factorial, lpmv

from openmm_cgpack import Ellipsoid, Sheet, Tube, Vesicle
from openmm_cgpack.core.mesh_elasticity import ElasticMeshes
from openmm_cgpack.models.triangulation import area_of, volume_of

KT = 8.31446261815324e-3 * 300
DRAWS = 25


def draws(structure, model, count=DRAWS):
    return [structure.start_shape(model, seed=seed) for seed in range(count)]


def harmonic(degree, m, z, phi):
    """Return a real spherical harmonic whose square has the mean 1/(4 pi)."""
    k = abs(m)
    norm = (2 * degree + 1) / (4 * np.pi) * factorial(degree - k) / factorial(degree + k)
    turn = np.sqrt(2) * (np.cos(k * phi) if m > 0 else np.sin(k * phi)) if m else 1.0
    return np.sqrt(norm) * lpmv(k, degree, z) * turn


def test_waves_of_a_vesicle_are_helfrichs():
    radius, vesicle = 20.0, Vesicle(radius=20, tension_mn_per_m=0.2)
    model = vesicle.build()
    x, y, z = model.positions.T / radius
    order = [(degree, m) for degree in range(8) for m in range(-degree, degree + 1)]
    real = [harmonic(degree, m, z, np.arctan2(y, x)) for degree, m in order]
    relative = np.array([np.linalg.norm(b, axis=1) for b in draws(vesicle, model)]).T / radius - 1
    squares = (np.linalg.lstsq(np.array(real).T, relative, rcond=None)[0] ** 2).mean(axis=1)
    sigma = 0.2 * 0.602214076 * radius**2 / (20 * KT)
    ratios = []
    for degree in range(2, 6):
        exact = 1 / (20 * (degree - 1) * (degree + 2) * (degree * (degree + 1) + sigma))
        measured = np.mean([s for s, (of, _) in zip(squares, order, strict=True) if of == degree])
        ratios.append(measured / exact)
        # four standard errors of a variance, and what the mesh does
        assert measured == pytest.approx(exact, rel=4 * np.sqrt(2 / DRAWS / (2 * degree + 1)))
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)
    # not moved as a whole
    assert squares[1:4].max() < 1e-3 * squares[4]


def test_waves_of_a_sheet_are_helfrichs():
    size, kappa, sigma = (80.0, 70.0), 20 * KT, 0.5 * 0.602214076
    sheet = Sheet(size=size, tension_mn_per_m=0.5)
    model = sheet.build()
    heights = np.array(draws(sheet, model))[:, :, 2]
    assert np.abs(heights.mean(axis=1)).max() < 1e-9
    ratios = []
    for wave in [(1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2), (2, 1), (1, 2), (3, 0), (2, -2)]:
        q = 2 * np.pi * np.array(wave) / size
        modes = heights @ np.exp(-1j * (model.positions[:, :2] @ q)) / model.n_balls
        q2 = q @ q
        exact = KT / (np.prod(size) * (kappa * q2**2 + sigma * q2))
        ratios.append((np.abs(modes) ** 2).mean() / exact)
    assert np.mean(ratios) == pytest.approx(1, abs=0.2)
    assert max(ratios) < 2
    assert min(ratios) > 0.4


@pytest.mark.parametrize(
    "structure",
    [
        Vesicle(radius=20),
        Ellipsoid(radii=(24, 16, 12)),
        Tube(radius=9, length=36),
        Tube(radius=10, length=60, spans="x"),
        Sheet(size=(60, 50)),
    ],
    ids=lambda structure: structure.kind,
)
def test_shapes_have_the_rest_area_and_volume_on_average(structure):
    model = structure.build()
    corners = [model.geometry.corners(balls) for balls in draws(structure, model, 6)]
    areas = np.array([area_of(c) for c in corners])
    assert areas.mean() == pytest.approx(model.elasticity.area, rel=0.005)
    assert areas.std() < 0.005 * areas.mean()
    even = area_of(model.geometry.corners(model.positions))
    assert 0.008 < model.elasticity.area / even - 1 < 0.02
    if model.is_closed:
        np.testing.assert_allclose([volume_of(c) for c in corners], model.elasticity.volume)


def test_one_seed_is_one_shape():
    vesicle = Vesicle(radius=15)
    model = vesicle.build()
    first, again, other = (vesicle.start_shape(model, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_soft_membranes_do_not_meet_themselves():
    structure = Tube(radius=9, length=30, bending_modulus_kt=0.05, tension_mn_per_m=0)
    model = structure.build()
    balls = structure.start_shape(model, seed=3)
    near = np.linalg.norm(balls[:, None] - balls, axis=2) < 2 * model.radii[0]
    pairs = {tuple(p) for p in np.argwhere(np.triu(near, 1)).tolist()}
    assert pairs <= {tuple(p) for p in model.exclusions.tolist()}
    # but it is far from even
    assert np.linalg.norm(balls - model.positions, axis=1).max() > 0.5


@pytest.mark.parametrize(
    "structure", [Vesicle(radius=20), Sheet(size=(60, 60))], ids=lambda structure: structure.kind
)
def test_every_wave_has_its_thermal_energy(structure):
    """The energy whose gradient moves membranes gives half a kT to each vertex' wave."""
    model = structure.build()
    meshes = ElasticMeshes([model])
    even = meshes.bending_energies(model.positions).sum()
    drawn = [meshes.bending_energies(balls).sum() for balls in draws(structure, model, 6)]
    assert (np.mean(drawn) - even) / KT / model.n_balls == pytest.approx(0.5, abs=0.1)
