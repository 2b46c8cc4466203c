"""Density to tomogram."""

from .acquisition import (
    Microscope,
    Projection,
    TiltErrors,
    image,
    image_fractions,
)
from .detector import CAMERAS, Camera
from .fsc import fourier_shell_correlation
from .materials import ICE, MATERIALS, Material, ice_grain, interaction_constant, potential
from .noise import SNR_DEFINITIONS, measure_series_snr, measure_snr
from .optics import ctf, electron_wavelength
from .parts import add_fractions, select_tilts, split_tilts
from .presets import PRESETS, ideal_contrast, ideal_microscope, microscope, preset
from .project import Projector, joseph_matrix
from .reconstruction import reconstruct, tilt_weights
from .rendering import Imaging, OneStep, Reconstruction, Rendered, render
from .scheme import TiltScheme
from .specimen import Specimen, add_carbon, add_gold, in_ice
from .stages import (
    ContrastTransfer,
    Envelope,
    FourierFilter,
    GaussianNoise,
    MissingWedge,
    Stage,
    run_stages,
)
from .tilt_imaging import TiltImaging
from .tilt_stages import (
    Detector,
    Displacement,
    Illumination,
    RadiationDamage,
    Tilt,
    TiltFilter,
    TiltStage,
    TiltTransfer,
    WhiteNoise,
    ctf_2d,
    run_tilt_stages,
)
from .tomogram import one_step_stages, render_tomogram, simulate_tomogram
from .wedge import sampled_by_tilts, wedge_mask

__all__ = [
    "CAMERAS",
    "ICE",
    "MATERIALS",
    "PRESETS",
    "SNR_DEFINITIONS",
    "Camera",
    "ContrastTransfer",
    "Detector",
    "Displacement",
    "Envelope",
    "FourierFilter",
    "GaussianNoise",
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
    "Specimen",
    "Stage",
    "Tilt",
    "TiltErrors",
    "TiltFilter",
    "TiltImaging",
    "TiltScheme",
    "TiltStage",
    "TiltTransfer",
    "WhiteNoise",
    "add_carbon",
    "add_fractions",
    "add_gold",
    "ctf",
    "ctf_2d",
    "electron_wavelength",
    "fourier_shell_correlation",
    "ice_grain",
    "ideal_contrast",
    "ideal_microscope",
    "image",
    "image_fractions",
    "in_ice",
    "interaction_constant",
    "joseph_matrix",
    "measure_series_snr",
    "measure_snr",
    "microscope",
    "one_step_stages",
    "potential",
    "preset",
    "reconstruct",
    "render",
    "render_tomogram",
    "run_stages",
    "run_tilt_stages",
    "sampled_by_tilts",
    "select_tilts",
    "simulate_tomogram",
    "split_tilts",
    "tilt_weights",
    "wedge_mask",
]
