"""MRC files, also as other programs see them."""

import mrcfile
import numpy as np
import pytest

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.io import read_mrc, write_mrc

ORIGIN = np.array([-3.5, 2.25, 10.0])


def make_volume():
    data = np.random.default_rng(0).normal(size=(4, 6, 8)).astype(np.float32)
    return Volume(data=data, voxel_size=1.25, origin=ORIGIN)


def make_labels(most=65535):
    data = np.arange(24, dtype=np.uint32).reshape(2, 3, 4)
    data[-1, -1, -1] = most
    return LabelVolume(data=data, voxel_size=0.5, origin=ORIGIN)


@pytest.mark.parametrize("make", [make_volume, make_labels])
def test_round_trip_in_the_files_frame(tmp_path, make):
    volume = make()
    write_mrc(tmp_path / "a.mrc", volume)
    again = read_mrc(tmp_path / "a.mrc")
    assert type(again) is type(volume)
    assert (again.data == volume.data).all()
    assert again.voxel_size == pytest.approx(volume.voxel_size)
    assert again.origin.tolist() == [0, 0, 0]
    assert mrcfile.validate(tmp_path / "a.mrc")


def test_origin_of_a_template_is_kept_when_asked(tmp_path):
    write_mrc(tmp_path / "a.mrc", make_volume(), keep_origin=True)
    assert read_mrc(tmp_path / "a.mrc").origin == pytest.approx(ORIGIN)
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert file.header.origin.item() == pytest.approx((-35.0, 22.5, 100.0))
    assert mrcfile.validate(tmp_path / "a.mrc")


@pytest.mark.parametrize(("make", "mode"), [(make_volume, 2), (make_labels, 6)])
def test_header(tmp_path, make, mode):
    volume = make()
    write_mrc(tmp_path / "a.mrc", volume)
    raw = (tmp_path / "a.mrc").read_bytes()
    words = np.frombuffer(raw[:1024], "<i4")
    nz, ny, nx = volume.data.shape
    assert words[:4].tolist() == [nx, ny, nz, mode]
    assert words[7:10].tolist() == [nx, ny, nz]
    cell = np.frombuffer(raw[40:52], "<f4")
    assert cell == pytest.approx(np.array([nx, ny, nz]) * volume.voxel_size * 10)
    assert words[22] == 1
    assert raw[224:237] == b"openmm_cgpack"
    # x runs fastest.
    values = np.frombuffer(raw[1024:], "<f4" if mode == 2 else "<u2")
    assert values[:nx].tolist() == volume.data[0, 0].tolist()


@pytest.mark.parametrize("make", [make_volume, make_labels])
def test_same_data_same_bytes_and_no_time_in_them(tmp_path, make):
    for name in ("a.mrc", "b.mrc"):
        write_mrc(tmp_path / name, make())
    first = (tmp_path / "a.mrc").read_bytes()
    assert first == (tmp_path / "b.mrc").read_bytes()
    # All ten labels: ours, and nothing that mrcfile puts there with date and time.
    assert first[224:1024].rstrip(b"\x00 ") == b"openmm_cgpack"


def test_labels_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="wanted labels up to 65535, as MRC holds, got 65536"):
        write_mrc(tmp_path / "a.mrc", make_labels(65536))
    assert not list(tmp_path.iterdir())
    with pytest.raises(TypeError, match="wanted a Volume or LabelVolume, got ndarray"):
        write_mrc(tmp_path / "a.mrc", np.zeros((2, 2, 2)))


def test_bad_files_are_named(tmp_path):
    write_mrc(tmp_path / "a.mrc", make_volume())
    whole = (tmp_path / "a.mrc").read_bytes()
    (tmp_path / "cut.mrc").write_bytes(whole[:1100])
    (tmp_path / "text.mrc").write_text("not a map\n" * 200)
    (tmp_path / "empty.mrc").write_bytes(b"")
    for name in ("cut", "text", "empty"):
        with pytest.raises(ValueError, match=f"{name}.mrc: not a readable MRC file"):
            read_mrc(tmp_path / f"{name}.mrc")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_mrc(tmp_path / "none.mrc")
    with mrcfile.new(tmp_path / "long.mrc", np.zeros((2, 2, 2), np.float32)) as file:
        file.voxel_size = (1.0, 1.0, 2.0)
    with pytest.raises(ValueError, match=r"long.mrc: wanted cubic voxels"):
        read_mrc(tmp_path / "long.mrc")
