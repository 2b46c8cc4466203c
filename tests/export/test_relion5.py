"""RELION's files, read back by another library and by our own reader."""

import numpy as np
import pytest
import world
from drawing import make_packed
from scipy.spatial.transform import Rotation

from openmm_cgpack.core.tilts import TiltSeries
from openmm_cgpack.export import Relion5
from openmm_cgpack.export.relion5 import relion_angles
from openmm_cgpack.io.star import read_star, write_star

ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
CENTRED = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
PIXELS = [f"rlnCoordinate{axis}" for axis in "XYZ"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relion")
    return Relion5().save(folder / "relion5", world.molecules()[1], world.tilt_series())


def poses_of(particles, tomograms, *, version):
    """Return what RELION's users do with the two files."""
    table = {key: np.array(values) for key, values in particles["particles"].items()}
    optics = {key: values[0] for key, values in particles["optics"].items()}
    pixel = float(optics["rlnTomoTiltSeriesPixelSize"])
    if version == 5:
        row = {key: values[0] for key, values in tomograms["global"].items()}
        size = np.array([float(row[f"rlnTomoSize{axis}"]) for axis in "XYZ"])
        centre = np.stack([table[key].astype(float) for key in CENTRED], 1) + size / 2 * pixel
    else:
        centre = np.stack([table[key].astype(float) for key in PIXELS], 1) * pixel
    angles = np.stack([table[key].astype(float) for key in ANGLES], 1)
    turn = Rotation.from_euler("ZYZ", angles, degrees=True).inv().as_matrix()
    names = list(world.STRUCTURES)
    species = [names[int(number) - 1] for number in table["rlnClassNumber"]]
    return list(zip(species, centre, turn, strict=True))


def as_lists(tables):
    """Return data frames as our own reader's lists."""
    return {
        name: {key: list(map(str, table[key])) for key in table}
        if hasattr(table, "columns")
        else {key: [str(value)] for key, value in table.items()}
        for name, table in tables.items()
    }


@pytest.fixture(scope="module", params=["own", "starfile"])
def tables(request, folder):
    if request.param == "own":
        return read_star(folder / "particles.star"), read_star(folder / "tomograms.star")
    starfile = pytest.importorskip("starfile")
    read = [
        starfile.read(folder / f"{name}.star", always_dict=True)
        for name in ("particles", "tomograms")
    ]
    return tuple(as_lists(table) for table in read)


@pytest.mark.parametrize("version", [4, 5])
def test_molecules_at_the_poses_read_are_the_density(tables, folder, version):
    mrcfile = pytest.importorskip("mrcfile")
    poses = poses_of(*tables, version=version)
    assert len(poses) == 3
    density = world.molecules()[1].maps["density"]
    voxel = 10 * density.voxel_size
    assert world.agreement(poses, density.data, voxel) > 0.99
    with mrcfile.open(folder / tables[1]["global"]["rlnTomoReconstructedTomogram"][0]) as file:
        assert file.is_volume()
        assert float(file.voxel_size.x) == pytest.approx(voxel, abs=1e-4)
        truth = world.molecules()[1].maps["tomogram"].data
        assert (file.data == truth).all()
        clean = world.agreement(poses, file.data, voxel)
    assert clean == pytest.approx(np.corrcoef(truth.ravel(), density.data.ravel())[0, 1], abs=0.01)


def test_wrong_worlds_are_seen(tables):
    poses = poses_of(*tables, version=5)
    density = world.molecules()[1].maps["density"]
    voxel = 10 * density.voxel_size
    assert world.agreement(poses, density.data, voxel) > 0.995
    for name, wrong in world.wrong_worlds(poses, density.data.shape, voxel):
        assert world.agreement(wrong, density.data, voxel) < 0.98, name


def test_angles_where_they_are_not_unique():
    flat = Rotation.from_euler("ZYZ", [[30, 0, 0], [20, 180, 0], [0, 0, 0]], degrees=True)
    back = Rotation.from_euler("ZYZ", relion_angles(flat.as_matrix()), degrees=True).inv()
    assert back.as_matrix() == pytest.approx(flat.as_matrix(), abs=1e-9)


def test_tilt_series(folder):
    tilts = world.tilt_series()
    block = read_star(folder / "tilt_series" / "world.star")["world"]
    columns = {key: np.array(values) for key, values in block.items()}
    assert columns["rlnMicrographName"][2] == "000003@tilt_series/world.mrcs"
    numbers = {key: columns[key].astype(float) for key in columns if key != "rlnMicrographName"}
    assert numbers["rlnTomoNominalStageTiltAngle"] == pytest.approx(np.degrees(tilts.angles))
    first = np.argmin(tilts.order)
    assert numbers["rlnMicrographPreExposure"][first] == 0
    later = tilts.order > tilts.order[1]
    assert (
        numbers["rlnMicrographPreExposure"][later] > numbers["rlnMicrographPreExposure"][1]
    ).all()
    assert numbers["rlnDefocusU"] == pytest.approx(1e4 * tilts.optics.defocus_um[:, 0], abs=0.01)
    assert numbers["rlnDefocusV"] == pytest.approx(1e4 * tilts.optics.defocus_um[:, 1], abs=0.01)


def test_projection_by_relions_matrices_is_that_of_the_tilt_series(folder):
    """RELION: P = T Rz(zrot) Ry(ytilt) Rx(xtilt) about the middle; ours as TiltSeries says."""
    tilts = world.tilt_series()
    block = read_star(folder / "tilt_series" / "world.star")["world"]
    point = np.array([35.0, -120.0, 61.0])
    for i in range(len(tilts)):
        x, y, z, dx, dy = (
            float(block[f"rlnTomo{key}"][i])
            for key in ("XTilt", "YTilt", "ZRot", "XShiftAngst", "YShiftAngst")
        )
        # Extrinsic: first about x, then y, then z.
        turned = Rotation.from_euler("xyz", [x, y, z], degrees=True).apply(point)
        angle, turn = tilts.angles[i], tilts.rotations[i]
        u, v = point[0] * np.cos(angle) + point[2] * np.sin(angle), point[1]
        ours = [u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)]
        theirs = turned[:2] + np.array([dx, dy])
        assert theirs == pytest.approx(ours + 10 * tilts.shifts[i], abs=1e-3)


def test_particles_are_where_relions_matrices_see_them(tmp_path):
    """From a projected molecule to its image by RELION's own matrix, as another library has it."""
    alignment = pytest.importorskip("cryoet_alignment")
    from cryoet_alignment.io.relion.alignment import projection_matrix

    from openmm_cgpack.imaging.projection import Projector

    packed, _ = world.molecules()
    one = make_packed(
        [
            (
                packed.scene.species[0],
                packed.scene.transforms.rotations[0],
                packed.scene.transforms.translations[0],
            )
        ]
    )
    truth = world.known(one)
    angles = np.radians([-40.0, 0.0, 25.0])
    nz, ny, nx = world.GRID.shape
    images = Projector(shape=(nz, nx), angles=tuple(angles)).forward(truth.maps["density"].data)
    tilts = TiltSeries(images=images, angles=angles, pixel_size=1.05, dose_e_per_a2=np.ones(3))
    folder = Relion5().save(tmp_path / "relion5", truth, tilts)
    read = alignment.read(folder / "tomograms.star")
    table = read_star(folder / "particles.star")["particles"]
    point = np.array([float(table[key][0]) for key in PIXELS] + [1.0])
    for entry, image in zip(read.entries, images, strict=True):
        matrix = projection_matrix(
            entry.x_tilt,
            entry.y_tilt,
            entry.z_rot,
            entry.x_shift_angst,
            entry.y_shift_angst,
            (nx, ny, nz),
            (nx, ny),
            10.5,
        )
        v, u = (np.indices(image.shape) * image).sum(axis=(1, 2)) / image.sum()
        assert (matrix @ point)[:2] == pytest.approx([u, v], abs=0.02)


def test_stack_is_a_stack(folder):
    mrcfile = pytest.importorskip("mrcfile")
    path = folder / "tilt_series" / "world.mrcs"
    assert mrcfile.validate(path)
    with mrcfile.open(path) as file:
        assert file.is_image_stack()
        assert (file.data == world.tilt_series().images).all()
        assert float(file.voxel_size.x) == pytest.approx(10.5, abs=1e-4)


def test_filaments_lie_along_their_lines(tmp_path):
    _, truth = world.everything()
    Relion5().write(tmp_path, truth)
    table = read_star(tmp_path / "particles" / "filament.star")["particles"]
    number = {key: np.array(table[key], float) for key in table if key[:7] not in ("rlnTomo",)}
    sub = np.stack(
        [np.array(table[f"rlnTomoSubtomogram{key}"], float) for key in ("Rot", "Tilt", "Psi")], 1
    )
    own = np.stack([number[key] for key in ANGLES], 1)
    turn = (
        Rotation.from_euler("ZYZ", sub, degrees=True).inv()
        * Rotation.from_euler("ZYZ", own, degrees=True).inv()
    ).as_matrix()
    places = np.stack([number[key] for key in PIXELS], 1) * 1.05
    assert set(number["rlnHelicalTubeID"]) == {2, 7}
    for tube in (2, 7):
        mine = number["rlnHelicalTubeID"] == tube
        steps = np.diff(places[mine], axis=0)
        # A straight filament: all places on a line, and the z axis of every frame along it.
        along = steps / np.linalg.norm(steps, axis=1)[:, None]
        assert along == pytest.approx(np.tile(along[0], (len(along), 1)), abs=1e-3)
        assert turn[mine][:, :, 2] == pytest.approx(np.tile(along[0], (mine.sum(), 1)), abs=1e-3)
        assert len(set(number["rlnRandomSubset"][mine])) == 1
        length = 10 * np.linalg.norm(places[mine][-1] - places[mine][0])
        assert number["rlnHelicalTrackLengthAngst"][mine][-1] == pytest.approx(length, rel=1e-3)


def test_what_is_outside_is_in_no_list(tmp_path):
    _, truth = world.everything()
    Relion5().write(tmp_path, truth)
    names = read_star(tmp_path / "particles.star")["particles"]["rlnTomoParticleName"]
    assert names == ["world/1", "world/3", "world/5"]
    assert not (tmp_path / "particles" / "membrane.star").exists()
    assert "rlnTomoTiltSeriesStarFile" not in read_star(tmp_path / "tomograms.star")["global"]


def test_star_round_trip_of_awkward_text(tmp_path):
    blocks = {"a": {"rlnX": ["one two", "#3", "_x", ""], "rlnY": [1, 2, 3, 4]}}
    write_star(tmp_path / "a.star", blocks)
    again = read_star(tmp_path / "a.star")["a"]
    assert again == {"rlnX": ["one two", "#3", "_x", ""], "rlnY": list("1234")}


def test_star_with_a_bad_row_is_named(tmp_path):
    (tmp_path / "a.star").write_text("data_x\nloop_\n_a #1\n_b #2\n1 2\n3\n")
    with pytest.raises(ValueError, match=r"a.star: line 6: wanted 2 values, got 1"):
        read_star(tmp_path / "a.star")


def test_odd_sizes_are_refused(tmp_path):
    packed, _ = world.molecules()
    odd = world.Grid(shape=(31, 56, 44), voxel_size=1.05, origin=world.GRID.origin)
    with pytest.raises(ValueError, match="even sizes"):
        Relion5().write(tmp_path, world.known(packed, grid=odd))
