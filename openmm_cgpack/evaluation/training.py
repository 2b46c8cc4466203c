"""Training the network on generated tomograms."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import positive
from ..core.volume import LabelVolume, Volume
from ..io.atomic import atomic_path
from .fcn import (
    FORMAT,
    SMALL,
    FcnModel,
    FcnSettings,
    new_model,
    read_saved,
    require_torch,
    standardised,
    tile_logits,
)
from .segmentation import SegmentationScores, confusion_matrix

_log = logging.getLogger(__name__)

TURNS = ((), (0, 1), (0, 2), (1, 2))
"""Axes to flip for the turns by 180° about the axes, which leave a symmetric wedge as it is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledTomogram:
    """A tomogram and the class of every voxel.

    Parameters
    ----------
    volume : Volume
        The tomogram.
    labels : LabelVolume
        The classes, on the same voxels, with their names.
    """

    volume: Volume
    labels: LabelVolume

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


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one epoch came to.

    Parameters
    ----------
    number : int
        From 1.
    loss : float
        Mean training loss.
    validation_loss : float
        Loss on the validation tomograms; NaN without any.
    pixel_accuracy, mean_dice : float
        On the validation tomograms; NaN without any.
    """

    number: int
    loss: float
    validation_loss: float
    pixel_accuracy: float
    mean_dice: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A trained model and how it came about.

    Parameters
    ----------
    model : FcnModel
        The model with the lowest loss on the validation tomograms, or without any the lowest
        training loss.
    history : tuple of Epoch
        All epochs.
    best : int
        Number of the epoch that the model is from.
    stopped : bool
        Whether it ended before `max_epochs` because the loss no longer fell.
    """

    model: FcnModel
    history: tuple[Epoch, ...]
    best: int
    stopped: bool


def split_tomograms(
    tomograms: Sequence[LabelledTomogram], *, share: float = 0.1, seed: int
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
        Which.

    Returns
    -------
    training, held_out : tuple of LabelledTomogram
        In the order given.

    Raises
    ------
    ValueError
        There are too few, or the share is not between 0 and 1.

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
        raise ValueError(f"tomograms: wanted at least 2, got {n}; split_volume divides one")
    if not 0 < share < 1:
        raise ValueError(f"share: wanted a number between 0 and 1, got {share:g}")
    k = min(max(1, round(share * n)), n - 1)
    aside = set(np.random.default_rng(seed).permutation(n)[:k].tolist())
    return (
        tuple(t for i, t in enumerate(tomograms) if i not in aside),
        tuple(t for i, t in enumerate(tomograms) if i in aside),
    )


def split_volume(
    tomogram: LabelledTomogram, *, share: float = 0.1, gap_nm: float
) -> tuple[LabelledTomogram, LabelledTomogram]:
    """Cut one tomogram in two across its longest axis, for those who have only one.

    Parameters
    ----------
    tomogram : LabelledTomogram
        The tomogram.
    share : float, optional
        Share of the voxels, at the far end, that is set aside.
    gap_nm : float
        Width of the slab between both parts that is in neither, nm: at least the diameter of
        the largest molecule, so that none is in both.

    Returns
    -------
    training, held_out : LabelledTomogram

    Raises
    ------
    ValueError
        The share is not between 0 and 1, or nothing is left of a part.
    """
    if not 0 < share < 1:
        raise ValueError(f"share: wanted a number between 0 and 1, got {share:g}")
    size = tomogram.volume.voxel_size
    gap = int(np.ceil(positive(gap_nm, "gap_nm", zero=True) / size))
    shape = tomogram.volume.data.shape
    axis = int(np.argmax(shape))
    aside = max(1, round(share * shape[axis]))
    if shape[axis] - aside - gap < 1:
        raise ValueError(f"gap_nm: nothing is left of {shape[axis]} voxels for training")
    parts = []
    for first, last in ((0, shape[axis] - aside - gap), (shape[axis] - aside, shape[axis])):
        cut = tuple(slice(first, last) if k == axis else slice(None) for k in range(3))
        origin = np.array(tomogram.volume.origin)
        origin[2 - axis] += first * size
        volume = dataclasses.replace(tomogram.volume, data=tomogram.volume.data[cut], origin=origin)
        labels = dataclasses.replace(tomogram.labels, data=tomogram.labels.data[cut], origin=origin)
        parts.append(LabelledTomogram(volume=volume, labels=labels))
    return parts[0], parts[1]


def train_fcn(
    training: Sequence[LabelledTomogram],
    *,
    validation: Sequence[LabelledTomogram] = (),
    settings: FcnSettings = SMALL,
    seed: int,
    device: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Trained:
    """Train the network on tomograms whose every voxel is known.

    Cubes are drawn from the tomograms, each brought to zero mean and unit variance, and turned
    by 180° about the axes; the loss is the cross entropy. It ends early when the loss on the
    validation tomograms no longer falls: so they do not count as held out, and what the model
    is scored on in the end has to be in neither of both lists.

    Parameters
    ----------
    training : sequence of LabelledTomogram
        What it learns from; all with the same names of classes.
    validation : sequence of LabelledTomogram, optional
        What decides when it ends and which epoch's model is kept; without any the training loss
        does.
    settings : FcnSettings, optional
        Size of the network and of the training: `SMALL`, `LARGE` or your own.
    seed : int
        Seed of the weights and cubes. On the CPU the same seed gives the same model on the same
        machine and number of threads.
    device : str, optional
        As torch names it; by default a GPU where there is one.
    checkpoint : path-like, optional
        A file written after each epoch. Where it exists the training goes on from it, as if it
        had not been interrupted.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    Trained
        Its model is on `device`, and ready to predict.

    Raises
    ------
    ValueError
        Tomograms do not fit each other or the settings, or the checkpoint is another training's.
    ImportError
        torch is not installed.

    Examples
    --------
    It takes minutes, so this is not run here:

    >>> from openmm_cgpack import predict, score_labels
    >>> training, held_out = split_tomograms(tomograms, seed=1)  # doctest: +SKIP
    >>> trained = train_fcn(training[1:], validation=training[:1], seed=1)  # doctest: +SKIP
    >>> predicted = predict(trained.model, held_out[0].volume)  # doctest: +SKIP
    >>> score_labels(predicted, held_out[0].labels).pixel_accuracy  # doctest: +SKIP
    """
    torch = require_torch()
    names = _names([*training, *validation])
    cubes = _Cubes(training, settings)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = new_model(names, settings=settings, seed=seed)
    network = model.network.to(device)
    if device != "cpu":
        network.to(memory_format=torch.contiguous_format)
    loss = torch.nn.CrossEntropyLoss(weight=torch.from_numpy(cubes.class_weights).to(device))
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=0.5, patience=max(1, settings.patience // 3)
    )
    history: list[Epoch] = []
    best_state = _copied(network)
    best, lowest = 0, float("inf")
    if checkpoint is not None and Path(checkpoint).exists():
        held = _read_checkpoint(checkpoint, settings, names, seed)
        network.load_state_dict(held["network"])
        optimiser.load_state_dict(held["optimiser"])
        schedule.load_state_dict(held["schedule"])
        best_state, best, lowest = held["best_network"], held["best"], held["lowest"]
        history = [Epoch(**epoch) for epoch in held["history"]]
        _log.info("%s: going on after epoch %d", checkpoint, len(history))
    bar = _bar(settings, len(history), progress)
    while len(history) < settings.max_epochs and len(history) - best < settings.patience:
        number = len(history) + 1
        # A generator for each epoch: none has to be kept in the checkpoint.
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        network.train()
        losses = []
        for _ in range(settings.steps):
            data, labels = (torch.from_numpy(a).to(device) for a in cubes.draw(rng))
            optimiser.zero_grad(set_to_none=True)
            value = loss(network(data), labels)
            value.backward()
            optimiser.step()
            losses.append(float(value.detach()))
            if bar is not None:
                bar.update()
        epoch = _measure(model, validation, loss, number, float(np.mean(losses)))
        history.append(epoch)
        watched = epoch.validation_loss if validation else epoch.loss
        schedule.step(watched)
        if watched < lowest:
            best, lowest, best_state = number, watched, _copied(network)
        if bar is not None:
            bar.set_postfix_str(
                f"loss {epoch.loss:.3f}, validation {epoch.validation_loss:.3f}, "
                f"Dice {epoch.mean_dice:.3f}"
            )
        if checkpoint is not None:
            with atomic_path(checkpoint) as temporary:
                torch.save(
                    {
                        "format": FORMAT,
                        "settings": dataclasses.asdict(settings),
                        "names": list(names),
                        "seed": seed,
                        "network": _copied(network),
                        "optimiser": optimiser.state_dict(),
                        "schedule": schedule.state_dict(),
                        "best_network": best_state,
                        "best": best,
                        "lowest": lowest,
                        "history": [dataclasses.asdict(e) for e in history],
                    },
                    temporary,
                )
    if bar is not None:
        bar.close()
    network.load_state_dict(best_state)
    network.eval()
    return Trained(
        model=model,
        history=tuple(history),
        best=best,
        stopped=len(history) < settings.max_epochs,
    )


def class_weights(labels: Sequence[LabelVolume], n_classes: int, *, balance: float) -> np.ndarray:
    """Return the weight of each class in the loss.

    Parameters
    ----------
    labels : sequence of LabelVolume
        The training labels.
    n_classes : int
        Number of classes, the background among them.
    balance : float
        Weights are the frequency to the power of minus this.

    Returns
    -------
    (c,) float32 array
        Of mean 1 over all voxels; 0 for classes without any.
    """
    counts = sum(np.bincount(held.data.ravel(), minlength=n_classes) for held in labels)
    share = np.asarray(counts) / np.sum(counts)
    there = share > 0
    weights = np.zeros(n_classes)
    weights[there] = share[there] ** -balance
    return (weights / (weights * share).sum()).astype(np.float32)


class _Cubes:
    """Cubes of labelled tomograms, drawn at random."""

    def __init__(self, tomograms: Sequence[LabelledTomogram], settings: FcnSettings) -> None:
        self.settings = settings
        for held in tomograms:
            if min(held.volume.data.shape) < settings.patch:
                raise ValueError(
                    f"patch: wanted at most the tomograms' shortest edge, "
                    f"{min(held.volume.data.shape)} voxels, got {settings.patch}"
                )
        self.data = [standardised(held.volume.data) for held in tomograms]
        self.labels = [held.labels.data.astype(np.int64) for held in tomograms]
        c = len(tomograms[0].labels.names) + 1
        self.class_weights = class_weights(
            [held.labels for held in tomograms], c, balance=settings.balance
        )
        # Voxels of each class, over all tomograms one after the other.
        self.starts = np.cumsum([0, *(a.size for a in self.labels)])
        flat = np.concatenate([a.ravel() for a in self.labels])
        by_class = [np.flatnonzero(flat == k) for k in range(1, c)]
        self.voxels = [v for v in by_class if len(v)]

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return a batch: data (b, 1, p, p, p) float32 and labels (b, p, p, p) int64."""
        pairs = [self._one(rng) for _ in range(self.settings.batch)]
        return np.stack([a for a, _ in pairs])[:, None], np.stack([b for _, b in pairs])

    def _one(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        patch = self.settings.patch
        if self.voxels and rng.random() < self.settings.focus:
            voxel = rng.choice(self.voxels[rng.integers(len(self.voxels))])
            which = int(np.searchsorted(self.starts, voxel, side="right")) - 1
            shape = np.array(self.labels[which].shape)
            centre = np.unravel_index(voxel - self.starts[which], shape)
            corner = np.array(centre) - rng.integers(patch, size=3)
            corner = corner.clip(0, shape - patch)
        else:
            which = int(rng.integers(len(self.labels)))
            corner = rng.integers(np.array(self.labels[which].shape) - patch + 1)
        where = tuple(slice(a, a + patch) for a in corner)
        turn = TURNS[rng.integers(len(TURNS))]
        data, labels = (np.flip(held[which][where], turn) for held in (self.data, self.labels))
        return data, labels


def _measure(
    model: FcnModel,
    validation: Sequence[LabelledTomogram],
    loss: Any,
    number: int,
    training_loss: float,
) -> Epoch:
    """Return an epoch's record, with the loss and scores on whole validation tomograms."""
    torch = require_torch()
    total, weight = 0.0, 0.0
    c = len(model.names) + 1
    confusion = np.zeros((c, c), np.int64)
    for held in validation:
        for where, logits in tile_logits(model, standardised(held.volume.data)):
            truth = held.labels.data[where].astype(np.int64)
            there = torch.from_numpy(truth).to(logits.device)
            voxels = float(loss.weight[there].sum())
            if voxels > 0:
                total += float(loss(logits[None], there[None])) * voxels
                weight += voxels
            found = logits.argmax(dim=0).cpu().numpy()
            confusion += confusion_matrix(truth, found, n_classes=c)
    nan = float("nan")
    scores = SegmentationScores(confusion=confusion) if len(validation) else None
    return Epoch(
        number=number,
        loss=training_loss,
        validation_loss=total / weight if weight else nan,
        pixel_accuracy=scores.pixel_accuracy if scores else nan,
        mean_dice=scores.mean_dice if scores else nan,
    )


def _names(tomograms: Sequence[LabelledTomogram]) -> tuple[str, ...]:
    if not tomograms:
        raise ValueError("training: wanted at least one tomogram, got none")
    names = tomograms[0].labels.names
    for held in tomograms:
        if held.labels.names != names:
            raise ValueError(
                f"labels: wanted the same classes in all, got {names} and {held.labels.names}"
            )
    return names


def _read_checkpoint(
    path: str | os.PathLike[str], settings: FcnSettings, names: tuple[str, ...], seed: int
) -> dict[str, Any]:
    held = read_saved(path)
    wanted = dataclasses.asdict(settings)
    # A training that has ended may be given more time.
    free = ("max_epochs", "patience")
    for key in (*wanted, "names", "seed"):
        got = held["settings"].get(key) if key in wanted else held.get(key)
        want = {**wanted, "names": list(names), "seed": seed}[key]
        if key not in free and got != want:
            raise ValueError(f"{path}: is of another training: {key} is {got!r}, wanted {want!r}")
    return held


def _copied(network: Any) -> dict[str, Any]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _bar(settings: FcnSettings, done: int, progress: bool) -> Any:
    if not progress:
        return None
    from tqdm import tqdm

    return tqdm(
        total=settings.max_epochs * settings.steps,
        initial=done * settings.steps,
        desc="training",
        unit="step",
    )
