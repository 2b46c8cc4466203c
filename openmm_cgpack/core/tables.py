"""Settings as nested plain values, as TOML and JSON have them, and back."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from .keys import at, check_keys, reached
from .messages import path_from_text, path_text, shown, within
from .settings import (
    Settings,
    Value,
    default_of,
    hints_of,
    is_many,
    kind_named,
    nested_in,
    options_of,
    settings_fields,
)


def to_table(value: Settings, *, folder: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Return settings as nested plain values, as TOML and JSON have them.

    `from_table` reads them back as an equal value. None is left out where it is the default, and
    false elsewhere; paths are written relative to `folder`, where the file will be.
    """
    table: dict[str, Any] = {"kind": value.kind} if value.kind else {}
    meaningless = value.meaningless()
    for field in settings_fields(type(value)):
        held = getattr(value, field.name)
        if field.name in meaningless or (held is None and field.default is None):
            continue
        if field.metadata["by_kind"]:
            for entry in held:
                inner = to_table(entry, folder=folder)
                table.setdefault(inner.pop("kind"), []).append(inner)
        else:
            table[field.name] = _plain(held, folder)
    return table


def _plain(value: Any, folder: str | os.PathLike[str] | None) -> Any:
    if value is None:
        return False
    if isinstance(value, Settings):
        return to_table(value, folder=folder)
    if isinstance(value, tuple):
        return [_plain(member, folder) for member in value]
    if isinstance(value, Path):
        if folder is not None:
            value = Path(os.path.relpath(value.resolve(), Path(folder).resolve()))
        return _utf8(path_text(value.as_posix()))
    return value


def _utf8(path: str) -> str:
    """Return the text of a path; ValueError where it has bytes that no TOML file can hold."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{path}: wanted a path in UTF-8, as the run's recipe has to name it; rename it"
        ) from None
    return path


def from_table(
    cls: type[Value],
    table: Mapping[str, Any],
    *,
    where: str = "",
    base: Value | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Value:
    """Return settings from nested plain values.

    Parameters
    ----------
    cls : type
        The class, or a family, of which the table's ``kind`` chooses.
    table : mapping
        The values.
    where : str, optional
        The table's name for messages, as ``[pack]``.
    base : Settings, optional
        What a table without ``kind``, or with this one's, changes: fields that it does not name
        keep the base's values. Left out, they have the class' defaults.
    folder : path-like, optional
        Where relative paths start.

    Raises
    ------
    ValueError, TypeError
        A key is unknown or missing, or a value is out of its range or of another type.
    """
    if not isinstance(table, Mapping):
        raise TypeError(f"{where}: wanted a table, got {shown(table)}")
    table = dict(table)
    chosen = _class_of(cls, table, where, base)
    _let_through(chosen, table, where)
    if base is not None and type(base) is not chosen:
        base = None
    hints = hints_of(chosen)
    fields = settings_fields(chosen)
    spread = {
        name: field.name
        for field in fields
        if field.metadata["by_kind"]
        for name in nested_in(hints[field.name]).kinds  # type: ignore[union-attr]
    }
    names = [field.name for field in fields if not field.metadata["by_kind"]]
    check_keys(chosen, table, where)
    values: dict[str, Any] = {}
    for name in [name for name in table if name in spread]:
        family = nested_in(hints[spread[name]])
        assert family is not None
        entries = _entries(kind_named(family, name), table.pop(name), f"[[{name}]]", folder)
        values[spread[name]] = (*values.get(spread[name], ()), *entries)
    for name, value in table.items():
        if where.endswith("]"):
            inner = f"{where[:-1]}.{name}]"
        else:
            inner = f"{where}: {name}" if where else f"[{name}]"
        before = default_of(chosen, name) if base is None else getattr(base, name)
        values[name] = _read(value, hints[name], inner, before, folder)
    if base is None:
        for name in names:
            if default_of(chosen, name) is dataclasses.MISSING and name not in values:
                raise ValueError(at(where, f"{name}: is missing"))
    with within(where):
        return chosen(**values) if base is None else dataclasses.replace(base, **values)  # type: ignore[type-var]


def _let_through(cls: type[Settings], table: dict[str, Any], where: str) -> None:
    """Move keys of deeper tables that stand in this one to where they belong."""
    keys = reached(cls)
    for key in [key for key in table if key in keys]:
        inner = table.get(keys[key], {})
        if not isinstance(inner, Mapping):
            continue
        if key in inner:
            raise ValueError(at(where, f"{key}: stands here and in {keys[key]}; give it once"))
        table[keys[key]] = {**inner, key: table.pop(key)}


def _class_of(
    cls: type[Value], table: dict[str, Any], where: str, base: Value | None
) -> type[Value]:
    """Return the class that a table's ``kind`` names, and take that from the table."""
    if "kinds" not in vars(cls):
        if cls.kind and table.get("kind") == cls.kind:
            del table["kind"]
        return cls
    if "kind" not in table:
        if base is None:
            raise ValueError(at(where, f"kind: is missing; wanted one of {', '.join(cls.kinds)}"))
        return type(base)
    return kind_named(cls, table.pop("kind"), where=at(where, "kind"))


def _read(
    value: Any, hint: Any, where: str, before: Any, folder: str | os.PathLike[str] | None
) -> Any:
    """Return what a field holds from what a table has for it."""
    if value is False and NoneType in options_of(hint) and bool not in options_of(hint):
        return None
    nested = nested_in(hint)
    if nested is None:
        if isinstance(value, str) and Path in options_of(hint) and folder is not None:
            return Path(folder) / path_from_text(value)
        return value
    if not is_many(hint):
        base = before if isinstance(before, Settings) else None
        return from_table(nested, value, where=where, base=base, folder=folder)
    return _entries(nested, value, f"[{where}]", folder)


def _entries(
    cls: type[Value], entries: Any, where: str, folder: str | os.PathLike[str] | None
) -> tuple[Value, ...]:
    """Return the settings of tables that may come several times."""
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise TypeError(f"{where}: wanted tables, each begun with {where}")
    return tuple(
        from_table(cls, entry, where=f"{where} number {number}", folder=folder)
        for number, entry in enumerate(entries, start=1)
    )
