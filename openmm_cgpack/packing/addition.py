"""Random sequential addition into a box, by the molecules' real shapes.

Molecules are added one after another, the largest first, each at a random rotation and a random
place where its shape has room. While most places are free, random ones are tried; later, all free
places in a block of the box are found at once and one of them is drawn. See `lattice` for how room
is found. Beyond a volume fraction near 0.3 hardly any place is left, and `compress` goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import BallModel, Obstacle, PlacementError, RigidTransforms, Scene
from ..core.boundary import Boundary
from ..core.settings import Settings, setting
from .counts import Instances, check_fraction, fit_box
from .lattice import BallShape, Lattice, Region, Shape

EASY = 6
"""Turns in which random places are tried, while they are found."""
HARD = 80
"""Turns in which all places in a block are searched, before there is no room."""


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Return a uniform rotation, (3, 3)."""
    return Rotation.from_quat(rng.standard_normal(4)).as_matrix()


class Insertion(Settings):
    """Random sequential addition on a lattice of voxels."""

    spacing: float = setting("edge of a voxel", unit="nm", default=0.5, above=0)


def insert(
    counts: Sequence[tuple[BallModel, int]],
    insertion: Insertion = Insertion(),
    *,
    boundary: Boundary | None = None,
    fraction: float | None = None,
    obstacle: Obstacle | None = None,
    poses: Sequence[tuple[BallModel, RigidTransforms]] = (),
    fixed: bool = False,
    seed: int | np.random.SeedSequence,
) -> Scene:
    """Insert instances into a box at random, where their real shapes have room.

    Random sequential addition on a lattice of voxels, without overlaps but for the coarseness of
    the voxels. It is fast up to a fraction near 0.3; `pack_scene` goes on from there. Instances are
    numbered as by `place`.

    Parameters
    ----------
    counts : sequence of (BallModel, int)
        The models, and how many instances of each.
    insertion : Insertion, optional
        The lattice.
    boundary : Periodic or Slab, optional
        The box; a cube that `counts` fill to `fraction` when left out.
    fraction : float, optional
        Envelope volume fraction, needed where no boundary is given.
    obstacle : Obstacle, optional
        Where nothing may be.
    poses : sequence of (BallModel, RigidTransforms), optional
        Instances at places of the user's.
    fixed : bool, optional
        Whether those of `poses` stay there in all later protocols.
    seed : int or numpy.random.SeedSequence
        Seed of positions and rotations.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        A count is not a whole number >= 0, there is no box, or counts, boundary and fraction
        contradict one another; the message shows the arithmetic.
    PlacementError
        There is no room for an instance, or given poses overlap.

    Examples
    --------
    >>> from openmm_cgpack import SHAPE_COVER, coarse_grain, library
    >>> model = coarse_grain(library.load("3hhb"), SHAPE_COVER, seed=1)
    >>> scene = insert([(model, 20)], fraction=0.2, seed=1)
    >>> scene.n_instances, round(scene.volume / scene.boundary.volume, 3)
    (20, 0.2)
    """
    instances = Instances(counts, poses)
    volume = instances.volume
    if boundary is None:
        if fraction is None:
            raise ValueError("insert: wanted a boundary or a fraction, got neither")
        boundary = fit_box(volume, fraction=fraction, obstacle=obstacle)
    elif not boundary.bounded:
        raise ValueError("boundary: insert wants Periodic or Slab, got Open; see place")
    elif fraction is not None:
        check_fraction(volume, fraction=fraction, boundary=boundary, obstacle=obstacle)
    lattice = Lattice(boundary, spacing=insertion.spacing, obstacle=obstacle)
    _Inserting(instances, lattice).fill(boundary, np.random.default_rng(seed))
    return instances.scene(boundary, obstacle, fixed=fixed)


class _Inserting:
    """The instances inserted so far, and the voxels that they have taken."""

    def __init__(self, instances: Instances, lattice: Lattice) -> None:
        self.instances = instances
        self.lattice = lattice
        self.shapes = [Shape(model) for model in instances.models]
        for i in instances.given:
            offset = lattice.index(instances.translations[i])
            mask, low = self._shape(i).draw(instances.rotations[i], offset, lattice.size)
            # Neighbours may share voxels that either fills in part only.
            met = lattice.shared(mask, low)
            if met > 0.1:
                raise PlacementError(
                    f"poses: {met:.0%} of the room of instance {i + 1} "
                    f"({instances.model(i).name}) is taken, by another one, the obstacle or a wall"
                )
            lattice.take(mask, low)

    def _shape(self, i: int) -> Shape:
        return self.shapes[self.instances.species_index[i]]

    def fill(self, boundary: Boundary, rng: np.random.Generator) -> None:
        """Insert the instances that have no pose yet, those that reach farthest first."""
        easy = EASY
        for done, i in enumerate(self.instances.largest_first):
            tries = self._insert(i, boundary, easy, rng)
            if tries is None:
                edges = " x ".join(f"{edge:.4g}" for edge in boundary.box)
                raise PlacementError(
                    f"no room: {done} of {self.instances.n_free} instances fit into {edges} nm, to "
                    f"an envelope volume fraction of {self.lattice.taken.mean():.3f}; "
                    f"{self.instances.model(i).name} found no place in {easy + HARD} turns; give "
                    "a larger box, or insert at a lower fraction and compress"
                )
            # Where random places have become rare, they are hardly worth the try.
            easy = 1 if tries > easy else min(EASY, easy + 1)

    def _insert(
        self, i: int, boundary: Boundary, easy: int, rng: np.random.Generator
    ) -> int | None:
        """Return how many turns it took, or None where none found a place."""
        found = find_room(self._shape(i), self.lattice, rng, easy=easy)
        if found is None:
            return None
        self.lattice.take(found.mask, found.shift)
        self.instances.rotations[i] = found.rotation
        self.instances.translations[i] = boundary.wrap(found.centre)
        return found.turns


class Room(NamedTuple):
    """A free place: pose of the body frame, nm, voxels (`mask` at `shift`), and turns it took."""

    rotation: np.ndarray
    centre: np.ndarray
    mask: np.ndarray
    shift: np.ndarray
    turns: int


def find_room(
    shape: Shape | BallShape,
    lattice: Lattice,
    rng: np.random.Generator,
    *,
    easy: int,
    hard: int = HARD,
    region: Region | None = None,
    turn: Callable[[np.random.Generator], np.ndarray] = random_rotation,
) -> Room | None:
    """Return a random place where a shape has room, or None where no turn finds one.

    Parameters
    ----------
    shape : Shape or BallShape
        What the body fills.
    lattice : Lattice
        What is taken.
    rng : numpy.random.Generator
        Of all that is drawn.
    easy, hard : int, optional
        Turns, each with another rotation, in which random places are tried, and then turns in
        which all places in a block are searched.
    region : Region, optional
        Where the body's centre is to be.
    turn : callable, optional
        Draws a rotation.
    """
    for turns in range(1, easy + hard + 1):
        rotation = turn(rng)
        # Off the lattice by a random part of a voxel, so that it leaves no trace.
        offset = rng.uniform(-0.5, 0.5, 3)
        mask, low = shape.draw(rotation, offset, lattice.size)
        folded = lattice.folded(mask)
        if folded is None:
            continue
        search = lattice.random_room if turns <= easy else lattice.searched_room
        shift = search(folded, rng, region, -low)
        if shift is None:
            continue
        return Room(rotation, lattice.point(shift - low + offset), folded, shift, turns)
    return None
