"""How good a tomogram is: signal-to-noise ratios by name, and Fourier shell correlation."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from scipy import fft

from ..core.runtime import all_threads
from ..core.tilts import TiltSeries
from ..core.volume import Volume

SnrDefinition = Literal["volume", "projection", "pei2016"]
"""What a signal-to-noise ratio means: see `measure_snr`."""


def measure_snr(
    tomogram: Volume,
    signal: Volume,
    *,
    definition: SnrDefinition = "volume",
    gains: tuple[float, float] | None = None,
) -> float:
    """Return the signal-to-noise ratio of a tomogram whose noise-free render is known.

    With s the noise-free render and n = tomogram - s, variances over the whole volume:

    ``"volume"``
        ``var(s) / var(n)``: both as they stand in the finished volume.
    ``"projection"``
        ``var(s) / var(n)`` of the sums along z; `measure_series_snr` has it for tilt series.
    ``"pei2016"``
        The corrected signal variance over the variance of the noise that was put in,
        ``(var(s) / L) / (var(n) / G)``. L, the loss, is the part of the variance of white noise
        that passes all stages as the signal does, and so ``var(s) / L`` is the signal variance
        before CTF and wedge, if signal and noise had one spectrum. G, the noise gain, is the part
        of the noise variance put in that is left at the end.

    Parameters
    ----------
    tomogram : Volume
        The finished volume.
    signal : Volume
        Its noise-free render.
    definition : {"volume", "projection", "pei2016"}, optional
        What the ratio means.
    gains : tuple of two floats, optional
        L and G, wanted for ``"pei2016"``: `OneStep.gains` and `TiltImaging.gains` have them.

    Returns
    -------
    float
        The ratio; infinite where there is no noise.

    References
    ----------
    .. [1] L. Pei, M. Xu, Z. Frazier, F. Alber, "Simulating cryo electron tomograms of crowded cell
       cytoplasm for assessment of automated particle picking", BMC Bioinformatics 17, 405 (2016).

    Examples
    --------
    A signal of variance 4 under noise of variance 1:

    >>> places = np.indices((4, 4, 4))
    >>> data, noise = 4 * (places[0] % 2) - 2, 2 * (places[1] % 2) - 1
    >>> signal = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> tomogram = Volume(data=data + noise, voxel_size=1.0, origin=(0, 0, 0))
    >>> measure_snr(tomogram, signal)
    4.0
    """
    if definition not in get_args(SnrDefinition):
        raise ValueError(
            f"definition: wanted one of {', '.join(get_args(SnrDefinition))}, got {definition!r}"
        )
    if tomogram.data.shape != signal.data.shape:
        raise ValueError(
            f"signal: wanted the tomogram's shape {tomogram.data.shape}, got {signal.data.shape}"
        )
    if definition == "pei2016" and gains is None:
        raise ValueError("gains: wanted L and G for 'pei2016', got None")
    loss, gain = gains if gains is not None and definition == "pei2016" else (1.0, 1.0)
    above = variance_by(definition, signal.data)
    below = variance_by(definition, tomogram.data, signal.data)
    return above / below * gain / loss if below else np.inf


def measured_snr(
    tomogram: Volume, signal: Volume, *, gains: tuple[float, float] | None = None
) -> dict[str, float]:
    """Return the ratio by each definition, ``"pei2016"`` where there are gains for it."""
    names: list[SnrDefinition] = ["volume", "projection"]
    names += [] if gains is None else ["pei2016"]
    return {name: measure_snr(tomogram, signal, definition=name, gains=gains) for name in names}


def variance_by(
    definition: SnrDefinition, data: np.ndarray, minus: np.ndarray | None = None
) -> float:
    """Return the variance of ``data - minus`` where a definition has it."""
    if definition != "projection":
        return variance(data, minus)
    flat = data.sum(axis=0, dtype=np.float64)
    if minus is not None:
        flat -= minus.sum(axis=0, dtype=np.float64)
    return float(flat.var())


def measure_series_snr(series: TiltSeries, signal: TiltSeries) -> float:
    """Return the signal-to-noise ratio of a tilt series whose noise-free images are known.

    The definition ``"projection"``: with every image in units of its noise-free mean, the variance
    of the signal within images over that of the noise, both summed over all tilts; infinite where
    there is no noise.

    Parameters
    ----------
    series, signal : TiltSeries
        The images, and the same without noise.
    """
    if series.images.shape != signal.images.shape:
        raise ValueError(
            f"signal: wanted the images' shape {series.images.shape}, got {signal.images.shape}"
        )
    above = below = 0.0
    for noisy, clean in zip(series.images, signal.images, strict=True):
        mean = float(clean.mean(dtype=np.float64))
        if mean > 0:
            above += float(clean.var(dtype=np.float64)) / mean**2
            below += float((noisy - clean).var(dtype=np.float64)) / mean**2
    return above / below if below else np.inf


def variance(data: np.ndarray, minus: np.ndarray | None = None) -> float:
    """Return the variance of `data`, or of ``data - minus``, summed in double precision."""
    # Plane by plane, so that no double of the volume is made.
    count, mean, squares = 0, 0.0, 0.0
    for z, plane in enumerate(data):
        values = plane.astype(np.float64)
        if minus is not None:
            values -= minus[z]
        # Chan's update of mean and sum of squares: no cancellation where the mean is large.
        plane_mean = float(values.mean())
        total = count + values.size
        shift = plane_mean - mean
        values -= plane_mean
        squares += float(np.square(values).sum()) + shift**2 * count * values.size / total
        mean += shift * values.size / total
        count = total
    return squares / count


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
    a = fft.rfftn(first.data, workers=all_threads())
    b = fft.rfftn(second.data, workers=all_threads())
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
        products = (plane_a * plane_b.conj()).real, np.abs(plane_a) ** 2, np.abs(plane_b) ** 2
        for i, product in enumerate(products):
            weights = (twice * product).ravel()
            sums[i] += np.bincount(shell, weights, n_shells + 2)[: n_shells + 1]
    cross, power_a, power_b = sums[:, 1:]
    norm = np.sqrt(power_a * power_b)
    found = np.divide(cross, norm, out=np.zeros_like(cross), where=norm > 0)
    return width * np.arange(1, n_shells + 1), found
