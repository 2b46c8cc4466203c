"""Picks of any number of tomograms against the truth of runs, data sets and exports."""

from __future__ import annotations

import dataclasses
import logging
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core import Grid, LabelVolume, ParticleTable, Picks
from ..core.names import plain_name
from ..core.progress import tracked
from ..evaluation import MatchingRule, PaperRule, PickScores, select_particles
from ..evaluation.pick_remarks import odd_picks
from ..evaluation.pick_scores import quiet_match
from ..io.inputs import existing
from ..io.picks import PickList, listed, read_pick_list, rows_of_one
from ..io.true_particles import read_truth, read_truths
from ..io.volumes import mask_file, read_grid, read_labels
from ..runs.folder import INSTANCES, MANIFEST, RunFolder
from .folder import DATASET, DatasetFolder, tomogram_name
from .pick_names import PickNames

_log = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


class Truth(NamedTuple):
    """What is known of a tomogram that picks are judged by."""

    names: tuple[str, ...]
    """What lists may call it."""
    particles: ParticleTable
    run: RunFolder | None

    @property
    def species(self) -> list[str]:
        """Names of the species, a run's in the order of its classes."""
        named = self.run is not None and "species" in self.run.manifest
        there = dict.fromkeys(self.particles.species.tolist())
        return list(dict.fromkeys([*(self.run.species if self.run and named else ()), *there]))


def score_picks(
    picks: PathLike,
    truth: PathLike | Sequence[PathLike],
    rule: MatchingRule = PaperRule(),
    *,
    split: str | None = None,
    without: Sequence[str] = (),
    best: int | None = None,
    tomogram: str | None = None,
    grid: PathLike | None = None,
    labels: PathLike | None = None,
    progress: bool = True,
) -> PickScores:
    """Compare picks in files with the truth; of several tomograms the counts are added up.

    Parameters
    ----------
    picks : path-like
        A list, or a folder of lists, of one tomogram or more; see `read_pick_list`. Species may
        be called as in exports, by their class numbers or by the names of files; see `PickNames`.
        Notes in the log tell of picks that are odd; see `odd_picks`.
    truth : path-like or sequence of path-like
        A run's folder or its ``particles.csv``, a data set's folder, or picks of copick: one file,
        a folder of them, or a project. Several are scored as one.
    rule : MatchingRule, optional
        When a pick finds a particle.
    split : str, optional
        Of a data set, the scenes that are scored: ``"train"``, ``"validation"`` or ``"test"``.
    without : sequence of str, optional
        Species that are not to be found: neither their particles nor picks that name them count.
    best : int, optional
        How many picks of highest score count, in each tomogram.
    tomogram : str, optional
        Whose picks of a list of several are taken, where the truth is one tomogram's; else those
        under the name of the run's folder.
    grid : path-like, optional
        A volume of the tomogram's size, which places from its middle need; else the run's.
    labels : path-like, optional
        Instance masks for rules by labels; else the run's.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    PickScores
        Particles of tomograms that no picks are of count as not found, with a warning.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or not good, or it is not said which picks are of which tomogram.

    Examples
    --------
    >>> score_picks("picks.star", "crowded", split="test").f  # doctest: +SKIP
    0.78
    """
    if best is not None and best < 0:
        raise ValueError(f"best: wanted a number >= 0, got {best}")
    if labels is not None and not rule.by_labels:
        raise ValueError(f"labels: means nothing for the rule {rule.kind!r}")
    held = read_pick_list(existing(picks))
    given = [truth] if isinstance(truth, str | os.PathLike) else list(truth)
    truths = list(_truths(given, held, split=split, tomogram=tomogram))
    if len(truths) > 1:
        for name, value in (("tomogram", tomogram), ("grid", grid), ("labels", labels)):
            if value is not None:
                raise ValueError(f"{name}: means nothing with {len(truths)} tomograms")
    names = PickNames.of(Path(picks), held, [one.species for one in truths])
    left_out = names.known(without)
    scores, found, asked = [], [], []
    matched = _matched(Path(picks), held, truths, tomogram)
    for one, rows in tracked(matched, "tomograms", show=progress):
        frame = _grid(one.run, grid)
        # Of a tomogram without picks the places do not matter.
        mine = held.picks(Path(picks), rows, frame) if len(rows) else _none_of(held)
        mine = dataclasses.replace(mine, species=names.species(rows, one.species))
        if mine.species is not None:
            mine = mine[~np.isin(mine.species, np.array(left_out, np.str_))]
        found.append(mine if best is None else mine.best(best))
        asked.append(select_particles(one.particles, without=_there(left_out, one, truths)))
        masks = _masks(one.run, labels) if rule.by_labels else None
        scores.append(quiet_match(found[-1], asked[-1], rule, labels=masks))
    empty = sum(one.empty for one in scores)
    for words in odd_picks(found, asked, by_species=rule.by_species, empty=empty):
        _log.warning("cgpack: note: %s: %s", picks, words)
    return sum(scores[1:], start=scores[0])


def _truths(
    given: Iterable[PathLike], held: PickList, *, split: str | None, tomogram: str | None
) -> Iterable[Truth]:
    """Yield the truth of every tomogram of what was given."""
    of_set = False
    for path in map(existing, given):
        if (path / DATASET).is_file():
            of_set, dataset = True, DatasetFolder(path)
            for index in dataset.indices(split):
                run = RunFolder(dataset.scene(index))
                yield Truth((tomogram_name(index), run.path.name), run.particles(), run)
        elif (run_of := _run_of(path)) is not None:
            table = run_of.particles() if path.is_dir() else read_truth(path)
            yield Truth(_names_of(run_of), table, run_of)
        elif tomogram is not None:
            yield Truth((tomogram,), read_truth(path, tomogram=tomogram), None)
        else:
            # A project may have more tomograms than there are picks of.
            truths = read_truths(path)
            wanted = [name for name in truths if held.rows_of([name]) is not None]
            for name in wanted or truths:
                yield Truth((name,), truths[name], None)
    if split is not None and not of_set:
        raise ValueError("split: means nothing without a data set")


def _matched(
    path: Path, held: PickList, truths: list[Truth], tomogram: str | None
) -> Iterable[tuple[Truth, np.ndarray]]:
    """Yield each truth with the indices of its picks."""
    if not truths:
        raise ValueError("truth: wanted that of a tomogram, got none")
    if len(truths) == 1:
        yield truths[0], rows_of_one(path, held, tomogram, truths[0].names)
        return
    if held.tomograms is None:
        raise ValueError(
            f"{path}: names no tomograms, of which the truth has {len(truths)}; wanted a column "
            "tomogram, or a folder with a list for each"
        )
    found = [(one, held.rows_of(one.names)) for one in truths]
    seen = [rows for _, rows in found if rows is not None]
    if not seen:
        raise ValueError(
            f"{path}: picks of {listed(held.names())}; none of them is one of "
            f"{listed([one.names[0] for one in truths])}"
        )
    left = len(held.places) - len(np.unique(np.concatenate(seen)))
    if left:
        warnings.warn(f"{path}: {left} picks are of other tomograms: left out", stacklevel=4)
    missing = [one.names[0] for one, rows in found if rows is None]
    if missing:
        words = f"{path}: no picks of {listed(missing)}: their particles count as not found"
        warnings.warn(words, stacklevel=4)
    for one, rows in found:
        yield one, np.empty(0, np.int64) if rows is None else rows


def _none_of(held: PickList) -> Picks:
    """Return no picks, of species where the list has them."""
    species = None if held.species is None else np.empty(0, np.str_)
    return Picks(positions=np.empty((0, 3)), scores=np.empty(0), species=species)


def _there(without: Sequence[str], one: Truth, truths: list[Truth]) -> list[str]:
    """Return which species to leave out a tomogram has; ValueError where none has one of them."""
    every = {name for each in truths for name in each.particles.species.tolist()}
    mine = set(one.particles.species.tolist())
    return [name for name in without if name in mine or name not in every]


def _run_of(path: Path) -> RunFolder | None:
    """Return the run whose folder, or a file in it, the truth is; None where it is no run's."""
    folder = path if path.is_dir() else path.parent
    return RunFolder(folder) if (folder / MANIFEST).exists() else None


def _names_of(run: RunFolder) -> tuple[str, ...]:
    """Return the names that a run's tomogram goes by in lists: its folder's, and as exported."""
    name = run.path.resolve().name
    exported = any(character.isalnum() for character in name)
    return (name, plain_name(name)) if exported else ()


def _grid(run: RunFolder | None, path: PathLike | None) -> Grid | None:
    if path is None:
        return None if run is None else run.grid
    grid = read_grid(path)
    return dataclasses.replace(grid, voxel_size=_voxel_size(run, path, grid))


def _masks(run: RunFolder | None, path: PathLike | None) -> LabelVolume:
    if path is None:
        if run is None:
            raise ValueError("labels: wanted instance masks, as the truth is no run's")
        path = mask_file(run.path, INSTANCES)
    masks = read_labels(path)
    return dataclasses.replace(masks, voxel_size=_voxel_size(run, path, masks.grid))


def _voxel_size(run: RunFolder | None, path: PathLike, held: Grid) -> float:
    """Return the voxel size of a volume: the run's where it has the run's shape."""
    grid = None if run is None else run.grid
    if run is None or grid is None or held.shape != grid.shape:
        return held.voxel_size
    if abs(held.voxel_size - grid.voxel_size) > 1e-3 * grid.voxel_size:
        warnings.warn(
            f"{path}: voxels of {held.voxel_size:g} nm, and the shape of {run.path}: the run's "
            f"{grid.voxel_size:g} nm are taken",
            stacklevel=4,
        )
    return grid.voxel_size
