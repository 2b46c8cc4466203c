"""Copick projects: tomograms, picks, filaments, meshes and segmentations in one folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..core.palette import species_colours
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import LabelVolume
from .atomic import atomic_folder
from .gltf import write_glb
from .names import plain_name, unique_names
from .omezarr import write_ome_zarr
from .truth import GroundTruth, poses_along

USER = "cgpack"
SESSION = "0"
"""What copick writes for results that a tool made."""

MULTILABEL = "all"
"""Name of the segmentation of all species."""


def write_copick(
    folder: str | os.PathLike[str], truth: GroundTruth, *, step: float | None = None
) -> Path:
    """Write a copick project with one run.

    Places are in Å, the first voxel's centre at 0; the 3 x 3 part of a pick's transformation is
    the rotation from the body frame to the tomogram's. The number of an instance is the same in
    picks, filaments, meshes and masks; the label of an object is its number in the semantic mask.
    Objects of copick have no underscores and blanks in their names: ``metadata`` of each object
    holds the name of its species.

    Parameters
    ----------
    folder : path-like
        The folder to make; one that is there is replaced.
    truth : GroundTruth
        What is known: every map becomes a tomogram of its name. Molecules get picks, filaments
        lines and picks along them with their z axes along the filament, membranes meshes; all
        get a binary and an instance segmentation, and one multilabel segmentation names all.
    step : float, optional
        Distance of picks along filaments, nm; by default the radius of the tube.

    Returns
    -------
    pathlib.Path
        ``copick_config.json``. It holds the absolute path of the folder, as copick wants it: edit
        ``overlay_root`` after moving the folder.
    """
    folder = Path(folder).resolve()
    run = plain_name(truth.name)
    names = unique_names(truth.species)
    with atomic_folder(folder) as temporary:
        root = temporary / "ExperimentRuns" / run
        _write_volumes(root, truth, names)
        for species in truth.species:
            _write_objects(root, truth, species, names[species], run, step)
        config = _config(truth, names, folder)
        (temporary / "copick_config.json").write_text(json.dumps(config, indent=1) + "\n")
    return folder / "copick_config.json"


def _config(truth: GroundTruth, names: dict[str, str], folder: Path) -> dict[str, Any]:
    colours = (species_colours(len(names)) * 255).round().astype(int).tolist()
    objects = []
    for label, (species, colour) in enumerate(zip(truth.species, colours, strict=True), start=1):
        kind = truth.kind(species)
        rows = truth.particles.species == species
        radius = float(truth.particles.radius[rows].max(initial=0.0))
        metadata: dict[str, Any] = {"species": species, "kind": kind}
        if kind == "filament":
            metadata["copick"] = {"filament": {"polar": False}}
            radius = max(
                truth.lines[i].radius
                for i in truth.particles.instance[rows].tolist()
                if i in truth.lines
            )
        objects.append(
            {
                "name": names[species],
                "is_particle": kind != "membrane",
                "label": label,
                "color": [*colour, 255],
                "radius": round(radius * ANGSTROM_PER_NM, 3) or None,
                "metadata": metadata,
            }
        )
    return {
        "config_type": "filesystem",
        "name": truth.name,
        "description": "Simulated by openmm_cgpack; everything in it is known.",
        "version": "1.0.0",
        "pickable_objects": objects,
        "user_id": USER,
        "session_id": SESSION,
        "overlay_root": f"local://{folder}",
        "overlay_fs_args": {"auto_mkdir": True},
    }


def _write_volumes(root: Path, truth: GroundTruth, names: dict[str, str]) -> None:
    spacing = f"{truth.grid.voxel_size * ANGSTROM_PER_NM:.3f}"
    places = {
        key: root / key
        for key in (f"VoxelSpacing{spacing}", "Segmentations", "InstanceSegmentations")
    }
    for place in places.values():
        place.mkdir(parents=True)
    tomograms = unique_names(truth.maps)
    for name, volume in truth.maps.items():
        write_ome_zarr(places[f"VoxelSpacing{spacing}"] / f"{tomograms[name]}.zarr", volume)
    stem = f"{spacing}_{USER}_{SESSION}"
    everything = places["Segmentations"] / f"{stem}_{MULTILABEL}-multilabel.zarr"
    write_ome_zarr(everything, truth.semantic)
    for label, species in enumerate(truth.species, start=1):
        mine = truth.semantic.data == label
        file = f"{stem}_{names[species]}.zarr"
        binary = _like(truth.instances, mine.astype(np.uint16))
        write_ome_zarr(places["Segmentations"] / file, binary, dtype="uint8")
        instances = np.where(mine, truth.instances.data, 0).astype(truth.instances.data.dtype)
        write_ome_zarr(places["InstanceSegmentations"] / file, _like(truth.instances, instances))


def _like(volume: LabelVolume, data: np.ndarray) -> LabelVolume:
    return LabelVolume(data=data, voxel_size=volume.voxel_size, origin=volume.origin)


def _write_objects(
    root: Path, truth: GroundTruth, species: str, name: str, run: str, step: float | None
) -> None:
    table = truth.particles
    rows = truth.rows(species)
    numbers = table.instance[rows].tolist()
    kind = truth.kind(species)
    head = {
        "pickable_object_name": name,
        "user_id": USER,
        "session_id": SESSION,
        "run_name": run,
        "voxel_spacing": round(truth.grid.voxel_size * ANGSTROM_PER_NM, 3),
        "unit": "angstrom",
    }

    def place(folder: str, suffix: str) -> Path:
        (root / folder).mkdir(exist_ok=True)
        return root / folder / f"{USER}_{SESSION}_{name}{suffix}"

    def write(folder: str, content: dict[str, Any]) -> None:
        place(folder, ".json").write_text(json.dumps({**head, **content}) + "\n")

    if kind == "membrane":
        surfaces = {number: truth.surfaces[number] for number in numbers}
        if surfaces:
            colour = species_colours(len(truth.species))[truth.species.index(species)]
            write_glb(place("Meshes", ".glb"), surfaces, colour=tuple(colour.tolist()))
        return
    points = []
    if kind == "filament":
        lines = {number: truth.lines[number] for number in numbers}
        for number, line in lines.items():
            positions, turns = poses_along(line, step or line.radius)
            points += [_point(number, p, r) for p, r in zip(positions, turns, strict=True)]
        records = [
            {
                "instance_id": number,
                "points": (line.points * ANGSTROM_PER_NM).round(4).tolist(),
                "polarity_known": False,
                "score": 1.0,
                "radius": round(line.radius * ANGSTROM_PER_NM, 4),
            }
            for number, line in lines.items()
        ]
        write("Filaments", {"version": 1, "filaments": records})
    else:
        points = [
            _point(number, p, r)
            for number, p, r in zip(numbers, table.centre[rows], table.rotation[rows], strict=True)
        ]
    write("Picks", {"points": points, "trust_orientation": True})


def _point(number: int, position: np.ndarray, rotation: np.ndarray) -> dict[str, Any]:
    transformation = np.eye(4)
    transformation[:3, :3] = rotation
    angst = (position * ANGSTROM_PER_NM).round(5).tolist()
    return {
        "location": dict(zip("xyz", angst, strict=True)),
        "transformation_": transformation.tolist(),
        "instance_id": number,
        "score": 1.0,
    }
