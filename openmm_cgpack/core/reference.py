"""The reference of settings, from the settings themselves, as Markdown."""

from __future__ import annotations

import dataclasses
from typing import Any

from .settings import Settings, hints_of, limits, nested_in, settings_fields, usually, words

HEAD = ("| key | type | default | unit | meaning |", "| --- | --- | --- | --- | --- |")
"""The first lines of every table of settings."""


def settings_table(cls: type[Settings]) -> str:
    """Return the fields of a settings class, with type, default and unit, as a Markdown table.

    Examples
    --------
    >>> from openmm_cgpack.core.settings import setting
    >>> class Blur(Settings):
    ...     "A Gaussian blur."
    ...     width: float = setting("standard deviation", unit="nm", default=2.0, above=0)
    >>> print(settings_table(Blur))
    | key | type | default | unit | meaning |
    | --- | --- | --- | --- | --- |
    | `width` | a number > 0 | `2.0` | nm | standard deviation |
    """
    return "\n".join([*HEAD, *settings_rows(cls).values()])


def settings_rows(cls: type[Settings]) -> dict[str, str]:
    """Return the row of each field of a settings class in `settings_table`, by the field's name."""
    hints = hints_of(cls)
    return {field.name: _row(field, hints[field.name]) for field in settings_fields(cls)}


def families(cls: type[Settings] = Settings) -> list[type[Settings]]:
    """Return the families of kinds that there are, in the order of their definition."""
    found = [sub for sub in cls.__subclasses__() if "kinds" in vars(sub)]
    return found + [family for sub in cls.__subclasses__() for family in families(sub)]


def _row(field: dataclasses.Field[Any], hint: Any) -> str:
    bounded = f"{words(hint)} {limits(field)}".strip()
    wanted = ", ".join(filter(None, [bounded, usually(field)]))
    cells = (f"`{field.name}`", wanted, default_words(field, hint))
    return f"| {' | '.join((*cells, field.metadata['unit'], field.metadata['doc']))} |"


def default_words(field: dataclasses.Field[Any], hint: Any) -> str:
    """Return the default of a field as words."""
    value = field.default
    if value is dataclasses.MISSING:
        return "none: must be given"
    if isinstance(value, Settings):
        return f"`{value.kind}`" if value.kind else "see its own table"
    if value is None:
        return "none" if nested_in(hint) is not None else ""
    if isinstance(value, tuple) and nested_in(hint) is not None:
        return ", ".join(f"`{entry.kind}`" for entry in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
