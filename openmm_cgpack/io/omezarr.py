"""OME-Zarr written: NGFF 0.4 on Zarr version 2, with numpy and the standard library alone."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..core.units import ANGSTROM_PER_NM
from ..core.volume import LabelVolume, Volume
from .files import atomic_folder

CHUNK = 64
"""Edge of a chunk, voxels."""

SMALLEST = 32
"""Levels are added while the longest edge of the last one is longer than this, voxels."""

MOST_LEVELS = 3


def write_ome_zarr(
    path: str | os.PathLike[str],
    volume: Volume | LabelVolume,
    *,
    levels: int | None = None,
    name: str = "",
    compression: int | None = None,
    dtype: str | None = None,
) -> None:
    """Write a volume with its pyramid as OME-Zarr 0.4.

    Axes are z, y and x in Å; the first voxel's centre is at 0. A voxel of the next level of a map
    is the mean of up to eight, and stands in their middle: its ``translation`` says so. Of labels
    every second voxel along each axis is kept, where it is: no label is made up, and the voxels
    that are left need no translation.

    Parameters
    ----------
    path : path-like
        The folder to make, ``.zarr``; one that holds nothing but a Zarr's files is replaced.
    volume : Volume or LabelVolume
        Written as ``<f4``, or as ``<u2`` or ``<u4`` as it is.
    levels : int, optional
        Number of levels; by default 3, and fewer where the volume is small.
    name : str, optional
        Name of the image.
    compression : int, optional
        Level of zlib, 1 to 9; 0 leaves the chunks as they are. By default 1 where that makes the
        middle of the volume smaller by a fifth, and 0 else: noise stays as large as it is.
    dtype : {"uint8", "uint16", "uint32"}, optional
        How labels are stored, in place of their own type.

    Raises
    ------
    ValueError
        Labels are above what `dtype` holds.
    FileExistsError
        `path` is a link, or a folder that holds other files.
    """
    path = Path(path)
    labels = isinstance(volume, LabelVolume)
    data = np.asarray(volume.data)
    if dtype is not None:
        most = int(data.max())
        if not labels or most > np.iinfo(dtype).max:
            raise ValueError(f"{path}: wanted labels up to {np.iinfo(dtype).max}, got {most}")
        data = data.astype(dtype)
    if compression is None:
        compression = 1 if _worthwhile(data) else 0
    pyramid = [data]
    wanted = MOST_LEVELS if levels is None else levels
    while len(pyramid) < wanted and (levels is not None or max(pyramid[-1].shape) > SMALLEST):
        pyramid.append(pyramid[-1][::2, ::2, ::2] if labels else halved(pyramid[-1]))
    size = round(volume.voxel_size * ANGSTROM_PER_NM, 9)
    datasets = []
    with atomic_folder(path, foreign=_no_zarr) as folder:
        for level, array in enumerate(pyramid):
            transforms: list[dict[str, Any]] = [{"type": "scale", "scale": [size * 2**level] * 3}]
            if level and not labels:
                shift = size * (2**level - 1) / 2
                transforms.append({"type": "translation", "translation": [shift] * 3})
            datasets.append({"path": str(level), "coordinateTransformations": transforms})
            _write_array(folder / str(level), array, compression)
        axis = {"type": "space", "unit": "angstrom"}
        image = {
            "version": "0.4",
            "name": name or path.stem,
            "axes": [{"name": letter, **axis} for letter in "zyx"],
            "datasets": datasets,
            "type": "nearest" if labels else "mean",
        }
        _write_json(folder / ".zgroup", {"zarr_format": 2})
        _write_json(folder / ".zattrs", {"multiscales": [image]})


def halved(data: np.ndarray) -> np.ndarray:
    """Return the means of blocks of 2 x 2 x 2; at odd edges, of what there is.

    Parameters
    ----------
    data : (z, y, x) array
        The values.

    Returns
    -------
    array
        Half the size along each axis, rounded up; float32.

    Examples
    --------
    >>> halved(np.arange(3.0).reshape(1, 1, 3)).tolist()
    [[[0.5, 2.0]]]
    """
    for axis in range(3):
        data = np.moveaxis(data, axis, 0)
        pairs = len(data) // 2
        means = (data[: 2 * pairs : 2] + data[1 : 2 * pairs : 2]) * np.float32(0.5)
        data = np.concatenate([means, data[2 * pairs :]]).astype(np.float32, copy=False)
        data = np.moveaxis(data, 0, axis)
    return data


def _no_zarr(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that are not those of a Zarr of version 2."""
    zarr = (folder / ".zgroup").is_file()
    for path in sorted(folder.rglob("*")):
        named = path.name in (".zgroup", ".zattrs", ".zarray") or path.name.isdigit()
        if path.is_symlink() or (not path.is_dir() and not (zarr and named)):
            yield path


def _worthwhile(data: np.ndarray) -> bool:
    """Return whether zlib makes the middle of an array smaller by a fifth."""
    middle = [slice(max(0, (n - CHUNK) // 2), (n + CHUNK) // 2) for n in data.shape]
    raw = data[tuple(middle)].tobytes()
    return len(zlib.compress(raw, 1)) < 0.8 * len(raw)


def _write_array(folder: Path, data: np.ndarray, compression: int) -> None:
    folder.mkdir()
    dtype = data.dtype.newbyteorder("<")
    chunks = [min(CHUNK, n) for n in data.shape]
    meta = {
        "zarr_format": 2,
        "shape": list(data.shape),
        "chunks": chunks,
        "dtype": dtype.str,
        "compressor": {"id": "zlib", "level": compression} if compression else None,
        "fill_value": 0.0 if dtype.kind == "f" else 0,
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
    }
    _write_json(folder / ".zarray", meta)
    for index in _chunk_indices(data.shape, chunks):
        where = tuple(slice(i * c, (i + 1) * c) for i, c in zip(index, chunks, strict=True))
        part = data[where]
        # Chunks that are not there are zero: labels are mostly that.
        if not part.any():
            continue
        block = np.zeros(chunks, dtype)
        block[tuple(slice(n) for n in part.shape)] = part
        file = folder.joinpath(*map(str, index))
        file.parent.mkdir(parents=True, exist_ok=True)
        raw = block.tobytes()
        file.write_bytes(zlib.compress(raw, compression) if compression else raw)


def _chunk_indices(shape: tuple[int, ...], chunks: list[int]) -> product:
    return product(*(range(-(-n // c)) for n, c in zip(shape, chunks, strict=True)))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
