"""Masks in a folder: MRC, or OME-Zarr where there are more labels than MRC holds."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.volume import LabelVolume
from .mrc import MOST_LABELS, read_mrc, write_mrc
from .omezarr import read_ome_zarr, write_ome_zarr


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
    """Read a mask that `write_mask` wrote.

    Raises
    ------
    FileNotFoundError
        There is none of that name.
    ValueError
        It holds no labels.
    """
    path = mask_file(folder, name)
    volume = read_ome_zarr(path) if path.suffix == ".zarr" else read_mrc(path)
    if not isinstance(volume, LabelVolume):
        raise ValueError(f"{path}: wanted labels, got a map")
    return volume
