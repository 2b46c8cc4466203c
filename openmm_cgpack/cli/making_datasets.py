"""The command ``cgpack dataset``."""

from __future__ import annotations

import argparse
from typing import Any

from ..datasets import Workers
from ..datasets.plan import SHARES
from .console import say
from .options import add_settings, from_options, in_words_of
from .simulating import add_changes, changes


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    make = commands.add_parser(
        "dataset",
        examples=(
            "cgpack dataset cytoplasm -n 200 -o crowded --workers 8",
            "cgpack dataset --resume -o crowded",
        ),
        help="make many scenes of a recipe in which values may be distributions",
    )
    make.add_argument(
        "recipe",
        metavar="RECIPE",
        nargs="?",
        help="a TOML file, or one of cgpack recipes; with --resume it may be left out",
    )
    make.add_argument("-n", type=int, metavar="N", help="how many scenes")
    make.add_argument("-o", "--out", required=True, metavar="DIR", help="the folder to make")
    make.add_argument("--seed", type=int, metavar="N", help="in place of the recipe's")
    make.add_argument(
        "--only",
        type=int,
        action="append",
        metavar="I",
        help="make scene I alone, from 0; again for more",
    )
    make.add_argument("--resume", action="store_true", help="make what is missing in DIR")
    make.add_argument(
        "--shares",
        type=float,
        nargs=3,
        default=SHARES,
        metavar=("TRAIN", "VALIDATION", "TEST"),
        help=f"parts of the scenes, in tenths; {' '.join(map(str, SHARES))} when left out",
    )
    add_settings(make, Workers)
    add_changes(make)
    make.add_argument("--quiet", action="store_true", help="say nothing but errors")
    make.add_argument(
        "--force",
        action="store_true",
        help="begin what takes more than there is, and make scenes of --only again",
    )
    make.set_defaults(action=_make)


def _make(options: argparse.Namespace) -> int:
    from ..datasets import dataset

    if not options.resume and None in (options.recipe, options.n):
        raise ValueError("dataset: wanted RECIPE, -n N and -o DIR, or --resume and -o DIR")
    how = from_options(Workers, options)
    with in_words_of({"n": "-n", "only": "--only", "shares": "--shares"}):
        held = dataset(
            options.recipe,
            options.n,
            options.out,
            seed=options.seed,
            only=options.only,
            resume=options.resume,
            force=options.force,
            workers=how.workers,
            scheduler=how.scheduler,
            slurm=how.slurm,
            shares=tuple(options.shares),
            changes=changes(options),
            imports=options.imports,
            progress=not options.quiet,
        )
    rows = held.rows()
    states = [row["state"] for row in rows]
    asked = range(held.n) if options.only is None else options.only
    if not options.quiet:
        splits = [row["split"] for row in rows if row["state"] == "done"]
        parts = ", ".join(f"{splits.count(name)} for {name}" for name in dict.fromkeys(splits))
        say(f"made       {states.count('done')} of {held.n} scenes: {parts or 'none'}")
        for row in rows:
            if row["error"]:
                say(f"{row['state']:10s} scene {row['index']}: {row['error']}")
        say(f"wrote      {held.path}: scenes.csv, scenes/")
    return 0 if all(states[index] == "done" for index in asked) else 1
