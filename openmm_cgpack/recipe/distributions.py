"""What may stand in place of a value of a recipe: distributions, of which each scene draws its own.

A distribution is a table that has the name of its kind as a key, as ``{uniform = [2, 5]}``. A kind
of one's own is a class registered by `kind` with a field of that name:

>>> from openmm_cgpack.core.settings import kind, setting
>>> @kind("coin")
... class Coin(Distribution):
...     "Heads or tails."
...     coin: float = setting("chance of true", minimum=0, maximum=1)
...     def draw(self, rng):
...         return bool(rng.random() < self.coin)
>>> distribution_of({"coin": 1.0}).draw(np.random.default_rng(0))
True
>>> del Distribution.kinds["coin"]
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, get_origin

import numpy as np

from ..core.messages import shown
from ..core.settings import Settings, hints_of, kind, options_of, setting
from ..core.tables import from_table
from ..structures import library

_LIBRARY = "library"


class Distribution(Settings, family=True):
    """What stands in place of a value, and of which each scene of a data set draws its own."""

    kinds: ClassVar[dict[str, type[Distribution]]]  # type: ignore[assignment]

    def draw(self, rng: np.random.Generator) -> Any:
        """Return a value as a recipe has it: a number, a text, or a list of them."""
        raise NotImplementedError

    @property
    def choices(self) -> tuple[Any, ...]:
        """All that may be drawn, one by one, where that is a list; none elsewhere."""
        return ()

    def without(self, taken: Collection[str]) -> Distribution:
        """Return the same for what must be none of some names, as species of other tables."""
        return self


@kind("uniform")
class Uniform(Distribution):
    """Any number between two, all as likely."""

    uniform: tuple[float, float] = setting("smallest and largest number")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_rising("uniform", self.uniform)

    def draw(self, rng: np.random.Generator) -> float:
        """Return a number."""
        return float(rng.uniform(*self.uniform))


@kind("log_uniform")
class LogUniform(Distribution):
    """Any number between two, all sizes as likely: from 1 to 10 as often as from 10 to 100."""

    log_uniform: tuple[float, float] = setting("smallest and largest number", above=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_rising("log_uniform", self.log_uniform)

    def draw(self, rng: np.random.Generator) -> float:
        """Return a number."""
        low, high = self.log_uniform
        drawn = math.exp(rng.uniform(math.log(low), math.log(high)))
        return min(max(drawn, low), high)


@kind("normal")
class Normal(Distribution):
    """A number of the normal distribution, cut off at a smallest and a largest one where given."""

    normal: tuple[float, float] = setting("mean and standard deviation")
    min: float | None = setting("smallest number", default=None)
    max: float | None = setting("largest number", default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normal[1] < 0:
            raise ValueError(f"normal: wanted a deviation >= 0, got {shown(self.normal[1])}")
        if self.min is not None and self.max is not None:
            _check_rising("min and max", (self.min, self.max))

    def draw(self, rng: np.random.Generator) -> float:
        """Return a number, by the inverse of the cumulative distribution between the ends."""
        from scipy.special import ndtr, ndtri

        mean, deviation = self.normal
        low = -math.inf if self.min is None else self.min
        high = math.inf if self.max is None else self.max
        drawn = rng.random()
        if deviation:
            ends = ndtr((np.array([low, high]) - mean) / deviation)
            mean += deviation * float(ndtri(ends[0] + drawn * (ends[1] - ends[0])))
        return float(np.clip(mean, low, high))


@kind("integers")
class Integers(Distribution):
    """Any whole number from one to another, both included, all as likely."""

    integers: tuple[int, int] = setting("smallest and largest number")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_rising("integers", self.integers)

    def draw(self, rng: np.random.Generator) -> int:
        """Return a number."""
        low, high = self.integers
        return int(rng.integers(low, high, endpoint=True))


@kind("poisson")
class Poisson(Distribution):
    """A whole number of the Poisson distribution, cut off at a largest one where given."""

    poisson: float = setting("mean, without the cut", minimum=0, maximum=1e6)
    max: int | None = setting("largest number", default=None, minimum=0, maximum=10**6)

    def draw(self, rng: np.random.Generator) -> int:
        """Return a number."""
        if self.max is None:
            return int(rng.poisson(self.poisson))
        from scipy.special import gammaln, xlogy

        numbers = np.arange(self.max + 1)
        logarithms = xlogy(numbers, self.poisson) - gammaln(numbers + 1)
        weights = np.exp(logarithms - logarithms.max())
        return int(rng.choice(numbers, p=weights / weights.sum()))


@kind("choose")
class Choose(Distribution):
    """One of a list; or several, all different, `from` a list or the library."""

    choose: int | tuple[str, ...] | tuple[bool, ...] | tuple[int, ...] | tuple[float, ...] = (
        setting("what there is to choose from, or how many of those in `from`")
    )
    weights: tuple[float, ...] | None = setting(
        "how likely each of the list is, as parts of their sum", default=None, minimum=0
    )
    source: str | tuple[str, ...] | None = setting(
        'written `from`: what several are chosen from: "library", the species that come with the '
        "package and are no membrane proteins, or a list",
        default=None,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.choose, tuple):
            self._check_list(self.choose)
        elif self.source is None:
            raise ValueError("choose: wanted a list, or a number together with from")
        elif isinstance(self.source, str) and self.source != _LIBRARY:
            raise ValueError(f'from: wanted "{_LIBRARY}" or a list, got {shown(self.source)}')
        elif not 1 <= self.choose <= len(self._names):
            words = f"choose: wanted a number from 1 to {len(self._names)}, as many as from has"
            raise ValueError(f"{words}, got {shown(self.choose)}")

    def _check_list(self, choices: tuple[Any, ...]) -> None:
        if self.source is not None:
            raise ValueError("from: wanted together with a number to choose, got a list")
        if not choices:
            raise ValueError("choose: wanted at least one value")
        if self.weights is not None and (
            len(self.weights) != len(choices) or not sum(self.weights)
        ):
            words = f"weights: wanted {len(choices)} numbers, one a value and one at least > 0"
            raise ValueError(f"{words}, got {list(self.weights)}")

    def meaningless(self) -> dict[str, str]:
        """Weights are those of a list."""
        if isinstance(self.choose, tuple):
            return {}
        return {"weights": "of several; they are all as likely"}

    @property
    def choices(self) -> tuple[Any, ...]:
        """All that may be drawn, one by one."""
        return self.choose if isinstance(self.choose, tuple) else self._names

    @property
    def _names(self) -> tuple[str, ...]:
        if self.source == _LIBRARY:
            return tuple(entry.name for entry in library.entries if entry.membrane is None)
        assert isinstance(self.source, tuple)
        return self.source

    def draw(self, rng: np.random.Generator) -> Any:
        """Return one of the values, or a list of several in the order of the source."""
        if isinstance(self.choose, tuple):
            weights = None
            if self.weights is not None:
                weights = np.array(self.weights) / sum(self.weights)
            return self.choose[int(rng.choice(len(self.choose), p=weights))]
        rows = rng.choice(len(self._names), self.choose, replace=False)
        return [self._names[row] for row in sorted(rows.tolist())]

    def without(self, taken: Collection[str]) -> Choose:
        """Return the same without what is taken from its source."""
        if self.source is None:
            return self
        left = tuple(name for name in self._names if name not in taken)
        return Choose(choose=self.choose, source=left)


def distribution_of(value: Any, where: str = "") -> Distribution | None:
    """Return the distribution that a value of a recipe's table is; None where it is another.

    Raises
    ------
    ValueError, TypeError
        It has the name of a kind and is not good.

    Examples
    --------
    >>> distribution_of({"uniform": [2, 5]})
    Uniform(uniform=(2.0, 5.0))
    >>> distribution_of({"voxel_size": 1.0}) is None
    True
    """
    if not isinstance(value, Mapping):
        return None
    chosen = next((Distribution.kinds[key] for key in value if key in Distribution.kinds), None)
    if chosen is None or not _may_be(value[chosen.kind], hints_of(chosen)[chosen.kind]):
        return None
    table = {"source" if key == "from" else key: held for key, held in value.items()}
    return from_table(chosen, table, where=where)


def _may_be(value: Any, hint: Any) -> bool:
    """Return whether a distribution has such a value under its name.

    Settings may have the name, too, as `Motion` has ``normal``, which is a number there.
    """
    wants_list = all(get_origin(option) is tuple for option in options_of(hint))
    return isinstance(value, list) or not wants_list


def _check_rising(name: str, ends: tuple[float, float]) -> None:
    if ends[0] > ends[1]:
        raise ValueError(f"{name}: wanted the smaller number first, got {list(ends)}")
