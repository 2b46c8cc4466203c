"""The recipe reference, from the sections themselves."""

from __future__ import annotations

import dataclasses

from .fields import Section, limits, section_types, words
from .sections import Recipe
from .toml import LISTS, TABLES, TOP_KEYS, text


def key_table() -> str:
    """Return every key of a recipe, with type, default and unit, as Markdown tables.

    Examples
    --------
    >>> print(key_table().splitlines()[0])
    ## Top of the file
    """
    parts = _part("Top of the file", Recipe, TOP_KEYS)
    for name, section in LISTS.items():
        parts += _part(f"`[[{name}]]`", section)
    for name, section in TABLES.items():
        parts += _part(f"`[{name}]`", section)
    return "\n".join(parts)


def _part(title: str, section: type[Section], names: tuple[str, ...] | None = None) -> list[str]:
    hints = section_types(section)
    rows = [
        _row(field, words(hints[field.name]))
        for field in dataclasses.fields(section)
        if field.metadata and (names is None or field.name in names)
    ]
    intro = [] if names else [str(section.__doc__).strip(), ""]
    head = ["| key | type | default | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    return [f"## {title}", "", *intro, *head, *rows, ""]


def _row(field: dataclasses.Field[object], kind: str) -> str:
    if field.default is dataclasses.MISSING:
        default = "must be given"
    elif field.default is None:
        default = ""
    else:
        default = f"`{text(field.default)}`"
    wanted = f"{kind} {limits(field)}".strip()
    return (
        f"| `{field.name}` | {wanted} | {default} | {field.metadata['unit']} "
        f"| {field.metadata['doc']} |"
    )
