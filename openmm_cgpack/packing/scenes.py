"""Scenes on their way between protocols: what is measured of them, their history, their balls."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..core import History, PackedScene, RigidTransforms, Scene
from ..core.boundary import Boundary, close_pairs
from .counts import free_volume

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


def radius_of_gyration(positions: np.ndarray) -> float:
    """Return the root mean square distance of `positions` (b, 3) from their mean, nm.

    Parameters
    ----------
    positions : (b, 3) array
        Ball centres, nm.

    Returns
    -------
    float

    Examples
    --------
    >>> radius_of_gyration(np.array([[-3.0, 0, 0], [3, 0, 0]]))
    3.0
    """
    return float(np.sqrt(positions.var(axis=0).sum()))


def filled_fraction(scene: Scene, positions: np.ndarray) -> float:
    """Return the volume of all instances over that of the uniform ball as wide as they are.

    The ball is the one with the same radius of gyration: its radius is sqrt(5/3) of it.

    Parameters
    ----------
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm.

    Returns
    -------
    float
        An estimate of the envelope volume fraction of an open scene.

    Examples
    --------
    Half as wide is eight times as full:

    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 10)], seed=1)
    >>> wide = filled_fraction(scene, scene.positions)
    >>> round(filled_fraction(scene, scene.positions / 2) / wide, 6)
    8.0
    """
    radius = np.sqrt(5 / 3) * radius_of_gyration(positions)
    return float(scene.volume / (4 / 3 * np.pi * radius**3)) if radius > 0 else 0.0


def box_fraction(scene: Scene, boundary: Boundary) -> float:
    """Return the volume of all instances over that of the box less the obstacle.

    Parameters
    ----------
    scene : Scene
        The scene.
    boundary : Periodic or Slab
        The box.

    Returns
    -------
    float
        The envelope volume fraction. What overlaps counts twice; the audit measures the union.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> from openmm_cgpack import Periodic
    >>> box = Periodic(box=40)
    >>> scene = place([(Filament(n_balls=5, radius=2.0).build(), 20)], boundary=box, seed=1)
    >>> round(box_fraction(scene, box), 4), round(20 * np.pi * 2**2 * 20 / 40**3, 4)
    (0.0785, 0.0785)
    """
    return scene.volume / free_volume(boundary, scene.obstacle)


def overlaps(
    scene: Scene, positions: np.ndarray, *, boundary: Boundary | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the overlapping pairs of balls of different instances, and how deep each is.

    Two images of one instance count as two instances. Instances that links join are in each other,
    as a protein is in its membrane, and do not count.

    Parameters
    ----------
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm.
    boundary : Open, Periodic or Slab, optional
        Where the scene ends now; the scene's own when left out.

    Returns
    -------
    pairs : (p, 2) int array
        Balls that overlap.
    depth : (p,) array
        ``1 - distance / (sum of radii)``: 0 is touching, 1 the same place.

    Examples
    --------
    >>> from openmm_cgpack import BallModel, RigidTransforms
    >>> ball = BallModel(name="ball", positions=[[0, 0, 0]], radii=[2], masses=[1], volume=33.5)
    >>> places = RigidTransforms(rotations=[np.eye(3)] * 2, translations=[[0, 0, 0], [3, 0, 0]])
    >>> scene = Scene(species=(ball,), species_index=[0, 0], transforms=places)
    >>> pairs, depth = overlaps(scene, scene.positions)
    >>> pairs.tolist(), depth.tolist()
    ([[0, 1]], [0.25])
    """
    radii, instance = scene.radii, scene.instance_of_ball
    boundary = scene.boundary if boundary is None else boundary
    # Within an instance only another image counts.
    first, second, shift = close_pairs(boundary, positions, radii, groups=instance)
    keep = (instance[first] != instance[second]) | shift.any(axis=1)
    keep &= ~scene.are_partners(instance[first], instance[second])
    first, second, shift = first[keep], second[keep], shift[keep]
    distance = np.linalg.norm(positions[second] + shift - positions[first], axis=1)
    depth = 1 - distance / (radii[first] + radii[second])
    return np.stack([first, second], axis=1), depth


def deepest_overlap(
    scene: Scene, positions: np.ndarray, *, boundary: Boundary | None = None
) -> float:
    """Return the depth of the deepest overlap, 0 where there is none; see `overlaps`.

    Parameters
    ----------
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm.
    boundary : Open, Periodic or Slab, optional
        Where the scene ends now; the scene's own when left out.

    Returns
    -------
    float
        ``1 - distance / (sum of radii)``: 0 is touching or no overlap, 1 the same place.

    Examples
    --------
    What has been placed does not overlap; all in one place is as deep as can be:

    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 10)], seed=1)
    >>> deepest_overlap(scene, scene.positions), deepest_overlap(scene, 0 * scene.positions)
    (0.0, 1.0)
    """
    return float(overlaps(scene, positions, boundary=boundary)[1].max(initial=0.0))
