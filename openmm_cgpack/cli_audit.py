"""The command ``cgpack audit``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


def add_audit(commands: Any) -> None:
    """Add ``audit`` to the parser's commands.

    Parameters
    ----------
    commands : argparse._SubParsersAction
        What ``add_subparsers`` returned.
    """
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
    from .auditing import audit, write_audit
    from .io.scenes import load_packed

    path = Path(options.out)
    packed = path / "packed.npz" if path.is_dir() else path
    found = audit(load_packed(packed), asked=_asked(path), voxel_size=options.voxel_size)
    print(found)
    if not options.no_files:
        folder = packed.parent if options.to is None else Path(options.to)
        folder.mkdir(parents=True, exist_ok=True)
        written = write_audit(folder, found)
        print(f"wrote {', '.join(str(p) for p in written)}")


def _asked(out: Path) -> dict[str, int] | None:
    """Return what the manifest of a run says was asked for; None where there is none."""
    manifest = out / MANIFEST
    if not manifest.is_file():
        return None
    try:
        species = json.loads(manifest.read_text(encoding="utf-8"))["species"]
        return {str(entry["name"]): int(entry["asked"]) for entry in species}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{manifest}: wanted the manifest of a run ({error!r})") from None
