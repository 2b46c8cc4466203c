"""What is known of one tomogram: what the writers of whole folders take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..core.arrays import frozen, positive
from ..core.geometry import Line, Surface
from ..core.particles import ParticleTable
from ..core.volume import Grid, LabelVolume, Volume


@dataclass(frozen=True, kw_only=True, eq=False)
class GroundTruth:
    """Everything that is known of one tomogram, in one frame: the first voxel's centre is at 0.

    A species is a kind of filament where its instances have lines, of membrane where they have
    surfaces, and of molecule otherwise.

    Parameters
    ----------
    name : str
        Name of the tomogram.
    species : tuple of str
        Names of the species; number i + 1 in the semantic mask is species i.
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
    """

    name: str
    species: tuple[str, ...]
    particles: ParticleTable
    visible: np.ndarray
    instances: LabelVolume
    semantic: LabelVolume
    maps: Mapping[str, Volume]
    lines: Mapping[int, Line] = field(default_factory=dict)
    surfaces: Mapping[int, Surface] = field(default_factory=dict)

    def __post_init__(self) -> None:
        visible = frozen(self.visible, "visible", (len(self.particles),))
        object.__setattr__(self, "visible", visible)
        object.__setattr__(self, "species", tuple(self.species))
        unknown = set(self.particles.species.tolist()) - set(self.species)
        if unknown:
            raise ValueError(f"particles: wanted species of {self.species}, got {sorted(unknown)}")
        shape = self.instances.data.shape
        for name, volume in {"semantic": self.semantic, **self.maps}.items():
            if volume.data.shape != shape:
                raise ValueError(
                    f"{name}: wanted the masks' shape {shape}, got {volume.data.shape}"
                )

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

    def kind(self, species: str) -> str:
        """Return ``"molecule"``, ``"filament"`` or ``"membrane"``."""
        numbers = set(self.particles.instance[self.particles.species == species].tolist())
        if numbers & set(self.lines):
            return "filament"
        return "membrane" if numbers & set(self.surfaces) else "molecule"

    @property
    def molecules(self) -> np.ndarray:
        """Rows of `particles` that are molecules in the field of view, (k,)."""
        deformable = np.isin(self.particles.instance, [*self.lines, *self.surfaces])
        return np.flatnonzero(~deformable & (self.visible > 0))


def poses_along(line: Line, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return evenly spaced places on a line, and frames whose z axis goes along it.

    Parameters
    ----------
    line : Line
        The line.
    step : float
        Distance between places, nm; made a little smaller, so that they fill the line.

    Returns
    -------
    positions : (k, 3) array
        Places, nm.
    rotations : (k, 3, 3) array
        Their frames' axes as columns. From place to place the x axis changes as little as it
        can, so that the frames do not twist.
    """
    steps = np.linalg.norm(np.diff(line.points, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(2, int(np.ceil(length[-1] / positive(step, "step"))) + 1)
    at = np.linspace(0, length[-1], count)
    positions = np.stack([np.interp(at, length, axis) for axis in line.points.T], axis=1)
    # The middle of a piece of the line has its direction; ends of pieces lie between two.
    tangents = np.gradient(positions, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1)[:, None]
    first = np.eye(3)[np.abs(tangents[0]).argmin()]
    rotations = np.empty((count, 3, 3))
    for k, z in enumerate(tangents):
        x = first - (first @ z) * z
        x /= np.linalg.norm(x)
        rotations[k] = np.stack([x, np.cross(z, x), z], axis=1)
        first = x
    return positions, rotations
