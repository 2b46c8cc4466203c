"""What dose, motion and thickness take of an image: stages of the microscope."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from ..core.settings import setting
from .optics import length
from .stages import Exposure, FourierFilter, Rng, Stage

FREE_PATHS_AT_300KV = MappingProxyType({"inelastic": 395.0, "elastic": 567.0})
"""Mean free paths of 300 kV electrons in vitreous ice, nm; see `mean_free_path`."""


def squared_speed_ratio(voltage_kv: float) -> float:
    """Return the square of the electrons' speed over that at 300 kV.

    Critical dose and mean free path go with it, as cross sections of energy loss go inversely: at
    200 kV it is 0.80, Grant and Grigorieff's ratio of critical doses.
    """

    def squared_speed(kv: float) -> float:
        gamma = 1 + kv / 510.99895
        return 1 - 1 / gamma**2

    return squared_speed(voltage_kv) / squared_speed(300.0)


def mean_free_path(scattering: Literal["inelastic", "elastic"], voltage_kv: float) -> float:
    """Return the mean free path of electrons in vitreous ice, nm.

    Inelastic: 395 nm at 300 kV, as measured by comparing images with and without the energy slit
    [1]_; the same authors' 300 nm or so is another thing, the path to scattering out of an
    objective aperture. Elastic: 567 nm, of ``sigma = 1.4e-6 nm² Z^1.5 (1 - 0.26 Z / (137 b)) / b²``
    for H2O of 0.94 g/cm³, b the electrons' speed over that of light [2]_; the scattering factors of
    `specimen.SCATTERING` have 656 nm for free atoms. Other voltages by `squared_speed_ratio`: 317
    and 455 nm at 200 kV. Cross sections of carbon, measured from 100 to 300 kV, follow it [3]_.

    References
    ----------
    .. [1] W. J. Rice et al., "Routine determination of ice thickness for cryo-EM grids", J. Struct.
       Biol. 204, 38 (2018), and the page of Leginon's ice thickness node.
    .. [2] J. P. Langmore, M. F. Smith, "Quantitative energy-filtered electron microscopy of
       biological molecules in ice", Ultramicroscopy 46, 349 (1992).
    .. [3] M. J. Peet, R. Henderson, C. J. Russo, "The energy dependence of contrast and damage in
       electron cryomicroscopy of biological molecules", Ultramicroscopy 203, 125 (2019).

    Examples
    --------
    >>> [round(mean_free_path("inelastic", kv)) for kv in (300.0, 200.0, 100.0)]
    [395, 317, 197]
    """
    return FREE_PATHS_AT_300KV[scattering] * squared_speed_ratio(voltage_kv)


class RadiationDamage(FourierFilter):
    """What the dose leaves of the contrast: exposure-dependent envelope of Grant and Grigorieff.

    ``exp(-N / (2 Ne(k)))`` with the critical dose ``Ne(k) = a k^b + c`` e/Å², k in 1/Å, at 300 kV;
    averaged over the exposure of the image.

    References
    ----------
    .. [1] T. Grant, N. Grigorieff, "Measuring the optimal exposure for single particle cryo-EM
       using a 2.6 Å reconstruction of rotavirus VP6", eLife 4, e06980 (2015), equation 3.

    Examples
    --------
    >>> RadiationDamage().critical_dose(np.array([1.0]), voltage_kv=300.0).round(1)
    array([14.1])
    """

    scale: float | None = setting(
        "factor of the critical dose at 300 kV; left out, by the voltage: 0.8 at 200 kV",
        default=None,
        above=0,
    )

    acts_on: ClassVar[str] = "phase"
    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def critical_dose(self, k: np.ndarray, *, voltage_kv: float) -> np.ndarray:
        """Return Ne, e/Å², at a frequency in 1/nm; infinite at zero."""
        scale = squared_speed_ratio(voltage_kv) if self.scale is None else self.scale
        per_angstrom = np.asarray(k, dtype=np.float64) / 10
        with np.errstate(divide="ignore"):
            return scale * (0.245 * per_angstrom**-1.665 + 2.81)

    def transfer(self, k: tuple[np.ndarray, ...], exposure: Exposure) -> np.ndarray:
        """Return the envelope, averaged over the exposure."""
        rate = 0.5 / self.critical_dose(length(k), voltage_kv=exposure.voltage_kv)
        taken = rate * exposure.dose_e_per_a2
        # (1 - exp(-t)) / t, which is 1 at t = 0.
        mean = np.where(taken > 1e-8, -np.expm1(-taken) / np.maximum(taken, 1e-8), 1.0)
        return np.exp(-rate * exposure.pre_dose_e_per_a2) * mean


class Motion(FourierFilter):
    """What a specimen's motion during each exposure blurs, as alignment of its frames leaves it.

    Places have a normal distribution during the exposure, with a standard deviation s in the plane
    of the ice and n along its normal, as under the beam the film moves like a drum [1]_. At a
    tilt t the normal is seen along x: ``exp(-2 pi² ((s² + n² sin² t) kx² + s² ky²))``. How much
    differs from grid to grid, and the defaults are a choice, not a measurement.

    References
    ----------
    .. [1] A. F. Brilot et al., "Beam-induced motion of vitrified specimen on holey carbon film", J.
       Struct. Biol. 177, 630 (2012).

    Examples
    --------
    >>> motion, tilt = Motion(), Exposure(pixel_size=1.0, voltage_kv=300.0, angle=np.pi / 3)
    >>> k = np.array([0.0, 0.1])
    >>> motion.transfer((np.zeros(2), k), tilt).round(3), motion.transfer((k, 0 * k), tilt).round(3)
    (array([1.   , 0.847]), array([1.   , 0.982]))
    """

    in_plane: float = setting(
        "standard deviation of the place in the plane of the ice",
        unit="nm",
        default=0.3,
        minimum=0,
        usual=(0, 5),
    )
    normal: float = setting(
        "the same along its normal", unit="nm", default=1.0, minimum=0, usual=(0, 10)
    )

    acts_on: ClassVar[str] = "phase"
    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def transfer(self, k: tuple[np.ndarray, ...], exposure: Exposure) -> np.ndarray:
        """Return the blur's transform at each frequency."""
        along_y = self.in_plane**2
        along_x = along_y + (self.normal * np.sin(exposure.angle)) ** 2
        return np.exp(-2 * np.pi**2 * (along_x * k[1] ** 2 + along_y * k[0] ** 2))


class Illumination(Stage):
    """From contrast to electrons: dose, and what is lost on the way through the ice.

    ``dose pixel_size² exp(-path / L_in) max(1 + exp(-path / L_el) contrast, 0)``. The filter takes
    out electrons that lost energy, all but ``exp(-path / L_in)``. Contrast is made by interference
    with electrons not scattered at all, and those are ``exp(-path / L_el)`` of the ones that pass;
    the others, scattered elastically and into angles that no voxel resolves, are counted and carry
    nothing. Without a filter all electrons are counted and make ``exp(-path / L_el - path / L_in)``
    of the contrast, as those with less energy are out of focus. Mean free paths are those of
    `mean_free_path`; the specimen is taken for ice.

    Examples
    --------
    One mean free path of ice lets 1/e of the electrons through, with half the contrast:

    >>> exposure = Exposure(pixel_size=0.1, voltage_kv=300.0, dose_e_per_a2=100.0, path=395.0)
    >>> Illumination()(np.array([[0.0, 1.0]], np.float32), exposure).round(1)
    array([[36.8, 55.1]], dtype=float32)
    """

    energy_filter: bool = setting(
        "whether electrons that lost energy in the ice are taken out", default=True
    )
    plural_scattering: bool = setting(
        "whether contrast falls with the path in the ice, as scattered electrons make none",
        default=True,
    )
    mean_free_path: float | None = setting(
        "inelastic mean free path in ice; left out, by the voltage: 395 nm at 300 kV",
        unit="nm",
        default=None,
        above=0,
    )
    elastic_mean_free_path: float | None = setting(
        "elastic mean free path in ice; left out, by the voltage: 567 nm at 300 kV",
        unit="nm",
        default=None,
        above=0,
    )

    dimensions: ClassVar[tuple[int, ...]] = (2,)

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        if self.plural_scattering:
            return {}
        names = {"elastic_mean_free_path": "without plural scattering"}
        if not self.energy_filter:
            names["mean_free_path"] = "without an energy filter and plural scattering"
        return names

    def __call__(self, image: np.ndarray, exposure: Exposure, rng: Rng = None) -> np.ndarray:
        """Return the mean number of electrons per pixel; `rng` is not used."""
        kv, path = exposure.voltage_kv, np.asarray(exposure.path)
        elastic = np.exp(-path / (self.elastic_mean_free_path or mean_free_path("elastic", kv)))
        inelastic = np.exp(-path / (self.mean_free_path or mean_free_path("inelastic", kv)))
        passing = inelastic if self.energy_filter else np.ones(1)
        electrons = exposure.dose_e_per_a2 * (10 * exposure.pixel_size) ** 2 * passing
        contrast = image
        if self.plural_scattering:
            coherent = elastic if self.energy_filter else elastic * inelastic
            contrast = image * np.asarray(coherent, np.float32)
        return np.maximum(1 + contrast, 0) * np.asarray(electrons, np.float32)
