"""The instances of a scene that is being made: which are to be placed, and which are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import BallModel, Obstacle, RigidTransforms, Scene
from ..core.boundary import Boundary


class Instances:
    """What is to be put into a scene, and where it has been put so far.

    Instances are numbered species by species in the order of `counts`; those of `poses` follow.

    Parameters
    ----------
    counts : sequence of (BallModel, int)
        The models, and how many instances of each.
    poses : sequence of (BallModel, RigidTransforms)
        Instances at places of the user's.

    Raises
    ------
    ValueError
        A count is not a whole number >= 0, or there is nothing to place.
    """

    def __init__(
        self,
        counts: Sequence[tuple[BallModel, int]],
        poses: Sequence[tuple[BallModel, RigidTransforms]],
    ) -> None:
        self.models: list[BallModel] = []
        species: list[int] = []
        for model, count in counts:
            if int(count) != count or count < 0:
                raise ValueError(f"{model.name}: count: wanted a whole number >= 0, got {count}")
            species += [self._number(model)] * int(count)
        self.n_free = len(species)
        rotations = [np.tile(np.eye(3), (self.n_free, 1, 1))]
        translations = [np.zeros((self.n_free, 3))]
        for model, transforms in poses:
            species += [self._number(model)] * len(transforms)
            rotations.append(transforms.rotations)
            translations.append(transforms.translations)
        if not species:
            raise ValueError("counts: wanted at least one instance, got none")
        self.species_index = np.array(species, dtype=np.int64)
        self.rotations = np.concatenate(rotations)
        self.translations = np.concatenate(translations)
        self.reach = np.array([model.radius for model in self.models])[self.species_index]
        self.volume = float(np.array([m.volume for m in self.models])[self.species_index].sum())

    def _number(self, model: BallModel) -> int:
        """Return the number of a model's species, a new one where it is new."""
        for number, known in enumerate(self.models):
            if known is model:
                return number
        self.models.append(model)
        return len(self.models) - 1

    def model(self, i: int) -> BallModel:
        """Return the model of an instance."""
        return self.models[self.species_index[i]]

    @property
    def given(self) -> range:
        """The instances whose poses are given."""
        return range(self.n_free, len(self.species_index))

    @property
    def largest_first(self) -> list[int]:
        """The instances to be placed, those that reach farthest first."""
        return np.argsort(-self.reach[: self.n_free], kind="stable").tolist()

    def scene(self, boundary: Boundary, obstacle: Obstacle | None, *, fixed: bool) -> Scene:
        """Return the scene, its given instances fixed or not."""
        n = len(self.species_index)
        return Scene(
            species=tuple(self.models),
            species_index=self.species_index,
            transforms=RigidTransforms(rotations=self.rotations, translations=self.translations),
            boundary=boundary,
            fixed=np.arange(n) >= (self.n_free if fixed else n),
            obstacle=obstacle,
        )
