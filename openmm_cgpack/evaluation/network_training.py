"""Training the segmentation network on tomograms whose every voxel is known."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.runtime import progress_bar
from ..core.settings import Settings, setting
from ..core.tables import to_table
from ..core.volume import LabelVolume
from .labelled_tomograms import LabelledTomogram
from .segmentation_network import (
    TILE,
    FcnModel,
    Network,
    new_model,
    read_saved,
    require_torch,
    standardised,
    state_of,
    tile_logits,
    write_saved,
)
from .segmentation_scores import SegmentationScores, confusion_matrix

_log = logging.getLogger(__name__)

TURNS = ((), (0, 1), (0, 2), (1, 2))
"""Axes to flip for the turns by 180° about the axes, which leave a symmetric wedge as it is."""


class Training(Settings):
    """A network and how it is trained: on random cubes, by the Adam optimiser.

    Examples
    --------
    >>> Training(network=Network(width=8), max_epochs=10).patch
    32
    """

    network: Network = setting("size of the network", default=Network())
    patch: int = setting(
        "edge of the cubes; a multiple of 2 to the power of the network's depth",
        unit="voxels",
        default=32,
        minimum=1,
    )
    batch: int = setting("cubes per step", default=4, minimum=1)
    steps: int = setting("steps per epoch", default=24, minimum=1)
    max_epochs: int = setting("most epochs", default=60, minimum=1)
    patience: int = setting(
        "epochs without a lower loss that end the training; a third of them halves the rate",
        default=12,
        minimum=1,
    )
    learning_rate: float = setting("learning rate at the start", default=4e-3, above=0)
    focus: float = setting(
        "share of the cubes that are put around a voxel of a class other than background, all "
        "classes alike; the others are put anywhere",
        default=0.7,
        minimum=0,
        maximum=1,
    )
    balance: float = setting(
        "classes weigh in the loss as their frequency to the power of minus this: 0 weighs all "
        "voxels alike, 1 all classes",
        default=0.5,
        minimum=0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patch % self.network.stride:
            raise ValueError(f"patch: wanted a multiple of {self.network.stride}, got {self.patch}")


SMALL = Training()
"""Trains in minutes on two CPU cores."""

LARGE = Training(
    network=Network(width=32, depth=3, convolutions=2),
    patch=64,
    batch=8,
    steps=200,
    max_epochs=150,
    patience=24,
    learning_rate=1e-3,
)
"""For a GPU of 16 GB or more."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """Loss and scores of one epoch.

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

    def __str__(self) -> str:
        return (
            f"loss {self.loss:.3f}, validation {self.validation_loss:.3f}, "
            f"Dice {self.mean_dice:.3f}"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A trained model and its training.

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


def train_fcn(
    tomograms: Sequence[LabelledTomogram],
    training: Training = SMALL,
    *,
    validation: Sequence[LabelledTomogram] = (),
    seed: int,
    device: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Trained:
    """Train the network on tomograms whose every voxel is known.

    Cubes are drawn from the tomograms, each standardised, and turned by 180° about the axes; the
    loss is the cross entropy. It ends early when the loss on the validation tomograms no longer
    falls: so they do not count as held out, and what the model is scored on in the end has to be
    in neither list.

    Parameters
    ----------
    tomograms : sequence of LabelledTomogram
        What it learns from; all with the same names of classes.
    training : Training, optional
        The network and how it is trained: `SMALL`, `LARGE` or your own.
    validation : sequence of LabelledTomogram, optional
        What decides when it ends and which epoch's model is kept; without any the training loss
        does.
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

    >>> from openmm_cgpack import score_labels
    >>> from openmm_cgpack.evaluation import predict, split_tomograms
    >>> rest, held_out = split_tomograms(tomograms, seed=1)  # doctest: +SKIP
    >>> trained = train_fcn(rest[1:], validation=rest[:1], seed=1)  # doctest: +SKIP
    >>> predicted = predict(trained.model, held_out[0].volume)  # doctest: +SKIP
    >>> score_labels(predicted, held_out[0].labels).pixel_accuracy  # doctest: +SKIP
    """
    torch = require_torch()
    names = _names([*tomograms, *validation])
    cubes = _Cubes(tomograms, training)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = new_model(names, training.network, seed=seed)
    module = model.module.to(device)
    if device != "cpu":
        module.to(memory_format=torch.contiguous_format)
    loss = torch.nn.CrossEntropyLoss(weight=torch.from_numpy(cubes.class_weights).to(device))
    optimiser = torch.optim.Adam(module.parameters(), lr=training.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=0.5, patience=max(1, training.patience // 3)
    )
    history: list[Epoch] = []
    best_state = state_of(module)
    best, lowest = 0, float("inf")
    if checkpoint is not None and Path(checkpoint).exists():
        held = _read_checkpoint(checkpoint, training, names, seed)
        module.load_state_dict(held["network"])
        optimiser.load_state_dict(held["optimiser"])
        schedule.load_state_dict(held["schedule"])
        best_state, best, lowest = held["best_network"], held["best"], held["lowest"]
        history = [Epoch(**epoch) for epoch in held["history"]]
        _log.info("%s: going on after epoch %d", checkpoint, len(history))
    total = training.max_epochs * training.steps
    with progress_bar("training", show=progress, total=total, unit="step") as advance:
        advance(len(history) * training.steps)
        while len(history) < training.max_epochs and len(history) - best < training.patience:
            number = len(history) + 1
            # A generator for each epoch: none has to be kept in the checkpoint.
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
            module.train()
            losses = []
            for _ in range(training.steps):
                data, labels = (torch.from_numpy(a).to(device) for a in cubes.draw(rng))
                optimiser.zero_grad(set_to_none=True)
                value = loss(module(data), labels)
                value.backward()
                optimiser.step()
                losses.append(float(value.detach()))
                advance()
            epoch = _measure(model, validation, loss, number, float(np.mean(losses)))
            history.append(epoch)
            watched = epoch.validation_loss if validation else epoch.loss
            schedule.step(watched)
            if watched < lowest:
                best, lowest, best_state = number, watched, state_of(module)
            advance(0, note=str(epoch))
            if checkpoint is not None:
                write_saved(
                    checkpoint,
                    model,
                    training=to_table(training),
                    seed=seed,
                    network=state_of(module),
                    optimiser=optimiser.state_dict(),
                    schedule=schedule.state_dict(),
                    best_network=best_state,
                    best=best,
                    lowest=lowest,
                    history=[dataclasses.asdict(e) for e in history],
                )
    module.load_state_dict(best_state)
    module.eval()
    return Trained(
        model=model,
        history=tuple(history),
        best=best,
        stopped=len(history) < training.max_epochs,
    )


def class_weights(labels: Sequence[LabelVolume], n_classes: int, *, balance: float) -> np.ndarray:
    """Return the weight of each class in the loss, (c,) float32; see `Training.balance`.

    Their mean over all voxels is 1; classes without voxels have 0.
    """
    counts = sum(np.bincount(held.data.ravel(), minlength=n_classes) for held in labels)
    share = np.asarray(counts) / np.sum(counts)
    there = share > 0
    weights = np.zeros(n_classes)
    weights[there] = share[there] ** -balance
    return (weights / (weights * share).sum()).astype(np.float32)


class _Cubes:
    """Cubes of labelled tomograms, drawn at random."""

    def __init__(self, tomograms: Sequence[LabelledTomogram], training: Training) -> None:
        self.training = training
        for held in tomograms:
            if min(held.volume.data.shape) < training.patch:
                raise ValueError(
                    f"patch: wanted at most the tomograms' shortest edge, "
                    f"{min(held.volume.data.shape)} voxels, got {training.patch}"
                )
        self.data = [standardised(held.volume.data) for held in tomograms]
        self.labels = [held.labels.data.astype(np.int64) for held in tomograms]
        c = len(tomograms[0].labels.names) + 1
        self.class_weights = class_weights(
            [held.labels for held in tomograms], c, balance=training.balance
        )
        # Voxels of each class, over all tomograms one after the other.
        self.starts = np.cumsum([0, *(a.size for a in self.labels)])
        flat = np.concatenate([a.ravel() for a in self.labels])
        by_class = [np.flatnonzero(flat == k) for k in range(1, c)]
        self.voxels = [v for v in by_class if len(v)]

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return a batch: data (b, 1, p, p, p) float32 and labels (b, p, p, p) int64."""
        pairs = [self._one(rng) for _ in range(self.training.batch)]
        return np.stack([a for a, _ in pairs])[:, None], np.stack([b for _, b in pairs])

    def _one(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        patch = self.training.patch
        if self.voxels and rng.random() < self.training.focus:
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
        for where, logits in tile_logits(model, standardised(held.volume.data), tile=TILE):
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
    path: str | os.PathLike[str], training: Training, names: tuple[str, ...], seed: int
) -> dict[str, Any]:
    held = read_saved(path)
    if "training" not in held:
        raise ValueError(f"{path}: is a model's file, no training's checkpoint")
    wanted = {**_flat(to_table(training)), "names": list(names), "seed": seed}
    got = {**_flat(held["training"]), "names": held["names"], "seed": held["seed"]}
    # A training that has ended may be given more time.
    for key in wanted.keys() - {"max_epochs", "patience"}:
        if got.get(key) != wanted[key]:
            raise ValueError(
                f"{path}: is of another training: {key} is {got.get(key)!r}, wanted {wanted[key]!r}"
            )
    return held


def _flat(table: dict[str, Any]) -> dict[str, Any]:
    return {**table["network"], **{key: v for key, v in table.items() if key != "network"}}
