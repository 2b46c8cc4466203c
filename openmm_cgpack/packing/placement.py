"""The scene at its start: dispersed, or inserted into a box as far as that is easy.

A dispersed start has every instance at a random place and rotation, none overlapping another, by
random sequential addition of balls: a molecule is tried at random places until it touches none of
those before it. That is right for dilute starts, which the pull then draws together; see `addition`
for boxes that start as full as random placement allows.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from ..core import BallModel, Obstacle, Open, PlacementError, RigidTransforms, Scene
from ..core.boundary import Boundary, check_boundary
from ..core.progress import progress_shown, tracked
from ..core.runtime import seed_sequence
from ..core.settings import Settings, checked_settings, setting
from .addition import Insertion, insert, insert_easily
from .counts import Instances, check_fraction, fit_box, fit_counts
from .surfaces import Limits

_TRIES = 200
_GROWTH = 1.1
_LARGEST_GROWTH = 10.0
_DISPERSED_FRACTION = 0.15
_ROUNDING = 1e-9
_FILL = (
    'counts = "relative" in [start] makes as many as fill the box, in the ratio of the counts; or '
    "leave box or fraction out"
)


class Placement(Settings):
    """Where molecules may start in an open scene."""

    extent: float | tuple[float, float, float] | None = setting(
        "edge or edges of the box, centred on 0, that holds all balls at the start; left out, the "
        "molecules' enclosing spheres fill about 15 % of it",
        unit="nm",
        default=None,
        above=0,
        usual=(5, 3000),
    )
    grow: bool = setting(
        "whether a box too small is enlarged, with a warning that says so", default=True
    )


def place(
    counts: Sequence[tuple[BallModel, int]],
    placement: Placement = Placement(),
    *,
    boundary: Boundary = Open(),
    poses: Sequence[tuple[BallModel, RigidTransforms]] = (),
    fixed: bool = False,
    obstacle: Obstacle | None = None,
    seed: int | np.random.SeedSequence,
    progress: bool = True,
) -> Scene:
    """Place instances at random, dispersed, without overlaps.

    Random sequential addition, the largest first: a uniform position in the box around 0 and a
    uniform rotation, accepted when no ball touches another instance's. Filaments start straight and
    membranes flat. Instances are numbered species by species in the order of `counts`; those of
    `poses` follow.

    Parameters
    ----------
    counts : sequence of (BallModel, int)
        The models, and how many instances of each.
    placement : Placement, optional
        The box of an open scene's start.
    boundary : Open, Periodic or Slab, optional
        Where the scene ends. A Periodic or Slab box is where they are placed; it does not grow.
        Balls do not overlap others' images.
    poses : sequence of (BallModel, RigidTransforms), optional
        Instances that start where the user puts them.
    fixed : bool, optional
        Whether those of `poses` stay there in all later protocols.
    obstacle : Obstacle, optional
        Where nothing may be.
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
        A count is negative or not whole, there is nothing to place, or `placement` has an extent
        beside a boundary that is a box.
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
    check_boundary(boundary)
    checked_settings("placement", placement, Placement)
    if placement.extent is not None and boundary.bounded:
        raise ValueError("extent: is for an Open boundary; a Periodic or Slab box is the extent")
    instances = Instances(counts, poses)
    first_box = box = (
        np.array(boundary.box) if boundary.bounded else _start_box(instances, placement.extent)
    )
    grow = placement.grow and not boundary.bounded
    rng = np.random.default_rng(seed_sequence(seed))
    while True:
        placing = _Placing(instances, boundary, obstacle)
        with progress_shown(progress):
            stuck = placing.fill(box, rng)
        if stuck is None:
            break
        if not grow or (box / first_box).max() >= _LARGEST_GROWTH:
            n_placed = int(placing.placed[: instances.n_free].sum())
            raise PlacementError(
                f"no room: {n_placed} of {instances.n_free} instances fit into {_edges(box)} nm "
                f"without overlaps; {instances.model(stuck).name} found no place in {_TRIES} "
                "tries; give more room or fewer instances"
                + (", or use insert" if boundary.bounded else "")
            )
        box = box * _GROWTH
    if placement.extent is not None and (box > first_box).any():
        warnings.warn(
            f"the molecules do not fit into {_edges(first_box)} nm without overlaps; "
            f"the start was enlarged to {_edges(box)} nm",
            stacklevel=2,
        )
    return instances.scene(boundary, obstacle, fixed=fixed)


def _start_box(
    instances: Instances, extent: float | tuple[float, float, float] | None
) -> np.ndarray:
    if extent is not None:
        return np.array(np.broadcast_to(extent, 3))
    radii = instances.reach
    spheres = (4 / 3 * np.pi * radii**3).sum()
    return np.full(3, max((spheres / _DISPERSED_FRACTION) ** (1 / 3), 2.2 * radii.max()))


def _edges(box: np.ndarray) -> str:
    return " x ".join(f"{edge:.4g}" for edge in box)


class _Placing:
    """The instances placed so far, and the test whether one more touches them."""

    def __init__(self, instances: Instances, boundary: Boundary, obstacle: Obstacle | None) -> None:
        self.instances = instances
        self.boundary = boundary
        reach = max(float(model.radii.max()) for model in instances.models)
        self.limits = Limits(boundary, obstacle, reach)
        self.balls: dict[int, np.ndarray] = {}
        self.placed = np.zeros(len(instances.species_index), bool)
        for i in instances.given:
            model, centre = instances.model(i), instances.translations[i]
            balls = model.positions @ instances.rotations[i].T + centre
            where = f"poses: instance {i + 1} ({model.name})"
            if self._blocked(i, balls):
                raise PlacementError(f"{where} stands in the obstacle or a wall")
            touched = self._touches(i, balls, centre)
            if touched is not None:
                other = instances.model(touched).name
                raise PlacementError(f"{where} overlaps instance {touched + 1} ({other})")
            self.balls[i], self.placed[i] = balls, True

    def fill(self, box: np.ndarray, rng: np.random.Generator) -> int | None:
        """Place the instances, the largest first; return one that found no place."""
        order = tracked(self.instances.largest_first, "placing")
        return next((i for i in order if not self._place(i, box, rng)), None)

    def _place(self, i: int, box: np.ndarray, rng: np.random.Generator) -> bool:
        model = self.instances.model(i)
        quaternions = rng.standard_normal((_TRIES, 4))
        places = rng.random((_TRIES, 3))
        rotations = Rotation.from_quat(quaternions).as_matrix()
        turned = np.einsum("tij,bj->tbi", rotations, model.positions)
        low = (model.radii[:, None] - turned).max(axis=1) - box / 2
        high = box / 2 - (model.radii[:, None] + turned).max(axis=1)
        fits = (low <= high).all(axis=1)
        # Along periodic axes an instance may reach over the box's edge, but not to itself.
        low = np.where(self.boundary.periodic, -box / 2, low)
        high = np.where(self.boundary.periodic, box / 2, high)
        centres = low + places * np.where(fits[:, None], high - low, 0.0)
        for t in np.flatnonzero(fits):
            balls = turned[t] + centres[t]
            if not self._blocked(i, balls) and self._touches(i, balls, centres[t]) is None:
                self.instances.rotations[i] = rotations[t]
                self.instances.translations[i] = centres[t]
                self.balls[i], self.placed[i] = balls, True
                return True
        return False

    def _touches(self, i: int, balls: np.ndarray, centre: np.ndarray) -> int | None:
        """Return an instance that overlaps `balls`, if one does."""
        reach, radii = self.instances.reach, self.instances.model(i).radii
        offset = self.boundary.minimum_image(self.instances.translations - centre)
        distance = np.linalg.norm(offset, axis=1)
        for j in np.flatnonzero(self.placed & (distance < reach + reach[i])).tolist():
            between = self.boundary.minimum_image(balls[:, None] - self.balls[j][None])
            touch = radii[:, None] + self.instances.model(j).radii
            if (np.linalg.norm(between, axis=2) < touch).any():
                return j
        return None

    def _blocked(self, i: int, balls: np.ndarray) -> bool:
        """Return whether balls stand in the obstacle or a wall, rounding apart."""
        depth, _ = self.limits.depth(balls, self.instances.model(i).radii)
        return bool((depth > _ROUNDING).any())


class Start(Placement):
    """Where the scene ends, and how much of everything it holds.

    Counts, box and volume fraction: two of them give the third.

    Examples
    --------
    >>> from openmm_cgpack.models import Filament
    >>> scene = Start(extent=60.0).scene([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> scene.n_instances, scene.boundary
    (3, Open())
    """

    boundary: Literal["open", "periodic", "slab"] = setting(
        "open: without a box, for the pull; periodic: a box that repeats; slab: one that repeats "
        "along x and y and has walls in z",
        default="open",
    )
    box: float | tuple[float, float, float] | None = setting(
        "edge or edges of the box; left out, a cube that the counts fill to the fraction of [pack]",
        default=None,
        unit="nm",
        above=0,
        usual=(5, 3000),
    )
    counts: Literal["exact", "relative"] = setting(
        "exact: as many instances as said; relative: counts are abundances, and as many instances "
        "are made as fill the box to the fraction of [pack]",
        default="exact",
    )
    insertion: Insertion = setting("how a box is filled", default=Insertion())

    def meaningless(self) -> dict[str, str]:
        """Return what has no use with the boundary."""
        if self.boundary == "open":
            return dict.fromkeys(("box", "counts", "insertion"), 'with boundary = "open"')
        return dict.fromkeys(("extent", "grow"), f'with boundary = "{self.boundary}"')

    @property
    def shape(self) -> Boundary:
        """The boundary, in a box of edge 1 where there is none yet."""
        kind = Boundary.kinds[self.boundary]
        if not kind.bounded:
            return kind()
        edges = np.broadcast_to(1.0 if self.box is None else self.box, 3)
        return kind(box=tuple(edges.tolist()))

    def check(self, fraction: float | None) -> None:
        """Raise ValueError unless the fraction that a protocol aims at goes with the rest."""
        if self.boundary == "open":
            return
        if self.box is None and fraction is None:
            raise ValueError(
                f'boundary: "{self.boundary}" wants a box, or a fraction in [pack], got neither'
            )
        if self.counts == "relative" and (self.box is None or fraction is None):
            raise ValueError('counts: "relative" wants both a box, and a fraction in [pack]')

    def scene(
        self,
        models: list[tuple[BallModel, int]],
        *,
        fraction: float | None = None,
        shrinks: bool = True,
        seed: int | np.random.SeedSequence,
        progress: bool = True,
    ) -> Scene:
        """Return the scene.

        Parameters
        ----------
        models : list of (BallModel, int)
            The models, and how many instances of each, or their abundances.
        fraction : float, optional
            Envelope volume fraction to which it will be packed; what counts and box make when left
            out. An open scene has none.
        shrinks : bool, optional
            Whether the packing shrinks the box to that fraction: then a scene in a box begins at
            no more than a fraction that insertion reaches quickly.
        seed : int or numpy.random.SeedSequence
            Seed of positions and rotations.
        progress : bool, optional
            See `place`.

        Returns
        -------
        Scene

        Raises
        ------
        ValueError
            Counts, box and fraction contradict one another; the message shows the arithmetic.
        PlacementError
            There is no room.
        """
        self.check(fraction)
        box = self.shape
        if not box.bounded:
            return place(models, self, seed=seed, progress=progress)
        models = self.asked(models, fraction=fraction)
        self.check_counts(models, fraction=fraction)
        volume = sum(model.volume * count for model, count in models)
        if self.box is not None:
            # With whole counts the box is exact, and the fraction within half a per cent.
            fraction = volume / box.volume
        assert fraction is not None
        if shrinks:
            with progress_shown(progress):
                return insert_easily(
                    models, self.insertion, fraction=fraction, shape=box, seed=seed
                )
        boundary = fit_box(volume, fraction=fraction, shape=box)
        return insert(models, self.insertion, boundary=boundary, seed=seed, progress=progress)

    def check_counts(
        self, models: Sequence[tuple[BallModel, int]], *, fraction: float | None
    ) -> None:
        """Raise ValueError where exact counts do not fill a given box to a given fraction."""
        if self.box is None or fraction is None or self.counts == "relative":
            return
        volume = sum(model.volume * count for model, count in models)
        check_fraction(volume, fraction=fraction, boundary=self.shape, hint=_FILL)

    def asked(
        self, models: list[tuple[BallModel, int]], *, fraction: float | None
    ) -> list[tuple[BallModel, int]]:
        """Return how many instances of each model are asked for, by counts or by abundances."""
        if self.boundary == "open" or self.counts == "exact":
            return models
        assert fraction is not None
        return fit_counts(models, fraction=fraction, boundary=self.shape)

    def reached(self, scene: Scene, fraction: float | None) -> float | None:
        """Return the fraction of a scene's molecules in the box, or that asked for without one."""
        if self.box is None:
            return fraction
        return scene.volume / float(np.prod(np.broadcast_to(self.box, 3)))
