"""Tilt series: images of one specimen at many tilts, and how they were taken."""

from __future__ import annotations

import numpy as np

from .arrays import freeze, noun, positive
from .display import Rows
from .volume import Grid


@noun
class TiltOptics:
    """The optics under which each image of a tilt series was taken.

    Parameters
    ----------
    defocus_um : (t, 2) array
        Underfocus of the rotation centre along the two axes of the astigmatism, µm.
    astigmatism_angle : (t,) array
        Angle from the image's x axis to the axis of the first defocus, towards y, rad.
    phase_shift : (t,) array
        Additional phase shift, rad.
    voltage_kv, cs_mm, amplitude_contrast : float
        Acceleration voltage, kV; spherical aberration, mm; fraction of amplitude contrast.
    hand : {-1, 1}
        Sign with which the depth ``-x sin(tilt) + z cos(tilt)`` adds to the defocus; RELION's
        ``rlnTomoHand``.
    """

    defocus_um: np.ndarray
    astigmatism_angle: np.ndarray
    phase_shift: np.ndarray
    voltage_kv: float
    cs_mm: float
    amplitude_contrast: float
    hand: int

    def __post_init__(self) -> None:
        freeze(self, "optics", defocus_um=(None, 2))
        t = len(self.defocus_um)
        freeze(self, "optics", astigmatism_angle=(t,), phase_shift=(t,))
        if self.hand not in (-1, 1):
            raise ValueError(f"optics: hand: wanted -1 or 1, got {self.hand}")


@noun
class TiltSeries:
    """Images of one specimen, in the order of their angles.

    A point (x, y, z) of the specimen, from the rotation centre, appears at
    ``u = x cos(angle) + z sin(angle)``, ``v = y`` from the middle of the image, then turned by
    `rotations` and moved by `shifts`. The rotation centre is the centre of voxel
    ``(nz // 2, ny // 2, nx // 2)``, the image's middle that of pixel ``(ny // 2, nx // 2)``.

    Parameters
    ----------
    images : (t, y, x) float32 array
        The images, in electrons per pixel.
    angles : (t,) array
        Tilt about y, rad, ascending.
    pixel_size : float
        Edge of a pixel, nm.
    dose_e_per_a2 : (t,) array
        Electrons per Å² that fell on the specimen for each image.
    order : (t,) int array, optional
        When each image was taken: 0 for the first. As they stand, when left out.
    shifts : (t, 2) array, optional
        By how much the specimen is out of place in the image, (x, y), nm.
    rotations : (t,) array, optional
        By how much the specimen is turned in the image, from x towards y, rad.
    optics : TiltOptics, optional
        The optics.
    grid : Grid, optional
        The grid of the specimen that was imaged.

    Examples
    --------
    Images taken outwards from 0; the one at -3 degrees was the last:

    >>> series = TiltSeries(
    ...     images=np.zeros((3, 8, 8)), angles=np.radians([-3, 0, 3]), pixel_size=0.5,
    ...     dose_e_per_a2=[2, 2, 2], order=[2, 0, 1],
    ... )
    >>> len(series), series.pre_dose_e_per_a2.tolist()
    (3, [4.0, 0.0, 2.0])
    """

    images: np.ndarray
    angles: np.ndarray
    pixel_size: float
    dose_e_per_a2: np.ndarray
    order: np.ndarray | None = None
    shifts: np.ndarray | None = None
    rotations: np.ndarray | None = None
    optics: TiltOptics | None = None
    grid: Grid | None = None

    def __post_init__(self) -> None:
        freeze(self, "tilt series", np.float32, images=(None, None, None))
        t = len(self.images)
        pixel_size = positive(self.pixel_size, "tilt series: pixel_size")
        object.__setattr__(self, "pixel_size", pixel_size)
        at_rest = {"order": np.arange(t), "shifts": np.zeros((t, 2)), "rotations": np.zeros(t)}
        for name, value in at_rest.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        freeze(self, "tilt series", angles=(t,), dose_e_per_a2=(t,), shifts=(t, 2), rotations=(t,))
        freeze(self, "tilt series", np.int64, order=(t,))
        if (np.diff(self.angles) < 0).any():
            raise ValueError("tilt series: angles: wanted ascending angles")
        if sorted(np.asarray(self.order).tolist()) != list(range(t)):
            raise ValueError(f"tilt series: order: wanted each of 0 to {t - 1} once")
        if self.optics is not None and len(self.optics.defocus_um) != t:
            raise ValueError(
                f"tilt series: optics: wanted {t} tilts, got {len(self.optics.defocus_um)}"
            )

    def summary(self) -> str:
        """Return what the repr says."""
        y, x = self.images.shape[1:]
        tilts = ", ".join(f"{angle:.4g}" for angle in np.degrees(self.angles[[0, -1]])) + "°"
        return f"{len(self)} images of {x} x {y} pixels of {self.pixel_size:.4g} nm, {tilts}"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        rows = [("dose", f"{self.dose_e_per_a2.sum():.4g} e/Å² in all")]
        if self.optics is not None:
            low, high = self.optics.defocus_um.min(), self.optics.defocus_um.max()
            rows.append(("defocus", f"{low:.4g} to {high:.4g} µm"))
            rows.append(("voltage", f"{self.optics.voltage_kv:.4g} kV"))
        return rows

    def __len__(self) -> int:
        return len(self.images)

    @property
    def pre_dose_e_per_a2(self) -> np.ndarray:
        """Electrons per Å² that the specimen had taken before each image."""
        return dose_before(self.dose_e_per_a2, np.asarray(self.order))


def dose_before(dose: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the dose before each image, (t,), from doses (t,) and the order they were taken in.

    >>> dose_before(np.array([1.0, 2.0, 4.0]), np.array([2, 0, 1])).tolist()
    [6.0, 0.0, 2.0]
    """
    taken = np.asarray(dose)[np.argsort(order)]
    return np.concatenate([[0.0], np.cumsum(taken)[:-1]])[order]
