import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from openmm_cgpack.imaging import Projector
from openmm_cgpack.imaging.projection import by_planes, joseph_matrix, slab_matrix

ANGLES = tuple(np.deg2rad([-90, -89, -63, -45, -20, 0, 7, 45, 60, 89, 90]))


@pytest.mark.parametrize("border", ["vacuum", "mirror", "periodic"])
def test_forward_and_transpose_are_adjoint(border):
    rng = np.random.default_rng(0)
    projector = Projector(shape=(9, 14), angles=ANGLES, n_pixels=16, border=border)
    volume = rng.standard_normal((9, 5, 14)).astype(np.float32)
    images = rng.standard_normal((len(ANGLES), 5, 16)).astype(np.float32)
    there = np.vdot(projector.forward(volume).astype(float), images)
    back = np.vdot(volume.astype(float), projector.transpose(images))
    assert there == pytest.approx(back, rel=1e-5)


@pytest.mark.parametrize("angle", ANGLES)
def test_a_point_falls_where_geometry_says(angle):
    # Off centre in x and z, and blurred, so that its middle shows to a hundredth of a pixel.
    shape, point = (48, 64), np.array([30, 41])
    plane = np.zeros(shape)
    plane[tuple(point)] = 1
    plane = gaussian_filter(plane, 1.5)
    image = joseph_matrix(shape, angle) @ plane.ravel()
    z, x = point - np.array([24, 32])
    u = image @ np.arange(64) / image.sum() - 32
    assert u == pytest.approx(x * np.cos(angle) + z * np.sin(angle), abs=0.01)
    assert image.sum() == pytest.approx(1.0, abs=5e-3)


def test_projection_at_0_and_90_degrees_are_plain_sums():
    volume = np.random.default_rng(1).random((8, 3, 8), dtype=np.float32)
    projector = Projector(shape=(8, 8), angles=(0.0, np.pi / 2))
    flat, edge = projector.forward(volume)
    np.testing.assert_allclose(flat, volume.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(edge, volume.sum(axis=2).T, rtol=1e-6)


@pytest.mark.parametrize("angle", np.deg2rad([0, 20, 44.9, 45.1, 60, -60]))
@pytest.mark.parametrize("border", ["mirror", "periodic"])
def test_a_slab_without_borders_looks_even_and_thicker_when_tilted(angle, border):
    image = joseph_matrix((20, 64), angle, border=border) @ np.ones(20 * 64)
    # Beyond 45 degrees lines are cut into steps of a column; ends of the slab are ramps.
    np.testing.assert_allclose(image, 20 / np.cos(angle), rtol=0.02)


def test_a_vacuum_ends_the_slab_at_its_borders():
    image = joseph_matrix((20, 64), np.deg2rad(60)) @ np.ones(20 * 64)
    assert image[0] == 0
    assert image[32] == pytest.approx(40, rel=0.05)


def test_beyond_the_mirrored_borders_is_nothing():
    image = joseph_matrix((8, 16), np.deg2rad(89), border="mirror") @ np.ones(8 * 16)
    assert image[8] == pytest.approx(7 * 16, rel=0.05)


@pytest.mark.parametrize("border", ["vacuum", "mirror"])
@pytest.mark.parametrize("angle", np.deg2rad([0, 30, -60, 90]))
def test_slabs_add_up_to_the_projection(angle, border):
    plane = np.random.default_rng(2).random(24 * 32)
    matrix, depths = slab_matrix((24, 32), angle, depth_step=5.0, border=border)
    slabs = (matrix @ plane).reshape(len(depths), 32)
    whole = joseph_matrix((24, 32), angle, border=border) @ plane
    np.testing.assert_allclose(slabs.sum(axis=0), whole, rtol=1e-5)


def test_a_point_is_in_the_slab_of_its_depth():
    angle, plane = np.deg2rad(35), np.zeros((40, 64))
    plane[28, 20] = 1
    depth = -(20 - 32) * np.sin(angle) + (28 - 20) * np.cos(angle)
    matrix, depths = slab_matrix((40, 64), angle, depth_step=1.0)
    weight = (matrix @ plane.ravel()).reshape(len(depths), -1).sum(axis=1)
    assert weight @ depths / weight.sum() == pytest.approx(depth, abs=0.6)


def test_threads_change_nothing():
    volume = np.random.default_rng(3).random((10, 70, 12), dtype=np.float32)
    projector = Projector(shape=(10, 12), angles=ANGLES)
    one = projector.forward(volume)
    assert one.tobytes() == projector.forward(volume, threads=3).tobytes()
    out = np.empty_like(volume)
    by_planes(projector.transposed, one, out, 2)
    assert out.tobytes() == projector.transpose(one).tobytes()


def test_unknown_border():
    with pytest.raises(ValueError, match="border: wanted one of mirror, periodic, vacuum, got"):
        joseph_matrix((4, 4), 0.0, border="ice")
