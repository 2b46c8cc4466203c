"""What a command says at a terminal: results, messages and errors, in any encoding."""

from __future__ import annotations

import argparse
import dis
import io
import logging
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from .. import __version__
from ..core.messages import LIBRARIES, PACKAGE, is_of_user, one_line, printable


def say(text: object) -> None:
    """Print lines on standard output; names and paths in them do nothing to a terminal."""
    print("\n".join(printable(line) for line in str(text).split("\n")), flush=True)


def tell(text: str) -> None:
    """Print a line on standard error that is no error."""
    print(printable(text), file=sys.stderr)


def complain(error: BaseException | str) -> None:
    """Print an error, or a message, as one line on standard error."""
    print(f"cgpack: {_with_options(one_line(error))}", file=sys.stderr)


def _with_options(text: str) -> str:
    """Return a message with the options of a command in place of a function's arguments."""
    return re.sub(r"\b(force|resume)=True\b", r"--\1", text)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line and whose help ends in examples, as those of commands."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        shown = "\n".join(["examples:", *(f"  {example}" for example in examples)])
        parts = [shown if examples else "", kwargs.pop("epilog", None) or ""]
        kwargs["epilog"] = "\n\n".join(filter(None, parts))
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        """End the process with a message and the exit code for bad input."""
        self.exit(2, f"{self.prog}: {one_line(message)}; see {self.prog} --help\n")


def is_bug(error: Exception) -> bool:
    """Return whether an error is a fault of the program.

    Bad input is a ValueError or a TypeError that this package, or a user's module, raised on
    purpose, by a ``raise``; one that Python or a library came upon is what nobody thought of.
    What the system refuses (files, memory), and what a user's module came upon, is no fault of the
    program either.
    """
    if isinstance(error, OSError | MemoryError):
        return False
    if not isinstance(error, ValueError | TypeError):
        return not is_of_user(error)
    while isinstance(error, TypeError) and isinstance(error.__cause__, TypeError):
        # It was only said where it arose.
        error = error.__cause__
    if is_of_user(error):
        return False
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    code = last.tb_frame.f_code
    module = last.tb_frame.f_globals.get("__name__", "")
    if module.partition(".")[0] != PACKAGE and code.co_filename.startswith(LIBRARIES):
        return True
    return code.co_code[last.tb_lasti] != dis.opmap["RAISE_VARARGS"]


def interruption_behind(error: BaseException) -> KeyboardInterrupt | SystemExit | None:
    """Return the interruption that a library made an error of its own of; None where there is none.

    So do modules in C that are interrupted while they are imported.
    """
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, KeyboardInterrupt | SystemExit):
        behind = behind.__cause__ or behind.__context__
    return behind


def bug_report(error: Exception) -> str:
    """Return what to say of an error that is a fault of the program."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if PACKAGE in frame.filename] or frames
    where = ""
    if ours:
        file = ours[-1].filename.replace("\\", "/").rpartition(f"{PACKAGE}/")[2]
        where = f" ({file}, line {ours[-1].lineno}, in {ours[-1].name})"
    words, kind = one_line(error), type(error).__name__
    said = words if words.startswith(kind) else f"{kind}: {words}"
    return (
        f"this is a bug in {PACKAGE} {__version__}: {said}{where}. "
        "Please report it to the project's issue tracker, with the recipe and what the command "
        "says after: cgpack --traceback ..."
    )


@contextmanager
def any_encoding() -> Iterator[None]:
    """Write what standard output and error cannot encode as escapes, in place of an error."""
    with ExitStack() as stack:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stack.callback(stream.reconfigure, errors=stream.errors)
                stream.reconfigure(errors="backslashreplace")
        yield


@contextmanager
def messages(*, quiet: bool) -> Iterator[None]:
    """Send the package's messages and warnings to standard error while a command runs."""
    log = logging.getLogger(PACKAGE)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    # A queue system ends a job by SIGTERM: let it clean up as Ctrl-C does.
    old = signal.signal(signal.SIGTERM, _terminate)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    finally:
        signal.signal(signal.SIGTERM, old)
        log.setLevel(before)
        log.removeHandler(handler)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        warns = record.levelno >= logging.WARNING
        return _with_options(one_line(text)) if warns else printable(text)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    logging.getLogger(PACKAGE).warning("cgpack: note: %s", message)


def _terminate(number: int, frame: object) -> NoReturn:
    """Turn the end that a queue system asks for into one that cleans up."""
    raise SystemExit(128 + number)
