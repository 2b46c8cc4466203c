"""The commands ``cgpack library`` and ``cgpack kinds``: what there is to choose from."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from .console import say


def add(commands: Any) -> None:
    """Add the commands to the parser's."""
    library = commands.add_parser("library", help="list the species that come with the package")
    library.add_argument("name", nargs="?", metavar="NAME", help="tell more of one species")
    library.set_defaults(action=_library)

    kinds = commands.add_parser(
        "kinds", help="list the kinds of structures, forces, protocols, stages, formats"
    )
    kinds.add_argument("name", nargs="?", metavar="KIND", help="show the settings of one kind")
    kinds.set_defaults(action=_kinds)


def _library(options: argparse.Namespace) -> None:
    from ..structures import library

    if options.name is None:
        say(library)
        return
    for field, value in dataclasses.asdict(library.entry(options.name)).items():
        if value not in (None, ""):
            say(f"{field:22s} {value}")


def _kinds(options: argparse.Namespace) -> None:
    from ..core.reference import families, settings_table

    named = {name: cls for family in families() for name, cls in family.kinds.items()}
    if options.name is not None:
        if options.name not in named:
            raise ValueError(f"kinds: wanted one of {', '.join(named)}, got {options.name!r}")
        say(f"{(named[options.name].__doc__ or '').splitlines()[0]}\n")
        say(settings_table(named[options.name]))
        return
    for family in families():
        say(f"{family.__name__}: {(family.__doc__ or '').splitlines()[0]}")
        for name, cls in family.kinds.items():
            say(f"  {name:18s} {(cls.__doc__ or '').splitlines()[0]}")
