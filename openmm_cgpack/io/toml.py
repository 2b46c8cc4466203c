"""TOML files of settings."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a TOML file holds; it may begin with a byte-order mark.

    Raises
    ------
    ValueError
        The file is no TOML; the message names it and the line.
    OSError
        The file cannot be read.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: {error}") from None


def toml_text(table: Mapping[str, Any]) -> str:
    """Return nested plain values, as `core.settings.to_table` makes them, as the text of a file.

    Examples
    --------
    >>> print(toml_text({"seed": 1, "pack": {"kind": "dense", "fraction": 0.2}}))
    seed = 1
    <BLANKLINE>
    [pack]
    kind = "dense"
    fraction = 0.2
    <BLANKLINE>
    """
    import tomlkit

    return tomlkit.dumps(table)
