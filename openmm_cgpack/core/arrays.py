"""The frozen data types: checking and freezing their arrays, and what they say of themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, dataclass_transform

import numpy as np
from numpy.typing import DTypeLike

from .display import described
from .units import strip

Noun = TypeVar("Noun")
Shape = Sequence[int | None]


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def noun(cls: type[Noun]) -> type[Noun]:
    """Make a class a frozen, keyword-only dataclass that is `described`.

    Two nouns are equal only where they are the same object.

    >>> @noun
    ... class Cloud:
    ...     points: np.ndarray
    ...     name: str = "cloud"
    >>> Cloud(points=np.zeros((5, 3)))
    Cloud(points=array(5, 3), name='cloud')
    """
    return dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)(described(cls))


def frozen(value: Any, name: str, shape: Shape, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Return `value`, an array or quantity, as a read-only contiguous array of a type and shape.

    None in `shape` takes any length. A wrong shape and numbers that are not finite are ValueErrors,
    what cannot become `dtype` is a TypeError; both begin with `name`.
    """
    value = strip(value)
    try:
        array = np.asarray(value)
        if np.dtype(dtype).kind in "iu" and array.size and array.dtype.kind not in "iub":
            raise TypeError(f"wanted whole numbers, got {array.dtype}")
        array = array.astype(dtype, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name}: {error}") from None
    wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    if array.size == 0 and len(shape) > 1 and array.ndim == 1 and shape[0] in (None, 0):
        array = array.reshape(0, *(n or 0 for n in shape[1:]))
    if array.ndim != len(shape) or any(
        n is not None and n != m for n, m in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(f"{name}: wanted shape {wanted}, got {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}: wanted finite numbers, got {array[first]} at index {first}")
    if not array.flags.writeable and array.flags.c_contiguous:
        return array
    array = np.array(array, order="C", copy=True)
    array.flags.writeable = False
    return array


def freeze(value: Any, owner: str = "", dtype: DTypeLike = np.float64, **shapes: Shape) -> None:
    """Make fields of a noun `frozen` arrays of the shapes given by their names."""
    for name, shape in shapes.items():
        array = frozen(getattr(value, name), f"{owner}: {name}" if owner else name, shape, dtype)
        object.__setattr__(value, name, array)


def positive(value: Any, name: str, *, zero: bool = False) -> float:
    """Return a number or quantity as a float that is positive, or 0 with `zero`; errors name it."""
    value = strip(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: wanted a number, got {value!r}") from None
    if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        wanted = "a number >= 0" if zero else "a positive number"
        raise ValueError(f"{name}: wanted {wanted}, got {number:g}")
    return number
