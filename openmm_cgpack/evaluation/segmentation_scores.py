"""Pixel accuracy, IoU and Dice of segmentations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..core.arrays import frozen
from ..core.display import Rows, described
from ..core.progress import progress_bar
from ..core.volume import LabelVolume, Volume

Segmenter: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""Anything that takes a tomogram, (z, y, x) float32, and returns labels of the same shape."""


def confusion_matrix(
    truth: np.ndarray, prediction: np.ndarray, *, n_classes: int | None = None
) -> np.ndarray:
    """Count the voxels of every pair of a true and a predicted label.

    Parameters
    ----------
    truth, prediction : int arrays
        Labels from 0 on, of the same shape.
    n_classes : int, optional
        Number of labels; by default one more than the highest that occurs.

    Returns
    -------
    (c, c) int64 array
        Row: the true label; column: the predicted one.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    array([[1, 1],
           [0, 2]])
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape:
        raise ValueError(
            f"prediction: wanted the truth's shape {truth.shape}, got {prediction.shape}"
        )
    for name, labels in (("truth", truth), ("prediction", prediction)):
        if labels.dtype.kind not in "iub":
            raise TypeError(f"{name}: wanted whole numbers, got {labels.dtype}")
        if labels.min(initial=0) < 0:
            raise ValueError(f"{name}: wanted labels >= 0, got {labels.min()}")
    highest = int(max(truth.max(initial=0), prediction.max(initial=0)))
    c = highest + 1 if n_classes is None else n_classes
    if highest >= c:
        raise ValueError(f"n_classes: wanted more than the highest label {highest}, got {c}")
    pair = truth.ravel().astype(np.int64) * c + prediction.ravel()
    return np.bincount(pair, minlength=c * c).reshape(c, c)


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentationScores:
    """A segmentation against the truth; class 0 is the background.

    A class that neither the truth nor the prediction holds has the IoU and Dice NaN, which means
    leave out. The sum of two pools the voxels of two tomograms.

    Parameters
    ----------
    confusion : (c, c) int array
        Row: the true class; column: the predicted one.
    names : tuple of str, optional
        Names of the classes from 0 on; numbers where left out.

    Examples
    --------
    >>> scores = SegmentationScores(confusion=[[90, 2], [3, 5]], names=("background", "1f1b"))
    >>> scores.pixel_accuracy, scores.foreground_accuracy
    (0.95, 0.625)
    """

    confusion: np.ndarray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        c = len(self.confusion)
        confusion = frozen(self.confusion, "confusion", (c, c), np.int64)
        if not c or confusion.min() < 0 or confusion.sum() == 0:
            raise ValueError("confusion: wanted counts >= 0 of at least one voxel")
        object.__setattr__(self, "confusion", confusion)
        names = tuple(self.names) or ("background", *(str(i) for i in range(1, c)))
        if len(names) != c:
            raise ValueError(f"names: wanted {c} of them, got {len(names)}")
        object.__setattr__(self, "names", names)

    def summary(self) -> str:
        """Return what the repr says."""
        return (
            f"{len(self.names) - 1} classes, mean IoU {self.mean_iou:.3f}, "
            f"mean Dice {self.mean_dice:.3f}, pixel accuracy {self.pixel_accuracy:.4f}"
        )

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        return [
            (name, f"IoU {iou:.3f}", f"Dice {dice:.3f}")
            for name, iou, dice in zip(self.names, self.iou, self.dice, strict=True)
        ]

    def __add__(self, other: SegmentationScores) -> SegmentationScores:
        if self.names != other.names:
            raise ValueError(f"names: wanted the same classes, got {self.names} and {other.names}")
        return SegmentationScores(confusion=self.confusion + other.confusion, names=self.names)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the voxels whose class is right (paper, section 4.2.1)."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def background_share(self) -> float:
        """Share of the voxels that are background: the accuracy of calling everything so."""
        return float(self.confusion[0].sum() / self.confusion.sum())

    @property
    def foreground_accuracy(self) -> float:
        """Share of the voxels that are not background whose class is right; NaN without any."""
        inside = int(self.confusion[1:].sum())
        return float(np.trace(self.confusion[1:, 1:]) / inside) if inside else float("nan")

    @property
    def support(self) -> np.ndarray:
        """Voxels of each class in the truth, (c,)."""
        return self.confusion.sum(axis=1)

    @property
    def precision(self) -> np.ndarray:
        """Share of the voxels predicted as a class that are of it, (c,); NaN where none is."""
        return _divide(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> np.ndarray:
        """Share of the voxels of a class that are predicted so, (c,); NaN where none is."""
        return _divide(np.diag(self.confusion), self.support)

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union, ``TP / (TP + FP + FN)``, of each class, (c,)."""
        hit = np.diag(self.confusion)
        return _divide(hit, self.confusion.sum(axis=0) + self.support - hit)

    @property
    def dice(self) -> np.ndarray:
        """Dice coefficient, ``2 TP / (2 TP + FP + FN)``, of each class, (c,)."""
        return _divide(2 * np.diag(self.confusion), self.confusion.sum(axis=0) + self.support)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of all classes but the background; NaN where there is none."""
        return _mean(self.iou[1:])

    @property
    def mean_dice(self) -> float:
        """Mean Dice coefficient of all classes but the background; NaN where there is none."""
        return _mean(self.dice[1:])

    def table(self) -> str:
        """Return the scores by class as text, with the accuracies below."""
        width = max(10, *(len(name) for name in self.names))
        lines = [f"{'class':{width}}  {'voxels':>10}   share      IoU     Dice  prec.   recall"]
        share = self.support / self.support.sum()
        columns = (self.iou, self.dice, self.precision, self.recall)
        for i, name in enumerate(self.names):
            ratios = "  ".join(_ratio(column[i]) for column in columns)
            lines.append(f"{name:{width}}  {self.support[i]:10d}  {share[i]:6.4f}   {ratios}")
        lines.append(
            f"pixel accuracy {self.pixel_accuracy:.4f}, calling everything background "
            f"{self.background_share:.4f}, accuracy inside objects "
            f"{_ratio(self.foreground_accuracy).strip()}"
        )
        lines.append(
            f"mean over classes but background: IoU {_ratio(self.mean_iou).strip()}, "
            f"Dice {_ratio(self.mean_dice).strip()}"
        )
        return "\n".join(lines)


def score_labels(
    prediction: LabelVolume | np.ndarray | Segmenter,
    truth: LabelVolume,
    *,
    volume: Volume | None = None,
    names: Sequence[str] | None = None,
    progress: bool = True,
) -> SegmentationScores:
    """Compare labels, or a segmenter that makes them from a tomogram, with the truth.

    Parameters
    ----------
    prediction : LabelVolume, int array or callable
        Labels on the truth's voxels; or a callable that takes the tomogram's data, (z, y, x)
        float32, and returns labels of the same shape: the network of this package or any other.
    truth : LabelVolume
        The true classes, usually the semantic mask.
    volume : Volume, optional
        The tomogram, for a callable.
    names : sequence of str, optional
        Names of the classes from 1 on; by default the truth's.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Examples
    --------
    >>> truth = LabelVolume(data=np.eye(4, dtype=np.uint16)[None], voxel_size=1, origin=(0, 0, 0))
    >>> score_labels(lambda data: np.zeros(data.shape, int), truth,
    ...              volume=Volume(data=truth.data, voxel_size=1, origin=(0, 0, 0))).pixel_accuracy
    0.75
    """
    if callable(prediction) != (volume is not None):
        wanted = "a tomogram for a callable" if callable(prediction) else "none beside labels"
        raise ValueError(f"volume: wanted {wanted}")
    if volume is not None and volume.data.shape != truth.data.shape:
        raise ValueError(
            f"volume: wanted the truth's shape {truth.data.shape}, got {volume.data.shape}"
        )
    found = prediction
    if callable(prediction) and volume is not None:
        with progress_bar("segmentation", show=progress):
            found = prediction(volume.data)
    data = np.asarray(found.data if isinstance(found, LabelVolume) else found)
    classes = tuple(truth.names if names is None else names)
    highest = max(int(truth.data.max(initial=0)), int(data.max(initial=0)))
    if classes and highest > len(classes):
        raise ValueError(
            f"names: wanted one for each class up to {highest}, the highest label, "
            f"got {len(classes)}"
        )
    c = len(classes) + 1 if classes else None
    with progress_bar("comparing", show=progress):
        confusion = confusion_matrix(truth.data, data, n_classes=c)
    return SegmentationScores(
        confusion=confusion,
        names=("background", *classes) if classes else (),
    )


def _divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def _mean(values: np.ndarray) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


def _ratio(value: float) -> str:
    return "     -" if np.isnan(value) else f"{value:6.4f}"
