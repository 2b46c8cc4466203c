"""The protocol for cells: everything moves in a box that keeps its size, and nothing passes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..core import BallModel, PackedScene, PackingError, Scene
from ..core.boundary import Boundary
from ..core.runtime import seed_sequence
from ..core.settings import kind, setting
from ..core.tables import to_table
from ..models import SHAPE_COVER, Cover
from ..poses import crossings
from .checkpoint import Checkpoint
from .clashes import ClashRemoval, check_clear, remove_clashes
from .compression import check_bounded
from .protocols import OF_A_STEP, Protocol, Steps, Stop
from .scenes import as_packed
from .settling import Settling, settling_steps
from .simulations import Run
from .stages import Stages


@kind("cell")
class Cell(Protocol):
    """A populated box in which everything moves with the heat, settles, and loses its clashes.

    Membranes, their proteins, filaments and molecules stand where they belong from the start. They
    move by Langevin dynamics, in which your own force terms act too, and settle cold; clashes of
    atoms are removed. At the end nothing has passed through a membrane, or the packing has failed.

    Examples
    --------
    >>> Cell(settling=Settling(steps=1000)).settling.temperature
    300.0
    """

    cover: ClassVar[Cover] = SHAPE_COVER
    populates: ClassVar[bool] = True
    in_box: ClassVar[bool | None] = True

    settling: Settling = setting("how everything moves and settles", default=Settling())
    clash_removal: ClashRemoval = setting(
        "how atoms are moved apart at the end", default=ClashRemoval()
    )

    def most_steps(self, species: Sequence[BallModel]) -> int:
        """Return those of the dynamics; those of the clash removal are a few beside them."""
        return self.settling.steps + 2 * self.settling.patience

    def seconds(self, models: Sequence[tuple[BallModel, float]], fraction: float) -> float:
        """Return that of the dynamics, which settle in a part of their patience, and of the start.

        The start and the clash removal took 0.2 ms a ball.
        """
        steps = self.settling.steps + self.settling.patience / 15
        balls = sum(model.n_balls * count for model, count in models)
        return balls * (OF_A_STEP * steps + 2e-4)

    def check(self, boundary: Boundary) -> None:
        """Raise ValueError where the boundary is open."""
        check_bounded(boundary, "protocol: Cell")

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
        (dynamics,) = seed_sequence(seed).spawn(1)
        settings = {"protocol": to_table(self), "seed": dynamics.generate_state(4).tolist()}
        file = Checkpoint(checkpoint, scene, settings=settings, reporters=reporters)
        stages = Stages(file, as_packed(scene))
        try:
            yield from stages.step(
                "settling",
                settling_steps(
                    stages.packed,
                    self.settling,
                    forces=self.forces,
                    run=run,
                    seed=dynamics,
                    reporters=reporters,
                    checkpoint=file,
                ),
            )
            yield from stages.do(
                "clash removal", lambda: remove_clashes(stages.packed, self.clash_removal)
            )
        except Stop:
            provenance = {**stages.packed.provenance, "stopped": stages.at}
            return dataclasses.replace(stages.packed, provenance=provenance)
        packed = stages.packed
        check_clear(packed, self.clash_removal)
        found = crossings(packed)
        if found is not None and found.total:
            raise PackingError(
                f"{found.total} passed through a membrane: {found.where}", best=packed
            )
        return packed
