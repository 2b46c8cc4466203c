"""The same by outside libraries: `pip install .[compare]` has those that CI goes without."""

import numpy as np
import pytest
import world
from scipy import stats
from scipy.ndimage import gaussian_filter, shift

from openmm_cgpack.core.tilts import TiltSeries
from openmm_cgpack.core.volume import Grid
from openmm_cgpack.export import Relion5
from openmm_cgpack.imaging import (
    Detector,
    Projector,
    RadiationDamage,
    Reconstruction,
    ctf,
    electron_wavelength,
    reconstruct,
)
from openmm_cgpack.imaging.one_step import sampled_by_tilts
from openmm_cgpack.imaging.stages import frequencies
from openmm_cgpack.io.star import read_star

from .conftest import exposure

N = 48
TILTS = np.deg2rad(np.arange(-60, 61, 3.0))


def alike(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


@pytest.fixture(scope="module")
def dots():
    """Return blurred dots in the middle of a cube, so that all of them are in every image."""
    points, rng = np.zeros((N, N, N)), np.random.default_rng(0)
    points[tuple(rng.integers(14, 34, (3, 20)))] = 1
    return gaussian_filter(points, 1.5).astype(np.float32)


@pytest.mark.parametrize("angle_deg", [0.0, 30.0])
def test_ctf_of_torch_ctf(angle_deg):
    outside = pytest.importorskip("torch_ctf")
    # Their contrast of mass is positive, and their axis turns as ours does: from x towards y.
    theirs = -outside.calculate_ctf_2d(
        defocus=2.0,
        astigmatism=0.2,
        astigmatism_angle=angle_deg,
        voltage=300.0,
        spherical_aberration=2.7,
        amplitude_contrast=0.07,
        phase_shift=20.0,
        pixel_size=2.5,
        image_shape=(96, 128),
        rfft=True,
        fftshift=False,
    ).numpy()
    ours = ctf(
        frequencies((96, 128), 0.25),
        defocus_um=(2.2, 1.8),
        astigmatism_angle=np.deg2rad(angle_deg),
        phase_shift=np.deg2rad(20),
        voltage_kv=300.0,
        cs_mm=2.7,
        amplitude_contrast=0.07,
    )
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_wavelength_of_codata():
    from scipy.constants import c, e, h, m_e

    for kv in (80, 100, 200, 300):
        energy = e * kv * 1e3
        exact = h * c / np.sqrt(energy * (energy + 2 * m_e * c**2))
        assert electron_wavelength(kv) == pytest.approx(exact * 1e9, rel=1e-6)


def test_exposure_filter_of_torch_fourier_filter():
    outside = pytest.importorskip("torch_fourier_filter.dose_weight")
    torch = pytest.importorskip("torch")
    # They weigh each of a stack against all of it.
    ones, doses = torch.ones((2, 96, 65), dtype=torch.complex64), torch.tensor([30.0, 60.0])
    theirs = outside.dose_weight_2d(ones, (96, 128), 2.5, doses, voltage=300.0).real.numpy()
    k, damage = frequencies((96, 128), 0.25), RadiationDamage()
    ours = np.stack([damage.transfer(k, exposure(pre_dose_e_per_a2=dose)) for dose in (30.0, 60.0)])
    np.testing.assert_allclose(ours / np.sqrt((ours**2).sum(axis=0)), theirs, atol=1e-6)


@pytest.mark.parametrize("mean", [0.7, 6.0])
def test_counts_are_scipys_poisson(mean):
    electrons = np.full((300, 300), mean, np.float32)
    counts = Detector(camera="perfect")(electrons, exposure(), np.random.default_rng(4)).ravel()
    most = int(stats.poisson(mean).ppf(0.999))
    found = np.bincount(np.minimum(counts, most + 1).astype(int), minlength=most + 2)
    chances = [*stats.poisson(mean).pmf(np.arange(most + 1)), stats.poisson(mean).sf(most)]
    assert stats.chisquare(found, counts.size * np.array(chances)).pvalue > 1e-3


def test_projection_of_torch_fourier_slice(dots):
    """Central slices of the Fourier transform against sums along lines."""
    outside = pytest.importorskip("torch_fourier_slice")
    matrices = pytest.importorskip("torch_affine_utils.transforms_3d")
    torch = pytest.importorskip("torch")
    few = TILTS[::5]
    turns = matrices.Ry(torch.tensor(np.rad2deg(-few)), zyx=True)[:, :3, :3].float()
    theirs = outside.project_3d_to_2d(torch.tensor(dots), turns, zyx_matrices=True).numpy()
    ours = Projector(shape=(N, N), angles=tuple(few)).forward(dots)
    assert min(alike(a, b) for a, b in zip(ours, theirs, strict=True)) > 0.999
    wrong = Projector(shape=(N, N), angles=tuple(-few)).forward(dots)
    assert alike(wrong[0], theirs[0]) < 0.7


def test_projection_and_back_projection_of_scikit_image(dots):
    outside = pytest.importorskip("skimage.transform")
    degrees = np.arange(-90, 90, 4.0)
    plane = dots[:, 24]
    # Its images turn the other way round, and the plane's rows count downwards.
    theirs = outside.radon(plane[::-1], degrees, circle=True).T
    volume = plane[:, None, :]
    angles = tuple(np.deg2rad(degrees))
    ours = Projector(shape=(N, N), angles=angles).forward(volume)
    # Its middle is that of the rows turned over: (N - 1) - N / 2 from their start.
    pairs = zip(theirs, angles, strict=True)
    moved = np.stack([shift(row, -np.sin(angle), order=3) for row, angle in pairs])
    assert alike(moved, ours[:, 0]) > 0.995
    series = TiltSeries(
        images=1 - 0.01 * ours,
        angles=np.array(angles),
        pixel_size=1.0,
        dose_e_per_a2=np.ones(len(angles)),
        grid=Grid(shape=volume.shape, voxel_size=1.0, origin=(0, 0, 0)),
    )
    mine = reconstruct(series, Reconstruction(cutoff=None, dark=False)).data[:, 0]
    back = outside.iradon(moved.T, degrees, filter_name="ramp", circle=True)[::-1]
    back = shift(back, (1, 0), order=1)
    assert alike(mine[8:40, 8:40], back[8:40, 8:40]) > 0.97


def test_tomogram_of_torch_tomogram_from_the_exported_geometry(dots, tmp_path):
    outside = pytest.importorskip("torch_tomogram")
    rng = np.random.default_rng(1)
    shifts = rng.uniform(-2, 2, (len(TILTS), 2))
    shifts -= shifts % 1  # whole pixels move without interpolation
    images = Projector(shape=(N, N), angles=tuple(TILTS)).forward(dots)
    moved = [np.roll(i, s[::-1].astype(int), (0, 1)) for i, s in zip(images, shifts, strict=True)]
    tilts = TiltSeries(
        images=np.stack(moved),
        angles=TILTS,
        pixel_size=1.05,
        dose_e_per_a2=np.ones(len(TILTS)),
        shifts=1.05 * shifts,
    )
    folder = Relion5().save(tmp_path / "relion5", world.molecules()[1], tilts)
    table = read_star(folder / "tilt_series" / "world.star")["world"]
    column = {key: np.array(table[f"rlnTomo{key}"], float) for key in ("YTilt", "ZRot")}
    places = np.stack([table[f"rlnTomo{axis}ShiftAngst"] for axis in "YX"], 1).astype(float) / 10.5
    made = outside.Tomogram(column["YTilt"], column["ZRot"], places, tilts.images.copy())
    theirs = made.reconstruct_tomogram((N, N, N), N).numpy()
    right = alike(theirs, dots)
    assert right > 0.8
    for half in ((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)):
        assert alike(theirs, shift(dots, half)) < right
    # What it leaves out is our missing wedge; a slice reaches two voxels or so to either side.
    kz, kx = np.abs(np.fft.fftfreq(N))[:, None, None], np.fft.rfftfreq(N)[None, None, :]
    missing = ~sampled_by_tilts(np.maximum(kz - 2 / N, 0), kx, 60.0)
    missing = np.broadcast_to(missing, (N, N, N // 2 + 1))
    found, whole = ((np.abs(np.fft.rfftn(v))[missing] ** 2).sum() for v in (theirs, dots))
    assert found < 0.02 * whole
