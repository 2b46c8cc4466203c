"""The network: its tiles, files, split and training."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from openmm_cgpack.core import LabelVolume, Volume
from openmm_cgpack.evaluation import (
    LabelledTomogram,
    Network,
    Training,
    load_model,
    new_model,
    predict,
    save_model,
    score_labels,
    split_tomograms,
    train_fcn,
)
from openmm_cgpack.evaluation.network_training import TURNS, class_weights
from openmm_cgpack.evaluation.segmentation_network import standardised, tile_logits

torch = pytest.importorskip("torch")
# Threads that share their cores with other work wait for each other: one is faster then.
torch.set_num_threads(1)

TINY = Training(network=Network(width=4), patch=16, batch=2, steps=8, max_epochs=3, patience=3)
NAMES = ("ball", "rod")


def example(seed, shape=(24, 28, 36), noise=0.7):
    """Return balls and rods, dark in noise, the rods fainter."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    grid = np.indices(shape)
    for kind in (1, 2, 1, 2, 1):
        centre = rng.uniform(4, np.array(shape) - 4)
        off = grid - centre[:, None, None, None]
        if kind == 1:
            labels[(off**2).sum(axis=0) < 16] = 1
        else:
            labels[(off[0] ** 2 + off[1] ** 2 < 4) & (abs(off[2]) < 9)] = 2
    data = -np.array([0, 3.0, 1.5])[labels] + rng.normal(size=shape) * noise + 40
    return LabelledTomogram(
        volume=Volume(data=data, voxel_size=1.5, origin=(1, 2, 3)),
        labels=LabelVolume(data=labels, voxel_size=1.5, origin=(1, 2, 3), names=NAMES),
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


@pytest.mark.parametrize(
    "network",
    [
        Network(width=4),
        Network(width=3, depth=1, convolutions=3),
        Network(width=2, depth=3, convolutions=2),
    ],
)
def test_tiles_equal_the_whole(network):
    model = awake(network)
    stride = network.stride
    # No edge is a multiple of the stride or of the tile; the longest is more than a tile and
    # its two halos.
    shape = (stride + 1, 3 * stride + 1, 3 * network.halo + 2 * stride - 1)
    data = standardised(np.random.default_rng(4).normal(size=shape).astype(np.float32))
    ((where, whole),) = tile_logits(model, data, tile=40 * stride)
    assert tuple(s.stop for s in where) == shape
    assert float(whole.std()) > 1e-2
    seen = np.zeros(shape, int)
    for where, logits in tile_logits(model, data, tile=2 * stride):
        seen[where] += 1
        np.testing.assert_allclose(logits, whole[:, *where], atol=2e-5)
    assert (seen == 1).all()


def test_the_halo_is_as_wide_as_it_has_to_be():
    """A voxel's output depends on what is nearly a halo away, and on nothing beyond it."""
    network = Network(width=8)
    model = awake(network)
    size = 16 * network.stride
    rng = np.random.default_rng(4)
    reach = 0
    # Rectifiers and maxima let through only part of what could matter: many tries.
    for middle in list(range(size // 2, size // 2 + network.stride)) * 8:
        data = rng.normal(size=(1, 1, network.stride, network.stride, size)).astype("f4")
        block = torch.from_numpy(data).requires_grad_(True)
        (gradient,) = torch.autograd.grad(model.module(block)[0, :, 1, 1, middle].sum(), block)
        touched = np.flatnonzero(gradient.abs().sum(dim=(0, 1, 2, 3)))
        reach = max(reach, abs(touched - middle).max(initial=0))
    assert network.halo - network.stride < reach <= network.halo


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
    with pytest.raises(ValueError, match="tile: wanted a positive multiple of 4, got 6"):
        predict(model, volume, tile=6)


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
    with pytest.raises(ValueError, match=r"new\.pt: wanted a model's file of format 2"):
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
    labels = [LabelVolume(data=np.r_[[0] * 12, [1] * 3, [3]].reshape(1, 1, -1).astype("u2"),
                          voxel_size=1, origin=(0, 0, 0))]  # fmt: skip
    assert class_weights(labels, 4, balance=0).tolist() == [1, 1, 0, 1]
    alike = class_weights(labels, 4, balance=1)
    np.testing.assert_allclose(alike * [12, 3, 0, 1], [16 / 3, 16 / 3, 0, 16 / 3], rtol=1e-6)


@pytest.mark.slow
def test_training_beats_chance_on_what_it_has_not_seen():
    tomograms = [example(i) for i in range(6)]
    training = Training(
        network=Network(width=6),
        patch=16,
        batch=4,
        steps=20,
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
    with pytest.raises(ValueError, match=r"training\.pt: is of another training: width is 4"):
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
    with pytest.raises(ValueError, match="wanted at least one tomogram"):
        train_fcn([], TINY, seed=1)
    with pytest.raises(ValueError, match="shortest edge, 24 voxels, got 32"):
        train_fcn([one], dataclasses.replace(TINY, patch=32), seed=1)
    with pytest.raises(ValueError, match="wanted the tomogram's shape"):
        LabelledTomogram(volume=one.volume, labels=example(1, shape=(24, 28, 30)).labels)
    with pytest.raises(ValueError, match="a name for each class"):
        dataclasses.replace(one, labels=dataclasses.replace(one.labels, names=("ball",)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network(width=0), "width: wanted a whole number >= 1"),
        (lambda: Network(depth=-1), "depth: wanted a whole number >= 0"),
        (lambda: Training(patch=30), "patch: wanted a multiple of 4, got 30"),
        (lambda: Training(focus=1.5), "focus: wanted a number >= 0 and <= 1"),
        (lambda: Training(learning_rate=0), "learning_rate: wanted a number > 0"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_import_loads_no_torch():
    code = (
        "import sys, openmm_cgpack.evaluation as e; e.Training(); "
        "assert not {'torch', 'sklearn', 'openmm', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install openmm_cgpack\[torch\]"):
        new_model(NAMES, Network(), seed=1)
