"""STAR files, as RELION writes and reads them."""

from __future__ import annotations

import io
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

_Tables = dict[str, tuple[list[str], int, dict[int, list[str]]]]


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
    for number, line in enumerate(io.StringIO(read_text(path)), start=1):
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


def join_star(
    path: str | os.PathLike[str],
    added: Mapping[str, Mapping[str, list[str]]],
    to: str | os.PathLike[str],
    *,
    key: str,
    value: str,
) -> None:
    """Write a STAR file with rows of a tomogram, or the like, in place of those that it has.

    Comments, the order of columns and all other rows stay as they are.

    Parameters
    ----------
    path : path-like
        The file that there is.
    added : mapping of str to mapping
        Rows for its tables, as `read_star` returns them.
    to : path-like
        Where to write.
    key, value : str
        Rows that have this value in this column are left out. New rows of tables without the
        column are added where there is none with the same value in their first column.

    Raises
    ------
    ValueError
        A table lacks columns, or has others.
    """
    lines = read_text(path).split("\n")
    known = read_star(path)
    tables = _tables(lines)
    mine = _mine(tables, key, value)
    after: dict[int, list[str]] = {}
    for block, columns in added.items():
        if known.get(block) == columns and not mine & set(tables[block][2]):
            continue
        names, last, rows = tables.get(block, ([], 0, {}))
        if odd := sorted(set(names) ^ set(columns)):
            raise ValueError(
                f"{path}: block {block!r}: only one of it and of what is to be added has "
                f"{', '.join(odd)}; write to another folder"
            )
        if not rows and any(known[block].values()):
            raise ValueError(f"{path}: block {block!r}: wanted {columns}, got {known[block]}")
        first = next(iter(columns))
        held = {words[names.index(first)] for words in rows.values()}
        wanted = [i for i, word in enumerate(columns[first]) if key in names or word not in held]
        after[last] = [" ".join(_text(columns[name][i]) for name in names) for i in wanted]
    whole = []
    for i, line in enumerate(lines):
        whole += [] if i in mine else [line]
        whole += after.get(i, [])
    with atomic_path(to) as temporary:
        temporary.write_text("\n".join(whole), encoding="utf-8")


def lines_of(path: str | os.PathLike[str], key: str, value: str) -> list[str]:
    """Return the lines of a STAR file that are rows with a value in a column, as they stand."""
    lines = read_text(path).split("\n")
    return [lines[i] for i in sorted(_mine(_tables(lines), key, value))]


def _mine(tables: _Tables, key: str, value: str) -> set[int]:
    """Return the numbers of the lines that are rows with a value in a column."""
    return {
        i
        for names, _, rows in tables.values()
        for i, words in rows.items()
        if key in names and words[names.index(key)] == value
    }


def _tables(lines: list[str]) -> _Tables:
    """Return for each block its columns, the line after which rows are added, and the rows.

    A simple list has no rows.
    """
    blocks: _Tables = {}
    block, loop = "", False
    for i, line in enumerate(lines):
        words = _words(line)
        if not words:
            continue
        if words[0].startswith("data_"):
            block, loop = words[0][len("data_") :], False
            blocks[block] = ([], i, {})
        elif words[0] == "loop_":
            loop = True
        elif block in blocks:
            names, _, rows = blocks[block]
            if loop and (rows or not words[0].startswith("_")):
                rows[i] = words
            else:
                names.append(words[0][1:])
            blocks[block] = (names, i, rows)
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
