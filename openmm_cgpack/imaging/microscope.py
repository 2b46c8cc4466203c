"""How a tilt series is taken: scheme, projection, optics, dose, camera, errors."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ..core.settings import Settings, setting
from ..core.tilts import TiltOptics, dose_before
from .losses import Illumination, Motion, RadiationDamage
from .optics import ContrastTransfer, Detector, Displacement
from .projection import Projection
from .stages import ACTS_ON, Stage, acting_on, check_stages


class TiltScheme(Settings):
    """Angles, order and dose of a tilt series.

    The last angle is left out where the steps do not meet it. ``"dose_symmetric"`` order (Hagen et
    al. 2017) goes from the angle nearest to 0 outwards, changing sides after every `group` images;
    ``"bidirectional"`` from the middle up to the end, then from the middle down; the others from
    one end to the other.

    References
    ----------
    .. [1] W. J. H. Hagen, W. Wan, J. A. G. Briggs, "Implementation of a cryo-electron tomography
       tilt-scheme optimized for high resolution subtomogram averaging", J. Struct. Biol. 197, 191
       (2017).

    Examples
    --------
    >>> scheme = TiltScheme(
    ...     tilt_min_deg=-6, tilt_max_deg=6, tilt_step_deg=3, total_dose_e_per_a2=10
    ... )
    >>> scheme.degrees.tolist()
    [-6.0, -3.0, 0.0, 3.0, 6.0]
    >>> scheme.acquired.tolist(), scheme.dose_before.tolist()
    ([4, 2, 0, 1, 3], [8.0, 4.0, 0.0, 2.0, 6.0])
    """

    tilt_min_deg: float = setting("first tilt", unit="°", default=-60.0, minimum=-90, maximum=90)
    tilt_max_deg: float = setting("last tilt", unit="°", default=60.0, minimum=-90, maximum=90)
    tilt_step_deg: float = setting("angle between neighbours", unit="°", default=3.0, above=0)
    order: Literal["dose_symmetric", "bidirectional", "ascending", "descending"] = setting(
        "order of the exposures", default="dose_symmetric"
    )
    group: int = setting("images on one side before the other has its turn", default=1, minimum=1)
    total_dose_e_per_a2: float = setting(
        "dose of the whole series, shared equally", unit="e/Å²", default=120.0, above=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tilt_min_deg > self.tilt_max_deg:
            raise ValueError(
                "tilt_min_deg, tilt_max_deg: wanted tilt_min_deg <= tilt_max_deg, got "
                f"{self.tilt_min_deg:g} and {self.tilt_max_deg:g}"
            )

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        return {} if self.order == "dose_symmetric" else {"group": f'with order = "{self.order}"'}

    def __len__(self) -> int:
        return len(self.degrees)

    @property
    def degrees(self) -> np.ndarray:
        """Angles, degrees, ascending."""
        # A step that divides the range up to rounding must reach its end.
        steps = int(np.floor((self.tilt_max_deg - self.tilt_min_deg) / self.tilt_step_deg + 1e-6))
        return np.minimum(
            self.tilt_min_deg + float(self.tilt_step_deg) * np.arange(steps + 1),
            float(self.tilt_max_deg),
        )

    @property
    def angles(self) -> np.ndarray:
        """Angles, rad, ascending."""
        return np.deg2rad(self.degrees)

    @property
    def acquired(self) -> np.ndarray:
        """When each image is taken, from 0, in the order of the angles."""
        t = len(self)
        if self.order == "ascending":
            return np.arange(t)
        if self.order == "descending":
            return np.arange(t)[::-1].copy()
        start = int(np.argmin(np.abs(self.degrees)))
        up, down = list(range(start + 1, t)), list(range(start - 1, -1, -1))
        if self.order == "bidirectional":
            sequence = [start, *up, *down]
        else:
            sequence = [start]
            while up or down:
                sequence += [*up[: self.group], *down[: self.group]]
                up, down = up[self.group :], down[self.group :]
        return np.argsort(sequence)

    @property
    def dose(self) -> np.ndarray:
        """Electrons per Å² for each image."""
        return np.full(len(self), self.total_dose_e_per_a2 / len(self))

    @property
    def dose_before(self) -> np.ndarray:
        """Electrons per Å² that the specimen has taken before each image."""
        return dose_before(self.dose, self.acquired)


class TiltErrors(Settings):
    """Standard deviations of what goes wrong between tilts; each is drawn for every tilt."""

    shift: float = setting(
        "of the specimen's place in the image, along x and y",
        unit="nm",
        default=0.0,
        minimum=0,
        usual=(0, 30),
    )
    rotation_deg: float = setting("of its turn in the image", unit="°", default=0.0, minimum=0)
    angle_deg: float = setting(
        "of the tilt itself; the tilt series has the nominal angles",
        unit="°",
        default=0.0,
        minimum=0,
    )
    defocus_um: float = setting("of the defocus", unit="µm", default=0.0, minimum=0)
    alignment: float = setting(
        "of the specimen's place in the image, along x and y, that is left after alignment, and so "
        "is not among the shifts of the tilt series",
        unit="nm",
        default=0.0,
        minimum=0,
        usual=(0, 10),
    )


class Microscope(Settings):
    """How a tilt series is taken; the defaults are a Titan Krios with an energy filter and a K3.

    Examples
    --------
    >>> Microscope(voltage_kv=200, detector=None).transfer.cs_mm
    2.7
    """

    voltage_kv: float = setting(
        "acceleration voltage, for wavelength, interaction, damage and mean free path alike",
        unit="kV",
        default=300.0,
        above=0,
    )
    scheme: TiltScheme = setting("angles, order and dose", default=TiltScheme())
    projection: Projection = setting("from potential to phase", default=Projection())
    damage: RadiationDamage | None = setting(
        "what the dose takes of the contrast; none, nothing", default=RadiationDamage()
    )
    motion: Motion | None = setting(
        "what the specimen moves while an image is taken; none, nothing", default=Motion()
    )
    transfer: ContrastTransfer = setting("from phase to contrast", default=ContrastTransfer())
    hand: Literal[-1, 1] = setting(
        "sign with which the depth -x sin(tilt) + z cos(tilt) adds to the underfocus, as RELION's "
        "rlnTomoHand",
        default=-1,
    )
    illumination: Illumination = setting("from contrast to electrons", default=Illumination())
    detector: Detector | None = setting(
        "from electrons to counts; none, every electron leaves its mean", default=Detector()
    )
    errors: TiltErrors = setting("what goes wrong between tilts", default=TiltErrors(alignment=0.5))
    padding: float = setting(
        "width of the mirrored frame around images while filters act",
        unit="nm",
        default=16.0,
        minimum=0,
    )
    stages: tuple[Stage, ...] = setting(
        "stages of one's own, each after all else that acts on the same", default=()
    )

    through: ClassVar[tuple[str, ...]] = ("transfer", "scheme")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_stages(self.stages, dimension=2, what=ACTS_ON)

    @property
    def to_contrast(self) -> tuple[Stage, ...]:
        """Stages of an image up to the contrast transfer."""
        blurred = (stage for stage in (self.damage, self.motion) if stage is not None)
        return (*blurred, *acting_on("phase", self.stages), self.transfer)

    @property
    def to_counts(self) -> tuple[Stage, ...]:
        """Stages of an image after the contrast transfer."""
        detector = () if self.detector is None else (self.detector,)
        return (
            Displacement(),
            *acting_on("contrast", self.stages),
            self.illumination,
            *acting_on("electrons", self.stages),
            *detector,
            *acting_on("counts", self.stages),
        )

    def optics(self, defocus_error_um: np.ndarray) -> TiltOptics:
        """Return the optics of all tilts, from what their defocus is off by, µm."""
        n, transfer = len(defocus_error_um), self.transfer
        mean, half = transfer.defocus_um + defocus_error_um, transfer.astigmatism_um / 2
        return TiltOptics(
            defocus_um=np.stack([mean + half, mean - half], axis=1),
            astigmatism_angle=np.full(n, np.deg2rad(transfer.astigmatism_angle_deg)),
            phase_shift=np.full(n, np.deg2rad(transfer.phase_shift_deg)),
            voltage_kv=self.voltage_kv,
            cs_mm=transfer.cs_mm,
            amplitude_contrast=transfer.amplitude_contrast,
            hand=self.hand,
        )
