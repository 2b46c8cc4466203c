"""Rigid transforms, many at a time, and their rotations as angles and quaternions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from .arrays import frozen, noun


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
        rotations = frozen(self.rotations, "rotations", (None, 3, 3))
        translations = frozen(self.translations, "translations", (len(rotations), 3))
        gram = np.einsum("nij,nkj->nik", rotations, rotations)
        off = np.abs(gram - np.eye(3)).max(axis=(1, 2), initial=0.0)
        proper = np.linalg.det(rotations) > 0 if len(rotations) else np.ones(0, bool)
        bad = (off > 1e-6) | ~proper
        if bad.any():
            i = int(np.argmax(bad))
            raise ValueError(f"rotations: number {i} is not a proper rotation matrix")
        object.__setattr__(self, "rotations", rotations)
        object.__setattr__(self, "translations", translations)

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
        """Move `points` (p, 3) by every transform.

        Returns
        -------
        (n, p, 3) array
        """
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
    """Return the Euler angles of rotations as scipy names them, (n, 3) rad.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        Rotation matrices, which act on column vectors.
    axes : str
        Three axes, the first again at the end: intrinsic ones as ``"ZYZ"``, extrinsic ones as
        ``"zyz"``.

    Returns
    -------
    (n, 3) array
        The first and the last from -pi to pi, the second from 0 to pi. Within 1e-7 of 0 and pi
        only the sum or the difference of the others counts, and the last is 0.

    Examples
    --------
    >>> euler_angles(np.eye(3)[None], "ZXZ").tolist()
    [[0.0, 0.0, 0.0]]
    """
    rotations = frozen(rotations, "rotations", (None, 3, 3))
    if len(rotations) == 0:
        return np.empty((0, 3))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Gimbal lock")
        # Adding 0.0 turns a negative zero into a plain one.
        return Rotation.from_matrix(rotations).as_euler(axes) + 0.0


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
        alpha, beta, gamma in rad; see `euler_angles` for their ranges.

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
