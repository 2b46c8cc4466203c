"""Options of commands from settings: one for each field, and the value that they make."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args, get_origin

from ..core.reference import default_words
from ..core.settings import (
    Settings,
    Value,
    hints_of,
    limits,
    nested_in,
    options_of,
    settings_fields,
)
from ..core.tables import from_table


def add_settings(
    parser: argparse._ActionsContainer,
    cls: type[Settings],
    *,
    kind_option: str | None = "--kind",
    default: Settings | None = None,
) -> None:
    """Add an option for each field of a settings class to a command.

    Its name is the field's with dashes, its help the field's meaning, unit, range and default.
    Fields that hold other settings have none. Of a family, one option chooses the kind, `default`
    where it is left out, and the others are the fields of all its kinds. Without that option, for
    `kinds_from_options`, the others alone.

    Examples
    --------
    >>> from openmm_cgpack.core.settings import setting
    >>> class Blur(Settings):
    ...     "A Gaussian blur."
    ...     edge_width: float = setting("standard deviation", unit="nm", default=2.0, above=0)
    >>> parser = argparse.ArgumentParser()
    >>> add_settings(parser, Blur)
    >>> from_options(Blur, parser.parse_args(["--edge-width", "3"]))
    Blur(edge_width=3.0)
    """
    classes = [cls]
    if "kinds" in vars(cls):
        classes = list(cls.kinds.values())
        if kind_option is not None:
            parser.add_argument(
                kind_option,
                dest=f"{cls.__name__}.kind",
                choices=tuple(cls.kinds),
                default=None if default is None else default.kind,
                required=default is None,
                help="; ".join(f"{c.kind}: {(c.__doc__ or '').splitlines()[0]}" for c in classes),
            )
    seen: dict[str, list[type[Settings]]] = {}
    for each in classes:
        for field in settings_fields(each):
            if nested_in(hints_of(each)[field.name]) is None:
                seen.setdefault(field.name, []).append(each)
    for name, holders in seen.items():
        hint = hints_of(holders[0])[name]
        words = _help(name, holders)
        if len(holders) < len(classes):
            words += f"; for {', '.join(holder.kind for holder in holders)}"
        parser.add_argument(
            option_of(name),
            dest=f"{cls.__name__}.{name}",
            default=None,
            help=words.replace("%", "%%"),
            **_how_read(hint),
        )


def from_options(cls: type[Value], options: argparse.Namespace) -> Value:
    """Return the settings that a command's options say, as `add_settings` made them.

    Raises
    ------
    ValueError, TypeError
        A value is wrong, missing, or of another kind; the message begins with the option.
    """
    table = _given(cls, options)
    chosen = cls.kinds[table["kind"]] if "kinds" in vars(cls) else cls
    for name in set(table) - _names(chosen) - {"kind"}:
        raise ValueError(f"{option_of(name)}: means nothing for {chosen.kind}")
    return _made(cls, table)


def kinds_from_options(
    family: type[Value], options: argparse.Namespace, kinds: Sequence[str]
) -> list[Value]:
    """Return settings of several kinds of a family, each with those of the options that it has.

    Raises
    ------
    ValueError, TypeError
        As of `from_options`; or none of the kinds has what an option says.
    """
    given = _given(family, options)
    for name in given:
        holders = [kind for kind in family.kinds if name in _names(family.kinds[kind])]
        if not set(holders) & set(kinds):
            raise ValueError(f"{option_of(name)}: means nothing without {' or '.join(holders)}")
    tables = [
        {name: value for name, value in given.items() if name in _names(family.kinds[kind])}
        for kind in kinds
    ]
    return [_made(family, {"kind": k, **table}) for k, table in zip(kinds, tables, strict=True)]


def _given(cls: type[Settings], options: argparse.Namespace) -> dict[str, Any]:
    return {
        dest.partition(".")[2]: value
        for dest, value in vars(options).items()
        if dest.partition(".")[0] == cls.__name__ and value is not None
    }


def _names(cls: type[Settings]) -> set[str]:
    return {field.name for field in settings_fields(cls)}


def _made(cls: type[Value], table: dict[str, Any]) -> Value:
    try:
        return from_table(cls, table)
    except (TypeError, ValueError) as error:
        name, colon, rest = str(error).partition(":")
        known = name in table or name.isidentifier()
        message = f"{option_of(name)}{colon}{rest}" if known else str(error)
        raise type(error)(message) from None


@contextmanager
def in_words_of(options: Mapping[str, str]) -> Iterator[None]:
    """Name an option in errors that begin with a function's argument; `options` has it by that."""
    try:
        yield
    except (TypeError, ValueError) as error:
        name, colon, rest = str(error).partition(":")
        if name not in options:
            raise
        raise type(error)(f"{options[name]}{colon}{rest}") from None


def option_of(name: str) -> str:
    """Return the option of a field."""
    return f"--{name.replace('_', '-')}"


def value_of(word: str) -> Any:
    """Return a word of the command line as TOML has it; one that is no value there is a text."""
    try:
        return tomllib.loads(f"value = {word}")["value"]
    except (ValueError, RecursionError):
        return word


def _help(name: str, holders: list[type[Settings]]) -> str:
    hint = hints_of(holders[0])[name]
    fields = [cls.__dataclass_fields__[name] for cls in holders]  # type: ignore[attr-defined]
    meta = fields[0].metadata
    text = ", ".join(part for part in (meta["doc"], meta["unit"], limits(fields[0])) if part)
    defaults = {cls.kind: default_words(f, hint) for cls, f in zip(holders, fields, strict=True)}
    if len(set(defaults.values())) == 1:
        defaults = {"": next(iter(defaults.values()))}
    said = [f"{word} for {kind}" if kind else word for kind, word in defaults.items() if word]
    return "; ".join([text, f"default {', '.join(said)}".replace("`", "")] if said else [text])


def _how_read(hint: Any) -> dict[str, Any]:
    """Return how argparse is to read a field's words."""
    options = options_of(hint)
    if bool in options:
        return {"action": argparse.BooleanOptionalAction}
    if any(get_origin(option) is tuple for option in options):
        return {"nargs": "+", "action": _OneOrSeveral, "type": value_of, "metavar": "VALUE"}
    words = [
        word for option in options if get_origin(option) is Literal for word in get_args(option)
    ]
    if words:
        return {"choices": words}
    return {"type": str if str in options else value_of, "metavar": "VALUE"}


class _OneOrSeveral(argparse.Action):
    """Stores a single word as itself and several as a list."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        setattr(namespace, self.dest, values[0] if len(values) == 1 else values)
