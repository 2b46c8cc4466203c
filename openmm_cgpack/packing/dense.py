"""The protocol for scenes in a box: insert, compress to a volume fraction, remove clashes."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np

from ..core import BallModel, PackedScene, PackingError, PlacementError, RigidTransforms, Scene
from ..core.boundary import Boundary
from ..core.messages import checked_type
from ..core.runtime import seed_sequence
from ..core.settings import checked_settings, kind, setting
from ..core.tables import to_table
from ..models import SHAPE_COVER, Cover
from .addition import EASY, Insertion, insert_easily, keeps_distance
from .checkpoint import Checkpoint
from .clashes import ClashRemoval, check_clear, remove_clashes
from .compression import Compression, check_bounded, compression_steps
from .counts import TOLERANCE, checked_fraction
from .protocols import OF_A_STEP, Packing, Protocol, Steps, Stop, Watch
from .scenes import Packable, as_packed, box_fraction
from .shrinking_box import spans
from .simulations import Run
from .squeeze import Squeeze, squeeze_steps
from .stages import Stages

_DILUTE = 0.75
"""A start below so much of what is easy is inserted anew."""


@kind("dense")
class Dense(Protocol):
    """To a volume fraction in a box, with no atom in another.

    A start more dilute than the fraction, or than 0.25, is inserted anew by random sequential
    addition, which leaves no atoms too close. A scene of rigid molecules at the fraction whose
    atoms keep apart is left as it is; up to a fraction of 0.3 its box shrinks while the molecules
    give way by their atoms (see `Squeeze`). What bends, what your own force terms act on, and what
    is to be denser is compressed by molecular dynamics of its balls instead, and then clashes of
    atoms are removed. Your own force terms act in the compression; all else is geometry, and no
    force acts in it. A scene whose atoms cannot be cleared of each other has failed; see
    `ClashRemoval.tolerated`.

    Examples
    --------
    >>> Dense(fraction=0.3).compression.tolerance
    0.02
    """

    cover: ClassVar[Cover] = SHAPE_COVER
    shrinks: ClassVar[bool] = True
    in_box: ClassVar[bool | None] = True

    fraction: float | None = setting(
        "envelope volume fraction, of the box less the obstacle, to which the box shrinks; left "
        "out, or met to 0.5 %, the box stays as it is. Molecules jam from about 0.35 on, compact "
        "ones later",
        default=None,
        above=0,
        below=1,
        usual=(0, 0.36),
    )
    insertion: Insertion = setting("how a dilute start is inserted anew", default=Insertion())
    squeeze: Squeeze = setting("how rigid molecules give way by their atoms", default=Squeeze())
    compression: Compression = setting("how the box shrinks", default=Compression())
    clash_removal: ClashRemoval = setting(
        "how atoms are moved apart at the end", default=ClashRemoval()
    )

    @property
    def goal(self) -> float | None:
        """The fraction."""
        return self.fraction

    def most_steps(self, species: Sequence[BallModel]) -> int:
        """Return the compression's, 0 where a squeeze will do; clash removal adds a few."""
        easy = self.fraction is not None and self.fraction <= self.squeeze.up_to
        if easy and not self.forces and all(model.is_rigid for model in species):
            return 0
        return self.compression.max_steps

    def seconds(self, models: Sequence[tuple[BallModel, float]], fraction: float) -> float:
        """Return that of insertion and squeeze, which ends at 0.3, and of steps that crowd more.

        Fitted to 0.06 ms a ball up to a fraction of 0.2, 0.55 at 0.25 and 1.1 at 0.3; and to 1200
        steps at 0.33 and 22 000 at 0.41.
        """
        balls = sum(model.n_balls * count for model, count in models)
        geometry = balls * (6e-5 + 1.1e-2 * max(0.0, min(fraction, 0.3) - 0.2))
        most = self.most_steps([model for model, _ in models])
        steps = min(most, 1200 * math.exp((fraction - 0.33) / 0.026))
        return geometry + OF_A_STEP * steps * balls

    def with_goal(self, fraction: float | None) -> Self:
        """Return the protocol with another fraction."""
        return dataclasses.replace(self, fraction=fraction)

    def check(self, boundary: Boundary) -> None:
        """Raise ValueError where the boundary is open."""
        check_bounded(boundary, "protocol: Dense")

    def steps(
        self,
        scene: Scene,
        *,
        run: Run,
        seed: int | np.random.SeedSequence,
        reporters: Sequence[Any] = (),
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Steps[PackedScene]:
        """Pack a scene as a generator: see `Protocol.steps`."""
        self.check(scene.boundary)
        goal = own = box_fraction(scene, scene.boundary)
        # Whole molecules meet a fraction in a given box about: for that the box is not changed.
        if self.fraction is not None and abs(self.fraction - own) > TOLERANCE * own:
            goal = self.fraction
        series = yield from _series_steps(
            scene,
            [goal],
            dataclasses.replace(self, fraction=None),
            run=run,
            seed=seed,
            reporters=reporters,
            checkpoint=checkpoint,
        )
        return series[-1]


def crowding_series(
    scene: Scene,
    fractions: Sequence[float],
    protocol: Dense = Dense(),
    *,
    run: Run = Run(),
    seed: int | np.random.SeedSequence,
    reporters: Sequence[Any] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> tuple[PackedScene, ...]:
    """Pack the same molecules to one volume fraction after the other.

    As `pack_scene` with `Dense`, which is a series of one; each fraction goes on from the last.

    Parameters
    ----------
    scene : Scene
        In a Periodic or Slab boundary, whose edges' ratios are kept.
    fractions : sequence of float
        Envelope volume fractions, rising.
    protocol : Dense, optional
        How; its own `fraction` is left out.
    run, seed, reporters, checkpoint, watch, progress
        See `pack_scene`. A series that is stopped has what there is so far.

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
    >>> from openmm_cgpack import SHAPE_COVER, Periodic, coarse_grain, library, place
    >>> model = coarse_grain(library.load("3hhb"), SHAPE_COVER, seed=1)
    >>> scene = place([(model, 20)], boundary=Periodic(box=40.0), seed=1)
    >>> series = crowding_series(scene, [0.1, 0.3], seed=1)
    >>> [round(float(packed.history.fraction[-1]), 3) for packed in series]
    [0.1, 0.3]
    """
    checked_type("scene", scene, Packable)
    checked_settings("protocol", protocol, Dense)
    protocol.check(scene.boundary)
    wanted = [checked_fraction(fraction) for fraction in fractions]
    if not wanted or any(b <= a for a, b in pairwise(wanted)):
        raise ValueError(f"fractions: wanted rising numbers, got {list(fractions)}")
    if protocol.fraction is not None:
        raise ValueError(f"fraction: means nothing beside fractions, got {protocol.fraction:g}")
    steps = _series_steps(
        scene, wanted, protocol, run=run, seed=seed, reporters=reporters, checkpoint=checkpoint
    )
    return Packing(steps).finish(watch=watch, progress=progress)


def _series_steps(
    scene: Scene,
    fractions: Sequence[float],
    protocol: Dense,
    *,
    run: Run,
    seed: int | np.random.SeedSequence,
    reporters: Sequence[Any],
    checkpoint: str | os.PathLike[str] | None,
) -> Steps[tuple[PackedScene, ...]]:
    """Pack a scene to rising fractions, as a generator."""
    placement, *dynamics = seed_sequence(seed).spawn(1 + len(fractions))
    table = to_table(protocol)
    settings = {
        "protocol": table,
        "fractions": list(fractions),
        # What the children draw: a sequence does not tell what it has spawned before.
        "seeds": [child.generate_state(4).tolist() for child in (placement, *dynamics)],
    }
    file = Checkpoint(checkpoint, scene, settings=settings, reporters=reporters)
    stages = Stages(file, as_packed(scene))
    series: list[PackedScene] = []
    try:
        if _too_dilute(scene, fractions[0]):
            yield from stages.do(
                "insertion",
                lambda: _inserted(scene, protocol.insertion, fractions[0], placement),
            )
        for number, (fraction, child) in enumerate(zip(fractions, dynamics, strict=True), start=1):
            if _can_squeeze(stages.packed, protocol, fraction):
                name = f"squeeze {number}"
                yield from stages.step(
                    name,
                    squeeze_steps(
                        stages.packed,
                        protocol.squeeze,
                        fraction=fraction,
                        closest=protocol.clash_removal.closest,
                        seed=child.spawn(1)[0],
                        stage=name,
                    ),
                )
            if not _is_done(stages.packed, protocol, fraction):
                name = f"compression {number}"
                yield from stages.step(
                    name,
                    compression_steps(
                        stages.packed,
                        protocol.compression,
                        fraction=fraction,
                        forces=protocol.forces,
                        run=run,
                        seed=child,
                        reporters=reporters,
                        checkpoint=file,
                        stage=name,
                    ),
                )
                yield from stages.do(
                    f"clash removal {number}",
                    lambda: remove_clashes(stages.packed, protocol.clash_removal),
                )
                check_clear(stages.packed, protocol.clash_removal)
            series.append(stages.packed)
    except Stop:
        provenance = {**stages.packed.provenance, "stopped": stages.at}
        series.append(dataclasses.replace(stages.packed, provenance=provenance))
    except PackingError as error:
        best = error.best
        if best is not None and best is not stages.packed:
            best = remove_clashes(best, protocol.clash_removal)
        raise PackingError(str(error), best=best) from None
    return tuple(series)


def _too_dilute(scene: Scene, fraction: float) -> bool:
    """Whether inserting a scene anew brings it nearer to a fraction, and it may be moved."""
    gains = box_fraction(scene, scene.boundary) <= _DILUTE * min(fraction, EASY)
    return gains and not scene.fixed.all()


def _can_squeeze(packed: PackedScene, protocol: Dense, fraction: float) -> bool:
    """Whether a scene is below a fraction to which it may be squeezed, and fit for it."""
    own = box_fraction(packed.scene, packed.boundary)
    below = own < fraction * (1 - 1e-9) and fraction <= protocol.squeeze.up_to * (1 + 1e-9)
    return below and _is_clear(packed, protocol)


def _is_done(packed: PackedScene, protocol: Dense, fraction: float) -> bool:
    """Whether a scene is at a fraction, and its molecules keep apart."""
    there = abs(box_fraction(packed.scene, packed.boundary) / fraction - 1) < 1e-9
    return there and _is_clear(packed, protocol)


def _is_clear(packed: PackedScene, protocol: Dense) -> bool:
    """Whether nothing bends, no force of the user's is to act, and atoms keep apart."""
    return (
        not protocol.forces
        and all(model.is_rigid for model in packed.scene.species)
        and keeps_distance(packed, protocol.clash_removal.closest)
    )


def _inserted(
    scene: Scene, insertion: Insertion, fraction: float, seed: np.random.SeedSequence
) -> PackedScene:
    """Return the scene inserted anew at an easy fraction, or as it is where there is no room."""
    counts = [
        (model, int((scene.species_index[~scene.fixed] == s).sum()))
        for s, model in enumerate(scene.species)
    ]
    poses = [
        (model, scene.transforms[np.flatnonzero(scene.fixed & (scene.species_index == s))])
        for s, model in enumerate(scene.species)
    ]
    try:
        inserted = insert_easily(
            counts,
            insertion,
            fraction=fraction,
            shape=scene.boundary,
            obstacle=scene.obstacle,
            poses=poses,
            least=np.minimum(spans(scene, scene.positions), scene.boundary.box),
            loosest=box_fraction(scene, scene.boundary),
            seed=seed,
        )
    except PlacementError:
        return as_packed(scene)
    packed = as_packed(_in_order(scene, inserted))
    reached = box_fraction(packed.scene, packed.boundary)
    record = {"settings": to_table(insertion), "fraction": round(reached, 6)}
    return dataclasses.replace(packed, provenance=packed.provenance | {"insertion": record})


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
