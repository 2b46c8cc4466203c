"""The commands ``cgpack export`` and ``cgpack view``."""

from __future__ import annotations

import argparse
from typing import Any

ALL_FORMATS = ("copick", "dynamo", "imod", "omezarr", "portal", "relion5", "shrec")
"""Names of `openmm_cgpack.exporting.FORMATS`, which a parser need not import."""


def add_export(commands: Any) -> None:
    """Add ``export`` and ``view`` to the parser's commands.

    Parameters
    ----------
    commands : argparse._SubParsersAction
        What ``add_subparsers`` returned.
    """
    export = commands.add_parser("export", help="write a run's truth for other programs")
    export.add_argument("out", metavar="OUT", help="the folder of a run")
    export.add_argument(
        "--format",
        action="append",
        dest="formats",
        choices=ALL_FORMATS,
        help="which one, and again for more; all of them when left out",
    )
    export.add_argument("--to", metavar="FOLDER", help="where to write; else into OUT")
    export.add_argument("--name", metavar="NAME", help="of the tomogram; else the folder's")
    export.add_argument(
        "--min-visible",
        type=float,
        default=0.0,
        metavar="PART",
        help="leave out of lists what has no more of its mass in the field of view",
    )
    export.add_argument("--render", metavar="NAME", help="this tomogram in place of the run's")
    export.set_defaults(action=_export)

    view = commands.add_parser("view", help="write a page and scripts that show a run")
    view.add_argument("out", metavar="OUT", help="the folder of a run")
    view.add_argument(
        "--no-html", action="store_true", help="only the scripts for ChimeraX and napari"
    )
    view.set_defaults(action=_view)


def _export(options: argparse.Namespace) -> None:
    from .exporting import export

    written = export(
        options.out,
        options.formats,
        folder=options.to,
        name=options.name,
        min_visible=options.min_visible,
        render=options.render,
    )
    for name, path in written.items():
        print(f"{name:10s} {path}")


def _view(options: argparse.Namespace) -> None:
    from .viewing import view

    try:
        written = view(options.out, html=not options.no_html)
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}; or give --no-html") from error
    for name, path in written.items():
        print(f"{name:10s} {path}")
