"""The commands ``cgpack export`` and ``cgpack view``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..datasets import DatasetFolder
from ..datasets.folder import DATASET
from ..datasets.plan import SPLITS
from ..export import Export, Format, export_run, write_viewers
from .console import say, tell
from .options import add_settings, from_options, kinds_from_options


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    export = commands.add_parser(
        "export",
        examples=(
            "cgpack export out --format relion5 --format copick --to project",
            "cgpack export crowded --split train --format nnunet",
        ),
        help="write the truth of a run, or of a data set's scenes, for other programs",
    )
    _add_run_and_formats(
        export, Format.kinds, "all that are no viewers, of a run,", what="a run or of a data set"
    )
    export.add_argument("--to", metavar="FOLDER", help="where to write; else into OUT")
    export.add_argument("--split", choices=SPLITS, help="of a data set: the scenes of this split")
    add_settings(export, Export)
    add_settings(export, Format, kind_option=None)
    export.set_defaults(action=_export)

    viewers = [name for name, kind in Format.kinds.items() if kind.opens]
    show = commands.add_parser(
        "view",
        examples=("cgpack view out", "cgpack view out --format napari"),
        help="write a page and scripts that show a run",
    )
    _add_run_and_formats(show, viewers, "all that can be written")
    show.set_defaults(action=_view)


def _add_run_and_formats(
    parser: argparse.ArgumentParser, names: Any, default: str, *, what: str = "a run"
) -> None:
    parser.add_argument("out", metavar="OUT", help=f"the folder of {what}")
    parser.add_argument(
        "--format",
        action="append",
        dest="formats",
        choices=sorted(names),
        help=f"which one, and again for more; {default} when left out",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace files of these names, whoever wrote them"
    )


def _export(options: argparse.Namespace) -> None:
    formats = kinds_from_options(Format, options, options.formats or ())
    settings = from_options(Export, options)
    if (Path(options.out) / DATASET).is_file():
        held = DatasetFolder(options.out)
        written = held.export(
            formats,
            settings,
            split=options.split,
            folder=options.to,
            force=options.force,
        )
        _print(written)
        return
    if options.split is not None:
        raise ValueError("--split: means nothing for a run, only for a data set")
    written = export_run(
        options.out,
        formats or None,
        settings,
        folder=options.to,
        force=options.force,
        tell=tell,
    )
    _print(written)


def _view(options: argparse.Namespace) -> None:
    _print(write_viewers(options.out, options.formats, force=options.force))


def _print(written: dict[str, Any]) -> None:
    for name, path in written.items():
        say(f"{name:10s} {path}")
