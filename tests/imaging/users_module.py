"""Stages of a user's own, in a module outside the package."""

from typing import ClassVar

import numpy as np

from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.imaging import FourierFilter, Stage


@kind("sharpen")
class Sharpen(FourierFilter):
    """More of the high frequencies."""

    strength: float = setting("how much more at Nyquist frequency", default=1.0, above=0)

    def transfer(self, k, exposure):
        """Return the factor at each frequency."""
        nyquist = 0.5 / exposure.pixel_size
        return 1 + self.strength * sum(axis**2 for axis in k) / nyquist**2


@kind("gain_error")
class GainError(Stage):
    """Pixels that count too much or too little."""

    deviation: float = setting("of the gain", default=0.1, above=0)

    acts_on: ClassVar[str] = "counts"
    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def __call__(self, image, exposure, rng=None):
        """Return the image with the errors of its pixels."""
        if rng is None:
            return image
        gain = 1 + self.deviation * rng.standard_normal(image.shape, np.float32)
        return image * gain.astype(np.float32)
