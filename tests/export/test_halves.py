"""Halves that share no noise: in every format that holds several maps, as programs name them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import world

from openmm_cgpack import Volume
from openmm_cgpack.export import Copick, Denoising, Imod, OmeZarr, Relion5, export_run, export_truth
from openmm_cgpack.io import read_mrc, write_mrc
from openmm_cgpack.io.star import read_star
from openmm_cgpack.io.zarr_images import read_ome_zarr


@pytest.fixture(scope="module")
def truth():
    truth = world.molecules()[1]
    rng = np.random.default_rng(0)
    noise = rng.normal(size=truth.grid.shape).astype(np.float32)
    held = truth.maps["tomogram"].data
    halves = {"even": held + noise, "odd": held - noise}
    maps = {
        name: Volume(data=data, voxel_size=truth.grid.voxel_size, origin=np.zeros(3))
        for name, data in halves.items()
    }
    return replace(truth, name="A", maps={**truth.maps, **maps})


def test_relion_finds_both_halves(truth, tmp_path):
    Relion5().save(tmp_path, truth, world.tilt_series())
    table = read_star(tmp_path / "tomograms.star")["global"]
    for number, half in enumerate(truth.halves, start=1):
        (file,) = table[f"rlnTomoReconstructedTomogramHalf{number}"]
        np.testing.assert_array_equal(read_mrc(tmp_path / file).data, half.data)


def test_imod_has_both_halves_beside_the_tomogram(truth, tmp_path):
    Imod().save(tmp_path, truth, world.tilt_series())
    whole, *halves = (
        read_mrc(tmp_path / f"A{mark}_rec.mrc").data for mark in ("", "_even", "_odd")
    )
    np.testing.assert_allclose(np.mean(halves, axis=0), whole, atol=1e-5)
    for found, half in zip(halves, truth.halves, strict=True):
        np.testing.assert_array_equal(found, half.data)


def test_cryocare_extracts_patches(truth, tmp_path, monkeypatch):
    """cryoCARE itself, where it is installed: its reading, its checks and its patches."""
    module = pytest.importorskip("cryocare.internals.CryoCAREDataModule")
    Denoising().save(tmp_path, truth)
    monkeypatch.chdir(tmp_path)
    config = json.loads((tmp_path / "train_data_config.json").read_text())
    assert not (tmp_path / config["path"]).exists()
    data = module.CryoCARE_DataModule()
    data.setup(
        config["odd"],
        config["even"],
        n_samples_per_tomo=20,
        validation_fraction=1 - config["split"],
        sample_shape=config["patch_shape"],
        tilt_axis=config["tilt_axis"],
        n_normalization_samples=4,
    )
    patch, other = data.val_dataset[0]
    z, y, x = data.val_dataset.coords[0][0]
    even, odd = (half.data[z : z + 8, y : y + 8, x : x + 8, None] for half in truth.halves)
    assert {patch.tobytes(), other.tobytes()} == {even.tobytes(), odd.tobytes()}


def test_copick_and_zarr_have_them_as_tomograms(truth, tmp_path):
    Copick().save(tmp_path / "copick", truth)
    OmeZarr().save(tmp_path / "zarr", truth)
    for name in ("even", "odd"):
        spacing = tmp_path / "copick" / "ExperimentRuns" / "A" / "VoxelSpacing10.500"
        for folder in (spacing, tmp_path / "zarr"):
            data = read_ome_zarr(folder / f"{name}.zarr").data
            np.testing.assert_array_equal(data, truth.maps[name].data)


def test_a_folder_to_denoise_in_holds_all_runs(truth, tmp_path):
    """The lists of cryoCARE stay pairs, whatever the names; what its user set stays."""
    for name in ("A-F", "A"):
        Denoising().save(tmp_path, replace(truth, name=name))
        config = tmp_path / "train_data_config.json"
        held = json.loads(config.read_text())
        config.write_text(json.dumps({**held, "num_slices": 7}))
    Denoising().save(tmp_path, truth)
    held = json.loads(config.read_text())
    assert held["num_slices"] == 7
    # Two of them fit into the shortest edge, 32 voxels, and the network halves them three times.
    assert held["patch_shape"] == [8, 8, 8]
    assert held["even"] == ["./A-F_EVN_Vol.mrc", "./A_EVN_Vol.mrc"]
    assert held["odd"] == ["./A-F_ODD_Vol.mrc", "./A_ODD_Vol.mrc"]
    even, odd, whole = (
        read_mrc(tmp_path / f"A{mark}_Vol.mrc").data for mark in ("_EVN", "_ODD", "")
    )
    np.testing.assert_allclose((even + odd) / 2, whole, atol=1e-5)


def test_without_halves_there_is_nothing_to_denoise(tmp_path, caplog):
    truth = world.molecules()[1]
    assert truth.halves is None
    with pytest.raises(ValueError, match=r"denoising: wanted a tomogram and its halves; halves ="):
        export_truth(truth, tmp_path, ["denoising"])
    assert not any(tmp_path.iterdir())


def test_halves_of_a_render_go_with_its_tomogram(truth, run):
    """A run's halves are not taken for those of another render."""
    from openmm_cgpack.export import Export

    for name, volume in truth.maps.items():
        (run / "renders" / "dose").mkdir(parents=True, exist_ok=True)
        if name != "density":
            write_mrc(run / "renders" / "dose" / f"{name}.mrc", volume)
    with pytest.raises(ValueError, match="wanted a tomogram and its halves"):
        export_run(run, ["denoising"])
    place = export_run(run, ["denoising"], Export(render="dose"))["denoising"]
    found = read_mrc(place / "run-1_EVN_Vol.mrc")
    np.testing.assert_array_equal(found.data, truth.maps["even"].data)
