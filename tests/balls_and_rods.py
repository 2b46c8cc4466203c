"""A labelled tomogram from which a small network learns in seconds."""

import numpy as np

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.evaluation import LabelledTomogram

NAMES = ("ball", "rod")


def example(seed, shape=(24, 28, 36), noise=0.7):
    """Return balls and rods, dark in noise, the rods fainter."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    grid = np.indices(shape)
    for kind in (1, 2, 1, 2, 1):
        centre = rng.uniform(4, np.array(shape) - 4)
        off = grid - centre[:, None, None, None]
        if kind == 1:
            labels[(off**2).sum(axis=0) < 16] = 1
        else:
            labels[(off[0] ** 2 + off[1] ** 2 < 4) & (abs(off[2]) < 9)] = 2
    data = -np.array([0, 3.0, 1.5])[labels] + rng.normal(size=shape) * noise + 40
    return LabelledTomogram(
        volume=Volume(data=data, voxel_size=1.5, origin=(1, 2, 3)),
        labels=LabelVolume(data=labels, voxel_size=1.5, origin=(1, 2, 3), names=NAMES),
    )
