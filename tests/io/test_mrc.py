"""MRC files, also as other programs see them."""

import bz2
import gzip
from contextlib import nullcontext
from itertools import permutations, product

import gemmi
import mrcfile
import numpy as np
import pytest

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.io import read_mrc, write_mrc
from openmm_cgpack.io.volumes import read_labels

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


def write_raw(path, data, order="<", at=(), size=None, extended=b"", pack=bytes):
    """Write an MRC file word by word: a header that no library has corrected."""
    mode = {"i1": 0, "u1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12}[data.dtype.str[1:]]
    nz, ny, nx = data.shape
    words = np.zeros(256, np.int32)
    words[[0, 1, 2, 3, 7, 8, 9]] = nx, ny, nz, mode, nx, ny, nz
    cell = np.array(size or [nx * 20.0, ny * 20.0, nz * 20.0], np.float32)
    words[10:13] = cell.view(np.int32)
    words[[16, 17, 18, 22, 23]] = 1, 2, 3, 1, len(extended)
    for word, value in dict(at).items():
        words[word] = np.float32(value).view(np.int32) if isinstance(value, float) else value
    raw = bytearray(words.astype(order + "i4").tobytes())
    raw[208:216] = b"MAP " + {"<": b"DD\0\0", ">": b"\x11\x11\0\0"}[order]
    numbers = data.astype(data.dtype.newbyteorder(order)).tobytes()
    path.write_bytes(pack(bytes(raw) + extended + numbers))
    return path


BLOCK = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


@pytest.mark.parametrize("dtype", ["i1", "i2", "f4", "u2", "f2"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_every_mode_order_and_packing(tmp_path, dtype, order, pack):
    path = write_raw(
        tmp_path / "a.mrc", BLOCK.astype(dtype), order, extended=bytes(1000), pack=pack
    )
    labels = read_labels(path)
    assert labels.data.tolist() == BLOCK.tolist()
    assert read_mrc(path).voxel_size == 2.0
    assert isinstance(read_mrc(path), LabelVolume) == (dtype == "u2")


@pytest.mark.parametrize(
    ("stamp", "order", "note"),
    [
        (b"D   ", "<", "machine stamp 44 20 20 20: read as little-endian"),
        (b"\0\0\0\0", ">", "machine stamp 00 00 00 00: read as big-endian"),
        (b"DD\0\0", ">", "machine stamp 44 44 00 00: read as big-endian"),
        (b"\x11\x11\0\0", "<", "machine stamp 11 11 00 00: read as little-endian"),
        (b"DA\0\0", "<", None),
    ],
)
def test_a_stamp_that_does_not_say_the_byte_order(tmp_path, stamp, order, note):
    path = write_raw(tmp_path / "a.mrc", BLOCK, order)
    raw = bytearray(path.read_bytes())
    raw[212:216] = stamp
    path.write_bytes(raw)
    with pytest.warns(match=note) if note else nullcontext():
        assert (read_mrc(path).data == BLOCK).all()


def test_old_and_odd_headers(tmp_path):
    raw = bytearray(write_raw(tmp_path / "a.mrc", BLOCK).read_bytes())
    raw[208:216] = bytes(8)
    (tmp_path / "old.mrc").write_bytes(raw)
    with pytest.warns(match="no MAP in its header"):
        assert (read_mrc(tmp_path / "old.mrc").data == BLOCK).all()
    assert (
        read_mrc(write_raw(tmp_path / "a.mrc", BLOCK, at={16: 0, 17: 0, 18: 0})).data == BLOCK
    ).all()
    # Cropped: the cell is that of the whole, and so are its intervals.
    cropped = write_raw(tmp_path / "a.mrc", BLOCK, at={7: 8, 8: 8, 9: 8}, size=[80.0] * 3)
    assert read_mrc(cropped).voxel_size == 1.0
    one = write_raw(tmp_path / "a.mrc", BLOCK[:1], at={22: 0})
    assert read_mrc(one).data.shape == (1, 3, 4)
    with pytest.warns(match=r"a.mrc: no voxel size in its header: 1 Å is taken"):
        assert read_mrc(write_raw(tmp_path / "a.mrc", BLOCK, size=[0, 0, 0])).voxel_size == 0.1
    assert read_mrc(write_raw(tmp_path / "a.mrc", BLOCK, size=[80, 60, 0])).voxel_size == 2.0


def test_bytes_are_unsigned_where_imod_says_so(tmp_path):
    data = np.array([[[0, 127, 128, 255]]], np.uint8)
    path = write_raw(tmp_path / "a.mrc", data, at={38: 1146047817, 39: 0})
    assert read_labels(path).data.tolist() == data.tolist()
    path = write_raw(tmp_path / "a.mrc", data, at={38: 1146047817, 39: 1})
    assert read_mrc(path).data.tolist() == [[[0, 127, -128, -1]]]


@pytest.mark.parametrize("axes", list(permutations((1, 2, 3))))
def test_axes_in_any_order_as_gemmi_reads_them(tmp_path, axes):
    data = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    lengths = dict(zip(axes, (4, 3, 2), strict=True))
    at = {16 + i: axis for i, axis in enumerate(axes)} | {4 + i: n for i, n in enumerate((5, 6, 7))}
    at |= {6 + axis: n for axis, n in lengths.items()}
    path = write_raw(tmp_path / "a.mrc", data, at=at, size=[20.0 * lengths[a] for a in (1, 2, 3)])
    volume = read_mrc(path)
    held = gemmi.read_ccp4_map(str(path))
    start = [held.header_i32(5 + axes.index(axis)) for axis in (1, 2, 3)]
    assert volume.origin == pytest.approx(np.array(start) * 2.0)
    for x, y, z in product(*(range(lengths[axis]) for axis in (1, 2, 3))):
        place = dict(zip((1, 2, 3), (x, y, z), strict=True))
        assert volume.data[z, y, x] == held.grid.get_value(*(place[axis] for axis in axes))


def test_what_the_header_announces_is_checked_before_memory_is_taken(tmp_path):
    for name, at, message in [
        ("huge", {0: 60_000, 1: 60_000, 2: 60_000}, r"announces .* GiB: more than the file has"),
        ("long", {23: 2**31 - 1}, "more than the file has"),
        ("more", {2: 3}, "announces 72 bytes of data, got 48 bytes"),
        ("less", {2: 1}, "announces 24 bytes of data, got more"),
        ("none", {0: 0}, "not a readable MRC file: its header is none"),
        ("below", {23: -4}, "not a readable|wanted numbers"),
        ("complex", {3: 4}, "wanted numbers of mode 0, 1, 2, 6, 12, got mode 4"),
        ("half", {3: 101}, "wanted numbers of mode 0, 1, 2, 6, 12, got mode 101"),
        ("stack", {22: 401, 9: 1}, "wanted one volume, got a stack"),
        ("skew", {10: 1.0}, "wanted cubic voxels"),
        ("minus", {10: -80.0, 11: -60.0, 12: -40.0}, "wanted cubic voxels"),
        ("nan", {10: float("nan")}, "wanted cubic voxels"),
        ("lost", {49: float("nan")}, "wanted a finite origin"),
    ]:
        path = write_raw(tmp_path / f"{name}.mrc", BLOCK, at=at, pack=gzip.compress)
        with pytest.raises(ValueError, match=f"{name}.mrc: .*({message})"):
            read_mrc(path)
    data = np.full((1, 1, 2), np.nan, np.float32)
    for read, message in ((read_mrc, "wanted finite"), (read_labels, "wanted labels, .* got nan")):
        with pytest.raises(ValueError, match=f"nan.mrc: .*{message}"):
            read(write_raw(tmp_path / "nan.mrc", data))
