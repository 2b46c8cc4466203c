"""Maps and labels as MRC2014 or OME-Zarr; masks as the one that holds their labels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..core.units import ANGSTROM_PER_NM
from ..core.volume import LabelVolume, Volume
from .files import atomic_path
from .omezarr import read_ome_zarr, write_ome_zarr

LABEL = "openmm_cgpack"
"""What the file's first text label says; mrcfile's own has the time in it, which no file needs."""

MOST_LABELS = np.iinfo(np.uint16).max
"""Highest label that the format holds."""


def write_mrc(
    path: str | os.PathLike[str], volume: Volume | LabelVolume, *, keep_origin: bool = False
) -> None:
    """Write a volume as MRC; the same data make the same bytes.

    Densities are stored as 32-bit floats (mode 2), labels as unsigned 16-bit integers (mode 6),
    as a volume (space group 1) with its voxel size in Å.

    Parameters
    ----------
    path : path-like
        Where to write.
    volume : Volume or LabelVolume
        Labels up to 65535, the most that the format holds.
    keep_origin : bool, optional
        Whether the header says, in Å, where the volume stood in the scene or body frame, as
        templates need that are to lie on their molecule. Otherwise the first voxel's centre is at
        0, the frame in which particles are listed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> volume = Volume(data=np.ones((4, 6, 8)), voxel_size=1.5, origin=(-6, -4.5, -3))
    >>> with TemporaryDirectory() as folder:
    ...     write_mrc(Path(folder, "a.mrc"), volume)
    ...     write_mrc(Path(folder, "b.mrc"), volume, keep_origin=True)
    ...     [read_mrc(Path(folder, name)).origin.tolist() for name in ("a.mrc", "b.mrc")]
    [[0.0, 0.0, 0.0], [-6.0, -4.5, -3.0]]
    """
    if not isinstance(volume, Volume | LabelVolume):
        raise TypeError(f"volume: wanted a Volume or LabelVolume, got {type(volume).__name__}")
    data = volume.data
    if isinstance(volume, LabelVolume):
        most = int(data.max())
        if most > MOST_LABELS:
            raise ValueError(f"{path}: wanted labels up to {MOST_LABELS}, as MRC holds, got {most}")
        data = data.astype(np.uint16)
    import mrcfile

    with atomic_path(path) as temporary, mrcfile.new(temporary, overwrite=True) as file:
        file.set_data(data)
        file.voxel_size = volume.voxel_size * ANGSTROM_PER_NM
        if keep_origin:
            x, y, z = (float(v) for v in volume.origin * ANGSTROM_PER_NM)
            file.header.origin.x, file.header.origin.y, file.header.origin.z = x, y, z
        file.header.label[:] = b""
        file.header.label[0] = LABEL.encode()
        file.header.nlabl = 1


def read_mrc(path: str | os.PathLike[str]) -> Volume | LabelVolume:
    """Read a volume of cubic voxels from MRC, plain or compressed with gzip or bzip2.

    Returns
    -------
    Volume or LabelVolume
        Unsigned integers (mode 6) are labels, everything else density. The origin is the
        header's, in nm.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> labels = LabelVolume(data=np.ones((4, 6, 8), int), voxel_size=1.5, origin=(0, 0, 0))
    >>> with TemporaryDirectory() as folder:
    ...     write_mrc(Path(folder, "labels.mrc"), labels)
    ...     again = read_mrc(Path(folder, "labels.mrc"))
    >>> type(again).__name__, again.data.shape, again.voxel_size
    ('LabelVolume', (4, 6, 8), 1.5)
    """
    import mrcfile

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with mrcfile.open(path) as file:
            data = np.array(file.data)
            size = np.array(file.voxel_size.item())
            header = file.header
            origin = np.array(header.origin.item(), float)
            start = np.array([header.nxstart, header.nystart, header.nzstart], float)
            axes = (int(header.mapc), int(header.mapr), int(header.maps))
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: not a readable MRC file: {error}") from None
    if data.ndim != 3 or axes != (1, 2, 3):
        raise ValueError(
            f"{path}: wanted a volume with axes x, y, z, got {data.ndim} dimensions and {axes}"
        )
    if not (size > 0).all() or np.ptp(size) > 1e-3 * size.max():
        raise ValueError(f"{path}: wanted cubic voxels, got {size.tolist()} Å")
    # The older way to say where a map lies; ChimeraX takes it where the origin is 0 too.
    if not origin.any():
        origin = start * size
    kind = LabelVolume if data.dtype == np.uint16 else Volume
    return kind(
        data=data,
        voxel_size=float(size[0]) / ANGSTROM_PER_NM,
        origin=origin / ANGSTROM_PER_NM,
    )


def read_volume(path: str | os.PathLike[str]) -> Volume | LabelVolume:
    """Read a volume: OME-Zarr where its name ends in ``.zarr``, else MRC."""
    return read_ome_zarr(path) if Path(path).suffix == ".zarr" else read_mrc(path)


def read_labels(path: str | os.PathLike[str]) -> LabelVolume:
    """Read labels, whole numbers from 0 up, of whatever type a program wrote them in."""
    held = read_volume(path)
    if isinstance(held, LabelVolume):
        return held
    whole = np.rint(held.data)
    if (whole != held.data).any() or whole.min() < 0:
        raise ValueError(f"{path}: wanted labels, whole numbers >= 0")
    return LabelVolume(data=whole.astype(np.uint32), voxel_size=held.voxel_size, origin=held.origin)


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
