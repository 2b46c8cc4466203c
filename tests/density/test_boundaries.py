"""Density and labels of scenes in boxes."""

import dataclasses

import numpy as np
import pytest
from drawing import make_filament
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    Periodic,
    RigidTransforms,
    Scene,
    Slab,
)
from openmm_cgpack.density import (
    MapSettings,
    box_grid,
    render_density,
    render_labels,
    scene_grid,
    scene_mass,
    visibility,
)
from openmm_cgpack.packing import as_packed


def molecule(seed=1, n=300):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(n, 3)) * [2.0, 1.2, 0.8]
    structure = AtomicStructure(
        name=f"m{seed}", positions=positions, masses=np.full(n, 12.0), envelope_volume=60.0
    )
    return BallModel(
        name=f"m{seed}",
        positions=positions[:4],
        radii=np.ones(4),
        masses=np.ones(4),
        rigid_groups=(np.arange(4),),
        volume=60.0,
        structure=structure,
    )


def packed_at(translations, boundary, seed=3):
    rotations = Rotation.random(len(translations), random_state=seed).as_matrix()
    scene = Scene(
        species=(molecule(),),
        species_index=[0] * len(translations),
        transforms=RigidTransforms(rotations=rotations, translations=translations),
        boundary=boundary,
    )
    return as_packed(scene)


PLACES = np.array([[14.5, 3.0, -2.0], [0.0, -14.8, 14.9], [2.0, 1.0, 0.0]])


def test_a_periodic_box_holds_all_mass_wherever_bodies_stand():
    packed = packed_at(PLACES, Periodic(box=30.0))
    density = render_density(packed, MapSettings(voxel_size=1.0))
    assert density.data.shape == (30, 30, 30)
    assert density.data.sum() == pytest.approx(3 * 300 * 12.0, rel=1e-5)


def test_a_shift_by_whole_voxels_rolls_the_map_and_the_labels():
    boundary = Periodic(box=(30.0, 24.0, 28.0))
    shift = np.array([7, -5, 11])
    one = packed_at(PLACES * 0.8, boundary)
    other = packed_at(PLACES * 0.8 + shift, boundary)
    rolled = np.roll(render_density(one).data, shift[::-1], axis=(0, 1, 2))
    np.testing.assert_allclose(render_density(other).data, rolled, atol=1e-3)
    labels = [render_labels(packed).instances.data for packed in (one, other)]
    np.testing.assert_array_equal(labels[1], np.roll(labels[0], shift[::-1], axis=(0, 1, 2)))


def test_an_object_across_the_boundary_has_one_label_on_both_sides():
    packed = packed_at(PLACES[:1], Periodic(box=30.0))
    labels = render_labels(packed).instances.data
    assert labels[:, :, 0].any()
    assert labels[:, :, -1].any()
    assert set(np.unique(labels)) == {0, 1}
    # As many voxels as in the middle of the box, within what the lattice makes of a surface.
    middle = render_labels(packed_at([[0.0, 0, 0]], Periodic(box=30.0))).instances.data
    assert (labels > 0).sum() == pytest.approx((middle > 0).sum(), rel=0.08)


def test_a_slab_repeats_sideways_only():
    packed = packed_at([[14.5, 0.0, 0.0], [0.0, 0.0, 14.5]], Slab(box=30.0))
    with pytest.warns(UserWarning, match=r"the map holds 76\.2% of the scene's mass, .*edges"):
        density = render_density(packed).data
    sideways, upwards = density[10:20, :, 0].sum(), density[0].sum()
    assert sideways > 50
    assert upwards == 0


@pytest.mark.parametrize(
    ("box", "voxel_size", "shape", "drawn"),
    [
        ((30, 24, 28), 2.0, (15, 12, 14), 2.0),  # as asked, where that fills the box
        ((60, 60, 60), 0.784, (76, 76, 76), 60 / 76),  # 76.5 of them do not
        ((60, 50, 40), 0.784, (78, 65, 52), 60 / 78),  # one size for all three edges
        ((83.127,) * 3, 1.0, (84, 84, 84), 83.127 / 84),  # an even number
        ((3, 3, 3), 5.0, (1, 1, 1), 3.0),
    ],
)
def test_voxels_fill_a_box_that_repeats(box, voxel_size, shape, drawn):
    grid = scene_grid(Periodic(box=box), voxel_size=voxel_size)
    assert grid.shape[::-1] == shape
    assert grid.voxel_size == pytest.approx(drawn)
    assert grid.size == pytest.approx(np.array(box, float))


def test_the_grid_between_walls_holds_all_of_the_box():
    slab = Slab(box=(30.0, 24.0, 21.3))
    grid = scene_grid(slab)
    assert grid.shape == (22, 24, 30)
    assert grid.tiles(slab) == (True, True, False)


def test_another_box_is_a_period_only_where_it_is_as_long_as_one():
    grid = scene_grid(Periodic(box=(30, 30, 20)), voxel_size=0.7, size=(30, 12.0, 20))
    assert grid.size == pytest.approx([30, 16 * grid.voxel_size, 20])
    assert abs(grid.voxel_size / 0.7 - 1) < 0.05


SIZES = {
    "of a cube": (30.0, 0.784),
    "of three edges": ((30.0, 25.0, 35.0), 0.93),
    "that no cubes fill": ((30.0, 27.3, 30 * np.sqrt(1.1)), 0.9),
}


@pytest.mark.parametrize(("box", "voxel_size"), SIZES.values(), ids=SIZES)
def test_all_mass_is_drawn_just_once(box, voxel_size):
    """Bodies across faces, edges and corners, and a thread that leaves the box many times."""
    settings = MapSettings(voxel_size=voxel_size, resolution=2.5)
    boundary = Periodic(box=box)
    edges = np.array(boundary.box)
    rng = np.random.default_rng(7)
    places = edges * np.array([[0.5, 0, 0], [0.5, 0.5, 0.1], [-0.5, 0.5, -0.5], [0.1, 0.2, 0.3]])
    thread = make_filament(30, radius=1.5)
    rotations = [*Rotation.random(4, random_state=3).as_matrix(), np.eye(3)]
    translations = [*(places + rng.uniform(-1, 1, (4, 3))), np.zeros(3)]
    scene = Scene(
        species=(molecule(), thread),
        species_index=[0, 0, 0, 0, 1],
        transforms=RigidTransforms(rotations=rotations, translations=translations),
        boundary=boundary,
    )
    packed = as_packed(scene)
    with pytest.warns(UserWarning, match="voxel_size: "):
        density = render_density(packed, settings)
    mass = density.data.sum(dtype=float) * density.voxel_size**3
    assert mass == pytest.approx(scene_mass(packed, settings), rel=1e-5)
    grid = density.grid
    assert all(grid.tiles(boundary))
    assert np.abs(grid.size - edges).max() < grid.voxel_size / 2
    seen = visibility(packed, settings)
    assert seen.fraction == pytest.approx(np.ones(5), abs=1e-12)
    assert (seen.border > -grid.voxel_size).all()
    # A slab of it has no more mass than the scene, and none beyond its walls twice.
    slab = dataclasses.replace(packed, scene=dataclasses.replace(scene, boundary=Slab(box=box)))
    slab = dataclasses.replace(slab, boundary=Slab(box=box))
    grid = settings.grid(slab)
    flat = render_density(slab, settings, grid=grid)
    held = flat.data.sum(dtype=float) * grid.voxel_size**3
    parts = visibility(slab, settings).fraction
    each = [scene.model(i).structure.mass for i in range(4)]
    each.append(scene_mass(packed, settings) - sum(each))
    assert held == pytest.approx(parts @ each, rel=0.03)
    assert held < mass


def test_a_grid_larger_than_the_box_shows_its_images():
    packed = packed_at(PLACES, Periodic(box=30.0))
    wide = render_density(packed, grid=box_grid(60.0)).data
    np.testing.assert_allclose(wide[:30], wide[30:], atol=1e-3)
