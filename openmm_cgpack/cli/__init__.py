"""The command ``cgpack``: a file for each of its commands, and what they have in common."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from .. import __version__
from ..core import PackingError, PlacementError
from ..core.messages import is_no_text, shown
from ..io.inputs import load_module
from . import (
    auditing,
    checking,
    coarse_graining,
    exporting,
    listing,
    making_datasets,
    rendering,
    scoring,
    simulating,
)
from .console import (
    Parser,
    any_encoding,
    bug_report,
    complain,
    interruption_behind,
    is_bug,
    messages,
)

FAILED = 1
"""Exit code of a placement or a packing that failed, and of a fault of the program."""

BAD_INPUT = 2
"""Exit code for what is asked for or given and is not good, found before or in the work."""

INTERRUPTED = 130
PIPE_CLOSED = 141

COMMANDS = (
    simulating,
    making_datasets,
    coarse_graining,
    listing,
    rendering,
    auditing,
    exporting,
    scoring,
    checking,
)
"""The modules whose ``add`` adds commands, in the order of the help."""

EXAMPLES = (
    "cgpack demo -o out                    a small piece of a cell, in a minute",
    "cgpack init cytoplasm -o mine.toml    a recipe to edit",
    "cgpack simulate mine.toml -o mine     its tomogram, labels and particles",
    "cgpack simulate --help                what a command takes",
)

CODES = """\
exit codes: 0 all is well; 1 a packing or placement failed, or the program has a fault, which it
says; 2 something given is not good; 130 or 143 interrupted. Errors are one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Every error ends here, as one line on standard error, and never as a traceback that nobody
    asked for by ``--traceback``.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``cgpack``; those of the process when left out.

    Returns
    -------
    int
        The exit code: 0; `FAILED`; `BAD_INPUT`; or 130 after an interruption.
    """
    with any_encoding():
        if bad := next(filter(is_no_text, sys.argv[1:] if arguments is None else arguments), None):
            complain(f"wanted words without null characters or halves of one, got {shown(bad)}")
            return BAD_INPUT
        try:
            # First of all: what these modules register are choices of the commands.
            early, _ = _early().parse_known_args(arguments)
        except SystemExit as end:
            return int(end.code or 0)
        try:
            for name in early.imports:
                load_module(name, where="--import ")
            options = command_parser().parse_args(arguments)
            with messages(quiet=getattr(options, "quiet", False)):
                return int(options.action(options) or 0)
        except BrokenPipeError:
            # Whoever read the output has had enough; the rest goes nowhere, also that of the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return PIPE_CLOSED
        except KeyboardInterrupt as interruption:
            complain(f"interrupted; {str(interruption) or 'nothing was written'}")
            return INTERRUPTED
        except Exception as error:
            if early.traceback:
                traceback.print_exc()
            return _ended_by(error)


def _ended_by(error: Exception) -> int:
    """Say what ended a command; return its exit code."""
    if isinstance(error, PlacementError | PackingError):
        complain(error)
        return FAILED
    if is_bug(error):
        interruption = interruption_behind(error)
        if isinstance(interruption, SystemExit):
            raise interruption
        if interruption is not None:
            complain("interrupted")
            return INTERRUPTED
        complain(bug_report(error))
        return FAILED
    complain(error)
    return BAD_INPUT


def _early() -> argparse.ArgumentParser:
    early = Parser(prog="cgpack", add_help=False, allow_abbrev=False)
    early.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module of your own first, which registers kinds; again for more",
    )
    early.add_argument(
        "--traceback", action="store_true", help="show the whole traceback of an error"
    )
    return early


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command, with the kinds that are registered by now."""
    parser = Parser(
        prog="cgpack",
        parents=[_early()],
        description="Pack molecules, filaments and membranes into labelled cryo-ET tomograms.",
        examples=EXAMPLES,
        epilog=CODES,
    )
    parser.add_argument("--version", action="version", version=f"cgpack {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(commands)
    return parser
