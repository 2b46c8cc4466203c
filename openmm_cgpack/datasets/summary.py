"""A data set at a glance: ``summary.png``, a contact sheet and histograms, and a page with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from ..core.palette import INK, PALE
from ..draw import Tile, plot_contact_sheet, save_figure
from ..io.files import write_text
from ..io.volumes import read_mask
from ..runs.folder import OVERVIEW, SEMANTIC, RunFolder
from .folder import DATASET, SCENES, SUMMARY_PAGE, SUMMARY_PICTURE, DatasetFolder, scene_name
from .plan import SPLITS
from .scene_table import COUNT, DONE, Row, columns

_TILES = 24
"""Scenes that are shown, evenly over all."""

_PANELS = 12
"""Values of which the spread is shown."""

_OF_ALL = {"fraction": "volume fraction reached", "snr": "SNR measured", "seconds": "seconds"}

_STYLE = f"""
body {{ font: 15px/1.45 system-ui, sans-serif; color: {INK}; margin: 2em auto; max-width: 1500px;
  padding: 0 1em; }}
img {{ width: 100%; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 2px 9px; text-align: left; white-space: nowrap;
  border-bottom: 1px solid {PALE}; }}
"""


def write_summary(held: DatasetFolder, rows: Sequence[Row]) -> None:
    """Write the picture and the page of a data set.

    Parameters
    ----------
    held : DatasetFolder
        The data set.
    rows : sequence of Row
        The rows of ``scenes.csv``.
    """
    done = [row for row in rows if row["state"] == DONE]
    title = _title(held, done)
    if done:
        figure = plot_contact_sheet(
            [_tile(held, done[k]) for k in _spread(len(done))],
            values=_values(done),
            species=_instances(held, done),
            title=title,
        )
        save_figure(held.path / SUMMARY_PICTURE, figure, dpi=100)
    write_text(held.path / SUMMARY_PAGE, _page(held, rows, title, picture=bool(done)))


def _title(held: DatasetFolder, done: Sequence[Row]) -> str:
    splits = [row["split"] for row in done]
    parts = ", ".join(f"{splits.count(name)} {name}" for name in SPLITS)
    name = held.plan.table.get("name", held.path.resolve().name)
    return f"{name}: {len(done)} of {held.n} scenes made ({parts}), seed {held.plan.seed}"


def _spread(n: int) -> list[int]:
    """Return up to so many places, evenly over all."""
    return sorted({math.floor(k * n / min(n, _TILES)) for k in range(min(n, _TILES))})


def _tile(held: DatasetFolder, row: Row) -> Tile:
    """Return the central slice of a scene, with the numbers that species have in the data set."""
    folder = held.scene(row["index"])
    run = RunFolder(folder)
    tomogram = run.tomogram()
    middle = tomogram.data.shape[0] // 2
    numbers = [0, *(held.plan.species.index(name) + 1 for name in run.species)]
    labels = np.array(numbers)[read_mask(folder, SEMANTIC).data[middle]]
    title = f"{scene_name(row['index'])}   {row['split']}"
    if "snr" in row:
        title += f", SNR {row['snr']:.2g}"
    return Tile(title, tomogram.data[middle], labels, float(tomogram.grid.size[0]))


def _values(done: Sequence[Row]) -> dict[str, list[float | str]]:
    """Return values whose spread is shown: what came of the scenes, then what was drawn.

    How many there are of each species is shown otherwise.
    """
    found: dict[str, list[float | str]] = {}
    for key, name in _OF_ALL.items():
        found[name] = [row[key] for row in done if key in row]
    found["instances"] = [
        sum(number for key, number in row.items() if key.startswith(COUNT)) for row in done
    ]
    keys = dict.fromkeys(key for row in done for key in row if _is_drawn(key))
    for key in keys:
        found[key] = [row[key] for row in done if key in row]
    varied = {name: held for name, held in found.items() if len(set(held)) > 1}
    return dict(list(varied.items())[:_PANELS])


def _is_drawn(key: str) -> bool:
    own = "." in key and not key.startswith(COUNT)
    return own and not key.endswith((".count", ".species"))


def _instances(held: DatasetFolder, done: Sequence[Row]) -> dict[str, int]:
    return {
        name: sum(int(row.get(f"{COUNT}{name}", 0)) for row in done) for name in held.plan.species
    }


def _page(held: DatasetFolder, rows: Sequence[Row], title: str, *, picture: bool) -> str:
    """Return the page: the picture, and a table of the scenes with links into the folder."""
    names = [name for name in columns(rows) if name != "index"]
    head = "".join(f"<th>{escape(name)}</th>" for name in ("scene", *names))
    lines = "\n".join(
        f"<tr>{_link(held, row)}"
        + "".join(f"<td>{escape(_word(row.get(name, '')))}</td>" for name in names)
        + "</tr>"
        for row in rows
    )
    image = f'<img src="{SUMMARY_PICTURE}" alt="contact sheet and histograms">' if picture else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>
<body>
<h1>{escape(title)}</h1>
<p>The right half of every slice has the labels of the species. What was drawn and reached is in
<a href="scenes.csv">scenes.csv</a>, the recipe in <a href="{DATASET}">{DATASET}</a>.</p>
{image}
<div class="wide"><table>
<tr>{head}</tr>
{lines}
</table></div>
</body>
</html>
"""


def _link(held: DatasetFolder, row: Row) -> str:
    """Return the cell that leads to a scene's picture or folder, or the log of one that failed."""
    name, scene = scene_name(row["index"]), held.scene(row["index"])
    for path in (scene / OVERVIEW, scene, held.log(row["index"])):
        if path.exists():
            place = f"{SCENES}/{path.relative_to(held.path / SCENES).as_posix()}"
            return f'<td><a href="{place}">{name}</a></td>'
    return f"<td>{name}</td>"


def _word(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
