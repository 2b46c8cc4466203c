"""From a density to a tomogram: one entry for every way, and ways by name."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from ..core.messages import checked_type
from ..core.runtime import seed_sequence
from ..core.scene import PackedScene
from ..core.settings import checked_settings
from ..core.volume import Volume
from .losses import Illumination
from .microscope import Microscope, TiltErrors
from .one_step import OneStep
from .optics import ContrastTransfer
from .projection import Projection
from .reconstruction import Reconstruction
from .rendering import Imaging, Rendered
from .specimen import Ice, Specimen
from .tilt_imaging import TiltImaging

IDEAL_TRANSFER = ContrastTransfer(
    defocus_um=0.0, cs_mm=0.0, amplitude_contrast=0.0, phase_shift_deg=90.0
)
"""An ideal phase plate in focus: contrast is minus twice the phase."""

IDEAL_MICROSCOPE = Microscope(
    projection=Projection(gradient="none"),
    damage=None,
    motion=None,
    transfer=IDEAL_TRANSFER,
    illumination=Illumination(energy_filter=False, plural_scattering=False),
    detector=None,
    errors=TiltErrors(),
)
"""Ideal phase contrast, and nothing that takes or adds."""

PRESETS: MappingProxyType[str, Imaging] = MappingProxyType(
    {
        "paper": OneStep(),
        "titan_krios_k3": TiltImaging(),
        "clean": TiltImaging(
            ice=Ice(grain=0.0),
            microscope=IDEAL_MICROSCOPE,
            reconstruction=Reconstruction(cutoff=None),
        ),
    }
)
"""Ways of imaging by name; see `preset`."""


def preset(name: str) -> Imaging:
    """Return imaging by its name.

    ``"paper"``
        The one-step model of the paper's lineage with its SNR of 200: `OneStep`.
    ``"titan_krios_k3"``
        300 kV, Cs 2.7 mm, 4 µm underfocus with its gradient through the specimen, 41 tilts in
        dose-symmetric order with 120 e/Å² in all, damage, motion, energy filter, loss of contrast
        with thickness, a camera in the manner of a K3, 0.5 nm left after alignment, grainy ice 80
        nm thicker than the box; weighted back-projection with IMOD's radial filter: `TiltImaging`.
    ``"clean"``
        The same tilts by an ideal phase contrast without noise: what geometry alone does.

    All are frozen values: `dataclasses.replace` changes one thing and keeps the rest.

    Examples
    --------
    >>> from dataclasses import replace
    >>> noisier = replace(preset("titan_krios_k3"), snr=0.05, snr_definition="projection")
    >>> noisier.microscope.scheme.total_dose_e_per_a2
    120.0
    """
    if name not in PRESETS:
        raise ValueError(f"preset: wanted one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]


def render(
    specimen: Volume | Specimen,
    imaging: Imaging | str,
    *,
    seed: int | np.random.SeedSequence,
    threads: int | None = None,
    progress: bool = True,
) -> Rendered:
    """Make a tomogram from a density.

    Parameters
    ----------
    specimen : Volume or Specimen
        Density, Da/nm³, or a specimen with ice, gold, carbon of its own.
    imaging : Imaging or str
        A `OneStep`, a `TiltImaging`, another kind of imaging, or the name of a `preset`.
    seed : int or numpy.random.SeedSequence
        Seed of everything random. The same seed gives the same bytes on any number of threads.
    threads : int, optional
        Threads to use; all cores when left out.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    Rendered

    Examples
    --------
    >>> data = np.zeros((16, 32, 32), np.float32)
    >>> data[6:10, 14:18, 14:18] = 800
    >>> density = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> rendered = render(density, "clean", seed=1)
    >>> rendered.series.images.shape, rendered.tomogram.data.shape
    ((41, 32, 32), (16, 32, 32))
    """
    hint = "; render_density(packed) makes one" if isinstance(specimen, PackedScene) else ""
    checked_type("specimen", specimen, Volume | Specimen, hint)
    made = preset(imaging) if isinstance(imaging, str) else imaging
    checked_settings("imaging", made, Imaging)
    return made(specimen, seed=seed_sequence(seed), threads=threads, progress=progress)
