"""Keys of settings: those that a class has, and what is said of one that it has not."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .messages import shown
from .settings import Settings, hints_of, is_many, nested_in, settings_fields

_MOST_SAID = 3
"""Places that a message names at most."""


def keys_of(cls: type[Settings]) -> list[str]:
    """Return the keys of a class' own table; of a field `by_kind` the kinds, as tables have them.

    Examples
    --------
    >>> from openmm_cgpack import Recipe
    >>> keys_of(Recipe)[3:7]
    ['fractions', 'start', 'pack', 'density']
    >>> "molecule" in keys_of(Recipe)
    True
    """
    fields = settings_fields(cls)
    kinds = [kind for f in fields if f.metadata["by_kind"] for kind in _classes_in(cls, f.name)]
    return [*(field.name for field in fields if not field.metadata["by_kind"]), *kinds]


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


def check_keys(cls: type[Settings], table: Iterable[str], where: str) -> None:
    """Raise ValueError where a key is none of a class' table; the message says which is meant."""
    known = keys_of(cls)
    for name in table:
        if name not in known:
            kinds = {kind: f'kind = "{kind}"' for kind in _family(cls)}
            _refuse(cls, name, [*known, *reached(cls)], where, kinds)


def check_arguments(cls: type, unnamed: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Raise TypeError unless a class' arguments have names of its fields.

    Examples
    --------
    >>> from openmm_cgpack import Slab
    >>> check_arguments(Slab, (), {"bx": 3})
    Traceback (most recent call last):
    ...
    TypeError: Slab: unknown argument "bx"; the nearest known one is "box", of box
    """
    name = cls.__name__
    if unnamed:
        raise TypeError(f"{name}: wanted arguments by name, got {shown(unnamed[0])} without one")
    known = [field.name for field in dataclasses.fields(cls) if field.init]
    for argument in given:
        if argument in known:
            continue
        try:
            if not issubclass(cls, Settings):
                check_names([argument], known, name, what="argument")
            elif argument in reached(cls):
                raise ValueError(f"{name}: {argument}: is an argument of {reached(cls)[argument]}")
            elif (near := _nearest(argument, [*known, *reached(cls)])) in reached(cls):
                raise ValueError(
                    f"{name}: unknown argument {shown(argument)}; the nearest known one is "
                    f'"{near}", an argument of {reached(cls)[near]}, of {", ".join(known)}'
                )
            else:
                kinds = {kind: held.__name__ for kind, held in _family(cls).items()}
                _refuse(cls, argument, known, name, kinds, what="argument")
        except ValueError as error:
            raise TypeError(str(error)) from None


def check_names(
    table: Iterable[str], known: Sequence[str], where: str, *, what: str = "key"
) -> None:
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
            near = _nearest(name, known)
            hint = f'; the nearest known one is "{near}", of {", ".join(known)}' if near else ""
            raise ValueError(at(where, f"unknown {what} {shown(name)}{hint}"))


def _nearest(name: str, known: Sequence[str]) -> str:
    """Return the known key that is most like one that is not; empty where there is none."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.0)), "")


def at(where: str, message: str) -> str:
    """Return a message that begins with a place, where there is one."""
    return f"{where}: {message}" if where else message


def _refuse(
    cls: type[Settings],
    name: str,
    known: Sequence[str],
    where: str,
    kinds: Mapping[str, str],
    *,
    what: str = "key",
) -> None:
    """Raise the error of an unknown key: it stands deeper, is another kind's, or is mistyped."""
    said = f"unknown {what} {shown(name)}"
    if places := _places(cls, name):
        more = " ..." if len(places) > _MOST_SAID else ""
        raise ValueError(at(where, f"{said}; meant is {_either(places[:_MOST_SAID])}{more}"))
    family = _family(cls)
    if others := [kinds[kind] for kind, held in family.items() if name in _all_keys(held)]:
        own = f"; {kinds[cls.kind]} has {', '.join(known)}" if cls.kind in kinds else ""
        raise ValueError(at(where, f"{said}; it belongs to {_either(others)}{own}"))
    check_names([name], known, where, what=what)


def _places(cls: type[Settings], key: str) -> list[str]:
    """Return where a key stands in the tables of a class' table, those that come once first."""
    places = list(_deeper(cls, key))
    for field in settings_fields(cls):
        if field.metadata["by_kind"]:
            kinds = _classes_in(cls, field.name)
            having = [kind for kind, held in kinds.items() if key in keys_of(held)]
            # What all kinds have is likely to be meant of them, what a few have is not.
            if having and (not places or len(having) == len(kinds)):
                places.append(f"{key} in [[{having[0]}]]")
    return list(dict.fromkeys(places))


def _deeper(cls: type[Settings], key: str) -> Iterator[str]:
    for field in settings_fields(cls):
        if is_many(hints_of(cls)[field.name]):
            continue
        for held in _classes_in(cls, field.name).values():
            if key in _all_keys(held):
                yield f"{field.name}.{key}"
            else:
                yield from (f"{field.name}.{place}" for place in _deeper(held, key))


def _classes_in(cls: type[Settings], name: str) -> dict[str, type[Settings]]:
    """Return the classes of which a field may hold one, by kind; none where it holds no table."""
    nested = nested_in(hints_of(cls)[name])
    if nested is None:
        return {}
    return nested.kinds if "kinds" in vars(nested) else {nested.kind: nested}


def _all_keys(cls: type[Settings]) -> set[str]:
    return {*keys_of(cls), *reached(cls)}


def _family(cls: type[Settings]) -> dict[str, type[Settings]]:
    """Return the kinds that may stand in place of a class; none where it has no family."""
    return getattr(cls, "kinds", {})


def _either(words: Sequence[str]) -> str:
    return " or ".join(words)
