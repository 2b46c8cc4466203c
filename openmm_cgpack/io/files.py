"""Files that are written whole: beside their place and renamed. Arrays with a header, and TOML."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..core.messages import path_from_text, said_of, shown
from ..core.runtime import available_memory
from .inputs import read_text, regular_file

_STEM = 40
"""Characters of a file's name in that of its temporary file."""

MOST_TOML = 2**24
"""Bytes of a TOML file that are read."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, of the same suffix, that becomes `path` at the end.

    Nothing of it survives an error. A file that is there is replaced, and so is a link: what it
    points to, and what a hard link shares, stays as it is. A name in it may have letters that the
    locale does not know.
    """
    path = Path(path_from_text(os.fspath(path)))
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(f"{path}: is a folder; wanted the name of a file")
    # A name as long as the file system takes has room for no more.
    prefix = f".{path.stem[:_STEM]}-"
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix[:_STEM])
    except OSError as error:
        # Not of the temporary file, of which nobody has heard.
        raise type(error)(error.errno, error.strerror, str(path)) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files for the owner alone; give them the mode that open() would have.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def refuse_inputs(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Raise ValueError where a file to write is one that is read, by whatever name or link."""
    for given in inputs:
        if os.path.exists(path) and os.path.exists(given) and os.path.samefile(path, given):
            raise ValueError(f"{path}: is the input {given}; give another file")


@contextmanager
def atomic_folder(
    path: str | os.PathLike[str], *, foreign: Callable[[Path], Iterable[Path]] = Path.iterdir
) -> Iterator[Path]:
    """Yield a new folder beside `path` that becomes `path`, in place of one there, at the end.

    Nothing of it survives an error, and the folder that was there stays. It stays, too, where
    `foreign` finds something in it that is not to be replaced; by default anything.
    """
    path = Path(path)
    if path.is_symlink():
        raise FileExistsError(f"{path}: is a link; nothing is written through it")
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path}: exists, and is no folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    _refuse_foreign(path, foreign)
    beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.partial-"))
    temporary = beside / path.name
    temporary.mkdir()
    try:
        yield temporary
        _refuse_foreign(path, foreign)
        if path.exists():
            path.rename(beside / f"{path.name}.old")
        temporary.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _refuse_foreign(path: Path, foreign: Callable[[Path], Iterable[Path]]) -> None:
    for held in foreign(path) if path.exists() else ():
        raise FileExistsError(
            f"{held}: was not written there by what would replace {path}, or was changed since; "
            "move it away"
        )


def write_npz(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    kind: str,
    version: int,
    compressed: bool = False,
) -> None:
    """Write a header of plain JSON types and arrays by name, as a version of the format `kind`.

    The header has a digest of each array, by which `open_npz` knows one that is no longer what was
    written: OpenMM's own states, for one, are read by nothing that could bear others.
    """
    digests = {name: _digest(array) for name, array in arrays.items()}
    record = {"format": kind, "version": version, **header, "digests": digests}
    text = json.dumps(record).encode()
    everything: dict[str, Any] = {_HEADER: np.frombuffer(text, np.uint8), **arrays}
    save = np.savez_compressed if compressed else np.savez
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        save(file, **everything)
        # On disc before it takes the old one's place, so that no power cut leaves neither.
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def open_npz(
    path: str | os.PathLike[str], *, kind: str, version: int, wanted: str
) -> Iterator[tuple[dict[str, Any], Mapping[str, np.ndarray]]]:
    """Yield the header and the arrays that `write_npz` has written.

    An array is read when it is asked for, and only as much as its member holds. Whatever goes
    wrong inside the context with what the file holds is a ValueError that names the file.

    Parameters
    ----------
    path : path-like
        The file.
    kind, version : str, int
        The format and the version of it that can be read.
    wanted : str
        What the file shall be, for the message.
    """
    path = regular_file(path)
    with said_of(path, f"{wanted} of openmm_cgpack"), zipfile.ZipFile(path) as file:
        arrays = _Members(file, {})
        header = json.loads(arrays[_HEADER].astype(np.uint8, casting="no").tobytes())
        if not isinstance(header, dict):
            raise TypeError("its header is no table")
        found = (header.get("format"), header.get("version"))
        if found != (kind, version):
            raise ValueError(
                f"{path}: wanted format {kind!r} version {version}, "
                f"got {shown(found[0])} version {shown(found[1])}"
            )
        yield header, _Members(file, header.get("digests", {}))


_HEADER = "header"


class _Members(Mapping[str, np.ndarray]):
    """The arrays of an open archive by name; each is read when it is asked for."""

    def __init__(self, file: zipfile.ZipFile, digests: Mapping[str, str]) -> None:
        self._file, self._digests = file, digests

    def __iter__(self) -> Iterator[str]:
        names = (name.removesuffix(".npy") for name in self._file.namelist())
        return (name for name in names if name != _HEADER)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> np.ndarray:
        info = self._file.getinfo(f"{name}.npy")
        with self._file.open(info) as member:
            major, _ = np.lib.format.read_magic(member)
            read_head = (
                np.lib.format.read_array_header_1_0
                if major == 1
                else np.lib.format.read_array_header_2_0
            )
            shape, by_columns, dtype = read_head(member)
            size = math.prod(shape) * dtype.itemsize
            if dtype.hasobject or min(shape, default=0) < 0 or size > available_memory() / 2:
                raise ValueError(f"{name}: an array of {shape} of {dtype} cannot be read")
            data = member.read(size + 1)
        if len(data) != size:
            raise ValueError(f"{name}: wanted {size} bytes, got {len(data)}")
        array = np.frombuffer(bytearray(data), dtype)
        array = array.reshape(shape, order="F" if by_columns else "C")
        if name in self._digests and self._digests[name] != _digest(array):
            raise ValueError(f"{name}: is not what was written")
        return array


def _digest(array: np.ndarray) -> str:
    """Return a short digest of an array's type, shape and numbers."""
    array = np.asarray(array)
    digest = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=8)
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a TOML file holds."""
    text = read_text(path, most=MOST_TOML)
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: not a TOML file: nested too deeply") from None


def toml_text(table: Mapping[str, Any]) -> str:
    """Return nested plain values, as `core.settings.to_table` makes them, as the text of a file."""
    import tomlkit

    return tomlkit.dumps(table)
