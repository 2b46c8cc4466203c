"""Density to tomogram."""

from .acquisition import acquire
from .losses import Illumination, Motion, RadiationDamage
from .measures import fourier_shell_correlation, measure_series_snr, measure_snr
from .microscope import Microscope, TiltErrors, TiltScheme
from .one_step import MissingWedge, OneStep
from .optics import (
    ContrastTransfer,
    Detector,
    ctf,
    electron_wavelength,
)
from .presets import IDEAL_MICROSCOPE, PRESETS, preset, render
from .projection import Projection, Projector
from .reconstruction import Reconstruction, reconstruct
from .rendering import Imaging, Rendered
from .specimen import Carbon, Gold, Ice, Specimen, add_carbon, add_gold, in_ice, potential
from .stages import Envelope, Exposure, FourierFilter, Stage, WhiteNoise
from .tilt_imaging import TiltImaging

__all__ = [
    "IDEAL_MICROSCOPE",
    "PRESETS",
    "Carbon",
    "ContrastTransfer",
    "Detector",
    "Envelope",
    "Exposure",
    "FourierFilter",
    "Gold",
    "Ice",
    "Illumination",
    "Imaging",
    "Microscope",
    "MissingWedge",
    "Motion",
    "OneStep",
    "Projection",
    "Projector",
    "RadiationDamage",
    "Reconstruction",
    "Rendered",
    "Specimen",
    "Stage",
    "TiltErrors",
    "TiltImaging",
    "TiltScheme",
    "WhiteNoise",
    "acquire",
    "add_carbon",
    "add_gold",
    "ctf",
    "electron_wavelength",
    "fourier_shell_correlation",
    "in_ice",
    "measure_series_snr",
    "measure_snr",
    "potential",
    "preset",
    "reconstruct",
    "render",
]
