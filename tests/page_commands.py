"""Command lines in the documentation's pages: parsed by what would run them."""

import argparse
import configparser
import contextlib
import functools
import io
import re
from pathlib import Path

from openmm_cgpack.cli import command_parser, main
from openmm_cgpack.export import Format

ROOT = Path(__file__).resolve().parents[1]

CHEAP = {"library", "kinds", "recipes", "init"}
"""Commands that are run where they stand in a block; others are parsed."""

OTHER_PROGRAMS = {"dask", "sphinx-build", "nvidia-smi", "sbatch", "jupyter"}
SCRIPTS = ("examples/", "benchmarks/", "tools/", "docs/", "tests/")


def check_command(words, where, *, run=False):
    """Parse a command's words, or look whether what they name is there."""
    program = Path(words[0]).name
    if program == "cgpack":
        _cgpack(words[1:], where, run=run)
    elif program in ("python", "python3"):
        written = {kind.opens for kind in Format.kinds.values()} - {""}
        if words[1] != "-m" and words[1].removeprefix("OUT/") not in written:
            assert (ROOT / words[1]).is_file(), f"{where}: there is no {words[1]}"
            unknown = {w for w in words if w.startswith("--")} - options_in(ROOT / words[1])
            assert not unknown, f"{where}: {words[1]} has no {unknown}"
    elif program == "pip":
        asked = re.findall(r"\[([\w,]+)\]", " ".join(words))
        assert set(",".join(asked).split(",")) - {""} <= extras(), where
    elif program == "pytest":
        assert all((ROOT / word).exists() for word in words[1:] if "/" in word), where
    elif words[0].startswith(SCRIPTS):
        assert (ROOT / words[0]).is_file(), f"{where}: there is no {words[0]}"
    else:
        assert program in OTHER_PROGRAMS, f"{where}: what is {program}?"


def _cgpack(words, where, *, run):
    said = io.StringIO()
    if "..." in words or "COMMAND" in words or len(words) < 2:
        # Part of a line: its options and its command are there.
        options = {word for word in words if word.startswith("--")}
        assert options <= all_options(), f"{where}: no {options - all_options()}"
        named = [word for word in words if word.islower() and word in choices(command_parser())]
        assert named or options or not words, f"{where}: no command in {words}"
        return
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            if run and words[0] in CHEAP and not any(word.isupper() for word in words):
                assert main(words) == 0, where
            command_parser().parse_args([w.strip("[]") for w in words])
    except SystemExit as end:
        if end.code:
            message = f"{where}: cgpack {' '.join(words)}: {said.getvalue()}"
            raise AssertionError(message) from None


def choices(parser):
    """Return the commands of a parser, with theirs."""
    return {
        name: inner
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, inner in action.choices.items()
    }


@functools.cache
def all_options():
    """Return the options of all commands."""
    found, parsers = set(), [command_parser()]
    for parser in parsers:
        found.update(*(action.option_strings for action in parser._actions))
        parsers += choices(parser).values()
    return found


def options_in(script):
    """Return the options that a script's text holds."""
    return set(re.findall(r'"(--[\w-]+)"', script.read_text(encoding="utf-8")))


@functools.cache
def options_of_scripts():
    """Return the options of the scripts outside of the package."""
    found = [options_in(path) for part in SCRIPTS for path in (ROOT / part).rglob("*.py")]
    return set().union(*found)


@functools.cache
def extras():
    """Return the names of the extras that setup.cfg has."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return set(config["options.extras_require"])
