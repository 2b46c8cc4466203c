"""Stages of image formation: small frozen values that act on an image, one after the other.

An image has two dimensions, (y, x), as one tilt of a series has, or three, (z, y, x), as the
volume of the one-step model has. On its way to the camera it holds, in this order:

``"phase"``
    Twice the phase that the specimen gives to the electrons: the contrast that an ideal phase
    plate would show. The density itself, in the one-step model.
``"contrast"``
    What the contrast transfer makes of it, ``I / I0 - 1``.
``"electrons"``
    Mean number of electrons that reach each pixel.
``"counts"``
    Electrons that the camera has counted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from itertools import groupby
from typing import ClassVar

import numpy as np
from scipy import fft

from ..core.arrays import noun
from ..core.settings import Settings, kind, setting

Rng = np.random.Generator | None
"""Where noise is drawn from; None leaves noise out."""

ACTS_ON = ("phase", "contrast", "electrons", "counts")
"""What an image may hold when a stage takes it."""


@noun
class Exposure:
    """How the image was taken that a stage has in its hands.

    Parameters
    ----------
    pixel_size : float
        Edge of a pixel or voxel, nm.
    voltage_kv : float
        Acceleration voltage, kV.
    angle : float
        Tilt about y, rad.
    dose_e_per_a2, pre_dose_e_per_a2 : float
        Electrons per Å² for this image, and before it.
    path : (x,) array or float
        Length of the beam's path through the ice, nm.
    shift : (2,) array
        By how much the specimen is out of place, (x, y), nm.
    misalignment : (2,) array
        By how much more, as alignment does not know.
    rotation : float
        By how much the specimen is turned in the image, rad.
    defocus_error_um, defocus_depth_um : float
        What is added to the underfocus by the microscope's error, and by the depth of the matter
        that is in the image, µm.
    padding : float
        Width of the mirrored frame around the image while filters act, nm.
    """

    pixel_size: float
    voltage_kv: float
    angle: float = 0.0
    dose_e_per_a2: float = 0.0
    pre_dose_e_per_a2: float = 0.0
    path: np.ndarray | float = 0.0
    shift: np.ndarray = field(default_factory=lambda: np.zeros(2))
    misalignment: np.ndarray = field(default_factory=lambda: np.zeros(2))
    rotation: float = 0.0
    defocus_error_um: float = 0.0
    defocus_depth_um: float = 0.0
    padding: float = 0.0


Transfer = Callable[[tuple[np.ndarray, ...], Exposure], np.ndarray]
"""A transfer function: see `FourierFilter.transfer`."""


class Stage(Settings, ABC, family=True):
    """One step of image formation.

    A stage of one's own is a subclass with ``__call__`` (or a `FourierFilter` with ``transfer``),
    registered by `openmm_cgpack.core.settings.kind`; it is then given in the ``stages`` of an
    imaging, or as ``[[imaging.stages]]`` of a recipe, and comes after all else that acts on the
    same. `openmm_cgpack.testing.check_stage` tests that it keeps the contract.

    Examples
    --------
    >>> class Half(Stage):
    ...     "Half of the contrast."
    ...     def __call__(self, image, exposure, rng=None):
    ...         return image * np.float32(0.5)
    >>> Half()(np.ones((1, 2), np.float32), Exposure(pixel_size=1.0, voltage_kv=300.0)).tolist()
    [[0.5, 0.5]]
    """

    acts_on: ClassVar[str] = "contrast"
    """What the image holds before and after it: one of `ACTS_ON`."""

    dimensions: ClassVar[tuple[int, ...]] = (2, 3)
    """Dimensions of the images that it can take."""

    @abstractmethod
    def __call__(self, image: np.ndarray, exposure: Exposure, rng: Rng = None) -> np.ndarray:
        """Return the image after this stage.

        Parameters
        ----------
        image : (y, x) or (z, y, x) float32 array
            The image, which is left as it is.
        exposure : Exposure
            How it was taken.
        rng : numpy.random.Generator, optional
            Where noise is drawn from; with None the stage does what it does to the signal and
            adds no noise.

        Returns
        -------
        float32 array of the same shape
        """


class FourierFilter(Stage):
    """A stage that multiplies the image's Fourier transform by a real function.

    Neighbouring filters share one transform. A calibrated SNR is exact where all stages are
    linear, as these are.
    """

    @abstractmethod
    def transfer(self, k: tuple[np.ndarray, ...], exposure: Exposure) -> np.ndarray:
        """Return the factor at each frequency.

        Parameters
        ----------
        k : tuple of arrays
            Frequencies, 1/nm, (ky, kx) of an image and (kz, ky, kx) of a volume, which broadcast
            against each other. The factor must be the same for k and -k.
        exposure : Exposure
            How the image was taken; the Nyquist frequency is ``0.5 / exposure.pixel_size``.

        Returns
        -------
        array that broadcasts to the image's frequencies
        """

    def __call__(self, image: np.ndarray, exposure: Exposure, rng: Rng = None) -> np.ndarray:
        """Return the filtered image; `rng` is not used."""
        return filtered([image], [exposure], [self.transfer])


@kind("envelope")
class Envelope(FourierFilter):
    """A Gaussian fall-off, ``exp(-(k / (cutoff k_Nyquist))^2)``, of optics and detector.

    Examples
    --------
    At 0.4 of the Nyquist frequency of 0.5/nm, 1/e is left:

    >>> exposure = Exposure(pixel_size=1.0, voltage_kv=300.0)
    >>> Envelope(cutoff=0.4).transfer((np.zeros(1), np.array([0.4 * 0.5])), exposure).round(3)
    array([0.368])
    """

    cutoff: float = setting(
        "frequency at which 1/e is left, as a fraction of Nyquist", default=0.4, above=0
    )

    def transfer(self, k: tuple[np.ndarray, ...], exposure: Exposure) -> np.ndarray:
        """Return the envelope at each frequency."""
        scale = (2.0 * exposure.pixel_size / self.cutoff) ** 2
        factor = np.exp(-scale * k[0] ** 2)
        for axis in k[1:]:
            factor = factor * np.exp(-scale * axis**2)
        return factor


@kind("white_noise")
class WhiteNoise(Stage):
    """White Gaussian noise, independent from pixel to pixel.

    Examples
    --------
    >>> exposure = Exposure(pixel_size=1.0, voltage_kv=300.0)
    >>> nothing = np.zeros((100, 100), np.float32)
    >>> noise = WhiteNoise(deviation=2.0)(nothing, exposure, np.random.default_rng(1))
    >>> round(float(noise.std()), 1)
    2.0
    """

    deviation: float = setting(
        "standard deviation, in units of the image; where an SNR is asked for, relative to that "
        "of other noise",
        default=1.0,
        above=0,
    )

    def __call__(self, image: np.ndarray, exposure: Exposure, rng: Rng = None) -> np.ndarray:
        """Return the image with noise drawn from `rng`; with None, the image itself."""
        if rng is None:
            return image
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        noise *= np.float32(self.deviation)
        noise += image
        return noise


def run_stages(
    image: np.ndarray,
    exposure: Exposure,
    stages: Sequence[Stage],
    rng: Rng = None,
    *,
    defocus_depths_um: np.ndarray | None = None,
) -> np.ndarray:
    """Pass an image through stages, one after the other.

    Neighbouring filters share one Fourier transform, on as many threads as
    `scipy.fft.set_workers` has set. With `defocus_depths_um`, (s,), the image comes in slabs,
    (s, y, x), each with that much more underfocus: the first filters act on each and add them up.

    >>> exposure = Exposure(pixel_size=1.0, voltage_kv=300.0)
    >>> dot = np.zeros((16, 16), np.float32)
    >>> dot[8, 8] = 1
    >>> blurred = run_stages(dot, exposure, (Envelope(cutoff=0.3), Envelope(cutoff=0.4)))
    >>> bool(0 < blurred[8, 8] < 0.1)
    True
    """
    slabs, exposures = [image], [exposure]
    if defocus_depths_um is not None:
        slabs = list(image)
        exposures = [replace(exposure, defocus_depth_um=float(d)) for d in defocus_depths_um]
    for is_filter, group in groupby(stages, key=lambda stage: isinstance(stage, FourierFilter)):
        if is_filter:
            transfers = [stage.transfer for stage in group]  # type: ignore[attr-defined]
            image = filtered(slabs, exposures, transfers)
        else:
            image = _sum(slabs)
            for stage in group:
                image = stage(image, exposure, rng)
        slabs, exposures = [image], [exposure]
    return _sum(slabs)


def filtered(
    slabs: Sequence[np.ndarray], exposures: Sequence[Exposure], transfers: Sequence[Transfer]
) -> np.ndarray:
    """Return the sum of images, each filtered by transfer functions with its own exposure."""
    shape, pixel = slabs[0].shape, exposures[0].pixel_size
    width = int(np.ceil(exposures[0].padding / pixel))
    extra = [fft.next_fast_len(n + 2 * width, real=True) - n if width else 0 for n in shape]
    pads = [(e // 2, e - e // 2) for e in extra]
    padded = [n + e for n, e in zip(shape, extra, strict=True)]
    k = frequencies(padded, pixel)
    # Volumes plane by plane, so that no transfer function of a volume ever stands in memory.
    step = 1 if len(shape) == 3 else padded[0]
    total = None
    for slab, exposure in zip(slabs, exposures, strict=True):
        if not slab.any():
            continue
        spectrum = fft.rfftn(np.pad(slab, pads, mode="symmetric") if width else slab)
        for start in range(0, padded[0], step):
            part = slice(start, start + step)
            for transfer in transfers:
                factor = transfer((k[0][part], *k[1:]), exposure)
                spectrum[part] *= np.asarray(factor, np.float32)
        total = spectrum if total is None else total + spectrum
    if total is None:
        return np.zeros(shape, np.float32)
    inner = tuple(slice(a, a + n) for (a, _), n in zip(pads, shape, strict=True))
    return np.ascontiguousarray(fft.irfftn(total, s=padded, overwrite_x=True)[inner])


def frequencies(shape: Sequence[int], pixel_size: float) -> tuple[np.ndarray, ...]:
    """Return the frequencies of a real transform along each axis, 1/nm, shaped to broadcast."""
    axes = [fft.fftfreq(n, pixel_size) for n in shape[:-1]]
    axes.append(fft.rfftfreq(shape[-1], pixel_size))
    return np.ix_(*axes)


def check_stages(stages: Sequence[Stage], *, dimension: int, what: Sequence[str]) -> None:
    """Raise ValueError where a user's stage cannot act on the images of an imaging."""
    for stage in stages:
        name = type(stage).__name__
        if not stage.kind:
            raise ValueError(f"stages: wanted stages registered by @kind, got {name}")
        if dimension not in stage.dimensions:
            raise ValueError(f"stages: {name} cannot act on images of {dimension} dimensions")
        if stage.acts_on not in what:
            raise ValueError(
                f"stages: wanted stages that act on {' or '.join(what)}, {name} acts on "
                f"{stage.acts_on}"
            )


def acting_on(what: str, stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return those of the stages that act on phase, contrast, electrons or counts."""
    return tuple(stage for stage in stages if stage.acts_on == what)


def _sum(slabs: Sequence[np.ndarray]) -> np.ndarray:
    return slabs[0] if len(slabs) == 1 else np.sum(slabs, axis=0)
