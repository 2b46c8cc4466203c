"""Names that files and other programs take."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BAD = re.compile(r"[<>:\"/\\|?*\x00-\x1f\x7f\s_]")


def plain_name(name: str) -> str:
    """Return a name without what copick refuses: blanks, underscores, and what paths hold.

    Parameters
    ----------
    name : str
        Any name.

    Returns
    -------
    str
        The name with hyphens in their place.

    Raises
    ------
    ValueError
        Nothing would be left.

    Examples
    --------
    >>> plain_name("70S ribosome_1")
    '70S-ribosome-1'
    """
    plain = _BAD.sub("-", name).strip("-")
    if not plain:
        raise ValueError(f"name: wanted one with letters or digits, got {name!r}")
    return plain


def unique_names(names: Iterable[str]) -> dict[str, str]:
    """Return a plain name for each name, no two of them alike.

    Parameters
    ----------
    names : iterable of str
        Names, each once.

    Returns
    -------
    dict
        Plain name by name. Of names that become alike, or differ in case only, which some file
        systems do not tell apart, the later ones get a number.

    Examples
    --------
    >>> unique_names(["a b", "a_b", "A-b"])
    {'a b': 'a-b', 'a_b': 'a-b-2', 'A-b': 'A-b-3'}
    """
    result: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = base = plain_name(name)
        number = 2
        while plain.lower() in taken or plain.endswith("-multilabel"):
            plain = f"{base}-{number}"
            number += 1
        taken.add(plain.lower())
        result[name] = plain
    return result
