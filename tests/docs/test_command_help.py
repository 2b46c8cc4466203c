"""The help of every command ends in examples, and each of them is a command line that is good."""

import argparse
import re
import shlex

import pytest

from openmm_cgpack.cli import command_parser


def parsers(parser, words=()):
    """Yield every command with its parser, the whole one first."""
    yield " ".join(("cgpack", *words)), parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from parsers(inner, (*words, name))


COMMANDS = dict(parsers(command_parser()))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_the_help_are_good(command):
    lines = COMMANDS[command].format_help().partition("examples:\n")[2].splitlines()
    # What an example is for stands far to its right.
    examples = [re.split(r" {3,}", line.strip())[0] for line in lines if line.startswith("  ")]
    assert examples
    assert all(example.startswith(command) for example in examples)
    for example in examples:
        words = shlex.split(example)[1:]
        if words[-1] == "--help":
            assert f"cgpack {words[0]}" in COMMANDS
        else:
            command_parser().parse_args(words)
