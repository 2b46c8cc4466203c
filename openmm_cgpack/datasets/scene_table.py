"""``scenes.csv``: a row for each scene, of what was drawn for it and what came of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..io.files import write_text
from ..runs.folder import RunFolder
from .plan import Plan

DONE, FAILED, MISSING = "done", "failed", "missing"
"""States of a scene: made; one that cannot be packed; not made, or not yet."""

_FIRST = ("index", "split", "state", "error", "seconds", "fraction", "snr")
COUNT = "count."
"""What columns of counts begin with, before the species."""

Row = dict[str, Any]


def planned_row(plan: Plan, index: int) -> Row:
    """Return the row of a scene that is not made.

    Raises
    ------
    ValueError, TypeError
        What is drawn for it makes no recipe.
    """
    _, values = plan.scene(index)
    row = {"index": index, "split": plan.split(index), "state": MISSING, "error": ""}
    return row | {key: _as_text(value) for key, value in values.items()}


def made_row(row: Row, folder: Path) -> Row:
    """Return the row of a scene with what its run's manifest says."""
    manifest = RunFolder(folder).manifest
    made: Row = {
        "state": DONE,
        "error": "",
        "seconds": round(sum(manifest["seconds"].values()), 2),
        "fraction": round(manifest["packing"]["fraction_end"], 5),
    }
    if (snr := manifest["tomogram"]["snr_measured"]) is not None:
        made["snr"] = round(snr, 5)
    counts = {f"{COUNT}{each['name']}": each["placed"] for each in manifest["species"]}
    return row | made | counts


def columns(rows: Iterable[Row]) -> list[str]:
    """Return the names of the columns: those of counts come before those of drawn values."""
    found = dict.fromkeys(key for row in rows for key in row if key not in _FIRST)
    counts = sorted(key for key in found if key.startswith(COUNT))
    return [*_FIRST, *counts, *(key for key in found if key not in counts)]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the table, whole."""
    text = io.StringIO()
    table = csv.DictWriter(text, columns(rows), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())


def _as_text(value: Any) -> Any:
    """Return a drawn value as a column has it: several as words."""
    return " ".join(map(str, value)) if isinstance(value, list) else value
