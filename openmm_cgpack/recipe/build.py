"""From a recipe's entries to ball models and force terms."""

from __future__ import annotations

import numpy as np

from ..core import BallModel, Periodic, Scene, Slab
from ..core.seeds import stage_seed
from ..forces import CentrePull, SwitchedLennardJones
from ..packing import Dense, Placement, Protocol, Pull, fit_box, fit_counts, insert, place
from ..packing.fractions import check_fraction
from .sections import Recipe

_EASY = 0.24
"""Fraction up to which insertion is fast, and from which on packing keeps the start."""


def build_models(recipe: Recipe, *, index: int = 0) -> list[tuple[BallModel, int]]:
    """Return the models of a recipe and how many instances of each.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    index : int, optional
        Number of the scene, for the seed of the clustering.

    Returns
    -------
    list of (BallModel, int)
        Molecules, filaments, membranes, in the recipe's order.
    """
    seeds = stage_seed(recipe.seed, "models", index).spawn(len(recipe.structures))
    return [
        (entry.build(seed=seed), entry.count)
        for entry, seed in zip(recipe.structures, seeds, strict=True)
    ]


def build_protocol(recipe: Recipe) -> Protocol:
    """Return the protocol of a recipe: for a box the defaults, but for the fraction."""
    if recipe.scene.boundary != "open":
        return Dense()
    forces, pack = recipe.forces, recipe.pack
    return Pull(
        lennard_jones=SwitchedLennardJones(
            epsilon=forces.epsilon,
            switch=forces.switch,
            cutoff=forces.cutoff,
            form=forces.lennard_jones,
        ),
        centre_pull=CentrePull(k=forces.pull_k, radius=forces.pull_radius)
        if forces.pull_k
        else None,
        rigidity=pack.rigidity,
        max_steps=pack.max_steps,
        block=pack.block,
        tolerance=pack.tolerance,
        patience=pack.patience,
        relax_steps=pack.relax_steps,
        timestep=pack.timestep,
        friction=pack.friction,
        temperature=pack.temperature,
        checkpoint_every=pack.checkpoint_every,
    )


def build_start(
    recipe: Recipe, counts: list[tuple[BallModel, int]], *, seed: int | np.random.SeedSequence
) -> Scene:
    """Return the scene at its start: dispersed, or inserted into a box as far as that is easy.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    counts : list of (BallModel, int)
        What `build_models` returned.
    seed : int or numpy.random.SeedSequence
        Seed of positions and rotations.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        Counts, box and fraction contradict one another; the message shows the arithmetic.
    PlacementError
        There is no room.
    """
    settings = recipe.scene
    if settings.boundary == "open":
        return place(counts, Placement(extent=settings.extent), seed=seed)
    kind = Periodic if settings.boundary == "periodic" else Slab
    edges = (1.0, 1.0, 1.0) if settings.box is None else np.broadcast_to(settings.box, 3)
    box = kind(box=tuple(np.asarray(edges).tolist()))
    if settings.counts == "relative":
        assert settings.fraction is not None
        counts = fit_counts(counts, fraction=settings.fraction, boundary=box)
    volume = sum(model.volume * count for model, count in counts)
    if settings.box is not None and settings.fraction is not None:
        check_fraction(volume, fraction=settings.fraction, boundary=box)
    goal = target_fraction(recipe, volume)
    assert goal is not None
    return insert(counts, boundary=fit_box(volume, fraction=min(goal, _EASY), shape=box), seed=seed)


def target_fraction(recipe: Recipe, volume: float) -> float | None:
    """Return the first volume fraction to which molecules of a volume (nm^3) are packed, if any."""
    settings = recipe.scene
    if settings.boundary == "open":
        return None
    if settings.fractions is not None:
        return settings.fractions[0]
    if settings.box is None:
        return settings.fraction
    # With whole counts the box is exact, and the fraction within half a per cent.
    return volume / float(np.prod(np.broadcast_to(settings.box, 3)))
