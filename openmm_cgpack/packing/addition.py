"""Inserting molecules one after another into a box, where their real shapes have room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import (
    BallModel,
    Obstacle,
    Open,
    PlacementError,
    RigidTransforms,
    Scene,
)
from ..core.boundary import Boundary
from ..core.settings import Settings, setting
from .fractions import check_fraction, fit_box
from .lattice import Lattice, Shape
from .placement import instances

_EASY = 6
_HARD = 80


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

    Random sequential addition on a lattice of voxels, the largest first, each at a uniform
    rotation: first at random places; where these are taken, at a random one of all the free places
    in a block of the box, which a correlation finds at once. Fast and without overlaps up to a
    fraction near 0.3; `pack_scene` goes on from there. Instances are numbered as by `place`.

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
    models, species_index, given = instances(counts, poses)
    n = len(species_index)
    if n == 0:
        raise ValueError("insert: wanted at least one instance, got none")
    volume = float(np.array([m.volume for m in models])[species_index].sum())
    if boundary is None:
        if fraction is None:
            raise ValueError("insert: wanted a boundary or a fraction, got neither")
        boundary = fit_box(volume, fraction=fraction, obstacle=obstacle)
    elif isinstance(boundary, Open):
        raise ValueError("boundary: insert wants Periodic or Slab, got Open; see place")
    elif fraction is not None:
        check_fraction(volume, fraction=fraction, boundary=boundary, obstacle=obstacle)
    inserted = _Inserted(models, species_index, boundary, obstacle, insertion.spacing)
    n_free = n - len(given)
    for i, pose in enumerate(given, start=n_free):
        inserted.put(i, pose.rotations[0], pose.translations[0])
    inserted.fill(n_free, np.random.default_rng(seed))
    return Scene(
        species=models,
        species_index=species_index,
        transforms=RigidTransforms(
            rotations=inserted.rotations, translations=inserted.translations
        ),
        boundary=boundary,
        fixed=np.arange(n) >= (n_free if fixed else n),
        obstacle=obstacle,
    )


class _Inserted:
    """The instances inserted so far, and the voxels that they have taken."""

    def __init__(
        self,
        models: tuple[BallModel, ...],
        species_index: np.ndarray,
        boundary: Boundary,
        obstacle: Obstacle | None,
        spacing: float,
    ) -> None:
        self.models = models
        self.species_index = species_index
        self.boundary = boundary
        self.lattice = Lattice(boundary, spacing=spacing, obstacle=obstacle)
        self.shapes = [Shape(model) for model in models]
        self.rotations = np.tile(np.eye(3), (len(species_index), 1, 1))
        self.translations = np.zeros((len(species_index), 3))

    def put(self, i: int, rotation: np.ndarray, translation: np.ndarray) -> None:
        """Take the room of an instance whose pose is given."""
        s = self.species_index[i]
        offset = self.lattice.index(translation)
        mask, low = self.shapes[s].draw(rotation, offset, self.lattice.size)
        # Neighbours may share voxels that either fills in part only.
        met = self.lattice.shared(mask, low)
        if met > 0.1:
            raise PlacementError(
                f"poses: {met:.0%} of the room of instance {i + 1} ({self.models[s].name}) is "
                "taken, by another one, the obstacle or a wall"
            )
        self.lattice.take(mask, low)
        self.rotations[i], self.translations[i] = rotation, translation

    def fill(self, n_free: int, rng: np.random.Generator) -> None:
        """Insert the first `n_free` instances, those that reach farthest first."""
        reach = np.array([model.radius for model in self.models])[self.species_index[:n_free]]
        easy = _EASY
        for done, i in enumerate(np.argsort(-reach, kind="stable").tolist()):
            tries = self._insert(i, easy, rng)
            if tries is None:
                model = self.models[self.species_index[i]]
                edges = " x ".join(f"{edge:.4g}" for edge in self.boundary.box)
                raise PlacementError(
                    f"no room: {done} of {n_free} instances fit into {edges} nm, to an envelope "
                    f"volume fraction of {self.lattice.taken.mean():.3f}; {model.name} found no "
                    f"place in {easy + _HARD} turns; give a larger box, or insert at a lower "
                    "fraction and compress"
                )
            # Where random places have become rare, they are hardly worth the try.
            easy = 1 if tries > easy else min(_EASY, easy + 1)

    def _insert(self, i: int, easy: int, rng: np.random.Generator) -> int | None:
        """Return how many turns it took, or None where none found a place."""
        shape, lattice = self.shapes[self.species_index[i]], self.lattice
        for tries in range(1, easy + _HARD + 1):
            rotation = Rotation.from_quat(rng.standard_normal(4)).as_matrix()
            # Off the lattice by a random part of a voxel, so that it leaves no trace.
            offset = rng.uniform(-0.5, 0.5, 3)
            mask, low = shape.draw(rotation, offset, lattice.size)
            folded = lattice.folded(mask)
            if folded is None:
                continue
            search = lattice.random_room if tries <= easy else lattice.searched_room
            shift = search(folded, rng)
            if shift is None:
                continue
            lattice.take(folded, shift)
            self.rotations[i] = rotation
            self.translations[i] = self.boundary.wrap(lattice.point(shift - low + offset))
            return tries
        return None
