"""IMOD's and SerialEM's files beside a stack."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import world
from drawing import correlation
from scipy.ndimage import affine_transform, map_coordinates

from openmm_cgpack.export import Imod, export_truth
from openmm_cgpack.io.tilts import load_tilts, save_tilts, write_imod


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imod")
    tilts = world.tilt_series()
    return Imod().save(folder / "imod", world.molecules()[1], tilts)


def test_angles_in_degrees(folder):
    angles = np.loadtxt(folder / "world.rawtlt")
    assert angles == pytest.approx([-60, -30, 0, 30, 60])


def aligned(rows, places, shape):
    """Return where IMOD's newstack puts places (x, y) in pixels of images by their transforms."""
    middle = (np.array(shape[::-1]) - 1) / 2
    turned = np.einsum("tij,tj->ti", rows[:, :4].reshape(-1, 2, 2), places - middle)
    return turned + rows[:, 4:] + middle


@pytest.mark.parametrize("shape", [(56, 44), (55, 43)])
def test_transforms_undo_rotation_and_shift_about_imods_middle(tmp_path, shape):
    """A point comes to where IMOD's tilt program, whose axis is at (N - 1) / 2, looks for it."""
    tilts = world.tilt_series()
    tilts = replace(tilts, images=np.zeros((len(tilts), *shape), np.float32))
    write_imod(tmp_path / "a.mrc", tilts)
    rows = np.loadtxt(tmp_path / "a.xf")
    x, y, z = 12.0, -7.0, 5.0
    at_rest = np.stack([x * np.cos(tilts.angles) + z * np.sin(tilts.angles), np.full(5, y)], 1)
    cosine, sine = np.cos(tilts.rotations), np.sin(tilts.rotations)
    turns = np.stack([cosine, -sine, sine, cosine], 1).reshape(-1, 2, 2)
    seen = np.einsum("tij,tj->ti", turns, at_rest) + tilts.shifts / tilts.pixel_size
    places = seen + np.array(shape[::-1]) // 2
    wanted = at_rest + (np.array(shape[::-1]) - 1) / 2
    assert aligned(rows, places, shape) == pytest.approx(wanted, abs=2e-3)


def back_projected(images, rows, angles):
    """Reconstruct as IMOD does: align by the transforms, filter, sum about (N - 1) / 2.

    The volume stands on the grid of the specimen: its centre of rotation is voxel N // 2.
    """
    n = images.shape[1]
    middle = np.full(2, (n - 1) / 2)
    z, y, x = np.indices((n, n, n)) - n // 2
    volume = np.zeros((n, n, n))
    ramp = np.fft.rfftfreq(2 * n)
    for image, row, angle in zip(images, rows, angles, strict=True):
        back = np.linalg.inv(row[:4].reshape(2, 2))
        offset = middle - back @ (middle + row[4:])
        image = affine_transform(image, back[::-1, ::-1], offset[::-1])
        image = np.fft.irfft(np.fft.rfft(image, 2 * n, axis=1) * ramp, axis=1)[:, :n]
        u = x * np.cos(angle) + z * np.sin(angle)
        volume += map_coordinates(image, np.array([y, u]) + (n - 1) / 2, order=1)
    return volume


def test_imods_reconstruction_is_the_specimen(tmp_path):
    n, angles = 28, np.radians(np.arange(-60, 61, 5))
    tilts = world.tilt_series(len(angles))
    tilts = replace(tilts, pixel_size=1.0, angles=angles)
    x, y, z = points = np.random.default_rng(0).uniform(-7, 7, (3, 20))
    grid = np.arange(n) - n // 2
    images = []
    for angle, turn, shift in zip(angles, tilts.rotations, tilts.shifts, strict=True):
        u = x * np.cos(angle) + z * np.sin(angle)
        u, v = u * np.cos(turn) - y * np.sin(turn), u * np.sin(turn) + y * np.cos(turn)
        spots = [np.exp(-((grid[:, None] - p) ** 2) / 2) for p in (v + shift[1], u + shift[0])]
        images.append(np.einsum("vp,up->vu", *spots))
    tilts = replace(tilts, images=np.array(images))
    write_imod(tmp_path / "a.mrc", tilts)
    rows = np.loadtxt(tmp_path / "a.xf")
    spots = [np.exp(-((grid[:, None] - p) ** 2) / 2) for p in points[::-1]]
    specimen = np.einsum("zp,yp,xp->zyx", *spots)
    inner = (slice(5, -5),) * 3
    found = []
    for half in (0.0, 0.5):
        moved = rows + half * np.array([0, 0, 0, 0, 1, 1])
        volume = back_projected(tilts.images, moved, angles)
        found.append(correlation(volume[inner], specimen[inner]))
    assert found[0] > 0.8
    assert found[0] > found[1] + 0.05


def test_no_transform_moves_by_half_a_pixel_of_an_even_size(tmp_path):
    tilts = world.tilt_series()
    still = replace(tilts, shifts=np.zeros((5, 2)), rotations=np.zeros(5))
    write_imod(tmp_path / "a.mrc", still)
    assert np.loadtxt(tmp_path / "a.xf") == pytest.approx(np.tile([1, 0, 0, 1, -0.5, -0.5], (5, 1)))
    write_imod(tmp_path / "b.mrc", replace(still, images=np.zeros((5, 55, 43), np.float32)))
    assert "-" not in (tmp_path / "b.xf").read_text()
    assert np.loadtxt(tmp_path / "b.xf") == pytest.approx(np.tile([1, 0, 0, 1, 0, 0], (5, 1)))


def test_mdoc_by_mdocfile(folder):
    mdocfile = pytest.importorskip("mdocfile")
    tilts = world.tilt_series()
    table = mdocfile.read(folder / "world.mrc.mdoc")
    assert table["TiltAngle"].to_numpy(float) == pytest.approx([-60, -30, 0, 30, 60])
    assert table["ExposureDose"].to_numpy(float) == pytest.approx(tilts.dose_e_per_a2, abs=1e-5)
    assert table["PriorRecordDose"].to_numpy(float) == pytest.approx(
        tilts.pre_dose_e_per_a2, abs=1e-5
    )
    assert (table["Defocus"].to_numpy(float) < 0).all()
    axis = np.degrees(tilts.rotations)
    assert table["RotationAngle"].to_numpy(float) == pytest.approx(axis + 90, abs=1e-3)
    # As RELION 5 sorts them for the dose; SerialEM's own times, which Warp reads with two digits.
    taken = table["DateTime"].sort_values().index.to_numpy()
    assert (taken == np.argsort(tilts.order)).all()
    times = [datetime.strptime(time, "%d-%b-%y  %H:%M:%S") for time in table["DateTime"]]
    assert (np.argsort(times) == taken).all()
    assert float(table["PixelSpacing"].iloc[0]) == pytest.approx(10.5)


def test_mdoc_by_hand(folder):
    lines = (folder / "world.mrc.mdoc").read_text().splitlines()
    assert lines[:4] == [
        "PixelSpacing = 10.5000",
        "Voltage = 300",
        "ImageFile = world.mrc",
        "ImageSize = 44 56",
    ]
    axis = np.degrees(world.tilt_series().rotations).mean()
    assert f"[T =     Tilt axis angle = {axis:.2f}, binning = 1]" in lines
    assert [line for line in lines if line.startswith("[ZValue")][-1] == "[ZValue = 4]"


def test_stack(folder):
    mrcfile = pytest.importorskip("mrcfile")
    assert mrcfile.validate(folder / "world.mrc")
    with mrcfile.open(folder / "world.mrc") as file:
        assert file.is_image_stack()
        assert (file.data == world.tilt_series().images).all()


def test_round_trip_of_our_own(tmp_path):
    tilts = world.tilt_series()
    save_tilts(tmp_path / "a.mrcs", tilts)
    again = load_tilts(tmp_path / "a.mrcs")
    for key in ("images", "angles", "dose_e_per_a2", "order", "shifts", "rotations", "pixel_size"):
        assert np.array_equal(getattr(again, key), getattr(tilts, key)), key
    assert (again.optics.defocus_um == tilts.optics.defocus_um).all()
    assert (again.optics.astigmatism_angle == tilts.optics.astigmatism_angle).all()
    assert (again.optics.voltage_kv, again.optics.hand) == (300.0, -1)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a.json: wanted a tilt series of openmm_cgpack"):
        load_tilts(tmp_path / "a.mrcs")


def test_without_tilts_there_is_nothing_to_write(tmp_path):
    with pytest.raises(ValueError, match="imod: wanted a tilt series, got none"):
        export_truth(world.molecules()[1], tmp_path, ["imod"])
    assert list(tmp_path.iterdir()) == []
