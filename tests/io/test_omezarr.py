"""OME-Zarr, read back by zarr and by our own reader."""

import gzip
import json
import zlib

import numpy as np
import pytest

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.io.omezarr import halved, write_ome_zarr
from openmm_cgpack.io.volumes import read_labels
from openmm_cgpack.io.zarr_images import read_ome_zarr

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
    with pytest.raises(FileNotFoundError, match=r"b.zarr: wanted an OME-Zarr image"):
        read_ome_zarr(tmp_path / "b.zarr")


def test_halved_keeps_the_mean():
    data = np.random.default_rng(0).normal(size=(6, 8, 4)).astype(np.float32)
    assert halved(data).mean() == pytest.approx(data.mean(), abs=1e-6)


BLOCK = np.arange(24).reshape(2, 3, 4)


def write_raw(path, data=BLOCK, axes="zyx", scale=None, unit="angstrom", image=(), array=()):
    """Write an OME-Zarr of one plain chunk by hand."""
    meta = {
        "zarr_format": 2,
        "shape": data.shape,
        "chunks": data.shape,
        "dtype": "<u2",
        "compressor": None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
    } | dict(array)
    units = unit if isinstance(unit, dict) else dict.fromkeys("zyx", unit)
    scale = scale or [20.0] * data.ndim
    multiscale = {
        "axes": [{"name": a} | ({"unit": units[a]} if units.get(a) else {}) for a in axes],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        ],
    } | dict(image)
    (path / "0").mkdir(parents=True)
    (path / ".zattrs").write_text(json.dumps({"multiscales": [multiscale]}))
    (path / "0" / ".zarray").write_text(json.dumps(meta))
    pack = {None: bytes, "zlib": zlib.compress, "gzip": gzip.compress}.get
    packed = pack((meta["compressor"] or {"id": None})["id"], bytes)
    separator = meta.get("dimension_separator", ".")
    chunk = path / "0" / separator.join("0" * data.ndim)
    chunk.parent.mkdir(parents=True, exist_ok=True)
    chunk.write_bytes(packed(data.astype(meta["dtype"]).tobytes(order=meta["order"])))
    return path


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("codec", [None, "zlib", "gzip"])
@pytest.mark.parametrize("dtype", ["<u2", ">u4", "<i8", "|u1", "<f8"])
@pytest.mark.parametrize("rest", [{"fill_value": None}, {"dimension_separator": "/"}])
def test_stored_in_any_way(tmp_path, order, codec, dtype, rest):
    compressor = codec and {"id": codec, "level": 1}
    array = {"order": order, "compressor": compressor, "dtype": dtype, **rest}
    path = write_raw(tmp_path / "a.zarr", array=array)
    assert read_labels(path).data.tolist() == BLOCK.tolist()


def test_what_no_chunk_holds_is_the_fill_value(tmp_path):
    array = {"shape": [4, 3, 4], "fill_value": 7}
    data = read_ome_zarr(write_raw(tmp_path / "a.zarr", array=array)).data
    assert (data[:2] == BLOCK).all()
    assert (data[2:] == 7).all()


@pytest.mark.parametrize("axes", ["zyx", "xyz", "yzx", "czyx", "tczyx", "zyxc", "cxyz"])
def test_axes_in_any_order(tmp_path, axes):
    order = ["zyx".index(axis) for axis in axes if axis in "zyx"]
    data = BLOCK.transpose(order)
    for number, axis in enumerate(axes):
        data = np.expand_dims(data, number) if axis not in "zyx" else data
    step = {"type": "translation", "translation": [float(ord(axis)) for axis in axes]}
    image = {"coordinateTransformations": [step]}
    unit = {"z": "nanometer", "y": "nanometer", "x": "nanometer"}
    volume = read_ome_zarr(
        write_raw(tmp_path / "a.zarr", data, axes, [2.0] * len(axes), unit, image)
    )
    assert volume.data.tolist() == BLOCK.tolist()
    assert volume.voxel_size == pytest.approx(2.0)
    assert volume.origin == pytest.approx([ord("x"), ord("y"), ord("z")])


def test_units_and_scales(tmp_path):
    for number, (unit, scale, voxel) in enumerate(
        [
            ("micrometer", [0.002] * 3, 2.0),
            ("meter", [2e-9] * 3, 2.0),
            ({"z": "nanometer", "y": "angstrom", "x": "angstrom"}, [2.0, 20.0, 20.0], 2.0),
        ]
    ):
        path = write_raw(tmp_path / f"{number}.zarr", scale=scale, unit=unit)
        assert read_ome_zarr(path).voxel_size == pytest.approx(voxel)
    scaled = {"coordinateTransformations": [{"type": "scale", "scale": [2.0] * 3}]}
    path = write_raw(tmp_path / "all.zarr", image=scaled)
    assert read_ome_zarr(path).voxel_size == pytest.approx(4.0)
    with pytest.warns(match=r"none.zarr: axes z, y, x have no unit: Å is taken"):
        assert read_ome_zarr(write_raw(tmp_path / "none.zarr", unit=None)).voxel_size == 2.0


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"unit": "parsec"}, "axis z: wanted one of .*, got 'parsec'"),
        ({"scale": [20.0, 20.0, 40.0]}, "wanted cubic voxels"),
        ({"scale": [20.0, 20.0]}, "wanted an OME-Zarr image.*scale of 3 axes"),
        ({"axes": "cyx"}, "wanted one volume with axes z, y and x"),
        ({"axes": "zy"}, "wanted 2 axes|scale of 2 axes"),
        ({"image": {"datasets": []}}, "wanted an OME-Zarr image"),
        ({"array": {"shape": [1000] * 3, "chunks": [1] * 3}}, "1000000000 chunks, and at most"),
        ({"array": {"shape": [10**6] * 3, "chunks": [10**6] * 3}}, "more than the 4 GiB"),
        ({"array": {"chunks": [2000] * 3}}, "more than the 1 GiB"),
        ({"array": {"chunks": [4, 3, 4]}}, "0.0.0: wanted a chunk of 96 bytes"),
        ({"array": {"chunks": [0, 3, 4]}}, "wanted the metadata of a Zarr array"),
        ({"array": {"dtype": "|O"}}, "wanted numbers, got object|metadata"),
        ({"array": {"order": "A"}}, "wanted the metadata of a Zarr array"),
        ({"array": {"compressor": {"id": "zstd", "level": 1}}}, "compression zstd"),
        ({"array": {"filters": [{"id": "nonesuch"}]}}, "filters nonesuch"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, how, message):
    array = how.get("array", {})
    path = write_raw(tmp_path / "a.zarr", **{key: how[key] for key in how if key != "array"})
    meta = path / "0" / ".zarray"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | array))
    with pytest.raises(ValueError, match=f"a.zarr.*({message})"):
        read_ome_zarr(path)


@pytest.mark.parametrize("codec", ["Blosc", "LZ4", "Zstd", "BZ2", "LZMA"])
def test_other_codecs_as_zarr_reads_them(tmp_path, codec):
    zarr = pytest.importorskip("zarr")
    numcodecs = pytest.importorskip("numcodecs")
    path = write_raw(tmp_path / "a.zarr")
    zarr.open_array(
        str(path / "0"), mode="w", shape=BLOCK.shape, chunks=(2, 2, 2), dtype="<u2",
        compressor=getattr(numcodecs, codec)(), order="F",    )[:] = BLOCK  # fmt: skip
    assert read_ome_zarr(path).data.tolist() == BLOCK.tolist()
