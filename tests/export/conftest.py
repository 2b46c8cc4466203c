"""The folder of a run, for all formats."""

import json

import pytest
import world

from openmm_cgpack.io import save_packed, write_mrc, write_particles


@pytest.fixture
def run(tmp_path):
    """Return a folder with what the writers need of a run."""
    packed, truth = world.everything()
    out = tmp_path / "run_1"
    out.mkdir()
    save_packed(out / "packed.npz", packed)
    for name, volume in {
        **truth.maps,
        "instances": truth.instances,
        "semantic": truth.semantic,
    }.items():
        write_mrc(out / f"{name}.mrc", volume)
    columns = {"visible": truth.visible}
    write_particles(out / "particles.csv", truth.particles, columns=columns)
    frame = {
        "origin_in_scene_nm": world.GRID.origin.tolist(),
        "voxel_size_nm": world.GRID.voxel_size,
    }
    (out / "manifest.json").write_text(json.dumps({"density": frame}))
    return out
