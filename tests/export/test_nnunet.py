"""nnU-Net's folders, read back by nibabel."""

import dataclasses
import json

import numpy as np
import pytest
import world

from openmm_cgpack.export import NnUnet, export_truth

nibabel = pytest.importorskip("nibabel")


def read(path):
    image = nibabel.load(path)
    return np.asarray(image.dataobj).T, image.header.get_zooms()


def test_membranes_have_membrain_labels_and_a_rim(tmp_path):
    _, truth = world.everything()
    place = export_truth(truth, tmp_path, [NnUnet(rim=2.0)])["nnunet"]
    config = json.loads((place / "dataset.json").read_text())
    assert config["labels"] == {"background": 0, "membrane": 1, "ignore": 2}
    assert (config["numTraining"], config["file_ending"]) == (1, ".nii.gz")
    data, zooms = read(place / "imagesTr" / f"{truth.name}_0000.nii.gz")
    assert np.array_equal(data, truth.tomogram.data)
    assert zooms == pytest.approx([10 * world.GRID.voxel_size] * 3)
    labels, _ = read(place / "labelsTr" / f"{truth.name}.nii.gz")
    numbers = [i for i, s in enumerate(truth.species, 1) if truth.kind(s) == "membrane"]
    membrane = np.isin(truth.semantic.data, numbers)
    assert np.array_equal(labels == 1, membrane)
    # A voxel of the rim has one of the membrane within 2 nm, no other one has.
    near = np.argwhere(membrane)
    rng = np.random.default_rng(1)
    for value, here in ((2, True), (0, False)):
        for voxel in rng.choice(np.argwhere(labels == value), 40):
            apart = np.linalg.norm(near - voxel, axis=1).min() * world.GRID.voxel_size
            assert (apart <= 2.0) == here
    bare = export_truth(truth, tmp_path / "bare", [NnUnet(rim=0)])["nnunet"]
    assert set(np.unique(read(bare / "labelsTr" / f"{truth.name}.nii.gz")[0])) == {0, 1}


def test_several_runs_share_one_dataset(tmp_path):
    _, truth = world.everything()
    for name, part in (("a", "train"), ("b", "train"), ("c", "test")):
        one = dataclasses.replace(truth, name=name)
        export_truth(one, tmp_path, [NnUnet(labels="species", part=part)])
    place = tmp_path / "nnunet"
    files = sorted(p.relative_to(place).as_posix() for p in place.rglob("*.gz"))
    assert files == [
        "imagesTr/a_0000.nii.gz",
        "imagesTr/b_0000.nii.gz",
        "imagesTs/c_0000.nii.gz",
        "labelsTr/a.nii.gz",
        "labelsTr/b.nii.gz",
        "labelsTs/c.nii.gz",
    ]
    config = json.loads((place / "dataset.json").read_text())
    assert config["numTraining"] == 2
    assert len(config["labels"]) == len(truth.species) + 1
    assert np.array_equal(read(place / "labelsTs/c.nii.gz")[0], truth.semantic.data)
    # What is there is of species: membranes alone do not fit beside it.
    with pytest.raises(ValueError, match=r"dataset\.json.*labels: wanted those of membranes"):
        export_truth(dataclasses.replace(truth, name="d"), tmp_path, [NnUnet()])


def test_what_it_cannot_hold_is_said():
    _, truth = world.molecules()
    assert "wanted a membrane" in NnUnet().refuses(truth)
    assert NnUnet(labels="species").refuses(truth) is None
    bare = dataclasses.replace(truth, maps={})
    assert "wanted a tomogram" in NnUnet(labels="species").refuses(bare)
