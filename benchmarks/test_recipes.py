"""The recipes that come along: each makes its first scene, and what that takes.

Small scenes of them are made by default. In full, the first scene of each at its own size, in a
process of its own: its table and its picture in the docs.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recipe_scenes import picture, small

from openmm_cgpack import RunFolder, recipes, simulate
from openmm_cgpack.draw.style import save_figure
from openmm_cgpack.io.files import read_toml
from openmm_cgpack.poses import crossings
from openmm_cgpack.recipe import drawn, recipe_from

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SETS = ("paper", "cytoplasm", "shrec", "czii", "membranes", "filaments", "cell")


@pytest.mark.parametrize("name", SETS)
def test_recipe(name, full, record, tmp_path):
    if not full:
        tables, _ = drawn(read_toml(recipes.path(name)), 1, 0)
        made = simulate(recipe_from(small(tables)))
        scene = made.packed.scene
        asked = {entry.label for entry in made.recipe.structures}
        assert {model.name for model in scene.species} == asked
        assert made.rendered.tomogram.data.std() > 0
        return
    seconds, memory = _run(name, tmp_path / "out")
    run = RunFolder(tmp_path / "out")
    packed, manifest = run.packed(), run.manifest
    save_figure(IMAGES / f"recipe_{name}.png", picture(run), dpi=75)
    counts = np.bincount(packed.scene.species_index, minlength=len(packed.scene.species))
    gone = crossings(packed)
    size = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    shape = " x ".join(str(n) for n in manifest["density"]["shape_zyx"][::-1])
    rows = {
        "bodies": packed.scene.n_instances,
        "kinds": int((counts > 0).sum()),
        "fewest and most of a kind": f"{counts.min()}, {counts.max()}",
        "part of the volume": f"{manifest['packing']['fraction_end']:.4f}",
        "gone through membranes": 0 if gone is None else gone.total,
        "voxels": f"{shape} of {manifest['density']['voxel_size_nm']:.3g} nm",
        "SNR in the tomogram": f"{manifest['tomogram']['snr_measured']:.3g}",
        "processor time, s": f"{seconds:.0f}",
        "peak memory, GiB": f"{memory / 2**30:.1f}",
        "folder, GiB": f"{size / 2**30:.2f}",
    }
    record([{"first scene": what, name: value} for what, value in rows.items()])


def _run(name: str, out: Path) -> tuple[float, int]:
    """Make the first scene in a process of its own; return its processor time and peak memory."""
    command = [sys.executable, "-m", "openmm_cgpack", "demo", name, "-o", str(out), "--quiet"]
    process = subprocess.Popen([*command, "--platform", "CPU", "--threads", "2"])
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
