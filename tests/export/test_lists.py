"""Dynamo, the CryoET Data Portal and SHREC, read back as their users do."""

import json

import numpy as np
import pytest
import world
from scipy.spatial.transform import Rotation

from openmm_cgpack.export import Dynamo, Portal, export_truth
from openmm_cgpack.export.dynamo import dynamo_angles
from openmm_cgpack.export.shrec import shrec_angles
from openmm_cgpack.io.shared_folders import things

VOXEL = 10 * world.GRID.voxel_size
NAMES = list(world.STRUCTURES)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    return export_truth(
        world.molecules()[1],
        folder,
        ["dynamo", "portal", "shrec"],
        tilts=world.tilt_series(),
    )


def dynamo_poses(folder):
    table = np.loadtxt(folder / "world.tbl", ndmin=2)
    species = [NAMES[int(number) - 1] for number in table[:, 21]]
    turn = Rotation.from_euler("zxz", table[:, 6:9], degrees=True).inv().as_matrix()
    return list(zip(species, VOXEL * (table[:, 23:26] + table[:, 3:6]), turn, strict=True))


def portal_poses(folder):
    poses = []
    for species, name in zip(NAMES, ("one-A", "two-of-them"), strict=True):
        for line in (folder / f"{name}_orientedpoint.ndjson").read_text().splitlines():
            record = json.loads(line)
            place = [record["location"][axis] * VOXEL for axis in "xyz"]
            poses.append((species, place, np.array(record["xyz_rotation_matrix"])))
    return poses


def shrec_poses(folder, file="particle_locations.txt", number=int):
    poses = []
    for line in (folder / file).read_text().splitlines():
        name, *numbers = line.split()
        species = {"one-A": "one_A", "two-of-them": "two of them"}[name]
        place, angles = np.array([number(n) for n in numbers[:3]]), np.array(numbers[3:], float)
        turn = Rotation.from_euler("ZXZ", angles, degrees=True).as_matrix()
        poses.append((species, place * VOXEL, turn))
    return poses


def exact_shrec_poses(folder):
    return shrec_poses(folder, "particle_locations_exact.txt", float)


READERS = {"dynamo": dynamo_poses, "portal": portal_poses, "shrec": exact_shrec_poses}


@pytest.mark.parametrize("which", ["dynamo", "portal", "shrec"])
def test_molecules_at_the_poses_read_are_the_density(folders, which):
    poses = READERS[which](folders[which])
    assert len(poses) == 3
    density = world.molecules()[1].maps["density"].data
    assert world.agreement(poses, density, VOXEL) > 0.99
    for name, wrong in world.wrong_worlds(poses, density.shape, VOXEL):
        assert world.agreement(wrong, density, VOXEL) < 0.98, name


def test_shrec_to_its_whole_voxels(folders):
    """Places are whole voxels: rotations are tested at the true places, places to half a voxel."""
    poses = shrec_poses(folders["shrec"])
    truth = world.molecules()[1]
    exact = [(s, 10 * c, r) for (s, _, r), c in zip(poses, truth.particles.centre, strict=True)]
    off = [np.abs(p - e).max() for (_, p, _), (_, e, _) in zip(poses, exact, strict=True)]
    assert max(off) <= VOXEL / 2 + 1e-6
    mrcfile = pytest.importorskip("mrcfile")
    with mrcfile.open(folders["shrec"] / "grandmodel.mrc") as file:
        density = np.array(file.data)
    assert world.agreement(exact, density, VOXEL) > 0.99
    for name, wrong in world.wrong_worlds(exact, density.shape, VOXEL):
        assert world.agreement(wrong, density, VOXEL) < 0.98, name


def test_shrec_masks_and_lines_go_together(folders):
    mrcfile = pytest.importorskip("mrcfile")
    poses = shrec_poses(folders["shrec"])
    read = {}
    for name in ("occupancy_mask", "class_mask", "reconstruction", "projections"):
        path = folders["shrec"] / f"{name}.mrc"
        assert mrcfile.validate(path)
        with mrcfile.open(path) as file:
            read[name] = np.array(file.data)
    for line, (species, _, _) in enumerate(poses, start=1):
        mine = read["occupancy_mask"] == line
        assert set(read["class_mask"][mine]) == {NAMES.index(species) + 1}
        alone = world.drawn([poses[line - 1]], mine.shape, VOXEL)
        assert alone[mine].mean() > 10 * alone[~mine].mean()


def test_dynamo_by_dynamotable(folders, tmp_path):
    dynamotable = pytest.importorskip("dynamotable")
    table = dynamotable.read(folders["dynamo"] / "world.tbl")
    truth = world.molecules()[1].particles
    assert table["tag"].tolist() == truth.instance.tolist()
    places = table[["x", "y", "z"]].to_numpy() * world.GRID.voxel_size
    assert places == pytest.approx(truth.centre, abs=1e-4)
    assert (table[["ymintilt", "ymaxtilt"]].to_numpy() == [-60, 60]).all()
    from_1 = dynamotable.read(
        Dynamo(first_voxel=1).save(tmp_path / "one", world.molecules()[1]) / "world.tbl"
    )
    assert from_1[["x", "y", "z"]].to_numpy() == pytest.approx(table[["x", "y", "z"]] + 1)


def test_copicks_own_reading_of_dynamo(folders):
    formats = pytest.importorskip("copick.util.formats")
    places, angles, shifts, _ = formats.read_dynamo_table(str(folders["dynamo"] / "world.tbl"))
    points, transforms = formats.dynamo_to_copick_transform(places, angles, shifts, VOXEL)
    truth = world.molecules()[1].particles
    assert points == pytest.approx(10 * truth.centre, abs=1e-3)
    assert transforms[:, :3, :3] == pytest.approx(truth.rotation, abs=1e-6)


@pytest.mark.parametrize("axes", ["ZXZ", "zxz"])
def test_angles_where_they_are_not_unique(axes):
    flat = Rotation.from_euler("ZXZ", [[30, 0, 0], [20, 180, 0], [0, 0, 0]], degrees=True)
    if axes == "ZXZ":
        back = Rotation.from_euler(axes, shrec_angles(flat.as_matrix()), degrees=True)
    else:
        back = Rotation.from_euler(axes, dynamo_angles(flat.as_matrix()), degrees=True).inv()
    assert back.as_matrix() == pytest.approx(flat.as_matrix(), abs=1e-9)


def test_portal_points_of_filaments_have_their_number(tmp_path):
    folder = Portal().save(tmp_path / "portal", world.everything()[1])
    assert sorted(path.name for path in things(folder)) == [
        "filament_orientedpoint.ndjson",
        "one-A_orientedpoint.ndjson",
        "two-of-them_orientedpoint.ndjson",
    ]
    text = (folder / "filament_orientedpoint.ndjson").read_text()
    assert {json.loads(line)["instance_id"] for line in text.splitlines()} == {2, 7}
