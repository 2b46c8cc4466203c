"""Input files are opened here: regular files, plain or compressed, text in any usual encoding.

Nothing else of the package opens a file that somebody gives it. So a device or a pipe is refused
before it blocks, a small file that unpacks without end is left at a stated size, and a byte-order
mark is never part of the first word.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import glob
import gzip
import importlib
import importlib.util
import io
import json
import os
import stat
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..core.messages import said_of

MOST_TEXT = 2**27
"""Bytes of a text, unpacked, where its reader states no other limit."""
_ALWAYS = 2**25
_MOST_PACKING = 15
"""Above 32 MiB, how many times its size a packed text may have: the PDB's have 3 to 6 times."""

_PACKED: dict[bytes, tuple[str, Callable[..., Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
}
_FOREIGN = {
    b"\xfd7zXZ\0": "xz data",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"\x1f\x9d": "data of compress",
    b"PK\x03\x04": "a zip archive",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
}
"""By their first bytes: files for which another program is needed first."""

# A mark of UTF-32 begins as that of UTF-16 does, so it is looked for first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What no text has: control characters other than blanks, the end mark of DOS and escape.
_CONTROLS = bytes(sorted({*range(0x20), 0x7F} - {*b"\t\n\v\f\r\x1a\x1b"}))


def existing(path: str | os.PathLike[str]) -> Path:
    """Return a path that exists.

    Where there is nothing, the message names files of the same name one folder deeper, as a
    crowding series has them.
    """
    path = Path(path)
    # Python up to 3.12 raises ValueError for these, and later only says that nothing is there.
    if "\0" in str(path):
        raise FileNotFoundError(f"{path}: no such file: a path has no null characters")
    if not path.exists():
        inner = path.parent.glob(f"*/{glob.escape(path.name)}") if path.name else ()
        others = sorted(other.as_posix() for other in inner)
        there_are = f"; there are {', '.join(others)}" if others else ""
        raise FileNotFoundError(f"{path}: no such file{there_are}")
    return path


def regular_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a regular file; a folder, a device or a pipe is refused unopened.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, or it is something else.
    """
    path = existing(path)
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise ValueError(f"{path}: wanted a file, got {kinds.get(stat.S_IFMT(mode), 'a device')}")
    return path


@contextmanager
def open_unpacked(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for reading, plain or compressed with gzip or bzip2, as its first bytes say.

    Nothing is read ahead: whoever reads states how much. Faults of the compressed data that show
    up inside the context are ValueErrors that name the file.
    """
    path = regular_file(path)
    with said_of(path), open(path, "rb") as file:
        start = file.read(6)
        file.seek(0)
        for magic, what in _FOREIGN.items():
            if start.startswith(magic):
                raise ValueError(f"{path}: {what}: unpack or convert it first")
        packed = next((entry for magic, entry in _PACKED.items() if start.startswith(magic)), None)
        if packed is None:
            yield file
            return
        name, unpack = packed
        try:
            with unpack(file) as unpacked:
                yield unpacked
        except EOFError:
            raise ValueError(f"{path}: the {name} file is truncated") from None
        except (OSError, zlib.error) as error:
            raise ValueError(f"{path}: the {name} file is corrupt: {error}") from None


def mapped(
    path: str | os.PathLike[str], dtype: np.dtype, shape: tuple[int, ...], start: int
) -> np.ndarray:
    """Return the numbers of a plain file from a byte on, read when they are asked for."""
    return np.asarray(np.memmap(path, dtype, "r", start, shape))


def read_bytes(path: str | os.PathLike[str], *, most: int = MOST_TEXT) -> bytes:
    """Return what a file holds, unpacked.

    Parameters
    ----------
    path : path-like
        A regular file, plain or compressed with gzip or bzip2.
    most : int, optional
        Bytes at which reading stops.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file; it is none that can be read; or it holds more.
    """
    with open_unpacked(path) as file:
        return _read(path, file, most)


def read_stored(path: str | os.PathLike[str], *, most: int) -> bytes:
    """Return the bytes of a file as they are, compressed or not; see `read_bytes`."""
    with open(regular_file(path), "rb") as file:
        return _read(path, file, most)


def _read(path: str | os.PathLike[str], file: BinaryIO, most: int, hint: str = "") -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        size = f"{most / 2**20:g} MiB" if most >= 2**20 else f"{most} bytes"
        raise ValueError(f"{path}: holds more than {size}, the most that is read{hint}")
    return data


def read_text(path: str | os.PathLike[str], *, most: int = MOST_TEXT) -> str:
    r"""Return the text of a file, plain or compressed, with lines that end in ``\n``.

    UTF-8, with a byte-order mark or without; UTF-16 and UTF-32 with one; and what is none of
    these as Latin-1, in which every byte is a character, with a warning that says so.

    Raises
    ------
    FileNotFoundError, ValueError
        As of `read_bytes`; or it is no text.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_bytes("x,y\r\n1,2".encode("utf-16"))
    ...     read_text(path)
    'x,y\n1,2'
    """
    # What small files can hold beyond this is repeated without end, and parsers take ten times it.
    believed = max(_ALWAYS, _MOST_PACKING * regular_file(path).stat().st_size)
    hint = " of a packed file of this size: unpack it first" if believed < most else ""
    with open_unpacked(path) as file:
        data = _read(path, file, min(most, believed), hint)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding in (None, "utf-8-sig") and b"\0" in data:
        raise ValueError(f"{path}: not a text file: byte {data.index(0)} is zero")
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        controls = len(data) - len(data.translate(None, _CONTROLS))
        if encoding is not None or controls:
            raise ValueError(f"{path}: not a text file: {error.reason}") from None
        warnings.warn(f"{path}: not UTF-8 (byte {error.start}): read as Latin-1", stacklevel=2)
        text = data.decode("latin-1")
    # As Python's own text files: without this, every reader would have to know all three.
    return io.IncrementalNewlineDecoder(None, True).decode(text, final=True)


class Table(NamedTuple):
    """A CSV file: the names of its columns, and the line and the values by name of each row."""

    names: list[str]
    rows: list[tuple[int, dict[str, str]]]


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file whose first line has the names of the columns; empty lines are left out.

    Raises
    ------
    FileNotFoundError, ValueError
        As of `read_text`; or a row has not one value for each column, or a name comes twice.
    """
    lines = csv.reader(io.StringIO(read_text(path)))
    rows = []
    try:
        names = [name.strip() for name in next(lines, [])]
        twice = [name for name in names if name and names.count(name) > 1]
        if twice:
            raise ValueError(f"{path}: column {twice[0]!r} comes twice")
        for values in lines:
            if not values:
                continue
            if len(values) != len(names):
                where = f"{path}: line {lines.line_num}"
                raise ValueError(f"{where}: wanted {len(names)} values, got {len(values)}")
            rows.append((lines.line_num, dict(zip(names, values, strict=True))))
    except csv.Error as error:
        raise ValueError(f"{path}: line {lines.line_num}: {error}") from None
    return Table(names, rows)


def read_json(path: str | os.PathLike[str], *, wanted: str) -> dict[str, Any]:
    """Return the object that a JSON file holds; `wanted` says what it shall be, for the message.

    Raises
    ------
    FileNotFoundError, ValueError
        As of `read_text`; or it is no JSON, or no object.
    """
    text = read_text(path)
    try:
        held = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: wanted {wanted}: not a JSON file: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: wanted {wanted}: nested too deeply") from None
    if not isinstance(held, dict):
        raise ValueError(f"{path}: wanted {wanted}, got {type(held).__name__} at the top")
    return held


def load_module(name: str, *, where: str = "") -> None:
    """Import a user's module by name or by a path that ends in ``.py``; it registers kinds.

    Raises
    ------
    ValueError
        It cannot be imported; the message begins with `where` and the name.
    """
    sys.path.insert(0, os.getcwd())
    # Nothing is to be left beside a file of the user's.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        if name.endswith(".py"):
            stem = regular_file(name).stem
            other = getattr(sys.modules.get(stem), "__file__", None)
            if stem in sys.modules and (other is None or not os.path.samefile(other, name)):
                raise ValueError(f"there is another module {stem}; wanted a name of its own")
            spec = importlib.util.spec_from_file_location(stem, name)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            # Under its name, so that types and pickles find it.
            sys.modules[stem] = module
            spec.loader.exec_module(module)
        else:
            importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{where}{name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
        sys.dont_write_bytecode = writes
