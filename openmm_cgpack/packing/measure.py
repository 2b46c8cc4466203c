"""What a packing is measured by: how tight it is, and how deep balls stand in each other."""

from __future__ import annotations

import numpy as np

from ..core import Scene
from ..core.boundary import Boundary, close_pairs
from .fractions import free_volume


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

    Two images of one instance count as two instances.

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
    first, second, shift = close_pairs(boundary, positions, radii)
    # Within an instance only another image counts.
    keep = (instance[first] != instance[second]) | shift.any(axis=1)
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
