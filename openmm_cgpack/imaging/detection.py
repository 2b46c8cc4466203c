"""From the contrast to what the camera counts: displacement, illumination, detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from ..core.settings import setting
from .optics import length, squared_speed_ratio
from .stages import Exposure, Rng, Stage, filtered

MEAN_FREE_PATH_AT_300KV = 310.0
"""Inelastic mean free path in ice, nm (Rice et al. 2018)."""


class Displacement(Stage):
    """Turn and move the image as the errors of its tilt say; cubic splines, mirrored borders."""

    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def __call__(self, image: np.ndarray, exposure: Exposure, rng: Rng = None) -> np.ndarray:
        """Return the image out of place; `rng` is not used."""
        shift = np.asarray(exposure.shift) / exposure.pixel_size
        return displaced(image, shift=shift, turn=exposure.rotation)


def displaced(image: np.ndarray, *, shift: np.ndarray, turn: float) -> np.ndarray:
    """Return an image turned about its middle, pixel ``(ny // 2, nx // 2)``, and then moved.

    The turn is from x towards y, rad; the shift is (x, y), pixels.
    """
    if turn == 0 and not np.any(shift):
        return image
    from scipy.ndimage import affine_transform

    cosine, sine = np.cos(turn), np.sin(turn)
    back = np.array([[cosine, -sine], [sine, cosine]])  # the inverse, on (y, x)
    middle = np.array(image.shape) // 2
    offset = middle - back @ (middle + np.asarray(shift)[::-1])
    return affine_transform(image, back, offset, order=3, mode="mirror")


class Illumination(Stage):
    """From contrast to electrons: dose, and what is lost on the way through the ice.

    ``dose pixel_size² exp(-path / mean_free_path) max(1 + contrast, 0)``: electrons that lost
    energy are taken out by the filter.

    References
    ----------
    .. [1] W. J. Rice et al., "Routine determination of ice thickness for cryo-EM grids",
       J. Struct. Biol. 204, 38 (2018).

    Examples
    --------
    One mean free path of ice lets 1/e of the electrons through:

    >>> exposure = Exposure(pixel_size=0.1, voltage_kv=300.0, dose_e_per_a2=100.0, path=310.0)
    >>> Illumination()(np.zeros((1, 1), np.float32), exposure).round(1)
    array([[36.8]], dtype=float32)
    """

    energy_filter: bool = setting(
        "whether electrons that lost energy in the ice are taken out", default=True
    )
    mean_free_path: float | None = setting(
        "inelastic mean free path in ice; left out, by the voltage: 310 nm at 300 kV",
        unit="nm",
        default=None,
        above=0,
    )

    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        return {} if self.energy_filter else {"mean_free_path": "without an energy filter"}

    def __call__(self, image: np.ndarray, exposure: Exposure, rng: Rng = None) -> np.ndarray:
        """Return the mean number of electrons per pixel; `rng` is not used."""
        left = np.ones(1)
        if self.energy_filter:
            free_path = self.mean_free_path
            if free_path is None:
                free_path = MEAN_FREE_PATH_AT_300KV * squared_speed_ratio(exposure.voltage_kv)
            left = np.exp(-np.asarray(exposure.path) / free_path)
        electrons = exposure.dose_e_per_a2 * (10 * exposure.pixel_size) ** 2 * left
        return np.maximum(1 + image, 0) * np.asarray(electrons, np.float32)


@dataclass(frozen=True, kw_only=True)
class Camera:
    """MTF and DQE of a camera as simple curves over the frequency.

    With w the frequency as a fraction of the camera's own Nyquist frequency,
    ``DQE(w) = dqe_zero - (dqe_zero - dqe_nyquist) w`` and ``MTF(w) = mtf_nyquist ** (w ** 1.5)``.

    """

    dqe_zero: float
    dqe_nyquist: float
    mtf_nyquist: float

    def dqe(self, w: np.ndarray) -> np.ndarray:
        """Return the quantum efficiency; beyond Nyquist frequency, that at Nyquist."""
        return self.dqe_zero - (self.dqe_zero - self.dqe_nyquist) * np.minimum(w, 1.0)

    def relative_dqe(self, w: np.ndarray) -> np.ndarray:
        """Return the square root of the quantum efficiency over that at zero frequency."""
        return np.sqrt(self.dqe(w) / self.dqe_zero)

    def mtf(self, w: np.ndarray) -> np.ndarray:
        """Return the modulation transfer."""
        return self.mtf_nyquist ** np.minimum(w, 1.0) ** 1.5

    def noise_transfer(self, w: np.ndarray) -> np.ndarray:
        """Return the noise's transfer, ``MTF sqrt(DQE(0) / DQE)``: 1 at zero frequency."""
        return self.mtf(w) * np.sqrt(self.dqe_zero / self.dqe(w))


CAMERAS = MappingProxyType(
    {
        "perfect": Camera(dqe_zero=1.0, dqe_nyquist=1.0, mtf_nyquist=1.0),
        "k3": Camera(dqe_zero=0.90, dqe_nyquist=0.38, mtf_nyquist=0.36),
        "falcon4": Camera(dqe_zero=0.92, dqe_nyquist=0.48, mtf_nyquist=0.45),
        "scintillator": Camera(dqe_zero=0.30, dqe_nyquist=0.05, mtf_nyquist=0.10),
    }
)
"""Cameras by name: models in the manner of a K3, a Falcon 4 and a CCD behind a scintillator.

The numbers are those that makers and users report at both ends of the curves (McMullan et al.,
Ultramicroscopy 147, 156, 2014); the curves between are not measured.
"""


class Detector(Stage):
    """Count electrons: Poisson noise between the two transfers of a camera.

    ``counts = NTF * Poisson(sqrt(DQE / DQE(0)) * DQE(0) electrons)``, stars for convolutions
    (Vulović et al. 2013), so that signal passes with the MTF, and the signal-to-noise ratio of
    the counts is DQE times that of the electrons.

    References
    ----------
    .. [1] M. Vulović et al., J. Struct. Biol. 183, 19 (2013).

    Examples
    --------
    A K3 counts nine of ten electrons:

    >>> exposure = Exposure(pixel_size=0.2, voltage_kv=300.0)
    >>> Detector(camera="k3")(np.full((4, 4), 10, np.float32), exposure).mean().round(3).item()
    9.0
    """

    camera: Literal["k3", "falcon4", "scintillator", "perfect"] = setting(
        "model of the camera", default="k3"
    )
    pixel_size: float = setting(
        "edge of a physical pixel at the specimen; it sets the camera's Nyquist frequency, which a "
        "binned image does not reach",
        unit="nm",
        default=0.2,
        above=0,
    )
    dqe_zero: float | None = setting(
        "detective quantum efficiency at zero frequency; left out, the camera's",
        default=None,
        above=0,
        maximum=1,
    )
    dqe_nyquist: float | None = setting(
        "the same at Nyquist frequency; left out, the camera's", default=None, above=0, maximum=1
    )
    mtf_nyquist: float | None = setting(
        "modulation transfer at Nyquist frequency; left out, the camera's",
        default=None,
        above=0,
        maximum=1,
    )

    acts_on: ClassVar[str] = "electrons"
    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def __post_init__(self) -> None:
        super().__post_init__()
        curves = self.curves
        if curves.dqe_nyquist > curves.dqe_zero:
            raise ValueError(
                f"dqe_nyquist: wanted at most dqe_zero, {curves.dqe_zero:g}, got "
                f"{curves.dqe_nyquist:g}"
            )

    @property
    def curves(self) -> Camera:
        """The camera's curves, with numbers of one's own where there are any."""
        numbers = dict(vars(CAMERAS[self.camera]))
        for name in numbers:
            if getattr(self, name) is not None:
                numbers[name] = getattr(self, name)
        return Camera(**numbers)

    def __call__(self, image: np.ndarray, exposure: Exposure, rng: Rng = None) -> np.ndarray:
        """Return the electrons counted in each pixel; their mean with None."""
        camera = self.curves
        image = image * np.float32(camera.dqe_zero)
        if camera.dqe_nyquist < camera.dqe_zero:
            image = self._filtered(image, exposure, camera.relative_dqe)
            image = np.maximum(image, 0)
        if rng is not None:
            image = rng.poisson(image).astype(np.float32)
        if camera.mtf_nyquist == 1 and camera.dqe_nyquist == camera.dqe_zero:
            return image
        return self._filtered(image, exposure, camera.noise_transfer)

    def _filtered(
        self, image: np.ndarray, exposure: Exposure, curve: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        def transfer(k: tuple[np.ndarray, ...], exposure: Exposure) -> np.ndarray:
            return curve(length(k) * (2 * self.pixel_size))

        return filtered([image], [exposure], [transfer])
