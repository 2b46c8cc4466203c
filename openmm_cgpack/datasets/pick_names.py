"""What picks call species: names as in exports, numbers of classes, or those of their files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.messages import said_of
from ..core.names import known_names
from ..io.inputs import read_json
from ..io.picks import COPICK_CONFIG, PickList
from ..io.shared_folders import records_of

_log = logging.getLogger(__name__)

_WANTED = "the objects of copick"


class PickNames(NamedTuple):
    """How the species of a list of picks are found in the truth.

    A name is the species that the export's own record beside the list has for it, or the one of
    that name, or of that name in exports. Where the list has none, or the number of a class, it is
    the species that the record has for the number, or after which the file is named, or that has
    the number in the truth.
    """

    held: PickList
    every: list[str]
    """The species of all tomograms in the order of their numbers."""
    recorded: Mapping[str, str]
    """Species by the names and numbers that an export gave them."""

    @staticmethod
    def of(path: Path, held: PickList, species: Sequence[Iterable[str]]) -> PickNames:
        """Return those of a list, with the species of each tomogram; a note tells of numbers."""
        every = list(dict.fromkeys(name for one in species for name in one))
        recorded = dict(_recorded(path if path.is_dir() else path.parent))
        names = PickNames(held, every, recorded)
        said = {*(held.species or ())} - {*every, *recorded}
        if any(_number(name, every) for name in said) and names._of_files(every) is None:
            table = ", ".join(f"{number} {name}" for number, name in enumerate(every, start=1))
            _log.warning("cgpack: note: %s: classes are taken as the truth's: %s", path, table)
        return names

    def known(self, names: Sequence[str]) -> list[str]:
        """Return names as the truth has them."""
        known = known_names(names, self.every)
        return [known[name] for name in names]

    def species(self, rows: np.ndarray, species: Sequence[str]) -> np.ndarray | None:
        """Return the species of some picks, of a tomogram with species; None where none is said."""
        files = self._of_files(species)
        said = self.held.species
        if said is None:
            return None if files is None else np.array(files, np.str_)[rows]
        picks = [said[row] for row in rows.tolist()]
        known = known_names(
            {*picks, *(self.recorded[name] for name in picks if name in self.recorded)}, species
        )
        result = []
        for row, name in zip(rows.tolist(), picks, strict=True):
            meant = known[self.recorded.get(name, name)]
            number = None if name in self.recorded else _number(name, self.every)
            if meant not in species and number is not None:
                meant = self.every[number - 1] if files is None else files[row]
            result.append(meant if meant in self.every else known[name])
        return np.array(result, np.str_)

    def _of_files(self, species: Sequence[str]) -> list[str] | None:
        """Return the species after which each pick's file is named; None where one is not."""
        files = self.held.files
        if not files:
            return None
        meant = {file: self.recorded.get(file, file) for file in files}
        known = known_names(meant.values(), species)
        result = [known[meant[file]] for file in files]
        return result if set(result) <= set(species) else None


def _number(name: str, every: Sequence[str]) -> int | None:
    """Return the number of a class that the truth has."""
    number = int(name) if name.isascii() and name.isdigit() else 0
    return number if 0 < number <= len(every) else None


def _recorded(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what exports call species, and the species: RELION's of a project, and copick's."""
    folder = folder.resolve()
    for project in (folder, folder.parent):
        for record in records_of(project):
            for kind in ("files", "numbers"):
                yield from (
                    (str(called), name) for name, called in record.notes.get(kind, {}).items()
                )
    for place in (folder, *folder.parents):
        config = place / COPICK_CONFIG
        if config.is_file():
            with said_of(config, _WANTED):
                for entry in read_json(config, wanted=_WANTED)["pickable_objects"]:
                    if species := (entry.get("metadata") or {}).get("species"):
                        yield str(entry["name"]), str(species)
            return
