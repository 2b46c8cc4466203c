"""What the two ways to be rigid mean for pairs of balls."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from ..core import Scene

Rigidity = Literal["bonds", "constraints"]
"""How bodies are rigid: harmonic bonds between all their balls, or constraints and sites."""


def check_rigidity(rigidity: str) -> None:
    """Raise ValueError unless `rigidity` is one of the two."""
    if rigidity not in get_args(Rigidity):
        raise ValueError(f"rigidity: wanted 'bonds' or 'constraints', got {rigidity!r}")


def body_numbers(scene: Scene) -> np.ndarray:
    """Return a number for each ball, shared by the balls of one rigid group only.

    Every ball of a deformable has its own, or it could pass through itself.

    Parameters
    ----------
    scene : Scene
        The scene.

    Returns
    -------
    (b,) int array
        Body numbers from 0.
    """
    numbers = np.arange(scene.n_balls)
    for i in range(scene.n_instances):
        for group in scene.model(i).rigid_groups:
            members = scene.offsets[i] + group
            numbers[members] = members[0]
    return np.unique(numbers, return_inverse=True)[1]


def flexible_bonds(scene: Scene) -> np.ndarray:
    """Return a mask over ``scene.bonds``: True where the two balls are not one rigid body."""
    body = body_numbers(scene)
    first, second = scene.bonds.T
    return body[first] != body[second]


def rigid_pairs(scene: Scene) -> np.ndarray:
    """Return all pairs of balls within rigid groups, (p, 2), first < second."""
    pairs = [np.empty((0, 2), np.int64)]
    for i in range(scene.n_instances):
        for group in scene.model(i).rigid_groups:
            first, second = np.triu_indices(len(group), k=1)
            members = np.sort(scene.offsets[i] + group)
            pairs.append(np.stack([members[first], members[second]], axis=1))
    return np.concatenate(pairs)
