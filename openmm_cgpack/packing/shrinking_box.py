"""Soft dynamics in a box that shrinks, and how far it may shrink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..core import PackedScene, PackingError, Scene
from ..forces import BOX_EDGES, SLAB_HEIGHT, ForceTerm
from .checkpoint import Checkpoint
from .counts import fit_box
from .scenes import means
from .simulations import Run
from .soft_dynamics import SoftDynamics
from .system import periodic_vectors

if TYPE_CHECKING:
    from .compression import Compression

_SOFT_BOND_K = 4e5


class ShrinkingBox(SoftDynamics):
    """Soft dynamics of a scene in a box that shrinks.

    Parameters
    ----------
    packed : PackedScene
        The start.
    compression : Compression
        How stiff and how far apart balls are, and the time step.
    forces, run, seed, reporters, checkpoint, stage
        See `SoftDynamics`.
    """

    what: ClassVar[str] = "compression"

    def __init__(
        self,
        packed: PackedScene,
        compression: Compression,
        *,
        forces: Sequence[ForceTerm],
        run: Run,
        seed: int | np.random.SeedSequence,
        reporters: Sequence[Any],
        checkpoint: Checkpoint,
        stage: str,
    ) -> None:
        super().__init__(
            packed,
            stiffness=compression.stiffness,
            gap=compression.gap,
            bond_k=_SOFT_BOND_K,
            timestep=compression.timestep,
            forces=forces,
            run=run,
            seed=seed,
            reporters=reporters,
            checkpoint=checkpoint,
            stage=stage,
            checkpoint_every=compression.checkpoint_every,
        )
        self.thickness = float(spans(self.scene, packed.positions)[2])

    def shrink(self, fraction: float) -> None:
        """Shrink the box to a fraction; bodies keep their shapes and come along by their means."""
        if self._replayed(0):
            return
        positions = self.positions()
        least = spans(self.scene, positions) + self.gap
        if self.boundary.walls[2]:
            # Heat drives bodies into the walls, from which they keep no gap.
            least[2] = min(least[2] - self.gap, self.thickness)
        box = fit_box(
            self.scene.volume,
            fraction=fraction,
            shape=self.boundary,
            obstacle=self.scene.obstacle,
            least=np.minimum(least, self.boundary.box),
        )
        factors = np.minimum(np.array(box.box) / self.boundary.box, 1.0)
        centres = means(self.scene, positions)
        shift = np.where(self.scene.fixed[:, None], 0.0, (factors - 1) * centres)
        try:
            vectors = periodic_vectors(box, self.reach)
        except ValueError as error:
            raise PackingError(f"{error}: too few molecules for the size of their balls") from None
        self.boundary = box
        self.context.setPeriodicBoxVectors(*vectors)
        known = self.context.getParameters()
        for name, edge in zip(BOX_EDGES, np.diag(vectors).tolist(), strict=True):
            if name in known:
                self.context.setParameter(name, edge)
        if SLAB_HEIGHT in known:
            self.context.setParameter(SLAB_HEIGHT, box.box[2])
        self.context.setPositions(positions + shift[self.scene.instance_of_ball])
        self.last_depth = self.depth()
        self._note(0)


def spans(scene: Scene, positions: np.ndarray) -> np.ndarray:
    """Return the shortest edges, (3,) nm, of a box that no body in it meets itself across.

    They are the longest extent of any instance along each axis, whose balls, (b, 3) nm, are all in
    one piece; fixed ones and the obstacle, which keep their places, must be in a box around 0.
    """
    starts = scene.offsets[:-1]
    radii = scene.radii[:, None]
    high = np.maximum.reduceat(positions + radii, starts, axis=0)
    low = np.minimum.reduceat(positions - radii, starts, axis=0)
    outermost = 2 * np.maximum(np.abs(high), np.abs(low))
    longest = np.where(scene.fixed[:, None], outermost, high - low).max(axis=0)
    obstacle = scene.obstacle
    if obstacle is not None and not obstacle.beyond:
        longest = np.maximum(longest, 2 * obstacle.outermost())
    return longest
