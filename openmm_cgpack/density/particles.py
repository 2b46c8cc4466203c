"""The list of particles that goes with a volume."""

from __future__ import annotations

import numpy as np

from ..core.model import BallModel, Curve
from ..core.particles import ParticleTable
from ..core.scene import PackedScene
from ..core.volume import Grid
from ..poses import extract_transforms


def particle_table(packed: PackedScene, *, grid: Grid) -> ParticleTable:
    """Return every instance of a packed scene, in the frame of the files.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    grid : Grid
        The grid of the volume that the table goes with: its first voxel's centre becomes 0.

    Returns
    -------
    ParticleTable
        All instances, those outside the grid too. The centre of a molecule is its body's origin,
        that of a filament or membrane the mean of its balls; the radius is that of the sphere
        around it that holds every atom, or the tube, or the sheet.

    Examples
    --------
    >>> from openmm_cgpack import Periodic, as_packed, bounding_grid, Filament, place
    >>> tubes = [(Filament(n_balls=5).build(), 2)]
    >>> packed = as_packed(place(tubes, boundary=Periodic(box=40), seed=1))
    >>> table = particle_table(packed, grid=bounding_grid(packed))
    >>> table.instance.tolist(), table.species.tolist()
    ([1, 2], ['filament', 'filament'])
    >>> middle = packed.positions[packed.scene.balls(0)].mean(axis=0)
    >>> bool(np.allclose(table.centre[0], middle + 20))
    True
    """
    scene = packed.scene
    transforms = extract_transforms(packed).transforms
    centres = np.array(transforms.translations)
    radii = np.empty(scene.n_instances)
    for i in range(scene.n_instances):
        model = scene.model(i)
        if model.structure is not None:
            radii[i] = model.structure.radius
            continue
        balls = packed.positions[scene.balls(i)]
        centres[i] = balls.mean(axis=0)
        reach = np.linalg.norm(balls - centres[i], axis=1)
        radii[i] = (reach + _girth(model)).max()
    return ParticleTable(
        instance=np.arange(1, scene.n_instances + 1),
        species=np.array([scene.model(i).name for i in range(scene.n_instances)]),
        centre=centres - grid.origin,
        radius=radii,
        rotation=transforms.rotations,
    )


def _girth(model: BallModel) -> np.ndarray:
    """Return how far from each ball what is drawn reaches, (b,) nm."""
    geometry = model.geometry
    if geometry is None:
        return model.radii
    if isinstance(geometry, Curve):
        # A tube goes on for a radius beyond its last ball and ends flat: its rim is farther.
        return np.full(model.n_balls, np.sqrt(2) * geometry.radius)
    return np.full(model.n_balls, geometry.thickness / 2)
