"""The paper's rotation of a body, from three of its balls (section 2.3, figure 5)."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.transforms import FLAT, shortest_rotations


def two_vectors(reference: np.ndarray, moved: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the rotations of a body from three of its balls.

    R_AB turns A0 B0 onto A1 B1 by the smallest rotation, R_AC turns about A1 B1 until A1 C0' lies
    in the half plane of A1 C1, and the body has turned by ``R_AC R_AB``. A and B are the pair of
    balls farthest apart, C is the ball farthest from their line: errors of the places then matter
    least. Balls on a line have no C, and keep R_AB.

    Parameters
    ----------
    reference : (b, 3) array
        Balls of the model, at least 2.
    moved : (n, b, 3) array
        The same balls of each instance.
    start : (n, 3, 3) array
        Rotation with which each instance was placed, from which the body has turned.

    Returns
    -------
    (n, 3, 3) array
        Proper rotations from the model to the moved balls.

    Examples
    --------
    >>> body = np.array([[0.0, 0, 0], [3, 0, 0], [0, 2, 0]])
    >>> turned = body @ [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]
    >>> two_vectors(body, turned[None], np.eye(3)[None])[0].round(6) + 0.0
    array([[ 0., -1.,  0.],
           [ 1.,  0.,  0.],
           [ 0.,  0.,  1.]])
    """
    first, second, third, across = _spread_balls(reference)
    ab, ac = reference[second] - reference[first], reference[third] - reference[first]
    ab1 = moved[:, second] - moved[:, first]
    rotations = shortest_rotations(start @ ab, ab1) @ start
    if across <= FLAT * np.linalg.norm(ab):
        return rotations
    axis = ab1 / np.maximum(np.linalg.norm(ab1, axis=1, keepdims=True), np.finfo(float).tiny)
    ends = rotations @ ac, moved[:, third] - moved[:, first]
    from_axis = [v - np.einsum("ni,ni->n", v, axis)[:, None] * axis for v in ends]
    sine = np.einsum("ni,ni->n", axis, np.cross(*from_axis))
    angle = np.arctan2(sine, np.einsum("ni,ni->n", *from_axis))
    return Rotation.from_rotvec(angle[:, None] * axis).as_matrix() @ rotations


def _spread_balls(reference: np.ndarray) -> tuple[int, int, int, float]:
    """Return the balls A, B and C, and the distance of C from the line A B."""
    # Rows one at a time: all pairs of thousands of balls would be gigabytes.
    best = (-1.0, 0, 0)
    for i, point in enumerate(reference):
        distance = np.linalg.norm(reference[i:] - point, axis=1)
        j = int(np.argmax(distance))
        if distance[j] > best[0]:
            best = (float(distance[j]), i, i + j)
    length, first, second = best
    axis = (reference[second] - reference[first]) / max(length, np.finfo(float).tiny)
    offset = reference - reference[first]
    across = np.linalg.norm(offset - (offset @ axis)[:, None] * axis, axis=1)
    third = int(np.argmax(across))
    return first, second, third, float(across[third])
