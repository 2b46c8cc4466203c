"""Squeezing: a box shrinks while rigid bodies give way by their atoms, and stay clear all the way.

**The problem.** A compression by balls of 300 atoms leaves atoms of neighbours in each other, and
some of them hooked, so that no small motion frees them. What has never been in each other cannot
be hooked.

**The idea.** From a scene whose atoms keep apart, as insertion leaves it, the box shrinks by a
little, and bodies go down the gradient of their overlaps (see `rigid_descent`) until they keep
apart again. Atoms begin to push each other a good margin before they are too close: hard shells
as rough as molecules would lock like gears, soft ones move aside. Where that does not suffice, the
bodies around those that are too close are shaken, for longer and farther around each time.

**The step.** The box shrinks by more after steps that were easy and by less after those that were
not. It ends at the fraction, or where it is jammed: several of the smallest steps have failed. What
is returned then is the last state that was clear.

**Cost and limits.** Each step looks at the points in contact, some hundred times a fraction of 0.01
where it is crowded. For rigid bodies only, and it leaves them as random as they were: nothing moves
farther than it must.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ..core import PackedScene
from ..core.boundary import Boundary
from ..core.settings import Settings, setting
from ..core.tables import to_table
from .counts import fit_box
from .protocols import Block, Steps, Stop
from .rigid_descent import RigidDescent
from .scenes import box_fraction, joined, measured, wrapped
from .shrinking_box import spans

_TURN = 40
"""Steps of a descent."""
_SHAKINGS, _HOT, _HOTTEST, _RINGS = 8, 20, 160, 4
"""How often bodies are shaken before a step has failed, for how many steps, how far around."""
_EASIER, _HARDER = 1.2, 0.8
_FAILURES = 4
"""So many failed steps in a row are a jam."""


class Squeeze(Settings):
    """Shrinking a box while rigid bodies give way by their atoms."""

    margin: float = setting(
        "by how much farther apart than they must be atoms of different molecules begin to push "
        "each other",
        unit="nm",
        default=0.15,
        above=0,
    )
    strain: float = setting(
        "by what part the box's edges shrink at once, at first", default=0.004, above=0, maximum=0.1
    )
    least_strain: float = setting("the same, at least", default=0.0005, above=0, maximum=0.1)
    heat: float = setting(
        "by how much bodies that are in each other's way are shaken in a step",
        unit="nm",
        default=0.02,
        minimum=0,
    )
    max_steps: int = setting("most steps in all", default=20_000, minimum=0)
    up_to: float = setting(
        "fraction up to which rigid molecules are squeezed by their atoms; to a higher one all is "
        "compressed by dynamics from the start",
        default=0.3,
        minimum=0,
        below=1,
    )


def squeeze_steps(
    packed: PackedScene,
    squeeze: Squeeze,
    *,
    fraction: float,
    closest: float,
    seed: np.random.SeedSequence,
    stage: str = "squeeze",
) -> Steps[PackedScene]:
    """Squeeze a scene of rigid bodies that keep apart, as a generator.

    Parameters
    ----------
    packed : PackedScene
        In a Periodic or Slab boundary.
    squeeze : Squeeze
        How.
    fraction : float
        Envelope volume fraction to reach.
    closest : float
        Distance that atoms keep, nm.
    seed : numpy.random.SeedSequence
        Of the shaking.
    stage : str, optional
        Name of the stage.

    Yields
    ------
    Block
        What it has measured is the fraction.

    Returns
    -------
    PackedScene
        At the fraction, or the densest state that was clear.
    """
    squeezing = _Squeezing(packed, squeeze, closest, np.random.default_rng(seed))
    try:
        for reached in squeezing.shrink(fraction):
            yield Block(
                stage=stage,
                step=squeezing.descent.steps,
                steps=0,
                finished=False,
                measured={"fraction": reached},
                read_positions=squeezing.descent.positions,
            )
    except Stop:
        return squeezing.packed(stopped=stage)
    return squeezing.packed()


class _Squeezing:
    """A scene on its way into a smaller box."""

    def __init__(
        self, packed: PackedScene, squeeze: Squeeze, closest: float, rng: np.random.Generator
    ) -> None:
        self.start, self.squeeze = packed, squeeze
        self.descent = RigidDescent(packed, closest + squeeze.margin, rng)
        self.allowed = squeeze.margin
        self.best = packed.boundary, self.descent.poses
        self.least = np.minimum(spans(packed.scene, packed.positions), packed.boundary.box)

    def shrink(self, fraction: float) -> Iterator[float]:
        """Shrink the box as far as a fraction; yield what has been reached."""
        descent, squeeze = self.descent, self.squeeze
        strain, failures = squeeze.strain, 0
        boundary = self.start.boundary
        while failures < _FAILURES and descent.steps < squeeze.max_steps:
            now = box_fraction(self.start.scene, boundary)
            if now > fraction * (1 - 1e-9):
                return
            boundary = self._box(min(now / (1 - strain) ** 3, fraction))
            descent.resize(boundary)
            shakings = self._clear()
            if shakings is None:
                failures += 1
                strain = max(strain * _HARDER, squeeze.least_strain)
                continue
            failures = 0
            self.best = boundary, descent.poses
            harder = max(strain * _HARDER, squeeze.least_strain)
            strain = harder if shakings else min(strain * _EASIER, 2 * squeeze.strain)
            yield box_fraction(self.start.scene, boundary)

    def _box(self, fraction: float) -> Boundary:
        scene = self.start.scene
        return fit_box(
            scene.volume,
            fraction=fraction,
            shape=self.start.boundary,
            obstacle=scene.obstacle,
            least=self.least,
        )

    def _clear(self) -> int | None:
        """Let bodies give way; return how often they were shaken, or None where it was in vain."""
        descent, allowed, heat = self.descent, self.allowed, self.squeeze.heat
        left = descent.left(allowed)
        hot = _HOT
        for shakings in range(_SHAKINGS + 1):
            clashing = left.deepest > allowed
            if not clashing.any():
                return max(shakings - 1, 0)
            # Only pairs of those that move can change: no others are looked at again.
            among = descent.moving & left.around(clashing, min(1 + shakings, _RINGS))
            if shakings:
                descent.descend(descent.atoms, hot, 0.0, among, heat=heat)
                hot = min(2 * hot, _HOTTEST)
            descent.descend(descent.atoms, _TURN, allowed, among)
            left = descent.left(allowed, among)
        return None if (left.deepest > allowed).any() else _SHAKINGS

    def packed(self, **provenance: str) -> PackedScene:
        """Return the densest state that was clear."""
        start, descent = self.start, self.descent
        boundary, descent.poses = self.best
        positions = wrapped(start.scene, descent.positions(), boundary)
        row = measured(start.scene, positions, boundary, step=descent.steps, energy=0.0)
        record = {
            "settings": to_table(self.squeeze),
            "fraction": round(box_fraction(start.scene, boundary), 6),
            "steps": descent.steps,
        }
        return dataclasses.replace(
            start,
            positions=positions,
            boundary=boundary,
            history=joined(start.history, row),
            provenance=start.provenance | {"squeeze": record} | provenance,
        )
