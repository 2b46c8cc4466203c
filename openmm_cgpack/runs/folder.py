"""The folder of a run: the name of every file in it, once, and how each is read."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..core import Grid, LabelVolume, PackedScene, ParticleTable, Scene, TiltSeries, Volume
from ..core.arrays import frozen, positive
from ..core.display import Rows, described
from ..core.messages import path_from_text, path_text, said_of
from ..core.names import checked_map_name
from ..io import read_mrc, read_particles
from ..io.inputs import existing, read_json
from ..io.particle_lists import read_column
from ..io.scenes import load_packed, load_scene
from ..io.tilts import load_tilts
from ..io.volumes import mask_file, read_mask
from ..recipe import Recipe, load_recipe

_log = logging.getLogger(__name__)

Value = TypeVar("Value")

MANIFEST = "manifest.json"
"""The file that says that a folder is a run's: the last one written."""

RECIPE = "recipe.toml"
SCENE = "scene.npz"
PACKED = "packed.npz"
TOPOLOGY = "topology.cif"
TRAJECTORY = "trajectory.dcd"
DENSITY = "density.mrc"
INSTANCES = "instances"
"""A mask: ``.mrc``, or ``.zarr`` with more labels than that holds."""
SEMANTIC = "semantic"
PARTICLES = "particles.csv"
MONOMERS = "monomers.csv"
"""Where there are helices."""
CURVES = "curves.csv"
"""Where there are filaments."""
TOMOGRAM = "tomogram.mrc"
HALVES = ("even.mrc", "odd.mrc")
TILT_SERIES = "tilt_series.mrcs"
OVERVIEW = "overview.png"
ATOMS = "atoms.cif"
BILD = "balls.bild"
CMM = "balls.cmm"

RENDERS = "renders"
"""Folder of further tomograms of the same scene, a folder each."""
IMAGING = "imaging.toml"
"""In the folder of a render: what makes it again."""

CHECKPOINT = "checkpoint.npz"
"""In the folder of an unfinished run: how far its packing is."""
BEST = "best.npz"
"""In the folder of an unfinished run: the best state of a packing that failed."""


@described
class RunFolder:
    """What a run has written; every part is read when it is asked for.

    Volumes have the scene's frame and the exact voxel size, which the headers of MRC files round
    to single precision.

    Parameters
    ----------
    path : path-like
        The folder that ``cgpack simulate`` made.

    Raises
    ------
    FileNotFoundError
        There is no such folder, or no run's manifest in it.

    Examples
    --------
    >>> folder = RunFolder("scenes/0")  # doctest: +SKIP
    >>> folder.packed().scene.n_instances, folder.tomogram().data.shape  # doctest: +SKIP
    (103, (62, 75, 70))
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.is_file():
            raise ValueError(f"{self.path}: wanted a run's folder, got a file")
        if not (self.path / MANIFEST).is_file():
            raise FileNotFoundError(f"{self.path / MANIFEST}: no such file; wanted a run's folder")

    def summary(self) -> str:
        """Return what the repr says."""
        if "packing" not in self.manifest:
            return f"{str(self.path)!r}, {self.manifest.get('format', '')}"
        scene = f"{self.manifest['packing']['instances']} instances of {len(self.species)} species"
        return f"{str(self.path)!r}, {scene}"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        held = sorted(path.name for path in self.path.iterdir())
        asked = [(name, f"{count} asked for") for name, count in self.asked.items()]
        return [("files", ", ".join(held)), *asked]

    def file(self, name: str) -> Path:
        """Return the path of a file that is there; FileNotFoundError where it is not."""
        return existing(self.path / name)

    def has(self, name: str) -> bool:
        """Return whether there is a file of a name."""
        return (self.path / name).exists()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the run says of itself."""
        return read_manifest(self.path)

    def part(self, key: str) -> Any:
        """Return a part of the manifest; ValueError where it has none of that name."""
        if key not in self.manifest:
            # That of a crowding series has no scene of its own.
            self.file(PACKED)
            raise ValueError(f"{self.path / MANIFEST}: wanted the manifest of a run with {key!r}")
        return self.manifest[key]

    @property
    def species(self) -> list[str]:
        """Names of the species, in the order of the semantic labels from 1 on."""
        return list(self._of_species("name", str))

    @property
    def asked(self) -> dict[str, int]:
        """How many instances of each species were asked for; of abundances, what they come to."""
        return dict(zip(self.species, self._of_species("asked", int), strict=True))

    @property
    def origin(self) -> np.ndarray:
        """Centre of the first voxel in the scene's frame, (3,) nm; it is 0 in all files."""
        held = self.part("density")
        with self._said_of_manifest():
            return frozen(held["origin_in_scene_nm"], "density: origin_in_scene_nm", (3,))

    @property
    def voxel_size(self) -> float:
        """Edge of a voxel, nm."""
        held = self.part("density")
        with self._said_of_manifest():
            return positive(held["voxel_size_nm"], "density: voxel_size_nm")

    @property
    def grid(self) -> Grid | None:
        """Grid of the volumes in the files' frame; None where the manifest holds none."""
        if "density" not in self.manifest:
            return None
        held = self.part("density")
        with self._said_of_manifest():
            return Grid(shape=held["shape_zyx"], voxel_size=self.voxel_size, origin=np.zeros(3))

    def _of_species(self, key: str, kind: type[Value]) -> list[Value]:
        entries = self.part("species")
        with self._said_of_manifest():
            held = [entry[key] for entry in entries]
            if not all(isinstance(value, kind) for value in held):
                raise TypeError(f"species: {key}: wanted {kind.__name__} of each")
            return held

    def _said_of_manifest(self) -> AbstractContextManager[None]:
        return said_of(self.path / MANIFEST, "the manifest of a run")

    def recipe(self) -> Recipe:
        """Return the recipe, with the platform that it ran on."""
        return load_recipe(self.file(RECIPE))

    def scene(self) -> Scene:
        """Return the scene as it was placed."""
        return load_scene(self.file(SCENE))

    def packed(self) -> PackedScene:
        """Return the packed scene."""
        return load_packed(self.file(PACKED))

    def particles(self) -> ParticleTable:
        """Return the table of all instances, in the files' frame."""
        return read_particles(self.file(PARTICLES))

    def visible(self) -> np.ndarray:
        """Return the part of each instance's mass that is in the field of view, (n,)."""
        return read_column(self.file(PARTICLES), "visible")

    def density(self) -> Volume:
        """Return the density, Da/nm³, which goes on as the scene does."""
        volume = self.volume(DENSITY)
        return replace(volume, periodic=volume.grid.tiles(self.packed().boundary))

    def tomogram(self, render: str | None = None) -> Volume:
        """Return the tomogram of the run, or of one of its renders."""
        return self.volume(self.name_in(render, TOMOGRAM))

    def volume(self, name: str) -> Volume:
        """Return a map by its file's name, as ``"even.mrc"`` or ``"renders/a/tomogram.mrc"``."""
        held = read_mrc(self.file(name))
        if not isinstance(held, Volume):
            raise ValueError(f"{self.path / name}: wanted a map, got labels")
        return self._placed(held)

    def labels(self, name: str) -> LabelVolume:
        """Return a mask: ``"instances"``, or ``"semantic"`` with the names of the species."""
        self.file(mask_file(self.path, name).name)
        held = read_mask(self.path, name)
        named = name == SEMANTIC and "species" in self.manifest
        names = tuple(self.species) if named else ()
        return LabelVolume(
            data=held.data, voxel_size=self.voxel_size, origin=self.origin, names=names
        )

    def maps(self) -> dict[str, Volume]:
        """Return all maps of the scene by their names without suffix, those of renders too.

        One whose name other programs cannot be told is left out, and a note in the log says so.
        """
        files = sorted(self.path.glob("*.mrc"))
        for name in (TOMOGRAM, *HALVES):
            files += self.path.glob(f"{RENDERS}/*/{name}")
        maps = {}
        shape = self.labels(INSTANCES).data.shape
        for path in files:
            name = path_text(path.relative_to(self.path).with_suffix("").as_posix())
            if name in (INSTANCES, SEMANTIC):
                continue
            try:
                checked_map_name(name)
            except ValueError as error:
                _log.warning("cgpack: note: %s: left out: %s", path, error)
                continue
            held = read_mrc(path)
            if isinstance(held, Volume) and held.data.shape == shape:
                maps[name] = self._placed(held)
        return maps

    def tilts(self, render: str | None = None) -> TiltSeries | None:
        """Return the tilt series of the run, or of one of its renders; None where it has none."""
        path = self.path / self.name_in(render, TILT_SERIES)
        return load_tilts(path) if path.with_suffix(".json").is_file() else None

    def renders(self) -> Iterator[str]:
        """Yield the names of the renders."""
        for path in sorted(self.path.glob(f"{RENDERS}/*/{TOMOGRAM}")):
            yield path.parent.name

    def name_in(self, render: str | None, name: str) -> str:
        """Return the path of a file of the run or of a render, from the folder on."""
        return name if render is None else path_from_text(f"{RENDERS}/{render}/{name}")

    def _placed(self, volume: Volume) -> Volume:
        return Volume(data=volume.data, voxel_size=self.voxel_size, origin=self.origin)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder; ValueError where it is none."""
    return read_json(folder / MANIFEST, wanted="the manifest of a run")
