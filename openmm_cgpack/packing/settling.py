"""Settling: everything moves with the heat in a box that keeps its size, and comes to rest.

**Cold at first.** What overlaps where it was placed gives way, without the heat that it would make.

**Hot.** Langevin dynamics: membranes undulate, filaments bend in the crowd, molecules come past
each other. Contacts are soft (see `soft_dynamics`), but a ball that would go between those of a
membrane has thousands of kT to climb. The friction is low, so that bodies come far in few steps.

**Cold.** Then the heat is taken away until the root mean square overlap of the balls is small, or
does not shrink any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core import PackedScene, PackingError
from ..core.settings import Settings, setting
from ..core.units import BOLTZMANN
from ..forces import ForceTerm, LargeBallRepulsion, SoftRepulsion
from .checkpoint import Checkpoint
from .protocols import Block, Steps, Stop
from .simulations import Run
from .soft_dynamics import Relaxation, SoftDynamics

_ROWS = 4
"""Rows of the history while it is hot."""
_BONDS = 4.0
"""Most that a bond's constant is, in stiffnesses of a contact."""
_MOST, _LARGE = 0.9, 1.5
"""Balls of one and a half times the radius that nine of ten do not exceed are large."""


class Settling(Settings):
    """Dynamics in a box that keeps its size: cold, hot, and cold again."""

    steps: int = setting("steps of the dynamics while it is hot", default=1500, minimum=0)
    temperature: float = setting("temperature", unit="K", default=300.0, minimum=0)
    friction: float = setting(
        "friction of the Langevin dynamics", unit="1/ps", default=0.1, minimum=0
    )
    timestep: float = setting("time step", unit="ps", default=0.15, above=0)
    stiffness: float = setting("stiffness of a contact", unit="kJ/mol/nm²", default=1e4, above=0)
    gap: float = setting(
        "distance that balls keep where they can: a molecule's atoms stand out of its balls by a "
        "few tenths of a nanometre",
        unit="nm",
        default=0.2,
        usual=(-1, 1),
    )
    tolerance: float = setting(
        "root mean square overlap of all balls at which the cold scene has settled",
        unit="nm",
        default=0.02,
        above=0,
    )
    limit: float = setting(
        "the same, beyond which the packing has failed", unit="nm", default=0.15, above=0
    )
    patience: int = setting(
        "most steps while it is cold, at the beginning and at the end", default=2000, minimum=1
    )
    block: int = setting("steps between measurements", default=50, minimum=1)
    checkpoint_every: int = setting(
        "steps between checkpoints; with one thread of the CPU platform they decide the last "
        "digits",
        default=500,
        minimum=1,
    )


def settling_steps(
    packed: PackedScene,
    settling: Settling,
    *,
    forces: Sequence[ForceTerm],
    run: Run,
    seed: int | np.random.SeedSequence,
    reporters: Sequence[Any],
    checkpoint: Checkpoint,
    stage: str = "settling",
) -> Steps[PackedScene]:
    """Settle a scene as a generator; for what it yields see `Protocol.steps`.

    Parameters
    ----------
    packed : PackedScene
        In a Periodic or Slab boundary.
    settling : Settling
        How.
    forces, run, seed, reporters
        See `pack_scene`.
    checkpoint : Checkpoint
        That of the run of which this is a stage.
    stage : str, optional
        Name of the stage there.

    Yields
    ------
    Block
        What it has measured is the fraction and the root mean square overlap, nm.

    Returns
    -------
    PackedScene
        Its provenance says under ``"dynamics"`` the steps and the overlap left.

    Raises
    ------
    PackingError
        The dynamics diverged, or overlaps beyond the limit are left; the error's `best` is the
        last state.
    """
    box = _FixedBox(
        packed,
        stiffness=settling.stiffness,
        gap=settling.gap,
        bond_k=_BONDS * settling.stiffness,
        timestep=settling.timestep,
        forces=forces,
        run=run,
        seed=seed,
        reporters=reporters,
        checkpoint=checkpoint,
        stage=stage,
        checkpoint_every=settling.checkpoint_every,
    )
    relaxation = Relaxation(
        box, stage="relaxing", block=settling.block, tolerance=settling.tolerance
    )
    try:
        if settling.steps:
            yield from relaxation.settle(settling.patience)
            relaxation.stage, relaxation.total = "dynamics", settling.steps
            yield from _hot(relaxation, settling)
            relaxation.stage, relaxation.total = "cooling", None
        yield from relaxation.settle(settling.patience)
        settled = box.packed()
    except Stop:
        return box.packed(stopped=relaxation.stage)
    except PackingError as error:
        raise PackingError(str(error), best=box.best) from None
    if relaxation.depth > settling.limit:
        raise PackingError(
            f"after {box.steps} steps balls stand {relaxation.depth:.2f} nm in each other, wanted "
            f"{settling.limit:g}: there is too much in the box, or a start with deep overlaps",
            best=settled,
        )
    return settled


class _FixedBox(SoftDynamics):
    """Soft dynamics in a box that keeps its size, where a few large balls are looked for apart."""

    def _repulsion(self) -> tuple[ForceTerm, ...]:
        """Return what keeps balls apart."""
        radii, edges = self.scene.radii, self.boundary.repeat[self.boundary.periodic]
        # OpenMM looks no farther than half an edge, and two of its balls touch at twice a radius.
        widest = float(edges.min()) / 4 - self.gap
        large = min(_LARGE * float(np.quantile(radii, _MOST)), widest)
        if not (radii > large).any():
            return super()._repulsion()
        among_large = LargeBallRepulsion(k=self.stiffness, gap=self.gap, beyond=large)
        if (radii > large).all():
            return (among_large,)
        return SoftRepulsion(k=self.stiffness, gap=self.gap, up_to=large), among_large


def _hot(relaxation: Relaxation, settling: Settling) -> Iterator[Block]:
    """Step the hot scene; its history gets a row now and then."""
    box, start = relaxation.box, relaxation.box.steps
    # A contact's share of the heat, as how deep it presses two balls into each other.
    depth = float(np.sqrt(BOLTZMANN * settling.temperature / settling.stiffness))
    box.heat(depth, friction=settling.friction)
    rows = [start + settling.steps * row // _ROWS for row in range(1, _ROWS + 1)]
    while box.steps < rows[-1]:
        due = next(row for row in rows if row > box.steps)
        yield from relaxation.relax(min(settling.block, due - box.steps))
        if box.steps == due:
            box.packed()
