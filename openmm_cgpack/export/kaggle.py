"""A list of particles as the challenge of CZII on Kaggle has it."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..core.units import ANGSTROM_PER_NM
from ..io.inputs import read_table
from ..io.shared_folders import SharedFolder
from .formats import PointFormat
from .truth import GroundTruth

LIST = "particles.csv"
COLUMNS = ("id", "experiment", "particle_type", "x", "y", "z")


@kind("kaggle")
class Kaggle(PointFormat):
    """One ``particles.csv`` of all runs: ``id,experiment,particle_type,x,y,z``.

    Places are in Å, the first voxel's centre at 0; the experiment is the run's name, the type the
    plain name of the species, and ids count the rows from 0. Molecules and helices' monomers are in
    it, and places along other filaments.
    """

    names_runs = True
    merged = (LIST,)

    def write(self, folder: Any, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write the list of this run alone."""
        (folder / LIST).write_text(_text(self._rows(truth)), encoding="utf-8")

    def add(
        self, project: SharedFolder, truth: GroundTruth, tilts: TiltSeries | None = None
    ) -> None:
        """Write the rows of the run among those of the others, by the experiments' names."""
        mine, others = self._rows(truth), []
        there = project.shared_file(LIST)
        if there is not None:
            table = read_table(there)
            if tuple(table.names) != COLUMNS:
                raise ValueError(f"{there}: wanted the columns {', '.join(COLUMNS)}")
            rows = [tuple(row[name] for name in COLUMNS[1:]) for _, row in table.rows]
            others = [row for row in rows if row[0] != truth.name]
            held = [row for row in rows if row[0] == truth.name]
            before = None if project.old is None else project.old.notes.get("rows")
            if held and _digest(held) not in (before, _digest(mine)) and not project.force:
                raise FileExistsError(
                    f"{there}: its rows of {truth.name} are not those that were written there; "
                    "give this run another name, or force=True to replace them"
                )
        rows = sorted([*others, *mine], key=lambda row: row[0])
        (project.stage / LIST).write_text(_text(rows), encoding="utf-8")
        project.record.notes = {"rows": _digest(mine)}

    def _rows(self, truth: GroundTruth) -> list[tuple[str, ...]]:
        return [
            (truth.name, name, *(f"{x + 0.0:.3f}" for x in place * ANGSTROM_PER_NM))
            for species, name in truth.file_names.items()
            if truth.kind(species) != "membrane"
            for _, place, _ in self.points(truth, species)
        ]


def _text(rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((number, *row) for number, row in enumerate(rows))
    return text.getvalue()


def _digest(rows: list[tuple[str, ...]]) -> str:
    return hashlib.sha256(repr(rows).encode()).hexdigest()
