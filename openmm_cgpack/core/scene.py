"""Instances of models in space, before and after packing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .arrays import freeze, noun
from .boundary import Boundary, Open
from .display import Rows
from .messages import checked_type
from .model import BallModel
from .transforms import RigidTransforms
from .volume import LabelVolume, Obstacle, Volume

_LOOSE = 1.0
"""How much farther apart than touching joined balls are at the start, and may meet later, nm."""


@noun
class Links:
    """Bonds between balls of two instances, ``k/2 max(0, abs(r - r0) - slack)²``.

    A link without slack joins its two instances to one body, as a protein and the membrane that it
    sits in: they do not push each other apart, and where both have density, the rigid one has the
    room. A link with slack is a leash: it keeps the two within ``r0 + slack`` of each other.

    Parameters
    ----------
    pairs : (k, 2) int array
        Balls of the scene.
    lengths, constants, slacks : (k,) arrays
        r0, nm; k, kJ/mol/nm²; and the slack, nm.

    Examples
    --------
    >>> leash = Links(pairs=[[0, 7]], lengths=[5.0], constants=[100.0], slacks=[5.0])
    >>> leash.joined.tolist(), len(Links())
    ([False], 0)
    """

    pairs: np.ndarray = ()  # type: ignore[assignment]
    lengths: np.ndarray = ()  # type: ignore[assignment]
    constants: np.ndarray = ()  # type: ignore[assignment]
    slacks: np.ndarray = ()  # type: ignore[assignment]

    def __post_init__(self) -> None:
        freeze(self, "links", np.int64, pairs=(None, 2))
        n = len(self.pairs)
        freeze(self, "links", lengths=(n,), constants=(n,), slacks=(n,))

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def joined(self) -> np.ndarray:
        """Which links join their two instances, (k,) bool."""
        return self.slacks == 0


@noun
class Scene:
    """Instances of species, each with its starting pose.

    Ball i of the scene is atom i of the topology and particle i of the System, always; instances
    follow one another, and each has its balls in the order of its model.

    Parameters
    ----------
    species : tuple of BallModel
        The species, each once; names are unique.
    species_index : (n,) int array
        Species of each instance.
    transforms : RigidTransforms
        Pose of each instance: its model's body frame in the scene.
    boundary : Open, Periodic or Slab
        Where the scene ends.
    fixed : (n,) bool array, optional
        Instances that no protocol moves; none when left out.
    obstacle : Obstacle, optional
        Where nothing may be.
    placed : (b, 3) array, optional
        Where the balls start, nm, where instances are not as their models are at rest, as bent
        filaments; the models at their poses when left out.
    links : Links, optional
        Bonds between balls of two instances.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> scene.n_instances, scene.n_balls, scene.balls(1)
    (3, 15, slice(5, 10, None))
    >>> scene.ball_name(7)
    'ball 3 of instance 2 (filament)'
    """

    species: tuple[BallModel, ...]
    species_index: np.ndarray
    transforms: RigidTransforms
    boundary: Boundary = field(default_factory=Open)
    fixed: np.ndarray = None  # type: ignore[assignment]
    obstacle: Obstacle | None = None
    placed: np.ndarray | None = None
    links: Links = Links()

    def __post_init__(self) -> None:
        species = tuple(self.species)
        n = len(self.transforms)
        freeze(self, dtype=np.int64, species_index=(n,))
        index = self.species_index
        if index.size == 0:
            raise ValueError("scene: wanted at least one instance, got none")
        if not (index.min() >= 0 and index.max() < len(species)):
            raise ValueError(f"species_index: wanted 0 to {len(species) - 1}, got {index.max()}")
        names = [model.name for model in species]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"species: the name {name!r} stands for {names.count(name)} models"
                )
        object.__setattr__(self, "species", species)
        if self.fixed is None:
            object.__setattr__(self, "fixed", np.zeros(n, bool))
        freeze(self, dtype=np.bool_, fixed=(n,))
        if self.placed is not None:
            freeze(self, placed=(self.n_balls, 3))
        pairs = self.links.pairs
        if pairs.size and not (pairs.min() >= 0 and pairs.max() < self.n_balls):
            raise ValueError(f"links: pairs: wanted balls 0 to {self.n_balls - 1}")

    def summary(self) -> str:
        """Return what the repr says."""
        species = f"{self.n_instances} instances of {len(self.species)} species"
        return f"{species}, {self.n_balls} balls, {self.boundary}"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table: how many there are of each species."""
        counts = np.bincount(self.species_index, minlength=len(self.species)).tolist()
        return [
            (model.name, f"{count} x {model.n_balls} balls", f"{model.volume:.4g} nm³ each")
            for model, count in zip(self.species, counts, strict=True)
        ]

    @property
    def n_instances(self) -> int:
        """Number of instances."""
        return len(self.species_index)

    @property
    def n_balls(self) -> int:
        """Number of balls of all instances."""
        return int(self.offsets[-1])

    def model(self, instance: int) -> BallModel:
        """Return the model of an instance (counted from 0)."""
        return self.species[self.species_index[instance]]

    def balls(self, instance: int) -> slice:
        """Return the slice of the scene's balls that belong to an instance."""
        return slice(int(self.offsets[instance]), int(self.offsets[instance + 1]))

    @property
    def volume(self) -> float:
        """Volume of what all instances stand for, nm^3."""
        volumes = np.array([model.volume for model in self.species])
        return float(volumes[self.species_index].sum())

    @cached_property
    def offsets(self) -> np.ndarray:
        """First ball of each instance, and the number of balls at the end: (n + 1,)."""
        sizes = np.array([model.n_balls for model in self.species])[self.species_index]
        return np.concatenate([[0], np.cumsum(sizes)])

    @cached_property
    def instance_of_ball(self) -> np.ndarray:
        """Instance of each ball, (b,)."""
        return np.repeat(np.arange(self.n_instances), np.diff(self.offsets))

    @cached_property
    def positions(self) -> np.ndarray:
        """Ball centres at the start, (b, 3) nm."""
        if self.placed is not None:
            return self.placed
        positions = np.empty((self.n_balls, 3))
        for s, model in enumerate(self.species):
            members = np.flatnonzero(self.species_index == s)
            rows = self.offsets[members][:, None] + np.arange(model.n_balls)
            positions[rows] = self.transforms[members].apply(model.positions)
        return positions

    @cached_property
    def radii(self) -> np.ndarray:
        """Ball radii, (b,) nm."""
        return np.concatenate([self.model(i).radii for i in range(self.n_instances)])

    @cached_property
    def masses(self) -> np.ndarray:
        """Ball masses, (b,) Da."""
        return np.concatenate([self.model(i).masses for i in range(self.n_instances)])

    @cached_property
    def bonds(self) -> np.ndarray:
        """Bonds of all instances as pairs of balls, (m, 2)."""
        pairs = [self.model(i).bonds + self.offsets[i] for i in range(self.n_instances)]
        return np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)

    @property
    def skeleton(self) -> np.ndarray:
        """Pairs of balls that hold the instances together, (m, 2): `BallModel.skeleton` of each."""
        pairs = [model.skeleton for model in self.species]
        held = [pairs[s] + self.offsets[i] for i, s in enumerate(self.species_index)]
        return np.concatenate(held)

    @cached_property
    def exclusions(self) -> np.ndarray:
        """Pairs of balls that do not push each other apart though no bond joins them, (q, 2).

        Those of the models, and of instances that links join the pairs that meet at the start.
        """
        pairs = [self.model(i).exclusions + self.offsets[i] for i in range(self.n_instances)]
        for one, other in self.partners.tolist():
            mine, theirs = (np.arange(self.n_balls)[self.balls(i)] for i in (one, other))
            offset = self.positions[mine][:, None] - self.positions[theirs]
            distance = np.linalg.norm(self.boundary.minimum_image(offset), axis=2)
            meets = distance < self.radii[mine][:, None] + self.radii[theirs] + _LOOSE
            i, j = np.nonzero(meets)
            pairs.append(np.stack([mine[i], theirs[j]], axis=1))
        return np.concatenate(pairs)

    @cached_property
    def partners(self) -> np.ndarray:
        """Pairs of instances that links join, (j, 2), each once, the lower number first."""
        joined = self.links.pairs[self.links.joined]
        pairs = np.sort(self.instance_of_ball[joined], axis=1)
        return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)

    def are_partners(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return whether links join instances to others, two arrays of one shape, as bool."""
        n = self.n_instances
        number = np.minimum(one, other) * n + np.maximum(one, other)
        return np.isin(number, self.partners[:, 0] * n + self.partners[:, 1])

    def ball_name(self, ball: int) -> str:
        """Return words for a ball: its number, instance and species, counted from 1."""
        instance = int(self.instance_of_ball[ball])
        number = ball - int(self.offsets[instance]) + 1
        return f"ball {number} of instance {instance + 1} ({self.model(instance).name})"


@noun
class History:
    """What a packing measured on its way, one row a block of steps.

    Parameters
    ----------
    step : (t,) int array
        Step of the dynamics.
    radius_of_gyration : (t,) array
        Of all balls about their mean, nm.
    fraction : (t,) array
        Volume of what is packed over that of the box less the obstacle; of an open scene, over
        that of the sphere with the same radius of gyration.
    overlap, energy : (t,) arrays
        Deepest overlap of two instances' balls, 1 - distance / (sum of radii), 0 for none; and
        potential energy, kJ/mol.

    Examples
    --------
    >>> from openmm_cgpack import Filament, as_packed, place
    >>> history = as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1)).history
    >>> history.step.tolist(), history.overlap.tolist()
    ([0], [0.0])
    """

    step: np.ndarray
    radius_of_gyration: np.ndarray
    fraction: np.ndarray
    overlap: np.ndarray
    energy: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.step)
        freeze(self, dtype=np.int64, step=(n,))
        freeze(self, radius_of_gyration=(n,), fraction=(n,), overlap=(n,), energy=(n,))

    def __len__(self) -> int:
        return len(self.step)

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self)} rows" + (f", to step {self.step[-1]}" if len(self) else "")


@noun
class PackedScene:
    """A scene after packing.

    Parameters
    ----------
    scene : Scene
        The scene as it was placed.
    positions : (b, 3) array
        Final ball centres, nm.
    boundary : Open, Periodic or Slab
        The boundary at the end.
    history : History
        What was measured on the way.
    provenance : dict
        Seeds, platform, versions and settings; plain JSON types.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Pull, pack_scene, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> packed = pack_scene(scene, Pull(max_steps=100, relax_steps=50), seed=1)
    >>> packed.positions.shape, packed.boundary
    ((15, 3), Open())
    >>> bool(np.array_equal(packed.scene.positions, scene.positions))
    True
    """

    scene: Scene
    positions: np.ndarray
    boundary: Boundary
    history: History
    provenance: dict[str, Any] = field(default_factory=dict)

    viewer: ClassVar[Callable[..., Any]]
    """What `view` calls: what draws stands above the nouns, and puts itself here."""

    def __post_init__(self) -> None:
        freeze(self, positions=(self.scene.n_balls, 3))

    def view(
        self,
        *,
        density: Volume | None = None,
        labels: LabelVolume | None = None,
        tomogram: Volume | None = None,
        progress: bool = True,
    ) -> Any:
        """Return a view that one can turn, in a notebook and as a page: see `openmm_cgpack.view`.

        >>> from openmm_cgpack import Filament, as_packed, place
        >>> packed = as_packed(place([(Filament(n_balls=5).build(), 3)], seed=1))
        >>> packed.view()  # doctest: +SKIP
        View(3 instances of 1 species; save(path) writes it as a page)
        """
        return self.viewer(
            self, density=density, labels=labels, tomogram=tomogram, progress=progress
        )

    def summary(self) -> str:
        """Return what the repr says."""
        start = f"{self.scene.n_instances} instances of {len(self.scene.species)} species"
        return f"{start}, {self.scene.n_balls} balls, {self.boundary}, {self.history!r}"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table: what was measured last, and the species."""
        history, rows = self.history, []
        if len(history):
            rows = [
                ("volume fraction", f"{history.fraction[-1]:.4f}"),
                ("radius of gyration", f"{history.radius_of_gyration[-1]:.1f} nm"),
                ("deepest overlap of balls", f"{100 * history.overlap[-1]:.1f} %"),
            ]
        return [*rows, *self.scene.facts()]


def check_packed(packed: Any) -> None:
    """Raise TypeError unless something is a packed scene.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> check_packed(place([(Filament(n_balls=5).build(), 1)], seed=1))
    Traceback (most recent call last):
        ...
    TypeError: packed: wanted a PackedScene, got a value of Scene; pack it, or take as_packed(scene)
    """
    hint = "; pack it, or take as_packed(scene)" if isinstance(packed, Scene) else ""
    checked_type("packed", packed, PackedScene, hint)
