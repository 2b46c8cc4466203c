"""What has been put into a box so far: bodies, the species they are of, and bonds between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..core import BallModel, Obstacle, RigidTransforms, Scene
from ..core.boundary import Boundary
from ..core.scene import Links
from ..models import Group, Structure, Where


@dataclass(eq=False)
class Body:
    """An instance in the box: its pose, nm, and its balls in the body frame."""

    rotation: np.ndarray
    centre: np.ndarray
    shape: np.ndarray

    @property
    def balls(self) -> np.ndarray:
        """Its balls in the box, in one piece, (b, 3) nm."""
        return self.shape @ self.rotation.T + self.centre


@dataclass(eq=False)
class Species:
    """A structure, its model, where it may be, how many there are to be, and its instances."""

    structure: Structure
    model: BallModel
    seed: np.random.SeedSequence
    number: int = 0
    bodies: list[Body] = field(default_factory=list)

    @property
    def where(self) -> Where:
        """Its place."""
        return self.structure.where or Where()

    def new_group(self) -> Group:
        """Return what is placed next: mostly one more instance."""
        return self.structure.group(self.model, seed=self.seed.spawn(1)[0])


class Link(NamedTuple):
    """A bond between a ball of one instance and one of another; see `Links`."""

    body: Body
    ball: int
    other: Body
    other_ball: int
    length: float
    constant: float
    slack: float


def scene_of(
    species: Sequence[Species],
    links: Sequence[Link],
    *,
    boundary: Boundary,
    obstacle: Obstacle | None,
) -> Scene:
    """Return the scene of what has been placed, its instances species by species."""
    bodies = [body for one in species for body in one.bodies]
    index = np.repeat(np.arange(len(species)), [len(one.bodies) for one in species])
    models = [one.model for one in species for _ in one.bodies]
    first = np.cumsum([0, *(model.n_balls for model in models)])
    start = {id(body): int(n) for body, n in zip(bodies, first, strict=False)}
    bent = any(body.shape is not m.positions for body, m in zip(bodies, models, strict=True))
    pairs = [
        (start[id(link.body)] + link.ball, start[id(link.other)] + link.other_ball)
        for link in links
    ]
    return Scene(
        species=tuple(one.model for one in species),
        species_index=index,
        transforms=RigidTransforms(
            rotations=np.stack([body.rotation for body in bodies]),
            translations=np.stack([body.centre for body in bodies]),
        ),
        boundary=boundary,
        obstacle=obstacle,
        placed=np.concatenate([body.balls for body in bodies]) if bent else None,
        links=Links(
            pairs=np.array(pairs, np.int64).reshape(-1, 2),
            lengths=np.array([link.length for link in links]),
            constants=np.array([link.constant for link in links]),
            slacks=np.array([link.slack for link in links]),
        ),
    )
