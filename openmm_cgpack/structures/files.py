"""Coordinate files as checked text: plain or gzipped, PDB or mmCIF."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

from ..core.runtime import StructureError

CIF_SUFFIXES = (".cif", ".mmcif")
_COORDINATES = (("x", 30, 38), ("y", 38, 46), ("z", 46, 54))


def read_text(path: Path) -> str:
    """Return the text of a file that is plain or gzipped, by its first two bytes.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str

    Raises
    ------
    StructureError
        The file is missing, unreadable, empty, a broken gzip or no text.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StructureError(f"{path}: no such file") from None
    except OSError as error:
        raise StructureError(f"{path}: cannot be read: {error.strerror}") from None
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except EOFError:
            raise StructureError(f"{path}: the gzip file is truncated") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise StructureError(f"{path}: the gzip file is corrupt: {error}") from None
    if not data.strip():
        raise StructureError(f"{path}: the file is empty")
    if b"\0" in data:
        at = data.index(b"\0")
        raise StructureError(f"{path}: not a text file, byte {at} is zero")
    # Latin-1 keeps one character per byte, so that the columns of PDB records stay in place.
    return data.decode("latin-1")


def is_mmcif(path: Path, text: str) -> bool:
    """Return whether a file is mmCIF: its suffix says so, or its first statement does.

    Parameters
    ----------
    path : pathlib.Path
        The file's name, with or without ``.gz``.
    text : str
        Its content.

    Returns
    -------
    bool
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes and suffixes[-1] in CIF_SUFFIXES:
        return True
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            return line.lower().startswith("data_")
    return False


def check_pdb(path: Path, text: str) -> int:
    """Check the coordinates of the first model's ATOM and HETATM records.

    PDB readers take what they can of a broken number; a structure with atoms at zero would come
    out. So every record is checked before the reader sees it.

    Parameters
    ----------
    path : pathlib.Path
        The file's name, for the message.
    text : str
        Its content.

    Returns
    -------
    int
        Number of ATOM and HETATM records of the first model.

    Raises
    ------
    StructureError
        There is none, or one is cut short or has a coordinate that is no finite number.
    """
    count = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("ATOM  ", "HETATM")):
            count += 1
            if len(line.rstrip()) < 54:
                raise StructureError(
                    f"{path}: line {number}: {line[:6].strip()} record cut short at column "
                    f"{len(line.rstrip())}, coordinates reach to column 54"
                )
            for axis, start, end in _COORDINATES:
                try:
                    finite = math.isfinite(float(line[start:end]))
                except ValueError:
                    finite = False
                if not finite:
                    raise StructureError(
                        f"{path}: line {number}: {line[:6].strip()} record: {axis}: wanted a "
                        f"finite number in columns {start + 1}-{end}, got {line[start:end]!r}"
                    )
        elif count and (line.startswith("ENDMDL") or line.rstrip() == "END"):
            break
    if not count:
        raise StructureError(f"{path}: no ATOM or HETATM record: no PDB file, or no atoms in it")
    return count
