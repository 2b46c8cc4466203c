"""Volumes of a molecule by every definition, and how tight molecules pack with a cover of balls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import openmm_cgpack as cgp
from openmm_cgpack.models.ball_geometry import minimal_sphere, union_volume

from .measures import clash_share
from .settings import Settings

TOLERANCE = 0.15
"""Root mean square overlap of all balls up to which a packing counts, nm."""

STEP = 0.02
"""By how much of itself the fraction rises in the end."""

_DILUTE = 0.1
"""Share of the starting box that the balls fill."""

_UNREACHABLE = 0.9
"""Envelope fraction that none can reach."""


def ball_volume(radius: np.ndarray | float) -> np.ndarray:
    """Return the volume of balls."""
    return 4 / 3 * np.pi * np.asarray(radius) ** 3


def union_of(model: cgp.BallModel) -> float:
    """Return the volume of the union of a model's balls, nm^3."""
    return union_volume(model.positions, model.radii)


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """Volumes of one molecule, nm^3.

    Of one ball, "minimal" is the smallest sphere around the atoms, "box" the sphere about the
    middle of their bounding box that holds all of them, and "map" the smallest sphere around the
    voxels of at least 0.2 of the maximum of the map at 4 nm (full width at half maximum) and 1 nm
    voxels, as in Pei et al. 2016.
    """

    isosurface: float  # of the molecular envelope
    multi: dict[str, float]  # of the paper's balls: "sum" and "union"
    single: dict[str, float]  # of one ball: "minimal", "box" and "map"

    def saved(self, multi: str, single: str) -> float:
        """Return what the balls save against one ball, by one definition of each."""
        return 1 - self.multi[multi] / self.single[single]


def measure_volumes(structure: cgp.AtomicStructure, model: cgp.BallModel) -> Volumes:
    """Return the volumes of a molecule with the paper's balls by every definition."""
    points, reach = structure.positions, structure.spread
    low, high = (points - reach[:, None]).min(axis=0), (points + reach[:, None]).max(axis=0)
    box = float((np.linalg.norm(points - (low + high) / 2, axis=1) + reach).max())
    density = cgp.density.species_map(
        structure, cgp.density.Sampling(resolution=4.0, convention="fwhm")
    )
    voxels = np.argwhere(density.data >= 0.2 * density.data.max())[:, ::-1] * density.voxel_size
    return Volumes(
        isosurface=model.volume,
        multi={"sum": float(ball_volume(model.radii).sum()), "union": union_of(model)},
        single={
            "minimal": float(ball_volume(cgp.models.single_ball(structure).radii[0])),
            "box": float(ball_volume(box)),
            "map": float(ball_volume(minimal_sphere(voxels)[1])),
        },
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """The tightest packing of one cover, in a periodic cube."""

    name: str
    packed: cgp.PackedScene
    fraction: float  # of the cube, by envelopes
    filled: float  # of the cube, by the union of each molecule's balls
    overlap: float  # of all balls, root mean square, nm
    deepest: float  # overlap of two balls, over their contact distance
    clash: float  # share of the molecules' points that stand in another molecule


def pack_cover(
    name: str, models: Sequence[cgp.BallModel], copies: int, settings: Settings, *, index: int
) -> Packed:
    """Compress `copies` of each molecule with cover number `index` as far as it goes."""
    balls = copies * sum(float((model.radii**3).sum()) for model in models) * 4 / 3 * np.pi
    scene = cgp.place(
        [(model, copies) for model in models],
        boundary=cgp.Periodic(box=(balls / _DILUTE) ** (1 / 3)),
        seed=settings.seed_of("placement", index),
    )
    packed = tightest(scene, settings, seed=settings.seed_of("dynamics", index))
    _, depth = cgp.packing.overlaps(packed.scene, packed.positions, boundary=packed.boundary)
    return Packed(
        name=name,
        packed=packed,
        fraction=cgp.packing.box_fraction(packed.scene, packed.boundary),
        filled=copies * sum(union_of(model) for model in models) / packed.boundary.volume,
        overlap=packed.provenance["compression"]["rms_overlap_nm"],
        deepest=float(depth.max(initial=0.0)),
        clash=clash_share(packed),
    )


def tightest(
    scene: cgp.Scene, settings: Settings, *, seed: np.random.SeedSequence
) -> cgp.PackedScene:
    """Compress a dilute scene in a Periodic boundary until its balls no longer give way.

    What comes back is the last state whose root mean square overlap was below `TOLERANCE`.
    """

    def pressed(
        start: cgp.Scene | cgp.PackedScene, fraction: float, max_steps: int
    ) -> cgp.PackedScene:
        # Balls keep no distance beyond their radii: that would cost small ones more than large.
        return cgp.packing.compress(
            start,
            cgp.packing.Compression(
                acceptable=TOLERANCE, limit=TOLERANCE, gap=0.0, max_steps=max_steps
            ),
            fraction=fraction,
            run=settings.run,
            seed=seed.spawn(1)[0],
            progress=settings.progress,
        )

    try:
        return pressed(scene, _UNREACHABLE, 8_000)
    except cgp.PackingError as error:
        if error.best is None:
            raise
        best = error.best
    # That went in strides; small steps, of one annealing each, find out where between two it ends.
    while True:
        try:
            fraction = cgp.packing.box_fraction(best.scene, best.boundary)
            best = pressed(best, (1 + STEP) * fraction, 3_000)
        except cgp.PackingError:
            return best
