"""What is said to a user: values and texts that a terminal can show, and where an error arose.

A message repeats no more than `LONGEST` characters of an input, and none that is not printable.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import UnionType
from typing import Any

PACKAGE = __name__.partition(".")[0]

LIBRARIES = (*(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")), "<frozen ")
"""Where the code of libraries lies: what the names of its files begin with."""

LONGEST = 80
"""Characters of an input that a message repeats at most."""

_LONG = (
    # What stands in quotes, a word or a part of a path, and a whole path.
    re.compile(rf"(?<!\w)(?P<quote>['\"])(?P<long>(?:(?!\1).){{{LONGEST + 1},}})(?P=quote)"),
    re.compile(rf"(?P<long>[^\s{re.escape(os.sep)}]{{{LONGEST + 1},}})"),
    re.compile(r"(?P<long>\S{400,})"),
)

_WRONG_VALUES = (ValueError, TypeError, ArithmeticError, RecursionError, MemoryError)
"""What follows from a value that nobody thought of."""

_OF_CONTENT = (ValueError, TypeError, KeyError, OSError, MemoryError, RecursionError)
"""What tells of a file's content in words of its own."""


def shown(value: Any) -> str:
    r"""Return a bad value as a message repeats it: as TOML has it, and not all of a long one.

    Examples
    --------
    >>> shown("a\x1b[2Jb"), shown(True), shown(0.1)
    ('"a\\x1b[2Jb"', 'true', '0.1')
    """
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float):
        text = f"{value:g}"
    elif isinstance(value, str):
        # No more than can be shown is looked at.
        text = f'"{printable(value[: LONGEST + 1])}"'
    else:
        try:
            text = printable(str(value))
        except (ValueError, RecursionError):
            # A whole number of more digits than Python writes, tables in tables.
            text = f"{type(value).__name__}..."
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def checked_type(name: str, value: Any, wanted: type | UnionType, hint: str = "") -> None:
    """Raise TypeError unless an argument is what a function works on.

    Examples
    --------
    >>> checked_type("packed", 3, str, "; give its text")
    Traceback (most recent call last):
        ...
    TypeError: packed: wanted a str, got a value of int; give its text
    """
    if not isinstance(value, wanted):
        kinds = wanted.__args__ if isinstance(wanted, UnionType) else (wanted,)
        names = " or ".join(kind.__name__ for kind in kinds)
        article = "an" if names[0] in "AEIOaeio" else "a"
        got = f"a value of {type(value).__name__}"
        raise TypeError(f"{name}: wanted {article} {names}, got {got}{hint}")


def printable(text: str) -> str:
    r"""Return a text with what would do something to a terminal, or cannot be seen, as escapes.

    That is every character that is not printable: control characters, line ends, marks that turn
    the direction of writing, and bytes of a path that are no text.

    Examples
    --------
    >>> print(printable("Müller\n\x1b[31m\u202e"))
    Müller\n\x1b[31m\u202e
    """
    if text.isprintable():
        return text
    text = path_text(text)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def is_no_text(word: str) -> bool:
    r"""Return whether a word is none that a process can be given: no file has such a name.

    Examples
    --------
    >>> is_no_text("a\0b"), is_no_text("\ud800"), is_no_text("Müller\udcff")
    (True, True, False)
    """
    try:
        return b"\0" in word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return True


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path as text that files hold: UTF-8, whatever the locale has made of its bytes.

    Bytes that are no UTF-8 stay what Python makes of them, lone surrogates: the error handler
    ``surrogateescape`` writes them to files as they are.
    """
    text = os.fspath(path)
    try:
        return os.fsencode(text).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Not one of this file system, as a text of the locale C with letters beyond ASCII.
        return text


def path_from_text(text: str) -> str:
    """Return the path that a text in a file means, in this locale; see `path_text`."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    return text


def shell_word(path: str | os.PathLike[str]) -> str:
    r"""Return a path as a shell takes it in a command that is shown.

    Examples
    --------
    >>> print(shell_word("Müller's out"), shell_word("a\nb"))
    'Müller'"'"'s out' $'a\x0ab'
    """
    text = path_text(path)
    if text.isprintable():
        return shlex.quote(text)
    marks = {"'": "\\'", "\\": "\\\\"}
    return (
        "$'"
        + "".join(
            marks.get(c, c if c.isprintable() else "".join(f"\\x{b:02x}" for b in os.fsencode(c)))
            for c in text
        )
        + "'"
    )


def one_line(error: BaseException | str) -> str:
    r"""Return an error or a text as one line: printable, and no long input repeated in it.

    Examples
    --------
    >>> one_line(ValueError("wanted one,\n got 'two'")), one_line(IndexError("no such row"))
    ("wanted one, got 'two'", 'IndexError: no such row')
    """
    text = error if isinstance(error, str) else _words(error)
    text = printable(" ".join(text.split()))
    for pattern in _LONG:
        text = pattern.sub(_cut, text)
    return text


def _cut(found: re.Match[str]) -> str:
    return found[0].replace(found["long"], f"{found['long'][: LONGEST - 3]}...")


def _words(error: BaseException) -> str:
    """Return what an error says; its type too, where its words alone would be half a sentence."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        reason = f"{error.strerror[:1].lower()}{error.strerror[1:]}"
        return f"{os.fsdecode(error.filename)}: {reason}" if error.filename else reason
    if isinstance(error, MemoryError):
        return f"needs more memory than there is ({text})" if text else "needs too much memory"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, KeyError) and len(error.args) == 1:
        return f"there is no {shown(error.args[0])}"
    # This package's own errors are whole sentences, as PlacementError's.
    ours = _of_this_package(type(error).__module__)
    if text and (ours or isinstance(error, ValueError | TypeError | OSError)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


_innermost: ContextVar[str] = ContextVar("_innermost", default="")
"""Where what is done stands, as `within` says."""


def note(text: str) -> None:
    """Warn of a value that is taken, beginning with where it stands; once for each text."""
    where, frame, level = _innermost.get(), sys._getframe(), 1
    # It is the user's line that is shown, and not one of this package's checks.
    while frame.f_back and _of_this_package(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(f"{where}: {text}" if where else text, stacklevel=level)


@contextmanager
def within(where: str) -> Iterator[None]:
    """Begin the messages of errors that a value leads to with where the value stands.

    Notes begin with the innermost of such places.

    Parameters
    ----------
    where : str
        A table, key or option, as ``[pack]``; empty where it is plain.

    Raises
    ------
    ValueError, TypeError
        In place of these, of what else follows from a value nobody thought of, as OverflowError,
        and of the exceptions of Python that a user's own module comes upon; others, as those of
        classes of one's own, go through as they are.
    OSError
        In place of one that has a message alone, as FileNotFoundError of a file that is asked for;
        what the system itself refuses goes through.

    Examples
    --------
    >>> with within("[density]"):
    ...     raise OverflowError("too large")
    Traceback (most recent call last):
    ...
    ValueError: [density]: OverflowError: too large
    """
    token = _innermost.set(where or _innermost.get())
    try:
        yield
    except Exception as error:
        # Classes of somebody's own, as PackingError, were raised for whoever catches them.
        plain = type(error).__module__ == "builtins" and not isinstance(error, OSError)
        asked_for = isinstance(error, OSError) and error.errno is None
        if isinstance(error, _WRONG_VALUES) or asked_for or (plain and is_of_user(error)):
            raise _placed(error, where) from error
        raise
    finally:
        _innermost.reset(token)


def is_of_user(error: BaseException) -> bool:
    """Return whether a user's own module came upon an error: neither this package nor a library."""
    ours = True
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if _of_this_package(frame.f_globals.get("__name__", "")):
            ours = True
        elif not frame.f_code.co_filename.startswith(LIBRARIES):
            ours = False
    return not ours


def _of_this_package(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


@contextmanager
def said_of(path: str | os.PathLike[str], wanted: str = "") -> Iterator[None]:
    """Say of a file what goes wrong inside with what it holds, whatever a library makes of that.

    Every reader of a user's file is inside one of these. That a file is missing or may not be
    read stays the OSError that it is, and a missing package an ImportError.

    Parameters
    ----------
    path : path-like
        The file, with which messages begin.
    wanted : str, optional
        What it shall be, for the message.

    Raises
    ------
    ValueError
        In place of any other error.

    Examples
    --------
    >>> with said_of("a.json", "picks"):
    ...     {}["points"]
    Traceback (most recent call last):
    ...
    ValueError: a.json: wanted picks: there is no "points"
    """
    try:
        yield
    except Exception as error:
        of_system = isinstance(error, OSError) and (error.filename or type(error) is not OSError)
        if of_system or isinstance(error, ImportError):
            raise
        if isinstance(error, ValueError) and str(error).startswith(f"{path}:"):
            raise
        if isinstance(error, _OF_CONTENT):
            words = printable(_words(error))
            message = f"{path}: wanted {wanted}: {words}" if wanted else f"{path}: {words}"
        else:
            # What a library calls it is no news to whoever gave another kind of file.
            message = f"{path}: wanted {wanted or 'what its name says'}, got {_content(path)}"
        raise _like(error, message) from error


def _content(path: str | os.PathLike[str]) -> str:
    """Return what a file is that no reader of its kind can make sense of, as words."""
    with suppress(OSError):
        if not os.path.getsize(path):
            return "an empty file"
    return "another kind of file, or a damaged one"


def _placed(error: Exception, where: str) -> Exception:
    """Return an error whose message begins with a place."""
    text = _words(error)
    message = text if not where or text.startswith(f"{where}:") else f"{where}: {text}"
    if isinstance(error, TypeError):
        return TypeError(message)
    return type(error)(message) if isinstance(error, OSError) else _like(error, message)


def _like(error: Exception, message: str) -> ValueError:
    """Return a ValueError of an error's own class where that has one, with another message."""
    try:
        # Subclasses that are made of one text, as StructureError.
        return type(error)(message) if isinstance(error, ValueError) else ValueError(message)
    except TypeError:
        return ValueError(message)
