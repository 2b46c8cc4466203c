"""What a data set is: a recipe with distributions, a seed, and what follows for each scene."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..core.display import described
from ..core.messages import shown, within
from ..core.runtime import stage_seed
from ..core.tables import from_table, to_table
from ..io.files import read_toml
from ..models import Structure
from ..recipe import Recipe, distributions_in, drawn, find_recipe, recipe_from
from ..recipe.distributions import Distribution, distribution_of
from ..recipe.drawing import AMOUNTS, undistributed

SPLITS = ("train", "validation", "test")
SHARES = (0.8, 0.1, 0.1)
"""Parts of the scenes that are in each of `SPLITS`."""

_BLOCK = 10
"""Scenes in which the shares are exact: they are tenths."""

_NAMING = ("name", "species", "pdb", "id")
"""Keys of a structure's table from which its name follows."""

_HOUSE = {"files": {"overview": False}, "run": {"threads": 1}}
"""What scenes have where the recipe says nothing: a data set has pictures of its own, and workers
fill the cores better than threads, which do not repeat bit for bit either."""


@described
@dataclass(frozen=True, kw_only=True)
class Plan:
    """A recipe's tables with distributions, and all else that the scenes depend on.

    Parameters
    ----------
    table : dict
        The tables, as given.
    seed : int
        Seed of the data set.
    shares : tuple of float
        Parts of the scenes in each of `SPLITS`.
    folder : Path
        Where relative paths of the recipe start.
    source : str
        The recipe's file, with which messages begin; empty where there is none.
    """

    table: dict[str, Any]
    seed: int = 0
    shares: tuple[float, float, float] = SHARES
    folder: Path
    source: str = ""

    def __post_init__(self) -> None:
        tenths = [share * _BLOCK for share in self.shares]
        if len(tenths) != len(SPLITS) or not all(
            tenth >= 0 and abs(tenth - round(tenth)) < 1e-9 for tenth in tenths
        ):
            raise ValueError(f"shares: wanted {len(SPLITS)} tenths, got {shown(self.shares)}")
        if round(sum(tenths)) != _BLOCK:
            raise ValueError(f"shares: wanted numbers that add up to 1, got {shown(self.shares)}")
        if "fractions" in self.table:
            raise ValueError("fractions: means nothing in a data set: every scene has one")

    def scene(self, index: int) -> tuple[Recipe, dict[str, Any]]:
        """Return the recipe of a scene, and what was drawn for it by dotted key.

        Raises
        ------
        ValueError, TypeError
            What is drawn makes no recipe; the message begins with the file and the scene.
        """
        scene = f"scene {index}" if self.varies else ""
        where = ": ".join(filter(None, [self.source, scene]))
        with within(where):
            plain, values = drawn(self.table, self.seed, index)
        made = recipe_from(_with_house(plain), folder=self.folder, source=where)
        return made, values

    @cached_property
    def species(self) -> tuple[str, ...]:
        """Names of all species that scenes may have, in the order of the recipe.

        Their numbers in the data set, from 1, are the same in every scene, whatever else is there.
        """
        found: dict[str, None] = {}
        for kind, cls in Structure.kinds.items():
            entries = self.table.get(kind, [])
            for number, entry in enumerate(entries, start=1):
                for chosen in _alternatives(entry):
                    where = f"[[{kind}]] number {number}"
                    plain = _without_amounts(undistributed(chosen))
                    settings = from_table(cls, plain, where=where, folder=self.folder)
                    assert isinstance(settings, Structure)
                    found[settings.label] = None
        return tuple(found)

    @property
    def varies(self) -> bool:
        """Whether there is a distribution in it."""
        return next(distributions_in(self.table), None) is not None

    def too_few(self, n: int) -> str | None:
        """Return what to say where `n` scenes leave a split with a share empty; else None."""
        first = [self.split(index) for index in range(_BLOCK)]
        empty = [name for name in SPLITS if name in first[n:] and name not in first[:n]]
        if not empty:
            return None
        enough = 1 + max(first.index(name) for name in empty)
        return (
            f"of {n} scenes none is for {' or '.join(empty)}; make {enough} or more, or give other "
            "shares"
        )

    def split(self, index: int) -> str:
        """Return which of `SPLITS` a scene is in.

        In each block of ten scenes the shares are exact; their order depends on the seed and the
        block alone.
        """
        names = np.repeat(SPLITS, [round(share * _BLOCK) for share in self.shares])
        block, place = divmod(index, _BLOCK)
        rng = np.random.default_rng(stage_seed(self.seed, "split", block))
        return str(rng.permutation(names)[place])


def _alternatives(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a structure's table with each of the names that may be drawn for it."""
    choices = {}
    for key in _NAMING:
        distribution = distribution_of(entry.get(key))
        if distribution is not None:
            choices[key] = distribution.choices
    for values in product(*choices.values()):
        yield {**entry, **dict(zip(choices, values, strict=True))}


def _without_amounts(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a structure's table without how many there are: 0 may have been drawn."""
    return {key: value for key, value in entry.items() if key not in AMOUNTS}


def plan_of(
    recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str],
    *,
    seed: int | None = None,
    shares: tuple[float, float, float] = SHARES,
    changes: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan of a data set.

    Parameters
    ----------
    recipe : Recipe, mapping or path-like
        The recipe, its tables, or its file or name (`find_recipe`); all but the first may have
        distributions.
    seed : int, optional
        In place of the recipe's.
    shares : tuple of float, optional
        See `Plan`.
    changes : mapping, optional
        Tables that replace values of the recipe's.
    """
    folder, source = Path.cwd(), ""
    if isinstance(recipe, Recipe):
        table = to_table(recipe)
        for name in ("index", "fractions"):
            table.pop(name, None)
    elif isinstance(recipe, Mapping):
        table = dict(recipe)
    else:
        file = find_recipe(recipe)
        table, folder, source = read_toml(file), file.resolve().parent, str(file)
    table = merged(table, changes or {})
    own = table.get("seed", 0)
    if seed is None:
        seed = own
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        # One that is a distribution is told of by what draws.
        drawn({"seed": seed}, 0, 0)
        raise ValueError(f"seed: wanted a whole number from 0 to 2**63 - 1, got {shown(seed)}")
    return Plan(
        table={**table, "seed": seed}, seed=seed, shares=shares, folder=folder, source=source
    )


def merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested tables with values, or distributions of them, replaced by those of others.

    Examples
    --------
    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"b": {"poisson": 3}}})
    {'a': {'b': {'poisson': 3}, 'c': 2}}
    """
    result = dict(table)
    for name, value in changes.items():
        both = all(
            isinstance(held, Mapping) and not held.keys() & Distribution.kinds.keys()
            for held in (value, result.get(name))
        )
        result[name] = merged(result[name], value) if both else value
    return result


def _with_house(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a scene's tables with what the house has where they say nothing."""
    house = merged(_HOUSE, {})
    platform = plain.get("run", {}).get("platform")
    if isinstance(platform, str) and platform.lower() != "cpu":
        house["run"] = {}
    return merged(house, plain)
