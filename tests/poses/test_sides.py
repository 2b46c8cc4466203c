"""What has gone through membranes."""

import dataclasses

import numpy as np
import pytest
from cells import BOX, RADIUS, scene_of, small_cell
from dense_scenes import blob
from elastic_meshes import icosphere
from helpers import chain

from openmm_cgpack.core import Open, Periodic, Slab
from openmm_cgpack.core.triangles import pierced, winding_numbers
from openmm_cgpack.models import Sheet, Vesicle
from openmm_cgpack.packing import as_packed
from openmm_cgpack.poses import crossings


def numbers(packed):
    found = crossings(packed)
    return found.changed, found.straddling, found.pierced


def moved(packed, instance, shift):
    """Return the scene with one instance moved, nm."""
    positions = np.array(packed.positions)
    positions[packed.scene.balls(instance)] += shift
    return dataclasses.replace(packed, positions=positions)


def test_winding_numbers_of_a_sphere():
    points, faces = icosphere(3, 10.0)
    corners = points[faces]
    rng = np.random.default_rng(1)
    places = rng.uniform(-14, 14, (400, 3))
    r = np.linalg.norm(places, axis=1)
    found = winding_numbers(places, corners)
    inside = r < 9.8
    assert found[inside] == pytest.approx(np.ones(inside.sum()), abs=0.02)
    assert found[r > 10] == pytest.approx(np.zeros((r > 10).sum()), abs=0.02)
    # Seen from a face's plane a flat square takes half of all directions.
    square = np.array(
        [[[-1.0, -1, 0], [1, -1, 0], [1, 1, 0]], [[-1, -1, 0], [1, 1, 0], [-1, 1, 0]]]
    )
    assert winding_numbers(np.array([[0.1, 0.2, -1e-9]]), square) == pytest.approx([0.5])
    # A cube's face seen from its middle is a sixth of all directions.
    assert winding_numbers(np.array([[0.0, 0, -1]]), square) == pytest.approx([1 / 6])


def test_segments_pass_through_triangles_across_a_boundary():
    triangle = np.array([[[4.0, -2, -2], [4.0, 2, -2], [4.0, 0, 3]]])
    start, end, beyond = np.array([[[-7.0, 0, 0]], [[-5.0, 0, 0]], [[-5.0, 0, 9]]])
    assert pierced(start, end, triangle, Open())[0].tolist() == []
    assert pierced(start, end, triangle, Periodic(box=10.0))[0].tolist() == [0]
    assert pierced(start, beyond, triangle, Periodic(box=(10, 50, 50)))[0].tolist() == []


@pytest.mark.parametrize("centre", [(0, 0, 0), (BOX / 2, 0, 0), (BOX / 2, BOX / 2, -BOX / 2)])
def test_a_cell_as_placed_has_none_and_one_dragged_molecule_is_found(centre):
    packed = as_packed(small_cell(centre=centre))
    assert numbers(packed) == (0, 0, 0)
    assert numbers(moved(packed, 1, [2 * RADIUS, 0, 0])) == (1, 0, 0)
    half = RADIUS - packed.scene.positions[packed.scene.balls(1)].mean(axis=0)[0] + centre[0]
    found = crossings(moved(packed, 1, [half, 0, 0]))
    assert (found.changed, found.straddling) == (0, 1)
    assert found.where == "instance 2 (inner) on both sides of instance 1 (vesicle)"
    # Images are as good as the molecule.
    assert numbers(moved(packed, 1, [BOX, -BOX, 0])) == (0, 0, 0)
    assert numbers(moved(packed, 14, [-19.0, 0, 0]))[:2] == (1, 0)
    assert numbers(moved(packed, 15, [0, 0, 7.0])) == (0, 0, 0)


def test_the_own_membrane_of_a_protein_does_not_count():
    packed = as_packed(small_cell(protein=False))
    scene = scene_of([*zip(packed.scene.species, _places(packed), strict=True)])
    assert numbers(as_packed(scene)) == (0, 0, 0)
    lone = scene_of([(packed.scene.species[0], [0, 0, 0]), (blob(), [0, 0, RADIUS])])
    assert numbers(as_packed(lone))[1] == 1


def _places(packed):
    scene = packed.scene
    return [scene.transforms.translations[scene.species_index == s] for s in range(4)]


def test_a_filament_through_a_vesicle_and_a_vesicle_through_another():
    vesicle = Vesicle(radius=RADIUS).build()
    needle = chain(n=13)
    scene = scene_of([(vesicle, [0, 0, 0]), (needle, [0.3, 0.2, 0])], boundary=Open())
    assert numbers(as_packed(scene)) == (0, 1, 2)
    two = scene_of([(vesicle, [[0, 0, 0], [30.0, 0, 0]])], boundary=Periodic(box=100))
    assert numbers(as_packed(two)) == (0, 0, 0)
    crossed = crossings(moved(as_packed(two), 1, [-10.0, 0, 0]))
    assert crossed.pierced > 10
    assert crossed.straddling == 2
    # One that is drawn inside out at a vertex goes through itself.
    inward = np.array(as_packed(two).positions)
    inward[0] *= -1.1
    assert crossings(dataclasses.replace(as_packed(two), positions=inward)).pierced > 0


@pytest.mark.parametrize("boundary", [Slab(box=(30, 30, 40)), Periodic(box=(30, 30, 40))])
def test_a_sheet_across_the_box(boundary):
    sheet = Sheet(size=(30, 30)).build()
    parts = [(sheet, [0, 0, 3.0]), (blob(), [[5, 5, 12], [14.9, 14, -8]])]
    packed = as_packed(scene_of(parts, boundary=boundary))
    assert numbers(packed) == (0, 0, 0)
    through = crossings(moved(packed, 1, [0, 0, -16.0]))
    half = crossings(moved(packed, 1, [0, 0, -9.0]))
    assert half.straddling == 1
    # One sheet in a box that repeats across it: there is a way round.
    assert (through.changed, through.straddling) == (int(boundary.walls[2]), 0)
    assert numbers(moved(packed, 2, [30, -30, 0])) == (0, 0, 0)


def test_between_two_sheets_in_a_box_that_repeats():
    boundary = Periodic(box=(30, 30, 60))
    sheets = [Sheet(size=(30, 30), name=name).build() for name in ("low", "high")]
    parts = [
        (sheets[0], [0, 0, -15.0]),
        (sheets[1], [0, 0, 15.0]),
        (blob(), [[0, 0, 0], [0, 0, 25]]),
    ]
    packed = as_packed(scene_of(parts, boundary=boundary))
    assert numbers(packed) == (0, 0, 0)
    assert numbers(moved(packed, 3, [0, 0, 8.0])) == (0, 0, 0)
    assert numbers(moved(packed, 3, [0, 0, 60.0])) == (0, 0, 0)
    assert numbers(moved(packed, 2, [0, 0, 24.0]))[0] == 1
    assert numbers(moved(packed, 3, [0, 0, 25.0]))[0] == 1
    # Sheets that drift through the box's end take everything along.
    along = packed
    for instance in range(4):
        along = moved(along, instance, [0, 0, 20.0 - (60.0 if instance == 1 else 0.0)])
    assert numbers(along) == (0, 0, 0)
