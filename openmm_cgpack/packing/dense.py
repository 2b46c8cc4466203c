"""To a volume fraction in one call: insert, compress, remove clashes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ..core import Open, PackedScene, PackingError, PlacementError, RigidTransforms, Scene
from .addition import insert
from .clashes import remove_clashes
from .compress import compress
from .fractions import checked_fraction, fit_box
from .measure import box_fraction
from .press import spans
from .scenes import as_packed
from .stages import Stages

EASY = 0.25
"""Fraction up to which insertion is fast."""


def crowding_series(
    scene: Scene,
    *,
    fractions: Sequence[float],
    platform: str | None = None,
    threads: int | None = None,
    seed: int | np.random.SeedSequence,
    checkpoint: str | os.PathLike[str] | None = None,
    reporters: Sequence[Any] = (),
    progress: bool = False,
) -> tuple[PackedScene, ...]:
    """Pack the same molecules to one volume fraction after the other.

    A start more dilute than the first fraction, or than 0.25, is inserted anew; from there the
    box shrinks from fraction to fraction, and clashes of atoms are removed at each. The next one goes on from
    there.

    Parameters
    ----------
    scene : Scene
        In a Periodic or Slab boundary, whose edges' ratios are kept.
    fractions : sequence of float
        Envelope volume fractions, rising.
    platform, threads
        See `choose_platform`.
    seed : int or numpy.random.SeedSequence
        Seed of the insertion and the dynamics.
    checkpoint : path-like, optional
        File that keeps what each stage has left (the insertion, and of every fraction the
        compression and the clash removal), replaced whole each time; a compression under way keeps a
        file of its own beside it. Where they exist, the run goes on from there. On Reference, and
        on the CPU platform with one thread, it ends as one that was not cut off, bit for bit;
        stages that another platform did stay as they are.
    reporters : sequence of OpenMM reporters, optional
        Added to the Simulation of each compression.
    progress : bool, optional
        Whether to show progress bars.

    Returns
    -------
    tuple of PackedScene
        One for each fraction, with the same instances in the same order.

    Raises
    ------
    ValueError
        The boundary is open, the fractions do not rise or are below the scene's own, or the
        checkpoint is of another run.
    PackingError
        A fraction could not be reached; the message says how far it went, and the error's `best`
        is the best state.

    Examples
    --------
    >>> from openmm_cgpack import Periodic, coarse_grain, library, place
    >>> model = coarse_grain(library.load("3hhb"), atoms_per_ball=300, radius="volume", seed=1)
    >>> scene = place([(model, 20)], boundary=Periodic(box=40.0), seed=1)
    >>> series = crowding_series(scene, fractions=[0.1, 0.3], seed=1)
    >>> [round(float(packed.history.fraction[-1]), 3) for packed in series]
    [0.1, 0.3]
    """
    if isinstance(scene.boundary, Open):
        raise ValueError("fraction: wanted a scene in a Periodic or Slab boundary, got Open")
    wanted = [checked_fraction(fraction) for fraction in fractions]
    if not wanted or any(b <= a for a, b in pairwise(wanted)):
        raise ValueError(f"fractions: wanted rising numbers, got {list(fractions)}")
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    placement, *dynamics = sequence.spawn(1 + len(wanted))
    stages = Stages(
        scene,
        settings={
            "fractions": wanted,
            # What the children draw: a sequence does not tell what it has spawned before.
            "seeds": [child.generate_state(4).tolist() for child in (placement, *dynamics)],
        },
        reporters=reporters,
        path=checkpoint,
    )
    _refuse_leftovers(stages, len(wanted))
    if _too_dilute(scene, wanted[0]):
        packed = stages.do("insert", lambda: as_packed(_inserted(scene, wanted[0], placement)))
    else:
        packed = as_packed(scene)
    series = []
    for number, (fraction, child) in enumerate(zip(wanted, dynamics, strict=True), start=1):
        own = stages.beside(f"compress {number}")
        compression = partial(
            compress,
            packed,
            fraction=fraction,
            platform=platform,
            threads=threads,
            seed=child,
            reporters=reporters,
            checkpoint=own,
            progress=progress,
        )
        try:
            packed = stages.do(f"compress {number}", compression, own=own)
        except PackingError as error:
            best = None if error.best is None else remove_clashes(error.best)
            raise PackingError(str(error), best=best) from None
        packed = stages.do(f"clash removal {number}", partial(remove_clashes, packed))
        series.append(packed)
    return tuple(series)


def _refuse_leftovers(stages: Stages, n_fractions: int) -> None:
    """Raise where a later compression's file lies without that of the stages before it."""
    for number in range(2, n_fractions + 1):
        own = stages.beside(f"compress {number}")
        if own is not None and own.exists() and not stages.begun:
            raise ValueError(f"{own}: is a checkpoint of another run; remove it to start anew")


def _too_dilute(scene: Scene, fraction: float) -> bool:
    """Whether inserting a scene anew brings it nearer to a fraction, and it may be moved."""
    assert not isinstance(scene.boundary, Open)
    gains = box_fraction(scene, scene.boundary) <= 0.9 * min(fraction, EASY)
    return gains and not scene.fixed.all()


def _inserted(scene: Scene, fraction: float, seed: np.random.SeedSequence) -> Scene:
    """Return the scene inserted anew at an easy fraction, or as it is where there is no room."""
    assert not isinstance(scene.boundary, Open)
    goal = min(fraction, EASY)
    now = box_fraction(scene, scene.boundary)
    counts = [
        (model, int((scene.species_index[~scene.fixed] == s).sum()))
        for s, model in enumerate(scene.species)
    ]
    poses = [
        (model, scene.transforms[np.flatnonzero(scene.fixed & (scene.species_index == s))])
        for s, model in enumerate(scene.species)
    ]
    while goal > now:
        boundary = fit_box(
            scene.volume,
            fraction=goal,
            shape=scene.boundary,
            obstacle=scene.obstacle,
            least=np.minimum(spans(scene, scene.positions), scene.boundary.box),
        )
        try:
            inserted = insert(
                counts,
                boundary=boundary,
                obstacle=scene.obstacle,
                poses=poses,
                fixed=True,
                seed=seed,
            )
        except PlacementError:
            goal *= 0.8
            continue
        return _in_order(scene, inserted)
    return scene


def _in_order(scene: Scene, inserted: Scene) -> Scene:
    """Return what was inserted with its instances in the order that the scene has."""
    free, fixed = np.flatnonzero(~scene.fixed), np.flatnonzero(scene.fixed)
    rows = [part[np.argsort(scene.species_index[part], kind="stable")] for part in (free, fixed)]
    order = np.argsort(np.concatenate(rows))
    moved = inserted.transforms[order]
    return dataclasses.replace(
        scene,
        transforms=RigidTransforms(rotations=moved.rotations, translations=moved.translations),
        boundary=inserted.boundary,
    )
