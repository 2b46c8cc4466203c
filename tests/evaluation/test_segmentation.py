"""Segmentation metrics by hand and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.evaluation import SegmentationScores, confusion_matrix, score_labels


def labels(data, names=()):
    data = np.asarray(data, np.uint16)
    return LabelVolume(data=data.reshape(1, 1, -1), voxel_size=1, origin=(0, 0, 0), names=names)


def test_by_hand():
    truth = labels([0, 0, 0, 0, 0, 0, 1, 1, 2, 2], ("ribosome", "filament"))
    found = labels([0, 0, 0, 0, 0, 1, 1, 0, 1, 2])
    scores = score_labels(found, truth)
    assert scores.names == ("background", "ribosome", "filament")
    assert scores.confusion.tolist() == [[5, 1, 0], [1, 1, 0], [0, 1, 1]]
    assert scores.pixel_accuracy == 0.7
    assert scores.background_share == 0.6
    assert scores.foreground_accuracy == 0.5
    np.testing.assert_allclose(scores.iou, [5 / 7, 1 / 4, 1 / 2])
    np.testing.assert_allclose(scores.dice, [10 / 12, 2 / 5, 2 / 3])
    np.testing.assert_allclose(scores.precision, [5 / 6, 1 / 3, 1])
    np.testing.assert_allclose(scores.recall, [5 / 6, 1 / 2, 1 / 2])
    assert scores.mean_iou == pytest.approx(3 / 8)
    assert scores.mean_dice == pytest.approx((2 / 5 + 2 / 3) / 2)


def test_perfect_and_all_background():
    truth = labels([0, 0, 0, 1, 2], ("a", "b"))
    perfect = score_labels(truth, truth)
    assert perfect.pixel_accuracy == perfect.mean_iou == perfect.mean_dice == 1.0
    nothing = score_labels(np.zeros((1, 1, 5), int), truth)
    # What the share of background gives away: the accuracy is as high, the rest is nothing.
    assert nothing.pixel_accuracy == nothing.background_share == 0.6
    assert nothing.mean_dice == nothing.foreground_accuracy == 0.0


def test_a_class_that_is_nowhere_counts_in_no_mean():
    truth = labels([0, 1, 1, 3], ("a", "b", "c"))
    scores = score_labels(truth, truth)
    assert np.isnan(scores.iou[2])
    assert np.isnan(scores.dice[2])
    assert scores.mean_iou == scores.mean_dice == 1.0
    assert score_labels(labels([0, 1, 1, 2]), truth).dice.tolist() == [1.0, 1.0, 0.0, 0.0]


@given(st.integers(2, 6), st.integers(1, 200), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_equal_to_scikit_learns(c, n, seed):
    rng = np.random.default_rng(seed)
    truth, found = rng.integers(c, size=(2, n))
    which = list(range(c))
    scores = SegmentationScores(confusion=confusion_matrix(truth, found, n_classes=c))
    np.testing.assert_array_equal(
        scores.confusion, metrics.confusion_matrix(truth, found, labels=which)
    )
    assert scores.pixel_accuracy == pytest.approx(metrics.accuracy_score(truth, found))
    options = {"labels": which, "average": None, "zero_division": np.nan}
    np.testing.assert_allclose(
        scores.iou[~np.isnan(scores.iou)],
        metrics.jaccard_score(
            truth, found, labels=np.flatnonzero(~np.isnan(scores.iou)), average=None
        ),
    )
    np.testing.assert_allclose(scores.dice, metrics.f1_score(truth, found, **options))
    np.testing.assert_allclose(scores.precision, metrics.precision_score(truth, found, **options))
    np.testing.assert_allclose(scores.recall, metrics.recall_score(truth, found, **options))
    np.testing.assert_allclose(scores.dice, 2 * scores.iou / (1 + scores.iou))


def test_any_callable_can_be_scored():
    rng = np.random.default_rng(2)
    truth = LabelVolume(
        data=rng.integers(0, 2, (4, 5, 6)).astype(np.uint16), voxel_size=1, origin=(0, 0, 0)
    )
    tomogram = Volume(data=-3.0 * truth.data, voxel_size=1, origin=(0, 0, 0))

    def segment(data):
        assert data.dtype == np.float32
        return data < -1

    assert score_labels(segment, truth, volume=tomogram).pixel_accuracy == 1.0
    with pytest.raises(ValueError, match="a tomogram for a callable"):
        score_labels(segment, truth)
    with pytest.raises(ValueError, match="none beside labels"):
        score_labels(truth, truth, volume=tomogram)
    small = Volume(data=np.zeros((2, 2, 2)), voxel_size=1, origin=(0, 0, 0))
    with pytest.raises(ValueError, match=r"wanted the truth's shape \(4, 5, 6\), got \(2, 2, 2\)"):
        score_labels(segment, truth, volume=small)


def test_two_tomograms_pooled_are_one():
    rng = np.random.default_rng(4)
    truth, found = rng.integers(3, size=(2, 1, 1, 60))
    halves = [
        score_labels(found[..., part], labels(truth[..., part], ("a", "b")))
        for part in (slice(None, 20), slice(20, None))
    ]
    both = halves[0] + halves[1]
    whole = score_labels(found, labels(truth, ("a", "b")))
    assert both.confusion.tolist() == whole.confusion.tolist()
    with pytest.raises(ValueError, match="the same classes"):
        both + score_labels(found, labels(truth, ("a", "c")))


def test_table_has_a_line_for_each_class():
    truth = labels([0, 1, 1, 3], ("a", "b", "c"))
    lines = score_labels(truth, truth).table().splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["background", "a", "b", "c"]
    assert "calling everything background 0.2500" in lines[5]


def test_bad_labels():
    with pytest.raises(ValueError, match="wanted the truth's shape"):
        confusion_matrix(np.zeros(3, int), np.zeros(4, int))
    with pytest.raises(TypeError, match="prediction: wanted whole numbers, got float64"):
        confusion_matrix(np.zeros(3, int), np.zeros(3))
    with pytest.raises(ValueError, match="truth: wanted labels >= 0"):
        confusion_matrix(np.array([-1]), np.array([0]))
    with pytest.raises(
        ValueError, match="names: wanted one for each class up to 2, the highest label, got 1"
    ):
        score_labels(labels([2]), labels([1], ("a",)))
    with pytest.raises(ValueError, match="at least one voxel"):
        SegmentationScores(confusion=np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="names: wanted 2"):
        SegmentationScores(confusion=np.eye(2, dtype=int), names=("a",))
