"""Copick projects: tomograms, picks, filaments, meshes and segmentations in one folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..core.names import unique_names
from ..core.palette import species_bytes, species_colours
from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import LabelVolume
from ..io.balls_and_meshes import write_glb
from ..io.files import atomic_folder
from ..io.omezarr import write_ome_zarr
from .formats import PointFormat
from .truth import GroundTruth

CONFIG = "copick_config.json"
USER = "cgpack"
SESSION = "0"
"""What copick writes for results that a tool made."""

MULTILABEL = "all"
"""Name of the segmentation of all species."""


@kind("copick")
class Copick(PointFormat):
    """A copick project with one run.

    Places are in Å, the first voxel's centre at 0; the 3 x 3 part of a pick's transformation is
    the rotation from the body frame to the tomogram's. The number of an instance is the same in
    picks, filaments, meshes and masks; the label of an object is its number in the semantic mask.
    Objects of copick have no underscores and blanks in their names: ``metadata`` of each object
    holds the name of its species.

    Every map becomes a tomogram of its name. Molecules get picks, filaments lines and picks along
    them with their z axes along the filament, membranes meshes; all get a binary and an instance
    segmentation, and one multilabel segmentation names all.

    ``copick_config.json`` holds the absolute path of the folder, as copick wants it: edit
    ``overlay_root`` after moving the folder.
    """

    def save(
        self, folder: str | os.PathLike[str], truth: GroundTruth, tilts: TiltSeries | None = None
    ) -> Path:
        """Write the project whole or not at all; its configuration holds the final path."""
        self.check(truth, tilts)
        with atomic_folder(folder) as temporary:
            self._write(temporary, truth, Path(folder).resolve())
        return Path(folder)

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write the project."""
        self._write(folder, truth, folder.resolve())

    def _write(self, folder: Path, truth: GroundTruth, place: Path) -> None:
        root = folder / "ExperimentRuns" / truth.name
        _write_volumes(root, truth)
        for species in truth.species:
            self._write_objects(root, truth, species)
        (folder / CONFIG).write_text(
            json.dumps(_config(truth, place), indent=1) + "\n", encoding="utf-8"
        )

    def _write_objects(self, root: Path, truth: GroundTruth, species: str) -> None:
        name = truth.file_names[species]
        head = {
            "pickable_object_name": name,
            "user_id": USER,
            "session_id": SESSION,
            "run_name": truth.name,
            "voxel_spacing": round(truth.grid.voxel_size * ANGSTROM_PER_NM, 3),
            "unit": "angstrom",
        }

        def place(kind: str, suffix: str) -> Path:
            (root / kind).mkdir(exist_ok=True)
            return root / kind / f"{USER}_{SESSION}_{name}{suffix}"

        def write(kind: str, content: dict[str, Any]) -> None:
            place(kind, ".json").write_text(json.dumps({**head, **content}) + "\n", "utf-8")

        numbers = truth.particles.instance[truth.rows(species)].tolist()
        if surfaces := {i: truth.surfaces[i] for i in numbers if i in truth.surfaces}:
            colour = species_colours(len(truth.species))[truth.species.index(species)]
            meshes = {i: (surface.vertices, surface.faces) for i, surface in surfaces.items()}
            write_glb(place("Meshes", ".glb"), meshes, colour=tuple(colour.tolist()))
        kind = truth.kind(species)
        if kind == "membrane":
            return
        if kind == "filament":
            lines = [_filament(i, truth.lines[i].points, truth.lines[i].radius) for i in numbers]
            write("Filaments", {"version": 1, "filaments": lines})
        points = [_point(*point) for point in self.points(truth, species)]
        write("Picks", {"points": points, "trust_orientation": True})


def _config(truth: GroundTruth, place: Path) -> dict[str, Any]:
    colours = species_bytes(len(truth.species))
    objects = []
    for label, (species, name) in enumerate(truth.file_names.items(), start=1):
        kind = truth.kind(species)
        mine = truth.particles.species == species
        radius = float(truth.particles.radius[mine].max(initial=0.0))
        metadata: dict[str, Any] = {"species": species, "kind": kind}
        if kind == "filament":
            metadata["copick"] = {"filament": {"polar": False}}
            numbers = truth.particles.instance[mine].tolist()
            radius = max(truth.lines[i].radius for i in numbers if i in truth.lines)
        objects.append(
            {
                "name": name,
                "is_particle": kind != "membrane",
                "label": label,
                "color": [*colours[label - 1], 255],
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
        "overlay_root": f"local://{place}",
        "overlay_fs_args": {"auto_mkdir": True},
    }


def _write_volumes(root: Path, truth: GroundTruth) -> None:
    spacing = f"{truth.grid.voxel_size * ANGSTROM_PER_NM:.3f}"
    tomograms = root / f"VoxelSpacing{spacing}"
    segmentations = root / "Segmentations"
    instance_segmentations = root / "InstanceSegmentations"
    for folder in (tomograms, segmentations, instance_segmentations):
        folder.mkdir(parents=True)
    names = unique_names(truth.maps)
    for name, volume in truth.maps.items():
        write_ome_zarr(tomograms / f"{names[name]}.zarr", volume)
    stem = f"{spacing}_{USER}_{SESSION}"
    everything = segmentations / f"{stem}_{MULTILABEL}-multilabel.zarr"
    write_ome_zarr(everything, truth.semantic)
    for label, name in enumerate(truth.file_names.values(), start=1):
        mine = truth.semantic.data == label
        file = f"{stem}_{name}.zarr"
        binary = _like(truth.instances, mine.astype(np.uint16))
        write_ome_zarr(segmentations / file, binary, dtype="uint8")
        instances = np.where(mine, truth.instances.data, 0).astype(truth.instances.data.dtype)
        write_ome_zarr(instance_segmentations / file, _like(truth.instances, instances))


def _like(volume: LabelVolume, data: np.ndarray) -> LabelVolume:
    return LabelVolume(data=data, voxel_size=volume.voxel_size, origin=volume.origin)


def _filament(number: int, points: np.ndarray, radius: float) -> dict[str, Any]:
    return {
        "instance_id": number,
        "points": (points * ANGSTROM_PER_NM).round(4).tolist(),
        "polarity_known": False,
        "score": 1.0,
        "radius": round(radius * ANGSTROM_PER_NM, 4),
    }


def _point(number: int, place: np.ndarray, rotation: np.ndarray) -> dict[str, Any]:
    transformation = np.eye(4)
    transformation[:3, :3] = rotation
    angst = (place * ANGSTROM_PER_NM).round(5).tolist()
    return {
        "location": dict(zip("xyz", angst, strict=True)),
        "transformation_": transformation.tolist(),
        "instance_id": number,
        "score": 1.0,
    }
