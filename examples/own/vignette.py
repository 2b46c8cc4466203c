"""A stage of image formation of one's own: an aperture that darkens the corners of images."""

import numpy as np

from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.imaging import Stage


@kind("vignette")
class Vignette(Stage):
    """Contrast that falls off from the middle of the image as a Gaussian."""

    acts_on = "contrast"

    radius: float = setting("where it has fallen to 1/e", default=30.0, unit="nm", above=0)

    def __call__(self, image, exposure, rng=None):
        """Return the image, of two dimensions or three, with its contrast taken off."""
        ny, nx = image.shape[-2:]
        y, x = (np.arange(n) - n // 2 for n in (ny, nx))
        squared = (y[:, None] ** 2 + x**2) * exposure.pixel_size**2
        return image * np.exp(-squared / self.radius**2).astype(np.float32)
