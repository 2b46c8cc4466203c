import numpy as np
import pytest
from scipy import ndimage

from openmm_cgpack.imaging import MissingWedge
from openmm_cgpack.imaging.one_step import sampled_by_tilts

from .conftest import as_volume, exposure, wedge_mask


def wedge_of(volume, tilt_max):
    """Return the data of a volume without what no tilt sees."""
    return MissingWedge(tilt_max_deg=tilt_max)(volume.data, exposure())


def test_a_frequency_is_sampled_where_a_tilt_reaches_it():
    angles = np.arange(-90.0, 91.0, 1.0)
    # The central slice of tilt t holds (kx, kz) = (cos t, sin t).
    kx, kz = np.cos(np.deg2rad(angles)), np.sin(np.deg2rad(angles))
    np.testing.assert_array_equal(sampled_by_tilts(kz, kx, 60.0), np.abs(angles) <= 60.0)


def test_all_tilts_leave_nothing_out():
    assert wedge_mask((16, 8, 12), 90.0).all()


def test_the_part_that_is_missing():
    # On a square of frequencies |kz| > |kx| tan(60) fills 1 / (2 tan 60) of the area.
    mask = wedge_mask((400, 4, 400), 60.0)
    assert 1 - mask.mean() == pytest.approx(1 / (2 * np.tan(np.pi / 3)), abs=0.005)


def test_the_mask_of_a_long_box_is_in_real_angles():
    # 120 voxels in x, 30 in z: the same frequency has another index along each axis.
    mask = wedge_mask((30, 4, 120), 45.0)[:, 0]
    assert mask[10, 40]  # kz = kx = 1/3
    assert not mask[10, 39]
    assert mask[10, 41]
    assert mask[-10, 40]


def test_nothing_is_left_outside_the_sampled_range(lumps):
    image = wedge_of(lumps, 50.0)
    power = np.abs(np.fft.rfftn(image.astype(np.float64))) ** 2
    missing = np.broadcast_to(~wedge_mask(lumps.data.shape, 50.0), power.shape)
    assert power[missing].sum() < 1e-12 * power.sum()
    before = np.abs(np.fft.rfftn(lumps.data.astype(np.float64))) ** 2
    np.testing.assert_allclose(
        power[~missing], before[~missing], rtol=1e-3, atol=1e-9 * before.max()
    )


def test_a_ball_is_drawn_out_along_the_beam():
    z, y, x = np.indices((48, 48, 48)) - 24
    image = wedge_of(as_volume((z**2 + y**2 + x**2 < 25).astype(np.float32)), 60.0)
    half = image > image.max() / 2
    span = [int(np.ptp(np.nonzero(half)[axis])) for axis in range(3)]
    assert span[0] >= span[1] + 2
    assert span[0] >= span[2] + 2


def test_a_rod_across_the_beam_and_axis_keeps_what_a_rod_along_the_beam_keeps_not():
    # A rod's transform is a disc across it: across the beam (x) the disc holds kz and loses its
    # wedge, along y it loses it too, along the beam (z) the disc has kz = 0 and loses nothing.
    kept = []
    for axis in range(3):
        rod = np.zeros((48, 48, 48), np.float32)
        where = [slice(23, 26)] * 3
        where[axis] = slice(4, 44)
        rod[tuple(where)] = 1
        rod -= rod.mean()
        kept.append((wedge_of(as_volume(rod), 60.0) ** 2).sum() / (rod**2).sum())
    along_z, along_y, along_x = kept
    assert along_z > 0.9
    assert along_y == pytest.approx(2 / 3, abs=0.08)
    assert along_x < along_y


def test_projections_at_sampled_tilts_survive_and_others_do_not():
    # A second route through real space: rotate and sum, with u = x cos t + z sin t.
    z, x = np.indices((64, 8, 64))[::2] - 32.0
    data = np.zeros(x.shape)
    for cx, cz, width in [(9, 4, 3.0), (-7, 8, 2.5), (2, -10, 3.5)]:
        data += np.exp(-((x - cx) ** 2 + (z - cz) ** 2) / (2 * width**2))
    image = wedge_of(as_volume(data.astype(np.float32)), 40.0)

    def project(volume, tilt):
        c, s = np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt))
        # Along the ray p at u: (z, x) = (u sin t + p cos t, u cos t - p sin t).
        p, u = np.meshgrid(np.arange(-30, 31), np.arange(-20, 21))
        where = np.array([u * s + p * c + 32, np.full(u.shape, 4.0), u * c - p * s + 32])
        return ndimage.map_coordinates(volume, where, order=3, mode="grid-wrap").sum(axis=1)

    for tilt in (0, 20, -20):
        assert np.corrcoef(project(data, tilt), project(image, tilt))[0, 1] > 0.98
    assert np.corrcoef(project(data, 90), project(image, 90))[0, 1] < 0.7


def test_the_mask_is_the_sum_of_the_central_slices():
    # A second route: the slice of each tilt, drawn point by point into the plane of kx and kz.
    n = 64
    drawn = np.zeros((n, n // 2 + 1), bool)
    radius = np.arange(0.0, n, 0.25)
    for tilt in np.arange(-60.0, 60.01, 0.25):
        c, s = np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt))
        kx, kz = np.rint(radius * c).astype(int), np.rint(radius * s).astype(int)
        inside = (kx <= n // 2) & (np.abs(kz) <= n // 2)
        drawn[kz[inside] % n, kx[inside]] = True
    mask = wedge_mask((n, n, n), 60.0)[:, 0]
    # Every frequency in the wedge is drawn; drawn ones outside lie within a voxel of its border.
    assert not (mask & ~drawn).any()
    outside = np.argwhere(drawn & ~mask)
    kz = np.abs(np.where(outside[:, 0] > n // 2, outside[:, 0] - n, outside[:, 0]))
    distance = kz * np.cos(np.pi / 3) - outside[:, 1] * np.sin(np.pi / 3)
    assert distance.max() < np.sqrt(0.5) + 1e-9


@pytest.mark.parametrize("tilt", [0.0, -60.0, 90.5, np.nan])
def test_bad_tilts(tilt):
    with pytest.raises(ValueError, match="tilt_max_deg: wanted a number > 0 and <= 90"):
        MissingWedge(tilt_max_deg=tilt)
