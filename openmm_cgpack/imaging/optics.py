"""What electrons, lens and camera make of an image: stages of the microscope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from ..core.settings import setting
from .stages import Exposure, FourierFilter, Rng, Stage, filtered


def electron_wavelength(voltage_kv: float) -> float:
    """Return the relativistic wavelength of electrons, nm, at a voltage in kV.

    ``1.22642598 / sqrt(V + 0.978476e-6 V^2)`` with V in volts.

    Examples
    --------
    >>> round(electron_wavelength(300.0), 7)
    0.0019687
    """
    volts = voltage_kv * 1e3
    return float(1.22642598 / np.sqrt(volts + 0.978476e-6 * volts**2))


def interaction_constant(voltage_kv: float) -> float:
    """Return the phase that a potential gives to electrons, rad/(V nm).

    ``2 pi / (lambda V) (m c² + e V) / (2 m c² + e V)``.

    >>> round(interaction_constant(300.0), 6)
    0.006526
    """
    volts, rest = voltage_kv * 1e3, 510998.95
    wavelength = electron_wavelength(voltage_kv)
    return 2 * np.pi / (wavelength * volts) * (rest + volts) / (2 * rest + volts)


def ctf(
    k: tuple[np.ndarray | float, ...],
    *,
    defocus_um: tuple[float, float],
    astigmatism_angle: float,
    phase_shift: float,
    voltage_kv: float,
    cs_mm: float,
    amplitude_contrast: float,
) -> np.ndarray:
    """Return the contrast transfer function, ``-sin(chi)``.

    ``chi(k) = pi lambda z k^2 - pi/2 Cs lambda^3 k^4 + phase_shift + asin(amplitude_contrast)``,
    so that mass is dark at underfocus: at zero frequency the function is minus the amplitude
    contrast. `ContrastTransfer` is the same as settings.

    Parameters
    ----------
    k : tuple of arrays
        Components of the frequency, 1/nm, the last two along y and x, or its length alone; they
        broadcast against each other.
    defocus_um : tuple of float
        Underfocus z along `astigmatism_angle` and across it, µm; negative is overfocus.
    astigmatism_angle : float
        Angle from x towards y, rad.
    phase_shift : float
        Additional phase shift, of a phase plate, rad.
    voltage_kv : float
        Acceleration voltage, kV.
    cs_mm : float
        Spherical aberration Cs, mm.
    amplitude_contrast : float
        Fraction of amplitude contrast, from 0 to below 1.

    Returns
    -------
    numpy.ndarray
        float64, between -1 and 1.

    References
    ----------
    .. [1] A. Rohou, N. Grigorieff, "CTFFIND4: Fast and accurate defocus estimation from electron
       micrographs", J. Struct. Biol. 192, 216 (2015), equations 2 to 5.

    Examples
    --------
    At 5 µm underfocus and 300 kV the first zero lies near 3.2 nm:

    >>> resolution = np.linspace(10.0, 3.0, 7001)
    >>> values = ctf((1 / resolution,), defocus_um=(5.0, 5.0), astigmatism_angle=0.0,
    ...              phase_shift=0.0, voltage_kv=300.0, cs_mm=2.0, amplitude_contrast=0.07)
    >>> bool(values[0] < 0), round(float(resolution[np.argmax(values > 0)]), 2)
    (True, 3.17)
    """
    mean, half = sum(defocus_um) / 2, (defocus_um[0] - defocus_um[1]) / 2
    defocus: np.ndarray | float = mean
    if half:
        defocus = mean + half * np.cos(2 * (np.arctan2(k[-2], k[-1]) - astigmatism_angle))
    wavelength = electron_wavelength(voltage_kv)
    square = np.asarray(length(k), dtype=np.float64) ** 2
    chi = square * (
        np.pi * wavelength * (np.asarray(defocus) * 1e3)
        - (0.5 * np.pi * cs_mm * 1e6 * wavelength**3) * square
    )
    return -np.sin(chi + (phase_shift + np.arcsin(amplitude_contrast)))


def length(k: tuple[np.ndarray | float, ...]) -> np.ndarray:
    """Return the length of frequencies from their components."""
    square = k[0] ** 2
    for axis in k[1:]:
        square = square + axis**2
    return np.sqrt(square)


class ContrastTransfer(FourierFilter):
    """The contrast transfer function: from the phase to the contrast of the weak-phase image.

    ``I / I0 - 1 = CTF * (2 phase)``; in a volume, a function of the length of the 3D frequency.
    Matter at some depth of the specimen has a defocus of its own.

    Examples
    --------
    Mass is dark at underfocus; at zero frequency the factor is minus the amplitude contrast:

    >>> optics = ContrastTransfer(defocus_um=5.0, amplitude_contrast=0.07)
    >>> zero = np.zeros(1), np.zeros(1)
    >>> optics.transfer(zero, Exposure(pixel_size=1.0, voltage_kv=300.0)).round(4)
    array([-0.07])
    """

    defocus_um: float = setting(
        "underfocus at the rotation centre, mean of both axes", unit="µm", default=4.0, minimum=0
    )
    astigmatism_um: float = setting(
        "defocus along the axis of the astigmatism less that across it", unit="µm", default=0.0
    )
    astigmatism_angle_deg: float = setting(
        "axis of the astigmatism, from x towards y", unit="°", default=0.0
    )
    cs_mm: float = setting("spherical aberration", unit="mm", default=2.7, minimum=0)
    amplitude_contrast: float = setting(
        "fraction of amplitude contrast", default=0.07, minimum=0, below=1
    )
    phase_shift_deg: float = setting("phase shift of a phase plate", unit="°", default=0.0)

    acts_on: ClassVar[str] = "phase"

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        none = {"astigmatism_angle_deg": "where astigmatism_um is 0"}
        return {} if self.astigmatism_um else none

    def transfer(self, k: tuple[np.ndarray, ...], exposure: Exposure) -> np.ndarray:
        """Return the CTF at each frequency."""
        mean = self.defocus_um + exposure.defocus_error_um + exposure.defocus_depth_um
        half = 0.5 * self.astigmatism_um
        return ctf(
            k,
            defocus_um=(mean + half, mean - half),
            astigmatism_angle=np.deg2rad(self.astigmatism_angle_deg),
            phase_shift=np.deg2rad(self.phase_shift_deg),
            voltage_kv=exposure.voltage_kv,
            cs_mm=self.cs_mm,
            amplitude_contrast=self.amplitude_contrast,
        )


class Displacement(Stage):
    """Turn and move the image as the errors of its tilt say; cubic splines, mirrored borders."""

    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def __call__(self, image: np.ndarray, exposure: Exposure, rng: Rng = None) -> np.ndarray:
        """Return the image out of place; `rng` is not used."""
        shift = (np.asarray(exposure.shift) + exposure.misalignment) / exposure.pixel_size
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
        usual=(0.02, 1),
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
