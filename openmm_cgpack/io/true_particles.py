"""The particles that are there, by which picks are judged: a run's list, or picks of copick."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..core.arrays import positive
from ..core.messages import said_of
from ..core.particles import ParticleTable
from ..core.units import ANGSTROM_PER_NM
from .inputs import existing, read_json
from .particle_lists import read_particles
from .picks import (
    COPICK_CONFIG,
    COPICK_USER,
    PickList,
    is_project,
    project_picks,
    read_copick,
    rows_of_one,
)


def read_truth(
    path: str | os.PathLike[str], *, tomogram: str | None = None, own_names: Iterable[str] = ()
) -> ParticleTable:
    """Read the particles that are there, with the radii by which picks are judged.

    Parameters
    ----------
    path : path-like
        A CSV that `write_particles` wrote, as a run's; or picks of copick, one JSON, a folder of
        them, or a project, whose ``copick_config.json``, there or in a folder above, holds the
        radii of the objects.
    tomogram, own_names : str, iterable of str, optional
        Of picks of copick, as of `read_picks`.
    """
    path = existing(path)
    if not path.is_dir() and path.suffix.lower() != ".json":
        return read_particles(path)
    held = _copick_truth(path)
    return _table(path, held, rows_of_one(path, held, tomogram, own_names))


def read_truths(path: str | os.PathLike[str]) -> dict[str, ParticleTable]:
    """Read the particles of all tomograms that picks of copick have, by the tomograms' names.

    Parameters
    ----------
    path : path-like
        As of `read_truth`; a CSV has one tomogram, of the name of its folder.
    """
    path = existing(path)
    if not path.is_dir() and path.suffix.lower() != ".json":
        return {path.resolve().parent.name: read_particles(path)}
    held = _copick_truth(path)
    rows = {name: held.rows_of([name]) for name in held.names()}
    return {name: _table(path, held, mine) for name, mine in rows.items() if mine is not None}


def _copick_truth(path: Path) -> PickList:
    """Return the points of copick's files: in a project of ours those that we wrote."""
    with said_of(path):
        if (path.is_dir() and not any(path.glob("*.json"))) or is_project(path):
            every = project_picks(path)
            ours = [file for file in every if file.name.startswith(f"{COPICK_USER}_")]
            return read_copick(path, ours or every)
        return read_copick(path)


def _table(path: Path, held: PickList, rows: np.ndarray) -> ParticleTable:
    assert held.species is not None
    assert held.rotations is not None
    species = np.array(held.species, np.str_)[rows]
    radii = _copick_radii(path)
    missing = sorted(set(species.tolist()) - set(radii))
    if missing:
        raise ValueError(f"{path}: {COPICK_CONFIG} has no radius of {missing[0]!r}")
    return ParticleTable(
        instance=np.arange(1, len(rows) + 1),
        species=species,
        centre=held.places[rows] / ANGSTROM_PER_NM,
        radius=np.array([radii[name] for name in species]) / ANGSTROM_PER_NM,
        rotation=held.rotations[rows],
    )


def _copick_radii(path: Path) -> dict[str, float]:
    place = path.resolve()
    for folder in (place, *place.parents):
        config = folder / COPICK_CONFIG
        if config.exists():
            held = read_json(config, wanted="the objects of copick")
            with said_of(config, "the objects of copick"):
                return {
                    str(entry["name"]): positive(entry["radius"], f"radius of {entry['name']}")
                    for entry in held.get("pickable_objects", [])
                    if entry.get("radius")
                }
    raise ValueError(f"{path}: wanted a {COPICK_CONFIG} with radii in a folder above")
