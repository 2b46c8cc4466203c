"""Rotation matrices as angles and quaternions."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.arrays import frozen

# Below this sine of beta the first and the last axis are one.
_GIMBAL = 1e-9


def to_zyz(rotations: np.ndarray) -> np.ndarray:
    """Return the ZYZ Euler angles of rotations (eq. 14 of the paper).

    ``R = Rz(alpha) Ry(beta) Rz(gamma)`` acts on column vectors and takes the object to the scene:
    intrinsic turns about z by alpha, about the new y by beta, about the new z by gamma. RELION's
    (rot, tilt, psi) are the angles of the inverse.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        Rotation matrices.

    Returns
    -------
    (n, 3) array
        alpha, beta, gamma in rad; alpha and gamma from -pi to pi, beta from 0 to pi. Where beta is
        0 or pi only the sum or difference of the others counts, and gamma is 0.

    Examples
    --------
    >>> to_zyz(np.eye(3)[None])
    array([[0., 0., 0.]])
    """
    rotations = frozen(rotations, "rotations", (None, 3, 3))
    r = np.moveaxis(rotations, 0, -1)
    sine = np.hypot(r[0, 2], r[1, 2])
    gimbal = sine < _GIMBAL
    beta = np.arctan2(np.where(gimbal, 0.0, sine), r[2, 2])
    alpha = np.where(gimbal, np.arctan2(-r[0, 1], r[1, 1]), np.arctan2(r[1, 2], r[0, 2]))
    # The second row of Rz(-alpha) R is (sin gamma, cos gamma, 0), well-determined for any beta.
    s, c = np.sin(alpha), np.cos(alpha)
    gamma = np.arctan2(c * r[1, 0] - s * r[0, 0], c * r[1, 1] - s * r[0, 1])
    # Adding 0.0 turns a negative zero into a plain one.
    return np.stack([alpha, beta, np.where(gimbal, 0.0, gamma)], axis=1) + 0.0


def from_zyz(angles: np.ndarray) -> np.ndarray:
    """Return the rotations of ZYZ Euler angles, ``Rz(alpha) Ry(beta) Rz(gamma)`` (eq. 14).

    Parameters
    ----------
    angles : (n, 3) array
        alpha, beta, gamma, rad.

    Returns
    -------
    (n, 3, 3) array
        Rotation matrices, on column vectors.

    Examples
    --------
    >>> from_zyz([[np.pi / 2, 0, 0]])[0] @ [1, 0, 0] @ [0, 1, 0] > 0.999999
    np.True_
    """
    alpha, beta, gamma = frozen(angles, "angles", (None, 3)).T
    (ca, cb, cg), (sa, sb, sg) = np.cos([alpha, beta, gamma]), np.sin([alpha, beta, gamma])
    rows = [
        [ca * cb * cg - sa * sg, -ca * cb * sg - sa * cg, ca * sb],
        [sa * cb * cg + ca * sg, -sa * cb * sg + ca * cg, sa * sb],
        [-sb * cg, sb * sg, cb],
    ]
    return np.ascontiguousarray(np.moveaxis(np.array(rows), -1, 0))


def to_quaternion(rotations: np.ndarray) -> np.ndarray:
    """Return the unit quaternions of rotations.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        Rotation matrices.

    Returns
    -------
    (n, 4) array
        x, y, z, w: the scalar last, as in scipy, and never negative.

    Examples
    --------
    >>> to_quaternion(np.eye(3)[None])
    array([[0., 0., 0., 1.]])
    """
    rotations = frozen(rotations, "rotations", (None, 3, 3))
    if len(rotations) == 0:
        return np.empty((0, 4))
    return Rotation.from_matrix(rotations).as_quat(canonical=True) + 0.0
