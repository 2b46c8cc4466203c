"""The tomograms of a data set, or of runs, as a dataset of PyTorch."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.display import described
from ..core.runtime import MissingExtra, missing_extra
from ..core.volume import LabelVolume, Volume
from ..evaluation import Cubes, LabelledTomogram, Patches, RandomCubes
from ..io.mrc import map_mrc
from ..runs.folder import SEMANTIC, TOMOGRAM, RunFolder
from .folder import DATASET, DatasetFolder
from .plan import SPLITS

Classes = Sequence[str] | Mapping[str, Sequence[str]]


@described
class LabelledTomograms(Patches):
    """Cubes of the tomograms of a data set, with the class of every voxel, as PyTorch takes them.

    A map-style dataset: give it to a ``torch.utils.data.DataLoader``. Each item is a dict of
    ``image``, (1, z, y, x) float32 of a standardised tomogram, and ``label`` alike, int64 classes
    with 0 the background: what MONAI's dictionary transforms take, and its losses with
    ``to_onehot_y=True``. Tomograms stay on the disk, and only cubes are read. Needs the extra
    ``[torch]``.

    Parameters
    ----------
    source : path-like or iterable of path-like
        The folder that ``cgpack dataset`` made, or folders of runs.
    split : {"train", "validation", "test"}, optional
        Which scenes of a data set; all when left out.
    cubes : Cubes, optional
        Which cubes: `RandomCubes`, most of them around a voxel of a class, or `GridCubes`.
    classes : sequence of str or mapping, optional
        The species that are classes, numbered from 1 in this order; all others are background. A
        mapping gives classes by name, and of which species each is. When left out, all species of
        all scenes, also those of other splits.
    render : str, optional
        What ``cgpack render`` made in the runs' folders, in place of their own tomograms.
    transform : callable, optional
        Called with each item, as MONAI's dictionary transforms are.
    seed : int, optional
        Seed of random cubes.

    Raises
    ------
    MissingExtra
        The extra ``torch`` is not installed.
    FileNotFoundError
        A folder is none of a data set or run, or lacks its tomogram or labels.
    ValueError
        There is no such split or no scene in it, a class is of no scene, or a cube is larger than
        a tomogram.

    See Also
    --------
    openmm_cgpack.evaluation.train_fcn : trains on its ``tomograms``.

    Examples
    --------
    >>> from torch.utils.data import DataLoader  # doctest: +SKIP
    >>> training = LabelledTomograms("crowded", split="train", cubes=RandomCubes(edge=64))
    ... # doctest: +SKIP
    >>> for epoch in range(100):  # doctest: +SKIP
    ...     training.set_epoch(epoch)
    ...     for batch in DataLoader(training, batch_size=8, num_workers=4):
    ...         loss = criterion(network(batch["image"]), batch["label"])
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        split: str | None = None,
        *,
        cubes: Cubes = RandomCubes(),
        classes: Classes | None = None,
        render: str | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        seed: int = 0,
    ) -> None:
        if why := missing_extra("torch", "torch"):
            raise MissingExtra(f"LabelledTomograms: {why}")
        runs, every = _runs_of(source, split)
        known = list(dict.fromkeys(name for run in every for name in run.species))
        chosen = tuple(known) if classes is None else classes
        wanted = (
            [name for members in chosen.values() for name in members]
            if isinstance(chosen, Mapping)
            else chosen
        )
        for name in wanted:
            if name not in known:
                raise ValueError(f"classes: wanted of {', '.join(known)}, got {name!r}")
        tomograms = [_labelled(run, chosen, render) for run in runs]
        super().__init__(tomograms, cubes, transform=transform, seed=seed)


def _runs_of(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], split: str | None
) -> tuple[list[RunFolder], list[RunFolder]]:
    """Return the runs that are asked for, and all that there are."""
    if isinstance(source, str | os.PathLike):
        if (Path(source) / DATASET).is_file() or split is not None:
            held = DatasetFolder(source)
            runs = held.runs(split)
            if not runs:
                of = "" if split is None else f" of the split {split!r}"
                made = ", ".join(f"{len(held.indices(name))} for {name}" for name in SPLITS)
                there = f"; of {held.n} scenes {len(held.indices())} are made, {made}"
                raise ValueError(f"{held.path}: wanted scenes that are made, got none{of}{there}")
            return runs, held.runs()
        source = [source]
    elif split is not None:
        raise ValueError("split: wanted with the folder of a data set, got it with runs")
    runs = [RunFolder(path) for path in source]
    if not runs:
        raise ValueError("source: wanted at least one run, got none")
    return runs, runs


def _labelled(run: RunFolder, classes: Classes, render: str | None) -> LabelledTomogram:
    volume = map_mrc(run.file(run.name_in(render, TOMOGRAM)))
    labels = map_mrc(run.file(f"{SEMANTIC}.mrc"))
    if not isinstance(volume, Volume) or not isinstance(labels, LabelVolume):
        raise ValueError(f"{run.path}: wanted a tomogram and its labels")
    named = dataclasses.replace(labels, names=tuple(run.species))
    return LabelledTomogram(volume=volume, labels=named, classes=classes)
