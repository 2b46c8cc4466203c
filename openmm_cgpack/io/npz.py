"""Arrays and a header in one file, written whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import atomic_path


def write_npz(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    kind: str,
    version: int,
    compressed: bool = False,
) -> None:
    """Write a header and arrays; a file that was there stays until the new one is whole.

    Parameters
    ----------
    path : path-like
        The file.
    header : mapping
        Plain JSON types.
    arrays : mapping of arrays
        By name.
    kind : str
        Name of the format.
    version : int
        Its version.
    compressed : bool, optional
        Whether the arrays are compressed.
    """
    text = json.dumps({"format": kind, "version": version, **header}).encode()
    everything: dict[str, Any] = {"header": np.frombuffer(text, np.uint8), **arrays}
    save = np.savez_compressed if compressed else np.savez
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        save(file, **everything)
        # On disc before it takes the old one's place, so that no power cut leaves neither.
        file.flush()
        os.fsync(file.fileno())


def read_npz(
    path: str | os.PathLike[str], *, kind: str, version: int, wanted: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays that `write_npz` has written.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        Name of the format.
    version : int
        The latest version that can be read.
    wanted : str
        What the file shall be, for the message.

    Returns
    -------
    header : dict
        Plain JSON types.
    arrays : dict of arrays
        By name.

    Raises
    ------
    ValueError
        The file is something else, or one of a later version of the format.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        header = json.loads(arrays.pop("header").tobytes())
    except (KeyError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: wanted {wanted} of openmm_cgpack ({error})") from None
    if header.get("format") != kind or header["version"] > version:
        raise ValueError(
            f"{path}: wanted format {kind!r} up to version {version}, "
            f"got {header.get('format')!r} version {header.get('version')}"
        )
    return header, arrays
