"""Density to tomogram."""

from .acquisition import acquire, acquire_fractions, add_fractions, split_tilts
from .detection import CAMERAS, Camera, Detector, Displacement, Illumination
from .materials import ICE, MATERIALS, Material, ice_grain, potential
from .measures import SnrDefinition, fourier_shell_correlation, measure_series_snr, measure_snr
from .microscope import Microscope, TiltErrors, TiltScheme
from .one_step import MissingWedge, OneStep, sampled_by_tilts
from .optics import (
    ContrastTransfer,
    RadiationDamage,
    ctf,
    electron_wavelength,
    interaction_constant,
)
from .presets import IDEAL_MICROSCOPE, IDEAL_TRANSFER, PRESETS, preset, render
from .projection import Projection, Projector, joseph_matrix
from .reconstruction import Reconstruction, reconstruct, tilt_weights
from .rendering import Imaging, Rendered
from .specimen import Carbon, Gold, Ice, Specimen, add_carbon, add_gold, in_ice
from .stages import Envelope, Exposure, FourierFilter, Stage, WhiteNoise, run_stages
from .tilt_imaging import TiltImaging

__all__ = [
    "CAMERAS",
    "ICE",
    "IDEAL_MICROSCOPE",
    "IDEAL_TRANSFER",
    "MATERIALS",
    "PRESETS",
    "Camera",
    "Carbon",
    "ContrastTransfer",
    "Detector",
    "Displacement",
    "Envelope",
    "Exposure",
    "FourierFilter",
    "Gold",
    "Ice",
    "Illumination",
    "Imaging",
    "Material",
    "Microscope",
    "MissingWedge",
    "OneStep",
    "Projection",
    "Projector",
    "RadiationDamage",
    "Reconstruction",
    "Rendered",
    "SnrDefinition",
    "Specimen",
    "Stage",
    "TiltErrors",
    "TiltImaging",
    "TiltScheme",
    "WhiteNoise",
    "acquire",
    "acquire_fractions",
    "add_carbon",
    "add_fractions",
    "add_gold",
    "ctf",
    "electron_wavelength",
    "fourier_shell_correlation",
    "ice_grain",
    "in_ice",
    "interaction_constant",
    "joseph_matrix",
    "measure_series_snr",
    "measure_snr",
    "potential",
    "preset",
    "reconstruct",
    "render",
    "run_stages",
    "sampled_by_tilts",
    "split_tilts",
    "tilt_weights",
]
