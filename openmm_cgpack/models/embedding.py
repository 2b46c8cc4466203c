"""How a protein sits in a membrane: where, which way, and what holds it there.

Pure functions of a membrane's balls as they are, bent or not, and of a model whose structure has a
membrane plane. A protein stands with its plane's middle on the middle surface and its axis along
the normal, averaged over its footprint: a mesh's own normals rock with every wave that is shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..core.boundary import Boundary, Open
from ..core.model import BallModel
from ..core.scene import Links
from ..core.structure import AtomicStructure, MembranePlane
from .structure import NoSeat, Seat

LINK_K = 500.0
"""Constant of a link, kJ/mol/nm²: heat changes its length by 0.07 nm."""

_ANCHORS = 4
"""Balls of a protein that each vertex is linked to: as many distances as fix a place in space."""

_NEAR = 64
"""Faces among which the nearest point of a membrane is looked for."""

_SAGITTA = 2.0
"""How far the membrane at rest may fall away under a protein's rim, nm: half a bilayer."""


@dataclass(frozen=True)
class Patch:
    """What of a membrane is around a place on it.

    Parameters
    ----------
    place : (3,) array
        On the middle surface, nm.
    normal : (3,) array
        To the membrane's outer side, the mean over the faces, by their areas.
    vertices : (v,) int array
        Balls of the membrane, those around the place.
    balls : (v, 3) array
        Where they are, the images nearest to the place, nm.
    """

    place: np.ndarray
    normal: np.ndarray
    vertices: np.ndarray
    balls: np.ndarray


def patch_around(
    membrane: BallModel, balls: np.ndarray, place: np.ndarray, normal: np.ndarray, radius: float
) -> Patch:
    """Return what of a membrane is within `radius` (nm) of a place on it.

    Faces that look the other way, as those across a tube, do not count; `normal` is about the one
    at the place.
    """
    mesh = membrane.mesh
    triangles = mesh.corners(balls)
    middles = triangles.mean(axis=1)
    distance = np.linalg.norm(middles - _image_shift(mesh.period, middles - place) - place, axis=1)
    longest = np.linalg.norm(triangles[:, 0] - triangles[:, 1], axis=1).max()
    ours = np.flatnonzero(distance < radius + longest)
    triangles, distance = triangles[ours], distance[ours]
    areas = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]) / 2
    alike = areas @ normal > 0
    mean = areas[alike & (distance < radius)].sum(axis=0)
    mean = mean / np.linalg.norm(mean) if mean.any() else normal
    vertices = np.unique(mesh.faces[ours[alike]])
    places = balls[vertices]
    offsets = places - _image_shift(mesh.period, places - place) - place
    heights = offsets @ mean
    level = np.linalg.norm(offsets - heights[:, None] * mean, axis=1)
    inside = (level < radius) & (np.abs(heights) < radius)
    return Patch(place, mean, vertices[inside], place + offsets[inside])


def footprint(structure: AtomicStructure, plane: MembranePlane) -> float:
    """Return the radius about the plane's middle that holds what of a protein is in it, nm."""
    heights = (structure.positions - plane.centre) @ plane.normal
    inside = np.abs(heights) < plane.half_thickness + structure.spread
    level = structure.positions - plane.centre - heights[:, None] * plane.normal
    radii = np.linalg.norm(level, axis=1) + structure.spread
    # A loop or two stick out farther.
    return float(np.percentile(radii[inside], 95)) if inside.any() else 0.0


def seated(
    model: BallModel,
    membrane: BallModel,
    balls: np.ndarray,
    *,
    face: int,
    weights: np.ndarray,
    outward: bool,
    turn: float,
) -> Seat:
    """Return the pose of a protein at a place on a membrane, and the links that hold it there.

    Parameters
    ----------
    model : BallModel
        Of a protein, whose structure has a membrane plane.
    membrane : BallModel
        Of the membrane, with a `Mesh`, which may span a periodic box.
    balls : (b, 3) array
        The membrane's balls as they are, nm.
    face, weights : int, (3,) array
        The place: a face, and the weights of its corners.
    outward : bool
        Whether the protein's outer side is on the membrane's outer side.
    turn : float
        About the normal, rad.

    Returns
    -------
    Seat
        Links without slack from the vertices around to four of the protein's balls each, as long
        as they are at the start.

    Raises
    ------
    NoSeat
        The membrane is so curved there at rest that it falls away from under the protein, or so
        coarse that it has no vertices around.
    """
    plane = membrane_plane(model)
    corners = membrane.mesh.corners(balls)[face]
    radius = linked_radius(model, membrane)
    _check_curvature(model, membrane, face, np.asarray(weights), radius)
    place = np.asarray(weights) @ corners
    patch = patch_around(membrane, balls, place, _normal(corners), radius)
    if len(patch.vertices) < 3:
        raise NoSeat(
            f"{model.name}: wanted at least 3 vertices of {membrane.name} within {radius:.1f} nm "
            f"of it, got {len(patch.vertices)}: its edges are too long"
        )
    rotation = _upright(plane.normal, patch.normal if outward else -patch.normal, turn)
    translation = patch.place - rotation @ plane.centre
    anchors = _anchors(model, plane)
    held = model.positions[anchors] @ rotation.T + translation
    lengths = np.linalg.norm(held[:, None] - patch.balls, axis=2).ravel()
    pairs = np.stack(np.meshgrid(anchors, patch.vertices, indexing="ij"), axis=-1).reshape(-1, 2)
    links = Links(
        pairs=pairs,
        lengths=lengths,
        constants=np.full(len(pairs), LINK_K),
        slacks=np.zeros(len(pairs)),
    )
    return Seat(rotation, translation, links)


class Standing(NamedTuple):
    """How a protein stands in a membrane.

    Parameters
    ----------
    cosine : float
        Of the angle between its axis and the membrane's normal, the mean over what is around it;
        negative where it is the other way up.
    offset : float
        Distance of its plane's middle from the membrane's middle surface, nm.
    """

    cosine: float
    offset: float


def standing(
    model: BallModel,
    rotation: np.ndarray,
    translation: np.ndarray,
    membrane: BallModel,
    balls: np.ndarray,
    boundary: Boundary = Open(),
) -> Standing:
    """Return how a protein stands in a membrane.

    Parameters
    ----------
    model : BallModel
        Of the protein.
    rotation, translation : (3, 3) and (3,) arrays
        Its pose.
    membrane : BallModel
        Of the membrane.
    balls : (b, 3) array
        The membrane's balls, nm, in one piece.
    boundary : Open, Periodic or Slab, optional
        Of the scene: the image of the protein nearest to the membrane is looked at.

    Returns
    -------
    Standing
    """
    plane = membrane_plane(model)
    centre = rotation @ plane.centre + translation
    offsets = boundary.minimum_image(centre - balls)
    nearest = int(np.linalg.norm(offsets, axis=1).argmin())
    centre = balls[nearest] + offsets[nearest]
    mesh = membrane.mesh
    corners = mesh.corners(balls)
    corners = corners - _image_shift(mesh.period, corners.mean(axis=1) - centre)[:, None]
    near = np.linalg.norm(corners.mean(axis=1) - centre, axis=1).argsort()[:_NEAR]
    points = np.array([_nearest_in_triangle(triangle, centre) for triangle in corners[near]])
    distances = np.linalg.norm(points - centre, axis=1)
    first = int(distances.argmin())
    normal = _normal(corners[near[first]])
    patch = patch_around(membrane, balls, points[first], normal, linked_radius(model, membrane))
    cosine = float(np.clip(rotation @ plane.normal @ patch.normal, -1, 1))
    return Standing(cosine, float(distances[first]))


def membrane_plane(model: BallModel) -> MembranePlane:
    """Return the membrane plane of a protein's structure, in its body frame."""
    plane = None if model.structure is None else model.structure.membrane_plane
    if plane is None:
        raise ValueError(f"{model.name}: wanted a structure with a membrane plane")
    return plane


def linked_radius(model: BallModel, membrane: BallModel) -> float:
    """Return how far from its axis a protein is linked to a membrane's vertices, nm.

    Those under it and a ring around: half an edge beyond its footprint, of one edge and a half at
    least.
    """
    assert model.structure is not None
    corners = membrane.mesh.corners(membrane.positions)
    edge = float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).mean())
    return max(footprint(model.structure, membrane_plane(model)) + edge / 2, 1.5 * edge)


def _normal(corners: np.ndarray) -> np.ndarray:
    across = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    return across / np.linalg.norm(across)


def _image_shift(period: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return what takes offsets to those of the nearest images, along axes with a period."""
    return period * np.rint(offsets / np.where(period > 0, period, np.inf))


def _upright(axis: np.ndarray, normal: np.ndarray, turn: float) -> np.ndarray:
    """Return the rotation that takes an axis to a normal, turned about it."""
    frames = []
    for z, angle in ((axis, 0.0), (normal, turn)):
        x = np.eye(3)[np.abs(z).argmin()]
        x = x - (x @ z) * z
        x /= np.linalg.norm(x)
        y = np.cross(z, x)
        frames.append(
            np.stack(
                [np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x, z],
                axis=1,
            )
        )
    return frames[1] @ frames[0].T


def _anchors(model: BallModel, plane: MembranePlane) -> np.ndarray:
    """Return balls of the protein far from each other, of the half nearest to the plane."""
    distance = np.linalg.norm(model.positions - plane.centre, axis=1)
    near = np.argsort(distance, kind="stable")[: max(_ANCHORS, model.n_balls // 2)]
    chosen = [int(near[-1])]
    while len(chosen) < min(_ANCHORS, len(near)):
        apart = np.linalg.norm(model.positions[near][:, None] - model.positions[chosen], axis=2)
        chosen.append(int(near[apart.min(axis=1).argmax()]))
    return np.array(chosen)


def _check_curvature(
    model: BallModel, membrane: BallModel, face: int, weights: np.ndarray, radius: float
) -> None:
    corners = membrane.mesh.corners(membrane.positions)[face]
    rest = patch_around(membrane, membrane.positions, weights @ corners, _normal(corners), radius)
    falls = np.abs((rest.balls - rest.place) @ rest.normal)
    if len(falls) < 3 or falls.max() > _SAGITTA:
        raise NoSeat(
            f"{model.name}: too wide for {membrane.name}, whose shape at rest curves too much "
            f"within the {radius:.1f} nm around it: wanted it flat there to {_SAGITTA:g} nm"
        )


def _nearest_in_triangle(triangle: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return the point of a triangle (3, 3) that is nearest to another."""
    a, b, c = triangle
    u, v, w = b - a, c - a, point - a
    gram = np.array([[u @ u, u @ v], [u @ v, v @ v]])
    s, t = np.linalg.solve(gram, [u @ w, v @ w])
    if s >= 0 and t >= 0 and s + t <= 1:
        return a + s * u + t * v
    best = []
    for start, end in ((a, b), (b, c), (c, a)):
        along = end - start
        best.append(start + np.clip((point - start) @ along / (along @ along), 0, 1) * along)
    return min(best, key=lambda p: float(np.linalg.norm(p - point)))
