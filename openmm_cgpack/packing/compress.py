"""Shrinking a box while everything in it gives way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import Open, PackedScene, PackingError
from ..core.arrays import positive
from .fractions import checked_fraction
from .measure import box_fraction
from .platforms import choose_platform
from .press import Press
from .scenes import Packable, as_packed

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
    "coarse_grain(..., atoms_per_ball=300, radius='volume') follows molecules more closely"
)


def compress(
    scene: Packable,
    *,
    fraction: float,
    tolerance: float = 0.02,
    acceptable: float = 0.035,
    limit: float = 0.15,
    increment: float = 0.02,
    patience: int = 60,
    anneal_steps: int = 1000,
    agitation: float = 0.5,
    gap: float = 0.2,
    max_steps: int = 25_000,
    block: int = 20,
    stiffness: float = 1e5,
    timestep: float = 0.15,
    platform: str | None = None,
    threads: int | None = None,
    seed: int | np.random.SeedSequence,
    reporters: Sequence[Any] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> PackedScene:
    """Shrink a scene's box around its centre to a volume fraction, while all in it gives way.

    Balls of different bodies repel softly, so that no step is too long for them. Whenever the
    overlaps left are small, the box shrinks by a little and takes the bodies' centres along;
    measured overlaps drive the schedule, no number of steps does. Where the cold scene jams, it is
    heated until bodies can pass each other, and annealed. Molecules keep their shapes, filaments
    and membranes bend. Edges keep their ratios, but along an axis that a body spans the box stays
    as long as that body. Fixed instances and the obstacle stay as they are.

    Parameters
    ----------
    scene : Scene or PackedScene
        In a Periodic or Slab boundary.
    fraction : float
        Envelope volume fraction to reach, of the box less the obstacle.
    tolerance : float, optional
        Root mean square overlap of all balls that is aimed at, nm.
    acceptable : float, optional
        The same, that is good enough after annealing, nm: it leaves `remove_clashes` little to do.
    limit : float, optional
        The same, beyond which the fraction is not reached, nm.
    increment : float, optional
        By how much the fraction rises at once.
    patience : int, optional
        Steps at one size of the box after which a cold scene counts as jammed.
    anneal_steps : int, optional
        Steps of an annealing; one that does not suffice is followed by one four times as long,
        while there are steps left. The slower it cools, the less is left: ten times the steps
        halve it.
    agitation : float, optional
        Heat at the start of an annealing, as the root mean square depth d of a contact that it
        makes, in mean radii of a ball: ``kT = stiffness d^2``.
    gap : float, optional
        Distance that balls keep where they can, nm: a molecule's atoms stand out of its balls
        by a few tenths of a nanometre, and `remove_clashes` has the less to do.
    max_steps : int, optional
        Most steps in all.
    block : int, optional
        Steps between measurements; up to five times as many while an annealing cools.
    stiffness : float, optional
        Of a contact, kJ/mol/nm^2.
    timestep : float or openmm.unit.Quantity, optional
        Of the Langevin dynamics, ps.
    platform, threads
        See `choose_platform`.
    seed : int or numpy.random.SeedSequence
        Seed of the Langevin dynamics.
    reporters : sequence of OpenMM reporters, optional
        Added to the Simulation.
    checkpoint : path-like, optional
        File for a checkpoint every 500 steps, replaced whole each time. Where it exists, the run
        goes on from it; on Reference, and on the CPU platform with one thread, it ends as one
        that was not cut off, bit for bit.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    PackedScene
        Its boundary is the shrunken box; bodies are whole, with their means in it. Its provenance
        says under ``"compress"`` the steps, the overlap left, and what it ran on.

    Raises
    ------
    ValueError
        The boundary is open, the scene is denser than `fraction` already, an argument is out of
        its range, or the checkpoint is of another run.
    PackingError
        The fraction could not be reached; the message says how far it went, and the error's
        `best` is the last state whose overlaps were within the limit.

    Examples
    --------
    >>> from openmm_cgpack import coarse_grain, insert, library
    >>> model = coarse_grain(library.load("3hhb"), atoms_per_ball=300, radius="volume", seed=1)
    >>> start = insert([(model, 20)], fraction=0.2, seed=1)
    >>> packed = compress(start, fraction=0.3, seed=1)
    >>> round(start.volume / packed.boundary.volume, 3)
    0.3
    """
    packed = as_packed(scene)
    fraction = checked_fraction(fraction)
    settings: dict[str, float] = {"fraction": fraction}
    for name, value in (
        ("tolerance", tolerance),
        ("acceptable", acceptable),
        ("limit", limit),
        ("increment", increment),
        ("agitation", agitation),
    ):
        settings[name] = positive(value, name)
    for name, count in (
        ("patience", patience),
        ("anneal_steps", anneal_steps),
        ("max_steps", max_steps),
        ("block", block),
    ):
        if int(count) != count or count < 1:
            raise ValueError(f"{name}: wanted a whole number >= 1, got {count}")
        settings[name] = int(count)
    if isinstance(packed.boundary, Open):
        raise ValueError("compress: wanted a Periodic or Slab boundary, got Open")
    now = box_fraction(packed.scene, packed.boundary)
    if now > fraction * (1 + 1e-9):
        raise ValueError(
            f"fraction: wanted at least the scene's own, {now:.4g}, got {fraction:g}; "
            "compress only shrinks boxes"
        )
    press = Press(
        packed,
        stiffness=stiffness,
        gap=gap,
        timestep=positive(timestep, "timestep"),
        platform=choose_platform(platform, threads=threads),
        seed=seed,
        reporters=reporters,
        settings=settings,
        checkpoint=checkpoint,
    )
    run = _Run(press, fraction, tolerance, acceptable, limit, increment, patience, block)
    try:
        with _bar(progress) as run.show:
            run.cold()
            run.annealed(anneal_steps, agitation * float(packed.scene.radii.mean()), max_steps)
    except PackingError as error:
        balls = 4 / 3 * np.pi * float((packed.scene.radii**3).sum()) / packed.scene.volume
        hint = "" if balls < _BULKY else _HINT.format(balls)
        raise PackingError(
            f"a fraction of {fraction:g} was not reached: {error}; the error's best is at "
            f"{run.reached:.3f}{hint}",
            best=run.best,
        ) from None
    return run.best


class _Run:
    """One compression on its way."""

    def __init__(
        self,
        press: Press,
        fraction: float,
        tolerance: float,
        acceptable: float,
        limit: float,
        increment: float,
        patience: int,
        block: int,
    ) -> None:
        self.press = press
        self.fraction = fraction
        self.tolerance = tolerance
        self.acceptable = acceptable
        self.limit = limit
        self.increment = increment
        self.patience = patience
        self.block = block
        self.best, self.reached = press.start, press.fraction
        self.show: Callable[[float, float], None] = lambda fraction, depth: None

    @property
    def done(self) -> bool:
        """Whether the box is as small as it shall be."""
        return self.press.fraction > self.fraction * (1 - 1e-9)

    def cold(self) -> None:
        """Shrink the cold scene for as long as it gives way."""
        press = self.press
        self.depth = self.settled(self.patience)
        while self.depth < self.tolerance:
            self.best, self.reached = press.packed(), press.fraction
            if self.done:
                return
            press.shrink(min(press.fraction + self.increment, self.fraction))
            self.depth = self.settled(self.patience)

    def annealed(self, steps: int, agitation: float, max_steps: int) -> None:
        """Shrink it on by annealing, in strides; raise where that does not help."""
        press = self.press
        while not self.done or self.depth >= self.tolerance:
            goal = min(max(press.fraction, self.reached + _STRIDE), self.fraction)
            self.anneal(goal, steps, agitation)
            self.depth = self.settled(5 * self.patience)
            if self.depth < self.limit:
                self.best, self.reached = press.packed(), press.fraction
                if not self.done:
                    continue
                if self.depth < self.acceptable:
                    return
            longer = press.steps + _LONGER * steps <= max_steps
            if self.depth < self.limit and not longer:
                return
            if self.depth > _HOPELESS * self.limit or not longer:
                raise PackingError(
                    f"at {press.fraction:.3f} balls stand {self.depth:.2f} nm in each other after "
                    f"{press.steps} steps, wanted {self.limit:g}"
                )
            steps *= _LONGER

    def relax(self, steps: int | None = None) -> float:
        """Step one block, or so many steps; return the depth left."""
        depth = self.press.relax(steps or self.block)
        self.show(self.press.fraction, depth)
        return depth

    def settled(self, patience: int) -> float:
        """Relax the cold scene for as long as that helps; return the depth left."""
        self.press.heat(0.0, friction=1.0)
        depth = self.relax()
        for _ in range(patience // self.block - 1):
            before = depth
            if depth < self.tolerance:
                break
            depth = self.relax()
            if 0.99 * before < depth <= before:
                break
        return depth

    def anneal(self, goal: float, steps: int, agitation: float) -> None:
        """Heat the scene, shrink it to a goal, and cool it."""
        press = self.press
        press.heat(agitation, friction=_FRICTION)
        while press.fraction < goal * (1 - 1e-9):
            press.shrink(min(press.fraction + self.increment, goal))
            self.relax()
        block = max(self.block, min(steps // _LEVELS, 5 * self.block))
        blocks = max(1, steps // block)
        for i in range(1, blocks + 1):
            press.heat(agitation * _COLDEST ** (i / blocks), friction=_FRICTION)
            self.relax(block)


@contextmanager
def _bar(show: bool) -> Iterator[Callable[[float, float], None]]:
    """Yield a function that shows how far a compression is, or does nothing."""
    if not show:
        yield lambda fraction, depth: None
        return
    from tqdm.auto import tqdm

    with tqdm(desc="compressing", unit="block", leave=False) as bar:

        def advance(fraction: float, depth: float) -> None:
            bar.set_postfix_str(f"fraction {fraction:.3f}, overlap {depth:.3f} nm")
            bar.update()

        yield advance
