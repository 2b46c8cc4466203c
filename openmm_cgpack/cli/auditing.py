"""The command ``cgpack audit``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..auditing import AuditSettings, audit, write_audit
from ..io.scenes import load_packed
from ..runs.folder import RunFolder
from .console import say
from .options import add_settings, from_options


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    command = commands.add_parser(
        "audit", help="measure a run: counts, density, atoms in each other, order"
    )
    command.add_argument("out", metavar="OUT", help="the folder of a run, or a packed scene's .npz")
    command.add_argument("--to", metavar="FOLDER", help="where to write; else beside the scene")
    command.add_argument("--no-files", action="store_true", help="only print the table")
    add_settings(command, AuditSettings)
    command.set_defaults(action=_audit)


def _audit(options: argparse.Namespace) -> None:
    settings = from_options(AuditSettings, options)
    path = Path(options.out)
    if path.is_dir():
        run = RunFolder(path)
        found = audit(run.packed(), settings, asked=run.asked)
    else:
        found = audit(load_packed(path), settings)
    say(found)
    if not options.no_files:
        beside = path if path.is_dir() else path.parent
        folder = beside if options.to is None else Path(options.to)
        folder.mkdir(parents=True, exist_ok=True)
        say(f"wrote {', '.join(str(file) for file in write_audit(folder, found))}")
