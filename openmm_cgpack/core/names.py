"""Names of species, maps, tomograms and renders: checked where they come in, in one place.

A name that was checked is printable text in Unicode's normal form C, and every writer quotes it by
the rule of its own format. What becomes the name of a file is made plain for it.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from .messages import path_text, shown

LONGEST_NAME = 80
"""Characters of a name."""

_LONGEST_FILE_NAME = 120
"""Bytes of a name that becomes a part of a file's; file systems take 255."""

_NO_FILE_NAME = re.compile(r"[<>:\"/\\|?*]")
_PLAIN_MARKS = "-.+"
"""Beside letters and digits, what stays in a plain name."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
"""Names that Windows keeps for devices."""


def checked_text(text: str, where: str = "name") -> str:
    """Return a text in normal form C; ValueError where it is long or not printable."""
    if not isinstance(text, str):
        raise TypeError(f"{where}: wanted text, got {shown(text)}")
    # A command's words are what the locale has made of them.
    text = path_text(text)
    if len(text) > LONGEST_NAME:
        raise ValueError(
            f"{where}: wanted at most {LONGEST_NAME} characters, got {len(text)}: {shown(text)}"
        )
    if not text.isprintable():
        raise ValueError(f"{where}: wanted printable characters, got {shown(text)}")
    return unicodedata.normalize("NFC", text)


def checked_name(name: str, where: str = "name") -> str:
    r"""Return a name in normal form C.

    Raises
    ------
    ValueError
        It is empty or long, holds a character that is not printable (a control character, a line
        end, a mark for the direction of writing), no letter and no digit, or a blank at an end.

    Examples
    --------
    >>> checked_name("70S ribosome #1; \"loop_\" <&>")
    '70S ribosome #1; "loop_" <&>'
    >>> checked_name("a\nb")
    Traceback (most recent call last):
    ...
    ValueError: name: wanted printable characters, got "a\nb"
    """
    name = checked_text(name, where)
    if not any(character.isalnum() for character in name):
        raise ValueError(f"{where}: wanted one with letters or digits, got {shown(name)}")
    if name != name.strip():
        raise ValueError(f"{where}: wanted no blank at its ends, got {shown(name)}")
    return name


def checked_file_name(name: str, where: str = "name") -> str:
    r"""Return a name that files of any system can have.

    Raises
    ------
    ValueError
        It is none for `checked_name`, begins with a dot or a dash, ends with a dot, holds one of
        ``<>:"/\|?*``, or is a device's name on Windows.

    Examples
    --------
    >>> checked_file_name("über 2")
    'über 2'
    """
    name = checked_name(name, where)
    bad = _NO_FILE_NAME.search(name) or _RESERVED.fullmatch(name)
    if bad or name[0] in ".-" or name[-1] == ".":
        raise ValueError(
            f'{where}: wanted a file name, without <>:"/\\|?*, a dot or dash at its start or a dot '
            f"at its end, got {shown(name)}"
        )
    return name


def checked_map_name(name: str) -> str:
    """Return the name of a map, which may have folders in it, as ``renders/NAME/tomogram``."""
    return "/".join(checked_file_name(part, "map") for part in name.split("/"))


def name_of_file(name: str | os.PathLike[str], *, otherwise: str = "unnamed") -> str:
    r"""Return a name that `checked_name` takes, made of a file's or folder's without any path.

    Runs of characters that it does not take become a blank. Where nothing is left, `otherwise`.

    Examples
    --------
    >>> name_of_file("Müller\x1b[1m"), name_of_file("...")
    ('Müller [1m', 'unnamed')
    """
    text = unicodedata.normalize("NFC", path_text(Path(name).name))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = text[:LONGEST_NAME].strip()
    return text if any(character.isalnum() for character in text) else otherwise


def plain_name(name: str) -> str:
    """Return a name as any other program and file system takes it, of letters, digits and dashes.

    All else but a dot or a plus becomes a dash: copick refuses blanks and underscores, paths and
    shells have signs of their own. A letter that no file can have in this locale becomes its
    number, as ``u65e5``.

    Raises
    ------
    ValueError
        Nothing would be left.

    Examples
    --------
    >>> plain_name("70S ribosome_1"), plain_name("CON"), plain_name("-.a;b")
    ('70S-ribosome-1', 'x-CON', 'a-b')
    """
    plain = "".join(map(_plain, unicodedata.normalize("NFC", name))).strip("-.")
    plain = plain.encode()[:_LONGEST_FILE_NAME].decode(errors="ignore").strip("-.")
    if not any(character.isalnum() for character in plain):
        raise ValueError(f"name: wanted one with letters or digits, got {shown(name)}")
    return f"x-{plain}" if _RESERVED.fullmatch(plain) else plain


def known_names(said: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return for each name the known one that it stands for; itself where there is none.

    That is the same name, or the one that a file or another program has as this plain name.

    Examples
    --------
    >>> known_names(["a b", "a-b", "A"], ["a b"])
    {'a b': 'a b', 'a-b': 'a b', 'A': 'A'}
    """
    held = list(known)
    plain = {exported: name for name, exported in unique_names(held).items()}
    return {
        name: name
        if name in held or not any(character.isalnum() for character in name)
        else plain.get(name) or plain.get(plain_name(name), name)
        for name in said
    }


def _plain(character: str) -> str:
    # Marks belong to the letters before them.
    letter = character.isalnum() or unicodedata.category(character).startswith("M")
    if not (letter or character in _PLAIN_MARKS):
        return "-"
    try:
        os.fsencode(character)
    except UnicodeEncodeError:
        return f"u{ord(character):x}"
    return character


def unique_names(names: Iterable[str], *, taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a plain name for each name, no two of them alike, and none of those that are taken.

    Of names that become alike, or differ in case only, which some file systems do not tell apart,
    the later ones get a number.

    Examples
    --------
    >>> unique_names(["a b", "a_b", "A-b"])
    {'a b': 'a-b', 'a_b': 'a-b-2', 'A-b': 'A-b-3'}
    """
    result: dict[str, str] = {}
    used = {name.casefold() for name in taken}
    for name in names:
        plain = base = plain_name(name)
        number = 2
        # copick keeps the ending for its own use.
        while plain.casefold() in used or plain.endswith("-multilabel"):
            plain = f"{base}-{number}"
            number += 1
        used.add(plain.casefold())
        result[name] = plain
    return result
