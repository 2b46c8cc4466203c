"""The network: its tiles, files, split and training."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from balls_and_rods import NAMES, example

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.evaluation import (
    LabelledTomogram,
    Network,
    RandomCubes,
    Training,
    load_model,
    new_model,
    predict,
    save_model,
    score_labels,
    train_fcn,
)
from openmm_cgpack.evaluation.segmentation_network import OVERLAP, logits_of, standardised

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
# Threads that share their cores with other work wait for each other: one is faster then.
torch.set_num_threads(1)

TINY = Training(
    network=Network(width=4),
    cubes=RandomCubes(edge=16, per_epoch=16),
    batch=2,
    max_epochs=3,
    patience=3,
)


def awake(network, seed=1):
    """Return a model whose batch normalisation has seen data, so that no layer is trivial."""
    model = new_model(NAMES, network, seed=seed)
    model.module.train()
    rng = np.random.default_rng(9)
    size = 4 * network.stride
    for _ in range(3):
        model.module(torch.from_numpy(rng.normal(1, 2, (2, 1, size, size, size)).astype("f4")))
    model.module.eval()
    return model


def test_windows_agree_with_the_whole():
    """What a network sees of a voxel makes its class, and not where the window lies."""
    network = Network(width=4)
    model = awake(network)
    shape = (20, 28, 92)
    data = standardised(np.random.default_rng(4).normal(size=shape).astype(np.float32))
    whole = logits_of(model, data, window=96)
    assert whole.shape == (3, *shape)
    assert float(whole.std()) > 1e-2
    slid = logits_of(model, data, window=48)
    apart = (slid - whole).abs().mean(dim=(0, 1, 2)) / whole.std()
    # A window's end, and what MONAI's weights leave of it.
    assert float(apart[: int(48 * (1 - OVERLAP)) - 16].max()) < 1e-5
    assert float(apart.max()) < 0.2
    assert (slid.argmax(dim=0) == whole.argmax(dim=0)).float().mean() > 0.98


def test_prediction_has_the_volumes_grid_and_names():
    model = awake(TINY.network)
    volume = example(2).volume
    labels = predict(model, volume)
    assert labels.data.dtype == np.uint16
    assert labels.names == NAMES
    assert labels.grid.shape == volume.grid.shape
    assert labels.voxel_size == 1.5
    assert labels.origin.tolist() == [1, 2, 3]
    # The scale and ground level of a tomogram mean nothing.
    louder = dataclasses.replace(volume, data=volume.data * 7 - 100)
    assert (predict(model, louder).data == labels.data).mean() > 0.999
    assert np.array_equal(model(volume.data), labels.data)
    with pytest.raises(ValueError, match="window: wanted a positive multiple of 4, got 6"):
        predict(model, volume, window=6)


def test_a_constant_volume_is_no_trouble():
    volume = Volume(data=np.full((8, 8, 8), 3.0), voxel_size=1, origin=(0, 0, 0))
    assert predict(awake(TINY.network), volume).data.shape == (8, 8, 8)


def test_models_in_files(tmp_path):
    model = awake(TINY.network)
    save_model(tmp_path / "model.pt", model)
    again = load_model(tmp_path / "model.pt")
    volume = example(2).volume
    assert (again.network, again.names) == (model.network, model.names)
    assert np.array_equal(predict(again, volume).data, predict(model, volume).data)
    (tmp_path / "bad.pt").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"bad\.pt: wanted a model's file"):
        load_model(tmp_path / "bad.pt")
    torch.save({"format": 99}, tmp_path / "new.pt")
    with pytest.raises(ValueError, match=r"new\.pt: wanted a model's file of format 3"):
        load_model(tmp_path / "new.pt")
    with pytest.raises(FileNotFoundError, match=r"none\.pt"):
        load_model(tmp_path / "none.pt")


def test_seeds_and_the_global_generator():
    before = torch.random.get_rng_state()
    one, two, other = (
        next(new_model(NAMES, TINY.network, seed=seed).module.parameters()).detach()
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.slow
def test_training_beats_chance_on_what_it_has_not_seen():
    tomograms = [example(i) for i in range(6)]
    training = Training(
        network=Network(width=6),
        cubes=RandomCubes(edge=16, per_epoch=80),
        batch=4,
        max_epochs=8,
        patience=8,
        learning_rate=1e-2,
    )
    trained = train_fcn(tomograms[:4], training, validation=tomograms[4:5], seed=1, device="cpu")
    assert trained.history[-1].loss < 0.5 * trained.history[0].loss
    assert trained.history[trained.best - 1].validation_loss == min(
        e.validation_loss for e in trained.history
    )
    held = tomograms[5]
    scores = score_labels(trained.model, held.labels, volume=held.volume)
    assert scores.pixel_accuracy > scores.background_share
    assert (scores.dice[1:] > 0.5).all()
    # A network that has learnt nothing does not.
    chance = score_labels(
        new_model(NAMES, training.network, seed=1), held.labels, volume=held.volume
    )
    assert chance.mean_dice < 0.2


def test_resumed_training_is_the_uninterrupted_one(tmp_path):
    tomograms = [example(i) for i in range(3)]
    options = {"validation": tomograms[2:], "seed": 5, "device": "cpu"}
    whole = train_fcn(tomograms[:2], TINY, **options)
    assert len(whole.history) == 3
    path = tmp_path / "training.pt"
    short = dataclasses.replace(TINY, max_epochs=1)
    first = train_fcn(tomograms[:2], short, checkpoint=path, **options)
    assert first.history == whole.history[:1]
    rest = train_fcn(tomograms[:2], TINY, checkpoint=path, **options)
    assert rest.history == whole.history
    assert rest.best == whole.best
    for one, two in zip(
        whole.model.module.state_dict().values(),
        rest.model.module.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(one, two)
    with pytest.raises(
        ValueError, match=r"training\.pt: is of another training: network\.width is 4"
    ):
        train_fcn(
            tomograms[:2],
            dataclasses.replace(TINY, network=Network(width=5)),
            checkpoint=path,
            **options,
        )
    with pytest.raises(ValueError, match="seed is 5, wanted 6"):
        train_fcn(tomograms[:2], TINY, checkpoint=path, **{**options, "seed": 6})


def test_early_stop():
    # Nothing can be learnt from labels that have nothing to do with the data.
    rng = np.random.default_rng(8)
    shape = (16, 16, 16)
    pairs = [
        LabelledTomogram(
            volume=Volume(data=rng.normal(size=shape), voxel_size=1, origin=(0, 0, 0)),
            labels=LabelVolume(
                data=rng.integers(0, 3, shape).astype(np.uint16),
                voxel_size=1,
                origin=(0, 0, 0),
                names=NAMES,
            ),
        )
        for _ in range(2)
    ]
    training = dataclasses.replace(TINY, max_epochs=60, patience=3, learning_rate=0.02)
    trained = train_fcn(pairs[:1], training, validation=pairs[1:], seed=1, device="cpu")
    assert trained.stopped
    assert len(trained.history) == trained.best + 3


def test_bad_input():
    one, other = example(1), example(2)
    renamed = dataclasses.replace(
        other, labels=dataclasses.replace(other.labels, names=("ball", "sheet"))
    )
    with pytest.raises(ValueError, match="the same classes"):
        train_fcn([one, renamed], TINY, seed=1)
    with pytest.raises(ValueError, match="tomograms: wanted at least one"):
        train_fcn([], TINY, seed=1)
    with pytest.raises(ValueError, match="shortest edge, 24 voxels, got 32"):
        train_fcn([one], dataclasses.replace(TINY, cubes=RandomCubes(edge=32)), seed=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network(width=0), "width: wanted a whole number >= 1"),
        (lambda: Network(depth=-1), "depth: wanted a whole number >= 0"),
        (lambda: Training(cubes=RandomCubes(edge=30)), "edge: wanted a multiple of 4, got 30"),
        (lambda: Training(learning_rate=0), "learning_rate: wanted a number > 0"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_import_loads_no_torch():
    code = (
        "import sys, openmm_cgpack.evaluation as e; e.Training(); "
        "assert not {'torch', 'monai', 'sklearn', 'openmm', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_or_monai_one_line_says_what_to_install(monkeypatch):
    for module in ("monai", "torch"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(ImportError, match=rf"pip install 'openmm_cgpack\[{module}\]'"):
                new_model(NAMES, Network(), seed=1)
