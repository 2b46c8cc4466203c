"""Settings: frozen, checked values that say what a user can choose, each declared once.

A settings class stands in the module that uses it. Its value is the argument of a function, a
table of a recipe, a row of the reference and a record in the manifest:

>>> from openmm_cgpack.core.tables import from_table, to_table
>>> class Blur(Settings):
...     "A Gaussian blur."
...     width: float = setting("standard deviation", unit="nm", default=2.0, above=0)
>>> Blur(width=3).width, to_table(Blur(width=3)), from_table(Blur, {"width": 3.0}) == Blur(width=3)
(3.0, {'width': 3.0}, True)
>>> Blur(width=-1)
Traceback (most recent call last):
...
ValueError: width: wanted a number > 0, got -1

Where several classes may stand in one place, each is a *kind* of a family, registered by name
where it is defined: see `kind`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import numbers
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Literal,
    Self,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from .display import Rows, described, short
from .messages import checked_type, note, shown
from .units import strip

_WORDS = {str: "text", Path: "a path", bool: "true or false", int: "a whole number"}
_WORDS |= {float: "a number"}
RANGES = {
    "nm": (1e-5, 1e7),  # microtubules bend over 5 mm
    "Da": (1e-6, 1e12),
    "Da/nm³": (1e-6, 1e6),
    "kJ/mol": (1e-9, 1e12),
    "kJ/mol/nm²": (1e-9, 1e12),
    "kJ/mol/rad²": (1e-9, 1e12),
    "kT": (1e-6, 1e9),
    "mN/m": (1e-9, 1e6),
    "kPa": (1e-9, 1e9),
    "ps": (1e-9, 1e3),
    "1/ps": (1e-9, 1e6),
    "K": (1e-9, 1e6),
    "°": (1e-9, 3600.0),
    "µm": (1e-9, 1e3),
    "mm": (1e-9, 1e3),
    "kV": (1.0, 1e4),
    "e/Å²": (1e-9, 1e6),
}
"""Smallest and largest size of a number that is not 0, by its unit, as far as anything makes sense.

What lies beyond is a slip, and would overflow or vanish somewhere: squares of all of these are
numbers of single precision, or nearly so. A field's own bounds stand in place of them.
"""
_RANGE = (1e-12, 1e12)
"""That of numbers without a unit here."""
MOST = 10**9
"""The largest whole number, where a field has no `maximum` of its own."""

_ANGSTROMS = 10
"""Those of a nanometre."""

_BOUNDS = (("above", ">"), ("minimum", ">="), ("maximum", "<="), ("below", "<"))

Value = TypeVar("Value", bound="Settings")


def setting(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    unit: str = "",
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
    usual: tuple[float, float] | None = None,
    check: Callable[[Any, str], Any] | None = None,
    by_kind: bool = False,
) -> Any:
    """Return a field of a settings class.

    Parameters
    ----------
    doc : str
        What it means, as the reference says it.
    default : any, optional
        Its value when left out; one without a default must be given.
    unit : str, optional
        Unit of the number.
    minimum, above, maximum, below : float, optional
        Smallest value, value that must be exceeded, largest value, value that all are less than.
        Where one is left out, `RANGES` bounds the number's size by its unit.
    usual : tuple of float, optional
        Between which numbers it mostly is. One beyond is taken with a note, as it may be meant in
        another unit: lengths in Å are ten times too large.
    check : callable, optional
        Takes a value that is not None and the field's name; returns the value as it is kept, or
        raises ValueError, as `core.names.checked_name`.
    by_kind : bool, optional
        Of a tuple of a family's settings: whether their tables have the kinds' names, as
        ``[[circle]]``, in place of the field's name and a key ``kind``.
    """
    metadata: dict[str, Any] = {"doc": doc, "unit": unit, "minimum": minimum, "above": above}
    metadata |= {"maximum": maximum, "below": below, "by_kind": by_kind, "check": check}
    metadata["usual"] = usual
    return dataclasses.field(default=default, metadata=metadata)


@described
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(setting,))
class Settings:
    """Base of all settings: a subclass is a frozen dataclass whose values are checked when made.

    Fields are declared with `setting`; they hold bool, int, float, str, pathlib.Path, Literal,
    tuples of these, other settings, or tuples of settings of one family; ``X | None`` allows None.
    Quantities of OpenMM are stripped of their units. A subclass with checks of its own calls
    ``super().__post_init__()`` first.
    """

    kinds: ClassVar[dict[str, type[Settings]]]
    """Of a family: its kinds by name."""

    kind: ClassVar[str] = ""
    """Name under which a class is registered in its family."""

    through: ClassVar[tuple[str, ...]] = ()
    """Fields whose own keys tables may hold in their place, one of a name among all of these."""

    def __init_subclass__(cls, *, family: bool = False) -> None:
        super().__init_subclass__()
        cls.kind = ""
        if family:
            cls.kinds = {}
        dataclasses.dataclass(frozen=True, kw_only=True, repr=False)(cls)
        cls.__doc__ = f"{inspect.cleandoc(vars(cls).get('__doc__') or '')}\n\n{_parameters(cls)}"

    def __new__(cls, *unnamed: Any, **given: Any) -> Self:
        """Return a value that is not filled yet; TypeError names an argument like a wrong one."""
        # Not at the top, as keys are those of settings.
        from .keys import check_arguments

        check_arguments(cls, unnamed, given)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        for field in settings_fields(type(self)):
            value = _checked(getattr(self, field.name), hints[field.name], field)
            object.__setattr__(self, field.name, value)
        for name, why in self.meaningless().items():
            if getattr(self, name) != default_of(type(self), name):
                raise ValueError(f"{name}: means nothing {why}")

    def summary(self) -> str:
        """Return what the repr says: what differs from the defaults."""
        names = [f.name for f in settings_fields(type(self))]
        changed = [n for n in names if getattr(self, n) != default_of(type(self), n)]
        return ", ".join(f"{name}={short(getattr(self, name))}" for name in changed)

    def facts(self) -> Rows:
        """Return the rows of a notebook's table: every field, its unit and what it means."""
        return [
            (
                field.name,
                f"{short(getattr(self, field.name))} {field.metadata['unit']}".rstrip(),
                field.metadata["doc"],
            )
            for field in settings_fields(type(self))
        ]

    def meaningless(self) -> dict[str, str]:
        """Return the fields that mean nothing beside the others' values, and why, as words.

        One that is given all the same is an error; files leave them out.
        """
        return {}


def _parameters(cls: type[Settings]) -> str:
    """Return what the fields mean, as a docstring has it."""
    lines = ["Parameters", "----------"]
    for field in settings_fields(cls):
        optional = "" if field.default is dataclasses.MISSING else ", optional"
        unit = f", {field.metadata['unit']}" if field.metadata["unit"] else ""
        lines += [f"{field.name} : {field.type}{optional}", f"    {field.metadata['doc']}{unit}."]
    return "\n".join(lines) if len(lines) > 2 else ""


def kind(name: str) -> Callable[[type[Value]], type[Value]]:
    """Register a settings class by name, as one of the kinds of its family.

    The name is what recipes, commands and the reference call it. Another class of the family must
    not have it (ValueError); a class of no family cannot be registered (TypeError).

    Examples
    --------
    >>> class Shape(Settings, family=True):
    ...     "A shape."
    >>> @kind("circle")
    ... class Circle(Shape):
    ...     "A circle."
    ...     radius: float = setting("radius", unit="nm", above=0)
    >>> list(Shape.kinds), Circle.kind
    (['circle'], 'circle')
    """

    def register(cls: type[Value]) -> type[Value]:
        known = family_of(cls).kinds
        other = known.get(name)
        # The same class again, from a module or a notebook's cell that is run anew, replaces it.
        if other is not None and other.__qualname__ != cls.__qualname__:
            raise ValueError(f"kind {name!r}: is {other.__module__}.{other.__qualname__} already")
        known[name] = cls
        cls.kind = name
        return cls

    return register


def family_of(cls: type[Settings]) -> type[Settings]:
    """Return the family that a settings class belongs to."""
    for base in cls.__mro__:
        if "kinds" in vars(base):
            return base
    raise TypeError(f"{cls.__name__}: belongs to no family; its base wants family=True")


def kind_named(family: type[Value], name: Any, *, where: str = "kind") -> type[Value]:
    """Return the class of a family by its name, or raise ValueError with the names there are."""
    if not (isinstance(name, str) and name in family.kinds):
        raise ValueError(f"{where}: wanted one of {', '.join(family.kinds)}, got {shown(name)}")
    return family.kinds[name]  # type: ignore[return-value]


def checked_settings(name: str, value: Any, wanted: type[Settings]) -> None:
    """Raise TypeError unless an argument is a value of a settings class, or of a family."""
    kinds = vars(wanted).get("kinds", {})
    maker = kinds.get(value, wanted) if isinstance(value, str) else wanted
    if isinstance(value, type) and issubclass(value, wanted):
        maker = value
    checked_type(
        name, value, wanted, "" if maker is wanted and kinds else f"; as {maker.__name__}()"
    )


def settings_fields(cls: type[Settings]) -> list[dataclasses.Field[Any]]:
    """Return the fields that a user can set: a class' own first, then those of its bases."""
    own = [set(vars(base).get("__annotations__", ())) for base in cls.__mro__]
    found = [field for field in dataclasses.fields(cls) if field.metadata]  # type: ignore[arg-type]
    return sorted(found, key=lambda f: next(n for n, names in enumerate(own) if f.name in names))


def hints_of(cls: type[Settings]) -> dict[str, Any]:
    """Return the types of a settings class' fields."""
    if "_hints" not in vars(cls):
        cls._hints = get_type_hints(cls)  # type: ignore[attr-defined]
    return cls._hints  # type: ignore[attr-defined]


def default_of(cls: type[Settings], name: str) -> Any:
    """Return the default of a field; `dataclasses.MISSING` where it must be given."""
    return cls.__dataclass_fields__[name].default  # type: ignore[attr-defined]


def nested_in(hint: Any) -> type[Settings] | None:
    """Return the settings class that a field holds, itself or in a tuple; else None."""
    for option in options_of(hint):
        member = get_args(option)[0] if get_origin(option) is tuple else option
        if isinstance(member, type) and issubclass(member, Settings):
            return member
    return None


def is_many(hint: Any) -> bool:
    """Whether a field holds a tuple of settings: tables that may come several times."""
    return nested_in(hint) is not None and any(get_origin(o) is tuple for o in options_of(hint))


def words(hint: Any) -> str:
    """Return a type as words for a message or a table.

    Examples
    --------
    >>> words(float | tuple[float, float, float] | None)
    'a number or a list of 3 numbers'
    """
    options = [option for option in options_of(hint) if option is not NoneType]
    if len(options) > 1:
        return " or ".join(words(option) for option in options)
    (hint,) = options
    if get_origin(hint) is Literal:
        return " or ".join(f'"{option}"' for option in get_args(hint))
    if get_origin(hint) is tuple:
        members = get_args(hint)
        if nested_in(hint) is not None:
            return "tables"
        number = "" if members[-1] is Ellipsis else f"{len(members)} "
        return f"a list of {number}{_WORDS[members[0]].removeprefix('a ')}s"
    return "a table" if nested_in(hint) is not None else _WORDS[hint]


def limits(field: dataclasses.Field[Any]) -> str:
    """Return the range of a field as words, empty where there is none.

    Examples
    --------
    >>> limits(setting("", minimum=0, maximum=90))
    '>= 0 and <= 90'
    """
    bounds = ((sign, field.metadata[name]) for name, sign in _BOUNDS)
    return " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)


def usually(field: dataclasses.Field[Any]) -> str:
    """Return where a field's number mostly is as words, empty where nothing is said.

    Examples
    --------
    >>> usually(setting("", unit="nm", usual=(0.1, 3)))
    'usually 0.1 to 3'
    """
    usual = field.metadata["usual"]
    return "" if usual is None else "usually {:g} to {:g}".format(*usual)


def range_of(field: dataclasses.Field[Any], *, whole: bool = False) -> tuple[float, float]:
    """Return the smallest and the largest size of a field's number, where it is not 0.

    Examples
    --------
    >>> range_of(setting("", unit="nm", above=0)), range_of(setting("", maximum=4), whole=True)
    ((1e-05, 10000000.0), (1, 4))
    """
    smallest, largest = (1, MOST) if whole else RANGES.get(field.metadata["unit"], _RANGE)
    own = [
        abs(field.metadata[name])
        for name in ("minimum", "maximum", "below")
        if field.metadata[name]
    ]
    most = field.metadata["maximum"] or field.metadata["below"]
    return min([smallest, *own]), max(own) if most else largest


def all_settings(cls: type[Settings] = Settings) -> Iterator[type[Settings]]:
    """Yield every settings class there is now, families left out."""
    for sub in cls.__subclasses__():
        if "kinds" not in vars(sub):
            yield sub
        yield from all_settings(sub)


def options_of(hint: Any) -> tuple[Any, ...]:
    """Return what a type leaves open: the members of a union, or the type alone."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


_NOT_OF_TYPE = object()


def _checked(value: Any, hint: Any, field: dataclasses.Field[Any]) -> Any:
    converted = _converted(strip(value), hint)
    if converted is _NOT_OF_TYPE:
        wanted = f"{words(hint)} {limits(field)}".rstrip()
        of_words = any(get_origin(option) is Literal for option in options_of(hint))
        if isinstance(value, str) and field.metadata["unit"]:
            wanted += f", in {field.metadata['unit']}"
        raise (ValueError if of_words and isinstance(value, str) else TypeError)(
            f"{field.name}: wanted {wanted}, got {shown(value)}"
        )
    numbers_in = converted if isinstance(converted, tuple) else (converted,)
    for number in numbers_in:
        if isinstance(number, int | float) and not isinstance(number, bool):
            _check_number(number, hint, field)
    check = field.metadata["check"]
    return converted if check is None or converted is None else check(converted, field.name)


def _check_number(number: float, hint: Any, field: dataclasses.Field[Any]) -> None:
    low, above, high, below = (
        field.metadata[name] for name in ("minimum", "above", "maximum", "below")
    )
    finite = math.isfinite(_float(number))
    good = finite
    good = good and (low is None or number >= low)
    good = good and (above is None or number > above)
    good = good and (high is None or number <= high)
    good = good and (below is None or number < below)
    wanted = f"{words(hint)} {limits(field)}".rstrip()
    if not good:
        if not finite:
            wanted = f"{wanted}, finite"
        raise ValueError(f"{field.name}: wanted {wanted}, got {shown(number)}")
    smallest, largest = range_of(field, whole=isinstance(number, int))
    usual = field.metadata["usual"]
    if number and not smallest <= abs(number) <= largest:
        unit = f" {field.metadata['unit']}".rstrip()
        wanted = f"{wanted}, of a size from {smallest:g} to {largest:g}{unit}"
        raise ValueError(f"{field.name}: wanted {wanted}, got {shown(number)}")
    if usual is not None and not usual[0] <= number <= usual[1]:
        note(f"{field.name}: {_beyond(number, usual, field.metadata['unit'])}")


def _beyond(number: float, usual: tuple[float, float], unit: str) -> str:
    """Return what a note says of a number that is taken, and hardly meant in its unit."""
    in_angstrom = number / _ANGSTROMS if unit == "nm" else None
    hint = ""
    if in_angstrom is not None and usual[0] <= in_angstrom <= usual[1]:
        hint = f"; {shown(number)} Å are {in_angstrom:g} nm"
    low, high = (f"{bound:g}" for bound in usual)
    amount = f"{shown(number)} {unit}".rstrip()
    return f"{amount} is beyond the usual, {low} to {high}{hint}"


def _converted(value: Any, hint: Any) -> Any:
    """Return `value` as the hint has it, or the mark that it is of another type."""
    options = options_of(hint)
    if len(options) > 1:
        for option in options:
            converted = _converted(value, option)
            if converted is not _NOT_OF_TYPE:
                return converted
        return _NOT_OF_TYPE
    origin = get_origin(hint)
    if origin is Literal:
        same = (option for option in get_args(hint) if type(option) is type(value))
        return value if value in same else _NOT_OF_TYPE
    if origin is tuple:
        return _converted_tuple(value, get_args(hint))
    if hint is Path and isinstance(value, str | Path):
        # No file system has a null character in a name.
        return _NOT_OF_TYPE if "\0" in str(value) else Path(value)
    is_bool = isinstance(value, bool)
    if hint is float and isinstance(value, numbers.Real) and not is_bool:
        return _float(value)
    if hint is int and isinstance(value, numbers.Integral) and not is_bool:
        return int(value)
    if hint in (float, int):
        return _NOT_OF_TYPE
    return value if isinstance(value, hint) else _NOT_OF_TYPE


def _converted_tuple(value: Any, members: tuple[Any, ...]) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        return _NOT_OF_TYPE
    if members[-1] is Ellipsis:
        members = members[:1] * len(value)
    if len(value) != len(members):
        return _NOT_OF_TYPE
    converted = tuple(_converted(strip(v), m) for v, m in zip(value, members, strict=True))
    return _NOT_OF_TYPE if any(c is _NOT_OF_TYPE for c in converted) else converted


def _float(value: numbers.Real | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
