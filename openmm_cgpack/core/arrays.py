"""Checking and freezing the arrays that the data types hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .units import strip


def frozen(
    value: Any, name: str, shape: Sequence[int | None], dtype: DTypeLike = np.float64
) -> np.ndarray:
    """Return `value` as a read-only contiguous array, or say what is wrong with it.

    Parameters
    ----------
    value : array_like or openmm.unit.Quantity
        What the user gave.
    name : str
        Name of the argument, for the message.
    shape : sequence of int or None
        Wanted length along each axis; None takes any.
    dtype : dtype
        Wanted type. Floating-point arrays must be finite.

    Returns
    -------
    numpy.ndarray
        A read-only copy, or the array itself where it is read-only already.

    Raises
    ------
    ValueError
        The shape is another one, or a number is not finite.
    TypeError
        The value cannot become an array of `dtype`.
    """
    value = strip(value)
    try:
        array = np.asarray(value)
        if np.dtype(dtype).kind in "iu" and array.size and array.dtype.kind not in "iub":
            raise TypeError(f"wanted whole numbers, got {array.dtype}")
        array = array.astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
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


def positive(value: Any, name: str, *, zero: bool = False) -> float:
    """Return `value` as a float that is positive (or zero, where that is allowed).

    Parameters
    ----------
    value : float or openmm.unit.Quantity
        What the user gave.
    name : str
        Name of the argument, for the message.
    zero : bool, optional
        Whether 0 is good too.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        It is negative, zero where that is not allowed, or not finite.
    TypeError
        It is no number.
    """
    value = strip(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: wanted a number, got {value!r}") from None
    if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        wanted = "a number >= 0" if zero else "a positive number"
        raise ValueError(f"{name}: wanted {wanted}, got {number:g}")
    return number
