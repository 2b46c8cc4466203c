"""What it costs to draw thousands of molecules, beside turning their maps by interpolation."""

import resource
import time

import numpy as np
import pytest
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from openmm_cgpack import PackedScene, RigidTransforms, Scene, library
from openmm_cgpack.core import History
from openmm_cgpack.density import (
    box_grid,
    gaussian_sigma,
    particle_table,
    render_density,
    render_labels,
    species_map,
)
from openmm_cgpack.models import single_ball

SPECIES = ("1bxn", "1f1b", "1oel", "1w6t", "2cg9", "3hhb", "3j9i", "4v4r")


@pytest.fixture(scope="module")
def models():
    return tuple(single_ball(library.load(name)) for name in SPECIES)


def scattered(models, n, size):
    """Return n molecules at random poses, as a packed scene."""
    rng = np.random.default_rng(0)
    transforms = RigidTransforms(
        rotations=Rotation.random(n, random_state=1).as_matrix(),
        translations=(rng.random((n, 3)) - 0.5) * size,
    )
    index = np.arange(n) % len(models)
    scene = Scene(species=models, species_index=index, transforms=transforms)
    none = np.empty(0)
    history = History(step=none, radius_of_gyration=none, fraction=none, overlap=none, energy=none)
    return PackedScene(
        scene=scene, positions=scene.positions, boundary=scene.boundary, history=history
    )


def summed_gaussians(packed, grid, sigma):
    """Return a map made of one Gaussian for every point of every molecule, in no bins."""
    data = np.zeros(grid.shape)
    axes = [grid.origin[k] + grid.voxel_size * np.arange(grid.shape[::-1][k]) for k in range(3)]
    for i in range(packed.scene.n_instances):
        structure = packed.scene.model(i).structure
        width = np.sqrt(sigma**2 + structure.point_variance)
        pose = packed.scene.transforms[np.array([i])]
        points = structure.positions @ pose.rotations[0].T + pose.translations[0]
        x, y, z = (
            np.exp(-(((axis - points[:, k, None]) / width) ** 2) / 2) for k, axis in enumerate(axes)
        )
        weights = structure.masses / (2 * np.pi * width**2) ** 1.5
        plane = (y[:, :, None] * x[:, None, :]).reshape(len(points), -1)
        data += ((weights[:, None] * z).T @ plane).reshape(grid.shape)
    return data


def test_error_of_placing(models, record):
    """The same drawing against a Gaussian for every point."""
    size = (60, 50, 40)
    packed, grid = scattered(models, 2 * len(models), size), box_grid(size, voxel_size=1.0)
    exact = summed_gaussians(packed, grid, gaussian_sigma(4.0))
    drawn = render_density(packed, grid=grid).data
    error = np.sqrt(((drawn - exact) ** 2).sum() / (exact**2).sum())
    record(
        [{"molecules": 2 * len(models), "rms error over rms, %": f"{100 * error:.2f}"}],
        note="Resolution 4 nm, voxels of 1 nm.",
    )
    assert error < 0.003


def test_placing(models, full, record):
    """Molecules at random poses, not packed: density, masks and the list of particles."""
    size, n = ((512, 512, 200), 4000) if full else ((96, 96, 64), 40)
    packed, grid = scattered(models, n, size), box_grid(size, voxel_size=1.0)
    index, rotations = packed.scene.species_index, packed.scene.transforms.rotations
    rows = []

    def timed(what, function):
        start = time.process_time()
        function()
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append((what, seconds, peak))
        return seconds

    maps = [species_map(m.structure).data for m in models]

    def turned():
        for i in range(n):
            # Into the species' own box, whose corners are lost: the least that a map can cost.
            box, turn = maps[index[i]], rotations[i]
            middle = (np.array(box.shape) - 1) / 2
            affine_transform(box, turn, middle - turn @ middle, order=1)

    base = timed("`affine_transform`, order 1, of the same molecules' boxes", turned)
    timed("`render_density`", lambda: render_density(packed, grid=grid))
    timed("`render_labels`", lambda: render_labels(packed, grid=grid))
    timed("`particle_table`", lambda: particle_table(packed, grid=grid))
    record(
        [
            {
                "what": what,
                "ms a molecule": f"{1e3 * s / n:.2f}",
                "over affine_transform": f"{s / base:.2f}",
                "peak memory so far, GiB": f"{peak:.1f}",
            }
            for what, s, peak in rows
        ],
        note=f"{n} molecules in {size[0]} x {size[1]} x {size[2]} voxels; CPU time, one thread.",
    )
    if full:
        assert rows[1][1] < 2 * base
