"""Clash removal: moving molecules by tenths of a nanometre until none has an atom in another.

**The problem.** After compression the *balls* of a packed scene overlap by a few hundredths of a
nanometre. But balls only stand for a molecule's shape, so some *atoms* of two molecules are too
close all the same. They must be moved apart, and the packing must stay as dense and as random as it
is.

**The idea.** Rigid bodies go down the gradient of ``sum max(0, distance - r)^2 / 2`` over the pairs
of atoms of different bodies (see `rigid_descent`). Only bodies that clash and those that touch them
move, so that what is good stays as it is.

**Two turns.** An atom deep inside another molecule has atoms on all sides that push it nowhere. So
the bodies first repel each other as balls of about forty atoms each, which lead out of each other,
and then by their atoms, which end it. The two take turns. After a turn that did not help, bodies
farther around the clashing ones may move too and make room.

**Annealing.** What two turns do not free is shaken: bodies around those that clash are pushed at
random, by less and less, while their balls repel each other, and are cleared anew. Each time that
does not help it takes twice as long and goes farther around. The best state is kept.

**The data.** The points of each species, by atoms and by balls (`surfaces`), and lists of those
that touch, kept up while bodies move (`contacts`). Species of the library have points that
stand for several atoms; they keep the distance at which the envelopes around them overlap as those
of touching atoms do.

**Cost and limits.** A step costs as much as there are points in contact. The overlaps must be a few
tenths of a nanometre at most. It ends when no atoms are too close, after `max_steps`, or when half
of all bodies still clash after a shaking that did not help: such a scene is jammed. Filaments,
membranes and fixed instances do not move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import PackedScene, PackingError
from ..core.progress import progress_bar
from ..core.settings import Settings, setting
from ..core.tables import to_table
from .rigid_descent import RigidDescent
from .scenes import Packable, as_packed, joined, measured, wrapped
from .surfaces import CLOSEST

if TYPE_CHECKING:
    from .repulsion import Pushes, Repulsion

_FINE_TURN, _TURN = 20, 50
"""Steps with balls of forty atoms before the atoms have their turn, and theirs."""
_GAIN = 0.9
"""A turn has not helped when it takes less than a tenth off what is too deep."""
_STRICT, _SPARED, _CLOSE = 0.33, 1e-4, 0.15
"""Up to this fraction no atoms may stay too close; beyond it this share, none within so many nm."""
_FEW = 20
"""Where so many bodies, and half of all, still clash after a shaking, the scene is jammed."""
_HEAT = 0.05
"""By how much bodies are shaken in a step at first, nm."""
_HOT, _HOTTEST, _RINGS = 100, 800, 3
"""Steps of the first shaking and of the longest, and how far around clashing bodies it goes."""
_DEEP = 0.1
"""Overlap of balls of forty atoms up to which their atoms find the way by themselves, nm."""


class ClashRemoval(Settings):
    """Moving molecules apart until no two of their atoms are too close."""

    distance: float = setting(
        "distance to which atoms of different molecules are pushed apart",
        unit="nm",
        default=0.28,
        above=0,
        usual=(0.1, 1),
    )
    closest: float = setting(
        "distance at which two atoms are far enough apart; the removal ends when all are",
        unit="nm",
        default=CLOSEST,
        above=0,
        usual=(0.1, 1),
    )
    max_steps: int = setting("most steps", default=4000, minimum=0)
    tolerated: float | None = setting(
        "share of all atoms (or points) that may be left too close to another molecule's before "
        "the packing has failed; left out, none up to a fraction of 0.33 and beyond it 0.0001, "
        "none of them within 0.15 nm",
        default=None,
        minimum=0,
        maximum=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.closest > self.distance:
            raise ValueError(
                f"closest: wanted at most the distance {self.distance:g}, got {self.closest:g}"
            )


def remove_clashes(
    scene: Packable, removal: ClashRemoval = ClashRemoval(), *, progress: bool = True
) -> PackedScene:
    """Move rigid bodies apart by their atoms, until no two atoms are closer than wanted.

    Parameters
    ----------
    scene : Scene or PackedScene
        The scene, its overlaps a few tenths of a nanometre at most.
    removal : ClashRemoval, optional
        How far apart, and how many steps at most.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    PackedScene
        Its provenance has under ``"clash_removal"`` the settings, how many atoms (or points) are
        closer than wanted to another body's at the end, how many bodies have one, the distance of
        the closest two in nm (`distance` where none are closer), and the number of steps.

    Examples
    --------
    >>> from openmm_cgpack import SHAPE_COVER, coarse_grain, insert, library
    >>> model = coarse_grain(library.load("3hhb"), SHAPE_COVER, seed=1)
    >>> cleared = remove_clashes(insert([(model, 20)], fraction=0.25, seed=1))
    >>> cleared.provenance["clash_removal"]["points_too_close"]
    0
    """
    packed = as_packed(scene)
    # The same shaking in every scene: what is asked for is a place, not a draw.
    descent = RigidDescent(packed, removal.distance, np.random.default_rng(0))
    allowed = removal.distance - removal.closest
    with progress_bar("clash removal", show=progress):
        left = _cleared(descent, removal.max_steps, allowed)
    start, boundary = packed.scene, packed.boundary
    positions = wrapped(start, descent.positions(), boundary)
    row = measured(start, positions, boundary, step=descent.steps, energy=left.energy)
    clashing = left.deepest > allowed
    record = {
        "settings": to_table(removal),
        "closest": round(removal.distance - float(left.deepest.max(initial=0.0)), 6),
        "points": descent.bodies.atoms.n_points,
        "points_too_close": (
            descent.atoms.too_close(descent.poses, allowed) if clashing.any() else 0
        ),
        "bodies_too_close": len(np.unique(descent.bodies.owner[clashing])),
        "steps": descent.steps,
    }
    return PackedScene(
        scene=start,
        positions=positions,
        boundary=boundary,
        history=joined(packed.history, row),
        provenance=packed.provenance | {"clash_removal": record},
    )


def check_clear(packed: PackedScene, removal: ClashRemoval) -> None:
    """Raise PackingError, with the scene as its best, unless its atoms are clear of each other.

    Parameters
    ----------
    packed : PackedScene
        As `remove_clashes` left it.
    removal : ClashRemoval
        What it was told, and how many atoms it may leave too close.
    """
    record = packed.provenance["clash_removal"]
    left, points, closest = (record[key] for key in ("points_too_close", "points", "closest"))
    fraction = float(packed.history.fraction[-1])
    crowded = fraction > _STRICT * (1 + 1e-9)
    share, least = removal.tolerated, 0.0
    if share is None:
        share, least = (_SPARED, _CLOSE) if crowded else (0.0, removal.closest)
    if left > share * points or (left and closest < least):
        raise PackingError(
            f"{left} of {points} atoms of {record['bodies_too_close']} instances are within "
            f"{removal.closest:g} nm of another's after {record['steps']} steps of clash removal, "
            f"the closest {closest:.3f} nm, at a fraction of {fraction:.3f}",
            best=packed,
        )


def _cleared(descent: RigidDescent, max_steps: int, allowed: float) -> Pushes:
    """Step until no overlap is deeper than allowed; return what is left."""
    among, rings, hot = descent.moving, 1, 0
    best, kept = None, descent.poses

    def turn(repulsion: Repulsion, steps: int, enough: float, heat: float = 0.0) -> None:
        steps = min(steps, max_steps - descent.steps)
        descent.descend(repulsion, steps, enough, among, heat=heat)

    while True:
        if hot:
            turn(descent.balls, hot, 0.0, _HEAT)
        turn(descent.balls, _FINE_TURN, _DEEP)
        turn(descent.atoms, _TURN, allowed)
        left = descent.left(allowed)
        gains = best is None or left.beyond <= _GAIN * best.beyond
        if best is None or left.beyond < best.beyond:
            best, kept = left, descent.poses
        clashing = left.deepest > allowed
        jammed = not gains and hot > 0 and clashing.sum() > max(_FEW, descent.moving.sum() // 2)
        if not clashing.any() or descent.steps >= max_steps or jammed:
            descent.poses = kept
            return best
        if not gains:
            # Those that a turn did not help need more room around them, and more heat.
            rings, hot = min(rings + 1, _RINGS), min(max(2 * hot, _HOT), _HOTTEST)
        among = descent.moving & left.around(clashing, rings)
