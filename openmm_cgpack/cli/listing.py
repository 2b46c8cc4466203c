"""What there is to choose from: ``cgpack library``, ``kinds``, ``recipes`` and ``init``."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any

from .console import say


def add(commands: Any) -> None:
    """Add the commands to the parser's."""
    library = commands.add_parser(
        "library",
        examples=("cgpack library", "cgpack library 3hhb"),
        help="list the species that come with the package",
    )
    library.add_argument("name", nargs="?", metavar="NAME", help="tell more of one species")
    library.set_defaults(action=_library)

    kinds = commands.add_parser(
        "kinds",
        examples=("cgpack kinds", "cgpack kinds vesicle"),
        help="list the kinds of structures, forces, protocols, stages, formats",
    )
    kinds.add_argument("name", nargs="?", metavar="KIND", help="show the settings of one kind")
    kinds.set_defaults(action=_kinds)

    recipes = commands.add_parser(
        "recipes",
        examples=("cgpack recipes", "cgpack recipes shrec"),
        help="list the recipes that come with the package",
    )
    recipes.add_argument("name", nargs="?", metavar="NAME", help="show one of them")
    recipes.set_defaults(action=_recipes)

    init = commands.add_parser(
        "init",
        examples=("cgpack init shrec -o mine.toml",),
        help="write out one of these recipes, to edit",
    )
    init.add_argument("name", metavar="NAME", help="one of cgpack recipes")
    init.add_argument("-o", "--out", metavar="FILE", help="NAME.toml when left out")
    init.set_defaults(action=_init)


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


def _recipes(options: argparse.Namespace) -> None:
    from ..recipe import recipes

    say(recipes if options.name is None else recipes.text(options.name).rstrip("\n"))


def _init(options: argparse.Namespace) -> None:
    from ..io.files import write_text
    from ..recipe import recipes

    text = recipes.text(options.name)
    out = f"{options.name}.toml" if options.out is None else options.out
    if os.path.lexists(out):
        raise FileExistsError(f"{out}: exists; give another file by -o")
    write_text(out, text)
    say(f"wrote {out}")
