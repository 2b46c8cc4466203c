"""Where copies of structures stand in a packed scene: molecules, and the monomers of helices."""

from __future__ import annotations

from ..core.scene import PackedScene
from ..core.transforms import RigidTransforms


def structure_poses(
    packed: PackedScene, instance: int, transforms: RigidTransforms
) -> RigidTransforms:
    """Return the poses of all copies of its model's structure that an instance holds.

    That is one of a molecule, one a monomer of a helix (along the curve through its balls as they
    are), and none of what has no structure.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    instance : int
        The instance, from 0.
    transforms : RigidTransforms
        Those of all instances (`extract_transforms`).

    Returns
    -------
    RigidTransforms
        From the structure's body frame to the scene.

    Examples
    --------
    >>> from openmm_cgpack import Helix, Molecule, as_packed, extract_transforms, place
    >>> ring = Helix(species="1f1b", rise=12.0, twist_deg=30.0, persistence_length=1e3, length=36.0)
    >>> counts = [(ring.build(), 1), (Molecule(species="3hhb").build(), 1)]
    >>> packed = as_packed(place(counts, seed=1))
    >>> transforms = extract_transforms(packed).transforms
    >>> [len(structure_poses(packed, i, transforms)) for i in range(2)]
    [3, 1]
    """
    scene = packed.scene
    model = scene.model(instance)
    if model.structure is None:
        return RigidTransforms.identity(0)
    if model.geometry is not None:
        balls = packed.positions[scene.balls(instance)]
        monomers = model.geometry.monomers(balls, scene.transforms.rotations[instance])
        if monomers is not None:
            return monomers
    return transforms[instance]
