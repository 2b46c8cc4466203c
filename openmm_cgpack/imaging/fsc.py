"""Fourier shell correlation."""

from __future__ import annotations

import numpy as np
from scipy import fft

from ..core.volume import Volume


def fourier_shell_correlation(
    first: Volume, second: Volume, *, width: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation of two volumes in shells of like frequency.

    Parameters
    ----------
    first, second : Volume
        On grids of the same shape and voxel size.
    width : float, optional
        Width of a shell, 1/nm; that of one frequency of the shortest axis when left out.

    Returns
    -------
    frequency : (s,) array
        Middle of each shell up to Nyquist frequency, 1/nm.
    correlation : (s,) array
        ``Re sum(F1 F2*) / sqrt(sum |F1|² sum |F2|²)``, from -1 to 1; 0 where one is empty.

    Raises
    ------
    ValueError
        The grids differ.

    References
    ----------
    .. [1] G. Harauz, M. van Heel, "Exact filters for general geometry three dimensional
       reconstruction", Optik 73, 146 (1986).

    Examples
    --------
    >>> data = np.random.default_rng(0).random((16, 16, 16), dtype=np.float32)
    >>> volume = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> fourier_shell_correlation(volume, volume)[1].round(6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    shape, voxel = first.data.shape, first.voxel_size
    if second.data.shape != shape or not np.isclose(second.voxel_size, voxel):
        raise ValueError(
            f"second: wanted the grid of the first, {shape} of {voxel:g} nm, got "
            f"{second.data.shape} of {second.voxel_size:g} nm"
        )
    width = 1 / (min(shape) * voxel) if width is None else width
    n_shells = max(1, round(0.5 / voxel / width))
    a = fft.rfftn(first.data, workers=-1)
    b = fft.rfftn(second.data, workers=-1)
    ky = fft.fftfreq(shape[1], voxel)[:, None]
    kx = fft.rfftfreq(shape[2], voxel)[None, :]
    # Frequencies of the half spectrum stand for two, but for the first and last plane.
    twice = np.full(kx.shape, 2.0)
    twice[:, 0] = 1
    if shape[2] % 2 == 0:
        twice[:, -1] = 1
    sums = np.zeros((3, n_shells + 1))
    for plane_a, plane_b, kz in zip(a, b, fft.fftfreq(shape[0], voxel), strict=True):
        shell = np.rint(np.sqrt(kz**2 + ky**2 + kx**2) / width).astype(np.int64)
        shell = np.minimum(shell, n_shells + 1).ravel()
        for i, product in enumerate(
            (
                (plane_a * plane_b.conj()).real,
                np.abs(plane_a) ** 2,
                np.abs(plane_b) ** 2,
            )
        ):
            weights = (twice * product).ravel()
            sums[i] += np.bincount(shell, weights, n_shells + 2)[: n_shells + 1]
    cross, power_a, power_b = sums[:, 1:]
    norm = np.sqrt(power_a * power_b)
    found = np.divide(cross, norm, out=np.zeros_like(cross), where=norm > 0)
    return width * np.arange(1, n_shells + 1), found
