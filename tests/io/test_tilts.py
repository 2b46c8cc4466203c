"""IMOD's and SerialEM's files beside a stack."""

from dataclasses import replace

import numpy as np
import pytest
import world

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


def test_transforms_undo_rotation_and_shift(folder):
    """A point seen in the image comes back to where it is without rotation and shift."""
    tilts = world.tilt_series()
    rows = np.loadtxt(folder / "world.xf")
    point = np.array([12.0, -7.0])
    for row, turn, shift in zip(rows, tilts.rotations, tilts.shifts, strict=True):
        cosine, sine = np.cos(turn), np.sin(turn)
        seen = np.array([[cosine, -sine], [sine, cosine]]) @ point + shift / tilts.pixel_size
        assert row[:4].reshape(2, 2) @ seen + row[4:] == pytest.approx(point, abs=2e-3)


def test_no_transform_is_the_identity(tmp_path):
    tilts = world.tilt_series()
    still = replace(tilts, shifts=np.zeros((5, 2)), rotations=np.zeros(5))
    write_imod(tmp_path / "a.mrc", still)
    assert "-" not in (tmp_path / "a.xf").read_text()
    assert np.loadtxt(tmp_path / "a.xf") == pytest.approx(np.tile([1, 0, 0, 1, 0, 0], (5, 1)))


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
    assert float(table["PixelSpacing"].iloc[0]) == pytest.approx(10.5)


def test_mdoc_by_hand(folder):
    lines = (folder / "world.mrc.mdoc").read_text().splitlines()
    assert lines[:4] == [
        "PixelSpacing = 10.5000",
        "Voltage = 300",
        "ImageFile = world.mrc",
        "ImageSize = 44 56",
    ]
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
