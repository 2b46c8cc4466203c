"""The contrast transfer function of the electron microscope."""

from __future__ import annotations

import numpy as np

from ..core.arrays import positive


def electron_wavelength(voltage_kv: float) -> float:
    """Return the relativistic wavelength of electrons.

    Parameters
    ----------
    voltage_kv : float
        Acceleration voltage, kV.

    Returns
    -------
    float
        Wavelength, nm: ``1.22642598 / sqrt(V + 0.978476e-6 V^2)`` with V in volts.

    Raises
    ------
    ValueError
        The voltage is not positive.

    Examples
    --------
    >>> round(electron_wavelength(300.0), 7)
    0.0019687
    """
    volts = positive(voltage_kv, "voltage_kv") * 1e3
    return float(1.22642598 / np.sqrt(volts + 0.978476e-6 * volts**2))


def ctf(
    frequency: np.ndarray | float,
    *,
    defocus_um: np.ndarray | float,
    voltage_kv: float = 300.0,
    cs_mm: float = 2.0,
    amplitude_contrast: float = 0.07,
    phase_shift: float = 0.0,
) -> np.ndarray:
    """Return the contrast transfer function, ``-sin(chi)``.

    ``chi(k) = pi lambda z k^2 - pi/2 Cs lambda^3 k^4 + phase_shift + asin(amplitude_contrast)``,
    so that mass is dark at underfocus: at zero frequency the function is minus the amplitude
    contrast.

    Parameters
    ----------
    frequency : array_like
        Spatial frequency k, 1/nm, any shape.
    defocus_um : array_like
        Defocus z, µm; positive is underfocus. An array, as astigmatism needs, broadcasts against
        the frequency.
    voltage_kv : float, optional
        Acceleration voltage, kV.
    cs_mm : float, optional
        Spherical aberration Cs, mm.
    amplitude_contrast : float, optional
        Fraction of amplitude contrast, from 0 to below 1.
    phase_shift : float, optional
        Additional phase shift, of a phase plate, rad.

    Returns
    -------
    numpy.ndarray
        The function's value at each frequency, float64, between -1 and 1.

    Raises
    ------
    ValueError
        An optical constant is out of its range.

    References
    ----------
    .. [1] A. Rohou, N. Grigorieff, "CTFFIND4: Fast and accurate defocus estimation from electron
       micrographs", J. Struct. Biol. 192, 216 (2015), equations 2 to 4.

    Examples
    --------
    At 5 µm underfocus and 300 kV the first zero lies near 3.1 nm:

    >>> import numpy as np
    >>> resolution = np.linspace(10.0, 3.0, 7001)
    >>> values = ctf(1 / resolution, defocus_um=5.0)
    >>> bool(values[0] < 0), round(float(resolution[np.argmax(values > 0)]), 2)
    (True, 3.17)
    """
    check_optics(
        defocus_um=defocus_um,
        voltage_kv=voltage_kv,
        cs_mm=cs_mm,
        amplitude_contrast=amplitude_contrast,
        phase_shift=phase_shift,
    )
    wavelength = electron_wavelength(voltage_kv)
    square = np.asarray(frequency, dtype=np.float64) ** 2
    chi = square * (
        np.pi * wavelength * (np.asarray(defocus_um) * 1e3)
        - (0.5 * np.pi * cs_mm * 1e6 * wavelength**3) * square
    )
    return -np.sin(chi + (phase_shift + np.arcsin(amplitude_contrast)))


def check_optics(
    *,
    defocus_um: np.ndarray | float,
    voltage_kv: float,
    cs_mm: float,
    amplitude_contrast: float,
    phase_shift: float,
) -> None:
    """Raise ValueError, in one line, for an optical constant that is out of its range."""
    positive(voltage_kv, "voltage_kv")
    positive(cs_mm, "cs_mm", zero=True)
    for name, value in (("defocus_um", defocus_um), ("phase_shift", phase_shift)):
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: wanted a finite number, got {value}")
    if not 0 <= amplitude_contrast < 1:
        raise ValueError(
            f"amplitude_contrast: wanted a number from 0 to below 1, got {amplitude_contrast:g}"
        )
