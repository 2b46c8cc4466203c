"""The command ``cgpack``: a file for each of its commands, and what they have in common."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..core import PackingError, PlacementError
from . import (
    auditing,
    checking,
    coarse_graining,
    exporting,
    listing,
    rendering,
    scoring,
    simulating,
)

BAD_INPUT = 2
"""Exit code for input that is not good, and for runs that failed for it."""

INTERRUPTED = 130
PIPE_CLOSED = 141

COMMANDS = (simulating, coarse_graining, listing, rendering, auditing, exporting, scoring, checking)
"""The modules whose ``add`` adds commands, in the order of the help."""

# StructureError is a ValueError, files that are missing or unreadable are OSErrors.
# A grid of too many voxels is bad input too.
_USER_ERRORS = (ValueError, TypeError, OSError, MemoryError, PlacementError, PackingError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``cgpack``; those of the process when left out.

    Returns
    -------
    int
        0, 2 after one line on standard error that says what is wrong, or 130 after an
        interruption.
    """
    traceback = False
    try:
        # First of all: what these modules register are choices of the commands.
        early, _ = _early().parse_known_args(arguments)
        for name in early.imports:
            import_module(name)
        options = _parser().parse_args(arguments)
        traceback = options.traceback
        with _console(quiet=getattr(options, "quiet", False)):
            return int(options.action(options) or 0)
    except BrokenPipeError:
        # Whoever read the output has had enough; the rest goes nowhere, also that of the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except _USER_ERRORS as error:
        if traceback:
            raise
        print(f"cgpack: {_one_line(error)}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as interruption:
        rest = str(interruption) or "nothing was written"
        print(f"cgpack: interrupted; {rest}", file=sys.stderr)
        return INTERRUPTED


def import_module(name: str) -> None:
    """Import a user's module by name or by a path that ends in ``.py``; it registers kinds."""
    sys.path.insert(0, os.getcwd())
    try:
        if name.endswith(".py"):
            stem = Path(name).stem
            spec = importlib.util.spec_from_file_location(stem, name)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            # Under its name, so that types and pickles find it.
            sys.modules[stem] = module
            spec.loader.exec_module(module)
        else:
            importlib.import_module(name)
    except Exception as error:
        raise ValueError(f"--import {name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)


def _early() -> argparse.ArgumentParser:
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module of your own first, which registers kinds; again for more",
    )
    return early


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cgpack",
        parents=[_early()],
        description="Pack molecules, filaments and membranes into labelled cryo-ET tomograms.",
    )
    parser.add_argument("--version", action="version", version=f"cgpack {__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show the whole traceback of an error"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(commands)
    return parser


def _one_line(error: BaseException | str) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _console(*, quiet: bool) -> Iterator[None]:
    """Send the package's messages and warnings to standard error while a command runs."""
    log = logging.getLogger(__name__.partition(".")[0])
    handler = logging.StreamHandler(sys.stderr)
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


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    logging.getLogger(__name__).warning("cgpack: note: %s", _one_line(message))


def _terminate(number: int, frame: object) -> NoReturn:
    """Turn the end that a queue system asks for into one that cleans up."""
    raise SystemExit(128 + number)
