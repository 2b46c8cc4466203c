"""The command ``cgpack audit``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..auditing import Audit, AuditSettings, audit, write_audit
from ..auditing.page import FILES
from ..io.scenes import load_packed
from ..io.shared_folders import sharing
from ..runs.folder import MANIFEST, RunFolder
from .console import say
from .options import add_settings, from_options


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    command = commands.add_parser(
        "audit",
        examples=("cgpack audit out", "cgpack audit out --no-files --voxel-size 0.3"),
        help="measure a run: counts, density, atoms in each other, order",
    )
    command.add_argument("out", metavar="OUT", help="the folder of a run, or a packed scene's .npz")
    command.add_argument("--to", metavar="FOLDER", help="where to write; else beside the scene")
    command.add_argument(
        "--force", action="store_true", help="replace files of these names that no audit wrote"
    )
    command.add_argument("--no-files", action="store_true", help="only print the table")
    add_settings(command, AuditSettings)
    command.set_defaults(action=_audit)


def _audit(options: argparse.Namespace) -> None:
    settings = from_options(AuditSettings, options)
    path = Path(options.out)
    if options.no_files:
        say(_found(path, settings))
        return
    folder = (path if path.is_dir() else path.parent) if options.to is None else Path(options.to)
    with _room(folder, force=options.force) as stage:
        found = _found(path, settings)
        say(found)
        write_audit(stage, found)
    say(f"wrote {', '.join(str(folder / name) for name in FILES)}")


def _found(path: Path, settings: AuditSettings) -> Audit:
    if path.is_dir():
        run = RunFolder(path)
        return audit(run.packed(), settings, asked=run.asked)
    return audit(load_packed(path), settings)


@contextmanager
def _room(folder: Path, *, force: bool) -> Iterator[Path]:
    """Yield where to write an audit that goes to a folder; of a run's own, an older one goes."""
    if (folder / MANIFEST).is_file():
        with sharing(folder, "audit", force=force) as shared:
            shared.check(FILES)
            yield shared.stage
            shared.check()
            shared.put()
        return
    for name in FILES:
        if os.path.lexists(folder / name) and not force:
            raise FileExistsError(
                f"{folder / name}: exists; give another folder by --to, or --force to replace it"
            )
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
