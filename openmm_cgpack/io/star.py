"""STAR files, as RELION writes and reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .files import atomic_path
from .inputs import read_text

VERSION = "# version 50001"
"""The comment by which RELION 5 knows its own files."""

# A quotation mark ends a value only before a blank.
_WORD = re.compile(r"'(.*?)'(?!\S)|\"(.*?)\"(?!\S)|(\S+)")
# What a value may be without quotes; words that mean something are quoted too.
_PLAIN = re.compile(r"(?!(?:data|save)_|(?:loop|stop|global)_$|[.?]$)(?![_#$'\"\[\];])[!-~]+", re.I)

Columns = Mapping[str, Any]


def write_star(path: str | os.PathLike[str], blocks: Mapping[str, Columns]) -> None:
    """Write tables as a STAR file of RELION's style.

    Parameters
    ----------
    path : path-like
        Where to write.
    blocks : mapping of str to mapping
        Columns by name, by the name of their block. Columns are sequences of one length and make
        a ``loop_``; a block of single values makes a simple list. Floats are written with six
        decimals, and text with blanks in quotes.

    Raises
    ------
    ValueError
        Columns of one block differ in length.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.star")
    ...     write_star(path, {"general": {"rlnA": 1}, "b": {"rlnX": [0.5], "rlnName": ["x y"]}})
    ...     read_star(path)
    {'general': {'rlnA': ['1']}, 'b': {'rlnX': ['0.500000'], 'rlnName': ['x y']}}
    """
    lines = []
    for name, columns in blocks.items():
        lines += ["", VERSION, "", f"data_{name}", ""]
        if all(isinstance(value, str) or np.ndim(value) == 0 for value in columns.values()):
            lines += [f"_{key} {_text(value)}" for key, value in columns.items()]
        else:
            texts = {key: [_text(value) for value in column] for key, column in columns.items()}
            lengths = {key: len(column) for key, column in texts.items()}
            if len(set(lengths.values())) > 1:
                raise ValueError(f"{path}: block {name!r}: wanted one length, got {lengths}")
            lines += ["loop_", *(f"_{key} #{i}" for i, key in enumerate(columns, start=1))]
            lines += [" ".join(row) for row in zip(*texts.values(), strict=True)]
        lines.append("")
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_star(path: str | os.PathLike[str]) -> dict[str, dict[str, list[str]]]:
    """Read the tables of a STAR file as text.

    Parameters
    ----------
    path : path-like
        What to read.

    Returns
    -------
    dict
        Columns by name, by block: lists of str; of a simple list, one value each.

    Raises
    ------
    ValueError
        A row has not one value for each column; the message names the file and the line.
    """
    blocks: dict[str, dict[str, list[str]]] = {}
    columns: dict[str, list[str]] = {}
    loop = False
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        words = _words(line)
        if not words:
            continue
        if words[0].startswith("data_"):
            columns = blocks.setdefault(words[0][len("data_") :], {})
            loop = False
        elif words[0] == "loop_":
            loop = True
        elif words[0].startswith("_") and (loop or len(words) == 2) and not _filled(columns, loop):
            columns[words[0][1:]] = words[1:]
        elif loop and columns and len(words) == len(columns):
            for column, word in zip(columns.values(), words, strict=True):
                column.append(word)
        else:
            raise ValueError(
                f"{path}: line {number}: wanted {len(columns)} values, got {len(words)}"
            )
    return blocks


def _words(line: str) -> list[str]:
    """Return the values of a line, up to a comment."""
    words = []
    for single, double, plain in _WORD.findall(line):
        if plain.startswith("#"):
            break
        words.append(single or double or plain)
    return words


def _filled(columns: Mapping[str, list[str]], loop: bool) -> bool:
    """Return whether rows of a loop have begun: what starts with _ is a value from then on."""
    return loop and any(columns.values())


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        # Adding 0 takes the sign off a zero.
        return f"{round(float(value), 6) + 0.0:.6f}"
    return quoted(str(value))


def quoted(text: str) -> str:
    r"""Return a text of one line as a row of STAR, and so of mmCIF, has it.

    Examples
    --------
    >>> quoted("1f1b"), quoted("loop_"), quoted("70S"), quoted('a "b" c'), quoted("it's")
    ('1f1b', '"loop_"', '70S', '\'a "b" c\'', "it's")
    """
    if _PLAIN.fullmatch(text):
        return text
    for mark in "\"'":
        if f"{mark} " not in text:
            return f"{mark}{text}{mark}"
    # Between semicolons that begin lines, which readers of RELION's files do not know.
    return f"\n;{text}\n;"
