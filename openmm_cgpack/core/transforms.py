"""Rigid transforms, many at a time: angles, quaternions, and what brings a body onto points."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from .arrays import freeze, frozen, noun

FLAT = 1e-4
"""A body is a line or a plane where its extent across is below this part of its length: what is
left across says nothing of how the body is turned."""

_PARALLEL = 1e-12


@noun
class RigidTransforms:
    """n rotations and translations, ``x' = R x + t`` on column vectors.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        Proper rotation matrices.
    translations : (n, 3) array
        Translations, nm.

    Examples
    --------
    >>> moved = RigidTransforms.identity(2).apply(np.ones((5, 3)))
    >>> moved.shape
    (2, 5, 3)
    """

    rotations: np.ndarray
    translations: np.ndarray

    def __post_init__(self) -> None:
        freeze(self, rotations=(None, 3, 3))
        rotations = self.rotations
        freeze(self, translations=(len(rotations), 3))
        gram = np.einsum("nij,nkj->nik", rotations, rotations)
        off = np.abs(gram - np.eye(3)).max(axis=(1, 2), initial=0.0)
        proper = np.linalg.det(rotations) > 0 if len(rotations) else np.ones(0, bool)
        bad = (off > 1e-6) | ~proper
        if bad.any():
            i = int(np.argmax(bad))
            raise ValueError(f"rotations: number {i} is not a proper rotation matrix")

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self)}"

    @classmethod
    def identity(cls, n: int) -> RigidTransforms:
        """Return `n` transforms that move nothing."""
        return cls(rotations=np.tile(np.eye(3), (n, 1, 1)), translations=np.zeros((n, 3)))

    def __len__(self) -> int:
        return len(self.rotations)

    def __getitem__(self, index: int | slice | np.ndarray) -> RigidTransforms:
        keep = [index] if isinstance(index, int | np.integer) else index
        return RigidTransforms(rotations=self.rotations[keep], translations=self.translations[keep])

    def __iter__(self) -> Iterator[RigidTransforms]:
        return (self[i] for i in range(len(self)))

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Return points (p, 3) moved by every transform, (n, p, 3)."""
        return np.einsum("nij,pj->npi", self.rotations, points) + self.translations[:, None]

    def compose(self, first: RigidTransforms) -> RigidTransforms:
        """Return the transforms that do `first` and then these, pair by pair."""
        return RigidTransforms(
            rotations=self.rotations @ first.rotations,
            translations=np.einsum("nij,nj->ni", self.rotations, first.translations)
            + self.translations,
        )

    def invert(self) -> RigidTransforms:
        """Return the transforms that undo these."""
        rotations = np.swapaxes(self.rotations, 1, 2)
        return RigidTransforms(
            rotations=rotations,
            translations=-np.einsum("nij,nj->ni", rotations, self.translations),
        )


def euler_angles(rotations: np.ndarray, axes: str) -> np.ndarray:
    """Return the Euler angles of rotations (n, 3, 3), (n, 3) rad; `axes` are named as in scipy.

    The first axis is the last one too (``"ZYZ"``). The first and the last angle are from -pi to pi,
    the second from 0 to pi; within 1e-7 of 0 and pi only the sum or difference of the others
    counts, and the last is 0.
    """
    rotations = frozen(rotations, "rotations", (None, 3, 3))
    if len(rotations) == 0:
        return np.empty((0, 3))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Gimbal lock")
        # Adding 0.0 turns a negative zero into a plain one.
        return Rotation.from_matrix(rotations).as_euler(axes) + 0.0


def to_zyz(rotations: np.ndarray) -> np.ndarray:
    """Return the ZYZ Euler angles (n, 3) of rotations (n, 3, 3), in rad (eq. 14 of the paper).

    ``R = Rz(alpha) Ry(beta) Rz(gamma)`` acts on column vectors and takes the object to the scene:
    intrinsic turns about z by alpha, about the new y by beta, about the new z by gamma. RELION's
    (rot, tilt, psi) are the angles of the inverse.

    Examples
    --------
    >>> to_zyz(np.eye(3)[None])
    array([[0., 0., 0.]])
    """
    return euler_angles(rotations, "ZYZ")


def from_zyz(angles: np.ndarray) -> np.ndarray:
    """Return the rotations (n, 3, 3) of ZYZ Euler angles (n, 3) in rad; see `to_zyz`.

    Examples
    --------
    >>> from_zyz([[np.pi / 2, 0, 0]])[0] @ [1, 0, 0] @ [0, 1, 0] > 0.999999
    np.True_
    """
    angles = frozen(angles, "angles", (None, 3))
    if len(angles) == 0:
        return np.empty((0, 3, 3))
    return Rotation.from_euler("ZYZ", angles).as_matrix()


def turns_about_z(angles: np.ndarray) -> np.ndarray:
    """Return the rotations (n, 3, 3) about z by angles (n,) in rad, counterclockwise from above.

    Examples
    --------
    >>> turns_about_z(np.array([np.pi / 2]))[0].round().tolist()
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return Rotation.from_rotvec(np.outer(angles, [0.0, 0.0, 1.0])).as_matrix()


def to_quaternion(rotations: np.ndarray) -> np.ndarray:
    """Return the unit quaternions (n, 4) of rotations (n, 3, 3).

    They are x, y, z, w: the scalar last, as in scipy, and never negative.

    Examples
    --------
    >>> to_quaternion(np.eye(3)[None])
    array([[0., 0., 0., 1.]])
    """
    rotations = frozen(rotations, "rotations", (None, 3, 3))
    if len(rotations) == 0:
        return np.empty((0, 4))
    return Rotation.from_matrix(rotations).as_quat(canonical=True) + 0.0


@noun
class Superposition:
    """How a body lies best on its moved points, n times.

    `rms` (n,) is the weighted root mean square distance that is left; `mirrored` (n,) whether a
    reflection would fit better, never so for points in a plane, which are their own mirror images.
    """

    transforms: RigidTransforms
    rms: np.ndarray
    mirrored: np.ndarray


def superpose(
    reference: np.ndarray,
    moved: np.ndarray,
    *,
    start: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Superposition:
    """Return the least-squares rotations and translations of a body onto its moved points.

    `reference` (b, 3) are the body's points, `moved` (n, b, 3) or (b, 3) the same after it moved,
    `start` (n, 3, 3) the rotations before, `weights` (b,) those of the points.

    Kabsch 1976 (Acta Cryst. A32, 922): with H the covariance of moved and reference points about
    their means and ``H = U S V^T``, the best proper rotation is ``U diag(1, 1, det(U V^T)) V^T``.
    The points of a body on a line leave the turn about it open; it then gets the smallest rotation
    from `start` that aligns the line. A lone point keeps `start`.

    >>> quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    >>> body = np.array([[0.0, 0, 0], [3, 0, 0], [0, 2, 0], [0, 0, 1]])
    >>> found = superpose(body, body @ quarter.T + [1, 2, 3])
    >>> bool(np.allclose(found.transforms.rotations[0], quarter)), round(float(found.rms[0]), 9)
    (True, 0.0)
    """
    reference = frozen(reference, "reference", (None, 3))
    b = len(reference)
    moved = frozen(np.reshape(moved, (-1, *np.shape(moved)[-2:])), "moved", (None, b, 3))
    start = np.broadcast_to(np.eye(3) if start is None else start, (len(moved), 3, 3))
    share = frozen(np.ones(b) if weights is None else weights, "weights", (b,))
    if not share.sum() > 0:
        raise ValueError(f"weights: wanted a positive sum, got {share.sum():g}")
    share = share / share.sum()
    middle, there = share @ reference, np.einsum("b,nbi->ni", share, moved)
    body, places = reference - middle, moved - there[:, None]
    rotations, mirrored = _rotations(body, places, share, start)
    left = np.einsum("nij,bj->nbi", rotations, body) - places
    transforms = RigidTransforms(rotations=rotations, translations=there - rotations @ middle)
    rms = np.sqrt(np.einsum("b,nbi->n", share, left**2))
    return Superposition(transforms=transforms, rms=rms, mirrored=mirrored)


def _rotations(
    body: np.ndarray, places: np.ndarray, share: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return rotations about the means, and which are mirrored."""
    if len(body) < 2 or len(places) == 0:
        return np.array(start), np.zeros(len(places), bool)
    weighted = body * share[:, None]
    covariance = np.einsum("nbi,bj->nij", places, weighted)
    u, s, vt = np.linalg.svd(covariance)
    handedness = np.sign(np.linalg.det(u @ vt))
    signs = np.ones_like(s)
    signs[:, 2] = handedness
    rotations = (u * signs[:, None, :]) @ vt
    extent, axes = np.linalg.svd(body * np.sqrt(share)[:, None], full_matrices=False)[1:]
    extent = np.concatenate([extent, np.zeros(3 - len(extent))])
    if extent[1] <= FLAT * extent[0]:
        line = axes[0] * extent[0]
        rotations = shortest_rotations(start @ line, covariance @ line) @ start
        return rotations, np.zeros(len(places), bool)
    mirrored = (handedness < 0) & (extent[2] > FLAT * extent[0])
    # Points that fell onto one line have no turn about it either; u0 and v0 are the lines.
    fallen = s[:, 1] <= FLAT**2 * s[:, 0]
    before = np.einsum("nij,nj->ni", start[fallen], vt[fallen, 0])
    rotations[fallen] = shortest_rotations(before, u[fallen, :, 0]) @ start[fallen]
    return rotations, mirrored & ~fallen


def shortest_rotations(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the smallest rotations that turn each `start` (n, 3) into the direction of `end`.

    Opposite directions are turned about a perpendicular axis that depends on nothing but `start`;
    a vector of length zero is not turned.
    """
    lengths = np.linalg.norm(start, axis=1), np.linalg.norm(end, axis=1)
    tiny = np.finfo(float).tiny
    a, b = (v / np.maximum(x, tiny)[:, None] for v, x in zip((start, end), lengths, strict=True))
    # R = 2 m m^T / m.m - 1 turns by pi about m; after the same about a it is the shortest one
    # from a to b for m = a + b. For opposite ones, half a turn about any perpendicular.
    middle = a + b
    opposite = np.linalg.norm(middle, axis=1) < _PARALLEL
    smallest = np.eye(3)[np.argmin(np.abs(a), axis=1)]
    middle = np.where(opposite[:, None], np.cross(a, smallest), middle)
    middle /= np.maximum(np.linalg.norm(middle, axis=1), tiny)[:, None]
    half = 2 * middle[:, :, None] * middle[:, None, :] - np.eye(3)
    about = 2 * a[:, :, None] * a[:, None, :] - np.eye(3)
    rotations = np.where(opposite[:, None, None], half, half @ about)
    none = (lengths[0] < tiny) | (lengths[1] < tiny)
    return np.where(none[:, None, None], np.eye(3), rotations)
