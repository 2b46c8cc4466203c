"""Labelled tomograms, their split, and the cubes that are cut from them."""

import dataclasses
import itertools

import numpy as np
import pytest
from balls_and_rods import NAMES, example

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.evaluation import (
    GridCubes,
    LabelledTomogram,
    Patches,
    RandomCubes,
    split_tomograms,
)
from openmm_cgpack.evaluation.patches import SEEN, TURNS, class_weights


def of_labels(labels, names="abc", **more):
    labels = np.asarray(labels, np.uint16)
    data = np.random.default_rng(1).normal(size=labels.shape)
    frame = {"voxel_size": 1.0, "origin": (0, 0, 0)}
    return LabelledTomogram(
        volume=Volume(data=data, **frame),
        labels=LabelVolume(data=labels, names=names, **frame),
        **more,
    )


def test_split_by_tomograms_shares_nothing():
    tomograms = [example(i) for i in range(10)]
    training, aside = split_tomograms(tomograms, seed=3)
    assert (len(training), len(aside)) == (9, 1)
    assert {id(t) for t in training} | {id(t) for t in aside} == {id(t) for t in tomograms}
    assert not {id(t) for t in training} & {id(t) for t in aside}
    assert [len(part) for part in split_tomograms(tomograms[:2], seed=3)] == [1, 1]
    assert len({id(split_tomograms(tomograms, seed=s)[1][0]) for s in range(20)}) > 3
    with pytest.raises(ValueError, match="wanted at least 2, got 1"):
        split_tomograms(tomograms[:1], seed=3)


def test_turns_leave_a_symmetric_wedge_and_handedness_alone():
    kz, _, kx = np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij")
    wedge = abs(kz) <= abs(kx) * np.tan(np.radians(60))
    for axes in TURNS:
        assert len(axes) in (0, 2)  # an even number of mirrors is a turn
        assert np.array_equal(np.flip(wedge, axes), wedge)


def test_class_weights():
    one = of_labels(np.r_[[0] * 12, [1] * 3, [3]].reshape(1, 1, -1))
    assert class_weights([one], balance=0).tolist() == [1, 1, 0, 1]
    alike = class_weights([one], balance=1)
    np.testing.assert_allclose(alike * [12, 3, 0, 1], [16 / 3, 16 / 3, 0, 16 / 3], rtol=1e-6)


def test_species_that_are_no_class_are_background():
    held = of_labels([[[0, 1, 2, 3]]], classes=("c", "a"))
    assert held.names == ("c", "a")
    assert held.truth().tolist() == [[[0, 2, 0, 1]]]
    assert held.counts.tolist() == [2, 1, 1]
    assert [voxels.tolist() for voxels in held.voxels] == [[3], [1]]
    # A class that a scene does not hold keeps its number.
    assert of_labels([[[0, 1]]], names="a", classes=("z", "a")).truth().tolist() == [[[0, 2]]]


def test_only_a_sample_of_the_voxels_of_a_class_is_remembered():
    data = np.ones((20, 20, 20))
    data[:10, :, :] = 0
    (voxels,) = of_labels(data, names="a").voxels
    assert len(voxels) == 10 * 20 * 20 < SEEN
    (voxels,) = of_labels(np.ones((20, 20, 20)), names="a").voxels
    assert len(set(voxels.tolist())) == SEEN


def test_a_grid_shows_every_voxel_and_nothing_turned():
    held = example(3, shape=(17, 20, 24))
    patches = Patches([example(2, shape=(8, 8, 8)), held], GridCubes(edge=8, overlap=2))
    assert len(patches) == 1 + 3 * 3 * 4
    corners = itertools.product((0, 6, 9), (0, 6, 12), (0, 6, 12, 16))
    whole, truth = held.standardised(), held.truth()
    for number, corner in enumerate(corners, start=1):
        where = tuple(slice(a, a + 8) for a in corner)
        cube = patches.cube(number)
        assert np.array_equal(cube["image"], whole[where][None])
        assert np.array_equal(cube["label"], truth[where][None])


def test_random_cubes_repeat_and_differ():
    patches = Patches([example(1), example(2)], RandomCubes(edge=8, per_epoch=5), seed=4)
    assert len(patches) == 5
    first = [patches.cube(i)["image"] for i in range(5)]
    again = Patches([example(1), example(2)], RandomCubes(edge=8, per_epoch=50), seed=4)
    # Neither the order nor how many there are changes a cube; the epoch and the seed do.
    for number in (3, 0):
        assert np.array_equal(again.cube(number)["image"], first[number])
    patches.set_epoch(1)
    assert not any(np.array_equal(patches.cube(i)["image"], first[i]) for i in range(5))
    other = Patches([example(1), example(2)], RandomCubes(edge=8), seed=5)
    assert not np.array_equal(other.cube(0)["image"], first[0])


def test_focus_puts_cubes_around_all_classes_alike():
    labels = np.zeros((30, 30, 30))
    labels[4:24, 4:24, 4:24], labels[27, 27, 27] = 1, 2
    held = of_labels(labels, names="ab")
    focused = Patches([held], RandomCubes(edge=6, focus=1.0, per_epoch=200), seed=1)
    found = [np.unique(focused.cube(i)["label"]).tolist() for i in range(200)]
    assert all(max(classes) > 0 for classes in found)
    # One voxel of a class is asked for as often as thousands of another.
    assert 70 < sum(2 in classes for classes in found) < 130
    anywhere = Patches([held], RandomCubes(edge=6, focus=0.0, per_epoch=200), seed=1)
    assert sum(2 in anywhere.cube(i)["label"] for i in range(200)) < 20


def test_cubes_are_standardised_as_whole_tomograms_are():
    held = example(1)
    cube = Patches([held], GridCubes(edge=24)).cube(0)["image"]
    whole = (held.volume.data - held.volume.data.mean()) / held.volume.data.std()
    np.testing.assert_allclose(cube[0], whole[:24, :24, :24], atol=1e-4)
    flat = dataclasses.replace(
        held, volume=dataclasses.replace(held.volume, data=np.full((24, 28, 36), 3.0))
    )
    assert not flat.standardised().any()


def test_bad_input():
    one, other = example(1), example(2)
    with pytest.raises(ValueError, match="wanted the tomogram's shape"):
        dataclasses.replace(one, labels=example(1, shape=(24, 28, 30)).labels)
    with pytest.raises(ValueError, match="a name for each class"):
        dataclasses.replace(one, labels=dataclasses.replace(one.labels, names=("ball",)))
    with pytest.raises(ValueError, match="the same classes"):
        Patches([one, dataclasses.replace(other, classes=NAMES[:1])])
    with pytest.raises(ValueError, match="wanted at least one"):
        Patches([])
    with pytest.raises(ValueError, match="shortest edge, 24 voxels, got 25"):
        Patches([one], GridCubes(edge=25))
    with pytest.raises(ValueError, match="overlap: wanted less than the edge 8, got 8"):
        GridCubes(edge=8, overlap=8)
    with pytest.raises(ValueError, match="focus: wanted a number >= 0 and <= 1"):
        RandomCubes(focus=1.5)
