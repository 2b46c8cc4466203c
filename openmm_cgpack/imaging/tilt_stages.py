"""What happens to one image of a tilt series on its way to the camera, stage by stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import fft

from ..core.arrays import positive
from .detector import Camera
from .optics import check_optics, ctf


@dataclass(frozen=True, kw_only=True, eq=False)
class Tilt:
    """One tilt: what a stage may want to know about the image in its hands.

    Parameters
    ----------
    angle : float
        Tilt about y, rad.
    pixel_size : float
        Edge of a pixel, nm.
    dose_e_per_a2, pre_dose_e_per_a2 : float
        Electrons per Å² for this image, and before it.
    path : (x,) array or float
        Length of the beam's path through the ice, nm.
    depths : (s,) array
        Depth of each slab of the image below or above the rotation centre, nm.
    shift : (2,) array
        By how much the specimen is out of place, (x, y), nm.
    rotation : float
        By how much the specimen is turned, rad.
    defocus_error_um : float
        What the defocus is off by, µm.
    padding : float
        Width of the mirrored frame around the image while filters act, nm.
    """

    angle: float = 0.0
    pixel_size: float = 1.0
    dose_e_per_a2: float = 1.0
    pre_dose_e_per_a2: float = 0.0
    path: np.ndarray | float = 0.0
    depths: np.ndarray = field(default_factory=lambda: np.zeros(1))
    shift: np.ndarray = field(default_factory=lambda: np.zeros(2))
    rotation: float = 0.0
    defocus_error_um: float = 0.0
    padding: float = 16.0


@runtime_checkable
class TiltStage(Protocol):
    """One step of an image: anything that is called like this.

    A stage takes a (y, x) float32 image and returns one. With ``rng=None`` it does what it does
    to the signal and adds no noise.
    """

    def __call__(
        self, image: np.ndarray, tilt: Tilt, rng: np.random.Generator | None
    ) -> np.ndarray:
        """Return the image after this stage."""
        ...


class TiltFilter(ABC):
    """A stage that multiplies the image's Fourier transform by a real function.

    A new filter is a frozen dataclass with `transfer`; neighbouring filters share one transform.
    """

    @abstractmethod
    def transfer(self, ky: np.ndarray, kx: np.ndarray, tilt: Tilt, depth: float) -> np.ndarray:
        """Return the factor at each frequency.

        Parameters
        ----------
        ky, kx : (y, 1), (1, x) arrays
            Frequencies, 1/nm. The factor must be the same for k and -k.
        tilt : Tilt
            The tilt.
        depth : float
            Depth of the slab of the specimen that is in the image, nm.

        Returns
        -------
        array that broadcasts to (y, x)
        """

    def __call__(
        self, image: np.ndarray, tilt: Tilt, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Return the filtered image; `rng` is not used."""
        return _filtered(image, tilt, (self,))


@dataclass(frozen=True, kw_only=True)
class RadiationDamage(TiltFilter):
    """What the dose leaves of the contrast: exposure-dependent envelope of Grant and Grigorieff.

    ``exp(-N / (2 Ne(k)))`` with the critical dose ``Ne(k) = a k^b + c`` e/Å², k in 1/Å, at 300 kV;
    averaged over the exposure of the image.

    Parameters
    ----------
    scale : float, optional
        Factor of the critical dose: 1 at 300 kV, 0.8 at 200 kV.

    References
    ----------
    .. [1] T. Grant, N. Grigorieff, "Measuring the optimal exposure for single particle cryo-EM
       using a 2.6 Å reconstruction of rotavirus VP6", eLife 4, e06980 (2015), equation 3.

    Examples
    --------
    >>> round(float(RadiationDamage().critical_dose(np.array(1.0))), 1)
    14.1
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        positive(self.scale, "scale")

    def critical_dose(self, k: np.ndarray) -> np.ndarray:
        """Return Ne, e/Å², at a frequency in 1/nm; infinite at zero."""
        per_angstrom = np.asarray(k, dtype=np.float64) / 10
        with np.errstate(divide="ignore"):
            return self.scale * (0.245 * per_angstrom**-1.665 + 2.81)

    def transfer(self, ky: np.ndarray, kx: np.ndarray, tilt: Tilt, depth: float) -> np.ndarray:
        """Return the envelope, averaged over the exposure."""
        rate = 0.5 / self.critical_dose(np.sqrt(ky**2 + kx**2))
        taken = rate * tilt.dose_e_per_a2
        # (1 - exp(-t)) / t, which is 1 at t = 0.
        mean = np.where(taken > 1e-8, -np.expm1(-taken) / np.maximum(taken, 1e-8), 1.0)
        return np.exp(-rate * tilt.pre_dose_e_per_a2) * mean


@dataclass(frozen=True, kw_only=True)
class TiltTransfer(TiltFilter):
    """From the phase that electrons gain to the contrast of the image: twice the CTF.

    The weak-phase image, ``I / I0 = 1 + 2 CTF * phase``. A slab at some depth has a defocus of
    its own, ``defocus_um + hand depth``.

    Parameters
    ----------
    defocus_um : float, optional
        Underfocus of the rotation centre, µm; mean of the two axes.
    astigmatism_um : float, optional
        Defocus along `astigmatism_angle` less that across it, µm.
    astigmatism_angle : float, optional
        Angle from x towards y, rad.
    voltage_kv, cs_mm, amplitude_contrast, phase_shift : float, optional
        As for `ctf`.
    hand : {-1, 1}, optional
        Sign of the depth ``-x sin(angle) + z cos(angle)`` in the defocus, as RELION's
        ``rlnTomoHand``.

    Raises
    ------
    ValueError
        A constant is out of its range.
    """

    defocus_um: float = 5.0
    astigmatism_um: float = 0.0
    astigmatism_angle: float = 0.0
    voltage_kv: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.07
    phase_shift: float = 0.0
    hand: int = -1

    def __post_init__(self) -> None:
        check_optics(
            defocus_um=self.defocus_um,
            voltage_kv=self.voltage_kv,
            cs_mm=self.cs_mm,
            amplitude_contrast=self.amplitude_contrast,
            phase_shift=self.phase_shift,
        )
        if self.defocus_um < 0:
            raise ValueError(
                f"defocus_um: wanted underfocus as a number >= 0, got {self.defocus_um:g}"
            )
        if self.hand not in (-1, 1):
            raise ValueError(f"hand: wanted -1 or 1, got {self.hand}")

    def transfer(self, ky: np.ndarray, kx: np.ndarray, tilt: Tilt, depth: float) -> np.ndarray:
        """Return twice the CTF at each frequency."""
        half = 0.5 * self.astigmatism_um
        mean = self.defocus_um + tilt.defocus_error_um + self.hand * depth * 1e-3
        return 2.0 * ctf_2d(
            ky,
            kx,
            defocus_um=(mean + half, mean - half),
            astigmatism_angle=self.astigmatism_angle,
            voltage_kv=self.voltage_kv,
            cs_mm=self.cs_mm,
            amplitude_contrast=self.amplitude_contrast,
            phase_shift=self.phase_shift,
        )


def ctf_2d(
    ky: np.ndarray,
    kx: np.ndarray,
    *,
    defocus_um: tuple[float, float],
    astigmatism_angle: float = 0.0,
    voltage_kv: float = 300.0,
    cs_mm: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift: float = 0.0,
) -> np.ndarray:
    """Return the CTF with astigmatism.

    Parameters
    ----------
    ky, kx : arrays
        Frequencies that broadcast against each other, 1/nm.
    defocus_um : tuple of float
        Underfocus along `astigmatism_angle` and across it, µm.
    astigmatism_angle : float, optional
        Angle from x towards y, rad.
    voltage_kv, cs_mm, amplitude_contrast, phase_shift : float, optional
        As for `ctf`.

    Returns
    -------
    numpy.ndarray

    References
    ----------
    .. [1] A. Rohou, N. Grigorieff, J. Struct. Biol. 192, 216 (2015), equation 5.
    """
    mean, half = sum(defocus_um) / 2, (defocus_um[0] - defocus_um[1]) / 2
    defocus: np.ndarray | float = mean
    if half:
        defocus = mean + half * np.cos(2 * (np.arctan2(ky, kx) - astigmatism_angle))
    return ctf(
        np.sqrt(ky**2 + kx**2),
        defocus_um=defocus,
        voltage_kv=voltage_kv,
        cs_mm=cs_mm,
        amplitude_contrast=amplitude_contrast,
        phase_shift=phase_shift,
    )


@dataclass(frozen=True, kw_only=True)
class Displacement:
    """Turn and move the image as the tilt's errors say; cubic splines, borders as in a mirror."""

    def __call__(
        self, image: np.ndarray, tilt: Tilt, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Return the image out of place; `rng` is not used."""
        return displaced(image, shift=np.asarray(tilt.shift) / tilt.pixel_size, turn=tilt.rotation)


def displaced(image: np.ndarray, *, shift: np.ndarray, turn: float) -> np.ndarray:
    """Return an image turned about its middle, pixel ``(ny // 2, nx // 2)``, and then moved.

    Parameters
    ----------
    image : (y, x) array
        The image.
    shift : (2,) array
        Where the middle goes, (x, y), pixels.
    turn : float
        Angle from x towards y, rad.

    Returns
    -------
    (y, x) array
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
class Illumination:
    """From contrast to electrons: dose, and what is lost on the way through the ice.

    ``dose pixel_size² exp(-path / mean_free_path) max(1 + contrast, 0)``: electrons that lost
    energy are taken out by the filter.

    Parameters
    ----------
    mean_free_path : float, optional
        Inelastic mean free path in ice, nm: about 310 at 300 kV and 200 at 200 kV. None loses
        nothing.

    References
    ----------
    .. [1] W. J. Rice et al., "Routine determination of ice thickness for cryo-EM grids",
       J. Struct. Biol. 204, 38 (2018).
    """

    mean_free_path: float | None = 310.0

    def __post_init__(self) -> None:
        if self.mean_free_path is not None:
            positive(self.mean_free_path, "mean_free_path")

    def __call__(
        self, image: np.ndarray, tilt: Tilt, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Return the mean number of electrons per pixel; `rng` is not used."""
        left = np.ones(1)
        if self.mean_free_path is not None:
            left = np.exp(-np.asarray(tilt.path) / self.mean_free_path)
        electrons = tilt.dose_e_per_a2 * (10 * tilt.pixel_size) ** 2 * left
        return np.maximum(1 + image, 0) * np.asarray(electrons, np.float32)


@dataclass(frozen=True, kw_only=True)
class Detector:
    """Count electrons: Poisson noise between the two transfers of a camera.

    ``counts = NTF * Poisson(sqrt(DQE / DQE(0)) * DQE(0) electrons)``, stars for convolutions
    (Vulović et al. 2013), so that signal passes with the MTF, and the signal-to-noise ratio of
    the counts is DQE times that of the electrons.

    Parameters
    ----------
    camera : Camera, optional
        The curves.
    pixel_size : float, optional
        Edge of a physical pixel, nm at the specimen; it sets the camera's Nyquist frequency,
        which a binned image does not reach.

    References
    ----------
    .. [1] M. Vulović et al., J. Struct. Biol. 183, 19 (2013).
    """

    camera: Camera = field(default_factory=Camera)
    pixel_size: float = 0.2

    def __post_init__(self) -> None:
        positive(self.pixel_size, "pixel_size")

    def __call__(
        self, image: np.ndarray, tilt: Tilt, rng: np.random.Generator | None
    ) -> np.ndarray:
        """Return the electrons counted in each pixel; their mean with None."""
        camera = self.camera
        image = image * np.float32(camera.dqe_zero)
        if camera.dqe_nyquist < camera.dqe_zero:
            relative = _OfLength(lambda w: np.sqrt(camera.dqe(w) / camera.dqe_zero), self)
            image = np.maximum(relative(image, tilt), 0)
        if rng is not None:
            image = rng.poisson(image).astype(np.float32)
        if camera.mtf_nyquist == 1 and camera.dqe_nyquist == camera.dqe_zero:
            return image
        return _OfLength(camera.noise_transfer, self)(image, tilt)


@dataclass(frozen=True)
class _OfLength(TiltFilter):
    curve: Callable[[np.ndarray], np.ndarray]
    detector: Detector

    def transfer(self, ky: np.ndarray, kx: np.ndarray, tilt: Tilt, depth: float) -> np.ndarray:
        return self.curve(np.sqrt(ky**2 + kx**2) * (2 * self.detector.pixel_size))


@dataclass(frozen=True, kw_only=True)
class WhiteNoise:
    """White Gaussian noise, where its strength is set by a signal-to-noise ratio.

    Parameters
    ----------
    deviation : float, optional
        Standard deviation relative to the image's mean.
    """

    deviation: float = 1.0

    def __post_init__(self) -> None:
        positive(self.deviation, "deviation")

    def __call__(
        self, image: np.ndarray, tilt: Tilt, rng: np.random.Generator | None
    ) -> np.ndarray:
        """Return the image with noise drawn from `rng`; with None, the image itself."""
        if rng is None:
            return image
        noise = rng.standard_normal(image.shape, np.float32)
        return image + noise * np.float32(self.deviation * image.mean())


def run_tilt_stages(
    slabs: np.ndarray,
    tilt: Tilt,
    stages: Sequence[TiltStage],
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Pass the image of one tilt through stages, one after the other.

    Parameters
    ----------
    slabs : (s, y, x) float32 array
        The image in slabs, at the depths ``tilt.depths``. The first filters act on each slab and
        add them up.
    tilt : Tilt
        The tilt.
    stages : sequence of TiltStage
        The stages, in order.
    rng : numpy.random.Generator, optional
        Where noise is drawn from; None leaves noise out.

    Returns
    -------
    (y, x) float32 array
    """
    image = slabs
    for filters, group in groupby(stages, key=lambda stage: isinstance(stage, TiltFilter)):
        if filters:
            image = _filtered(image, tilt, tuple(group))  # type: ignore[arg-type]
        else:
            image = image.sum(axis=0) if image.ndim == 3 else image
            for stage in group:
                image = stage(image, tilt, rng)
    return image.sum(axis=0) if image.ndim == 3 else image


def _filtered(image: np.ndarray, tilt: Tilt, filters: tuple[TiltFilter, ...]) -> np.ndarray:
    slabs, depths = (image, tilt.depths) if image.ndim == 3 else (image[None], [0.0])
    shape, width = image.shape[-2:], int(np.ceil(tilt.padding / tilt.pixel_size))
    extra = [fft.next_fast_len(n + 2 * width, real=True) - n if width else 0 for n in shape]
    pads = [(e // 2, e - e // 2) for e in extra]
    padded = [n + e for n, e in zip(shape, extra, strict=True)]
    ky = fft.fftfreq(padded[0], tilt.pixel_size)[:, None]
    kx = fft.rfftfreq(padded[1], tilt.pixel_size)[None, :]
    total = None
    for slab, depth in zip(slabs, depths, strict=True):
        if not slab.any():
            continue
        spectrum = fft.rfft2(np.pad(slab, pads, mode="symmetric") if width else slab)
        for stage in filters:
            spectrum *= stage.transfer(ky, kx, tilt, float(depth)).astype(np.float32)
        total = spectrum if total is None else total + spectrum
    if total is None:
        return np.zeros(shape, np.float32)
    inner = tuple(slice(a, a + n) for (a, _), n in zip(pads, shape, strict=True))
    return np.ascontiguousarray(fft.irfft2(total, s=padded)[inner])
