"""The command ``cgpack audit``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    audit = commands.add_parser(
        "audit", help="measure a run: counts, density, atoms in each other, order"
    )
    audit.add_argument("out", metavar="OUT", help="the folder of a run, or a packed scene's .npz")
    audit.add_argument("--to", metavar="FOLDER", help="where to write; else beside the scene")
    audit.add_argument(
        "--voxel-size", type=float, metavar="NM", help="of the voxels that count envelopes"
    )
    audit.add_argument("--no-files", action="store_true", help="only print the table")
    audit.set_defaults(action=_audit)


def _audit(options: argparse.Namespace) -> None:
    from ..auditing import audit, write_audit
    from ..io.scenes import load_packed
    from ..runs import RunFolder

    path = Path(options.out)
    if path.is_dir():
        run = RunFolder(path)
        packed, asked = run.packed(), run.asked
    else:
        packed, asked, path = load_packed(path), None, path.parent
    found = audit(packed, asked=asked, voxel_size=options.voxel_size)
    print(found)
    if not options.no_files:
        folder = path if options.to is None else Path(options.to)
        folder.mkdir(parents=True, exist_ok=True)
        written = write_audit(folder, found)
        print(f"wrote {', '.join(str(p) for p in written)}")
