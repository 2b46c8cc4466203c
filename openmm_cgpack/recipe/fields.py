"""Checked fields: a frozen dataclass that says what each of its keys may hold."""

from __future__ import annotations

import dataclasses
import math
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def key(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    unit: str = "",
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
) -> Any:
    """Return a dataclass field with what a recipe's reference says of it.

    Parameters
    ----------
    doc : str
        What the key means.
    default : any, optional
        Its value when left out; a key without one must be given.
    unit : str, optional
        Unit, for the reference.
    minimum, above, maximum, below : float, optional
        Smallest value, value that must be exceeded, largest value, value that all are less than.

    Returns
    -------
    dataclasses.Field
    """
    metadata = {"doc": doc, "unit": unit, "minimum": minimum, "above": above}
    metadata |= {"maximum": maximum, "below": below}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A table of a recipe; its values are checked when it is made."""

    def __post_init__(self) -> None:
        hints = section_types(type(self))
        for field in dataclasses.fields(self):
            if not field.metadata:
                continue
            value = _checked(getattr(self, field.name), hints[field.name], field)
            object.__setattr__(self, field.name, value)

    @property
    def unused(self) -> tuple[str, ...]:
        """Keys that mean nothing beside the others' values."""
        return ()


def section_types(section: type[Section]) -> dict[str, Any]:
    """Return the types of a section's keys."""
    return get_type_hints(section)


def words(hint: Any) -> str:
    """Return a type as words for a message or a table.

    Examples
    --------
    >>> words(float | tuple[float, float, float] | None)
    'a number or a list of 3 numbers'
    """
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(words(option) for option in get_args(hint) if option is not NoneType)
    if get_origin(hint) is Literal:
        return " or ".join(f'"{option}"' for option in get_args(hint))
    if get_origin(hint) is tuple:
        members = get_args(hint)
        number = "" if members[-1] is Ellipsis else f"{len(members)} "
        return f"a list of {number}{_WORDS[members[0]].removeprefix('a ')}s"
    return _WORDS[hint]


def limits(field: dataclasses.Field[Any]) -> str:
    """Return the range of a field as words, empty where there is none.

    Examples
    --------
    >>> limits(key("", minimum=0, maximum=90))
    '>= 0 and <= 90'
    """
    signs = (("above", ">"), ("minimum", ">="), ("maximum", "<="), ("below", "<"))
    parts = [
        f"{sign} {field.metadata[name]:g}"
        for name, sign in signs
        if field.metadata[name] is not None
    ]
    return " and ".join(parts)


def _checked(value: Any, hint: Any, field: dataclasses.Field[Any]) -> Any:
    converted = _convert(value, hint)
    if converted is _NOT_OF_TYPE:
        wanted = f"{words(hint)} {limits(field)}".rstrip()
        wrong_word = get_origin(hint) is Literal and isinstance(value, str)
        raise (ValueError if wrong_word else TypeError)(
            f"{field.name}: wanted {wanted}, got {_shown(value)}"
        )
    numbers = converted if isinstance(converted, tuple) else (converted,)
    for number in numbers:
        if isinstance(number, int | float) and not isinstance(number, bool):
            _check_number(number, hint, field)
    return converted


def _check_number(number: float, hint: Any, field: dataclasses.Field[Any]) -> None:
    low, above, high, below = (
        field.metadata[name] for name in ("minimum", "above", "maximum", "below")
    )
    good = math.isfinite(number)
    good = good and (low is None or number >= low)
    good = good and (above is None or number > above)
    good = good and (high is None or number <= high)
    good = good and (below is None or number < below)
    if not good:
        wanted = f"{words(hint)} {limits(field)}".rstrip()
        if not math.isfinite(number):
            wanted = f"{wanted}, finite"
        raise ValueError(f"{field.name}: wanted {wanted}, got {_shown(number)}")


_NOT_OF_TYPE = object()


def _convert(value: Any, hint: Any) -> Any:
    """Return `value` as the hint has it, or the mark that it is of another type."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        for option in get_args(hint):
            converted = _convert(value, option)
            if converted is not _NOT_OF_TYPE:
                return converted
        return _NOT_OF_TYPE
    if origin is Literal:
        return value if value in get_args(hint) else _NOT_OF_TYPE
    if origin is tuple:
        members = get_args(hint)
        if not isinstance(value, list | tuple):
            return _NOT_OF_TYPE
        if members[-1] is Ellipsis:
            members = members[:1] * len(value)
        if len(value) != len(members):
            return _NOT_OF_TYPE
        converted = tuple(_convert(v, m) for v, m in zip(value, members, strict=True))
        return _NOT_OF_TYPE if _NOT_OF_TYPE in converted else converted
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, bool):
        return _NOT_OF_TYPE
    return value if isinstance(value, hint) else _NOT_OF_TYPE


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return f'"{value}"' if isinstance(value, str) else str(value)
