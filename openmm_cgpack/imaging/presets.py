"""Imaging by name."""

from __future__ import annotations

import numpy as np

from .acquisition import Microscope, Projection, TiltErrors
from .detector import camera_named
from .rendering import OneStep
from .scheme import TiltScheme
from .tilt_imaging import TiltImaging
from .tilt_stages import (
    Detector,
    Displacement,
    Illumination,
    RadiationDamage,
    TiltStage,
    TiltTransfer,
)

PRESETS = ("paper", "titan_krios_k3", "clean")
"""Names of the presets; see `preset`."""


def preset(name: str) -> OneStep | TiltImaging:
    """Return imaging by its name.

    ``"paper"``
        The one-step model of the paper's lineage with its SNR of 200: `OneStep`.
    ``"titan_krios_k3"``
        300 kV, Cs 2.7 mm, 4 µm underfocus with its gradient through the specimen, 41 tilts in
        dose-symmetric order with 120 e/Å² in all, damage, energy filter, a camera in the manner of
        a K3, grainy ice; weighted back-projection.
    ``"clean"``
        The same tilts by an ideal phase contrast without noise: what geometry alone does.

    All are frozen values: `dataclasses.replace` changes one thing and keeps the rest.

    Parameters
    ----------
    name : {"paper", "titan_krios_k3", "clean"}
        Which.

    Returns
    -------
    OneStep or TiltImaging

    Raises
    ------
    ValueError
        Unknown name.

    Examples
    --------
    >>> from dataclasses import replace
    >>> noisier = replace(preset("titan_krios_k3"), snr=0.05, snr_definition="projection")
    >>> noisier.microscope.scheme.total_dose_e_per_a2
    120.0
    """
    if name == "paper":
        return OneStep()
    if name == "titan_krios_k3":
        return TiltImaging(microscope=microscope())
    if name == "clean":
        return TiltImaging(microscope=ideal_microscope(), noise=False)
    raise ValueError(f"preset: wanted one of {', '.join(PRESETS)}, got {name!r}")


def ideal_contrast() -> TiltTransfer:
    """Return the transfer of an ideal phase plate in focus: contrast is minus twice the phase."""
    return TiltTransfer(defocus_um=0.0, cs_mm=0.0, amplitude_contrast=0.0, phase_shift=np.pi / 2)


def ideal_microscope(*, scheme: TiltScheme | None = None, border: str = "mirror") -> Microscope:
    """Return a microscope with ideal phase contrast, and nothing that takes or adds.

    Parameters
    ----------
    scheme : TiltScheme, optional
        Angles, order and dose; the default of `TiltScheme` when left out.
    border : str, optional
        As for `Projection`.

    Returns
    -------
    Microscope
    """
    return Microscope(
        scheme=scheme or TiltScheme(),
        projection=Projection(border=border),
        stages=(ideal_contrast(), Displacement(), Illumination(mean_free_path=None)),
        ice_grain=0.0,
    )


def microscope(
    *,
    scheme: TiltScheme | None = None,
    defocus_um: float = 4.0,
    astigmatism_um: float = 0.0,
    astigmatism_angle: float = 0.0,
    voltage_kv: float = 300.0,
    cs_mm: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift: float = 0.0,
    gradient: str | None = "through",
    border: str = "mirror",
    damage: bool = True,
    mean_free_path: float | None = None,
    camera: str = "k3",
    camera_pixel_size: float = 0.2,
    ice_grain: float = 1.0,
    errors: TiltErrors | None = None,
) -> Microscope:
    """Return a microscope with all physical stages; the defaults are a Titan Krios with a K3.

    Parameters
    ----------
    scheme : TiltScheme, optional
        Angles, order and dose; -60 to 60 degrees in steps of 3, dose-symmetric, 120 e/Å².
    defocus_um, astigmatism_um, astigmatism_angle, cs_mm, amplitude_contrast, phase_shift
        As for `TiltTransfer`.
    voltage_kv : float, optional
        Acceleration voltage, kV, for wavelength, interaction, damage and mean free path alike.
    gradient, border
        As for `Projection`.
    damage : bool, optional
        Whether dose takes contrast: `RadiationDamage`.
    mean_free_path : float, optional
        As for `Illumination`; 310 nm at 300 kV, and at other voltages in proportion to the
        square of the electrons' speed.
    camera : {"k3", "falcon4", "scintillator", "perfect"}, optional
        A model of the camera: `CAMERAS`.
    camera_pixel_size : float, optional
        Edge of its physical pixel at the specimen, nm.
    ice_grain, errors
        As for `Microscope`.

    Returns
    -------
    Microscope

    Raises
    ------
    ValueError
        An argument is out of its range.
    """
    transfer = TiltTransfer(
        defocus_um=defocus_um,
        astigmatism_um=astigmatism_um,
        astigmatism_angle=astigmatism_angle,
        voltage_kv=voltage_kv,
        cs_mm=cs_mm,
        amplitude_contrast=amplitude_contrast,
        phase_shift=phase_shift,
    )
    slower = squared_speed(voltage_kv) / squared_speed(300.0)
    if mean_free_path is None:
        mean_free_path = 310.0 * slower
    stages: list[TiltStage] = [RadiationDamage(scale=slower)] if damage else []
    stages += [
        transfer,
        Displacement(),
        Illumination(mean_free_path=mean_free_path),
        Detector(camera=camera_named(camera), pixel_size=camera_pixel_size),
    ]
    return Microscope(
        scheme=scheme or TiltScheme(),
        projection=Projection(voltage_kv=voltage_kv, border=border, gradient=gradient),
        stages=tuple(stages),
        errors=errors or TiltErrors(),
        ice_grain=ice_grain,
    )


def squared_speed(voltage_kv: float) -> float:
    """Return the square of the electrons' speed over that of light.

    Cross sections of energy loss, and so damage and mean free path, go with it: at 200 kV it is
    0.80 of what it is at 300 kV, Grant and Grigorieff's ratio of critical doses.

    Parameters
    ----------
    voltage_kv : float
        Acceleration voltage, kV.

    Returns
    -------
    float

    Examples
    --------
    >>> round(squared_speed(200.0) / squared_speed(300.0), 2)
    0.8
    """
    gamma = 1 + voltage_kv / 510.99895
    return 1 - 1 / gamma**2
