"""Membranes with exact shapes, for tests: spheres, sheets and tubes across a box."""

import numpy as np

from openmm_cgpack.core import BallModel, Elasticity, Mesh


def icosphere(halvings, radius=1.0):
    """Return vertices and counterclockwise faces of an icosahedron, its edges halved over again."""
    phi = (1 + 5**0.5) / 2
    a, b = np.array([(s, t * phi) for s in (-1, 1) for t in (-1, 1)]).T
    zero = np.zeros(4)
    corners = ((zero, a, b), (a, b, zero), (b, zero, a))
    points = np.concatenate([np.stack(corner, axis=1) for corner in corners])
    gaps = np.linalg.norm(points[:, None] - points, axis=2)
    near = np.abs(gaps - 2) < 1e-9
    faces = [
        (i, j, k) if np.linalg.det(points[[i, j, k]]) > 0 else (i, k, j)
        for i in range(12)
        for j in range(i)
        for k in range(j)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    faces = np.array(faces)
    for _ in range(halvings):
        sides = np.sort(faces[:, [[1, 2], [2, 0], [0, 1]]].reshape(-1, 2), axis=1)
        edges, number = np.unique(sides, axis=0, return_inverse=True)
        mid = len(points) + number.reshape(-1, 3)
        points = np.concatenate([points, points[edges].mean(axis=1)])
        corner = [np.stack([faces[:, i], mid[:, i - 1], mid[:, i - 2]], axis=1) for i in range(3)]
        faces = np.concatenate([*corner, mid])
    return radius * points / np.linalg.norm(points, axis=1)[:, None], faces


def lattice(shape, edge=1.0):
    """Return vertices and faces of a triangular lattice that repeats in x and y, and its box."""
    m, n = shape
    i, j = np.divmod(np.arange(m * n), n)
    points = edge * np.stack([i + 0.5 * (j % 2), j * 3**0.5 / 2, 0.0 * i], axis=1)
    right, shifted = (i + 1) % m, (i + j % 2) % m
    up, left = (j + 1) % n, (i + j % 2 - 1) % m

    def at(a, b):
        return a * n + b

    faces = np.concatenate(
        [
            np.stack([at(i, j), at(right, j), at(shifted, up)], axis=1),
            np.stack([at(i, j), at(shifted, up), at(left, up)], axis=1),
        ]
    )
    return points, faces, edge * np.array([m, n * 3**0.5 / 2, 0.0])


def membrane(points, faces, *, name="membrane", period=(0.0, 0.0, 0.0), radius=0.5, **elastic):
    """Return a model whose rest area is that of the mesh, with bending constant 50 kJ/mol."""
    mesh = Mesh(faces=faces, thickness=4.0, density=430.0, period=period)
    a, b, c = mesh.corners(points).transpose(1, 0, 2)
    area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
    constants = {"bending": 50.0, "area": area, "area_modulus": 145.0} | elastic
    return BallModel(
        name=name,
        positions=points,
        radii=np.full(len(points), radius),
        masses=np.full(len(points), 5000.0),
        volume=4.0 * area,
        geometry=mesh,
        elasticity=Elasticity(**constants),
    )
