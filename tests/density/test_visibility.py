"""Visible parts of objects and their distance to the border, and outlines for files."""

import numpy as np
import pytest
from drawing import make_filament, make_membrane, make_molecule, make_packed, make_structure, turns

from openmm_cgpack.core import Grid
from openmm_cgpack.density import (
    painter_of,
    render_labels,
    visibility,
)

GRID = Grid(shape=(30, 40, 36), voxel_size=1.0, origin=[3.0, -8.0, 0.0])
LARGE = Grid(shape=(90, 100, 96), voxel_size=1.0, origin=[-27.0, -38.0, -30.0])


def world():
    molecule = make_molecule(make_structure(n=3000))
    filament, membrane = make_filament(), make_membrane()
    turn = turns(6)
    return make_packed(
        [
            (molecule, turn[0], [20, 10, 15]),
            (molecule, turn[1], [3.5, 10, 15]),
            (molecule, turn[2], [20, 10, 30.5]),
            (molecule, turn[3], [20, -60, 15]),
            (filament, turn[4], [10, 25, 15]),
            (membrane, turn[5], [25, 10, 5]),
        ]
    )


def test_visible_mass_is_the_part_of_the_mask_that_is_inside():
    """Masks on a grid that holds everything, of which the field of view is a part."""
    packed = world()
    seen = visibility(packed, grid=GRID)
    every = render_labels(packed, grid=LARGE).instances.data
    inner = every[30:60, 30:70, 30:66]
    assert inner.shape == GRID.shape
    for i in (0, 1, 2, 4, 5):
        part = (inner == i + 1).sum() / (every == i + 1).sum()
        assert seen.fraction[i] == pytest.approx(part, abs=0.04)
    assert seen.fraction[0] == 1
    assert seen.fraction[3] == 0
    assert 0.05 < seen.fraction[4] < 0.95 or 0.05 < seen.fraction[5] < 0.95


def test_border_is_that_of_the_voxels():
    seen = visibility(world(), grid=GRID)
    # Voxels reach from 2.5 to 38.5 nm in x, from -0.5 to 29.5 in z.
    assert seen.border[:4] == pytest.approx([14.5, 1.0, -1.0, -51.5], abs=1e-6)


def test_half_of_a_symmetric_object():
    filament = make_filament(n=8)
    packed = make_packed([(filament, np.eye(3), [2.5, 10, 15])])
    seen = visibility(packed, grid=GRID)
    assert seen.fraction == pytest.approx([0.5], abs=1e-3)
    assert seen.border == pytest.approx([0.0], abs=1e-9)


def test_centre_line_of_an_arc():
    """Balls on a circle: the line is on it, at its length, and goes on straight at its ends."""
    angle = np.linspace(0, np.pi, 13)
    balls = 20 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    geometry = make_filament(n=13, radius=2.0).geometry
    line = painter_of(geometry).line(geometry, balls, spacing=0.5).points
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    assert steps.max() <= 0.5 + 1e-9
    assert steps.sum() == pytest.approx(20 * np.pi + 4, rel=2e-3)
    middle = line[15:-15]
    assert np.linalg.norm(middle, axis=1) == pytest.approx(np.full(len(middle), 20), abs=0.05)
    assert line[0, 1] == pytest.approx(-2, abs=0.1)
    assert (line[0] @ balls[0]) > (line[0] @ balls[-1])


def test_middle_surface_of_a_sphere():
    """A mesh on a sphere: the smooth surface is nearer to it than its triangles are."""
    membrane = make_membrane(9, 9, step=1.0)
    flat = membrane.positions
    balls = np.column_stack([flat[:, :2], np.full(len(flat), 8.0)])
    balls *= 10 / np.linalg.norm(balls, axis=1)[:, None]
    surface = painter_of(membrane.geometry).surface(membrane.geometry, balls, cuts=4)
    vertices, faces = surface.vertices, surface.faces
    assert len(vertices) == 33 * 33
    inner = np.abs(np.linalg.norm(vertices, axis=1) - 10)
    triangles = balls[membrane.geometry.faces].mean(axis=1)
    rim = np.abs(vertices[:, :2]).max(axis=1) > 2.5
    assert inner[~rim].max() < 0.6 * np.abs(np.linalg.norm(triangles, axis=1) - 10).max()
    corners = vertices[faces]
    area = (
        np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        ).sum()
        / 2
    )
    own = balls[membrane.geometry.faces]
    below = np.linalg.norm(np.cross(own[:, 1] - own[:, 0], own[:, 2] - own[:, 0]), axis=1).sum() / 2
    assert area > below
    # Triangles keep the sense of rotation of the mesh.
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    theirs = np.cross(own[:, 1] - own[:, 0], own[:, 2] - own[:, 0])
    assert len(set(np.sign(normals[:, 2])) | set(np.sign(theirs[:, 2]))) == 1
