"""What a protocol is, and the driver that steps a packing, lets it be watched, and stops it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from ..core import BallModel, PackedScene, PackingError, Scene
from ..core.boundary import Boundary
from ..core.display import described
from ..core.progress import progress_bar, progress_shown
from ..core.settings import Settings, setting
from ..forces import ForceTerm
from ..models import PAPER_COVER, Cover
from .divergence import Diverged, Guard, bound_of, lost_ball
from .simulations import Run

if TYPE_CHECKING:
    import openmm.app

Result = TypeVar("Result")


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """What a packing has just done: a block of steps, or all of a stage.

    Parameters
    ----------
    stage : str
        What it was at.
    step : int
        Step of the dynamics, counted from the beginning of the stage's Simulation.
    steps : int
        Steps that were taken.
    total : int or None
        Most steps that the stage takes, where that is known.
    measured : mapping of floats
        What the protocol measures after every block, by name.
    finished : bool
        Whether the stage is over; then it is in the checkpoint, too.
    simulation : openmm.app.Simulation or None
        The Simulation, where there is one.
    read_positions : callable
        Returns the ball centres at its end; see `positions`.
    """

    stage: str
    step: int
    steps: int
    total: int | None = None
    measured: Mapping[str, float]
    finished: bool = False
    simulation: openmm.app.Simulation | None = field(default=None, repr=False)
    read_positions: Callable[[], np.ndarray] = field(repr=False)

    @property
    def positions(self) -> np.ndarray:
        """Ball centres at its end, (b, 3) nm; a protocol may read them only when asked for."""
        return self.read_positions()


Watch = Callable[[Block], Any]
"""What is called after every block; the packing stops there where it returns something true."""

Steps = Generator[Block, None, Result]
"""A packing as a generator: it yields after every block, and returns what came of it."""


class Stop(Exception):
    """Thrown into a packing at a block to end it there, in good order, with what it has."""


OF_A_STEP = 2.5e-6
"""Processor time of a ball and step of dynamics, s: 1.8 to 4 µs, of cells and droplets."""


class Protocol(Settings, family=True):
    """A way to pack a scene, as settings. A protocol of your own is a subclass with a name.

    Examples
    --------
    One that leaves everything where it was placed:

    >>> from openmm_cgpack import Filament, as_packed, pack_scene, place
    >>> from openmm_cgpack.core.settings import kind
    >>> @kind("nothing")
    ... class Nothing(Protocol):
    ...     "Nothing is moved."
    ...
    ...     def steps(self, scene, *, run, seed, reporters=(), checkpoint=None):
    ...         yield from ()
    ...         return as_packed(scene)
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> pack_scene(scene, Nothing(), seed=1).positions.shape
    (15, 3)
    >>> del Protocol.kinds["nothing"]
    """

    cover: ClassVar[Cover] = PAPER_COVER
    """How molecules that say nothing of their balls are covered under this protocol."""

    shrinks: ClassVar[bool] = False
    """Whether it shrinks a scene's box to a volume fraction."""

    populates: ClassVar[bool] = False
    """Whether its scenes are cells, whose box keeps its size: see `populate`."""

    in_box: ClassVar[bool | None] = None
    """Whether it is for scenes in a box, or for open ones; None where for both."""

    forces: tuple[ForceTerm, ...] = setting(
        "force terms of your own, which act in the dynamics beside the protocol's", default=()
    )

    @property
    def goal(self) -> float | None:
        """Envelope volume fraction that it packs to; None where it aims at none."""
        return None

    def most_steps(self, species: Sequence[BallModel]) -> int:
        """Return after how many steps it ends at the latest; 0 where it takes none, or unknown."""
        return 0

    def seconds(self, models: Sequence[tuple[BallModel, float]], fraction: float) -> float:
        """Return about how long start and packing take on one core of a CPU, s.

        Parameters
        ----------
        models : sequence of (BallModel, float)
            The models, and how many instances of each.
        fraction : float
            The volume fraction that the scene comes to.
        """
        steps = self.most_steps([model for model, _ in models]) / 2
        return OF_A_STEP * steps * sum(model.n_balls * count for model, count in models)

    def with_goal(self, fraction: float | None) -> Self:
        """Return the protocol with another fraction to pack to; the same where it aims at none."""
        return self

    def check(self, boundary: Boundary) -> None:
        """Raise ValueError where the protocol is not for scenes in a boundary."""

    def steps(
        self,
        scene: Scene,
        *,
        run: Run,
        seed: int | np.random.SeedSequence,
        reporters: Sequence[Any] = (),
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Steps[PackedScene]:
        """Pack a scene as a generator: yield a `Block` after every block and stage.

        It catches `Stop` at its yields, and returns what it has then. What `checkpoint` holds is
        not done again, and not yielded.

        Parameters
        ----------
        scene, run, seed, reporters, checkpoint
            See `pack_scene`.

        Yields
        ------
        Block

        Returns
        -------
        PackedScene
        """
        raise NotImplementedError(f"{type(self).__name__}.steps")


@described
class Packing(Generic[Result]):
    """A packing under way: step it, look into it, stop it or let it end.

    Parameters
    ----------
    steps : generator
        What `Protocol.steps` returns.
    scene : Scene, optional
        Whose balls are looked for after every block; where one is lost, the packing has failed.

    Attributes
    ----------
    block : Block or None
        The last one.
    result : PackedScene or None
        What came of it, from the end on.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Pull, Run, place
    >>> scene = place([(Filament(n_balls=5).build(), 4)], seed=1)
    >>> packing = Packing(Pull(block=100).steps(scene, run=Run(platform="CPU"), seed=1))
    >>> for block in packing:
    ...     if block.measured["radius_of_gyration"] < 30:
    ...         break
    >>> packed = packing.stop()
    >>> packed.provenance["stopped"]
    'pulling'
    """

    def __init__(self, steps: Steps[Result], *, scene: Scene | None = None) -> None:
        self.scene = scene
        self.block: Block | None = None
        self.result: Result | None = None
        self._steps = steps
        self._bound = np.inf if scene is None else bound_of(scene)

    def summary(self) -> str:
        """Return what the repr says."""
        return (
            "done"
            if self.result is not None
            else "not begun"
            if self.block is None
            else (f"{self.block.stage}, step {self.block.step}")
        )

    def __iter__(self) -> Packing[Result]:
        return self

    def __next__(self) -> Block:
        if self.result is not None:
            raise StopIteration
        try:
            with self._honest():
                block = next(self._steps)
                lost = None if self.scene is None else lost_ball(block.positions, self._bound)
                if lost is not None:
                    raise Diverged("a ball left the scene", lost)
                if self.scene is not None and block.simulation is not None:
                    # A protocol that adds no reporters it is given has stepped unseen so far.
                    Guard(self._bound).watch(block.simulation)
        except StopIteration as end:
            self.result = end.value
            raise
        self.block = block
        return block

    @contextmanager
    def _honest(self) -> Iterator[None]:
        """Let a protocol of any kind fail by an error of the package's, not by one of OpenMM's."""
        import openmm

        try:
            yield
        except Diverged as error:
            where = f"({error})" if self.scene is None else error.words(self.scene)
            raise PackingError(f"the packing diverged {where}") from None
        except openmm.OpenMMException as error:
            words = " ".join(str(error).split())
            if self.block is None and "NaN" not in words:
                raise ValueError(f"forces: OpenMM refuses them: {words}") from None
            raise PackingError(f"the packing diverged ({words})") from None

    def stop(self) -> Result:
        """End it after the block that it has just done; return what it has.

        Its checkpoint stays as it was, so that a later run may go on from there.
        """
        if self.block is None:
            next(self, None)
        if self.result is None:
            try:
                self._steps.throw(Stop())
            except StopIteration as end:
                self.result = end.value
            else:
                raise RuntimeError("the protocol went on when it was to stop")
        assert self.result is not None
        return self.result

    def finish(self, *, watch: Watch | None = None, progress: bool = True) -> Result:
        """Step it to its end, or to where `watch` stops it; see `pack_scene`."""
        with progress_shown(progress):
            with progress_bar("packing"):
                first = next(self, None)
            blocks_left = self if first is None else chain([first], self)
            for stage, blocks in groupby(blocks_left, key=lambda block: block.stage):
                total = self.block.total if self.block else None
                with progress_bar(stage, total=total, unit="step") as advance:
                    for block in blocks:
                        advance(block.steps, note=_words(block.measured))
                        if watch is not None and watch(block):
                            return self.stop()
        assert self.result is not None
        return self.result


def _words(measured: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in measured.items())
