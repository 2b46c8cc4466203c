"""Maps and labels of whatever format, and masks as the one that holds their labels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..core.messages import said_of
from ..core.volume import Grid, LabelVolume, Volume
from .inputs import existing
from .mrc import MOST_LABELS, HeldVolume, as_volume, read_mrc_data, read_mrc_grid, write_mrc
from .omezarr import write_ome_zarr
from .zarr_images import read_ome_zarr_data, read_ome_zarr_grid


def read_volume(path: str | os.PathLike[str]) -> Volume | LabelVolume:
    """Read a volume: OME-Zarr where it is a folder, else MRC."""
    return as_volume(path, _read(path))


def read_grid(path: str | os.PathLike[str]) -> Grid:
    """Return the grid of a volume that `read_volume` reads, without its numbers."""
    read = read_ome_zarr_grid if existing(path).is_dir() else read_mrc_grid
    with said_of(path):
        return read(path)


def read_labels(
    path: str | os.PathLike[str], *, shape: tuple[int, ...] | None = None
) -> LabelVolume:
    """Read labels, whole numbers from 0 up, of whatever type a program wrote them in.

    Parameters
    ----------
    path : path-like
        OME-Zarr where it is a folder, else MRC.
    shape : tuple of int, optional
        What has another shape (z, y, x) is refused, before its numbers are read.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, it is no volume, or has other numbers, or another shape.
    """
    data, voxel_size, origin = _read(path, shape)
    most = np.iinfo(np.uint32).max
    # Section by section: no second copy of the whole. Half precision ends below the bound.
    wide = np.promote_types(data.dtype, np.float32) if data.dtype.kind == "f" else data.dtype
    highest = 0
    for section in data:
        section = section.astype(wide, copy=False)
        bad = ~((section >= 0) & (section <= most) & (section % 1 == 0))
        if bad.any():
            raise ValueError(f"{path}: wanted labels, whole numbers >= 0, got {section[bad][0]}")
        highest = max(highest, int(section.max()))
    labels = data.astype(np.uint16 if highest <= MOST_LABELS else np.uint32, copy=False)
    labels.flags.writeable = False
    return LabelVolume(data=labels, voxel_size=voxel_size, origin=origin)


def _read(path: str | os.PathLike[str], shape: tuple[int, ...] | None = None) -> HeldVolume:
    read = read_ome_zarr_data if existing(path).is_dir() else read_mrc_data
    with said_of(path):
        return read(path, shape=shape)


def write_mask(folder: str | os.PathLike[str], name: str, volume: LabelVolume) -> Path:
    """Write ``NAME.mrc``, or ``NAME.zarr`` where a label is above 65535, and return its path."""
    path = Path(folder) / f"{name}.mrc"
    if fits_mrc(volume):
        write_mrc(path, volume)
        return path
    path = path.with_suffix(".zarr")
    write_ome_zarr(path, volume)
    return path


def fits_mrc(volume: LabelVolume) -> bool:
    """Return whether MRC holds all labels."""
    return int(volume.data.max()) <= MOST_LABELS


def mask_file(folder: str | os.PathLike[str], name: str) -> Path:
    """Return ``NAME.zarr`` where a folder has it, and ``NAME.mrc`` otherwise."""
    path = Path(folder) / f"{name}.zarr"
    return path if path.is_dir() else path.with_suffix(".mrc")


def read_mask(folder: str | os.PathLike[str], name: str) -> LabelVolume:
    """Read a mask that `write_mask` wrote."""
    return read_labels(mask_file(folder, name))
