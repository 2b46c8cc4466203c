"""Maps: mass, place, sense, accuracy."""

import dataclasses

import numpy as np
import pytest
from drawing import (
    correlation,
    exact_map,
    make_filament,
    make_membrane,
    make_molecule,
    make_packed,
    make_structure,
    turns,
)
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import AtomicStructure, Grid
from openmm_cgpack.density import (
    MapSettings,
    Sampling,
    bounding_grid,
    box_grid,
    gaussian_sigma,
    particle_table,
    render_density,
    species_map,
)
from openmm_cgpack.io import read_particles, write_particles

STRUCTURE = make_structure()
MOLECULE = make_molecule(STRUCTURE)


def relative_error(got, exact):
    return float(np.sqrt(((got - exact) ** 2).sum() / (exact**2).sum()))


@pytest.mark.parametrize("voxel_size", [0.5, 1.0, 1.3])
@pytest.mark.parametrize("convention", ["situs", "molmap", "fwhm"])
def test_integral_of_a_species_map_is_the_mass(voxel_size, convention):
    volume = species_map(STRUCTURE, Sampling(voxel_size=voxel_size, convention=convention))
    integral = volume.data.sum(dtype=float) * voxel_size**3
    assert integral == pytest.approx(STRUCTURE.mass, rel=1e-5)
    index = volume.origin / voxel_size
    assert index == pytest.approx(np.rint(index), abs=1e-9)


@pytest.mark.parametrize(
    ("voxel_size", "resolution", "most"), [(1.0, 4.0, 2e-3), (0.5, 4.0, 2e-3), (1.0, 2.5, 5e-3)]
)
def test_a_species_map_is_a_sum_of_gaussians(voxel_size, resolution, most):
    volume = species_map(STRUCTURE, Sampling(voxel_size=voxel_size, resolution=resolution))
    exact = exact_map(
        STRUCTURE.positions, STRUCTURE.masses, gaussian_sigma(resolution), volume.grid
    )
    assert relative_error(volume.data, exact) < most


def test_points_that_stand_for_atoms_have_their_variance_put_back():
    rng = np.random.default_rng(5)
    scatter = rng.normal(size=(200, 30, 3)) * 0.25
    scatter -= scatter.mean(axis=1, keepdims=True)
    centres = make_structure(n=200).positions
    atoms = (centres[:, None] + scatter).reshape(-1, 3)
    whole = AtomicStructure(name="atoms", positions=atoms, masses=np.full(6000, 13.0))
    reduced = AtomicStructure(
        name="points",
        positions=centres,
        masses=np.full(200, 390.0),
        atoms=np.full(200, 30),
        point_variance=scatter.var(),
    )
    grid = box_grid(26.0)
    maps = [
        render_density(make_packed([(make_molecule(s), np.eye(3), np.zeros(3))]), grid=grid).data
        for s in (whole, reduced, dataclasses.replace(reduced, point_variance=0.0))
    ]
    assert relative_error(maps[1], maps[0]) < 0.005
    assert relative_error(maps[2], maps[0]) > 0.02


def test_a_map_at_a_pose_is_a_sum_of_gaussians_at_that_pose():
    for turn, shift in zip(turns(3), [[0.3, -1.2, 4.7], [2.5, 0.5, 0.1], [-3, 1, 2]], strict=True):
        packed = make_packed([(MOLECULE, turn, shift)])
        volume = render_density(packed)
        exact = exact_map(
            STRUCTURE.positions @ turn.T + shift,
            STRUCTURE.masses,
            gaussian_sigma(4.0),
            volume.grid,
        )
        assert relative_error(volume.data, exact) < 0.003


def test_a_voxel_s_place_and_sense():
    # Three unequal masses at lattice points far apart: each peaks at its own [k, j, i].
    atoms = np.array([[10.0, 0, 0], [0, 20.0, 0], [0, 0, 30.0], [0, 0, 0]])
    masses = np.array([100.0, 200.0, 300.0, 50.0])
    body = AtomicStructure(name="cross", positions=atoms, masses=masses)
    volume = species_map(body)
    i0, j0, k0 = np.rint(-volume.origin).astype(int)
    assert volume.data[k0, j0, i0 + 10] == pytest.approx(2 * volume.data[k0, j0, i0], rel=1e-3)
    assert volume.data[k0, j0 + 20, i0] == pytest.approx(4 * volume.data[k0, j0, i0], rel=1e-3)
    assert volume.data[k0 + 30, j0, i0] == pytest.approx(6 * volume.data[k0, j0, i0], rel=1e-3)
    peak = 50 / (np.sqrt(2 * np.pi) * gaussian_sigma(4.0)) ** 3
    assert volume.data[k0, j0, i0] == pytest.approx(peak, rel=0.02)
    # A quarter turn about z takes x to y, and the translation is where the origin goes.
    quarter = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    grid = Grid(shape=(64, 64, 64), voxel_size=1.0, origin=np.array([-30.0, -30, -30]))
    data = render_density(make_packed([(make_molecule(body), quarter, [5, 6, 2])]), grid=grid).data
    k, j, i = np.array([2, 6, 5]) + 30
    assert data[k, j + 10, i] == pytest.approx(2 * data[k, j, i], rel=1e-3)
    assert data[k, j, i - 20] == pytest.approx(4 * data[k, j, i], rel=1e-3)
    assert data[k + 30, j, i] == pytest.approx(6 * data[k, j, i], rel=1e-3)


def test_unit_centre_amplitude():
    atom = AtomicStructure(name="atom", positions=np.zeros((1, 3)), masses=[12.0])
    volume = species_map(atom, Sampling(resolution=8.0), amplitude="unit-centre")
    assert volume.data.max() == pytest.approx(12.0, rel=0.01)
    with pytest.raises(ValueError, match="amplitude: wanted 'mass' or 'unit-centre', got 'one'"):
        species_map(atom, amplitude="one")


def test_add_conserves_mass_and_max_takes_the_larger():
    a, b = (0, 0, 0), (3.0, 0.5, -1.0)
    r, s = turns(2, seed=8)
    grid = box_grid(40.0)
    alone = [
        render_density(make_packed([(MOLECULE, turn, shift)]), grid=grid).data
        for turn, shift in ((r, a), (s, b))
    ]
    both = make_packed([(MOLECULE, r, a), (MOLECULE, s, b)])
    added = render_density(both, MapSettings(merge="add"), grid=grid)
    assert added.data == pytest.approx(alone[0] + alone[1], abs=1e-3)
    assert added.data.sum(dtype=float) == pytest.approx(2 * STRUCTURE.mass, rel=1e-5)
    larger = render_density(both, MapSettings(merge="max"), grid=grid)
    assert larger.data == pytest.approx(np.maximum(*alone), abs=1e-3)
    with pytest.raises(ValueError, match='merge: wanted "add" or "max", got "sum"'):
        MapSettings(merge="sum")


def test_what_reaches_over_the_edge_is_cut():
    packed = make_packed(
        [
            (MOLECULE, np.eye(3), [0, 0, 0]),
            (MOLECULE, turns(1)[0], [9, 0, 3]),
            (make_filament(30), np.eye(3), [0, 4, 0]),
            (make_membrane(12, 12), turns(1, seed=5)[0], [0, 0, 0]),
        ]
    )
    whole = render_density(packed)
    small = Grid(shape=(12, 14, 10), voxel_size=1.0, origin=np.array([-3.0, -6.0, -5.0]))
    part = render_density(packed, grid=small)
    i, j, k = np.rint(small.origin - whole.origin).astype(int)
    wanted = whole.data[k : k + 12, j : j + 14, i : i + 10]
    assert part.data == pytest.approx(wanted, rel=1e-4, abs=1e-3)
    far = Grid(shape=(4, 4, 4), voxel_size=1.0, origin=np.array([500.0, 0, 0]))
    assert not render_density(packed, grid=far).data.any()


def test_deformables_are_drawn_where_their_balls_ended():
    model = make_filament(6)
    start = make_packed([(model, np.eye(3), np.zeros(3))])
    moved = start.scene.positions + np.array([0.0, 12.0, 0.0])
    volume = render_density(make_packed([(model, np.eye(3), np.zeros(3))], positions=moved))
    assert volume.data.sum(dtype=float) == pytest.approx(800 * model.volume, rel=1e-5)
    z, y, x = np.indices(volume.data.shape)
    weight = volume.data / volume.data.sum(dtype=float)
    centre = volume.origin + [(weight * axis).sum(dtype=float) for axis in (x, y, z)]
    assert centre == pytest.approx([0, 12, 0], abs=1e-3)
    middle = np.rint([0, 12, 0] - volume.origin).astype(int)
    # In the middle of a tube of radius r: 1 - exp(-r^2 / 2 sigma^2) of its density.
    share = 1 - np.exp(-(2.0**2) / (2 * gaussian_sigma(4.0) ** 2))
    assert volume.data[tuple(middle[::-1])] == pytest.approx(800 * share, rel=0.01)


def test_beads_weigh_what_their_spheres_do():
    model = make_filament(4)
    packed = make_packed([(model, np.eye(3), np.zeros(3))])
    beads = render_density(packed, MapSettings(deformables="balls"))
    assert beads.data.sum(dtype=float) == pytest.approx(800 * 4 * 4 / 3 * np.pi * 8, rel=1e-5)


def place(volume, turn, centre, shape, voxel_size=1.0):
    """Place a species' map by a pose in the files' frame, by scipy's trilinear interpolation."""
    # Output voxel o, body point R^T (o s - centre), voxel of the map: (that - origin) / s.
    matrix = turn.T[::-1, ::-1]
    offset = (-(turn.T @ centre) - volume.origin)[::-1] / voxel_size
    return affine_transform(volume.data, matrix, offset, output_shape=shape, order=1)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Scenes of one molecule each, their grids, and the poses read back from their files."""
    shifts = np.random.default_rng(2).uniform(-8, 8, (4, 3))
    folder = tmp_path_factory.mktemp("particles")
    cases = []
    for number, (turn, shift) in enumerate(zip(turns(4, seed=1), shifts, strict=True)):
        packed = make_packed([(MOLECULE, turn, shift)])
        volume = render_density(packed, grid=box_grid((40, 44, 48), centre=(0, 0, 0)))
        path = folder / f"{number}.csv"
        write_particles(path, particle_table(packed, grid=volume.grid))
        cases.append((volume.data, read_particles(path)))
    return cases


def test_a_species_map_placed_by_its_written_pose_is_the_scene(written):
    volume = species_map(STRUCTURE)
    for scene, table in written:
        again = place(volume, table.rotation[0], table.centre[0], scene.shape)
        region = (scene > 0.01 * scene.max()) | (again > 0.01 * scene.max())
        assert correlation(scene[region], again[region]) > 0.99


def test_a_mirrored_or_transposed_world_does_not_pass(written):
    volume = species_map(STRUCTURE)
    # The same map with its body's x axis mirrored, still centred on the body's origin.
    mirror = dataclasses.replace(STRUCTURE, positions=STRUCTURE.positions * np.array([-1.0, 1, 1]))
    wrong = species_map(mirror)
    for scene, table in written:
        turn, centre = table.rotation[0], table.centre[0]
        worlds = {
            "mirrored": place(wrong, turn, centre, scene.shape),
            "turned back": place(volume, turn.T, centre, scene.shape),
            "axes swapped": place(volume, turn, centre, scene.shape[::-1]).T,
            "shifted by a voxel": place(volume, turn, centre + 1.0, scene.shape),
        }
        for name, again in worlds.items():
            region = (scene > 0.01 * scene.max()) | (again > 0.01 * scene.max())
            assert correlation(scene[region], again[region]) < 0.97, name


def test_grids():
    packed = make_packed([(MOLECULE, np.eye(3), [3.3, 1.1, -2.7])])
    grid = bounding_grid(packed, voxel_size=0.7, margin=2.0)
    assert all(n % 2 == 0 for n in grid.shape)
    assert grid.origin / 0.7 == pytest.approx(np.rint(grid.origin / 0.7))
    reach = packed.scene.radii[:, None] + 2.0
    assert (grid.origin <= (packed.positions - reach).min(axis=0)).all()
    last = grid.origin + (np.array(grid.shape[::-1]) - 1) * 0.7
    assert (last >= (packed.positions + reach).max(axis=0)).all()
    box = box_grid((30, 20, 11), voxel_size=0.5, centre=(1.0, 2.0, 3.0))
    assert box.shape == (22, 40, 60)
    assert box.to_voxels(np.array([[1.0, 2.0, 3.0]]))[0].tolist() == [30, 20, 11]
    with pytest.raises(ValueError, match="size: wanted a positive number, got -1"):
        box_grid((3, -1, 3))


def test_progress_changes_nothing():
    packed = make_packed([(MOLECULE, np.eye(3), np.zeros(3))])
    quiet, shown = (render_density(packed, progress=progress) for progress in (False, True))
    assert (quiet.data == shown.data).all()
