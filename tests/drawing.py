"""Molecules and scenes to draw; asymmetric, so that no mirror or transpose goes unseen."""

import numpy as np
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    Curve,
    History,
    Mesh,
    PackedScene,
    RigidTransforms,
    Scene,
)


def make_structure(name="molecule", n=2500, seed=3, size=1.0, **fields):
    """Return atoms of three unequal lobes, not in one plane, about as dense as protein."""
    rng = np.random.default_rng(seed)
    lobes = np.array([[0, 0, 0], [4.5, 0, 0], [0, 3.0, 0], [0.5, 0.5, 2.5]]) * size
    widths = np.array([1.6, 0.9, 1.2, 0.7]) * size
    which = rng.choice(4, n, p=[0.5, 0.15, 0.25, 0.1])
    directions = rng.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    radius = widths[which] * rng.uniform(size=n) ** (1 / 3)
    positions = lobes[which] + directions * radius[:, None]
    masses = rng.choice([12.011, 14.007, 15.999, 32.06], n, p=[0.62, 0.17, 0.19, 0.02])
    positions -= masses @ positions / masses.sum()
    return AtomicStructure(name=name, positions=positions, masses=masses, **fields)


def make_molecule(structure, n_balls=4, volume=None):
    """Return a rigid body of a few of the atoms as balls."""
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(structure.positions), n_balls, replace=False)
    return BallModel(
        name=structure.name,
        positions=structure.positions[chosen],
        radii=np.full(n_balls, 2.0),
        masses=np.full(n_balls, 5000.0),
        rigid_groups=(np.arange(n_balls),),
        volume=volume or structure.mass / 813 * 1.4,
        structure=structure,
    )


def make_filament(n=6, radius=2.0, density=800.0, name="filament"):
    x = 2 * radius * (np.arange(n) - (n - 1) / 2)
    return BallModel(
        name=name,
        positions=np.stack([x, 0 * x, 0 * x], axis=1),
        radii=np.full(n, radius),
        masses=np.full(n, 5000.0),
        volume=np.pi * radius**2 * 2 * radius * n,
        geometry=Curve(balls=np.arange(n), radius=radius, density=density),
    )


def make_faces(m, n):
    """Return the triangles of a grid of m rows of n balls."""
    first = (np.arange(m - 1)[:, None] * n + np.arange(n - 1)).ravel()
    lower = np.stack([first, first + n, first + n + 1], axis=1)
    return np.concatenate([lower, np.stack([first, first + n + 1, first + 1], axis=1)])


def make_membrane(m=4, n=5, step=8.0, thickness=4.0, density=600.0, name="membrane"):
    row, column = np.divmod(np.arange(m * n), n)
    positions = np.stack([column * step, row * step, 0.0 * row], axis=1)
    return BallModel(
        name=name,
        positions=positions - positions.mean(axis=0),
        radii=np.full(m * n, step / 2),
        masses=np.full(m * n, 5000.0),
        volume=(m - 1) * (n - 1) * step**2 * thickness,
        geometry=Mesh(faces=make_faces(m, n), thickness=thickness, density=density),
    )


def make_vesicle(radius=12.0, thickness=4.0, density=430.0, name="vesicle"):
    """Return an octahedron, the coarsest of spheres, its faces counterclockwise from outside."""
    x, y, z = radius * np.eye(3)
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    return BallModel(
        name=name,
        positions=np.array([x, -x, y, -y, z, -z]),
        radii=np.full(6, 3.0),
        masses=np.full(6, 5000.0),
        volume=np.sqrt(3) / 4 * 2 * radius**2 * 8 * thickness,
        geometry=Mesh(faces=faces, thickness=thickness, density=density),
    )


def make_packed(placed, positions=None):
    """Return a packed scene of (model, rotation, translation) that stays as it was placed."""
    species = tuple({id(model): model for model, _, _ in placed}.values())
    scene = Scene(
        species=species,
        species_index=[species.index(model) for model, _, _ in placed],
        transforms=RigidTransforms(
            rotations=np.array([turn for _, turn, _ in placed]),
            translations=np.array([shift for _, _, shift in placed], float),
        ),
    )
    none = np.empty(0)
    history = History(step=none, radius_of_gyration=none, fraction=none, overlap=none, energy=none)
    positions = scene.positions if positions is None else positions
    return PackedScene(scene=scene, positions=positions, boundary=scene.boundary, history=history)


def turns(n, seed=0):
    """Return n random rotation matrices."""
    return Rotation.random(n, rng=np.random.default_rng(seed)).as_matrix()


def exact_map(positions, masses, sigma, grid):
    """Return a sum of Gaussians at the centres of voxels, Da/nm^3, with no lattice in between."""
    z, y, x = (
        np.exp(-0.5 * ((start + np.arange(n) * grid.voxel_size)[:, None] - p) ** 2 / sigma**2)
        / (np.sqrt(2 * np.pi) * sigma)
        for start, n, p in zip(grid.origin[::-1], grid.shape, positions.T[::-1], strict=True)
    )
    return np.einsum("zp,yp,xp->zyx", z * masses, y, x, optimize=True)


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
