"""Which frequencies a tilt series about one axis sees."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-9


def sampled_by_tilts(kz: np.ndarray, kx: np.ndarray, tilt_max: float) -> np.ndarray:
    """Tell which frequencies lie on the central slice of some tilt.

    The tilt axis is y and the beam runs along z. A tilt by the angle t projects along
    ``(-sin t, 0, cos t)`` onto ``u = x cos t + z sin t``, and so fills the central slice through
    the y axis and ``(cos t, 0, sin t)`` (projection-slice theorem). All tilts from ``-tilt_max``
    to ``tilt_max`` together fill ``|kz| <= |kx| tan(tilt_max)``; what is missing is a double
    wedge around kz.

    Parameters
    ----------
    kz, kx : array_like
        Frequencies that broadcast against each other, in any one unit.
    tilt_max : float
        Greatest tilt, degrees, over 0 and up to 90.

    Returns
    -------
    bool array
        True where sampled; frequencies on the border are.

    Raises
    ------
    ValueError
        The tilt is out of its range.

    Examples
    --------
    >>> sampled_by_tilts([0.0, 1.0, 1.0], [1.0, 1.0, 0.0], 60.0)
    array([ True,  True, False])
    """
    check_tilt(tilt_max)
    angle = np.deg2rad(tilt_max)
    kz, kx = np.abs(kz), np.abs(kx)
    return np.cos(angle) * kz <= np.sin(angle) * kx + _ROUNDING * (kz + kx)


def wedge_mask(shape: tuple[int, int, int], tilt_max: float) -> np.ndarray:
    """Return the sampled frequencies on the grid of a real transform (`scipy.fft.rfftn`).

    Parameters
    ----------
    shape : tuple of int
        Voxels of the real volume along z, y, x; they are cubic.
    tilt_max : float
        Greatest tilt, degrees, over 0 and up to 90.

    Returns
    -------
    (z, 1, x // 2 + 1) bool array
        True where sampled. It is the same for every ky, and broadcasts over them.

    Raises
    ------
    ValueError
        The tilt is out of its range.

    Examples
    --------
    >>> wedge_mask((64, 64, 64), 60.0).shape
    (64, 1, 33)
    """
    kz = np.fft.fftfreq(shape[0])[:, None, None]
    kx = np.fft.rfftfreq(shape[2])[None, None, :]
    return sampled_by_tilts(kz, kx, tilt_max)


def check_tilt(tilt_max: float) -> None:
    """Raise ValueError, in one line, for a tilt that is out of its range."""
    if not 0 < tilt_max <= 90:
        raise ValueError(
            f"tilt_max: wanted degrees over 0 and up to 90, got {tilt_max:g} (tilts run from "
            "-tilt_max to tilt_max)"
        )
