"""Where copies of structures stand in a packed scene: molecules, and the monomers of helices."""

from __future__ import annotations

import numpy as np

from ..core.scene import Scene
from ..core.transforms import RigidTransforms


def structure_poses(
    scene: Scene, instance: int, *, positions: np.ndarray, transforms: RigidTransforms
) -> RigidTransforms:
    """Return the poses of all copies of its model's structure that an instance holds.

    That is one of a molecule, one a monomer of a helix (along the curve through its balls as they
    are), and none of what has no structure.

    Parameters
    ----------
    scene : Scene
        The scene.
    instance : int
        The instance, from 0.
    positions : (b, 3) array
        Centres of all balls as they are, nm.
    transforms : RigidTransforms
        Those of all instances (`extract_transforms`).

    Returns
    -------
    RigidTransforms
        From the structure's body frame to the scene.

    Examples
    --------
    >>> from openmm_cgpack import Helix, Molecule, place
    >>> ring = Helix(species="1f1b", rise=12.0, twist_deg=30.0, persistence_length=1e3, length=36.0)
    >>> counts = [(ring.build(), 1), (Molecule(species="3hhb").build(), 1)]
    >>> scene = place(counts, seed=1)
    >>> start = {"positions": scene.positions, "transforms": scene.transforms}
    >>> [len(structure_poses(scene, i, **start)) for i in range(2)]
    [3, 1]
    """
    model = scene.model(instance)
    if model.structure is None:
        return RigidTransforms.identity(0)
    if model.geometry is not None:
        balls = positions[scene.balls(instance)]
        monomers = model.geometry.monomers(balls, scene.transforms.rotations[instance])
        if monomers is not None:
            return monomers
    return transforms[instance]
