"""Triangles of what a scene holds, for viewers: molecules by their atoms, filaments, membranes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from ..core.geometry import Line, Surface
from ..core.model import BallModel
from ..core.transforms import RigidTransforms
from ..density import Sampling, species_map
from ..models.triangulation import volume_of

FINEST = 0.4
"""Smallest edge of a triangle of a molecule's surface, nm: that of a map of 1 nm."""

_SMOOTH = 3.0
"""Resolution of the map whose surface is taken, in edges of a triangle."""

_LEVELS = 0.05, 0.95
"""Between which parts of a map's largest value a surface lies."""

_FIRST = 1.0
"""Edge of the triangles that are counted to choose the final one, nm."""

_SIDES = 12
"""Sides of a tube."""

_GRAIN = 2.0**-7
"""Vertices lie on a lattice of this spacing, nm: finer is seen by nobody, and packs badly."""


def molecular_surfaces(
    models: Sequence[BallModel], copies: Sequence[int], *, most: int
) -> list[Surface | None]:
    """Return the surface of each model's structure in its body frame; None of what has no atoms.

    It is that of the map of its atoms which encloses the volume of its molecular envelope. All
    have triangles of one size, as small as it can be where all copies together have no more than
    about `most` triangles.

    Parameters
    ----------
    models : sequence of BallModel
        The species.
    copies : sequence of int
        How many copies of its structure there are of each.
    most : int
        Number of triangles of everything.
    """
    pairs = list(zip(models, copies, strict=True))
    first = [_surface(model, _FIRST) if n else None for model, n in pairs]
    counted = sum(n * len(mesh.faces) for mesh, n in zip(first, copies, strict=True) if mesh)
    # The number of triangles of a surface goes with the inverse square of their edge.
    edge = max(FINEST, _FIRST * np.sqrt(counted / most))
    return [_surface(model, edge) if n else None for model, n in pairs]


def _surface(model: BallModel, edge: float) -> Surface | None:
    """Return the surface of a model's structure in triangles with about this edge, nm."""
    if model.structure is None:
        return None
    from skimage.measure import marching_cubes

    # A small molecule keeps its shape, whatever the others need.
    edge = min(edge, model.structure.radius / 2)
    # Of a molecule of points that stand for several atoms, no map is sharper than these.
    blur = np.sqrt(model.structure.point_variance) * 2 * np.sqrt(3)
    sampling = Sampling(voxel_size=edge, resolution=max(_SMOOTH * edge, blur))
    volume = species_map(model.structure, sampling)
    data = np.pad(volume.data, 1) / volume.data.max()
    wanted = model.volume / model.copies / edge**3
    corners, faces, _, _ = marching_cubes(data, _level(data, wanted), gradient_direction="descent")
    # From indices (z, y, x) to places (x, y, z), which turns the triangles over.
    vertices = volume.origin + (corners[:, ::-1] - 1) * edge
    return Surface(vertices=vertices, faces=faces)


def _level(data: np.ndarray, wanted: float) -> float:
    """Return where the surface of a map lies that encloses a volume, in voxels.

    Voxels above a level are no measure of it where they are as large as what they draw.
    """
    from skimage.measure import marching_cubes

    def beyond(level: float) -> float:
        corners, faces, _, _ = marching_cubes(data, level)
        return abs(volume_of(corners[faces])) - wanted

    low, high = _LEVELS
    if beyond(low) < 0 or beyond(high) > 0:
        return low if beyond(low) < 0 else high
    return float(brentq(beyond, low, high, xtol=0.01))


def merged(meshes: Sequence[Surface]) -> Surface:
    """Return meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts[:-1], strict=True)]
    return Surface(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]), faces=np.concatenate(faces)
    )


def placed(mesh: Surface, poses: RigidTransforms) -> Surface:
    """Return copies of a mesh at poses as one mesh.

    Examples
    --------
    >>> triangle = Surface(vertices=np.eye(3), faces=[[0, 1, 2]])
    >>> placed(triangle, RigidTransforms.identity(2)).faces.tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    start = np.arange(len(poses))[:, None, None] * len(mesh.vertices)
    return Surface(
        vertices=poses.apply(mesh.vertices).reshape(-1, 3),
        faces=(mesh.faces + start).reshape(-1, 3),
    )


def tube(line: Line) -> Surface:
    """Return the tube along a filament's line, closed by flat ends.

    Examples
    --------
    >>> mesh = tube(Line(points=[[0, 0, 0], [0, 0, 10]], radius=2.0))
    >>> mesh.vertices.min(axis=0).tolist(), mesh.vertices.max(axis=0).tolist()
    ([-2.0, -2.0, 0.0], [2.0, 2.0, 10.0])
    """
    places, frames = line.poses()
    turn = np.arange(_SIDES) * 2 * np.pi / _SIDES
    ring = line.radius * np.stack([np.cos(turn), np.sin(turn), np.zeros(_SIDES)], axis=1)
    wall = (places[:, None] + np.einsum("kij,sj->ksi", frames, ring)).reshape(-1, 3)
    here = np.arange(_SIDES)
    after = (here + 1) % _SIDES
    step = np.concatenate(
        [
            np.stack([here, after, here + _SIDES], axis=1),
            np.stack([after, after + _SIDES, here + _SIDES], axis=1),
        ]
    )
    rows = np.arange(len(places) - 1)[:, None, None] * _SIDES
    # The ends have rims of their own, so that their edges are seen as sharp.
    n = len(wall)
    ends = np.concatenate([wall[:_SIDES], wall[-_SIDES:], places[[0, -1]]])
    fans = [
        np.stack([after + n, here + n, np.full(_SIDES, n + 2 * _SIDES)], axis=1),
        np.stack([here, after, np.full(_SIDES, _SIDES + 1)], axis=1) + n + _SIDES,
    ]
    return Surface(
        vertices=np.concatenate([wall, ends]),
        faces=np.concatenate([(step + rows).reshape(-1, 3), *fans]),
    )


def both_sides(surface: Surface, half: float) -> Surface:
    """Return the two sides of a sheet that is `half` nm thick on either side of its middle."""
    vertices, faces = surface.vertices, surface.faces
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in faces.T:
        np.add.at(normals, corner, across)
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-12)[:, None]
    return merged(
        [
            Surface(vertices=vertices + half * normals, faces=faces),
            Surface(vertices=vertices - half * normals, faces=faces[:, ::-1]),
        ]
    )


def on_lattice(places: np.ndarray) -> np.ndarray:
    """Return places (p, 3) in nm as a page holds them, float32."""
    return (np.rint(places / _GRAIN) * _GRAIN).astype(np.float32)
