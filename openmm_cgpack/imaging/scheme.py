"""In which order, at which angles and with which dose a tilt series is taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import positive
from ..core.tilts import dose_before

ORDERS = ("dose_symmetric", "bidirectional", "ascending", "descending")
"""Names of the orders; see `TiltScheme`."""


@dataclass(frozen=True, kw_only=True)
class TiltScheme:
    """Angles, order and dose of a tilt series.

    Angles are given in degrees, as at the microscope, and returned in rad.

    Parameters
    ----------
    tilt_min, tilt_max : float, optional
        First and last angle, degrees, within -90 to 90. The last is left out where the steps do
        not meet it.
    tilt_step : float, optional
        Angle between neighbours, degrees.
    order : {"dose_symmetric", "bidirectional", "ascending", "descending"}, optional
        ``"dose_symmetric"`` (Hagen et al. 2017): from the angle nearest to 0 outwards, changing
        sides after every `group` images. ``"bidirectional"``: from the middle up to the end, then
        from the middle down. The others run from one end to the other.
    group : int, optional
        Images on one side before the other side has its turn, for ``"dose_symmetric"``.
    total_dose_e_per_a2 : float, optional
        Electrons per Å² for the whole series, shared equally.

    Raises
    ------
    ValueError
        An argument is out of its range.

    References
    ----------
    .. [1] W. J. H. Hagen, W. Wan, J. A. G. Briggs, "Implementation of a cryo-electron tomography
       tilt-scheme optimized for high resolution subtomogram averaging", J. Struct. Biol. 197, 191
       (2017).

    Examples
    --------
    >>> scheme = TiltScheme(tilt_min=-6, tilt_max=6, tilt_step=3, total_dose_e_per_a2=10.0)
    >>> scheme.degrees.tolist()
    [-6.0, -3.0, 0.0, 3.0, 6.0]
    >>> scheme.acquired.tolist(), scheme.dose_before.tolist()
    ([4, 2, 0, 1, 3], [8.0, 4.0, 0.0, 2.0, 6.0])
    """

    tilt_min: float = -60.0
    tilt_max: float = 60.0
    tilt_step: float = 3.0
    order: str = "dose_symmetric"
    group: int = 1
    total_dose_e_per_a2: float = 120.0

    def __post_init__(self) -> None:
        positive(self.tilt_step, "tilt_step")
        positive(self.total_dose_e_per_a2, "total_dose_e_per_a2")
        if not -90 <= self.tilt_min <= self.tilt_max <= 90:
            raise ValueError(
                "tilt_min, tilt_max: wanted -90 <= tilt_min <= tilt_max <= 90 degrees, got "
                f"{self.tilt_min:g} and {self.tilt_max:g}"
            )
        if self.order not in ORDERS:
            raise ValueError(f"order: wanted one of {', '.join(ORDERS)}, got {self.order!r}")
        if self.group < 1:
            raise ValueError(f"group: wanted 1 or more, got {self.group}")

    def __len__(self) -> int:
        return len(self.degrees)

    @property
    def degrees(self) -> np.ndarray:
        """Angles, degrees, ascending."""
        # A step that divides the range up to rounding must reach its end.
        steps = int(np.floor((self.tilt_max - self.tilt_min) / self.tilt_step + 1e-6))
        return np.minimum(
            self.tilt_min + float(self.tilt_step) * np.arange(steps + 1), float(self.tilt_max)
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
