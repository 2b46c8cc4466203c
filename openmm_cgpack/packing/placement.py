"""A dispersed start: every instance at a random place and turn, none overlapping another."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import BallModel, Obstacle, Open, PlacementError, RigidTransforms, Scene, Slab
from ..core.arrays import frozen
from ..core.boundary import Boundary
from ..core.units import strip
from .depth import ObstacleDepth

_TRIES = 200
_GROWTH = 1.1
_LARGEST_GROWTH = 10.0
_DISPERSED_FRACTION = 0.15


def place(
    counts: Sequence[tuple[BallModel, int]],
    *,
    boundary: Boundary | None = None,
    extent: float | Sequence[float] | None = None,
    grow: bool = True,
    poses: Sequence[tuple[BallModel, RigidTransforms]] = (),
    fixed: bool = False,
    obstacle: Obstacle | None = None,
    seed: int | np.random.SeedSequence,
) -> Scene:
    """Place instances at random, dispersed, without overlaps.

    Random sequential addition, the largest first: a uniform position in the box around the
    scene's centre and a uniform rotation, taken when no ball touches another instance's.
    Deformables start straight or flat. Instances are numbered species by species in the order of
    `counts`; those of `poses` follow.

    Parameters
    ----------
    counts : sequence of (BallModel, int)
        The models, and how many instances of each.
    boundary : Open, Periodic or Slab, optional
        Where the scene ends; Open when left out. A Periodic or Slab box is where they are placed;
        it does not grow. Balls do not overlap others' images.
    extent : float, (3,) array or openmm.unit.Quantity, optional
        For Open: edges of the box, centred on 0, that holds all balls at the start, nm. Left out,
        the box is so large that the molecules' enclosing spheres fill about 15 % of it.
    grow : bool, optional
        Whether a box too small is enlarged, with a warning that says so.
    poses : sequence of (BallModel, RigidTransforms), optional
        Instances that start where the user puts them.
    fixed : bool, optional
        Whether those of `poses` stay there in all later protocols.
    obstacle : Obstacle, optional
        Where nothing may be.
    seed : int or numpy.random.SeedSequence
        Seed of positions and rotations.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        A count is negative or not whole, `extent` is not positive or given beside a box, or there
        is nothing to place.
    PlacementError
        There is no room and the box may not grow, or given poses overlap.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Membrane
    >>> chain, sheet = Filament(n_balls=9).build(), Membrane(shape=(4, 5)).build()
    >>> scene = place([(chain, 3), (sheet, 1)], seed=1)
    >>> scene.n_instances, scene.n_balls
    (4, 47)
    """
    models, species_index, given = instances(counts, poses)
    n_free = len(species_index) - len(given)
    if len(species_index) == 0:
        raise ValueError("place: wanted at least one instance, got none")
    boundary = boundary or Open()
    if isinstance(boundary, Open):
        box = _start_box(models, species_index, extent)
    elif extent is not None:
        raise ValueError("extent: is for an Open boundary; a Periodic or Slab box is the extent")
    else:
        box, grow = np.array(boundary.box), False
    rng = np.random.default_rng(seed)
    first_box = box
    while True:
        insertion = _Insertion(models, species_index, given, boundary, obstacle)
        stuck = insertion.fill(n_free, box, rng)
        if stuck is None:
            break
        if not grow or (box / first_box).max() >= _LARGEST_GROWTH:
            raise PlacementError(
                f"no room: {insertion.placed_free} of {n_free} instances fit into "
                f"{_edges(box)} nm without overlaps; {models[species_index[stuck]].name} found no "
                f"place in {_TRIES} tries; give more room or fewer instances"
                + ("" if isinstance(boundary, Open) else ", or use insert")
            )
        box = box * _GROWTH
    if extent is not None and (box > first_box).any():
        warnings.warn(
            f"the molecules do not fit into {_edges(first_box)} nm without overlaps; "
            f"the start was enlarged to {_edges(box)} nm",
            stacklevel=2,
        )
    return Scene(
        species=models,
        species_index=species_index,
        transforms=RigidTransforms(
            rotations=insertion.rotations, translations=insertion.translations
        ),
        boundary=boundary,
        fixed=np.arange(len(species_index)) >= (n_free if fixed else len(species_index)),
        obstacle=obstacle,
    )


def instances(
    counts: Sequence[tuple[BallModel, int]],
    poses: Sequence[tuple[BallModel, RigidTransforms]],
) -> tuple[tuple[BallModel, ...], np.ndarray, RigidTransforms]:
    """Return the species, the species of each instance, and the poses of the last ones."""
    models: list[BallModel] = []
    index: list[int] = []

    def number(model: BallModel) -> int:
        for s, known in enumerate(models):
            if known is model:
                return s
        models.append(model)
        return len(models) - 1

    for model, count in counts:
        if int(count) != count or count < 0:
            raise ValueError(f"{model.name}: count: wanted a whole number >= 0, got {count}")
        index += [number(model)] * int(count)
    rotations, translations = [np.empty((0, 3, 3))], [np.empty((0, 3))]
    for model, transforms in poses:
        index += [number(model)] * len(transforms)
        rotations.append(transforms.rotations)
        translations.append(transforms.translations)
    given = RigidTransforms(
        rotations=np.concatenate(rotations), translations=np.concatenate(translations)
    )
    return tuple(models), np.array(index, dtype=np.int64), given


def _start_box(
    models: tuple[BallModel, ...],
    species_index: np.ndarray,
    extent: float | Sequence[float] | None,
) -> np.ndarray:
    if extent is not None:
        box = np.array(frozen(np.broadcast_to(strip(extent), 3), "extent", (3,)))
        if (box <= 0).any():
            raise ValueError(f"extent: wanted positive lengths, got {box.min():g}")
        return box
    radii = np.array([model.radius for model in models])[species_index]
    spheres = (4 / 3 * np.pi * radii**3).sum()
    return np.full(3, max((spheres / _DISPERSED_FRACTION) ** (1 / 3), 2.2 * radii.max()))


def _edges(box: np.ndarray) -> str:
    return " x ".join(f"{edge:.4g}" for edge in box)


class _Insertion:
    """The instances placed so far, and the test whether one more touches them."""

    def __init__(
        self,
        models: tuple[BallModel, ...],
        species_index: np.ndarray,
        given: RigidTransforms,
        boundary: Boundary,
        obstacle: Obstacle | None,
    ) -> None:
        n = len(species_index)
        self.boundary = boundary
        reach = max(float(model.radii.max()) for model in models)
        self.depths = None if obstacle is None else ObstacleDepth(obstacle, reach)
        self.models = models
        self.species_index = species_index
        self.reach = np.array([model.radius for model in models])[species_index]
        self.rotations = np.tile(np.eye(3), (n, 1, 1))
        self.translations = np.zeros((n, 3))
        self.balls: list[np.ndarray] = [np.empty((0, 3))] * n
        self.placed = np.zeros(n, bool)
        self.placed_free = 0
        for i, transform in enumerate(given, start=n - len(given)):
            balls = transform.apply(self._model(i).positions)[0]
            if self._blocked(i, balls):
                raise PlacementError(
                    f"poses: instance {i + 1} ({self._model(i).name}) stands in the obstacle or a "
                    "wall"
                )
            touched = self._touches(i, balls, transform.translations[0])
            if touched is not None:
                raise PlacementError(
                    f"poses: instance {i + 1} ({self._model(i).name}) overlaps "
                    f"instance {touched + 1} ({self._model(touched).name})"
                )
            self._take(i, transform.rotations[0], transform.translations[0], balls)

    def _model(self, instance: int) -> BallModel:
        return self.models[self.species_index[instance]]

    def fill(self, n_free: int, box: np.ndarray, rng: np.random.Generator) -> int | None:
        """Insert the first `n_free` instances, largest first; return one that found no place."""
        for i in np.argsort(-self.reach[:n_free], kind="stable"):
            if not self._insert(int(i), box, rng):
                return int(i)
            self.placed_free += 1
        return None

    def _insert(self, i: int, box: np.ndarray, rng: np.random.Generator) -> bool:
        model = self._model(i)
        quaternions = rng.standard_normal((_TRIES, 4))
        places = rng.random((_TRIES, 3))
        rotations = Rotation.from_quat(quaternions).as_matrix()
        turned = np.einsum("tij,bj->tbi", rotations, model.positions)
        low = (model.radii[:, None] - turned).max(axis=1) - box / 2
        high = box / 2 - (model.radii[:, None] + turned).max(axis=1)
        if not isinstance(self.boundary, Open):
            # Along periodic axes an instance may reach over the box's edge, but not to itself.
            fits = (low <= high).all(axis=1)
            low = np.where(self.boundary.periodic, -box / 2, low)
            high = np.where(self.boundary.periodic, box / 2, high)
            high[~fits] = -np.inf
        fitting = (high >= low).all(axis=1)
        centres = low + places * np.where(fitting[:, None], high - low, 0.0)
        for t in np.flatnonzero(fitting):
            balls = turned[t] + centres[t]
            if self._blocked(i, balls):
                continue
            if self._touches(i, balls, centres[t]) is None:
                self._take(i, rotations[t], centres[t], balls)
                return True
        return False

    def _touches(self, i: int, balls: np.ndarray, centre: np.ndarray) -> int | None:
        """Return an instance that overlaps `balls`, if one does."""
        offset = self.translations - centre
        if not isinstance(self.boundary, Open):
            offset = self.boundary.minimum_image(offset)
        distance = np.linalg.norm(offset, axis=1)
        near = np.flatnonzero(self.placed & (distance < self.reach + self.reach[i]))
        radii = self._model(i).radii
        for j in near.tolist():
            between = balls[:, None] - self.balls[j][None]
            if not isinstance(self.boundary, Open):
                between = self.boundary.minimum_image(between)
            gap = np.linalg.norm(between, axis=2)
            if (gap < radii[:, None] + self._model(j).radii).any():
                return j
        return None

    def _blocked(self, i: int, balls: np.ndarray) -> bool:
        """Return whether balls stand in the obstacle or a slab's walls."""
        radii = self._model(i).radii
        if isinstance(self.boundary, Slab):
            top = self.boundary.box[2] / 2 * (1 + 1e-12)
            if (np.abs(balls[:, 2]) + radii > top).any():
                return True
        if self.depths is None:
            return False
        inside = balls if isinstance(self.boundary, Open) else self.boundary.wrap(balls)
        return bool((self.depths.of(inside, radii) > 0).any())

    def _take(self, i: int, rotation: np.ndarray, centre: np.ndarray, balls: np.ndarray) -> None:
        self.rotations[i] = rotation
        self.translations[i] = centre
        self.balls[i] = balls
        self.placed[i] = True
