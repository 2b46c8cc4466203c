"""From a density to a tomogram in one step: CTF, missing wedge and noise in three dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from scipy import fft

from ..core.runtime import all_threads
from ..core.settings import kind, setting
from ..core.volume import Volume
from .acquisition import child
from .measures import SnrDefinition, measured_snr, variance, variance_by
from .optics import ContrastTransfer
from .rendering import Imaging, Rendered, check_signal, check_varies
from .specimen import Specimen
from .stages import (
    Envelope,
    Exposure,
    FourierFilter,
    Rng,
    Stage,
    WhiteNoise,
    acting_on,
    check_stages,
    run_stages,
)

_ROUNDING = 1e-9

_OTHER_HALF = 1
"""Number of the seed's child that the halves' difference is drawn from."""


def sampled_by_tilts(kz: np.ndarray, kx: np.ndarray, tilt_max_deg: float) -> np.ndarray:
    """Tell which frequencies, in any one unit, lie on the central slice of some tilt.

    The tilt axis is y and the beam runs along z. A tilt by the angle t projects along
    ``(-sin t, 0, cos t)`` onto ``u = x cos t + z sin t``, and so fills the central slice through
    the y axis and ``(cos t, 0, sin t)`` (projection-slice theorem). All tilts up to the greatest,
    T, to either side, together fill ``|kz| <= |kx| tan(T)``; what is missing is a double wedge
    around kz.

    >>> sampled_by_tilts([0.0, 1.0, 1.0], [1.0, 1.0, 0.0], 60.0)
    array([ True,  True, False])
    """
    angle = np.deg2rad(tilt_max_deg)
    kz, kx = np.abs(kz), np.abs(kx)
    return np.cos(angle) * kz <= np.sin(angle) * kx + _ROUNDING * (kz + kx)


@kind("missing_wedge")
class MissingWedge(FourierFilter):
    """Nothing where no tilt about y looks: see `sampled_by_tilts`.

    Examples
    --------
    Nothing is known of structure along the beam, z, all of that along x:

    >>> zero, k, exposure = np.zeros(1), np.ones(1), Exposure(pixel_size=1.0, voltage_kv=300.0)
    >>> wedge = MissingWedge(tilt_max_deg=60.0)
    >>> wedge.transfer((k, zero, zero), exposure), wedge.transfer((zero, zero, k), exposure)
    (array([False]), array([ True]))
    """

    tilt_max_deg: float = setting(
        "greatest tilt, to either side", unit="°", default=60.0, above=0, maximum=90
    )

    dimensions: ClassVar[tuple[int, ...]] = (3,)

    def transfer(self, k: tuple[np.ndarray, ...], exposure: Exposure) -> np.ndarray:
        """Return 1 where sampled and 0 elsewhere."""
        return sampled_by_tilts(k[0], k[2], self.tilt_max_deg)


@kind("one_step")
class OneStep(Imaging):
    """The one-step model of the paper's lineage (Pei et al. 2016).

    The density's Fourier transform is multiplied by the CTF, as a function of the length of the
    3D frequency, and set to zero in the missing wedge of tilts about y with the beam along z.
    Half of the noise's variance is put in before the CTF and half after it, before envelope and
    wedge. Mass comes out dark. Of a `Specimen` it takes the potential.

    The noise is rendered by itself and then scaled, so that the SNR is met to rounding and not on
    average. That wants stages that are linear in the image and in their noise.

    References
    ----------
    .. [1] L. Pei, M. Xu, Z. Frazier, F. Alber, "Simulating cryo electron tomograms of crowded cell
       cytoplasm for assessment of automated particle picking", BMC Bioinformatics 17, 405 (2016).

    Examples
    --------
    >>> data = np.zeros((32, 48, 48), np.float32)
    >>> data[12:20, 20:28, 20:28] = 1.0
    >>> density = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> rendered = OneStep(snr=0.1)(density, seed=1)
    >>> noise = rendered.tomogram.data - rendered.signal.data
    >>> round(float(rendered.signal.data.var() / noise.var()), 3)
    0.1
    """

    voltage_kv: float = setting("acceleration voltage", unit="kV", default=300.0, above=0)
    transfer: ContrastTransfer = setting(
        "contrast transfer", default=ContrastTransfer(defocus_um=5.0, cs_mm=2.0)
    )
    envelope: Envelope | None = setting("fall-off, on signal and noise alike", default=None)
    wedge: MissingWedge | None = setting(
        "frequencies that no tilt sees; none, all are seen", default=MissingWedge()
    )
    stages: tuple[Stage, ...] = setting(
        "stages of one's own: before the CTF those that act on the phase, the others at the end",
        default=(),
    )
    snr: float | None = setting(
        "signal-to-noise ratio to which all noise is scaled; none, there is no noise but that of "
        "stages of one's own",
        default=200.0,
        above=0,
    )
    snr_definition: SnrDefinition = setting("what the ratio means", default="volume")
    padding: float = setting(
        "width of the frame that continues the density on every side while the stages act, by "
        "repetition where the scene repeats and in a mirror elsewhere; filters are periodic, and "
        "with 0 what leaves the box on one side comes in on the other",
        unit="nm",
        default=16.0,
        minimum=0,
    )
    halves: Literal["none", "dose"] = setting(
        "two more tomograms that share no noise, as of half of the dose each; the tomogram is "
        "their mean",
        default="none",
    )

    through: ClassVar[tuple[str, ...]] = ("transfer",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_stages(self.stages, dimension=3, what=("phase", "contrast"))
        if self.transfer.astigmatism_um:
            raise ValueError(
                "transfer: astigmatism_um: wanted 0, as the CTF of a volume is one for all "
                f"directions, got {self.transfer.astigmatism_um:g}"
            )

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        silent = self.snr is None and not self.stages
        return dict.fromkeys(("snr_definition", "halves"), "without noise") if silent else {}

    def __call__(
        self,
        specimen: Volume | Specimen,
        *,
        seed: int | np.random.SeedSequence,
        threads: int | None = None,
        progress: bool = True,
    ) -> Rendered:
        """Return the tomogram, on the density's grid; there is no progress to show."""
        density = specimen.potential if isinstance(specimen, Specimen) else specimen
        check_varies(density)
        if threads is not None and threads < 1:
            raise ValueError(f"threads: wanted 1 or more, got {threads}")
        with fft.set_workers(threads or all_threads()):
            return self._rendered(density, seed)

    def takes(self, shape: Sequence[float], voxel_size: float) -> tuple[float, float]:
        """Return the bytes of memory and of files: transforms of the frame, and three maps."""
        frame, voxels = 2 * self.padding / voxel_size, math.prod(shape)
        halves = 0 if self.halves == "none" else 2
        memory = 28 * math.prod(n + frame for n in shape) + 4 * halves * voxels
        return memory, 4 * (1 + halves) * voxels

    def seconds(self, shape: Sequence[float], voxel_size: float) -> float:
        """Return that of the voxels of the frame, too, and of halves."""
        frame = 2 * self.padding / voxel_size
        whole = super().seconds([n + frame for n in shape], voxel_size)
        return whole if self.halves == "none" else 1.5 * whole

    def gains(self, density: Volume) -> tuple[float, float]:
        """Return what the stages leave of white noise, as `measure_snr` wants it for ``"pei2016"``.

        Returns
        -------
        loss, gain : float
            The part of the variance that is left of white noise that passes all stages, as the
            signal does, and of all `WhiteNoise` put in.

        Examples
        --------
        >>> nothing = Volume(data=np.zeros((32, 32, 32)), voxel_size=1.0, origin=(0, 0, 0))
        >>> loss, gain = OneStep().gains(nothing)
        >>> bool(0 < loss < gain < 1)
        True
        """
        stages = self._all_stages()
        sources = [
            (stage.deviation**2, self._white_gain(density, stages[i + 1 :]))
            for i, stage in enumerate(stages)
            if isinstance(stage, WhiteNoise)
        ]
        if not sources:
            raise ValueError("snr: wanted one, or WhiteNoise among the stages, for 'pei2016'")
        gain = sum(share * left for share, left in sources) / sum(share for share, _ in sources)
        return self._white_gain(density, stages), gain

    def _all_stages(self) -> tuple[Stage, ...]:
        half = () if self.snr is None else (WhiteNoise(deviation=float(np.sqrt(0.5))),)
        fixed = (stage for stage in (self.envelope, self.wedge) if stage is not None)
        return (
            *half,
            *acting_on("phase", self.stages),
            self.transfer,
            *half,
            *fixed,
            *acting_on("contrast", self.stages),
        )

    def _run(
        self,
        data: np.ndarray,
        density: Volume,
        stages: tuple[Stage, ...],
        rng: Rng = None,
    ) -> np.ndarray:
        exposure = Exposure(pixel_size=density.voxel_size, voltage_kv=self.voltage_kv)
        return run_stages(data, exposure, stages, rng)

    def _rendered(self, density: Volume, seed: int | np.random.SeedSequence) -> Rendered:
        stages, definition = self._all_stages(), self.snr_definition
        rng = np.random.default_rng(seed)
        padded, inner = _padded(density, self.padding)
        data = np.ascontiguousarray(self._run(padded, density, stages)[inner])
        check_signal(data)
        signal = _on_grid_of(density, data)
        if self.snr is None and not self.stages:
            return Rendered(imaging=self, tomogram=signal, signal=signal)
        gains = self.gains(density) if definition == "pei2016" else None
        scale = np.float32(1)
        if self.snr is None:
            noisy = self._run(padded, density, stages, rng)[inner].copy()
        else:
            # By itself and scaled afterwards, so that the ratio is met and not only on average.
            noise = self._run(np.zeros_like(padded), density, stages, rng)[inner]
            ratio = variance_by(definition, data) / variance_by(definition, noise)
            factor = 1.0 if gains is None else gains[0] / gains[1]
            scale = np.float32(np.sqrt(ratio / (self.snr * factor)))
            noisy = data.copy()
            for plane, grain in zip(noisy, noise, strict=True):
                plane += scale * grain
        halves: tuple[Volume, ...] = ()
        if self.halves == "dose":
            # With noises a and b of one strength, a + b and a - b share none.
            other = np.random.default_rng(child(seed, _OTHER_HALF))
            apart = scale * self._run(np.zeros_like(padded), density, stages, other)[inner]
            halves = tuple(_on_grid_of(density, noisy + sign * apart) for sign in (1, -1))
        tomogram = _on_grid_of(density, noisy)
        return Rendered(
            imaging=self,
            tomogram=tomogram,
            signal=signal,
            halves=halves,
            snr=measured_snr(tomogram, signal, gains=gains),
        )

    def _white_gain(self, density: Volume, stages: tuple[Stage, ...]) -> float:
        # The sum of squares of the stages' response to one bright voxel (Parseval), less the mean,
        # which is no part of a variance.
        point = np.zeros(density.data.shape, dtype=np.float32)
        point[0, 0, 0] = 1.0
        return variance(self._run(point, density, stages)) * point.size


def _padded(density: Volume, frame: float) -> tuple[np.ndarray, tuple[slice, ...]]:
    """Return the data in a frame of a length quick to transform, and where they lie."""
    shape = density.data.shape
    if frame == 0:
        return density.data, (slice(None),) * 3
    width = int(np.ceil(frame / density.voxel_size))
    extra = [fft.next_fast_len(n + 2 * width, real=True) - n for n in shape]
    before = [(e + 1) // 2 for e in extra]
    pads = [(b, e - b) for b, e in zip(before, extra, strict=True)]
    inner = tuple(slice(b, b + n) for b, n in zip(before, shape, strict=True))
    data = density.data
    for axis, repeats in enumerate(density.periodic[::-1]):
        pad = [(0, 0)] * axis + [pads[axis]] + [(0, 0)] * (2 - axis)
        data = np.pad(data, pad, mode="wrap" if repeats else "symmetric")
    return data, inner


def _on_grid_of(density: Volume, data: np.ndarray) -> Volume:
    data.flags.writeable = False
    return Volume(data=data, voxel_size=density.voxel_size, origin=density.origin)
