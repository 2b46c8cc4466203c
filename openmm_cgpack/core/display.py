"""What objects say of themselves: one short line, and in notebooks a small table and a picture.

The line is a class' own ``summary()``, and the rows of the table its ``facts()``; where it has
none, both are its fields, of arrays their shapes alone. Pictures are drawn by later folders, which
register them with `picture_of`.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

Described = TypeVar("Described")
Rows = Sequence[tuple[str, ...]]
"""Of a table: what, and how much."""

_LONGEST = 160
"""Characters of a line at most, beside the class' name."""
_PART = 60
"""Characters of one of its parts at most."""
_FEW = 3
"""Entries of a collection that are shown one by one."""
_ROWS = 14
"""Rows of a table at most."""
_DPI = 72

_pictures: dict[type, Callable[[Any], Any]] = {}

_log = logging.getLogger(__name__)


def described(cls: type[Described]) -> type[Described]:
    """Let objects of a class say what they are in one short line, and in notebooks in a table.

    Examples
    --------
    >>> @described
    ... class Crowd:
    ...     def summary(self):
    ...         return "12 molecules"
    >>> Crowd()
    Crowd(12 molecules)
    """
    cls.__repr__ = line  # type: ignore[method-assign]
    cls._repr_html_ = page  # type: ignore[attr-defined]
    return cls


def picture_of(*classes: type) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Register a function that draws objects of some classes as a matplotlib Figure."""

    def register(draw: Callable[[Any], Any]) -> Callable[[Any], Any]:
        _pictures.update(dict.fromkeys(classes, draw))
        return draw

    return register


def line(value: Any) -> str:
    """Return an object's class and summary, or its fields, in one short line.

    Examples
    --------
    >>> from openmm_cgpack.core import Grid
    >>> line(Grid(shape=(20, 30, 40), voxel_size=0.5, origin=(0, 0, 0)))
    'Grid(shape=(20, 30, 40), voxel_size=0.5, origin=(0.0, 0.0, 0.0))'
    """
    return f"{type(value).__name__}({_cut(_summary(value), _LONGEST)})"


def short(value: Any) -> str:
    """Return any value in a few words.

    Examples
    --------
    >>> short(np.zeros((5, 3))), short(1 / 3), short([1, 2, 3, 4]), short({"a": None})
    ('array(5, 3)', '0.333333', '4 entries', "{'a': None}")
    """
    if isinstance(value, np.ndarray) and value.ndim == 1 and 0 < len(value) <= _FEW:
        return _entries(tuple(value))
    if isinstance(value, np.ndarray):
        return f"array({', '.join(map(str, value.shape))})"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        text = f"{value:.6g}"
        return f"{text}.0" if text.lstrip("-").isdigit() else text
    if isinstance(value, Path):
        return short(str(value))
    if _is_plain(value):
        return _entries(value)
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    return _cut(repr(value), _PART)


def page(value: Any) -> str:
    """Return an object as HTML: its line, a small table, and a picture where one is registered."""
    name, summary = escape(type(value).__name__), escape(_cut(_summary(value), _LONGEST))
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in _facts(value))
    png = _png(value)
    data = base64.b64encode(png or b"").decode()
    picture = f'<img src="data:image/png;base64,{data}" alt="{name}">' if png else ""
    return f"<div><b>{name}</b> {summary}<table>{rows}</table>{picture}</div>"


def _cell(text: str) -> str:
    return f'<td style="text-align: left">{escape(text)}</td>'


def png_of(figure: Any, *, dpi: int = _DPI) -> bytes:
    """Return a matplotlib Figure as a PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def first(rows: Iterable[tuple[str, ...]], most: int = _ROWS) -> Rows:
    """Return the first rows of many, and one that says how many more there are.

    Examples
    --------
    >>> first([("a", "1"), ("b", "2"), ("c", "3")], 2)
    [('a', '1'), ('2 more', '')]
    """
    rows = list(rows)
    if len(rows) <= most:
        return rows
    return [*rows[: most - 1], (f"{len(rows) - most + 1} more", "")]


def _summary(value: Any) -> str:
    """Return an object's summary; of what is half made, or a folder that is gone, none."""
    try:
        if hasattr(value, "summary"):
            return " ".join(value.summary().split())
        return ", ".join(f"{name}={short(held)}" for name, held in _parts(value))
    except Exception as error:
        _log.debug("no summary of %s: %s", type(value).__name__, error)
        return "..."


def _facts(value: Any) -> Rows:
    try:
        if hasattr(value, "facts"):
            return first(value.facts())
        return first((name, short(held)) for name, held in _parts(value))
    except Exception as error:
        _log.debug("no facts of %s: %s", type(value).__name__, error)
        return []


def _png(value: Any) -> bytes | None:
    draw = next((_pictures[cls] for cls in type(value).__mro__ if cls in _pictures), None)
    if draw is None:
        return None
    try:
        return png_of(draw(value))
    except Exception as error:
        _log.debug("no picture of %s: %s", type(value).__name__, error)
        return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a dataclass or a named tuple that are there already."""
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.repr]
    else:
        names = list(getattr(value, "_fields", ()))
    for name in names:
        if hasattr(value, name):
            yield name, getattr(value, name)


def _is_plain(value: Any) -> bool:
    """Whether a value is a collection that says no more of itself than its entries."""
    described_already = getattr(type(value), "__repr__", None) is line
    return isinstance(value, tuple | list | set | frozenset | Mapping) and not described_already


def _entries(value: Any) -> str:
    if len(value) > _FEW:
        return f"{len(value)} entries"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {short(held)}" for key, held in value.items()) + "}"
    inner = ", ".join(short(held) for held in value)
    return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 3]}..."
