"""Counts of molecules: those that fill a box to a fraction, and the instances that they become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import brentq

from ..core import BallModel, Obstacle, Periodic, RigidTransforms, Scene
from ..core.arrays import frozen, positive
from ..core.boundary import Boundary
from ..core.display import short
from ..core.messages import checked_type

TOLERANCE = 0.005
"""How far a fraction may be from the one asked for, relative to it."""


def fit_box(
    volume: float | Sequence[tuple[BallModel, int]],
    *,
    fraction: float,
    shape: Boundary | None = None,
    obstacle: Obstacle | None = None,
    least: Sequence[float] | np.ndarray = (0.0, 0.0, 0.0),
) -> Boundary:
    """Return the box that counts of molecules fill to a fraction.

    Parameters
    ----------
    volume : float or sequence of (BallModel, int)
        Volume of all molecules, nm^3, or the models and how many instances of each.
    fraction : float
        Envelope volume fraction: the molecules' volume over that of the box less the obstacle.
    shape : Periodic or Slab, optional
        A box with the same ratios of edges; a periodic cube when left out.
    obstacle : Obstacle, optional
        Takes its room from the box; it does not grow or shrink with it.
    least : (3,) array, optional
        Shortest edges, nm; where one is reached, the others give way.

    Returns
    -------
    Periodic or Slab

    Raises
    ------
    ValueError
        The fraction is not between 0 and 1, or no box has it.

    Examples
    --------
    >>> fit_box(250.0, fraction=0.25).box
    (10.0, 10.0, 10.0)
    """
    if not isinstance(volume, int | float):
        volume = sum(model.volume * count for model, count in volume)
    fraction = checked_fraction(fraction)
    shape = Periodic(box=(1.0, 1.0, 1.0)) if shape is None else shape
    ratios, floor = np.array(shape.box), frozen(least, "least", (3,))

    def edges(scale: float) -> np.ndarray:
        return np.maximum(scale * ratios, floor)

    def excess(scale: float) -> float:
        return free_volume(shape.with_box(edges(scale)), obstacle) - volume / fraction

    high = 2 * (volume / fraction / ratios.prod()) ** (1 / 3)
    for _ in range(12):
        if excess(high) > 0:
            break
        high *= 2
    low = 1e-3 * high
    if excess(high) <= 0 or excess(low) > 0:
        raise ValueError(
            f"fraction: molecules of {volume:.4g} nm^3 fill no box to {fraction:g} whose edges are "
            f"at least {' x '.join(f'{e:.4g}' for e in floor)} nm and that has the obstacle in it"
        )
    # To the digits that are worth printing.
    return shape.with_box(edges(brentq(excess, low, high, xtol=1e-13 * high)))


def fit_counts(
    abundances: Sequence[tuple[BallModel, float]],
    *,
    fraction: float,
    boundary: Boundary,
    obstacle: Obstacle | None = None,
) -> list[tuple[BallModel, int]]:
    """Return the counts in the ratio of abundances that fill a box to a fraction.

    Parameters
    ----------
    abundances : sequence of (BallModel, float)
        The models and their relative abundances by number.
    fraction : float
        Envelope volume fraction.
    boundary : Periodic or Slab
        The box.
    obstacle : Obstacle, optional
        Takes its room from the box.

    Returns
    -------
    list of (BallModel, int)
        Whole numbers within one of the exact ones, chosen so that the volume comes closest.

    Raises
    ------
    ValueError
        An abundance is not positive, or the box holds too few molecules to come within 0.5 %.

    Examples
    --------
    >>> from openmm_cgpack import Filament
    >>> rod = Filament(n_balls=2).build()
    >>> counts = fit_counts([(rod, 1.0)], fraction=0.1, boundary=Periodic(box=100.0))
    >>> counts[0][1], round(0.1 * 100**3 / rod.volume, 1)
    (995, 994.7)
    """
    fraction = checked_fraction(fraction)
    models = [model for model, _ in abundances]
    shares = np.array([positive(a, f"{m.name}: abundance") for m, a in abundances])
    volumes = np.array([model.volume for model in models])
    wanted = fraction * free_volume(boundary, obstacle)
    exact = shares * wanted / (shares @ volumes)
    counts = np.floor(exact).astype(np.int64)
    # Largest remainder first, as long as that brings the volume closer.
    for s in np.argsort(counts - exact, kind="stable"):
        left = wanted - counts @ volumes
        if abs(left - volumes[s]) < abs(left):
            counts[s] += 1
    check_fraction(
        float(counts @ volumes),
        fraction=fraction,
        boundary=boundary,
        obstacle=obstacle,
        hint="no whole numbers come nearer in so small a box",
    )
    return [(model, int(count)) for model, count in zip(models, counts, strict=True)]


def check_fraction(
    volume: float,
    *,
    fraction: float,
    boundary: Boundary,
    obstacle: Obstacle | None = None,
    hint: str = "leave one of the three out",
) -> None:
    """Raise ValueError unless molecules of a volume, nm^3, fill a box to a fraction, to 0.5 %.

    The message shows the arithmetic, and ends with a hint at what to do.
    """
    fraction = checked_fraction(fraction)
    free = free_volume(boundary, obstacle)
    got = volume / free
    if abs(got - fraction) > TOLERANCE * fraction:
        edges = " x ".join(f"{edge:.4g}" for edge in boundary.box)
        blocked = boundary.volume - free
        less = f" - {blocked:.4g} of the obstacle" if blocked else ""
        raise ValueError(
            f"counts, box and fraction contradict one another: molecules of {volume:.4g} nm^3 in "
            f"{edges} = {boundary.volume:.4g} nm^3{less} are a fraction of {got:.4g}, not "
            f"{fraction:g}; {hint}"
        )


def free_volume(boundary: Boundary, obstacle: Obstacle | None) -> float:
    """Return the volume of a box less the obstacle in it, nm^3."""
    return boundary.volume - (0.0 if obstacle is None else obstacle.volume_in(boundary.box))


def checked_fraction(fraction: float) -> float:
    """Return a volume fraction as a float, or raise ValueError unless it is between 0 and 1."""
    number = positive(fraction, "fraction")
    if number >= 1:
        raise ValueError(f"fraction: wanted a number between 0 and 1, got {number:g}")
    return number


_PAIRS = "; wanted pairs of a BallModel and how many of it, as in [(model, 3)]"
_BUILD = "; its build() makes the model"


class Instances:
    """What is to be put into a scene, and where it has been put so far.

    Instances are numbered species by species in the order of `counts`; those of `poses` follow.
    """

    def __init__(
        self,
        counts: Sequence[tuple[BallModel, int]],
        poses: Sequence[tuple[BallModel, RigidTransforms]],
    ) -> None:
        self.models: list[BallModel] = []
        species: list[int] = []
        checked_type("counts", counts, Iterable, _PAIRS)
        for pair in counts:
            if not (isinstance(pair, tuple | list) and len(pair) == 2):
                raise TypeError(f"counts: got {short(pair)}{_PAIRS}")
            model, count = pair
            checked_type("counts", model, BallModel, _BUILD if hasattr(model, "build") else "")
            if int(count) != count or count < 0:
                raise ValueError(f"{model.name}: count: wanted a whole number >= 0, got {count}")
            species += [self._number(model)] * int(count)
        self.n_free = len(species)
        rotations = [np.tile(np.eye(3), (self.n_free, 1, 1))]
        translations = [np.zeros((self.n_free, 3))]
        for model, transforms in poses:
            species += [self._number(model)] * len(transforms)
            rotations.append(transforms.rotations)
            translations.append(transforms.translations)
        if not species:
            raise ValueError("counts: wanted at least one instance, got none")
        self.species_index = np.array(species, dtype=np.int64)
        self.rotations = np.concatenate(rotations)
        self.translations = np.concatenate(translations)
        self.reach = np.array([model.radius for model in self.models])[self.species_index]
        self.volume = float(np.array([m.volume for m in self.models])[self.species_index].sum())

    def _number(self, model: BallModel) -> int:
        """Return the number of a model's species, a new one where it is new."""
        for number, known in enumerate(self.models):
            if known is model:
                return number
        self.models.append(model)
        return len(self.models) - 1

    def model(self, i: int) -> BallModel:
        """Return the model of an instance."""
        return self.models[self.species_index[i]]

    @property
    def given(self) -> range:
        """The instances whose poses are given."""
        return range(self.n_free, len(self.species_index))

    @property
    def largest_first(self) -> list[int]:
        """The instances to be placed, those that reach farthest first."""
        return np.argsort(-self.reach[: self.n_free], kind="stable").tolist()

    def scene(self, boundary: Boundary, obstacle: Obstacle | None, *, fixed: bool) -> Scene:
        """Return the scene, its given instances fixed or not."""
        n = len(self.species_index)
        return Scene(
            species=tuple(self.models),
            species_index=self.species_index,
            transforms=RigidTransforms(rotations=self.rotations, translations=self.translations),
            boundary=boundary,
            fixed=np.arange(n) >= (self.n_free if fixed else n),
            obstacle=obstacle,
        )
