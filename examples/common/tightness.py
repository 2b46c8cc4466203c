"""The same molecules packed with one ball each, with the paper's balls and with shape-true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    PackedScene,
    PackingError,
    Periodic,
    Scene,
)
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.models import single_ball, union_volume
from openmm_cgpack.packing import Compression, box_fraction, compress, overlaps, place

from .measures import clash_share
from .runs import Settings

PAPER = "the paper's balls"

TOLERANCE = 0.15
"""Root mean square overlap of all balls up to which a packing counts, nm."""

DILUTE = 0.1
"""Share of the starting box that the balls fill."""

MOST = 0.9
"""Envelope fraction that none can reach."""

STEP = 0.02
"""By how much of itself the fraction rises in the end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """The tightest packing of one cover.

    Parameters
    ----------
    name : str
        The cover.
    packed : PackedScene
        The packing, in a periodic cube.
    fraction : float
        Envelope volume fraction of the cube.
    filled : float
        Volume of the molecules' balls, of each molecule their union, over the cube's.
    overlap : float
        Root mean square overlap of all balls, nm.
    deepest : float
        Deepest overlap of two balls, over their contact distance.
    clash : float
        Share of the molecules' points that stand in another molecule: see `clash_share`.
    """

    name: str
    packed: PackedScene
    fraction: float
    filled: float
    overlap: float
    deepest: float
    clash: float


def compare_packings(
    structures: Sequence[AtomicStructure],
    balls: Sequence[BallModel],
    shape_true: Mapping[int, Sequence[BallModel]],
    settings: Settings,
) -> tuple[Packed, ...]:
    """Compress the same molecules with several covers as far as each goes.

    Parameters
    ----------
    structures : sequence of AtomicStructure
        The molecules.
    balls : sequence of BallModel
        Their models of the paper.
    shape_true : mapping of int to sequence of BallModel
        Their shape-true models by the number of atoms a ball.
    settings : Settings
        How: 20 of each, or 2 in a quick run.

    Returns
    -------
    tuple of Packed
        One ball, the paper's balls, and shape-true balls of ever fewer atoms.
    """
    copies = copies_of_each(settings)
    covers: dict[str, Sequence[BallModel]] = {
        "one ball": [single_ball(s) for s in structures],
        PAPER: balls,
    }
    for n, models in shape_true.items():
        covers[f"shape-true, {n} atoms a ball"] = models
    made = []
    for index, (name, models) in enumerate(covers.items()):
        filled = copies * sum(float((m.radii**3).sum()) for m in models) * 4 / 3 * np.pi
        scene = place(
            [(model, copies) for model in models],
            boundary=Periodic(box=(filled / DILUTE) ** (1 / 3)),
            seed=stage_seed(settings.seed, "placement", index),
        )
        packed = tightest(scene, settings, seed=stage_seed(settings.seed, "dynamics", index))
        depth = overlaps(packed.scene, packed.positions, boundary=packed.boundary)[1]
        made.append(
            Packed(
                name=name,
                packed=packed,
                fraction=_fraction(packed),
                filled=_fraction(packed)
                * copies
                * sum(union_volume(m.positions, m.radii) for m in models)
                / packed.scene.volume,
                overlap=packed.provenance["compression"]["rms_overlap_nm"],
                deepest=float(depth.max(initial=0.0)),
                clash=clash_share(packed),
            )
        )
    return tuple(made)


def copies_of_each(settings: Settings) -> int:
    """Return how many of each type are packed: 20 as in the paper, or 2 in a quick run."""
    return 2 if settings.quick else 20


def tightest(scene: Scene, settings: Settings, *, seed: np.random.SeedSequence) -> PackedScene:
    """Compress a scene until balls no longer give way.

    Parameters
    ----------
    scene : Scene
        In a Periodic boundary, dilute.
    settings : Settings
        Platform and threads.
    seed : numpy.random.SeedSequence
        Seed of the dynamics.

    Returns
    -------
    PackedScene
        The last state whose root mean square overlap was below `TOLERANCE`.
    """

    def pressed(start: Scene | PackedScene, fraction: float, max_steps: int) -> PackedScene:
        # Balls keep no distance beyond their radii: that would cost small ones more than large.
        return compress(
            start,
            Compression(acceptable=TOLERANCE, limit=TOLERANCE, gap=0.0, max_steps=max_steps),
            fraction=fraction,
            run=settings.run,
            seed=seed.spawn(1)[0],
            progress=settings.progress,
        )

    try:
        return pressed(scene, MOST, 8_000)
    except PackingError as error:
        if error.best is None:
            raise
        best = error.best
    # That went in strides; small steps, of one annealing each, find out where between two it ends.
    while True:
        try:
            best = pressed(best, (1 + STEP) * _fraction(best), 3_000)
        except PackingError:
            return best


def _fraction(packed: PackedScene) -> float:
    assert isinstance(packed.boundary, Periodic)
    return box_fraction(packed.scene, packed.boundary)
