"""Density and labels of scenes in boxes."""

import numpy as np
import pytest
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
    bounding_grid,
    box_grid,
    render_density,
    render_labels,
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
    density = render_density(packed).data
    sideways, upwards = density[10:20, :, 0].sum(), density[0].sum()
    assert sideways > 50
    assert upwards == 0


def test_the_grid_of_a_box_is_the_box():
    packed = packed_at(PLACES, Periodic(box=(30.0, 24.0, 28.0)))
    grid, wanted = bounding_grid(packed, voxel_size=2.0), box_grid((30, 24, 28), voxel_size=2.0)
    assert grid.shape == wanted.shape
    np.testing.assert_array_equal(grid.origin, wanted.origin)


def test_a_grid_larger_than_the_box_shows_its_images():
    packed = packed_at(PLACES, Periodic(box=30.0))
    wide = render_density(packed, grid=box_grid(60.0)).data
    np.testing.assert_allclose(wide[:30], wide[30:], atol=1e-3)
