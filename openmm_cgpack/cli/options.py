"""Options of commands from settings: one for each field, and the value that they make."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Collection
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from ..core.settings import (
    Settings,
    Value,
    hints_of,
    limits,
    nested_in,
    options_of,
    settings_fields,
    shown,
)

_METAVARS = {int: "N", float: "X", str: "TEXT", Path: "PATH"}


def add_settings(
    parser: argparse._ActionsContainer,
    cls: type[Settings],
    *,
    kind_option: str = "--kind",
    default: Settings | None = None,
    leave_out: Collection[str] = (),
) -> None:
    """Add an option for each field of a settings class to a command.

    Its name is the field's with dashes; type, choices, help and the default that the help shows are
    the field's. Fields that hold other settings have none. Of a family, one option chooses the kind
    and each field of any kind has its own; `from_options` refuses those of other kinds.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The command, or a group of its options.
    cls : type
        A settings class, or a family.
    kind_option : str, optional
        Name of the option that chooses among a family's kinds.
    default : Settings, optional
        Of a family: what is meant where no kind is given. Without it one has to be given.
    leave_out : collection of str, optional
        Fields that get no option.

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
    classes = _classes(cls)
    if _is_family(cls):
        parser.add_argument(
            kind_option,
            dest=f"{cls.__name__}.kind",
            choices=tuple(cls.kinds),
            default=None if default is None else default.kind,
            required=default is None,
            help=_kinds_help(classes, default),
        )
    names = dict.fromkeys(field.name for each in classes for field in settings_fields(each))
    for name in names:
        holders = [each for each in classes if name in hints_of(each)]
        hint = hints_of(holders[0])[name]
        if name in leave_out or nested_in(hint) is not None:
            continue
        parser.add_argument(
            _option(name),
            dest=f"{cls.__name__}.{name}",
            default=None,
            help=_help(name, holders, classes).replace("%", "%%"),
            **_how_read(hint),
        )


def from_options(
    cls: type[Value], options: argparse.Namespace, *, base: Value | None = None, **given: Any
) -> Value:
    """Return the settings that a command's options say.

    Parameters
    ----------
    cls : type
        What `add_settings` was called with.
    options : argparse.Namespace
        What the parser read.
    base : Settings, optional
        Fields without an option given keep its values, where it is of the kind chosen; else they
        have their defaults.
    **given
        Fields that had no option.

    Returns
    -------
    Settings

    Raises
    ------
    ValueError, TypeError
        A value is wrong, missing, or of another kind; the message begins with the option.
    """
    chosen: Any = cls
    if _is_family(cls):
        chosen = cls.kinds[getattr(options, f"{cls.__name__}.kind")]
    known = [field.name for field in settings_fields(chosen)]
    values = dict(given)
    for dest, value in vars(options).items():
        owner, _, name = dest.partition(".")
        if owner != cls.__name__ or name in ("", "kind") or value is None:
            continue
        if name not in known:
            raise ValueError(f"{_option(name)}: means nothing for {chosen.kind}")
        values[name] = None if value is NoneType else value
    try:
        if base is not None and type(base) is chosen:
            return dataclasses.replace(base, **values)  # type: ignore[type-var]
        for field in settings_fields(chosen):
            if field.default is dataclasses.MISSING and field.name not in values:
                raise ValueError(f"{field.name}: must be given")
        return chosen(**values)
    except (TypeError, ValueError) as error:
        name, colon, rest = str(error).partition(":")
        message = f"{_option(name)}{colon}{rest}" if name in known else str(error)
        raise type(error)(message) from None


def _is_family(cls: type[Settings]) -> bool:
    return "kinds" in vars(cls)


def _classes(cls: type[Settings]) -> list[type[Settings]]:
    return list(cls.kinds.values()) if _is_family(cls) else [cls]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _kinds_help(classes: list[type[Settings]], default: Settings | None) -> str:
    meanings = (f"{each.kind}: {_first_line(each)}" for each in classes)
    shown_default = "" if default is None else f"; default {default.kind}"
    return ("; ".join(meanings) + shown_default).replace("%", "%%")


def _first_line(cls: type[Settings]) -> str:
    return (cls.__doc__ or "").partition("\n")[0].rstrip(".")


def _help(name: str, holders: list[type[Settings]], classes: list[type[Settings]]) -> str:
    """Return what a field means, its unit, range and default, and for which kinds it is."""
    fields = [cls.__dataclass_fields__[name] for cls in holders]  # type: ignore[attr-defined]
    unit, bounds = fields[0].metadata["unit"], limits(fields[0])
    text = ", ".join(part for part in (fields[0].metadata["doc"], unit, bounds) if part)
    if len(holders) < len(classes):
        text += f"; for {', '.join(cls.kind for cls in holders)}"
    defaults = {cls.kind: _default_words(f) for cls, f in zip(holders, fields, strict=True)}
    if len(set(defaults.values())) == 1:
        return f"{text}; {defaults[holders[0].kind]}"
    return f"{text}; " + ", ".join(f"{words} for {kind}" for kind, words in defaults.items())


def _default_words(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "must be given"
    members = field.default if isinstance(field.default, tuple) else (field.default,)
    return "default " + (" ".join("none" if m is None else shown(m).strip('"') for m in members))


def _how_read(hint: Any) -> dict[str, Any]:
    """Return how argparse is to read a field's words."""
    options = options_of(hint)
    if bool in options:
        return {"action": argparse.BooleanOptionalAction}
    tuples = [get_args(option) for option in options if get_origin(option) is tuple]
    scalars = [option for option in options if get_origin(option) is not tuple]
    scalars += [member for members in tuples for member in members if member is not Ellipsis]
    how: dict[str, Any] = {"type": _reader(scalars)}
    words = [word for option in scalars for word in get_args(option)]
    if words:
        how["choices"] = (*words, NoneType) if NoneType in scalars else tuple(words)
        how["metavar"] = "{" + ",".join(map(str, words)) + "}"
    else:
        how["metavar"] = next(_METAVARS[option] for option in scalars if option is not NoneType)
    if tuples:
        alone = any(option is not NoneType for option in options if get_origin(option) is not tuple)
        long = alone or Ellipsis in tuples[0]
        how["nargs"] = "+" if long else len(tuples[0])
        if alone:
            how["action"] = _OneOrSeveral
    return how


class _OneOrSeveral(argparse.Action):
    """Stores a single word as itself and several as a list."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        setattr(namespace, self.dest, values[0] if len(values) == 1 else values)


def _reader(scalars: list[Any]) -> Callable[[str], Any]:
    """Return what makes a word a value of the first type that it fits."""

    def read(word: str) -> Any:
        if NoneType in scalars and word == "none":
            return NoneType
        for option in scalars:
            if get_origin(option) is Literal:
                for member in get_args(option):
                    if str(member) == word:
                        return member
            elif option is not NoneType:
                try:
                    return option(word)
                except ValueError:
                    continue
        if str in scalars or any(get_origin(option) is Literal for option in scalars):
            return word
        raise argparse.ArgumentTypeError(f"wanted {_names(scalars)}, got {word!r}")

    return read


def _names(scalars: list[Any]) -> str:
    names = {int: "a whole number", float: "a number", Path: "a path"}
    return " or ".join(dict.fromkeys(names[option] for option in scalars if option in names))
