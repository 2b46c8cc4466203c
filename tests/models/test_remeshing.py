import numpy as np
import pytest

from openmm_cgpack.models import remesh, sphere_mesh
from openmm_cgpack.models.projections import onto_ellipsoid, onto_triangles
from openmm_cgpack.models.triangulation import area_vectors, edges_of, volume_of


@pytest.mark.parametrize(("start", "edge"), [(1.7, 4.0), (9.0, 3.0)])
def test_fine_and_coarse_meshes_become_even(start, edge):
    vertices, faces = sphere_mesh(12, start)
    stretched = vertices * [1, 1, 1.5]
    vertices, faces = remesh(stretched, faces, edge, onto_ellipsoid((12, 12, 18)))
    edges = edges_of(faces)
    lengths = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    assert lengths.mean() == pytest.approx(edge, rel=0.06)
    assert lengths.std() < 0.13 * edge
    assert np.isin(np.bincount(edges.ravel()), (5, 6, 7)).all()
    # closed, of genus 0, and each edge between two faces that run along it in either way
    assert len(vertices) - len(edges) + len(faces) == 2
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(sides, axis=0)) == len(sides) == 2 * len(edges)
    up = area_vectors(vertices[faces])
    assert (np.einsum("fi,fi->f", up, vertices[faces].mean(axis=1)) > 0).all()
    assert volume_of(vertices[faces]) == pytest.approx(4 / 3 * np.pi * 12**2 * 18, rel=0.08)


def test_the_nearest_points_of_triangles_by_trying():
    rng = np.random.default_rng(3)
    vertices, faces = sphere_mesh(10, 6)
    points = rng.normal(scale=8, size=(12, 3))
    found = onto_triangles(vertices, faces, 1.0)(points)
    weights = rng.dirichlet([0.5] * 3, size=3000)
    samples = np.einsum("sk,fki->fsi", weights, vertices[faces]).reshape(-1, 3)
    for point, place in zip(points, found, strict=True):
        nearest = np.linalg.norm(samples - point, axis=1).min()
        assert nearest - 0.15 < np.linalg.norm(place - point) < nearest + 1e-9
