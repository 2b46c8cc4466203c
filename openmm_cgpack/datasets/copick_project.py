"""One copick project over all scenes of a data set: a run each, and one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.messages import said_of
from ..core.names import name_of_file, unique_names
from ..core.palette import species_bytes
from ..export import Copick, GroundTruth, load_truth
from ..export.copick import (
    SESSION,
    WANTED,
    config_text,
    pickable_object,
    project_config,
)
from ..io.files import atomic_folder, write_text
from ..io.inputs import read_json
from ..io.picks import COPICK_USER
from ..runs.folder import HALVES, TOMOGRAM, RunFolder
from .folder import PROJECT, PROJECT_CONFIG, DatasetFolder, tomogram_name
from .plan import Plan

TARGETS = 0.5
"""Radius of the spheres that are drawn at picks as targets, as part of the object's: that within
which the score of CZII's challenge takes a pick for right."""

_MAPS = tuple(Path(name).stem for name in (TOMOGRAM, *HALVES))
"""The maps that it has, where they are made."""


def add_to_project(held: DatasetFolder, index: int) -> None:
    """Write the run of a scene that is made, whole or not at all.

    The labels of objects are the numbers of the species in the data set; segmentations, picks and
    targets are those of `Copick`. Of the maps it has the tomogram and its halves.
    """
    truth = _truth(held, index)
    target = held.project_run(index)
    target.parent.mkdir(parents=True, exist_ok=True)
    names, labels = _objects(held.plan)
    with atomic_folder(target, foreign=_foreign) as folder:
        Copick(targets=TARGETS).write_run(folder, truth, names, labels)


def write_project(held: DatasetFolder, *, made: Sequence[int]) -> None:
    """Write the configuration, with the objects of the scenes that are made.

    What it says of an object is by the first scene that has it. Objects and values that somebody
    added stay; the folder's place is written anew, as the data set may have been moved.
    """
    names, labels = _objects(held.plan)
    colours = species_bytes(len(names))
    path = held.path / PROJECT_CONFIG
    ours: dict[str, dict[str, Any]] = {}
    for index in made:
        species = set(RunFolder(held.scene(index)).species) - ours.keys()
        if not species:
            continue
        truth = _truth(held, index)
        present = set(truth.particles.species.tolist())
        for each in species & present:
            label = labels[each]
            ours[each] = pickable_object(
                truth, each, name=names[each], label=label, colour=colours[label - 1]
            )
        if len(ours) == len(names):
            break
    objects = sorted(ours.values(), key=lambda entry: entry["label"])
    config = project_config(name_of_file(held.path.resolve()), objects, held.path / PROJECT)
    if path.is_file():
        with said_of(path, WANTED):
            before = read_json(path, wanted=WANTED)
            theirs = [o for o in before["pickable_objects"] if o["name"] not in names.values()]
        config = {
            **before,
            "pickable_objects": objects + theirs,
            "overlay_root": config["overlay_root"],
        }
    write_text(path, config_text(config))


def _objects(plan: Plan) -> tuple[dict[str, str], dict[str, int]]:
    """Return the names and the labels of all objects, by species."""
    labels = {species: number for number, species in enumerate(plan.species, start=1)}
    return unique_names(plan.species), labels


def _truth(held: DatasetFolder, index: int) -> GroundTruth:
    truth = load_truth(held.scene(index), name=tomogram_name(index))
    maps = {name: volume for name, volume in truth.maps.items() if name in _MAPS}
    return replace(truth, maps=maps)


def _foreign(folder: Path) -> Iterator[Path]:
    """Yield the files of a run that somebody added, as picks of their own."""
    mine = (
        f"{COPICK_USER}_{SESSION}_",
        f"_{COPICK_USER}_{SESSION}_",
        *(f"{name}.zarr" for name in _MAPS),
    )
    for kind in sorted(folder.iterdir()):
        for path in sorted(kind.iterdir()) if kind.is_dir() else [kind]:
            if not any(mark in path.name for mark in mine):
                yield path
