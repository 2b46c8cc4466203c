"""The ground truth of a tomogram: everything that is known of it, as the formats take it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..core.arrays import frozen
from ..core.display import described
from ..core.geometry import Line, Surface
from ..core.names import checked_map_name, name_of_file, plain_name, unique_names
from ..core.particles import MonomerTable, ParticleTable
from ..core.scene import PackedScene, Scene
from ..core.volume import Grid, LabelVolume, Volume
from ..density import (
    Labels,
    centre_lines,
    monomer_table,
    painter_of,
    particle_table,
    visibility,
)
from ..runs.folder import HALVES, INSTANCES, SEMANTIC, RunFolder

_Any = TypeVar("_Any", Volume, LabelVolume)


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class GroundTruth:
    """Everything that is known of one tomogram, in one frame: the first voxel's centre is at 0.

    Parameters
    ----------
    name : str
        Name of the tomogram; kept as formats can write it, see `plain_name`.
    scene : Scene
        The scene, for the balls' species, instances and radii.
    balls : (b, 3) array
        Centres of its balls, packed, nm.
    particles : ParticleTable
        Every instance, in the order of their numbers.
    visible : (n,) array
        Part of each instance's mass that is in the field of view, 0 to 1.
    instances : LabelVolume
        Number of the instance in every voxel.
    semantic : LabelVolume
        Number of the species in every voxel.
    maps : mapping of str to Volume
        The density and tomograms by name, all on the grid of the masks.
    lines : mapping of int to Line, optional
        Centre lines of filaments by the number of the instance.
    surfaces : mapping of int to Surface, optional
        Middle surfaces of membranes by the number of the instance.
    monomers : MonomerTable, optional
        The monomers of helices.
    tomogram_name : str, optional
        Name of the map that formats of one tomogram hold.
    """

    name: str
    scene: Scene
    balls: np.ndarray
    particles: ParticleTable
    visible: np.ndarray
    instances: LabelVolume
    semantic: LabelVolume
    maps: Mapping[str, Volume]
    lines: Mapping[int, Line] = field(default_factory=dict)
    surfaces: Mapping[int, Surface] = field(default_factory=dict)
    monomers: MonomerTable | None = None
    tomogram_name: str = "tomogram"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", plain_name(self.name))
        balls = frozen(self.balls, "balls", (self.scene.n_balls, 3))
        object.__setattr__(self, "balls", balls)
        visible = frozen(self.visible, "visible", (len(self.particles),))
        object.__setattr__(self, "visible", visible)
        for name in self.maps:
            checked_map_name(name)
        shape = self.instances.data.shape
        for name, volume in {"semantic": self.semantic, **self.maps}.items():
            if volume.data.shape != shape:
                raise ValueError(
                    f"{name}: wanted the masks' shape {shape}, got {volume.data.shape}"
                )

    @property
    def tomogram(self) -> Volume | None:
        """The tomogram of formats that hold one; None where there is none."""
        return self.maps.get(self.tomogram_name)

    @property
    def halves(self) -> tuple[Volume, Volume] | None:
        """The two tomograms beside that one which share no noise; None where there are none."""
        place = self.tomogram_name.rpartition("tomogram")[0]
        even, odd = (self.maps.get(f"{place}{Path(name).stem}") for name in HALVES)
        return None if even is None or odd is None else (even, odd)

    @property
    def species(self) -> tuple[str, ...]:
        """Names of the species; number i + 1 in the semantic mask is species i."""
        return tuple(model.name for model in self.scene.species)

    @property
    def file_names(self) -> dict[str, str]:
        """Plain names of the species by name, no two of them alike."""
        return unique_names(self.species)

    @property
    def grid(self) -> Grid:
        """The grid of all volumes, with its origin at 0."""
        return Grid(
            shape=self.instances.data.shape,
            voxel_size=self.instances.voxel_size,
            origin=np.zeros(3),
        )

    def rows(self, species: str) -> np.ndarray:
        """Return the rows of `particles` that are of a species and in the field of view, (k,)."""
        return np.flatnonzero((self.particles.species == species) & (self.visible > 0))

    def monomers_of(self, species: str) -> MonomerTable | None:
        """Return a species' monomers in the field of view; None of what has no monomers."""
        table = self.monomers
        if table is None or not (table.species == species).any():
            return None
        seen = self.particles.instance[self.rows(species)]
        index = np.rint(self.grid.to_voxels(table.centre))
        inside = ((index >= 0) & (index < self.grid.shape[::-1])).all(axis=1)
        return table[np.isin(table.instance, seen) & (table.species == species) & inside]

    @property
    def molecules(self) -> np.ndarray:
        """Rows of `particles` that are molecules in the field of view, (k,)."""
        shapes = np.isin(self.particles.instance, [*self.lines, *self.surfaces])
        return np.flatnonzero(~shapes & (self.visible > 0))

    @property
    def classes(self) -> np.ndarray:
        """Number of the species of every row of `particles`, (n,)."""
        numbers = {name: number for number, name in enumerate(self.species, start=1)}
        return np.array([numbers[name] for name in self.particles.species.tolist()], np.int64)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the scene, the masks, the density and the tomogram, whatever their name."""
        every = hashlib.sha256(repr((self.species, self.grid.shape)).encode())
        images = [self.maps[key] for key in ("density", "tomogram") if key in self.maps]
        every.update(np.ascontiguousarray(self.balls).data)
        for volume in (self.instances, self.semantic, *images):
            every.update(repr(volume.voxel_size).encode())
            every.update(np.ascontiguousarray(volume.data).data)
        return every.hexdigest()

    @property
    def opened_at(self) -> np.ndarray | None:
        """Middle of the largest closed membrane, where viewers cut, (3,) nm; None without one."""
        return largest_closed(self.scene, self.particles, self.visible > 0)

    def kind(self, species: str) -> str:
        """Return ``"molecule"``, ``"filament"`` (its instances have lines) or ``"membrane"``."""
        numbers = set(self.particles.instance[self.particles.species == species].tolist())
        if numbers & set(self.lines):
            return "filament"
        return "membrane" if numbers & set(self.surfaces) else "molecule"

    def without_hidden(self, min_visible: float) -> GroundTruth:
        """Return the same without those of whose mass no more than a part is in view.

        Lists leave them out; masks, and lists of every instance, keep them.
        """
        seen = np.where(self.visible > min_visible, self.visible, 0.0)
        return dataclasses.replace(self, visible=seen)


def ground_truth(
    packed: PackedScene, *, labels: Labels, maps: Mapping[str, Volume], name: str
) -> GroundTruth:
    """Gather what is known of one tomogram of a packed scene.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    labels : Labels
        Its masks; their grid is that of the tomogram, in the frame of the scene.
    maps : mapping of str to Volume
        Density, tomograms and what else shall be exported, by name.
    name : str
        Name of the tomogram.

    Returns
    -------
    GroundTruth
        In the frame of the files: the first voxel's centre is at 0.

    Raises
    ------
    ValueError
        A map's shape is not that of the masks.
    """
    grid = labels.instances.grid
    particles = particle_table(packed, grid=grid)
    visible = visibility(packed, grid=grid).fraction
    return _gathered(packed, labels, maps, name, particles, visible)


def _gathered(
    packed: PackedScene,
    labels: Labels,
    maps: Mapping[str, Volume],
    name: str,
    particles: ParticleTable,
    visible: np.ndarray,
) -> GroundTruth:
    scene = packed.scene
    grid = labels.instances.grid
    return GroundTruth(
        name=name,
        scene=scene,
        balls=packed.positions - grid.origin,
        particles=particles,
        visible=visible,
        instances=_at_zero(labels.instances),
        semantic=_at_zero(labels.semantic),
        maps={key: _at_zero(volume) for key, volume in maps.items()},
        lines=centre_lines(packed, grid=grid),
        surfaces=middle_surfaces(packed, grid=grid),
        monomers=monomer_table(packed, grid=grid),
    )


def middle_surfaces(packed: PackedScene, *, grid: Grid) -> dict[int, Surface]:
    """Return the middle surfaces of membranes by the number of the instance, in the files' frame.

    `grid` is that of the volumes: its first voxel's centre becomes 0.
    """
    scene = packed.scene
    balls = packed.positions - grid.origin
    surfaces = {}
    for i in range(scene.n_instances):
        geometry = scene.model(i).geometry
        if geometry is None:
            continue
        surface = painter_of(geometry).surface(geometry, balls[scene.balls(i)])
        if surface is not None:
            surfaces[i + 1] = surface
    return surfaces


def largest_closed(
    scene: Scene, particles: ParticleTable, seen: np.ndarray | None = None
) -> np.ndarray | None:
    """Return the middle of the largest closed membrane, (3,) nm; None without one.

    `seen` (n,) bool tells which instances count, all of them when left out.
    """
    closed = [model.name for model in scene.species if model.is_closed]
    counts = np.isin(particles.species, closed)
    rows = np.flatnonzero(counts if seen is None else counts & seen)
    if not len(rows):
        return None
    return particles.centre[rows[np.argmax(particles.radius[rows])]]


def load_truth(out: str | os.PathLike[str], *, name: str | None = None) -> GroundTruth:
    """Gather what is known of a tomogram from the folder of a run.

    Parameters
    ----------
    out : path-like
        The folder that ``cgpack simulate`` made.
    name : str, optional
        Name of the tomogram; by default that of the folder.

    Returns
    -------
    GroundTruth
        Maps have the names of their files from the folder on, without suffix: ``tomogram``, and
        ``renders/NAME/tomogram`` for what ``cgpack render`` made.

    Raises
    ------
    FileNotFoundError
        The folder lacks a file of a run.
    ValueError
        A file is not what a run writes.
    """
    folder = RunFolder(out)
    packed = folder.packed()
    labels = Labels(instances=folder.labels(INSTANCES), semantic=folder.labels(SEMANTIC))
    name = name_of_file(folder.path.resolve()) if name is None else name
    return _gathered(packed, labels, folder.maps(), name, folder.particles(), folder.visible())


def _at_zero(volume: _Any) -> _Any:
    """Return a volume with its first voxel's centre at 0."""
    return dataclasses.replace(volume, origin=np.zeros(3))
