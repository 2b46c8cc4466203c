"""Files that exist are whole, written beside their place and renamed; files that must exist."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path` that becomes `path` when the block ends well.

    Parameters
    ----------
    path : path-like
        Where the file shall be.

    Yields
    ------
    pathlib.Path
        A path in the same folder with the same suffix; it does not survive an error.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
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


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a hidden folder beside `path` that becomes `path` when the block ends well.

    Parameters
    ----------
    path : path-like
        The folder to make; one that is there is replaced when the new one is whole.

    Yields
    ------
    pathlib.Path
        An empty folder; it does not survive an error.

    Raises
    ------
    NotADirectoryError
        Something else than a folder is at `path`.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path}: exists, and is no folder")
    beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.partial-"))
    temporary = beside / path.name
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            path.rename(beside / f"{path.name}.old")
        temporary.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def existing(path: str | os.PathLike[str]) -> Path:
    """Return a path that exists.

    Raises
    ------
    FileNotFoundError
        There is nothing; the message names those of the same name one folder deeper, as a
        crowding series has them.
    """
    path = Path(path)
    if not path.exists():
        others = sorted(other.as_posix() for other in path.parent.glob(f"*/{path.name}"))
        there_are = f"; there are {', '.join(others)}" if others else ""
        raise FileNotFoundError(f"{path}: no such file{there_are}")
    return path
