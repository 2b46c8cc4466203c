"""Scenes on their way from one protocol to the next: history, wrapping, moved bodies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..core import History, PackedScene, RigidTransforms, Scene
from ..core.boundary import Boundary
from .measure import box_fraction, deepest_overlap, filled_fraction, radius_of_gyration

Packable = Scene | PackedScene
"""What a protocol takes: a scene as it was placed, or as another protocol left it."""


def as_packed(scene: Packable) -> PackedScene:
    """Return a scene as a packed one, its balls where they were placed.

    Parameters
    ----------
    scene : Scene or PackedScene
        The scene; a packed one is returned as it is.

    Returns
    -------
    PackedScene
        With a history of one row.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1)).history.step
    array([0])
    """
    if isinstance(scene, PackedScene):
        return scene
    positions = scene.positions
    return PackedScene(
        scene=scene,
        positions=positions,
        boundary=scene.boundary,
        history=measured(scene, positions, scene.boundary, step=0, energy=0.0),
    )


def measured(
    scene: Scene, positions: np.ndarray, boundary: Boundary, *, step: int, energy: float
) -> History:
    """Return one row of history: balls (b, 3) in nm at a step, their energy in kJ/mol."""
    if boundary.bounded:
        fraction = box_fraction(scene, boundary)
    else:
        fraction = filled_fraction(scene, positions)
    return History(
        step=np.array([step]),
        radius_of_gyration=np.array([radius_of_gyration(positions)]),
        fraction=np.array([fraction]),
        overlap=np.array([deepest_overlap(scene, positions, boundary=boundary)]),
        energy=np.array([energy]),
    )


def in_steps(rows: Sequence[History]) -> History:
    """Return histories of one run, one after the other."""
    return History(
        **{
            field.name: np.concatenate([getattr(row, field.name) for row in rows])
            for field in dataclasses.fields(History)
        }
    )


def joined(first: History, then: History) -> History:
    """Return the histories of two protocols one after the other, the steps counted through."""
    last = int(first.step[-1]) if len(first.step) else 0
    return in_steps([first, dataclasses.replace(then, step=then.step + last)])


def means(scene: Scene, positions: np.ndarray) -> np.ndarray:
    """Return the mean of each instance's balls, (n, 3) nm."""
    instance, counts = scene.instance_of_ball, np.diff(scene.offsets)
    sums = [np.bincount(instance, column, minlength=len(counts)) for column in positions.T]
    return np.stack(sums, axis=1) / counts[:, None]


def wrapped(scene: Scene, positions: np.ndarray, boundary: Boundary) -> np.ndarray:
    """Return ball centres with every instance whole, its mean in the box, (b, 3) nm."""
    centres = means(scene, positions)
    shift = np.where(scene.fixed[:, None], 0.0, boundary.wrap(centres) - centres)
    return positions + shift[scene.instance_of_ball]


def moved_bodies(
    scene: Scene, positions: np.ndarray, moved: np.ndarray, poses: RigidTransforms
) -> np.ndarray:
    """Return ball centres (b, 3) in nm with some bodies, `moved` (n,) bool, at new poses."""
    positions = np.array(positions)
    for s, model in enumerate(scene.species):
        members = np.flatnonzero((scene.species_index == s) & moved)
        rows = scene.offsets[members][:, None] + np.arange(model.n_balls)
        positions[rows] = poses[members].apply(model.positions)
    return positions
