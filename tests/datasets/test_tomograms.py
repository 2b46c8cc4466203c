"""Data sets as datasets of PyTorch."""

import numpy as np
import pytest

import openmm_cgpack as cgp
from openmm_cgpack.evaluation import GridCubes, RandomCubes
from openmm_cgpack.io import read_mrc, write_mrc
from openmm_cgpack.io.mrc import map_mrc

CUBES = RandomCubes(edge=8, per_epoch=6)


@pytest.fixture
def torch():
    """Return PyTorch, or skip."""
    return pytest.importorskip("torch")


def test_a_mapped_file_is_what_is_read(tmp_path):
    rng = np.random.default_rng(1)
    frame = {"voxel_size": 1.5, "origin": (0, 0, 0)}
    for name, volume in (
        ("map.mrc", cgp.Volume(data=rng.normal(size=(3, 4, 5)), **frame)),
        ("labels.mrc", cgp.LabelVolume(data=rng.integers(0, 9, (3, 4, 5)), **frame)),
    ):
        write_mrc(tmp_path / name, volume)
        mapped, held = map_mrc(tmp_path / name), read_mrc(tmp_path / name)
        assert type(mapped) is type(held)
        assert np.array_equal(mapped.data, held.data)
        assert mapped.voxel_size == held.voxel_size
        assert isinstance(mapped.data.base, np.memmap)


def test_cubes_are_those_of_the_runs(made, torch):
    held = cgp.LabelledTomograms(made.path, cubes=GridCubes(edge=8), classes=("3hhb",))
    names = [run.species for run in made.runs()]
    assert held.names == ("3hhb",)
    assert len(held.tomograms) == 3
    for tomogram, run, species in zip(held.tomograms, made.runs(), names, strict=True):
        data = run.tomogram().data
        np.testing.assert_allclose(
            tomogram.standardised(), (data - data.mean()) / data.std(), atol=1e-4
        )
        labels = run.labels("semantic").data
        wanted = labels == species.index("3hhb") + 1 if "3hhb" in species else labels < 0
        assert np.array_equal(tomogram.truth() == 1, wanted)
        # They lie on the disk.
        assert isinstance(tomogram.volume.data.base, np.memmap)


def test_all_species_of_all_splits_are_classes_where_none_are_named(made, torch):
    every = {name for run in made.runs() for name in run.species}
    for split in ("train", None):
        held = cgp.LabelledTomograms(made.path, split, cubes=CUBES)
        assert set(held.names) == every
        assert len(held.tomograms) == len(made.indices(split))
    alone = cgp.LabelledTomograms([run.path for run in made.runs()], cubes=CUBES)
    assert alone.names == held.names
    assert np.array_equal(alone.cube(3)["image"], held.cube(3)["image"])


def test_what_is_not_there_is_said(made, tmp_path, torch):
    with pytest.raises(ValueError, match="split: wanted one of train"):
        cgp.LabelledTomograms(made.path, "valid")
    empty = next(s for s in ("test", "validation") if not made.indices(s))
    with pytest.raises(ValueError, match=f"wanted scenes that are made, got none.*{empty}"):
        cgp.LabelledTomograms(made.path, empty)
    with pytest.raises(ValueError, match=r"classes: wanted of .*filament.*, got '4v4r'"):
        cgp.LabelledTomograms(made.path, classes={"ribosome": ("4v4r",)})
    with pytest.raises(FileNotFoundError, match=r"manifest\.json: no such file"):
        cgp.LabelledTomograms(tmp_path)
    with pytest.raises(ValueError, match="split: wanted with the folder of a data set"):
        cgp.LabelledTomograms([made.scene(0)], "train")
    with pytest.raises(ValueError, match="wanted at least one run"):
        cgp.LabelledTomograms([])


def test_torch_loads_them_and_monai_transforms_and_trains(made, torch):
    """An epoch by the outside programs: cubes, transforms, a network, a loss, sliding windows."""
    pytest.importorskip("monai")
    from monai.inferers import sliding_window_inference
    from monai.losses import DiceCELoss
    from monai.networks.nets import UNet
    from monai.transforms import Compose, RandGaussianNoised, RandRotate90d

    torch.set_num_threads(1)
    transform = Compose(
        [
            RandRotate90d(keys=("image", "label"), prob=0.5, spatial_axes=(1, 2)),
            RandGaussianNoised(keys="image", prob=1.0, std=0.1),
        ]
    )
    held = cgp.LabelledTomograms(made.path, cubes=CUBES, transform=transform, seed=1)
    plain = cgp.LabelledTomograms(made.path, cubes=CUBES, seed=1)
    assert isinstance(plain[0]["image"], torch.Tensor)
    assert not torch.equal(torch.as_tensor(held[0]["image"]), plain[0]["image"])
    with pytest.raises(IndexError, match="wanted a number from 0 to 5, got 6"):
        plain[6]
    network = UNet(3, 1, len(held.names) + 1, channels=(4, 8), strides=(2,))
    loss = DiceCELoss(softmax=True, to_onehot_y=True)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    before = [p.detach().clone() for p in network.parameters()]
    seen = 0
    for batch in torch.utils.data.DataLoader(held, batch_size=2):
        assert batch["image"].shape == batch["label"].shape == (2, 1, 8, 8, 8)
        value = loss(network(batch["image"]), batch["label"])
        value.backward()
        optimiser.step()
        seen += 1
        assert torch.isfinite(value)
    assert seen == 3
    assert not all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    whole = torch.from_numpy(held.tomograms[0].standardised())[None, None]
    with torch.inference_mode():
        logits = sliding_window_inference(whole, (8, 8, 8), 4, network.eval())
    assert logits.shape == (1, len(held.names) + 1, *whole.shape[2:])
