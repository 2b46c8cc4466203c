"""What it costs to draw thousands of molecules, beside turning their maps by interpolation."""

import resource
import time

import numpy as np
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from openmm_cgpack import (
    PackedScene,
    RigidTransforms,
    Scene,
    box_grid,
    library,
    single_ball,
    species_map,
)
from openmm_cgpack.core import History
from openmm_cgpack.density import particle_table, render_density, render_labels

SPECIES = ("1bxn", "1f1b", "1oel", "1w6t", "2cg9", "3hhb", "3j9i", "4v4r")


def test_placing(full, record):
    """Molecules at random poses, not packed: density, masks and the list of particles."""
    size, n = ((512, 512, 200), 4000) if full else ((96, 96, 64), 40)
    rng = np.random.default_rng(0)
    models = tuple(single_ball(library.load(name)) for name in SPECIES)
    index = rng.integers(0, len(models), n)
    transforms = RigidTransforms(
        rotations=Rotation.random(n, random_state=1).as_matrix(),
        translations=(rng.random((n, 3)) - 0.5) * size,
    )
    scene = Scene(species=models, species_index=index, transforms=transforms)
    none = np.empty(0)
    history = History(step=none, radius_of_gyration=none, fraction=none, overlap=none, energy=none)
    packed = PackedScene(
        scene=scene, positions=scene.positions, boundary=scene.boundary, history=history
    )
    grid = box_grid(size, voxel_size=1.0)
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
            box, turn = maps[index[i]], transforms.rotations[i]
            side = int(np.ceil(np.linalg.norm(box.shape)))
            middle = (np.array(box.shape) - 1) / 2
            offset = middle - turn @ np.full(3, (side - 1) / 2)
            affine_transform(box, turn, offset, output_shape=(side,) * 3, order=1)

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
