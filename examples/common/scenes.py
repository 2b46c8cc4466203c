"""The scenes of the paper's 20 types that examples 1 and 6 share; each is made once a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import openmm_cgpack as cgp
from openmm_cgpack.density import Labels
from openmm_cgpack.imaging import Rendered

from .paper_types import PAPER_TYPES, structures_of
from .runs import PackingRun, place_in
from .settings import Settings

FRACTIONS = (0.05, 0.10, 0.20, 0.30)
"""Envelope volume fractions of the series; the last is that of a crowded cytoplasm."""

MICROSCOPE = "titan_krios_k3"
"""Preset of the tilt series."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CrowdedScene:
    """The packing of the 20 types, with its density and masks."""

    run: PackingRun
    density: cgp.Volume  # at 4 nm resolution and 1 nm voxels, as in the paper
    labels: Labels
    copies: int  # of each type
    start: str  # what box the start has


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseScene:
    """The molecules in a periodic cube at one volume fraction of their envelopes."""

    packed: cgp.PackedScene
    fraction: float
    density: cgp.Volume  # at 4 nm resolution; voxels of nearly 1 nm fill the cube exactly
    truth: cgp.ParticleTable  # in the density's frame


@lru_cache(maxsize=1)
def crowded_scene(settings: Settings) -> CrowdedScene:
    """Pull the 20 types together: 20 of each from 120 nm, or 2 of each from as dilute a box."""
    copies = 20 if settings.full else 2
    extent = 120.0 * (copies / 20) ** (1 / 3)
    seed = settings.seed_of("models")
    counts = [
        (cgp.coarse_grain(structure, seed=seed), copies)
        for structure in structures_of(PAPER_TYPES, settings.structures)
    ]
    scene, enlarged = place_in(counts, extent=extent, seed=settings.seed_of("placement"))
    reporter = cgp.FrameReporter(50)
    packed = cgp.pack_scene(
        scene,
        cgp.Pull(
            max_steps=20_000 if settings.full else 3_000,
            relax_steps=4_000 if settings.full else 2_000,
        ),
        run=settings.run,
        seed=settings.seed_of("dynamics"),
        reporters=(reporter,),
        progress=settings.progress,
    )
    density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=4.0))
    return CrowdedScene(
        run=PackingRun(packed, reporter),
        density=density,
        labels=cgp.render_labels(packed, grid=density.grid),
        copies=copies,
        start=f"{extent:.0f} nm{enlarged}",
    )


def dense_series(settings: Settings) -> tuple[DenseScene, ...]:
    """Pack 2 or 20 of each type, as shape-true balls, to each of `FRACTIONS`."""
    return _dense(settings, FRACTIONS)


def densest(settings: Settings) -> DenseScene:
    """Pack them to the last of `FRACTIONS`; in the small size at once, and not one by one."""
    return _dense(settings, FRACTIONS if settings.full else FRACTIONS[-1:])[-1]


@lru_cache
def _dense(settings: Settings, fractions: tuple[float, ...]) -> tuple[DenseScene, ...]:
    copies = 20 if settings.full else 2
    seed = settings.seed_of("models")
    counts = [
        (cgp.coarse_grain(structure, settings.shape_cover(), seed=seed), copies)
        for structure in structures_of(PAPER_TYPES, settings.structures)
    ]
    start = cgp.insert(counts, fraction=FRACTIONS[0], seed=settings.seed_of("placement"))
    series = cgp.crowding_series(
        start,
        fractions,
        run=settings.run,
        seed=settings.seed_of("dynamics"),
        progress=settings.progress,
    )
    return tuple(_drawn(packed) for packed in series)


def tilt_series(scene: DenseScene, settings: Settings) -> Rendered:
    """Take a tilt series of a scene, with the noise that dose, ice and camera make."""
    return cgp.render(
        scene.density,
        MICROSCOPE,
        seed=settings.seed_of("noise"),
        threads=settings.run.threads,
    )


def _drawn(packed: cgp.PackedScene) -> DenseScene:
    # Voxels fill the cube: without a seam it repeats as the molecules do.
    grid = cgp.density.bounding_grid(packed, voxel_size=1.0)
    return DenseScene(
        packed=packed,
        fraction=cgp.packing.box_fraction(packed.scene, packed.boundary),
        density=cgp.render_density(packed, cgp.MapSettings(resolution=4.0), grid=grid),
        truth=cgp.particle_table(packed, grid=grid),
    )
