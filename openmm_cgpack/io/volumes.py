"""Maps and labels as MRC or OME-Zarr, whichever a file is; masks as the one that holds them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..core.volume import LabelVolume, Volume
from .mrc import MOST_LABELS, read_mrc, write_mrc
from .omezarr import read_ome_zarr, write_ome_zarr


def read_volume(path: str | os.PathLike[str]) -> Volume | LabelVolume:
    """Read a volume: OME-Zarr where its name ends in ``.zarr``, else MRC."""
    return read_ome_zarr(path) if Path(path).suffix == ".zarr" else read_mrc(path)


def read_labels(path: str | os.PathLike[str]) -> LabelVolume:
    """Read labels, of whatever type a program wrote them in.

    Raises
    ------
    ValueError
        Some values are no whole numbers from 0 up.
    """
    held = read_volume(path)
    if isinstance(held, LabelVolume):
        return held
    whole = np.rint(held.data)
    if (whole != held.data).any() or whole.min() < 0:
        raise ValueError(f"{path}: wanted labels, whole numbers >= 0")
    return LabelVolume(data=whole.astype(np.uint32), voxel_size=held.voxel_size, origin=held.origin)


def write_mask(folder: str | os.PathLike[str], name: str, volume: LabelVolume) -> Path:
    """Write a mask as ``NAME.mrc``, or as ``NAME.zarr`` where a label is above 65535.

    Parameters
    ----------
    folder : path-like
        Where to write; it exists.
    name : str
        Name of the mask.
    volume : LabelVolume
        The mask.

    Returns
    -------
    pathlib.Path
        What was written.
    """
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
