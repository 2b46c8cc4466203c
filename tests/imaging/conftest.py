import numpy as np
import pytest

from openmm_cgpack import Volume
from openmm_cgpack.imaging import Exposure, Ice, in_ice, potential
from openmm_cgpack.imaging.one_step import sampled_by_tilts


@pytest.fixture(scope="session")
def lumps() -> Volume:
    """Return lopsided lumps of density in a box of three different lengths."""
    shape = (48, 60, 72)
    z, y, x = np.indices(shape, dtype=np.float32)
    rng = np.random.default_rng(7)
    data = np.zeros(shape, np.float32)
    for centre in rng.uniform(8, [40, 52, 64], (25, 3)):
        width = rng.uniform(1.5, 4.0, 3)
        data += np.exp(
            -((z - centre[0]) ** 2 / width[0] ** 2)
            - (y - centre[1]) ** 2 / width[1] ** 2
            - (x - centre[2]) ** 2 / width[2] ** 2
        ).astype(np.float32)
    return Volume(data=data * 800, voxel_size=1.0, origin=(-36.0, -30.0, -24.0))


def exposure(**changes) -> Exposure:
    """Return an exposure at 300 kV with pixels of 1 nm, unless told otherwise."""
    return Exposure(**{"pixel_size": 1.0, "voltage_kv": 300.0, **changes})


def smooth(density: Volume, **changes):
    """Return a density in ice without grain, as thick as the box, unless told otherwise."""
    bare = {"grain": 0.0} if "thickness" in changes else {"grain": 0.0, "cover": 0.0}
    return in_ice(potential(density), Ice(**{**bare, **changes}))


def as_volume(data: np.ndarray, voxel_size: float = 1.0) -> Volume:
    return Volume(data=data, voxel_size=voxel_size, origin=(0.0, 0.0, 0.0))


def wedge_mask(shape, tilt_max_deg):
    """Return the sampled frequencies on the grid of a real transform, (z, 1, x // 2 + 1)."""
    kz = np.fft.fftfreq(shape[0])[:, None, None]
    kx = np.fft.rfftfreq(shape[2])[None, None, :]
    return sampled_by_tilts(kz, kx, tilt_max_deg)
