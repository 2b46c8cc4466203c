"""A recipe with distributions, as plain tables, and the plain one that is drawn of it for a scene.

What is drawn for a key depends on the seed, the scene's index and the key alone: not on which other
keys are distributions. Keys are dotted; tables that come several times have their ``name`` in them
where they have one, else their number from 1, as ``molecule.2.count``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..core.runtime import stage_seed
from .distributions import Distribution, distribution_of

AMOUNTS = ("count", "fraction", "per_area")
"""Keys of a structure that say how many there are: where 0 is drawn for one it is left out."""

_FIXED = {
    "seed": "the scenes' own follow from it",
    "index": "every scene has its own",
    "fractions": "every scene has one",
}
"""Keys that mean something else, or nothing, where scenes differ, and why."""


def drawn(table: Mapping[str, Any], seed: int, index: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw the recipe of a scene.

    A structure's table stands for several where its ``species`` are several; one for which an
    amount of 0 is drawn is left out, and so is what is placed in or at nothing but membranes that
    are.

    Parameters
    ----------
    table : mapping
        The tables of a recipe, with distributions in place of values.
    seed : int
        Seed of the data set.
    index : int
        Number of the scene.

    Returns
    -------
    plain : dict
        Tables without distributions, for `recipe_from`; with the seed and the index.
    values : dict
        What was drawn, by dotted key.

    Raises
    ------
    ValueError, TypeError
        A distribution is not good; the message begins with its key.

    Examples
    --------
    >>> table = {
    ...     "molecule": [{"species": "3hhb", "count": {"integers": [4, 9]}}],
    ...     "imaging": {"kind": "one_step", "snr": {"uniform": [0.5, 1.5]}},
    ... }
    >>> plain, values = drawn(table, seed=1, index=7)
    >>> sorted(values), plain["imaging"]["snr"] == values["imaging.snr"]
    (['imaging.snr', 'molecule.1.count'], True)
    """
    draw = _Draw(seed, index, taken=_plain_species(table))
    plain: dict[str, Any] = {}
    for name, value in table.items():
        if name in _FIXED and (name != "seed" or distribution_of(value, name) is not None):
            raise ValueError(f"{name}: means nothing in a data set: {_FIXED[name]}")
        if _are_tables(value):
            plain[name] = draw.entries(name, value)
        else:
            plain[name] = draw.value(name, value)
    return {**_without_left_out(plain), "seed": seed, "index": index}, draw.values


def undistributed(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with something that may be drawn in place of every distribution in it.

    Examples
    --------
    >>> undistributed({"count": {"choose": [3]}, "name": "a"})
    {'count': 3, 'name': 'a'}
    """
    return _Draw(0, 0, taken=set()).value("", table)


def first_distribution(table: Mapping[str, Any]) -> str | None:
    """Return the dotted key of the first distribution in a recipe's tables; None without any.

    Examples
    --------
    >>> first_distribution({"name": "a", "start": {"box": [90, 90, {"uniform": [30, 60]}]}})
    'start.box.3'
    """
    return next((key for key, _ in distributions_in(table)), None)


def distributions_in(value: Any, key: str = "") -> Iterator[tuple[str, Distribution]]:
    """Yield the dotted key and the distribution of all that stand in a recipe's tables."""
    if (distribution := distribution_of(value, key)) is not None:
        yield key, distribution
    elif isinstance(value, Mapping):
        for name, held in value.items():
            yield from distributions_in(held, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for name, held in _numbered(value):
            yield from distributions_in(held, f"{key}.{name}")


class _Draw:
    """Draws the values of one scene, and keeps them by key; `taken` are species that it has."""

    def __init__(self, seed: int, index: int, *, taken: set[str]) -> None:
        self._parent = stage_seed(seed, "drawing", index)
        self._taken = taken
        self.values: dict[str, Any] = {}

    def value(self, key: str, value: Any) -> Any:
        """Return a value of a table with what is drawn for all distributions in it."""
        if (distribution := distribution_of(value, key)) is not None:
            return self._of(key, distribution)
        if isinstance(value, Mapping):
            return {name: self.value(f"{key}.{name}", held) for name, held in value.items()}
        if isinstance(value, list):
            return [self.value(f"{key}.{name}", held) for name, held in _numbered(value)]
        return value

    def entries(self, kind: str, entries: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the tables of a kind of structure; one that stands for several as these."""
        plain = []
        for name, entry in _numbered(entries):
            key, species = f"{kind}.{name}", entry.get("species")
            distribution = distribution_of(species, f"{key}.species")
            if distribution is not None:
                species = self._of(f"{key}.species", distribution.without(self._taken))
                self._taken.update([species] if isinstance(species, str) else species)
            if not isinstance(species, list):
                fixed = {} if species is None else {"species": species}
                plain.append(self.value(key, {**entry, **fixed}))
                continue
            if "name" in entry:
                raise ValueError(f"{key}.name: means nothing of several species")
            for each in species:
                plain.append(self.value(f"{key}.{each}", {**entry, "species": each}))
        return plain

    def _of(self, key: str, distribution: Distribution) -> Any:
        words = np.frombuffer(hashlib.sha256(key.encode()).digest()[:16], "<u4")
        seeds = np.random.SeedSequence(
            self._parent.entropy, spawn_key=(*self._parent.spawn_key, *words.tolist())
        )
        self.values[key] = distribution.draw(np.random.default_rng(seeds))
        return self.values[key]


def _numbered(values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the members of a list with their names where they are tables that have one."""
    names = [value.get("name") if isinstance(value, Mapping) else None for value in values]
    for number, (name, value) in enumerate(zip(names, values, strict=True), start=1):
        named = isinstance(name, str) and names.count(name) == 1
        yield str(name) if named else str(number), value


def _plain_species(table: Mapping[str, Any]) -> set[str]:
    """Return the species that are said in tables of structures, and not drawn."""
    entries = [entry for value in table.values() if _are_tables(value) for entry in value]
    return {entry["species"] for entry in entries if isinstance(entry.get("species"), str)}


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value)


def _without_left_out(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's tables without structures of which there are none, or no place for."""
    gone: set[str] = set()
    while True:
        kept: dict[str, Any] = {}
        before = len(gone)
        for kind, value in plain.items():
            if not _are_tables(value):
                kept[kind] = value
                continue
            left = []
            for entry in value:
                placed = _placed(entry, gone)
                if placed is None or any(_is_zero(entry.get(key)) for key in AMOUNTS):
                    gone.add(str(entry.get("name", kind)))
                else:
                    left.append(placed)
            if left:
                kept[kind] = left
        if len(gone) == before:
            return kept


def _is_zero(amount: Any) -> bool:
    # false stands for a value that is left out.
    return amount == 0 and not isinstance(amount, bool)


def _placed(entry: Mapping[str, Any], gone: set[str]) -> dict[str, Any] | None:
    """Return a structure's table without the membranes that are gone; None if these are all."""
    entry = dict(entry)
    where = dict(entry["where"]) if isinstance(entry.get("where"), Mapping) else {}
    for table, key in ((entry, "membrane"), (where, "inside"), (where, "of"), (where, "outside")):
        names = table.get(key)
        named = [names] if isinstance(names, str) else names
        if not isinstance(named, list) or not gone & set(map(str, named)):
            continue
        left = [name for name in named if name not in gone]
        if left:
            table[key] = left
        elif key == "outside":
            # All that there is is outside of what is not there.
            del table[key]
        else:
            return None
    if "where" in entry and isinstance(entry["where"], Mapping):
        entry["where"] = where
        if not where:
            del entry["where"]
    return entry


def refuse_distributions(table: Mapping[str, Any]) -> None:
    """Raise ValueError where a recipe that is to make one scene has a distribution.

    Examples
    --------
    >>> refuse_distributions({"imaging": {"snr": {"uniform": [1, 2]}}})
    Traceback (most recent call last):
    ...
    ValueError: imaging.snr: is a distribution, of which ... cgpack dataset RECIPE ...
    """
    if (key := first_distribution(table)) is not None:
        raise ValueError(
            f"{key}: is a distribution, of which every scene of a data set draws its own; "
            "cgpack dataset RECIPE -n 200 -o DIR makes them"
        )
