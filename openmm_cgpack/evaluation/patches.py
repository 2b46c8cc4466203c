"""Labelled tomograms, how they are split, and the cubes that networks learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..core.display import described
from ..core.settings import Settings, kind, setting
from ..core.volume import LabelVolume, Volume

TURNS = ((), (0, 1), (0, 2), (1, 2))
"""Axes to flip for the turns by 180° about the axes, which leave a symmetric wedge as it is."""

HELD_OUT = 0.1
"""Share that is held out, as in the paper."""

SEEN = 4096
"""Voxels of a class that are remembered of one tomogram: cubes are put around these."""

Where = tuple[slice, ...]


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledTomogram:
    """A tomogram and the class of every voxel, both on the same voxels.

    Both may be memory-mapped: only the parts that are asked for are then kept in memory.

    Parameters
    ----------
    volume : Volume
        The tomogram.
    labels : LabelVolume
        The species of every voxel, with its names.
    classes : sequence of str or mapping, optional
        The species that are classes, numbered from 1 in this order; all others are background. A
        mapping gives classes by name, and of which species each is. When left out, the classes
        are the species.

    Examples
    --------
    >>> labels = LabelVolume(
    ...     data=np.array([[[0, 1, 2, 3]]]), voxel_size=1.0, origin=(0, 0, 0), names="abc"
    ... )
    >>> volume = Volume(data=np.zeros((1, 1, 4)), voxel_size=1.0, origin=(0, 0, 0))
    >>> held = LabelledTomogram(volume=volume, labels=labels, classes={"x": ("c",), "y": "ab"})
    >>> held.names, held.truth().tolist()
    (('x', 'y'), [[[0, 2, 2, 1]]])
    """

    volume: Volume
    labels: LabelVolume
    classes: Sequence[str] | Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        if self.volume.data.shape != self.labels.data.shape:
            raise ValueError(
                f"labels: wanted the tomogram's shape {self.volume.data.shape}, "
                f"got {self.labels.data.shape}"
            )
        if int(self.labels.data.max()) > len(self.labels.names):
            raise ValueError(
                f"labels: wanted a name for each class, got {len(self.labels.names)} names "
                f"and label {int(self.labels.data.max())}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes from 1 on."""
        return tuple(self.labels.names if self.classes is None else self.classes)

    @cached_property
    def _class_of(self) -> np.ndarray:
        """Class of each label, from 0 on."""
        held = self.classes if isinstance(self.classes, Mapping) else {}
        numbers = {
            species: number
            for number, name in enumerate(self.names, start=1)
            for species in held.get(name, (name,))
        }
        return np.array([0, *(numbers.get(name, 0) for name in self.labels.names)], np.int64)

    @cached_property
    def _scale(self) -> tuple[float, float]:
        data = self.volume.data
        return float(data.mean(dtype=np.float64)), float(data.std(dtype=np.float64))

    def truth(self, where: Where = ()) -> np.ndarray:
        """Return the class of every voxel of a part, int64."""
        return self._class_of[self.labels.data[where]]

    def standardised(self, where: Where = ()) -> np.ndarray:
        """Return a part of the tomogram of mean 0 and variance 1, float32; zeros of a constant."""
        mean, spread = self._scale
        centred = self.volume.data[where] - mean
        return (centred / spread if spread > 0 else centred).astype(np.float32)

    @cached_property
    def voxels(self) -> list[np.ndarray]:
        """Flat indices of voxels of each class from 1 on: all of them, or a fair sample."""
        flat = self.truth().ravel()
        found = []
        for number in range(1, len(self.names) + 1):
            there = np.flatnonzero(flat == number)
            if len(there) > SEEN:
                there = np.random.default_rng(number).choice(there, SEEN, replace=False)
            found.append(there)
        return found

    @cached_property
    def counts(self) -> np.ndarray:
        """Voxels of each class from 0 on."""
        by_label = np.bincount(self.labels.data.ravel(), minlength=len(self._class_of))
        return np.bincount(self._class_of, by_label, len(self.names) + 1).astype(np.int64)


def split_tomograms(
    tomograms: Sequence[LabelledTomogram], *, share: float = HELD_OUT, seed: int
) -> tuple[tuple[LabelledTomogram, ...], tuple[LabelledTomogram, ...]]:
    """Set whole tomograms aside, at random.

    Cubes cut from one tomogram share molecules and noise across their faces; whole tomograms
    share nothing but the species. So nothing of what is set aside is ever seen in training.

    Parameters
    ----------
    tomograms : sequence of LabelledTomogram
        At least two.
    share : float, optional
        Share that is set aside, at least one and not all.
    seed : int
        Chooses them.

    Returns
    -------
    training, held_out : tuples of LabelledTomogram

    Examples
    --------
    >>> volume = Volume(data=np.zeros((4, 4, 4)), voxel_size=1.0, origin=(0, 0, 0))
    >>> labels = LabelVolume(
    ...     data=np.zeros((4, 4, 4), int), voxel_size=1.0, origin=(0, 0, 0), names=("1f1b",)
    ... )
    >>> tomograms = [LabelledTomogram(volume=volume, labels=labels) for _ in range(10)]
    >>> training, held_out = split_tomograms(tomograms, share=0.2, seed=1)
    >>> len(training), len(held_out)
    (8, 2)
    """
    n = len(tomograms)
    if n < 2:
        raise ValueError(f"tomograms: wanted at least 2, got {n}")
    if not 0 < share < 1:
        raise ValueError(f"share: wanted a number between 0 and 1, got {share:g}")
    k = min(max(1, round(share * n)), n - 1)
    aside = set(np.random.default_rng(seed).permutation(n)[:k].tolist())
    return (
        tuple(t for i, t in enumerate(tomograms) if i not in aside),
        tuple(t for i, t in enumerate(tomograms) if i in aside),
    )


class Cubes(Settings, family=True):
    """Which cubes of tomograms a network is shown.

    A kind of it overrides `number` and `place`.
    """

    kinds: ClassVar[dict[str, type[Cubes]]]  # type: ignore[assignment]

    edge: int = setting("edge of a cube", unit="voxels", default=32, minimum=1)

    def number(self, tomograms: Sequence[LabelledTomogram]) -> int:
        """Return how many cubes an epoch has."""
        raise NotImplementedError

    def place(
        self, tomograms: Sequence[LabelledTomogram], number: int, rng: np.random.Generator
    ) -> tuple[int, np.ndarray, tuple[int, ...]]:
        """Return of which tomogram a cube is, its first voxel, and the axes it is flipped along."""
        raise NotImplementedError


@kind("random")
class RandomCubes(Cubes):
    """Cubes at random, most of them around a voxel of a class, all classes alike.

    Examples
    --------
    >>> RandomCubes(edge=48).focus
    0.7
    """

    per_epoch: int = setting("cubes of an epoch", default=96, minimum=1)
    focus: float = setting(
        "share of the cubes that are put around a voxel of a class other than background, all "
        "classes alike; the others are put anywhere",
        default=0.7,
        minimum=0,
        maximum=1,
    )
    turned: bool = setting(
        "whether cubes are turned by 180° about an axis, at random, which leaves a symmetric "
        "wedge and the handedness of molecules as they are",
        default=True,
    )

    def number(self, tomograms: Sequence[LabelledTomogram]) -> int:
        """Return how many cubes an epoch has."""
        return self.per_epoch

    def place(
        self, tomograms: Sequence[LabelledTomogram], number: int, rng: np.random.Generator
    ) -> tuple[int, np.ndarray, tuple[int, ...]]:
        """Return of which tomogram a cube is, its first voxel, and the axes it is flipped along."""
        which, centre = self._centre(tomograms, rng)
        room = np.array(tomograms[which].volume.data.shape) - self.edge
        if centre is None:
            corner = rng.integers(room + 1)
        else:
            corner = (centre - rng.integers(self.edge, size=3)).clip(0, room)
        return which, corner, TURNS[rng.integers(len(TURNS))] if self.turned else ()

    def _centre(
        self, tomograms: Sequence[LabelledTomogram], rng: np.random.Generator
    ) -> tuple[int, np.ndarray | None]:
        """Return a tomogram, and the voxel that a cube is to hold, if any."""
        counts = np.array([held.counts[1:] for held in tomograms])
        there = np.flatnonzero(counts.any(axis=0))
        if len(there) and rng.random() < self.focus:
            number = rng.choice(there)
            share = counts[:, number] / counts[:, number].sum()
            which = int(rng.choice(len(tomograms), p=share))
            held = tomograms[which]
            voxel = rng.choice(held.voxels[number])
            return which, np.array(np.unravel_index(voxel, held.labels.data.shape))
        return int(rng.integers(len(tomograms))), None


@kind("grid")
class GridCubes(Cubes):
    """Cubes side by side that fill every tomogram; the last ones are moved back into it.

    Examples
    --------
    >>> GridCubes(edge=48, overlap=8).overlap
    8
    """

    overlap: int = setting("how far neighbours overlap", unit="voxels", default=0, minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.overlap >= self.edge:
            raise ValueError(f"overlap: wanted less than the edge {self.edge}, got {self.overlap}")

    def _lattice(self, held: LabelledTomogram) -> tuple[int, ...]:
        """Return how many cubes a tomogram has along each axis."""
        step = self.edge - self.overlap
        return tuple(-(-(n - self.edge) // step) + 1 for n in held.volume.data.shape)

    def number(self, tomograms: Sequence[LabelledTomogram]) -> int:
        """Return how many cubes an epoch has."""
        return sum(int(np.prod(self._lattice(held))) for held in tomograms)

    def place(
        self, tomograms: Sequence[LabelledTomogram], number: int, rng: np.random.Generator
    ) -> tuple[int, np.ndarray, tuple[int, ...]]:
        """Return of which tomogram a cube is, its first voxel, and the axes it is flipped along."""
        lattices = [self._lattice(held) for held in tomograms]
        ends = np.cumsum([np.prod(lattice) for lattice in lattices])
        which = int(np.searchsorted(ends, number, side="right"))
        within = number - (int(ends[which - 1]) if which else 0)
        step = np.array(np.unravel_index(within, lattices[which]))
        room = np.array(tomograms[which].volume.data.shape) - self.edge
        return which, np.minimum(step * (self.edge - self.overlap), room), ()


@described
class Patches:
    """Cubes of labelled tomograms as a map-style dataset of PyTorch.

    A cube depends on the seed, the epoch and its number alone, not on who loads it: any
    ``torch.utils.data.DataLoader`` takes it, with as many workers as you like.

    Parameters
    ----------
    tomograms : sequence of LabelledTomogram
        All with the same classes.
    cubes : Cubes, optional
        Which cubes: `RandomCubes` or `GridCubes`.
    transform : callable, optional
        Called with each item, as MONAI's dictionary transforms are.
    seed : int, optional
        Seed of random cubes.

    Examples
    --------
    >>> volume = Volume(data=np.ones((9, 9, 9)), voxel_size=1.0, origin=(0, 0, 0))
    >>> labels = LabelVolume(
    ...     data=np.ones((9, 9, 9), int), voxel_size=1.0, origin=(0, 0, 0), names=("1f1b",)
    ... )
    >>> tomogram = LabelledTomogram(volume=volume, labels=labels)
    >>> patches = Patches([tomogram], GridCubes(edge=4))
    >>> len(patches), patches.cube(0)["image"].shape
    (27, (1, 4, 4, 4))
    """

    def __init__(
        self,
        tomograms: Sequence[LabelledTomogram],
        cubes: Cubes = RandomCubes(),
        *,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        seed: int = 0,
    ) -> None:
        self.tomograms = tuple(tomograms)
        self.names = class_names(self.tomograms)
        for held in self.tomograms:
            if min(held.volume.data.shape) < cubes.edge:
                raise ValueError(
                    f"edge: wanted at most the tomograms' shortest edge, "
                    f"{min(held.volume.data.shape)} voxels, got {cubes.edge}"
                )
        self.cubes, self.transform, self.seed, self.epoch = cubes, transform, seed, 0

    def summary(self) -> str:
        """Return what the repr says."""
        return f"{len(self)} cubes of {len(self.tomograms)} tomograms, {', '.join(self.names)}"

    def __len__(self) -> int:
        return self.cubes.number(self.tomograms)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch follows, 0 at first: random cubes are others in each."""
        self.epoch = epoch

    def cube(self, number: int) -> dict[str, np.ndarray]:
        """Return a cube by its number: ``image`` (1, z, y, x) float32 and ``label`` alike, int64.

        The tomogram is standardised; the labels are classes, 0 the background.
        """
        sequence = np.random.SeedSequence(self.seed, spawn_key=(self.epoch, number))
        rng = np.random.default_rng(sequence)
        which, corner, turn = self.cubes.place(self.tomograms, number, rng)
        where = tuple(slice(int(a), int(a) + self.cubes.edge) for a in corner)
        held = self.tomograms[which]
        pair = {"image": held.standardised(where), "label": held.truth(where)}
        return {name: np.flip(part, turn)[None].copy() for name, part in pair.items()}

    def __getitem__(self, number: int) -> Any:
        """Return a cube, see `cube`, as tensors, or what the transform makes of it."""
        from .segmentation_network import require_torch

        if not 0 <= number < len(self):
            raise IndexError(f"wanted a number from 0 to {len(self) - 1}, got {number}")
        torch = require_torch()
        item = {name: torch.from_numpy(part) for name, part in self.cube(number).items()}
        return item if self.transform is None else self.transform(item)


def class_names(tomograms: Sequence[LabelledTomogram]) -> tuple[str, ...]:
    """Return the names of the classes of tomograms; ValueError where they differ."""
    if not tomograms:
        raise ValueError("tomograms: wanted at least one, got none")
    names = tomograms[0].names
    for held in tomograms:
        if held.names != names:
            raise ValueError(
                f"labels: wanted the same classes in all, got {names} and {held.names}"
            )
    return names


def class_weights(tomograms: Sequence[LabelledTomogram], *, balance: float) -> np.ndarray:
    """Return the weight of each class in the loss, (c,) float32; see `Training.balance`.

    Their mean over all voxels is 1; classes without voxels have 0.
    """
    counts = np.sum([held.counts for held in tomograms], axis=0)
    share = counts / counts.sum()
    there = share > 0
    weights = np.zeros(len(share))
    weights[there] = share[there] ** -balance
    return (weights / (weights * share).sum()).astype(np.float32)
