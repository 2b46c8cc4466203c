"""The command ``cgpack render``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_render(commands: Any) -> None:
    """Add ``render`` to the parser's commands.

    Parameters
    ----------
    commands : argparse._SubParsersAction
        What ``add_subparsers`` returned.
    """
    render = commands.add_parser("render", help="make another tomogram of a run's scene")
    render.add_argument("out", metavar="OUT", help="the folder of a run")
    render.add_argument(
        "--imaging",
        required=True,
        metavar="TOML",
        help="a file with [imaging] or [tomogram], and a seed where wanted",
    )
    render.add_argument("--name", metavar="NAME", help="of the render; else the file's")
    render.add_argument("--force", action="store_true", help="replace a render of that name")
    render.add_argument("--quiet", action="store_true", help="say nothing but errors")
    render.set_defaults(action=_render)


def snr_line(tomogram: dict[str, Any]) -> str:
    """Return what a manifest says of a tomogram as a line."""
    if tomogram["snr_measured"] is None:
        return f"{tomogram['preset']}, no noise"
    return f"SNR {tomogram['snr_measured']:.4g} ({tomogram['snr_definition']})"


def _render(options: argparse.Namespace) -> None:
    from .recipe import render_again

    record = render_again(
        options.out,
        options.imaging,
        name=options.name,
        force=options.force,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    if not options.quiet:
        name = options.name or Path(options.imaging).stem
        print(f"tomogram   {snr_line(record['tomogram'])}")
        print(f"wrote      {Path(options.out) / 'renders' / name}: {', '.join(record['files'])}")
        print(f"           in {record['seconds']:.1f} s")
