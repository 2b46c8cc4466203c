"""How much of each object is in the field of view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import frozen
from ..core.scene import PackedScene
from ..core.volume import Grid
from .kernel import gaussian_sigma
from .particles import particle_table
from .render import ScenePoints, numbered


@dataclass(frozen=True, kw_only=True, eq=False)
class Visibility:
    """How each object stands to the field of view, which is the box of all voxels.

    Parameters
    ----------
    fraction : (n,) array
        Part of its mass that is inside, 0 to 1.
    border : (n,) array
        Distance from its centre to the nearest face of the box, nm; negative outside, by how far
        the centre is beyond the face that it is farthest beyond. An object whose bounding
        sphere's radius is smaller is whole.
    """

    fraction: np.ndarray
    border: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.fraction)
        object.__setattr__(self, "fraction", frozen(self.fraction, "fraction", (n,)))
        object.__setattr__(self, "border", frozen(self.border, "border", (n,)))


def visibility(
    packed: PackedScene, *, grid: Grid, deformables: str = "smooth", progress: bool = False
) -> Visibility:
    """Return which part of each object is in the field of view, and how far its edge is.

    The mass of an object is that of its atoms (or of the tube or bilayer that is drawn) where
    they are, before any blur: a map loses a little more over the edge.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    grid : Grid
        The grid of the volume. Its box reaches half a voxel beyond the centres of the outermost
        voxels.
    deformables : {"smooth", "balls"}, optional
        Tubes and bilayers, or solid balls, as in `render_density`.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    Visibility
        In the order of the instances.

    Examples
    --------
    Half of a tube of 20 nm is in a field of view that ends at its middle:

    >>> from openmm_cgpack import RigidTransforms, Scene, as_packed, Filament
    >>> tube = Filament(n_balls=5).build()
    >>> scene = Scene(species=(tube,), species_index=[0], transforms=RigidTransforms.identity(1))
    >>> grid = Grid(shape=(20, 20, 20), voxel_size=1.0, origin=(-10, -10, 0.5))
    >>> seen = visibility(as_packed(scene), grid=grid)
    >>> seen.fraction.round(1).tolist(), seen.border.round(1).tolist()
    ([0.5], [0.0])
    """
    table = particle_table(packed, grid=grid)
    low, high = -grid.voxel_size / 2, grid.size - grid.voxel_size / 2
    border = np.minimum(table.centre - low, high - table.centre).min(axis=1)
    fraction = (border >= table.radius).astype(float)
    # Points as dense as a map of two voxels' resolution needs.
    points = ScenePoints(packed, sigma=gaussian_sigma(2 * grid.voxel_size), deformables=deformables)
    cut = np.flatnonzero(np.abs(border) < table.radius).tolist()
    for k in numbered(len(cut), "visibility", progress):
        body = points[cut[k]]
        places = body.positions - grid.origin
        inside = ((places >= low) & (places <= high)).all(axis=1)
        fraction[cut[k]] = body.masses[inside].sum() / body.masses.sum()
    return Visibility(fraction=fraction, border=border)
