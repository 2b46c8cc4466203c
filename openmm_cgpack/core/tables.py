"""Settings as nested plain values, as TOML and JSON have them, and back."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

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
    check_names(table, [*names, *spread], where)
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
                raise ValueError(_at(where, f"{name}: is missing"))
    with within(where):
        return chosen(**values) if base is None else dataclasses.replace(base, **values)  # type: ignore[type-var]


def reached(cls: type[Settings]) -> dict[str, str]:
    """Return the keys that stand deeper and may be given in a class' own table, and in what.

    Examples
    --------
    >>> from openmm_cgpack.imaging import OneStep
    >>> reached(OneStep)["defocus_um"]
    'transfer'
    """
    own = {field.name for field in settings_fields(cls)}
    keys: dict[str, str] = {}
    for name in cls.through:
        inner = nested_in(hints_of(cls)[name])
        assert inner is not None
        deeper = [*(field.name for field in settings_fields(inner)), *reached(inner)]
        keys |= {key: name for key in deeper if key not in own}
    return keys


def _let_through(cls: type[Settings], table: dict[str, Any], where: str) -> None:
    """Move keys of deeper tables that stand in this one to where they belong."""
    keys = reached(cls)
    for key in [key for key in table if key in keys]:
        inner = table.get(keys[key], {})
        if not isinstance(inner, Mapping):
            continue
        if key in inner:
            raise ValueError(_at(where, f"{key}: stands here and in {keys[key]}; give it once"))
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
            raise ValueError(_at(where, f"kind: is missing; wanted one of {', '.join(cls.kinds)}"))
        return type(base)
    return kind_named(cls, table.pop("kind"), where=_at(where, "kind"))


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


def check_names(table: Iterable[str], known: list[str], where: str, *, what: str = "key") -> None:
    """Raise ValueError where a key is not known; the message has the nearest one, and all others.

    Examples
    --------
    >>> check_names(["snrr"], ["noise", "snr"], "[imaging]")
    Traceback (most recent call last):
    ...
    ValueError: [imaging]: unknown key "snrr"; the nearest known one is "snr", of noise, snr
    """
    for name in table:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            hint = f'; the nearest known one is "{near[0]}", of {", ".join(known)}' if near else ""
            raise ValueError(_at(where, f"unknown {what} {shown(name)}{hint}"))


def check_arguments(cls: type[Settings], unnamed: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Raise TypeError unless a class' arguments have names of its fields."""
    name = cls.__name__
    if unnamed:
        raise TypeError(f"{name}: wanted arguments by name, got {shown(unnamed[0])} without one")
    known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    if given.keys() <= set(known):
        return
    for argument in given.keys() & reached(cls).keys():
        raise TypeError(f"{name}: {argument}: is an argument of {reached(cls)[argument]}")
    try:
        check_names(given, known, name, what="argument")
    except ValueError as error:
        raise TypeError(str(error)) from None


def _at(where: str, message: str) -> str:
    return f"{where}: {message}" if where else message
