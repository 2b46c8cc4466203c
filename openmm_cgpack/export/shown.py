"""What a view shows: everything of a scene in one frame, from a run's truth or from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

import numpy as np

from ..core.arrays import frozen, noun
from ..core.geometry import Line, Surface
from ..core.particles import ParticleTable
from ..core.scene import PackedScene, Scene
from ..core.transforms import RigidTransforms
from ..core.volume import Grid, LabelVolume, Volume
from ..density import bounding_grid, centre_lines, particle_table
from ..poses import structure_poses
from .truth import GroundTruth, largest_closed, middle_surfaces


@noun
class Shown:
    """Everything that a view draws, nm; the first voxel's centre is at 0.

    Parameters
    ----------
    name : str
        Title of the view.
    scene : Scene
        For the balls' species, instances and radii.
    balls : (b, 3) array
        Centres of its balls, packed.
    particles : ParticleTable
        Every instance, in the order of the scene.
    lines : mapping of int to Line
        Centre lines of filaments by the number of the instance.
    surfaces : mapping of int to Surface
        Middle surfaces of membranes by the number of the instance.
    grid : Grid
        The box that is shown, that of the volumes.
    image : Volume, optional
        What slices show.
    labels : (z, y, x) int array, optional
        Number of the species in every voxel, from 1; 0 is background.
    """

    name: str
    scene: Scene
    balls: np.ndarray
    particles: ParticleTable
    lines: Mapping[int, Line]
    surfaces: Mapping[int, Surface]
    grid: Grid
    image: Volume | None = None
    labels: np.ndarray | None = field(default=None)

    @property
    def species(self) -> tuple[str, ...]:
        """Names of the species."""
        return tuple(model.name for model in self.scene.species)

    @property
    def opened_at(self) -> np.ndarray | None:
        """Middle of the largest closed membrane, (3,) nm; None without one."""
        return largest_closed(self.scene, self.particles)

    def numbers(self, species: int) -> list[int]:
        """Return the numbers of a species' instances, from 1."""
        return (1 + np.flatnonzero(self.scene.species_index == species)).tolist()

    def copies(self, species: int) -> RigidTransforms:
        """Return where all copies of a species' structure are."""
        table = self.particles
        transforms = RigidTransforms(rotations=table.rotation, translations=table.centre)
        poses = [
            structure_poses(self.scene, number - 1, positions=self.balls, transforms=transforms)
            for number in self.numbers(species)
        ]
        return RigidTransforms(
            rotations=np.concatenate([np.empty((0, 3, 3)), *(p.rotations for p in poses)]),
            translations=np.concatenate([np.empty((0, 3)), *(p.translations for p in poses)]),
        )


def shown_of_truth(truth: GroundTruth) -> Shown:
    """Return what a view shows of the truth of a tomogram: its slices, or the density's."""
    return Shown(
        name=truth.name,
        scene=truth.scene,
        balls=truth.balls,
        particles=truth.particles,
        lines=truth.lines,
        surfaces=truth.surfaces,
        grid=truth.grid,
        image=truth.tomogram or truth.maps.get("density"),
        labels=truth.semantic.data,
    )


def shown_of_packed(
    packed: PackedScene,
    *,
    density: Volume | None,
    labels: LabelVolume | None,
    tomogram: Volume | None,
    name: str,
) -> Shown:
    """Return what a view shows of a packed scene, and of what there is of its volumes."""
    image = density if tomogram is None else tomogram
    held = {"density": density, "labels": labels, "tomogram": tomogram}
    grids = {key: volume.grid for key, volume in held.items() if volume is not None}
    grid = next(iter(grids.values()), None) or bounding_grid(packed)
    for key, other in grids.items():
        same = other.shape == grid.shape and np.isclose(other.voxel_size, grid.voxel_size)
        if not same or not np.allclose(other.origin, grid.origin, atol=1e-3 * grid.voxel_size):
            raise ValueError(f"{key}: wanted the grid of {next(iter(grids))}, got {other}")
    return Shown(
        name=name,
        scene=packed.scene,
        balls=frozen(packed.positions - grid.origin, "positions", (None, 3)),
        particles=particle_table(packed, grid=grid),
        lines=centre_lines(packed, grid=grid),
        surfaces=middle_surfaces(packed, grid=grid),
        grid=replace(grid, origin=np.zeros(3)),
        image=image,
        labels=None if labels is None else _species_numbers(labels, packed.scene),
    )


def _species_numbers(labels: LabelVolume, scene: Scene) -> np.ndarray:
    """Return the species of every voxel, from 1; of labels without names, those of instances.

    Labels that the scene does not know are background.
    """
    if labels.names:
        order = {model.name: number for number, model in enumerate(scene.species, start=1)}
        species = [order.get(name, 0) for name in labels.names]
    else:
        species = (1 + scene.species_index).tolist()
    table = np.zeros(max(int(labels.data.max()), len(species)) + 1, np.uint16)
    table[1 : len(species) + 1] = species
    return table[labels.data]
