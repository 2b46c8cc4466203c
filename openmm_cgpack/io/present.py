"""A file that must be there."""

from __future__ import annotations

import os
from pathlib import Path


def present(path: str | os.PathLike[str]) -> Path:
    """Return a path that exists.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        There is none; the message names those of the same name one folder deeper, as a crowding
        series has them.
    """
    path = Path(path)
    if not path.exists():
        others = sorted(other.as_posix() for other in path.parent.glob(f"*/{path.name}"))
        there_are = f"; there are {', '.join(others)}" if others else ""
        raise FileNotFoundError(f"{path}: no such file{there_are}")
    return path
