"""MRC files: volumes as MRC2014 says, and read as programs have written them over the years."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..core.messages import said_of
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import Grid, LabelVolume, Volume
from .files import atomic_path
from .inputs import mapped, open_unpacked

LABEL = "openmm_cgpack"
"""What the file's first text label says; mrcfile's own has the time in it, which no file needs."""

MOST_LABELS = np.iinfo(np.uint16).max
"""Highest label that the format holds."""

MOST_UNPACKED = 2**30
"""Bytes, 4 a voxel at least, that are unpacked of a compressed file."""

LONGEST = 65535
"""Voxels along an axis; what a header says of more is read in the wrong byte order."""

_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_STAMPS = {"<": (b"DD", b"DA"), ">": (b"\x11\x11",)}
_ORDERS = {"<": "little-endian", ">": "big-endian"}
_IMOD = 1146047817
"""At byte 152, where IMOD's flags stand at byte 156."""
_SIGNED_BYTES = 1


class HeldVolume(NamedTuple):
    """What a file of a volume holds, before anybody says whether it is a map or labels."""

    data: np.ndarray
    """(z, y, x), of the file's type, read-only."""
    voxel_size: float
    """nm."""
    origin: np.ndarray
    """(3,), nm."""


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
        header's, in nm. A header without a voxel size means 1 Å, with a warning.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, or it is no volume of cubic voxels in MRC; the message names it.

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
    return as_volume(path, read_mrc_data(path))


def map_mrc(path: str | os.PathLike[str]) -> Volume | LabelVolume:
    """Read a volume as `read_mrc` does, but leave its numbers on the disk until they are asked for.

    Those of a file that is compressed, or stored in another order than the machine's, are read.
    """
    with open_unpacked(path) as file:
        header = _read_header(path, file)
    shape, dtype = _stored(header)
    start = header.dtype.itemsize + int(header["nsymbt"])
    whole = start + math.prod(shape) * dtype.itemsize == Path(path).stat().st_size
    if not whole or not dtype.isnative or _axes(header) != [1, 2, 3]:
        return read_mrc(path)
    grid = _grid(path, header)
    data = mapped(path, dtype, shape, start)
    return as_volume(path, HeldVolume(data, grid.voxel_size, grid.origin))


def as_volume(path: str | os.PathLike[str], held: HeldVolume) -> Volume | LabelVolume:
    """Return labels where the numbers are unsigned, and else a map; errors name the file."""
    kind = LabelVolume if held.data.dtype.kind == "u" else Volume
    with said_of(path):
        return kind(**held._asdict())


def read_mrc_data(
    path: str | os.PathLike[str], *, shape: tuple[int, ...] | None = None
) -> HeldVolume:
    """Read a volume as `read_mrc` does, with its numbers as they are in the file.

    The header decides, where several programs differ: bytes (mode 0) are unsigned where IMOD's
    flags say so; axes may come in any order; what the machine stamp does not tell of the byte
    order, the plausible one tells. What has not the `shape` that is wanted is refused unread.
    """
    with open_unpacked(path) as file:
        header = _read_header(path, file)
        grid = _grid(path, header)
        check_shape(path, grid.shape, shape)
        data = _in_order(_read_numbers(path, file, header), header)
    data.flags.writeable = False
    return HeldVolume(data, grid.voxel_size, grid.origin)


def read_mrc_density(
    path: str | os.PathLike[str], *, most_voxels: int, voxel_size: float | None = None
) -> HeldVolume:
    """Read a map whose voxels have a size: the one given, nm, or the header's.

    The numbers are single-precision and finite.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, or it is no map of cubic voxels in MRC, has no size of a voxel, more
        voxels than `most_voxels`, or numbers that are not finite; the message names it.
    """
    with open_unpacked(path) as file:
        header = _read_header(path, file)
        if voxel_size is None and not any(header["cella"].item()):
            raise ValueError(f"{path}: no voxel size in its header: wanted voxel_size")
        grid = _grid(path, header, voxel_size)
        if math.prod(grid.shape) > most_voxels:
            raise ValueError(
                f"{path}: wanted at most {most_voxels:,} voxels, got "
                f"{' x '.join(map(str, grid.shape[::-1]))}; bin it first"
            )
        data = _in_order(_read_numbers(path, file, header), header).astype(np.float32)
    if not np.isfinite(data).all():
        raise ValueError(f"{path}: wanted finite numbers, got {data[~np.isfinite(data)][0]}")
    return HeldVolume(data, grid.voxel_size, grid.origin)


def read_mrc_grid(path: str | os.PathLike[str]) -> Grid:
    """Return the grid of a volume from its header alone."""
    with open_unpacked(path) as file:
        return _grid(path, _read_header(path, file))


def check_shape(
    path: str | os.PathLike[str], shape: tuple[int, ...], wanted: tuple[int, ...] | None
) -> None:
    """Raise ValueError where a volume has not the shape (z, y, x) that is wanted."""
    if wanted is not None and tuple(shape) != tuple(wanted):
        raise ValueError(f"{path}: wanted the truth's shape {wanted}, got {tuple(shape)}")


def read_mrc_images(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the images of a stack, (t, y, x), as they are in the file."""
    with open_unpacked(path) as file:
        return _read_numbers(path, file, _read_header(path, file))


def _read_header(path: str | os.PathLike[str], file: BinaryIO) -> Any:
    """Return the header as a record in the byte order that makes sense of it."""
    from mrcfile.dtypes import HEADER_DTYPE

    raw = file.read(HEADER_DTYPE.itemsize)
    bad = f"{path}: not a readable MRC file:"
    if len(raw) < HEADER_DTYPE.itemsize:
        raise ValueError(f"{bad} {len(raw)} bytes, and a header has {HEADER_DTYPE.itemsize}")
    headers = {order: np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order))[0] for order in _STAMPS}
    stamp = raw[212:216]
    # The stamp's own order first: a cube of 257 voxels, say, makes sense in both.
    orders = sorted(headers, key=lambda order: stamp[:2] not in _STAMPS[order])
    sensible = [order for order in orders if _makes_sense(headers[order])]
    if not sensible:
        header = headers[orders[0]]
        if raw[208:211] != b"MAP" or not all(0 < header[f"n{axis}"] <= LONGEST for axis in "xyz"):
            raise ValueError(f"{bad} its header is none")
        modes = ", ".join(map(str, _MODES))
        raise ValueError(f"{path}: wanted numbers of mode {modes}, got mode {header['mode']}")
    order = sensible[0]
    if raw[208:211] != b"MAP":
        warnings.warn(f"{path}: no MAP in its header: read as an MRC file", stacklevel=4)
    elif stamp[:2] not in _STAMPS[order]:
        said = f"{path}: machine stamp {stamp.hex(' ')}: read as {_ORDERS[order]}"
        warnings.warn(said, stacklevel=4)
    return headers[order]


def _makes_sense(header: Any) -> bool:
    lengths = [int(header[f"n{axis}"]) for axis in "xyz"]
    axes = {int(header[name]) for name in ("mapc", "mapr", "maps")}
    return (
        int(header["mode"]) in _MODES
        and all(0 < n <= LONGEST for n in lengths)
        and (axes == {1, 2, 3} or axes == {0})
        and header["nsymbt"] >= 0
    )


def _read_numbers(path: str | os.PathLike[str], file: BinaryIO, header: Any) -> np.ndarray:
    """Return the numbers after the header, (sections, rows, columns), in the machine's order."""
    shape, dtype = _stored(header)
    between = int(header["nsymbt"])
    announced = between + math.prod(shape) * dtype.itemsize
    on_disk = Path(path).stat().st_size
    unpacked = between + math.prod(shape) * max(dtype.itemsize, 4)
    if announced > on_disk and unpacked > MOST_UNPACKED:
        raise ValueError(
            f"{path}: its header announces {announced / 2**30:.1f} GiB: more than the file has, "
            f"and than is unpacked; where it is whole, unpack it first"
        )
    file.seek(between, os.SEEK_CUR)
    data = np.empty(shape, dtype)
    view, got = data.reshape(-1).view(np.uint8), 0
    while n := file.readinto(view[got:].data):  # type: ignore[attr-defined]
        got += n
    if got < len(view) or file.read(1):
        what = f"{got} bytes" if got < len(view) else "more"
        raise ValueError(
            f"{path}: not a readable MRC file: its header announces {len(view)} bytes of data, "
            f"got {what}"
        )
    return data.astype(dtype.newbyteorder("="), copy=False)


def _stored(header: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and the type of the numbers after a header."""
    dtype = np.dtype(_MODES[int(header["mode"])]).newbyteorder(header.dtype["mode"].byteorder)
    stamp, flags = header["extra2"].tobytes()[40:44], header["extra2"].tobytes()[44:48]
    imod, flag = (np.frombuffer(word, header.dtype["mode"])[0] for word in (stamp, flags))
    if dtype == np.int8 and imod == _IMOD and not flag & _SIGNED_BYTES:
        dtype = np.dtype(np.uint8)
    return tuple(int(header[f"n{axis}"]) for axis in "zyx"), dtype


def _axes(header: Any) -> list[int]:
    """Return what columns, rows and sections are: 1 for x, 2 for y, 3 for z."""
    axes = [int(header[name]) for name in ("mapc", "mapr", "maps")]
    return axes if any(axes) else [1, 2, 3]


def _in_order(data: np.ndarray, header: Any) -> np.ndarray:
    """Return a file's numbers as (z, y, x)."""
    axes = _axes(header)[::-1]
    if axes == [3, 2, 1]:
        return data
    return np.ascontiguousarray(data.transpose([axes.index(axis) for axis in (3, 2, 1)]))


def _grid(path: str | os.PathLike[str], header: Any, voxel_size: float | None = None) -> Grid:
    if 401 <= header["ispg"] <= 630 and header["mz"] != header["nz"]:
        raise ValueError(f"{path}: wanted one volume, got a stack of volumes (ISPG 401)")
    axes = _axes(header)
    lengths = {axis: int(header[f"n{letter}"]) for axis, letter in zip(axes, "xyz", strict=True)}
    size = _voxel_size(path, header) if voxel_size is None else voxel_size * ANGSTROM_PER_NM
    origin = np.array(header["origin"].item(), float)
    # The older way to say where a map lies; ChimeraX takes it where the origin is 0 too.
    if not origin.any():
        start = np.array([header[f"n{letter}start"] for letter in "xyz"], float)
        origin[[axis - 1 for axis in axes]] = start * size
    if not np.isfinite(origin).all():
        raise ValueError(f"{path}: wanted a finite origin, got {origin.tolist()}")
    return Grid(
        shape=(lengths[3], lengths[2], lengths[1]),
        voxel_size=size / ANGSTROM_PER_NM,
        origin=origin / ANGSTROM_PER_NM,
    )


def _voxel_size(path: str | os.PathLike[str], header: Any) -> float:
    """Return the edge of a voxel, Å: the cell's, over the number of its intervals."""
    cell = np.array(header["cella"].item(), float)
    intervals = np.array([header[f"m{axis}"] for axis in "xyz"], float)
    sizes = np.divide(cell, intervals, out=np.zeros(3), where=intervals != 0)
    known = sizes[sizes != 0]
    if not len(known):
        warnings.warn(f"{path}: no voxel size in its header: 1 Å is taken", stacklevel=4)
        return 1.0
    if not (known > 0).all() or not np.isfinite(known).all() or np.ptp(known) > 1e-3 * known.max():
        raise ValueError(f"{path}: wanted cubic voxels, got {sizes.tolist()} Å")
    return float(known[0])
