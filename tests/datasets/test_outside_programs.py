"""What other programs make of a data set: each is skipped where it is not installed."""

import numpy as np
import pytest
import world

from openmm_cgpack.export import NnUnet, export_truth


def test_copick_torch_learns_from_the_project_for_an_epoch(made):
    torch = pytest.importorskip("torch")
    minimal = pytest.importorskip("copick_torch.minimal_dataset")
    import copick

    torch.set_num_threads(1)
    root = copick.from_file(str(made.path / "copick.json"))
    # Its way to load everything first loses the first picks of each run (1.2.1).
    options = {"boxsize": (8, 8, 8), "voxel_spacing": 20.0, "object_names": ["3hhb"]}
    held = minimal.MinimalCopickDataset(proj=root, preload=False, **options)
    molecules = sum((run.particles().species == "3hhb").sum() for run in made.runs())
    assert len(held) == molecules > 0
    network = torch.nn.Sequential(
        torch.nn.Conv3d(1, 4, 3), torch.nn.AdaptiveAvgPool3d(1), torch.nn.Flatten(),
        torch.nn.Linear(4, 2),
    )  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for cubes, labels in torch.utils.data.DataLoader(held, batch_size=2):
        assert cubes.shape[1:] == (1, 8, 8, 8)
        assert (labels == root.get_object("3hhb").label).all()
        value = torch.nn.functional.cross_entropy(network(cubes.float()), labels.long())
        value.backward()
        optimiser.step()
        losses.append(float(value.detach()))
    assert losses
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("labels", ["membranes", "species"])
def test_nnunet_takes_its_folders(tmp_path_factory, labels):
    verify = pytest.importorskip("nnunetv2.experiment_planning.verify_dataset_integrity")
    folder = tmp_path_factory.mktemp("raw")
    place = export_truth(world.everything()[1], folder, [NnUnet(labels=labels)])["nnunet"]
    verify.verify_dataset_integrity(str(place), num_processes=1)
