"""Random sequential addition into a box, by the molecules' atoms.

Molecules are added one after another, the largest first, each at a random rotation and a random
place where it has room: no atom of it is closer to another molecule's than asked for. See `lattice`
for how room is found. Beyond a volume fraction near 0.3 hardly any place is left, and `compress`
goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import BallModel, Obstacle, PackedScene, PlacementError, RigidTransforms, Scene
from ..core.boundary import Boundary, check_boundary
from ..core.progress import progress_shown, tracked
from ..core.runtime import seed_sequence
from ..core.settings import Settings, checked_settings, setting
from ..poses import extract_transforms
from .counts import Instances, check_fraction, fit_box
from .lattice import BallShape, Lattice, Region, Shape
from .surfaces import CLOSEST

if TYPE_CHECKING:
    from .crowd import Placed

_BATCH, _MOST_AT_ONCE = 256, 2048
"""Words of places that are tried at one rotation: few at first, and more where few are free."""
EASY = 0.25
"""Fraction up to which insertion is fast."""
_SURE, _LOWER = 0.96, (0.8, 0.9)
"""How much less than was filled is tried where there was no room, in bounds of what was tried."""
_LOOSEST = 0.05
"""Where that has none either, there is none."""
_WORD, _FEW = 64, 8
"""Of how many places each is tried: all in a word at first, and fewer where few are free."""


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Return a uniform rotation, (3, 3)."""
    return Rotation.from_quat(rng.standard_normal(4)).as_matrix()


class Insertion(Settings):
    """Random sequential addition: a lattice of voxels says where to look, the atoms have a say."""

    distance: float = setting(
        "distance that atoms of different molecules keep",
        unit="nm",
        default=CLOSEST,
        above=0,
        usual=(0, 1),
    )
    tries: int = setting(
        "places that are tried for an instance before there is no room, each with the 63 beside "
        "it; one where only atoms are in the way counts as 64",
        default=3_000_000,
        minimum=1,
    )
    spacing: float = setting("edge of a voxel", unit="nm", default=0.5, above=0, usual=(0.1, 3))


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
    progress: bool = True,
) -> Scene:
    """Insert instances into a box at random, where their real shapes have room.

    Random sequential addition: no two atoms of different molecules are closer than asked for, nor
    those of a molecule and its own image. It is fast up to a fraction near 0.25; `pack_scene` goes
    on from there. Instances are numbered as by `place`.

    Parameters
    ----------
    counts : sequence of (BallModel, int)
        The models, and how many instances of each.
    insertion : Insertion, optional
        How close atoms may come, and how long to look for room.
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
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

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
    if boundary is not None:
        check_boundary(boundary)
    checked_settings("insertion", insertion, Insertion)
    seed = seed_sequence(seed)
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
    inserting = _Inserting(instances, insertion, boundary, obstacle)
    with progress_shown(progress):
        inserting.fill(np.random.default_rng(seed))
    return instances.scene(boundary, obstacle, fixed=fixed)


def insert_easily(
    counts: Sequence[tuple[BallModel, int]],
    insertion: Insertion,
    *,
    fraction: float,
    shape: Boundary,
    obstacle: Obstacle | None = None,
    poses: Sequence[tuple[BallModel, RigidTransforms]] = (),
    least: Sequence[float] | np.ndarray = (0.0, 0.0, 0.0),
    loosest: float = _LOOSEST,
    seed: int | np.random.SeedSequence,
) -> Scene:
    """Insert to a fraction as far as that is easy, or to a lower one where there is no room.

    Parameters
    ----------
    counts, insertion, obstacle, poses, seed
        See `insert`; given poses are fixed.
    fraction : float
        Envelope volume fraction that is wanted; what is above 0.25 is not tried.
    shape : Boundary
        Kind of the box, and the ratios of its edges.
    least : (3,) array, optional
        Shortest edges, nm.
    loosest : float, optional
        Fraction below which nothing is tried.

    Returns
    -------
    Scene

    Raises
    ------
    PlacementError
        There was no room at any of the fractions.
    """
    volume = Instances(counts, poses).volume
    goal = min(fraction, EASY)
    while True:
        box = fit_box(volume, fraction=goal, shape=shape, obstacle=obstacle, least=least)
        try:
            return insert(
                counts,
                insertion,
                boundary=box,
                obstacle=obstacle,
                poses=poses,
                fixed=True,
                seed=seed,
            )
        except PlacementError as error:
            goal *= float(np.clip(_SURE * error.fraction / goal, *_LOWER))
            if goal <= loosest:
                raise


def keeps_distance(packed: PackedScene, distance: float) -> bool:
    """Return whether no two atoms of different rigid instances are closer than a distance, nm.

    As `insert` looks at them: at most as close to their own images, too, and no closer to walls
    and the obstacle than half of it.
    """
    from .crowd import Placed

    scene, poses = packed.scene, extract_transforms(packed).transforms
    placed = Placed(
        scene.species, boundary=packed.boundary, obstacle=scene.obstacle, distance=distance
    )
    for s, rotation, centre in zip(
        scene.species_index.tolist(), poses.rotations, poses.translations, strict=True
    ):
        if not placed.free(s, rotation, centre):
            return False
        placed.add(s, rotation, centre)
    return True


class _Inserting:
    """The instances inserted so far, and the voxels that they have taken."""

    def __init__(
        self,
        instances: Instances,
        insertion: Insertion,
        boundary: Boundary,
        obstacle: Obstacle | None,
    ) -> None:
        from .crowd import Placed

        self.instances = instances
        self.insertion = insertion
        self.boundary = boundary
        self.lattice = Lattice(boundary, spacing=insertion.spacing, obstacle=obstacle)
        self.placed = Placed(
            instances.models,
            boundary=boundary,
            obstacle=obstacle,
            distance=insertion.distance,
        )
        self.shapes = [Shape(*points, number=s) for s, points in enumerate(self.placed.points)]
        for i in instances.given:
            self._give(i)

    def _give(self, i: int) -> None:
        """Take the room of an instance whose pose is given."""
        rotation, centre = self.instances.rotations[i], self.instances.translations[i]
        shape = self.shapes[self.instances.species_index[i]]
        voxels = shape.voxels(rotation, self.lattice.index(centre), self.lattice.size)
        # Neighbours may share voxels that either fills in part only.
        met = self.lattice.shared(voxels)
        if met > 0.1:
            raise PlacementError(
                f"poses: {met:.0%} of the room of instance {i + 1} "
                f"({self.instances.model(i).name}) is taken, by another one, the obstacle or a wall"
            )
        self.lattice.take(voxels)
        self.placed.add(shape.number, rotation, centre)

    def fill(self, rng: np.random.Generator) -> None:
        """Insert the instances that have no pose yet, the largest first."""
        instances, lattice, placed = self.instances, self.lattice, self.placed
        filled = sum(instances.model(i).volume for i in instances.given)
        volumes = np.array([model.volume for model in instances.models])[instances.species_index]
        order = np.argsort(-volumes[: instances.n_free], kind="stable")
        for done, i in enumerate(tracked(order.tolist(), "inserting")):
            shape = self.shapes[instances.species_index[i]]
            room = find_room(shape, lattice, rng, placed, tries=self.insertion.tries)
            if room is None:
                edges = " x ".join(f"{edge:.4g}" for edge in self.boundary.box)
                fraction = filled / self.boundary.volume
                raise PlacementError(
                    f"no room: {done} of {instances.n_free} instances fit into {edges} nm, to "
                    f"an envelope volume fraction of {fraction:.3f}; "
                    f"{instances.model(i).name} found no place in {self.insertion.tries} tries; "
                    "give a larger box, or insert at a lower fraction and compress",
                    fraction=fraction,
                )
            centre = self.boundary.wrap(room.centre)
            lattice.take(room.voxels)
            placed.add(shape.number, room.rotation, centre)
            instances.rotations[i], instances.translations[i] = room.rotation, centre
            filled += instances.model(i).volume


class Room(NamedTuple):
    """A free place: pose of the body frame, nm, and the voxels (n, 3) that the body takes."""

    rotation: np.ndarray
    centre: np.ndarray
    voxels: np.ndarray


def find_room(
    shape: Shape | BallShape,
    lattice: Lattice,
    rng: np.random.Generator,
    placed: Placed,
    *,
    tries: int,
    region: Region | None = None,
    turn: Callable[[np.random.Generator], np.ndarray] = random_rotation,
) -> Room | None:
    """Return a random place where a shape has room, or None where no try finds one.

    Parameters
    ----------
    shape : Shape or BallShape
        What the body fills.
    lattice : Lattice
        What is taken.
    rng : numpy.random.Generator
        Of all that is drawn.
    placed : Placed
        The rigid bodies that are there.
    tries : int
        Places that are tried, many of them at one rotation.
    region : Region, optional
        Where the body's centre is to be.
    turn : callable, optional
        Draws a rotation.
    """
    from .tries import first_room

    places = np.empty(0, np.uint32) if region is None else region.places
    state = rng.integers(2**63, size=1).astype(np.uint64)
    found = np.empty(3, np.int64)
    low, high = np.full(3, -np.inf), np.full(3, np.inf)
    batch, few = _BATCH, _WORD
    while tries > 0:
        rotation = turn(rng)
        # Off the lattice by a random part of a voxel, so that it leaves no trace.
        offset = rng.uniform(-0.5, 0.5, 3)
        voxels = shape.tested(rotation, offset, lattice.size)
        if shape.number >= 0:
            low, high = placed.between(shape.number, rotation)
        if shape.number >= 0 or not lattice.folds(voxels):
            tried = first_room(
                lattice.packed,
                lattice.depth,
                few,
                voxels,
                places,
                state,
                min(batch, tries),
                lattice.point(offset),
                lattice.size,
                low,
                high,
                placed.solids,
                placed.crowd,
                shape.number,
                rotation,
                found,
            )
            centre = lattice.point(found + offset)
            if tried and placed.free_of_obstacle(shape.number, rotation, centre):
                return Room(rotation, centre, shape.voxels(rotation, offset + found, lattice.size))
        tries -= batch
        batch = min(2 * batch, _MOST_AT_ONCE)
        few = max(few // 2, _FEW)
    return None
