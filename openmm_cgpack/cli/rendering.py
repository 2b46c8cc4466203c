"""The command ``cgpack render``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .console import say


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    render = commands.add_parser("render", help="make another tomogram of a run's scene")
    render.add_argument("out", metavar="OUT", help="the folder of a run")
    render.add_argument(
        "--imaging",
        required=True,
        metavar="TOML",
        help="a file with [imaging], which changes what it names of the run's, and a seed",
    )
    render.add_argument("--name", metavar="NAME", help="of the render; else the file's")
    render.add_argument("--force", action="store_true", help="replace a render of that name")
    render.add_argument("--quiet", action="store_true", help="say nothing but errors")
    render.set_defaults(action=_render)


def _render(options: argparse.Namespace) -> None:
    from ..runs import render_again
    from ..runs.running import render_name
    from .simulating import snr_line

    record = render_again(
        options.out,
        options.imaging,
        name=options.name,
        force=options.force,
        progress=not options.quiet,
    )
    if not options.quiet:
        name = render_name(options.imaging, options.name)
        say(f"tomogram   {snr_line(record['tomogram'])}")
        say(f"wrote      {Path(options.out) / 'renders' / name}: {', '.join(record['files'])}")
        say(f"           in {record['seconds']:.1f} s")
