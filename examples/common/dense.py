"""The 20 types in a periodic box at rising volume fractions, and a tilt series of the densest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from openmm_cgpack.core import PackedScene, ParticleTable, Periodic, Volume
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.density import MapSettings, bounding_grid, particle_table, render_density
from openmm_cgpack.imaging import Rendered, render
from openmm_cgpack.models import Cover, coarse_grain
from openmm_cgpack.packing import box_fraction, crowding_series, insert

from .paper_types import PAPER_TYPES, structures_of
from .runs import Settings

FRACTIONS = (0.05, 0.10, 0.20, 0.30)
"""Envelope volume fractions of the series; the last is that of a crowded cytoplasm."""

ATOMS_PER_BALL = 300

MICROSCOPE = "titan_krios_k3"
"""Preset of the tilt series."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseScene:
    """The molecules at one volume fraction.

    Parameters
    ----------
    packed : PackedScene
        In a periodic cube.
    fraction : float
        Envelope volume fraction.
    density : Volume
        At 4 nm resolution, of voxels of 1 nm or nearly so, that fill the cube exactly.
    truth : ParticleTable
        The particles, in the density's frame.
    """

    packed: PackedScene
    fraction: float
    density: Volume
    truth: ParticleTable


@lru_cache(maxsize=1)
def dense_series(settings: Settings) -> tuple[DenseScene, ...]:
    """Pack the 20 types to each of `FRACTIONS` by the dense protocols.

    Parameters
    ----------
    settings : Settings
        How: 20 of each type, or 2 in a quick run.

    Returns
    -------
    tuple of DenseScene
        The same molecules in all of them. The same object for the same settings, so that
        experiments share it.
    """
    copies = 2 if settings.quick else 20
    seed = stage_seed(settings.seed, "models")
    counts = [
        (coarse_grain(s, Cover(atoms_per_ball=ATOMS_PER_BALL, radius="volume"), seed=seed), copies)
        for s in structures_of(PAPER_TYPES, settings.structures)
    ]
    start = insert(counts, fraction=FRACTIONS[0], seed=stage_seed(settings.seed, "placement"))
    series = crowding_series(
        start,
        fractions=FRACTIONS,
        platform=settings.platform,
        threads=settings.threads,
        seed=stage_seed(settings.seed, "dynamics"),
        progress=settings.progress,
    )
    return tuple(_drawn(packed) for packed in series)


@lru_cache(maxsize=1)
def tilt_series(settings: Settings) -> Rendered:
    """Take a tilt series of the densest scene.

    Parameters
    ----------
    settings : Settings
        How.

    Returns
    -------
    Rendered
        Its noise is what dose, ice and camera make it. The same object for the same settings.
    """
    return render(
        dense_series(settings)[-1].density,
        MICROSCOPE,
        seed=stage_seed(settings.seed, "noise"),
        threads=settings.threads,
    )


def _drawn(packed: PackedScene) -> DenseScene:
    assert isinstance(packed.boundary, Periodic)
    edge = packed.boundary.box[0]
    # An even number of voxels fills the cube: without a seam it repeats as the molecules do.
    grid = bounding_grid(packed, voxel_size=edge / (2 * round(edge / 2)))
    return DenseScene(
        packed=packed,
        fraction=box_fraction(packed.scene, packed.boundary),
        density=render_density(packed, MapSettings(resolution=4.0), grid=grid),
        truth=particle_table(packed, grid=grid),
    )
