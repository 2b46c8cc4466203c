"""The command ``cgpack render``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .console import say
from .options import in_words_of
from .simulating import changes, snr_line


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    render = commands.add_parser(
        "render",
        examples=("cgpack render out --imaging noisy.toml",),
        help="make another tomogram of a run's scene",
    )
    render.add_argument("out", metavar="OUT", help="the folder of a run")
    render.add_argument(
        "--imaging",
        metavar="TOML",
        help="a file with keys of [imaging], which changes what it names of the run's, and a seed",
    )
    render.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="in place of a file, a key of [imaging] in place of the run's, as defocus_um=3; again "
        "for more",
    )
    render.add_argument("--name", metavar="NAME", help="of the render; else the file's")
    render.add_argument("--force", action="store_true", help="replace a render of that name")
    render.add_argument("--quiet", action="store_true", help="say nothing but errors")
    render.set_defaults(action=_render)


def _render(options: argparse.Namespace) -> None:
    from ..runs import render_again
    from ..runs.rendering import render_name

    if (options.imaging is None) == (not options.changes):
        raise ValueError("render: wanted --imaging TOML, or --set KEY=VALUE and --name NAME")
    imaging = changes(options) if options.imaging is None else options.imaging
    with in_words_of({"name": "--name"}):
        record = render_again(
            options.out,
            imaging,
            name=options.name,
            force=options.force,
            progress=not options.quiet,
        )
    if not options.quiet:
        name = render_name(imaging, options.name)
        say(f"tomogram   {snr_line(record['tomogram'])}")
        say(f"wrote      {Path(options.out) / 'renders' / name}: {', '.join(record['files'])}")
        say(f"           in {record['seconds']:.1f} s")
