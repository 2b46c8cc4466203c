"""OME-Zarr images as programs write them: NGFF 0.1 to 0.5, on Zarr 2 and 3.

What this package writes is read with numpy and the standard library. Other codecs, filters and
Zarr 3 are read by the package zarr where it is there.
"""

from __future__ import annotations

import importlib
import math
import os
import warnings
import zlib
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.messages import said_of
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import Grid, LabelVolume, Volume
from .inputs import read_json, read_stored
from .mrc import HeldVolume, as_volume, check_shape

MOST_CHUNKS = 2**18
"""Chunks of a volume that are read; 64 voxels a side, they would be 4096 x 4096 x 4096 voxels."""

MOST_BYTES = 2**32
"""Bytes of a volume, and 1/4 of it of a chunk, that are read."""

ANGSTROM_PER_UNIT = {
    "angstrom": 1.0,
    "picometer": 0.01,
    "nanometer": 10.0,
    "micrometer": 1e4,
    "millimeter": 1e7,
    "centimeter": 1e8,
    "meter": 1e10,
}
"""NGFF's names of lengths."""

_IMAGE = "an OME-Zarr image"
_WBITS = {None: None, "zlib": 15, "gzip": 31}
"""Codecs of the standard library, by the name of zlib's window."""


class _Array(NamedTuple):
    """What the metadata of an array say, of either version of Zarr."""

    shape: list[int]
    chunks: list[int]
    dtype: np.dtype
    fill: Any = 0
    codec: str | None = None
    order: Any = "C"
    separator: str = "."
    version: int = 2
    needs: str = ""
    """What takes the package zarr; empty where numpy and the standard library will do."""


def read_ome_zarr(path: str | os.PathLike[str], *, level: int = 0) -> Volume | LabelVolume:
    """Read one level of an image in OME-Zarr.

    Parameters
    ----------
    path : path-like
        The folder.
    level : int, optional
        Which level; 0 has the smallest voxels.

    Returns
    -------
    Volume or LabelVolume
        Unsigned integers are labels. The origin is the level's translation. Axes come in the
        order z, y, x whatever that of the file, lengths in nm.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such folder; it is no image of cubic voxels in three dimensions; or it takes
        the package zarr, which is not there or cannot read it. The message names the folder.
    """
    return as_volume(path, read_ome_zarr_data(path, level=level))


def read_ome_zarr_data(
    path: str | os.PathLike[str], *, level: int = 0, shape: tuple[int, ...] | None = None
) -> HeldVolume:
    """Read a volume as `read_ome_zarr` does, with its numbers as they are in the file.

    What has not the `shape` that is wanted is refused unread.
    """
    path = Path(path)
    folder, array, space, grid = _place(path, level)
    check_shape(path, grid.shape, shape)
    data = _numbers(folder, array)
    others = [axis for axis in range(data.ndim) if axis not in space]
    data = np.ascontiguousarray(data.transpose(others + space).reshape(grid.shape))
    data.flags.writeable = False
    return HeldVolume(data, grid.voxel_size, grid.origin)


def read_ome_zarr_grid(path: str | os.PathLike[str]) -> Grid:
    """Return the grid of a volume from its metadata alone."""
    return _place(Path(path), 0)[3]


def _place(path: Path, level: int) -> tuple[Path, _Array, list[int], Grid]:
    """Return the folder and the metadata of a level's array, which axes are z, y, x, the grid."""
    image = _image(path)
    with said_of(path, _IMAGE):
        axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
        dataset = image["datasets"][level]
        folder = path / dataset["path"]
        scale, shift = _placement(path, image, dataset, len(axes))
        names = [str(axis["name"]) for axis in axes]
    array = _array(folder)
    if len(array.shape) != len(axes):
        raise ValueError(f"{path}: wanted {len(axes)} axes, {names}, got shape {array.shape}")
    space = [names.index(axis) for axis in "zyx" if axis in names]
    others = [axis for axis in range(len(axes)) if axis not in space]
    if len(space) != 3 or any(array.shape[axis] != 1 for axis in others):
        got = dict(zip(names, array.shape, strict=True))
        raise ValueError(f"{path}: wanted one volume with axes z, y and x, got {got}")
    units = _units(path, [axes[axis] for axis in space])
    size, origin = scale[space] * units, (shift[space] * units)[::-1]
    if not (size > 0).all() or not np.isfinite(size).all() or np.ptp(size) > 1e-3 * size.max():
        raise ValueError(f"{path}: wanted cubic voxels, got {size[::-1].tolist()} Å")
    if not np.isfinite(origin).all():
        raise ValueError(f"{path}: wanted a finite translation, got {origin.tolist()}")
    nz, ny, nx = (array.shape[axis] for axis in space)
    voxel_size, origin = float(size[0]) / ANGSTROM_PER_NM, origin / ANGSTROM_PER_NM
    return folder, array, space, Grid(shape=(nz, ny, nx), voxel_size=voxel_size, origin=origin)


def _image(path: Path) -> dict[str, Any]:
    """Return the first of the multiscales, with axes."""
    if (path / ".zattrs").is_file():
        held = read_json(path / ".zattrs", wanted=_IMAGE)
    elif (path / "zarr.json").is_file():
        attributes = read_json(path / "zarr.json", wanted=_IMAGE).get("attributes", {})
        held = attributes.get("ome", attributes) if isinstance(attributes, dict) else {}
    elif not path.is_dir():
        raise FileNotFoundError(f"{path}: wanted {_IMAGE}: no such folder")
    else:
        kind = "a Zarr array without the metadata of OME" if (path / ".zarray").exists() else "none"
        raise ValueError(f"{path}: wanted {_IMAGE}, got {kind}")
    try:
        image = dict(held["multiscales"][0])
    except (KeyError, IndexError, TypeError, ValueError):
        inner = sorted(p.parent.name for p in path.glob("*/.zattrs") if p.parent.name != "OME")
        hint = f"; there are groups {', '.join(inner[:5])} in it" if inner else ""
        raise ValueError(f"{path}: wanted {_IMAGE}: no multiscales{hint}") from None
    # Until NGFF 0.3 the five axes went without saying.
    return {"axes": list("tczyx")} | image


def _placement(
    path: Path, image: dict[str, Any], dataset: dict[str, Any], n_axes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale and the translation of a level, in the units of the axes."""
    scale, shift = np.ones(n_axes), np.zeros(n_axes)
    steps = dataset.get("coordinateTransformations") or []
    for step in [*steps, *(image.get("coordinateTransformations") or [])]:
        kind = step["type"]
        if kind == "identity":
            continue
        values = np.array(step[kind], float)
        if kind not in ("scale", "translation") or values.shape != (n_axes,):
            raise ValueError(f"coordinateTransformations: {kind} of {n_axes} axes: {step[kind]}")
        shift = shift * values if kind == "scale" else shift + values
        scale = scale * values if kind == "scale" else scale
    if not steps:
        warnings.warn(f"{path}: no scale: voxels of 1 are taken", stacklevel=5)
    return scale, shift


def _units(path: Path, axes: list[dict[str, Any]]) -> np.ndarray:
    """Return the length of each axis' unit, Å."""
    without = [axis["name"] for axis in axes if axis.get("unit") is None]
    if without:
        said = f"{path}: axes {', '.join(without)} have no unit: Å is taken"
        warnings.warn(said, stacklevel=4)
    units = [axis.get("unit") or "angstrom" for axis in axes]
    for axis, unit in zip(axes, units, strict=True):
        if unit not in ANGSTROM_PER_UNIT:
            wanted = ", ".join(ANGSTROM_PER_UNIT)
            raise ValueError(f"{path}: axis {axis['name']}: wanted one of {wanted}, got {unit!r}")
    return np.array([ANGSTROM_PER_UNIT[unit] for unit in units])


def _array(folder: Path) -> _Array:
    """Return the metadata of an array, once what they announce can be read."""
    version2 = folder / ".zarray"
    file = version2 if version2.is_file() else folder / "zarr.json"
    meta = read_json(file, wanted="the metadata of a Zarr array")
    with said_of(file, "the metadata of a Zarr array"):
        array = _version_2(meta) if version2.is_file() else _version_3(meta)
        counts = [math.ceil(n / c) for n, c in zip(array.shape, array.chunks, strict=True)]
        fine = min(array.shape) > 0 and array.dtype.kind in "iufb"
    if not fine:
        raise ValueError(f"{file}: wanted numbers, got {array.dtype} in shape {array.shape}")
    if math.prod(counts) > MOST_CHUNKS:
        raise ValueError(f"{file}: {math.prod(counts)} chunks, and at most {MOST_CHUNKS} are read")
    for numbers, most in ((array.shape, MOST_BYTES), (array.chunks, MOST_BYTES // 4)):
        if math.prod(numbers) * array.dtype.itemsize > most:
            raise ValueError(
                f"{file}: {numbers} voxels: more than the {most >> 30} GiB that are read"
            )
    return array


def _version_2(meta: dict[str, Any]) -> _Array:
    codec = (meta.get("compressor") or {"id": None})["id"]
    filters = [one["id"] for one in meta.get("filters") or []]
    needs = f"filters {', '.join(filters)}" if filters else f"compression {codec}"
    dtype = np.dtype(meta["dtype"])
    return _Array(
        shape=[int(n) for n in meta["shape"]],
        chunks=[int(n) for n in meta["chunks"]],
        dtype=dtype,
        # Null: what no chunk holds is not defined; other readers give 0.
        fill=np.array(meta.get("fill_value") or 0).astype(dtype)[()],
        codec=codec,
        order={"C": "C", "F": "F"}[meta["order"]],
        separator=meta.get("dimension_separator", "."),
        needs="" if codec in _WBITS and not filters else needs,
    )


def _version_3(meta: dict[str, Any]) -> _Array:
    return _Array(
        shape=[int(n) for n in meta["shape"]],
        chunks=[int(n) for n in meta["chunk_grid"]["configuration"]["chunk_shape"]],
        dtype=np.dtype(meta["data_type"]),
        version=3,
        needs="Zarr version 3, which takes zarr 3 or later",
    )


def _numbers(folder: Path, array: _Array) -> np.ndarray:
    if array.needs:
        return _by_library(folder, array)
    data = np.zeros(array.shape, array.dtype.newbyteorder("="))
    if array.fill:
        data[...] = array.fill
    counts = [range(math.ceil(n / c)) for n, c in zip(array.shape, array.chunks, strict=True)]
    for index in product(*counts):
        file = folder / array.separator.join(map(str, index))
        if not file.exists():
            continue
        where = tuple(slice(i * c, (i + 1) * c) for i, c in zip(index, array.chunks, strict=True))
        data[where] = _chunk(file, array)[tuple(slice(n) for n in data[where].shape)]
    return data


def _chunk(file: Path, array: _Array) -> np.ndarray:
    size = math.prod(array.chunks) * array.dtype.itemsize
    # Noise grows a little when it is compressed.
    raw = read_stored(file, most=size + size // 64 + 1024)
    wbits = _WBITS[array.codec]
    with said_of(file, f"a chunk of {size} bytes"):
        if wbits is not None:
            raw = zlib.decompressobj(wbits).decompress(raw, size + 1)
        return np.frombuffer(raw, array.dtype).reshape(array.chunks, order=array.order)


def _by_library(folder: Path, array: _Array) -> np.ndarray:
    """Return the array as the package zarr reads it."""
    try:
        zarr = importlib.import_module("zarr")
    except ImportError:
        raise ValueError(
            f"{folder}: {array.needs}: wanted the Python package zarr to read it (pip install zarr)"
        ) from None
    if array.version > int(zarr.__version__.partition(".")[0]):
        raise ValueError(f"{folder}: {array.needs}: got zarr {zarr.__version__}")
    with said_of(folder, f"what zarr {zarr.__version__} can read ({array.needs})"):
        return np.asarray(zarr.open_array(str(folder), mode="r")[...])
