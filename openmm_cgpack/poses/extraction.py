"""A packed scene's final balls to poses (section 2.3 of the paper)."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.arrays import freeze, noun
from ..core.scene import PackedScene, check_packed
from ..core.transforms import FLAT, RigidTransforms, shortest_rotations, superpose

Method = Literal["kabsch", "vectors"]


@noun
class Poses:
    """Where every instance of a packed scene is, and how it is turned.

    Parameters
    ----------
    transforms : RigidTransforms
        n transforms from each model's body frame to the scene. Filaments, membranes and bodies of
        one ball keep the rotation with which they were placed.
    positions : (n, 3) array
        Means of the final balls, nm (eq. 13 of the paper). A transform's translation is another
        point: where the body's origin, a molecule's centre of mass, lies.
    displacements : (n, 3) array
        Final minus initial mean of the balls, nm. The paper says "from the initial position to
        the final position", and prints the difference the other way round.
    rigid : (n,) bool array
        Which instances are rigid bodies; the others' transforms place them, and do not shape them.
    rms : (n,) array
        Root mean square distance between the final balls and the model's, superposed by their
        best rotation, nm: what a rigid body has lost of its shape, and how far a filament or
        membrane has bent from straight or flat.
    mirrored : (n,) bool array
        Whether the balls of a rigid body are closer to the model's mirror image; False for
        bodies of balls in one plane, which is always so for three.
    """

    transforms: RigidTransforms
    positions: np.ndarray
    displacements: np.ndarray
    rigid: np.ndarray
    rms: np.ndarray
    mirrored: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.transforms)
        freeze(self, positions=(n, 3), displacements=(n, 3), rms=(n,))
        freeze(self, dtype=np.bool_, rigid=(n,), mirrored=(n,))

    def __len__(self) -> int:
        return len(self.transforms)


def extract_transforms(packed: PackedScene, *, method: Method = "kabsch") -> Poses:
    """Return the pose of every instance of a packed scene, in the order of its instances.

    The translation is ``mean(final balls) - R mean(model's balls)``, so that the means of the balls
    match (eq. 13) and the origin of the body frame is carried along.

    Parameters
    ----------
    packed : PackedScene
        The scene after packing.
    method : {"kabsch", "vectors"}, optional
        ``"kabsch"``: the rotation that fits all balls best, by least squares. ``"vectors"``: the
        paper's, from three balls. Both give the same rotation of a body that kept its shape.

    Examples
    --------
    What has only been placed has not moved:

    >>> from openmm_cgpack import as_packed, Filament, place
    >>> poses = extract_transforms(as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1)))
    >>> len(poses), poses.rigid.tolist(), float(np.abs(poses.displacements).max())
    (2, [False, False], 0.0)
    """
    if method not in get_args(Method):
        raise ValueError(f"method: wanted 'kabsch' or 'vectors', got {method!r}")
    check_packed(packed)
    scene = packed.scene
    n = scene.n_instances
    rotations = np.array(scene.transforms.rotations)
    translations, positions, initial = np.empty((n, 3)), np.empty((n, 3)), np.empty((n, 3))
    rms, mirrored = np.zeros(n), np.zeros(n, dtype=bool)
    for index, model in enumerate(scene.species):
        members = np.flatnonzero(scene.species_index == index)
        rows = scene.offsets[members][:, None] + np.arange(model.n_balls)
        final, start = packed.positions[rows], rotations[members]
        positions[members] = final.mean(axis=1)
        initial[members] = scene.positions[rows].mean(axis=1)
        fit = superpose(model.positions, final, start=start)
        rms[members] = fit.rms
        if model.is_rigid:
            mirrored[members], rotations[members] = fit.mirrored, fit.transforms.rotations
            if method == "vectors" and model.n_balls > 1:
                rotations[members] = two_vectors(model.positions, final, start)
        mean = model.positions.mean(axis=0)
        translations[members] = positions[members] - rotations[members] @ mean
    return Poses(
        transforms=RigidTransforms(rotations=rotations, translations=translations),
        positions=positions,
        displacements=positions - initial,
        rigid=np.array([model.is_rigid for model in scene.species])[scene.species_index],
        rms=rms,
        mirrored=mirrored,
    )


def two_vectors(reference: np.ndarray, moved: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the rotations (n, 3, 3) of a body (b, 3) to its moved balls (n, b, 3).

    From three balls: R_AB turns A0 B0 onto A1 B1 by the smallest rotation, R_AC turns about A1 B1
    until A1 C0' lies in the half plane of A1 C1, and the body has turned by ``R_AC R_AB`` from its
    `start` (n, 3, 3) (section 2.3 of the paper, figure 5). A and B are the pair of balls farthest
    apart, C is the ball farthest from their line: errors of the places then matter least. Balls on
    a line have no C, and keep R_AB.
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
