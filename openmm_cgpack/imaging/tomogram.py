"""From a density to a tomogram in one step: CTF, missing wedge and noise in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import fft

from ..core.arrays import positive
from ..core.volume import Volume
from .noise import snr_factor, variances
from .stages import (
    ContrastTransfer,
    Envelope,
    GaussianNoise,
    MissingWedge,
    Stage,
    on_grid_of,
    run_stages,
)


def one_step_stages(
    *,
    tilt_max: float = 60.0,
    defocus_um: float = 5.0,
    voltage_kv: float = 300.0,
    cs_mm: float = 2.0,
    amplitude_contrast: float = 0.07,
    envelope: float | None = None,
) -> tuple[Stage, ...]:
    """Return the stages of the paper's lineage (Pei et al. 2016): half the noise before the CTF.

    Parameters
    ----------
    tilt_max, defocus_um, voltage_kv, cs_mm, amplitude_contrast, envelope
        As for `simulate_tomogram`.

    Returns
    -------
    tuple of Stage
        Noise, CTF, noise, envelope (where asked for), missing wedge.

    Raises
    ------
    ValueError
        An argument is out of its range.

    Examples
    --------
    >>> [type(stage).__name__ for stage in one_step_stages()]
    ['GaussianNoise', 'ContrastTransfer', 'GaussianNoise', 'MissingWedge']
    """
    optics = ContrastTransfer(
        defocus_um=defocus_um,
        voltage_kv=voltage_kv,
        cs_mm=cs_mm,
        amplitude_contrast=amplitude_contrast,
    )
    half = GaussianNoise(variance=0.5)
    falloff = () if envelope is None else (Envelope(cutoff=envelope),)
    return (half, optics, half, *falloff, MissingWedge(tilt_max=tilt_max))


def simulate_tomogram(
    volume: Volume,
    *,
    snr: float | None,
    tilt_max: float = 60.0,
    defocus_um: float = 5.0,
    voltage_kv: float = 300.0,
    cs_mm: float = 2.0,
    amplitude_contrast: float = 0.07,
    envelope: float | None = None,
    snr_definition: str = "volume",
    padding: float = 16.0,
    threads: int | None = None,
    seed: int | np.random.SeedSequence,
) -> Volume:
    """Make a tomogram from a density by the one-step model of the paper's lineage.

    The density's Fourier transform is multiplied by the CTF, as a function of the length of the
    3D frequency, and set to zero in the missing wedge of tilts about y with the beam along z.
    Half of the noise's variance is put in before the CTF and half after it, before envelope and
    wedge. Mass comes out dark.

    Parameters
    ----------
    volume : Volume
        Density, any unit; it need not be scaled.
    snr : float or None
        Signal-to-noise ratio by `snr_definition`; None gives the noise-free render.
    tilt_max : float, optional
        Tilts run from ``-tilt_max`` to ``tilt_max``, degrees, over 0 and up to 90.
    defocus_um : float, optional
        Underfocus, µm.
    voltage_kv : float, optional
        Acceleration voltage, kV.
    cs_mm : float, optional
        Spherical aberration, mm.
    amplitude_contrast : float, optional
        Fraction of amplitude contrast.
    envelope : float, optional
        Fraction of Nyquist at which the envelope ``exp(-(k / (envelope k_Nyquist))^2)``, on
        signal and noise alike, falls to 1/e: 0.4 in the lineage. None leaves it out.
    snr_definition : {"volume", "projection", "pei2016"}, optional
        What `snr` means: see `measure_snr`. Ratios by different definitions cannot be compared.
    padding : float, optional
        Width of the frame, nm, that continues the density in a mirror on every side while the
        stages act, and is cut off after them: see `render_tomogram`.
    threads : int, optional
        Threads of the Fourier transforms; all cores when left out.
    seed : int or numpy.random.SeedSequence
        Seed of the noise. The same seed gives the same bytes, on any number of threads.

    Returns
    -------
    Volume
        The tomogram, float32, on the density's grid.

    Raises
    ------
    ValueError
        An argument is out of its range, or the density is constant.

    Examples
    --------
    >>> import numpy as np
    >>> data = np.zeros((32, 48, 48), np.float32)
    >>> data[12:20, 20:28, 20:28] = 1.0
    >>> density = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> clean = simulate_tomogram(density, snr=None, seed=1)
    >>> tomogram = simulate_tomogram(density, snr=0.1, seed=1)
    >>> noise = tomogram.data - clean.data
    >>> round(float(clean.data.var() / noise.var()), 3)
    0.1
    """
    stages = one_step_stages(
        tilt_max=tilt_max,
        defocus_um=defocus_um,
        voltage_kv=voltage_kv,
        cs_mm=cs_mm,
        amplitude_contrast=amplitude_contrast,
        envelope=envelope,
    )
    return render_tomogram(
        volume,
        stages=stages,
        snr=snr,
        snr_definition=snr_definition,
        padding=padding,
        threads=threads,
        seed=seed,
    )


def render_tomogram(
    volume: Volume,
    *,
    stages: Sequence[Stage],
    snr: float | None,
    snr_definition: str = "volume",
    padding: float = 16.0,
    threads: int | None = None,
    seed: int | np.random.SeedSequence,
) -> Volume:
    """Pass a density through any stages and scale their noise to an SNR.

    The stages run twice: on the density without noise, and on nothing with noise. The second
    render is scaled, so that the SNR is met to float32 precision and not on average, and added.

    Parameters
    ----------
    volume : Volume
        The density.
    stages : sequence of Stage
        The stages, in order; linear in the volume and in their noise.
    snr : float or None
        Signal-to-noise ratio; None gives the noise-free render.
    snr_definition : {"volume", "projection", "pei2016"}, optional
        What `snr` means: see `measure_snr`.
    padding : float, optional
        Width of the mirrored frame, nm. Filters are periodic: with 0, what leaves the volume on
        one side comes in on the other.
    threads : int, optional
        Threads of the Fourier transforms; all cores when left out.
    seed : int or numpy.random.SeedSequence
        Seed of the noise.

    Returns
    -------
    Volume
        float32, on the density's grid.

    Raises
    ------
    ValueError
        The SNR or padding is out of its range, the density is constant, or the stages make no
        noise.

    Examples
    --------
    A camera's noise alone, at the SNR that was asked for:

    >>> from openmm_cgpack import GaussianNoise, measure_snr
    >>> data = np.zeros((16, 16, 16))
    >>> data[6:10, 6:10, 6:10] = 800
    >>> density = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> tomogram = render_tomogram(density, stages=(GaussianNoise(),), snr=2.0, seed=1)
    >>> round(measure_snr(tomogram, density), 3)
    2.0
    """
    if snr is not None:
        snr = positive(snr, "snr")
    frame = positive(padding, "padding", zero=True)
    if threads is not None and threads < 1:
        raise ValueError(f"threads: wanted 1 or more, got {threads}")
    with fft.set_workers(-1 if threads is None else threads):
        return _rendered(volume, stages, snr, snr_definition, frame, seed)


def _rendered(
    volume: Volume,
    stages: Sequence[Stage],
    snr: float | None,
    snr_definition: str,
    frame: float,
    seed: int | np.random.SeedSequence,
) -> Volume:
    factor = snr_factor(volume, stages, snr_definition) if snr is not None else 1.0
    padded, inner = _pad(volume, frame)
    signal = run_stages(padded, stages).data[inner]
    if snr is None:
        return on_grid_of(volume, np.ascontiguousarray(signal))
    signal_variance, _ = variances(signal, signal, snr_definition)
    if signal_variance == 0:
        raise ValueError("volume: wanted a density that varies, for an SNR; got a constant one")
    signal = signal.copy()

    nothing = on_grid_of(padded, np.zeros(padded.data.shape, dtype=np.float32))
    del padded
    noise = run_stages(nothing, stages, np.random.default_rng(seed)).data[inner]
    _, noise_variance = variances(noise, None, snr_definition)
    if noise_variance == 0:
        raise ValueError("stages: wanted stages that make noise, for an SNR; these make none")
    scale = np.float32(np.sqrt(signal_variance / noise_variance / (snr * factor)))
    for plane, grain in zip(signal, noise, strict=True):
        plane += scale * grain
    return on_grid_of(volume, signal)


def _pad(volume: Volume, frame: float) -> tuple[Volume, tuple[slice, ...]]:
    """Return the volume in a mirrored frame of a length quick to transform, and where it lies."""
    if frame == 0:
        return volume, (slice(None),) * 3
    shape = volume.data.shape
    width = int(np.ceil(frame / volume.voxel_size))
    extra = [fft.next_fast_len(n + 2 * width, real=True) - n for n in shape]
    before = [(e + 1) // 2 for e in extra]
    pads = [(b, e - b) for b, e in zip(before, extra, strict=True)]
    data = np.pad(volume.data, pads, mode="symmetric")
    data.flags.writeable = False
    origin = volume.origin - volume.voxel_size * np.array(before[::-1])
    inner = tuple(slice(b, b + n) for b, n in zip(before, shape, strict=True))
    return Volume(data=data, voxel_size=volume.voxel_size, origin=origin), inner
