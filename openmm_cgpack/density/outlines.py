"""Lines and surfaces of what has no rotation: filaments and membranes."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from ..core.model import Curve, Mesh
from .mesh import _phong, _subdivision, _vertex_normals


def centre_line(curve: Curve, centres: np.ndarray, *, spacing: float) -> np.ndarray:
    """Return the middle of the tube that `curve_points` draws, from end to end.

    Parameters
    ----------
    curve : Curve
        Balls in their order, and the radius of the tube.
    centres : (b, 3) array
        Ball centres, nm.
    spacing : float
        Largest distance between points along the line, nm.

    Returns
    -------
    (p, 3) array
        Points of the natural cubic spline through the balls, in their order, with its straight
        ends of one radius.

    Examples
    --------
    >>> tube = Curve(balls=np.arange(3), radius=2.0, density=800.0)
    >>> balls = np.array([[0.0, 0, 0], [4, 0, 0], [8, 0, 0]])
    >>> centre_line(tube, balls, spacing=6.0)[:, 0].round(9).tolist()
    [-2.0, 4.0, 10.0]
    """
    balls = centres[curve.balls]
    knots = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(balls, axis=0), axis=1))])
    spline = CubicSpline(knots, balls, bc_type="natural")
    fine = np.linspace(0, knots[-1], 64 * len(balls))
    points = spline(fine)
    ends = spline([0.0, knots[-1]], 1)
    ends *= curve.radius / np.linalg.norm(ends, axis=1)[:, None]
    points = np.concatenate([[points[0] - ends[0]], points, [points[-1] + ends[1]]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    count = int(np.ceil(length[-1] / spacing - 1e-9))
    at = np.linspace(0, length[-1], count + 1)
    return np.stack([np.interp(at, length, axis) for axis in points.T], axis=1)


def middle_surface(
    mesh: Mesh, centres: np.ndarray, *, cuts: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smooth surface in the middle of the bilayer that `mesh_points` draws.

    Parameters
    ----------
    mesh : Mesh
        Triangles of balls.
    centres : (b, 3) array
        Ball centres, nm.
    cuts : int, optional
        Each edge is cut into this many.

    Returns
    -------
    vertices : (v, 3) array
        Points of the surface, each once, nm.
    faces : (f, 3) int array
        Triangles, with the sense of rotation of those of the mesh.

    Examples
    --------
    >>> sheet = Mesh(faces=[[0, 1, 2], [0, 2, 3]], thickness=4.0, density=600.0)
    >>> corners = np.array([[0.0, 0, 0], [8, 0, 0], [8, 8, 0], [0, 8, 0]])
    >>> vertices, faces = middle_surface(sheet, corners, cuts=2)
    >>> vertices.shape, faces.shape
    ((9, 3), (8, 3))
    """
    weights, cells = _subdivision(cuts)
    surface, _ = _phong(
        centres[mesh.faces], _vertex_normals(mesh.faces, centres)[mesh.faces], weights
    )
    points = surface.reshape(-1, 3)
    faces = (cells + len(weights) * np.arange(len(mesh.faces))[:, None, None]).reshape(-1, 3)
    # Faces that share an edge have the same points on it, to rounding.
    _, first, number = np.unique(points.round(9), axis=0, return_index=True, return_inverse=True)
    return points[first], number.reshape(-1)[faces]
