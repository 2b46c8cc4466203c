"""One seed, a child for every stage, so that no stage's draws move another's."""

from __future__ import annotations

import numpy as np

STAGES = ("models", "placement", "dynamics", "noise")
"""Stages in the order of their children; append, never reorder: old seeds keep their meaning."""


def stage_seed(seed: int, stage: str, index: int = 0) -> np.random.SeedSequence:
    """Return the seed sequence of one stage.

    Parameters
    ----------
    seed : int
        The user's seed.
    stage : {"models", "placement", "dynamics", "noise"}
        Which stage draws.
    index : int, optional
        Number of the scene, where one recipe makes many.

    Returns
    -------
    numpy.random.SeedSequence
        The child of ``SeedSequence(seed)`` with the spawn key ``(index, stage)``.

    Examples
    --------
    >>> stage_seed(1, "noise").generate_state(1) == stage_seed(1, "noise").generate_state(1)
    array([ True])
    """
    return np.random.SeedSequence(seed, spawn_key=(index, STAGES.index(stage)))


def integer_seed(sequence: np.random.SeedSequence) -> int:
    """Return a positive 31-bit integer drawn from `sequence`, for libraries that want one."""
    return int(sequence.generate_state(1)[0] % (2**31 - 1)) + 1


def seed_sequence(seed: int | np.random.SeedSequence) -> np.random.SeedSequence:
    """Return a seed as a sequence; one that is a sequence already as it is."""
    return seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
