"""OME-Zarr, read back by zarr and by our own reader."""

import json

import numpy as np
import pytest

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.io.omezarr import halved, read_ome_zarr, write_ome_zarr

SHAPE = (70, 67, 130)


def make_volume():
    data = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return Volume(data=data, voxel_size=1.3, origin=[0, 0, 0])


def make_labels(most=60_000):
    data = np.random.default_rng(1).integers(0, most + 1, SHAPE)
    data[:40] = 0
    data[-1, -1, -1] = most
    return LabelVolume(
        data=data.astype(np.uint16 if most < 65536 else np.uint32), voxel_size=1.3, origin=[0] * 3
    )


@pytest.mark.parametrize("volume", [make_volume(), make_labels(), make_labels(70_000)])
@pytest.mark.parametrize("compression", [0, 1, None])
def test_round_trip(tmp_path, volume, compression):
    write_ome_zarr(tmp_path / "a.zarr", volume, compression=compression)
    again = read_ome_zarr(tmp_path / "a.zarr")
    assert type(again) is type(volume)
    assert again.data.dtype == volume.data.dtype
    assert (again.data == volume.data).all()
    assert again.voxel_size == pytest.approx(1.3)


def test_zarr_reads_every_level(tmp_path):
    zarr = pytest.importorskip("zarr")
    volume, labels = make_volume(), make_labels(70_000)
    write_ome_zarr(tmp_path / "a.zarr", volume)
    write_ome_zarr(tmp_path / "b.zarr", labels)
    group = zarr.open(str(tmp_path / "a.zarr"), mode="r")
    assert (group["0"][:] == volume.data).all()
    assert group["0"].dtype == np.dtype("<f4")
    assert group["1"].shape == (35, 34, 65)
    blocks = volume.data[:70, :66, :130].reshape(35, 2, 33, 2, 65, 2).mean(axis=(1, 3, 5))
    assert group["1"][:, :33] == pytest.approx(blocks, abs=1e-5)
    assert "2" in group
    group = zarr.open(str(tmp_path / "b.zarr"), mode="r")
    assert group["0"].dtype == np.dtype("<u4")
    assert (group["0"][:] == labels.data).all()
    assert (group["1"][:] == labels.data[::2, ::2, ::2]).all()


def test_ome_zarr_finds_a_valid_image(tmp_path):
    reader = pytest.importorskip("ome_zarr.reader")
    from ome_zarr.io import parse_url

    write_ome_zarr(tmp_path / "a.zarr", make_volume())
    node = next(iter(reader.Reader(parse_url(str(tmp_path / "a.zarr")))()))
    assert [array.shape for array in node.data] == [SHAPE, (35, 34, 65), (18, 17, 33)]
    assert [axis["name"] for axis in node.metadata["axes"]] == ["z", "y", "x"]


def test_places_of_levels(tmp_path):
    """A ramp along x shows where each level's voxels are: its value is the place."""
    ramp = np.broadcast_to(np.arange(130.0) * 1.3, SHAPE)
    write_ome_zarr(tmp_path / "a.zarr", Volume(data=ramp, voxel_size=1.3, origin=[0] * 3))
    for level in range(3):
        again = read_ome_zarr(tmp_path / "a.zarr", level=level)
        x = again.origin[0] + again.voxel_size * np.arange(again.data.shape[2] - 1)
        assert again.data[5, 5, :-1] == pytest.approx(x, rel=1e-5)
    labels = np.broadcast_to(np.arange(130), SHAPE).astype(np.uint16)
    write_ome_zarr(tmp_path / "b.zarr", LabelVolume(data=labels, voxel_size=1.0, origin=[0] * 3))
    for level in range(3):
        again = read_ome_zarr(tmp_path / "b.zarr", level=level)
        x = again.origin[0] + again.voxel_size * np.arange(again.data.shape[2])
        assert (again.data[5, 5] == x).all()


def test_metadata_is_ngff_0_4(tmp_path):
    write_ome_zarr(tmp_path / "a.zarr", make_volume())
    image = json.loads((tmp_path / "a.zarr" / ".zattrs").read_text())["multiscales"][0]
    assert image["version"] == "0.4"
    assert image["axes"][0] == {"name": "z", "type": "space", "unit": "angstrom"}
    scales = [d["coordinateTransformations"][0] for d in image["datasets"]]
    assert [s["type"] for s in scales] == ["scale"] * 3
    assert [s["scale"] for s in scales] == [[13.0] * 3, [26.0] * 3, [52.0] * 3]


def test_empty_chunks_are_not_written(tmp_path):
    data = np.zeros(SHAPE, np.uint16)
    data[69, 66, 129] = 1
    write_ome_zarr(tmp_path / "a.zarr", LabelVolume(data=data, voxel_size=1.0, origin=[0] * 3))
    files = [p for p in (tmp_path / "a.zarr" / "0").rglob("*") if p.is_file()]
    assert len(files) == 2
    assert (read_ome_zarr(tmp_path / "a.zarr").data == data).all()


def test_only_what_becomes_smaller_is_compressed(tmp_path):
    smooth = Volume(data=np.zeros(SHAPE), voxel_size=1.0, origin=[0] * 3)
    kinds = {}
    for name, volume in {"noise": make_volume(), "smooth": smooth}.items():
        write_ome_zarr(tmp_path / name, volume)
        kinds[name] = json.loads((tmp_path / name / "0" / ".zarray").read_text())["compressor"]
    assert kinds == {"noise": None, "smooth": {"id": "zlib", "level": 1}}


def test_writing_again_replaces(tmp_path):
    write_ome_zarr(tmp_path / "a.zarr", make_volume())
    write_ome_zarr(tmp_path / "a.zarr", make_labels())
    assert (read_ome_zarr(tmp_path / "a.zarr").data == make_labels().data).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_labels_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a.zarr: wanted labels up to 255, got 60000"):
        write_ome_zarr(tmp_path / "a.zarr", make_labels(), dtype="uint8")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_ome_zarr_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"b.zarr: wanted an OME-Zarr 0.4 image"):
        read_ome_zarr(tmp_path / "b.zarr")


def test_halved_keeps_the_mean():
    data = np.random.default_rng(0).normal(size=(6, 8, 4)).astype(np.float32)
    assert halved(data).mean() == pytest.approx(data.mean(), abs=1e-6)
