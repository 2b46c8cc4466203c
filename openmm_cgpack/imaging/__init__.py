"""Density to tomogram."""

from .ctf import ctf, electron_wavelength
from .noise import SNR_DEFINITIONS, measure_snr
from .stages import (
    ContrastTransfer,
    Envelope,
    FourierFilter,
    GaussianNoise,
    MissingWedge,
    Stage,
    run_stages,
)
from .tomogram import one_step_stages, render_tomogram, simulate_tomogram
from .wedge import sampled_by_tilts, wedge_mask

__all__ = [
    "SNR_DEFINITIONS",
    "ContrastTransfer",
    "Envelope",
    "FourierFilter",
    "GaussianNoise",
    "MissingWedge",
    "Stage",
    "ctf",
    "electron_wavelength",
    "measure_snr",
    "one_step_stages",
    "render_tomogram",
    "run_stages",
    "sampled_by_tilts",
    "simulate_tomogram",
    "wedge_mask",
]
