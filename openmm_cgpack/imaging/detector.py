"""How a camera counts electrons: modulation transfer and quantum efficiency, as models."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..core.arrays import positive


@dataclass(frozen=True, kw_only=True)
class Camera:
    """MTF and DQE of a camera as simple curves over the frequency.

    With w the frequency as a fraction of the camera's own Nyquist frequency,
    ``DQE(w) = dqe_zero - (dqe_zero - dqe_nyquist) w`` and ``MTF(w) = mtf_nyquist ** (w ** 1.5)``.
    The curves are models with the values that makers and users report at both ends; they are not
    measured.

    Parameters
    ----------
    dqe_zero, dqe_nyquist : float
        Detective quantum efficiency at zero and at Nyquist frequency, 0 to 1.
    mtf_nyquist : float
        Modulation transfer at Nyquist frequency, 0 to 1.

    Raises
    ------
    ValueError
        A number is out of its range.

    References
    ----------
    .. [1] G. McMullan, A. R. Faruqi, D. Clare, R. Henderson, "Comparison of optimal performance
       at 300 keV of three direct electron detectors", Ultramicroscopy 147, 156 (2014).
    """

    dqe_zero: float = 1.0
    dqe_nyquist: float = 1.0
    mtf_nyquist: float = 1.0

    def __post_init__(self) -> None:
        for name in ("dqe_zero", "dqe_nyquist", "mtf_nyquist"):
            if positive(getattr(self, name), name) > 1:
                raise ValueError(f"{name}: wanted at most 1, got {getattr(self, name):g}")
        if self.dqe_nyquist > self.dqe_zero:
            raise ValueError(
                f"dqe_nyquist: wanted at most dqe_zero {self.dqe_zero:g}, got {self.dqe_nyquist:g}"
            )

    def dqe(self, w: np.ndarray) -> np.ndarray:
        """Return the quantum efficiency; beyond Nyquist frequency, that at Nyquist."""
        return self.dqe_zero - (self.dqe_zero - self.dqe_nyquist) * np.minimum(w, 1.0)

    def mtf(self, w: np.ndarray) -> np.ndarray:
        """Return the modulation transfer."""
        return self.mtf_nyquist ** np.minimum(w, 1.0) ** 1.5

    def noise_transfer(self, w: np.ndarray) -> np.ndarray:
        """Return the noise's transfer, ``MTF sqrt(DQE(0) / DQE)``: 1 at zero frequency."""
        return self.mtf(w) * np.sqrt(self.dqe_zero / self.dqe(w))


CAMERAS = MappingProxyType(
    {
        "perfect": Camera(),
        "k3": Camera(dqe_zero=0.90, dqe_nyquist=0.38, mtf_nyquist=0.36),
        "falcon4": Camera(dqe_zero=0.92, dqe_nyquist=0.48, mtf_nyquist=0.45),
        "scintillator": Camera(dqe_zero=0.30, dqe_nyquist=0.05, mtf_nyquist=0.10),
    }
)
"""Cameras by name: models in the manner of a K3, a Falcon 4 and a CCD behind a scintillator."""


def camera_named(name: str) -> Camera:
    """Return a camera, or raise ValueError with the names there are."""
    if name not in CAMERAS:
        raise ValueError(f"camera: wanted one of {', '.join(CAMERAS)}, got {name!r}")
    return CAMERAS[name]
