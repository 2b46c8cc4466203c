"""Species from density maps."""

import dataclasses
import warnings

import mrcfile
import numpy as np
import pytest

from openmm_cgpack import DensityMap, Open, RigidTransforms, Scene, as_packed
from openmm_cgpack.core import AtomicStructure, BallModel, Grid, Volume
from openmm_cgpack.density import (
    MapSettings,
    Sampling,
    map_notes,
    particle_table,
    render_density,
    render_labels,
    species_map,
)
from openmm_cgpack.io import load_scene, save_scene, write_mrc
from openmm_cgpack.structures import load_structure

TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])


@pytest.fixture(scope="module")
def atoms():
    """Return a molecule like no mirror image or turn of it: three arms of a dense ball."""
    rng = np.random.default_rng(5)
    arms = [rng.normal(size=(n, 3)) * [0.7, 0.7, 0.7] + way for n, way in (
        (1500, (0, 0, 0)), (700, (3.0, 0, 0)), (500, (0, 2.5, 0.5)), (300, (0.3, 0.2, -3.0)),
    )]  # fmt: skip
    positions = np.concatenate(arms)
    positions -= positions.mean(axis=0)
    return AtomicStructure(
        name="atoms",
        positions=positions,
        masses=np.full(len(positions), 13.35),
        envelope_volume=60.0,
    )


def written(path, structure, *, voxel_size, resolution, origin=(5.0, -3.0, 11.0)):
    volume = species_map(structure, Sampling(voxel_size=voxel_size, resolution=resolution))
    moved = Volume(data=volume.data, voxel_size=voxel_size, origin=volume.origin + origin)
    write_mrc(path, moved, keep_origin=True)
    return path


def drawn(structure, grid, resolution):
    """Return a map of a structure turned and moved as an instance of a scene."""
    model = BallModel(
        name="one",
        positions=[[0, 0, 0]],
        radii=[structure.radius],
        masses=[5000],
        volume=60.0,
        structure=structure,
    )
    scene = Scene(
        species=(model,),
        species_index=[0],
        transforms=RigidTransforms(rotations=TURN[None], translations=[[0.7, -1.3, 0.4]]),
        boundary=Open(),
    )
    settings = MapSettings(voxel_size=grid.voxel_size, resolution=resolution)
    return render_density(as_packed(scene), settings, grid=grid).data


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


GRID = Grid(shape=(40, 40, 40), voxel_size=0.5, origin=(-10, -10, -10))


@pytest.mark.parametrize("voxel_size", [0.9, 0.5, 0.15])
def test_a_molecule_from_its_map_is_drawn_as_from_its_atoms(tmp_path, atoms, voxel_size):
    path = written(tmp_path / "one.mrc", atoms, voxel_size=voxel_size, resolution=2.0)
    found = DensityMap(file=path, resolution=2.0, volume=60.0, mass=atoms.mass / 930).read()
    assert found.mass == pytest.approx(atoms.mass)
    assert found.n_atoms == pytest.approx(len(atoms.positions), rel=0.05)
    assert found.file_origin == pytest.approx([5.0, -3.0, 11.0], abs=0.05)
    assert found.envelope_volume == pytest.approx(60.0, rel=0.02)
    for resolution, least in ((2.0, 0.99), (3.0, 0.998)):
        ours, theirs = (drawn(s, GRID, resolution) for s in (found, atoms))
        assert correlation(ours, theirs) > least
        assert ours.sum() == pytest.approx(theirs.sum(), rel=2e-3)
        # A fraction of a voxel to any side, or the mirror image, fits less.
        for shift in 0.25 * np.concatenate([np.eye(3), -np.eye(3)]):
            moved = dataclasses.replace(found, positions=found.positions + shift)
            assert correlation(drawn(moved, GRID, resolution), theirs) < correlation(ours, theirs)
        mirrored = dataclasses.replace(found, positions=found.positions * [1, 1, -1])
        assert correlation(drawn(mirrored, GRID, resolution), theirs) < 0.95


def test_no_map_is_sharper_than_the_one_that_it_is_from(tmp_path, atoms):
    path = written(tmp_path / "one.mrc", atoms, voxel_size=0.5, resolution=2.0)
    model = DensityMap(file=path, resolution=2.0, threshold=100.0).build()
    found = model.structure
    as_is, finer = (drawn(found, GRID, resolution) for resolution in (2.0, 1.0))
    assert np.abs(finer - as_is).max() < 0.01 * as_is.max()
    assert correlation(finer, drawn(atoms, GRID, 2.0)) > correlation(finer, drawn(atoms, GRID, 1.0))
    packed = as_packed(
        Scene(species=(model,), species_index=[0], transforms=RigidTransforms.identity(1))
    )
    said = "resolution: 1 nm; one, which is from a map, is drawn at the 2 nm that the map has"
    settings = MapSettings(voxel_size=0.5, resolution=1.0)
    with pytest.warns(UserWarning, match=said):
        render_density(packed, settings)
    quiet = MapSettings(voxel_size=0.5, resolution=2.0)
    assert not map_notes(packed, render_density(packed, quiet), quiet)


def test_labels_poses_and_files_are_those_of_a_molecule(tmp_path, atoms):
    path = written(tmp_path / "one.mrc", atoms, voxel_size=0.5, resolution=2.0)
    model = DensityMap(file=path, resolution=2.0, volume=60.0, name="arms").build(seed=2)
    assert (model.name, model.is_rigid) == ("arms", True)
    scene = Scene(
        species=(model,),
        species_index=[0, 0],
        transforms=RigidTransforms(
            rotations=[TURN, np.eye(3)], translations=[[0.0, 0, 0], [14.0, 0, 0]]
        ),
    )
    packed = as_packed(scene)
    labels = render_labels(packed, MapSettings(voxel_size=1.0))
    counts = np.bincount(labels.instances.data.ravel())[1:]
    assert counts == pytest.approx(60.0, rel=0.1)
    table = particle_table(packed, grid=labels.instances.grid)
    assert table.rotation[0] == pytest.approx(TURN)
    assert table.centre[1] - table.centre[0] == pytest.approx([14.0, 0, 0])
    save_scene(tmp_path / "scene.npz", scene)
    again = load_scene(tmp_path / "scene.npz").species[0].structure
    assert again.blur == model.structure.blur > 0


def test_noise_apart_from_the_molecule_is_left_out(tmp_path, atoms):
    volume = species_map(atoms, Sampling(voxel_size=0.5, resolution=2.0))
    data = np.pad(volume.data, 12)
    data[3, 3, 3] = data.max()
    write_mrc(tmp_path / "noisy.mrc", Volume(data=data, voxel_size=0.5, origin=(0, 0, 0)))
    found = DensityMap(file=tmp_path / "noisy.mrc", resolution=2.0, threshold=100.0).read()
    assert found.radius < atoms.radius + 1.0


@pytest.mark.parametrize("name", ["1bxn", "3d2f"])
def test_maps_of_another_program(shared, name):
    atoms = load_structure(shared / "pdb" / f"{name}.pdb.gz")
    file = shared / "maps" / f"{name}.mrc"
    # Their Gaussian has a sigma of about 0.6 nm.
    settings = DensityMap(file=file, resolution=0.6 * np.sqrt(12), mass=atoms.mass / 930)
    found = settings.read()
    assert found.envelope_volume == pytest.approx(317.0 if name == "1bxn" else 270.0, abs=2)
    grid = Grid(shape=(26, 26, 26), voxel_size=1.0, origin=(-13, -13, -13))
    for resolution, least in ((2.1, 0.99), (4.0, 0.999)):
        ours, theirs = (drawn(s, grid, resolution) for s in (found, atoms))
        assert correlation(ours, theirs) > least
        for shift in 0.2 * np.concatenate([np.eye(3), -np.eye(3)]):
            moved = dataclasses.replace(found, positions=found.positions + shift)
            assert correlation(drawn(moved, grid, resolution), theirs) < correlation(ours, theirs)


def test_bad_maps_are_named(tmp_path, atoms):
    path = written(tmp_path / "one.mrc", atoms, voxel_size=0.5, resolution=2.0)
    with pytest.raises(ValueError, match=r"one\.mrc: threshold: wanted one that the map reaches"):
        DensityMap(file=path, resolution=2.0, threshold=1e6).read()
    with pytest.raises(ValueError, match=r"one\.mrc: wanted 1e\+06 nm³ of density above 0, got"):
        DensityMap(file=path, resolution=2.0, volume=1e6).read()
    with pytest.raises(ValueError, match="threshold: wanted, or volume or mass in its place"):
        DensityMap(file=path, resolution=2.0)
    with pytest.raises(ValueError, match="volume: means nothing beside threshold"):
        DensityMap(file=path, resolution=2.0, threshold=1.0, volume=3.0)
    with pytest.raises(FileNotFoundError, match=r"none\.mrc"):
        DensityMap(file=tmp_path / "none.mrc", resolution=2.0, threshold=1.0).read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mrcfile.new(tmp_path / "bare.mrc") as file:
            file.set_data(np.ones((4, 4, 4), np.float32))
            file.voxel_size = 0
        with mrcfile.new(tmp_path / "complex.mrc") as file:
            file.set_data(np.ones((4, 4, 4), np.complex64))
        with mrcfile.new(tmp_path / "nan.mrc") as file:
            file.set_data(np.full((4, 4, 4), np.nan, np.float32))
            file.voxel_size = 2.0
    for name, said in {
        "bare": "no voxel size in its header: wanted voxel_size",
        "complex": "wanted numbers of mode",
        "nan": "wanted finite numbers, got nan",
    }.items():
        with pytest.raises(ValueError, match=rf"{name}\.mrc: {said}"):
            DensityMap(file=tmp_path / f"{name}.mrc", resolution=2.0, threshold=0.5).read()
    given = DensityMap(
        file=tmp_path / "bare.mrc", resolution=2.0, threshold=0.5, voxel_size=0.5
    ).read()
    assert given.envelope_volume == pytest.approx(8.0)
    header = bytearray((tmp_path / "nan.mrc").read_bytes()[:1024])
    header[:12] = np.array([3000, 3000, 3000], "<i4").tobytes()
    header[28:40] = header[:12]
    (tmp_path / "huge.mrc").write_bytes(bytes(header))
    with pytest.raises(ValueError, match=r"huge\.mrc: wanted at most .* voxels, got 3000 x 3000"):
        DensityMap(file=tmp_path / "huge.mrc", resolution=2.0, threshold=0.5).read()
