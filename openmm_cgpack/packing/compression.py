"""Shrinking a box to a volume fraction while everything in it gives way.

Molecules can not be placed at random into a crowded box, and a box can not be squeezed like a
sponge: bodies that stand in each other's way have to turn and to slip past each other. So the
dynamics does the packing, and the box follows.

**Soft contacts** (see `soft_dynamics`). Balls of different bodies repel softly, rigid bodies are
held by constraints, filaments and membranes bend, and one number says how far a state is from good:
the root mean square *depth* of all overlaps.

**Cold.** At first there is no heat. The box shrinks by a little (`increment` of the fraction) and
takes the bodies' centres along, which makes small overlaps; the dynamics pushes them apart. As
soon as the depth is below `tolerance` the box shrinks again. What is measured drives the schedule;
no number of steps does. This is fast, up to a fraction near 0.4.

**Annealing.** There the cold scene jams: some depth stays that `patience` steps do not relax. Then
it is heated until bodies can pass through each other a little (`agitation`), the box shrinks by a
stride of 0.1, and the scene cools to a fifteenth of the heat, in steps of equal ratio. Slow cooling
finds better packings: ten times the steps halve what is left. Where an annealing does not suffice,
the next one has four times the steps, up to `max_steps` in all.

**The end.** The fraction is reached with a depth below `tolerance` (cold) or `acceptable`
(annealed; clash removal does the rest). With no steps left, up to `limit` is accepted; beyond it
the packing has failed, and the best state before is in the error.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core import PackedScene, PackingError
from ..core.boundary import Boundary
from ..core.runtime import seed_sequence
from ..core.settings import Settings, setting
from ..core.tables import to_table
from ..forces import ForceTerm
from .checkpoint import Checkpoint
from .counts import checked_fraction
from .protocols import Block, Packing, Steps, Stop, Watch
from .scenes import Packable, as_packed, box_fraction
from .shrinking_box import ShrinkingBox
from .simulations import Run
from .soft_dynamics import Relaxation

_STRIDE = 0.1
_COLDEST = 1 / 15
_FRICTION = 0.15
"""Of annealing, 1/ps: bodies shall come far in few steps."""
_LEVELS = 20
"""Temperatures of an annealing, at least; a measurement at each costs as much as a step."""
_LONGER = 4
_HOPELESS = 2.0
_BULKY = 1.7
_HINT = (
    "; the balls have {:.1f} times the volume of what they stand for: "
    "coarse_grain(..., Cover(atoms_per_ball=300, radius='volume')) follows molecules more closely"
)


class Compression(Settings):
    """Shrinking a box while everything in it gives way: contacts, dynamics and schedule."""

    tolerance: float = setting(
        "root mean square overlap of all balls that is aimed at", unit="nm", default=0.02, above=0
    )
    acceptable: float = setting(
        "the same, that is good enough after annealing: it leaves clash removal little to do",
        unit="nm",
        default=0.035,
        above=0,
    )
    limit: float = setting(
        "the same, beyond which the fraction is not reached", unit="nm", default=0.15, above=0
    )
    increment: float = setting(
        "by how much the fraction rises at once", default=0.02, above=0, maximum=1
    )
    patience: int = setting(
        "steps at one size of the box after which a cold scene counts as jammed",
        default=60,
        minimum=1,
    )
    anneal_steps: int = setting(
        "steps of the first annealing; the slower it cools, the less overlap is left",
        default=1000,
        minimum=1,
    )
    agitation: float = setting(
        "heat at the start of an annealing, as the root mean square depth d of a contact that it "
        "makes, in mean radii of a ball: kT = stiffness d²",
        default=0.5,
        above=0,
    )
    gap: float = setting(
        "distance that balls keep where they can: a molecule's atoms stand out of its balls by a "
        "few tenths of a nanometre",
        unit="nm",
        default=0.2,
        usual=(-1, 1),
    )
    max_steps: int = setting("most steps in all", default=25_000, minimum=1)
    block: int = setting(
        "steps between measurements; up to five times as many while an annealing cools",
        default=20,
        minimum=1,
    )
    stiffness: float = setting("stiffness of a contact", unit="kJ/mol/nm²", default=1e5, above=0)
    timestep: float = setting("time step", unit="ps", default=0.15, above=0)
    checkpoint_every: int = setting(
        "steps between checkpoints; with one thread of the CPU platform they decide the last "
        "digits",
        default=500,
        minimum=1,
    )


def compress(
    scene: Packable,
    compression: Compression = Compression(),
    *,
    fraction: float,
    forces: Sequence[ForceTerm] = (),
    run: Run = Run(),
    seed: int | np.random.SeedSequence,
    reporters: Sequence[Any] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> PackedScene:
    """Shrink a scene's box around its centre to a volume fraction, while all in it gives way.

    Edges keep their ratios, but along an axis that a body spans the box stays as long as that
    body. Fixed instances and the obstacle stay as they are.

    Parameters
    ----------
    scene : Scene or PackedScene
        In a Periodic or Slab boundary.
    compression : Compression, optional
        How.
    fraction : float
        Envelope volume fraction to reach, of the box less the obstacle.
    forces : sequence of force terms, optional
        Terms of your own, which act too.
    run, seed, reporters, checkpoint, watch, progress
        See `pack_scene`.

    Returns
    -------
    PackedScene
        Its boundary is the shrunken box; bodies are whole, with their means in it. Its provenance
        says under ``"compression"`` the steps and the overlap left.

    Raises
    ------
    ValueError
        The boundary is open, the scene is denser than `fraction` already, or the checkpoint is of
        another run.
    PackingError
        The fraction could not be reached; the message says how far it went, and the error's
        `best` is the last state whose overlaps were within the limit.

    Examples
    --------
    >>> from openmm_cgpack import SHAPE_COVER, coarse_grain, insert, library
    >>> model = coarse_grain(library.load("3hhb"), SHAPE_COVER, seed=1)
    >>> start = insert([(model, 20)], fraction=0.2, seed=1)
    >>> packed = compress(start, fraction=0.3, seed=1)
    >>> round(start.volume / packed.boundary.volume, 3)
    0.3
    """
    packed = as_packed(scene)
    fraction = checked_fraction(fraction)
    settings = {
        "compression": to_table(compression),
        "fraction": fraction,
        "forces": [to_table(term) for term in forces],
        "seed": seed_sequence(seed).generate_state(4).tolist(),
        "positions": hashlib.sha256(packed.positions.tobytes()).hexdigest(),
        "boundary": packed.boundary.to_json(),
    }
    steps = compression_steps(
        packed,
        compression,
        fraction=fraction,
        forces=forces,
        run=run,
        seed=seed,
        reporters=reporters,
        checkpoint=Checkpoint(checkpoint, packed.scene, settings=settings),
    )
    return Packing(steps).finish(watch=watch, progress=progress)


def compression_steps(
    packed: PackedScene,
    compression: Compression,
    *,
    fraction: float,
    forces: Sequence[ForceTerm],
    run: Run,
    seed: int | np.random.SeedSequence,
    reporters: Sequence[Any],
    checkpoint: Checkpoint,
    stage: str = "compression",
) -> Steps[PackedScene]:
    """Compress as a generator: see `compress`, and for what it yields `Protocol.steps`.

    Parameters
    ----------
    packed, compression, fraction, forces, run, seed, reporters
        See `compress`.
    checkpoint : Checkpoint
        That of the run of which this is a stage.
    stage : str, optional
        Name of the stage.

    Yields
    ------
    Block
        What it has measured is the fraction and the root mean square overlap, nm.

    Returns
    -------
    PackedScene
    """
    check_bounded(packed.boundary, "compress")
    now = box_fraction(packed.scene, packed.boundary)
    if now > fraction * (1 + 1e-9):
        raise ValueError(
            f"fraction: wanted at least the scene's own, {now:.4g}, got {fraction:g}; "
            "a compression only shrinks boxes"
        )
    box = ShrinkingBox(
        packed,
        compression,
        forces=forces,
        run=run,
        seed=seed,
        reporters=reporters,
        checkpoint=checkpoint,
        stage=stage,
    )
    schedule = _Schedule(box, compression, fraction, stage)
    try:
        yield from schedule.cold()
        yield from schedule.annealed()
    except Stop:
        return box.packed(stopped=stage)
    except PackingError as error:
        balls = 4 / 3 * np.pi * float((packed.scene.radii**3).sum()) / packed.scene.volume
        hint = "" if balls < _BULKY else _HINT.format(balls)
        raise PackingError(
            f"a fraction of {fraction:g} was not reached: {error}; the error's best is at "
            f"{schedule.reached:.3f}{hint}",
            best=schedule.best,
        ) from None
    return schedule.best


def check_bounded(boundary: Boundary, what: str) -> None:
    """Raise ValueError where a boundary is open."""
    if not boundary.bounded:
        raise ValueError(
            f"{what}: is for scenes in a Periodic or Slab boundary, got an open one; see Pull"
        )


class _Schedule(Relaxation):
    """One compression on its way."""

    box: ShrinkingBox

    def __init__(
        self, box: ShrinkingBox, settings: Compression, fraction: float, stage: str
    ) -> None:
        super().__init__(box, stage=stage, block=settings.block, tolerance=settings.tolerance)
        self.settings = settings
        self.fraction = fraction
        self.best, self.reached = box.start, box.fraction

    @property
    def done(self) -> bool:
        """Whether the box is as small as it shall be."""
        return self.box.fraction > self.fraction * (1 - 1e-9)

    def cold(self) -> Iterator[Block]:
        """Shrink the cold scene for as long as it gives way."""
        box, settings = self.box, self.settings
        yield from self.settle(settings.patience)
        while self.depth < settings.tolerance:
            self.best, self.reached = box.packed(), box.fraction
            if self.done:
                return
            box.shrink(min(box.fraction + settings.increment, self.fraction))
            yield from self.settle(settings.patience)

    def annealed(self) -> Iterator[Block]:
        """Shrink it on by annealing, in strides; raise where that does not help."""
        box, settings = self.box, self.settings
        steps = settings.anneal_steps
        while not self.done or self.depth >= settings.tolerance:
            goal = min(max(box.fraction, self.reached + _STRIDE), self.fraction)
            yield from self.anneal(goal, steps)
            yield from self.settle(5 * settings.patience)
            if self.depth < settings.limit:
                self.best, self.reached = box.packed(), box.fraction
                if not self.done:
                    continue
                if self.depth < settings.acceptable:
                    return
            longer = box.steps + _LONGER * steps <= settings.max_steps
            if self.depth < settings.limit and not longer:
                return
            if self.depth > _HOPELESS * settings.limit or not longer:
                raise PackingError(
                    f"at {box.fraction:.3f} balls stand {self.depth:.2f} nm in each other after "
                    f"{box.steps} steps, wanted {settings.limit:g}"
                )
            steps *= _LONGER

    def anneal(self, goal: float, steps: int) -> Iterator[Block]:
        """Heat the scene, shrink it to a goal, and cool it."""
        box, settings = self.box, self.settings
        agitation = settings.agitation * float(box.scene.radii.mean())
        box.heat(agitation, friction=_FRICTION)
        while box.fraction < goal * (1 - 1e-9):
            box.shrink(min(box.fraction + settings.increment, goal))
            yield from self.relax(settings.block)
        block = max(settings.block, min(steps // _LEVELS, 5 * settings.block))
        blocks = max(1, steps // block)
        for i in range(1, blocks + 1):
            box.heat(agitation * _COLDEST ** (i / blocks), friction=_FRICTION)
            yield from self.relax(block)
