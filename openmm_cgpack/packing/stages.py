"""The stages of a packing, one after the other, each kept when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core import PackedScene
from .checkpoint import Checkpoint
from .protocols import Block, Steps, Stop


class Stages:
    """One stage after the other, each kept when it is done, or taken from what was kept."""

    def __init__(self, file: Checkpoint, packed: PackedScene) -> None:
        self.file = file
        self.packed = packed
        self.at = ""

    def do(self, name: str, make: Callable[[], PackedScene]) -> Iterator[Block]:
        """Do a stage without dynamics."""
        self.at = name
        kept = self.file.left_by(name)
        if kept is not None:
            self.packed = kept
            return
        self.packed = make()
        self.file.keep(name, self.packed)
        yield self._finished(name)

    def step(self, name: str, steps: Steps[PackedScene]) -> Iterator[Block]:
        """Do a stage whose blocks are yielded."""
        self.at = name
        kept = self.file.left_by(name)
        if kept is None:
            kept = yield from steps
            if "stopped" in kept.provenance:
                self.packed = kept
                raise Stop
            self.file.keep(name, kept)
            self.packed = kept
            yield self._finished(name)
        self.packed = kept

    def _finished(self, name: str) -> Block:
        packed, history = self.packed, self.packed.history
        return Block(
            stage=name,
            step=int(history.step[-1]),
            steps=0,
            finished=True,
            measured={"fraction": float(history.fraction[-1])},
            read_positions=lambda: packed.positions,
        )
