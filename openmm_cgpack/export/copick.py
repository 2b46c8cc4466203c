"""Copick projects: tomograms, picks, filaments, meshes and segmentations in one folder."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.geometry import Line
from ..core.messages import said_of
from ..core.names import unique_names
from ..core.palette import species_bytes, species_colours
from ..core.settings import kind, setting
from ..core.tilts import TiltSeries
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import LabelVolume
from ..io.balls_and_meshes import write_glb
from ..io.inputs import read_json
from ..io.omezarr import write_ome_zarr
from ..io.picks import COPICK_CONFIG, COPICK_PICKS, COPICK_RUNS, COPICK_USER
from ..io.shared_folders import SharedFolder
from ..io.volumes import MOST_LABELS
from .formats import PointFormat
from .truth import GroundTruth

_log = logging.getLogger(__name__)

WANTED = "the configuration of a copick project"

SESSION = "0"
"""What copick writes for results that a tool made."""

MULTILABEL = "all"
"""Name of the segmentation of all species."""

TARGETS = "targets"
"""Name of that of spheres at picks."""


@kind("copick")
class Copick(PointFormat):
    """A copick project, to which every export adds its run.

    Places are in Å, the first voxel's centre at 0; the 3 x 3 part of a pick's transformation is
    the rotation from the body frame to the tomogram's. The number of an instance is the same in
    picks, filaments, meshes and masks; the label of an object is its number in the segmentation of
    all species, and in a project of one run in the semantic mask.
    Objects of copick have no underscores and blanks in their names: ``metadata`` of each object
    holds the name of its species.

    Every map becomes a tomogram of its name. Molecules get picks, filaments lines and picks along
    them with their z axes along the filament, membranes meshes; all get a binary and an instance
    segmentation, and one multilabel segmentation names all.

    ``copick_config.json`` holds the absolute path of the folder, as copick wants it: edit
    ``overlay_root`` after moving the folder. Where a project has one, only the objects that it does
    not know are added to it: a species is the object that names it in ``metadata``, or that has its
    name.
    """

    targets: float | None = setting(
        "radius of the spheres at picks in a further segmentation, `targets`, as part of the "
        "object's; left out, there is none",
        default=None,
        above=0,
        maximum=1,
    )

    names_runs = True
    merged = (COPICK_CONFIG,)

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write a project of this run alone."""
        self._write(folder, truth, _config(truth, folder), truth.file_names)

    def add(
        self, project: SharedFolder, truth: GroundTruth, tilts: TiltSeries | None = None
    ) -> None:
        """Write the run, and the configuration with the objects that it lacked."""
        config, names = _config(truth, project.path), truth.file_names
        there = project.shared_file(COPICK_CONFIG)
        if there is not None:
            held = read_json(there, wanted=WANTED)
            with said_of(there, WANTED):
                config, names = _joined(there, held, config, truth.name)
        self._write(project.stage, truth, config, names)
        if there is not None and config == read_json(there, wanted=WANTED):
            # Nothing was added: as it is laid out, it stays.
            shutil.copyfile(there, project.stage / COPICK_CONFIG)

    def _write(
        self, folder: Path, truth: GroundTruth, config: dict[str, Any], names: dict[str, str]
    ) -> None:
        """Write a run; `names` are those of its species' objects in the configuration."""
        labels = {entry["name"]: _label(entry) for entry in config["pickable_objects"]}
        self.write_run(
            folder / COPICK_RUNS / truth.name,
            truth,
            names,
            {key: labels[names[key]] for key in names},
        )
        (folder / COPICK_CONFIG).write_text(config_text(config), encoding="utf-8")

    def write_run(
        self, root: Path, truth: GroundTruth, names: dict[str, str], labels: dict[str, int]
    ) -> None:
        """Write the folder of a run, without the project's configuration.

        Parameters
        ----------
        root : pathlib.Path
            The folder, as ``PROJECT/ExperimentRuns/NAME``.
        truth : GroundTruth
            What is known.
        names, labels : dict
            Name and label of each species' object in the project, by species.
        """
        numbers = [labels[species] for species in truth.species]
        _write_volumes(root, truth, {key: names[key] for key in truth.species}, numbers)
        if self.targets is not None:
            self._write_targets(root, truth, numbers)
        for species in truth.species:
            self._write_objects(root, truth, species, names[species])

    def _write_targets(self, root: Path, truth: GroundTruth, labels: list[int]) -> None:
        """Write a segmentation of spheres at picks; where two overlap, the later one's."""
        assert self.targets is not None
        size = truth.grid.voxel_size
        spheres = np.zeros(truth.grid.shape, _smallest_type(labels))
        for species, label in zip(truth.species, labels, strict=True):
            if truth.kind(species) == "membrane":
                continue
            # No smaller than half a voxel's diagonal: one voxel's centre at least is inside.
            radius = max(self.targets * _radius(truth, species) / size, math.sqrt(3) / 2)
            for _, place, _ in self.points(truth, species):
                _draw_sphere(spheres, place / size, radius, label)
        file = f"{_stem(truth)}_{TARGETS}-multilabel.zarr"
        write_ome_zarr(root / "Segmentations" / file, _like(truth.semantic, spheres))

    def _write_objects(self, root: Path, truth: GroundTruth, species: str, name: str) -> None:
        head = {
            "pickable_object_name": name,
            "user_id": COPICK_USER,
            "session_id": SESSION,
            "run_name": truth.name,
            "voxel_spacing": round(truth.grid.voxel_size * ANGSTROM_PER_NM, 3),
            "unit": "angstrom",
        }

        def place(kind: str, suffix: str) -> Path:
            (root / kind).mkdir(exist_ok=True)
            return root / kind / f"{COPICK_USER}_{SESSION}_{name}{suffix}"

        def write(kind: str, content: dict[str, Any]) -> None:
            text = json.dumps({**head, **content}) + "\n"
            place(kind, ".json").write_text(text, encoding="utf-8")

        numbers = truth.particles.instance[truth.rows(species)].tolist()
        if surfaces := {i: truth.surfaces[i] for i in numbers if i in truth.surfaces}:
            colour = species_colours(len(truth.species))[truth.species.index(species)]
            meshes = {i: (surface.vertices, surface.faces) for i, surface in surfaces.items()}
            write_glb(place("Meshes", ".glb"), meshes, colour=tuple(colour.tolist()))
        kind = truth.kind(species)
        if kind == "membrane":
            return
        if kind == "filament":
            polar = truth.monomers_of(species) is not None
            lines = [_filament(i, truth.lines[i], polar=polar) for i in numbers]
            write("Filaments", {"version": 1, "filaments": lines})
        points = [_point(*point) for point in self.points(truth, species)]
        write(COPICK_PICKS, {"points": points, "trust_orientation": True})


def _config(truth: GroundTruth, place: Path) -> dict[str, Any]:
    """Return the configuration of a project of one run, which is to be at a place."""
    colours = species_bytes(len(truth.species))
    objects = [
        pickable_object(truth, species, name=name, label=label, colour=colours[label - 1])
        for label, (species, name) in enumerate(truth.file_names.items(), start=1)
    ]
    return project_config(truth.name, objects, place)


def pickable_object(
    truth: GroundTruth, species: str, *, name: str, label: int, colour: Sequence[int]
) -> dict[str, Any]:
    """Return what a configuration says of a species, by a run that has it.

    Parameters
    ----------
    truth : GroundTruth
        What is known of the run.
    species : str
        Name of the species.
    name, label, colour : str, int, sequence of int
        Those of the object; the colour is red, green and blue, 0 to 255.
    """
    kind = truth.kind(species)
    metadata: dict[str, Any] = {"species": species, "kind": kind}
    if kind == "filament":
        polar = truth.monomers_of(species) is not None
        metadata["copick"] = {"filament": {"polar": polar}}
    return {
        "name": name,
        "is_particle": kind != "membrane",
        "label": label,
        "color": [*colour, 255],
        "radius": round(_radius(truth, species) * ANGSTROM_PER_NM, 3) or None,
        "metadata": metadata,
    }


def project_config(name: str, objects: list[dict[str, Any]], place: Path) -> dict[str, Any]:
    """Return the configuration of a project, whose runs are in a folder."""
    return {
        "config_type": "filesystem",
        "name": name,
        "description": "Simulated by openmm_cgpack; everything in it is known.",
        "version": "1.0.0",
        "pickable_objects": objects,
        "user_id": COPICK_USER,
        "session_id": SESSION,
        "overlay_root": f"local://{place.resolve()}",
        "overlay_fs_args": {"auto_mkdir": True},
    }


def config_text(config: dict[str, Any]) -> str:
    """Return a configuration as its file has it."""
    return json.dumps(config, indent=1) + "\n"


def _radius(truth: GroundTruth, species: str) -> float:
    """Return the radius of a species' largest instance, of a filament that of its tube, nm."""
    mine = truth.particles.species == species
    if truth.kind(species) == "filament":
        numbers = truth.particles.instance[mine].tolist()
        return max(truth.lines[i].radius for i in numbers if i in truth.lines)
    return float(truth.particles.radius[mine].max(initial=0.0))


def _joined(
    there: Path, config: dict[str, Any], ours: dict[str, Any], run: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a project's configuration with a run's objects in it, and their names by species.

    What it says already stays; where the run would say something else, a note tells.
    """
    objects = config["pickable_objects"]
    names: dict[str, str] = {}
    for wanted in ours["pickable_objects"]:
        species = wanted["metadata"]["species"]
        entry = next((one for one in objects if _stands_for(one, species, wanted["name"])), None)
        labels = [_label(held) for held in objects]
        if entry is None:
            name = unique_names([species], taken=[held["name"] for held in objects])[species]
            entry = {**wanted, "name": name, "label": max(labels, default=0) + 1}
            objects.append(entry)
        elif labels.count(_label(entry)) > 1 or not _label(entry):
            raise ValueError(f"object {entry['name']!r}: wanted a label of its own")
        for key in ("is_particle", "radius"):
            theirs, own = entry.get(key), wanted[key]
            if (
                theirs is not None
                and own is not None
                and not math.isclose(theirs, own, rel_tol=0.01)
            ):
                words = f"{entry['name']!r} keeps its {key}, {theirs}; this run's is {own}"
                _log.warning("cgpack: note: %s: %s", there, words)
        names[species] = entry["name"]
    if config.get("runs") is not None and run not in config["runs"]:
        # An index, where there is one, is all that copick sees.
        config["runs"].append(run)
    if ours["overlay_root"] not in (config.get("overlay_root"), config.get("static_root")):
        words = "its roots are elsewhere, copick does not see this run; edit overlay_root"
        _log.warning("cgpack: note: %s: %s", there, words)
    return config, names


def _stands_for(entry: dict[str, Any], species: str, name: str) -> bool:
    """Return whether an object is a species: it says so, or says nothing and has its name."""
    said = (entry.get("metadata") or {}).get("species")
    return said == species or (said is None and entry["name"] == name)


def _label(entry: dict[str, Any]) -> int:
    """Return the label of an object; copick takes 1 where there is none."""
    return entry.get("label", 1) or 0


def _write_volumes(
    root: Path, truth: GroundTruth, objects: dict[str, str], labels: list[int]
) -> None:
    """Write maps and segmentations; `labels` are those of the species in the project."""
    spacing = f"{truth.grid.voxel_size * ANGSTROM_PER_NM:.3f}"
    tomograms = root / f"VoxelSpacing{spacing}"
    segmentations = root / "Segmentations"
    instance_segmentations = root / "InstanceSegmentations"
    for folder in (tomograms, segmentations, instance_segmentations):
        folder.mkdir(parents=True)
    names = unique_names(truth.maps)
    for name, volume in truth.maps.items():
        write_ome_zarr(tomograms / f"{names[name]}.zarr", volume)
    stem = _stem(truth)
    everything = segmentations / f"{stem}_{MULTILABEL}-multilabel.zarr"
    numbers = np.array([0, *labels], _smallest_type(labels))
    write_ome_zarr(everything, _like(truth.semantic, numbers[truth.semantic.data]))
    for label, name in enumerate(objects.values(), start=1):
        mine = truth.semantic.data == label
        file = f"{stem}_{name}.zarr"
        binary = _like(truth.instances, mine.astype(np.uint16))
        write_ome_zarr(segmentations / file, binary, dtype="uint8")
        instances = np.where(mine, truth.instances.data, 0).astype(truth.instances.data.dtype)
        write_ome_zarr(instance_segmentations / file, _like(truth.instances, instances))


def _stem(truth: GroundTruth) -> str:
    """Return what the names of segmentations begin with."""
    return f"{truth.grid.voxel_size * ANGSTROM_PER_NM:.3f}_{COPICK_USER}_{SESSION}"


def _smallest_type(labels: Sequence[int]) -> type[np.unsignedinteger]:
    return np.uint16 if max(labels, default=0) <= MOST_LABELS else np.uint32


def _draw_sphere(labels: np.ndarray, centre: np.ndarray, radius: float, label: int) -> None:
    """Give the voxels of a sphere a label; its centre (x, y, z) and radius are in voxels."""
    middle, shape = centre[::-1], np.array(labels.shape)
    low = np.clip(np.floor(middle - radius).astype(int), 0, shape)
    high = np.clip(np.ceil(middle + radius).astype(int) + 1, 0, shape)
    axes = [np.arange(a, b) - c for a, b, c in zip(low, high, middle, strict=True)]
    z, y, x = np.ix_(*axes)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    labels[box][z**2 + y**2 + x**2 <= radius**2] = label


def _like(volume: LabelVolume, data: np.ndarray) -> LabelVolume:
    return LabelVolume(data=data, voxel_size=volume.voxel_size, origin=volume.origin)


def _filament(number: int, line: Line, *, polar: bool) -> dict[str, Any]:
    return {
        "instance_id": number,
        "points": (line.points * ANGSTROM_PER_NM).round(4).tolist(),
        "polarity_known": polar,
        "score": 1.0,
        "radius": round(line.radius * ANGSTROM_PER_NM, 4),
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
