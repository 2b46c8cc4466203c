"""The same molecules packed with one ball each, with the paper's balls and with shape-true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core import AtomicStructure, BallModel, PackedScene
from ..forces import PAPER_PULL_K, paper_forces
from ..models import single_ball
from ..packing import overlaps
from .measures import Droplet, measure_droplet
from .runs import PackingRun, Settings, run_packing

PAPER = "the paper's balls"

TOLERANCE = 0.20
"""Deepest overlap of balls, over their contact distance, at which covers are compared."""

START = 0.15
"""Envelope volume fraction from which on starting boxes are tried."""

REACH = 3.0
"""Cutoff of the Lennard-Jones force over the largest contact distance."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """One packing of the comparison.

    Parameters
    ----------
    name : str
        The cover.
    packed : PackedScene
        Its end.
    droplet : Droplet
        How tight it is.
    deepest, mean : float
        Deepest overlap of two balls at the end, over their contact distance, and the mean over
        all pairs that overlap.
    tolerated : float
        The inner fraction of the tightest frame whose deepest overlap is within `TOLERANCE`; NaN
        where there is none.
    setup : str
        What was run.
    """

    name: str
    packed: PackedScene
    droplet: Droplet
    deepest: float
    mean: float
    tolerated: float
    setup: str


def compare_packings(
    structures: Sequence[AtomicStructure],
    balls: Sequence[BallModel],
    shape_true: Mapping[int, Sequence[BallModel]],
    settings: Settings,
) -> tuple[Packed, ...]:
    """Pack the same molecules with several covers, by the same forces.

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
    copies = 2 if settings.quick else 20
    covers: dict[str, Sequence[BallModel]] = {
        "one ball": [single_ball(s) for s in structures],
        PAPER: balls,
    }
    for n, models in shape_true.items():
        covers[f"shape-true, {n} atoms a ball"] = models
    setup = (
        f"For the comparison of packings, {copies} of each type start at random in the smallest "
        f"box that takes them, tried from an envelope fraction of {START:g} on in steps of 10 %; "
        f"the Lennard-Jones force, of one epsilon, is cut at {REACH:g} times the largest contact "
        "distance, at most at 61 nm. Every ball weighs 5000 Da; the pull is shared out over the "
        "balls, so that every cover has the pull that the paper's balls have together. The "
        f"tolerance of overlaps is {TOLERANCE:g} of the contact distance."
    )
    count = {name: sum(model.n_balls for model in models) for name, models in covers.items()}
    return tuple(
        _pack(name, models, copies, settings, setup, share=count[PAPER] / count[name])
        for name, models in covers.items()
    )


def _pack(
    name: str,
    models: Sequence[BallModel],
    copies: int,
    settings: Settings,
    setup: str,
    *,
    share: float,
) -> Packed:
    volume = copies * sum(model.volume for model in models)
    contact = 2 * max(float(model.radii.max()) for model in models)
    cutoff = min(61.0, REACH * contact)
    run = run_packing(
        [(model, copies) for model in models],
        settings,
        extent=(volume / START) ** (1 / 3),
        # With the paper's pull on every ball, molecules of many balls are driven into each other
        # so hard that the integrator fails.
        forces=paper_forces(
            pull_k=PAPER_PULL_K * share,
            lennard_jones="auto",
            switch=cutoff - 1.0,
            cutoff=cutoff,
        ),
        max_steps=3_000 if settings.quick else 8_000,
        relax_steps=2_000 if settings.quick else 4_000,
        interval=100,
    )
    depth = overlaps(run.scene, run.packed.positions)[1]
    return Packed(
        name=name,
        packed=run.packed,
        droplet=measure_droplet(run.packed),
        deepest=float(depth.max(initial=0.0)),
        mean=float(depth.mean()) if len(depth) else 0.0,
        tolerated=_tolerated(run),
        setup=setup,
    )


def _tolerated(run: PackingRun) -> float:
    """Return the inner fraction of the tightest of all frames within the tolerance."""
    history = run.packed.history
    within = np.flatnonzero(history.overlap <= TOLERANCE)
    if not len(within):
        return float("nan")
    best = within[history.fraction[within].argmax()]
    frame = int(np.abs(np.array(run.steps) - history.step[best]).argmin())
    return measure_droplet(run.at(frame)).inner_fraction
