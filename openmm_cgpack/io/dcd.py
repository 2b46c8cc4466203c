"""What DCD files say of themselves."""

from __future__ import annotations

import os
import struct

TITLE = b"openmm_cgpack"

_TITLES = 92
_LINE = 80


def set_dcd_title(path: str | os.PathLike[str], title: bytes = TITLE) -> None:
    """Overwrite the title lines of a DCD file, so that equal frames make equal bytes.

    mdtraj's writer puts the time of writing there, followed by bytes that nobody set.

    Parameters
    ----------
    path : path-like
        A little-endian DCD file.
    title : bytes, optional
        What the first line shall say, at most 80 bytes; the others become empty.

    Raises
    ------
    ValueError
        It is no such file, or the title is too long.
    """
    if len(title) > _LINE:
        raise ValueError(f"title: wanted at most {_LINE} bytes, got {len(title)}")
    with open(path, "r+b") as file:
        head = file.read(_TITLES + 8)
        if len(head) < _TITLES + 8 or head[:8] != struct.pack("<i", 84) + b"CORD":
            raise ValueError(f"{path}: wanted a little-endian DCD file")
        size, lines = struct.unpack("<ii", head[_TITLES:])
        if size != 4 + lines * _LINE:
            raise ValueError(f"{path}: wanted title lines of {_LINE} bytes")
        file.write(title.ljust(_LINE, b" ") + b" " * (_LINE * (lines - 1)))
