"""Rotations that bring a body onto its balls, many bodies of one model at a time."""

from __future__ import annotations

import numpy as np

# A body is a line or a plane where its extent across is below this part of its length: what is
# left across says nothing of how the body is turned.
_FLAT = 1e-4
_PARALLEL = 1e-12


def kabsch(
    reference: np.ndarray, moved: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least-squares rotations of a body onto its moved balls.

    Kabsch 1976 (Acta Cryst. A32, 922): with H the covariance of moved and reference balls about
    their means and ``H = U S V^T``, the best proper rotation is ``U diag(1, 1, det(U V^T)) V^T``.
    The balls of a body on a line leave the turn about it open; it then gets the smallest rotation
    from `start` that aligns the line.

    Parameters
    ----------
    reference : (b, 3) array
        Balls of the model.
    moved : (n, b, 3) array
        The same balls of each instance.
    start : (n, 3, 3) array
        Rotation with which each instance was placed.

    Returns
    -------
    rotations : (n, 3, 3) array
        Proper rotations.
    mirrored : (n,) bool array
        Whether a rotation with a reflection fits better than any without; never so for balls in a
        plane or on a line, which are their own mirror images.

    Examples
    --------
    >>> rotations, mirrored = kabsch(np.eye(3), -np.eye(3)[None], np.eye(3)[None])
    >>> bool(mirrored[0]), round(float(np.linalg.det(rotations[0])), 9)
    (False, 1.0)
    """
    a = reference - reference.mean(axis=0)
    b = moved - moved.mean(axis=1, keepdims=True)
    covariance = np.einsum("nbi,bj->nij", b, a)
    u, s, vt = np.linalg.svd(covariance)
    handedness = np.sign(np.linalg.det(u @ vt))
    signs = np.ones_like(s)
    signs[:, 2] = handedness
    rotations = (u * signs[:, None, :]) @ vt
    extent, axes = np.linalg.svd(a, full_matrices=False)[1:]
    extent = np.concatenate([extent, np.zeros(3 - len(extent))])
    if extent[1] <= _FLAT * extent[0]:
        line = axes[0] * extent[0]
        rotations = shortest_rotations(start @ line, covariance @ line) @ start
    mirrored = (handedness < 0) & (extent[2] > _FLAT * extent[0])
    # Balls that fell onto one line have no turn about it either.
    fallen = s[:, 1] <= _FLAT**2 * s[:, 0]
    if fallen.any() and extent[1] > _FLAT * extent[0]:
        # u0 and v0 are the lines on both sides.
        aligned = shortest_rotations(
            np.einsum("nij,nj->ni", start[fallen], vt[fallen, 0]), u[fallen, :, 0]
        )
        rotations[fallen] = aligned @ start[fallen]
        mirrored = mirrored & ~fallen
    return rotations, mirrored


def two_vectors(reference: np.ndarray, moved: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the rotations of a body from three of its balls (section 2.3 of the paper, figure 5).

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
    length = np.linalg.norm(ab)
    ab1 = moved[:, second] - moved[:, first]
    rotations = shortest_rotations(start @ ab, ab1) @ start
    if across <= _FLAT * length:
        return rotations
    ac1 = moved[:, third] - moved[:, first]
    axis = ab1 / np.maximum(np.linalg.norm(ab1, axis=1, keepdims=True), np.finfo(float).tiny)
    return _about(axis, rotations @ ac, ac1) @ rotations


def shortest_rotations(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the smallest rotations that turn each `start` (n, 3) into the direction of `end`.

    Opposite directions are turned about a perpendicular axis that depends on nothing but `start`;
    a vector of length zero is not turned.

    Examples
    --------
    >>> shortest_rotations(np.array([[2.0, 0, 0]]), np.array([[-1.0, 0, 0]]))[0] @ [1, 0, 0]
    array([-1.,  0.,  0.])
    """
    lengths = np.linalg.norm(start, axis=1), np.linalg.norm(end, axis=1)
    tiny = np.finfo(float).tiny
    a, b = (v / np.maximum(x, tiny)[:, None] for v, x in zip((start, end), lengths, strict=True))
    # R = 2 m m^T / m.m - 1 turns by pi about m; after the same about a it is the shortest one
    # from a to b for m = a + b. For opposite ones, half a turn about any perpendicular.
    middle = a + b
    opposite = np.linalg.norm(middle, axis=1) < _PARALLEL
    smallest = np.eye(3)[np.argmin(np.abs(a), axis=1)]
    perpendicular = np.cross(a, smallest)
    middle = np.where(opposite[:, None], perpendicular, middle)
    middle /= np.maximum(np.linalg.norm(middle, axis=1), tiny)[:, None]
    half = 2 * middle[:, :, None] * middle[:, None, :] - np.eye(3)
    about = 2 * a[:, :, None] * a[:, None, :] - np.eye(3)
    rotations = np.where(opposite[:, None, None], half, half @ about)
    none = (lengths[0] < tiny) | (lengths[1] < tiny)
    return np.where(none[:, None, None], np.eye(3), rotations)


def _about(axis: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return rotations about `axis` (unit, (n, 3)) that bring `start` into the half plane of `end`.

    Rodrigues' formula.
    """
    across = [v - np.einsum("ni,ni->n", v, axis)[:, None] * axis for v in (start, end)]
    sine = np.einsum("ni,ni->n", axis, np.cross(*across))
    cosine = np.einsum("ni,ni->n", *across)
    angle = np.arctan2(sine, cosine)[:, None, None]
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.moveaxis(np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]), -1, 0)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


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
