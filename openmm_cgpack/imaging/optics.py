"""The electrons, the lens and the dose: wavelength, contrast transfer, radiation damage."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..core.settings import setting
from .stages import Exposure, FourierFilter


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


def squared_speed_ratio(voltage_kv: float) -> float:
    """Return the square of the electrons' speed over that at 300 kV.

    Critical dose and mean free path go with it, as cross sections of energy loss go inversely: at
    200 kV it is 0.80, Grant and Grigorieff's ratio of critical doses.
    """

    def squared_speed(kv: float) -> float:
        gamma = 1 + kv / 510.99895
        return 1 - 1 / gamma**2

    return squared_speed(voltage_kv) / squared_speed(300.0)


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


class RadiationDamage(FourierFilter):
    """What the dose leaves of the contrast: exposure-dependent envelope of Grant and Grigorieff.

    ``exp(-N / (2 Ne(k)))`` with the critical dose ``Ne(k) = a k^b + c`` e/Å², k in 1/Å, at 300 kV;
    averaged over the exposure of the image.

    References
    ----------
    .. [1] T. Grant, N. Grigorieff, "Measuring the optimal exposure for single particle cryo-EM
       using a 2.6 Å reconstruction of rotavirus VP6", eLife 4, e06980 (2015), equation 3.

    Examples
    --------
    >>> RadiationDamage().critical_dose(np.array([1.0]), voltage_kv=300.0).round(1)
    array([14.1])
    """

    scale: float | None = setting(
        "factor of the critical dose at 300 kV; left out, by the voltage: 0.8 at 200 kV",
        default=None,
        above=0,
    )

    acts_on: ClassVar[str] = "phase"
    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def critical_dose(self, k: np.ndarray, *, voltage_kv: float) -> np.ndarray:
        """Return Ne, e/Å², at a frequency in 1/nm; infinite at zero."""
        scale = squared_speed_ratio(voltage_kv) if self.scale is None else self.scale
        per_angstrom = np.asarray(k, dtype=np.float64) / 10
        with np.errstate(divide="ignore"):
            return scale * (0.245 * per_angstrom**-1.665 + 2.81)

    def transfer(self, k: tuple[np.ndarray, ...], exposure: Exposure) -> np.ndarray:
        """Return the envelope, averaged over the exposure."""
        rate = 0.5 / self.critical_dose(length(k), voltage_kv=exposure.voltage_kv)
        taken = rate * exposure.dose_e_per_a2
        # (1 - exp(-t)) / t, which is 1 at t = 0.
        mean = np.where(taken > 1e-8, -np.expm1(-taken) / np.maximum(taken, 1e-8), 1.0)
        return np.exp(-rate * exposure.pre_dose_e_per_a2) * mean
