"""Training the segmentation network on labelled tomograms."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.display import described
from ..core.progress import progress_bar
from ..core.settings import Settings, setting
from ..core.tables import to_table
from .patches import Cubes, LabelledTomogram, Patches, RandomCubes, class_names, class_weights
from .segmentation_network import (
    FcnModel,
    Network,
    logits_of,
    new_model,
    read_saved,
    require_monai,
    require_torch,
    state_of,
    write_saved,
)
from .segmentation_scores import SegmentationScores, confusion_matrix

_log = logging.getLogger(__name__)


class Training(Settings):
    """A network and how it is trained: on random cubes, by the Adam optimiser.

    Examples
    --------
    >>> Training(network=Network(width=8), max_epochs=10).cubes.edge
    32
    """

    network: Network = setting("size of the network", default=Network())
    cubes: Cubes = setting(
        "what it is shown; edges are a multiple of 2 to the power of the network's depth",
        default=RandomCubes(),
    )
    batch: int = setting("cubes per step", default=4, minimum=1)
    max_epochs: int = setting("most epochs", default=60, minimum=1)
    patience: int = setting(
        "epochs without a lower loss that end the training; a third of them halves the rate",
        default=12,
        minimum=1,
    )
    learning_rate: float = setting("learning rate at the start", default=4e-3, above=0)
    balance: float = setting(
        "classes weigh in the loss as their frequency to the power of minus this: 0 weighs all "
        "voxels alike, 1 all classes",
        default=0.5,
        minimum=0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cubes.edge % self.network.stride:
            raise ValueError(
                f"cubes: edge: wanted a multiple of {self.network.stride}, got {self.cubes.edge}"
            )


SMALL = Training()
"""Trains in minutes on two CPU cores."""

LARGE = Training(
    network=Network(width=32, depth=3, convolutions=2),
    cubes=RandomCubes(edge=64, per_epoch=1600),
    batch=8,
    max_epochs=150,
    patience=24,
    learning_rate=1e-3,
)
"""For a GPU of 16 GB or more."""


@described
@dataclass(frozen=True, kw_only=True)
class Epoch:
    """Loss and scores of one epoch, from 1; NaN where there are no validation tomograms."""

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


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A trained model and its training.

    Parameters
    ----------
    model : FcnModel
        The model with the lowest loss on the validation tomograms, or without any the lowest
        training loss.
    history : tuple of Epoch
    best : int
        Number of its epoch.
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
    progress: bool = True,
) -> Trained:
    """Train the network on tomograms whose every voxel is known.

    Each epoch shows it the cubes of `Training.cubes`, of standardised tomograms. The loss is
    MONAI's ``DiceCELoss``: the cross entropy plus the Dice loss. It ends early when the loss on
    the validation tomograms no longer falls: so they do not count as held out, and what the model
    is scored on in the end has to be in neither list.

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
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    Trained
        Its model is on `device`, and ready to predict.

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
    losses_of, torch = require_monai("losses"), require_torch()
    names = class_names([*tomograms, *validation])
    patches = Patches(tomograms, training.cubes, seed=seed)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = new_model(names, training.network, seed=seed)
    module = model.module.to(device)
    if device != "cpu":
        module.to(memory_format=torch.contiguous_format)
    weights = torch.from_numpy(class_weights(tomograms, balance=training.balance)).to(device)
    loss = losses_of.DiceCELoss(
        softmax=True, to_onehot_y=True, include_background=False, batch=True, weight=weights
    )
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
    steps = -(-len(patches) // training.batch)
    with progress_bar(
        "training", show=progress, total=training.max_epochs * steps, unit="step"
    ) as advance:
        advance(len(history) * steps)
        while len(history) < training.max_epochs and len(history) - best < training.patience:
            number = len(history) + 1
            # A generator for each epoch: none has to be kept in the checkpoint.
            patches.set_epoch(number)
            shuffled = torch.utils.data.DataLoader(
                patches,
                batch_size=training.batch,
                shuffle=True,
                generator=torch.Generator().manual_seed(seed + number),
            )
            module.train()
            losses = []
            for batch in shuffled:
                optimiser.zero_grad(set_to_none=True)
                value = loss(module(batch["image"].to(device)), batch["label"].to(device))
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


def _measure(
    model: FcnModel,
    validation: Sequence[LabelledTomogram],
    loss: Any,
    number: int,
    training_loss: float,
) -> Epoch:
    """Return an epoch's record, with the loss and scores on whole validation tomograms."""
    nan = float("nan")
    if not validation:
        return Epoch(
            number=number,
            loss=training_loss,
            validation_loss=nan,
            pixel_accuracy=nan,
            mean_dice=nan,
        )
    torch = require_torch()
    losses, confusions = [], []
    for held in validation:
        logits, truth = logits_of(model, held.standardised()), held.truth()
        with torch.inference_mode():
            classes = torch.from_numpy(truth)[None, None].to(logits.device)
            losses.append(float(loss(logits[None], classes)))
        found = logits.argmax(dim=0).cpu().numpy()
        confusions.append(confusion_matrix(truth, found, n_classes=len(model.names) + 1))
    scores = SegmentationScores(confusion=np.sum(confusions, axis=0))
    return Epoch(
        number=number,
        loss=training_loss,
        validation_loss=float(np.mean(losses)),
        pixel_accuracy=scores.pixel_accuracy,
        mean_dice=scores.mean_dice,
    )


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
    """Return the values of nested tables by their dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": held for inner, held in _flat(value).items()}
        else:
            flat[key] = value
    return flat
