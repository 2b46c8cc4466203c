"""What a signal-to-noise ratio means, by name, and how it is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.tilts import TiltSeries
from ..core.volume import Volume
from .stages import GaussianNoise, Stage, on_grid_of, run_stages

SNR_DEFINITIONS = ("volume", "projection", "pei2016")
"""Names of the definitions; see `measure_snr`."""


def measure_snr(
    tomogram: Volume,
    signal: Volume,
    *,
    definition: str = "volume",
    stages: Sequence[Stage] = (),
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
    stages : sequence of Stage, optional
        The stages of the one-step model that made both; wanted for ``"pei2016"``.
    gains : tuple of two floats, optional
        L and G, in place of `stages`: for a tilt series, `TiltImaging.gains` has them.

    Returns
    -------
    float
        The ratio; infinite where there is no noise.

    Raises
    ------
    ValueError
        Unknown definition, different shapes, or no noise stages for ``"pei2016"``.

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
    if tomogram.data.shape != signal.data.shape:
        raise ValueError(
            f"signal: wanted the tomogram's shape {tomogram.data.shape}, got {signal.data.shape}"
        )
    signal_variance, noise = variances(tomogram.data, signal.data, definition)
    if noise == 0:
        return np.inf
    if gains is not None and definition == "pei2016":
        return signal_variance / noise * gains[1] / gains[0]
    return signal_variance / noise / snr_factor(signal, stages, definition)


def variances(data: np.ndarray, signal: np.ndarray | None, definition: str) -> tuple[float, float]:
    """Return the variances of the signal and of the noise where a definition has them.

    Parameters
    ----------
    data : (z, y, x) float32 array
        Noise and signal, or noise alone where `signal` is None.
    signal : (z, y, x) float32 array or None
        Signal.
    definition : {"volume", "projection", "pei2016"}
        What the ratio means.

    Returns
    -------
    signal, noise : float
        The first is 0 where there is no `signal`.
    """
    if definition == "projection":
        flat = data.sum(axis=0, dtype=np.float64)
        if signal is None:
            return 0.0, float(flat.var())
        below = signal.sum(axis=0, dtype=np.float64)
        return float(below.var()), float((flat - below).var())
    return 0.0 if signal is None else variance(signal), variance(data, signal)


def measure_series_snr(series: TiltSeries, signal: TiltSeries) -> float:
    """Return the signal-to-noise ratio of a tilt series whose noise-free images are known.

    The definition ``"projection"``: with every image in units of its noise-free mean, the variance
    of the signal within images over that of the noise, both summed over all tilts.

    Parameters
    ----------
    series : TiltSeries
        The images.
    signal : TiltSeries
        The same without noise.

    Returns
    -------
    float
        The ratio; infinite where there is no noise.

    Raises
    ------
    ValueError
        Different shapes.
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


def snr_factor(volume: Volume, stages: Sequence[Stage], definition: str) -> float:
    """Return the ratio of `variances` for an SNR of 1 by a definition.

    Parameters
    ----------
    volume : Volume
        Any volume on the grid of interest.
    stages : sequence of Stage
        The stages; those that are not noise must be linear and the same everywhere.
    definition : {"volume", "projection", "pei2016"}
        What the ratio means.

    Returns
    -------
    float
        1 for ``"volume"`` and ``"projection"``, L / G for ``"pei2016"``: see `measure_snr`.

    Raises
    ------
    ValueError
        Unknown definition, or no noise stages for ``"pei2016"``.
    """
    if definition not in SNR_DEFINITIONS:
        raise ValueError(
            f"snr_definition: wanted one of {', '.join(SNR_DEFINITIONS)}, got {definition!r}"
        )
    if definition != "pei2016":
        return 1.0
    sources = [
        (stage.variance, white_gain(volume, stages[i + 1 :]))
        for i, stage in enumerate(stages)
        if isinstance(stage, GaussianNoise)
    ]
    if not sources:
        raise ValueError("stages: wanted at least one GaussianNoise for 'pei2016', got none")
    gain = sum(share * left for share, left in sources) / sum(share for share, _ in sources)
    return white_gain(volume, stages) / gain


def white_gain(volume: Volume, stages: Sequence[Stage]) -> float:
    """Return the part of white noise's variance that noise-free stages leave.

    It is the sum of squares of the stages' response to one bright voxel (Parseval), less the
    mean, which is no part of a variance.

    Parameters
    ----------
    volume : Volume
        Any volume on the grid of interest.
    stages : sequence of Stage
        Linear stages that are the same everywhere.

    Returns
    -------
    float
    """
    point = np.zeros(volume.data.shape, dtype=np.float32)
    point[0, 0, 0] = 1.0
    response = run_stages(on_grid_of(volume, point), stages)
    return variance(response.data) * response.data.size


def variance(data: np.ndarray, minus: np.ndarray | None = None) -> float:
    """Return the variance of `data`, or of ``data - minus``, summed in double precision.

    Parameters
    ----------
    data, minus : (z, y, x) float32 arrays
        Taken plane by plane, so that no double of the volume is made.

    Returns
    -------
    float
    """
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
