"""The stages of image formation: small frozen objects, composed as a tuple."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import fft

from ..core.arrays import positive
from ..core.volume import Volume
from .optics import check_optics, ctf
from .wedge import check_tilt, sampled_by_tilts


@runtime_checkable
class Stage(Protocol):
    """One step of image formation: anything that is called like this.

    A stage returns a volume on the same grid. With ``rng=None`` it does what it does to the
    signal and adds no noise. A calibrated SNR needs stages that are linear in the volume and
    in their noise, and the same everywhere in it.
    """

    def __call__(self, volume: Volume, rng: np.random.Generator | None) -> Volume:
        """Return the volume after this stage."""
        ...


class FourierFilter(ABC):
    """A stage that multiplies the volume's Fourier transform by a real function.

    A new filter is a frozen dataclass with `transfer`; neighbouring filters share one transform.
    """

    @abstractmethod
    def transfer(
        self, kz: np.ndarray, ky: np.ndarray, kx: np.ndarray, voxel_size: float
    ) -> np.ndarray:
        """Return the factor at each frequency.

        Parameters
        ----------
        kz, ky, kx : (z, 1, 1), (1, y, 1), (1, 1, x) arrays
            Frequencies, 1/nm. The factor must be the same for k and -k.
        voxel_size : float
            Edge of a voxel, nm; the Nyquist frequency is ``0.5 / voxel_size``.

        Returns
        -------
        array that broadcasts to (z, y, x)
        """

    def __call__(self, volume: Volume, rng: np.random.Generator | None = None) -> Volume:
        """Return the filtered volume; `rng` is not used."""
        return _filtered(volume, (self,))


@dataclass(frozen=True, kw_only=True)
class ContrastTransfer(FourierFilter):
    """The contrast transfer function, as a function of the length of the 3D frequency.

    Parameters
    ----------
    defocus_um : float
        Underfocus, µm; 0 or more.
    voltage_kv, cs_mm, amplitude_contrast, phase_shift : float, optional
        As for `ctf`.

    Raises
    ------
    ValueError
        A constant is out of its range; a negative defocus too, because others write underfocus
        so.

    Examples
    --------
    Mass is dark at underfocus; at zero frequency the factor is minus the amplitude contrast:

    >>> zero = np.zeros((1, 1, 1))
    >>> stage = ContrastTransfer(defocus_um=5.0, amplitude_contrast=0.07)
    >>> round(stage.transfer(zero, zero, zero, 1.0).item(), 4)
    -0.07
    """

    defocus_um: float = 5.0
    voltage_kv: float = 300.0
    cs_mm: float = 2.0
    amplitude_contrast: float = 0.07
    phase_shift: float = 0.0

    def __post_init__(self) -> None:
        check_optics(**vars(self))
        if self.defocus_um < 0:
            raise ValueError(
                f"defocus_um: wanted underfocus as a number >= 0, got {self.defocus_um:g}"
            )

    def transfer(
        self, kz: np.ndarray, ky: np.ndarray, kx: np.ndarray, voxel_size: float
    ) -> np.ndarray:
        """Return the CTF at each frequency."""
        return ctf(np.sqrt(kz**2 + ky**2 + kx**2), **vars(self))


@dataclass(frozen=True, kw_only=True)
class Envelope(FourierFilter):
    """A Gaussian fall-off, ``exp(-(k / (cutoff k_Nyquist))^2)``, of optics and detector.

    Parameters
    ----------
    cutoff : float, optional
        Frequency at which 1/e is left, as a fraction of Nyquist.

    Raises
    ------
    ValueError
        The cutoff is not positive.

    Examples
    --------
    At 0.4 of the Nyquist frequency of 0.5/nm, 1/e is left:

    >>> zero, k = np.zeros((1, 1, 1)), np.full((1, 1, 1), 0.4 * 0.5)
    >>> round(Envelope(cutoff=0.4).transfer(zero, zero, k, 1.0).item(), 3)
    0.368
    """

    cutoff: float = 0.4

    def __post_init__(self) -> None:
        positive(self.cutoff, "envelope")

    def transfer(
        self, kz: np.ndarray, ky: np.ndarray, kx: np.ndarray, voxel_size: float
    ) -> np.ndarray:
        """Return the envelope at each frequency."""
        scale = (2.0 * voxel_size / self.cutoff) ** 2
        return np.exp(-scale * kz**2) * np.exp(-scale * ky**2) * np.exp(-scale * kx**2)


@dataclass(frozen=True, kw_only=True)
class MissingWedge(FourierFilter):
    """Nothing where no tilt looks: see `sampled_by_tilts`.

    Parameters
    ----------
    tilt_max : float, optional
        Greatest tilt about y, degrees, over 0 and up to 90.

    Raises
    ------
    ValueError
        The tilt is out of its range.

    Examples
    --------
    Nothing is known of structure along the beam, z, all of that along x:

    >>> zero, k = np.zeros((1, 1, 1)), np.full((1, 1, 1), 0.1)
    >>> wedge = MissingWedge(tilt_max=60.0)
    >>> wedge.transfer(k, zero, zero, 1.0).item(), wedge.transfer(zero, zero, k, 1.0).item()
    (False, True)
    """

    tilt_max: float = 60.0

    def __post_init__(self) -> None:
        check_tilt(self.tilt_max)

    def transfer(
        self, kz: np.ndarray, ky: np.ndarray, kx: np.ndarray, voxel_size: float
    ) -> np.ndarray:
        """Return 1 where sampled and 0 elsewhere."""
        return sampled_by_tilts(kz, kx, self.tilt_max)


@dataclass(frozen=True, kw_only=True)
class GaussianNoise:
    """White Gaussian noise, independent from voxel to voxel.

    Parameters
    ----------
    variance : float, optional
        Its variance; where an SNR is asked for, its share of the noise variance that is put in.

    Raises
    ------
    ValueError
        The variance is not positive.

    Examples
    --------
    >>> volume = Volume(data=np.zeros((32, 32, 32)), voxel_size=1.0, origin=(0, 0, 0))
    >>> noisy = GaussianNoise(variance=4.0)(volume, np.random.default_rng(1))
    >>> round(float(noisy.data.std()), 1)
    2.0
    """

    variance: float = 1.0

    def __post_init__(self) -> None:
        positive(self.variance, "variance")

    def __call__(self, volume: Volume, rng: np.random.Generator | None) -> Volume:
        """Return the volume with noise drawn from `rng`; with None, the volume itself."""
        if rng is None:
            return volume
        data = rng.standard_normal(volume.data.shape, dtype=np.float32)
        data *= np.float32(np.sqrt(self.variance))
        data += volume.data
        return on_grid_of(volume, data)


def run_stages(
    volume: Volume, stages: Sequence[Stage], rng: np.random.Generator | None = None
) -> Volume:
    """Pass a volume through stages, one after the other.

    Parameters
    ----------
    volume : Volume
        What goes in.
    stages : sequence of Stage
        The stages, in order. Neighbouring `FourierFilter` stages share one Fourier transform,
        on as many threads as `scipy.fft.set_workers` has set.
    rng : numpy.random.Generator, optional
        Where noise is drawn from; None leaves noise out.

    Returns
    -------
    Volume
        float32, on the same grid.

    Examples
    --------
    >>> import numpy as np
    >>> dot = np.zeros((16, 16, 16), np.float32)
    >>> dot[8, 8, 8] = 1
    >>> volume = Volume(data=dot, voxel_size=1.0, origin=(0, 0, 0))
    >>> image = run_stages(volume, (ContrastTransfer(defocus_um=5.0), MissingWedge(tilt_max=60)))
    >>> bool(image.data[8, 8, 8] < 0)
    True
    """
    for filters, group in groupby(stages, key=lambda stage: isinstance(stage, FourierFilter)):
        if filters:
            volume = _filtered(volume, tuple(group))  # type: ignore[arg-type]
        else:
            for stage in group:
                volume = stage(volume, rng)
    return volume


def on_grid_of(volume: Volume, data: np.ndarray) -> Volume:
    """Return `data`, made read-only and not copied, as a volume on the grid of another."""
    data.flags.writeable = False
    return Volume(data=data, voxel_size=volume.voxel_size, origin=volume.origin)


def _filtered(volume: Volume, filters: tuple[FourierFilter, ...]) -> Volume:
    shape, voxel_size = volume.data.shape, volume.voxel_size
    kz = fft.fftfreq(shape[0], voxel_size)[:, None, None]
    ky = fft.fftfreq(shape[1], voxel_size)[None, :, None]
    kx = fft.rfftfreq(shape[2], voxel_size)[None, None, :]
    spectrum = fft.rfftn(volume.data)
    # Plane by plane, so that no transfer function ever stands whole in memory.
    for plane, k in zip(spectrum, kz, strict=True):
        for stage in filters:
            plane *= stage.transfer(k[None], ky, kx, voxel_size)[0].astype(np.float32)
    data = fft.irfftn(spectrum, s=shape, overwrite_x=True)
    return on_grid_of(volume, data)
