"""Small molecules for tests of scenes in boxes, and how close their atoms come."""

import numpy as np
from scipy.spatial import cKDTree

from openmm_cgpack.core import AtomicStructure, BallModel
from openmm_cgpack.packing import Squeeze
from openmm_cgpack.poses import extract_transforms

BY_DYNAMICS = Squeeze(up_to=0.0)
"""Rigid molecules are compressed by dynamics at any fraction."""


def blob(name="blob", seed=1, n=400, shape=(1.3, 0.8, 0.8)):
    """Return a body of five balls around `n` atoms on a lattice in an ellipsoid."""
    rng = np.random.default_rng(seed)
    axis = np.arange(-12, 13) * 0.25
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    radii = np.array(shape) * (n / 400) ** (1 / 3)
    atoms = cube[((cube / radii) ** 2).sum(axis=1) < 1.0]
    atoms = atoms + rng.normal(scale=0.02, size=atoms.shape)
    volume = 4 / 3 * np.pi * float(np.prod(radii + 0.1))
    structure = AtomicStructure(
        name=name,
        positions=atoms - atoms.mean(axis=0),
        masses=np.full(len(atoms), 12.0),
        elements=np.full(len(atoms), "C"),
        envelope_volume=volume,
    )
    ends = np.array([[-0.5, 0, 0], [0, 0.15, 0.1], [0, -0.15, 0.1], [0, 0, -0.15], [0.5, 0, 0]])
    return BallModel(
        name=name,
        positions=ends * radii[0] / 0.8,
        radii=np.full(5, radii[1] + 0.05),
        masses=np.full(5, 5000.0),
        rigid_groups=(np.arange(5),),
        volume=volume,
        structure=structure,
    )


def atoms(packed):
    """Return each body's atoms in the scene."""
    transforms = extract_transforms(packed).transforms
    return [
        transforms[i].apply(packed.scene.model(i).structure.positions)[0]
        for i in range(packed.scene.n_instances)
    ]


def closest_atoms(packed):
    """Return the least distance of atoms of two bodies up to 1 nm, all images included."""
    bodies = atoms(packed)
    owner = np.repeat(range(len(bodies)), [len(body) for body in bodies])
    period = np.where(packed.boundary.periodic, packed.boundary.box, 1e3)
    tree = cKDTree((np.concatenate(bodies) + period / 2) % period, boxsize=period)
    one, other = tree.query_pairs(1.0, output_type="ndarray").T
    others = owner[one] != owner[other]
    apart = tree.data[one[others]] - tree.data[other[others]]
    return np.linalg.norm(apart - period * np.rint(apart / period), axis=1).min(initial=1.0)
