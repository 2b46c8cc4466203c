"""What a platform may change and what not, and how often the drivers ask it for something."""

import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import openmm
import pytest
from cells import small_cell
from dense_scenes import blob
from helpers import PLATFORMS, body, chain

from openmm_cgpack.packing import (
    Cell,
    Compression,
    Packing,
    Pull,
    Run,
    Settling,
    as_packed,
    box_fraction,
    compress,
    insert,
    pack_scene,
    place,
)
from openmm_cgpack.packing.checkpoint import Checkpoint
from openmm_cgpack.packing.pull_schedule import pull_steps
from openmm_cgpack.packing.shrinking_box import ShrinkingBox
from openmm_cgpack.packing.simulations import capture, restore
from openmm_cgpack.poses import crossings, extract_transforms

REFERENCE = Run(platform="Reference")


@pytest.fixture(scope="module")
def loose():
    return place([(body("a", 6, 1), 4), (chain(n=6), 2)], seed=1)


@pytest.fixture(scope="module")
def dilute():
    return insert([(blob("a"), 8), (blob("b", 2, n=250), 8)], fraction=0.2, seed=1)


class Cut(Exception):
    """Stands for the end of a process."""


def cut_at(step):
    def watch(block):
        if block.step >= step:
            raise Cut

    return watch


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_state_is_brought_back_as_it_was(loose, platform):
    protocol = Pull()
    simulation = protocol.simulation(loose, run=Run(platform=platform), seed=1)
    simulation.step(30)
    header, arrays = capture(simulation)
    simulation.step(30)
    restore(simulation, header, arrays)
    state = simulation.context.getState(positions=True, velocities=True)
    assert simulation.currentStep == 30
    for found, kept in (
        (state.getPositions(asNumpy=True)._value, arrays["positions"]),
        (state.getVelocities(asNumpy=True)._value, arrays["velocities"]),
    ):
        np.testing.assert_allclose(found, kept, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_pull_that_was_cut_off_goes_on(loose, platform, tmp_path, caplog):
    protocol = Pull(max_steps=200, relax_steps=100, block=50, checkpoint_every=100)
    settings = {"run": Run(platform=platform), "seed": 1, "checkpoint": tmp_path / "c.npz"}
    with pytest.raises(Cut):
        pack_scene(loose, protocol, watch=cut_at(150), **settings)
    blocks = []
    with caplog.at_level(logging.WARNING):
        packed = pack_scene(loose, protocol, watch=blocks.append, **settings)
    # From the checkpoint at step 100, on the same platform, and without complaint.
    assert blocks[0].step == 150
    assert packed.history.step[[0, 1, 2, -1]].tolist() == [0, 50, 100, 300]
    assert packed.provenance["platform"] == platform
    assert not caplog.records
    assert extract_transforms(packed).rms[:4].max() < 1e-4


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_compression_that_was_cut_off_goes_on(dilute, platform, tmp_path):
    settings = {"run": Run(platform=platform), "seed": 1, "checkpoint": tmp_path / "c.npz"}
    often = Compression(checkpoint_every=20)
    with pytest.raises(Cut):
        compress(dilute, often, fraction=0.28, watch=cut_at(40), **settings)
    blocks = []
    packed = compress(dilute, often, fraction=0.28, watch=blocks.append, **settings)
    assert not blocks or blocks[0].step > 20
    assert box_fraction(packed.scene, packed.boundary) == pytest.approx(0.28)
    assert extract_transforms(packed).rms.max() < 1e-4


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_cell_moves_and_nothing_passes(platform):
    scene = small_cell()
    settling = Settling(steps=40, patience=20, block=20)
    packed = pack_scene(scene, Cell(settling=settling), run=Run(platform=platform), seed=1)
    moved = np.linalg.norm(packed.positions - scene.positions, axis=1)
    assert 0.01 < moved.max() < 10
    assert crossings(packed).total == 0
    assert extract_transforms(packed).rms[1:14].max() < 1e-4


class Counted:
    """A Context that counts what it is asked for."""

    def __init__(self, context):
        self._context = context
        self.asked = Counter()

    def __getattr__(self, name):
        return getattr(self._context, name)

    def getState(self, **wanted):
        self.asked.update(list(wanted))
        return self._context.getState(**wanted)

    def createCheckpoint(self):
        self.asked["checkpoint"] += 1
        return self._context.createCheckpoint()


def test_a_block_of_the_pull_reads_little(loose):
    """Twice the positions and once the energy, however long it is; no file, no checkpoint."""
    protocol = Pull(block=10, max_steps=40, checkpoint_every=10, relax_steps=0)
    simulation = protocol.simulation(loose, run=REFERENCE, seed=1)
    simulation.context = context = Counted(simulation.context)
    Packing(pull_steps(simulation, loose, protocol), scene=loose).finish()
    assert context.asked == {"positions": 2 * 4 + 1, "energy": 4 + 1}


def test_a_block_of_soft_dynamics_reads_little(dilute):
    """Twice the positions and once the energy of contacts; a smaller box once each."""
    box = ShrinkingBox(
        as_packed(dilute),
        Compression(checkpoint_every=20),
        forces=(),
        run=REFERENCE,
        seed=1,
        reporters=[],
        checkpoint=Checkpoint(None, dilute, settings={}),
        stage="compression",
    )
    box.context = box.simulation.context = context = Counted(box.context)
    for _ in range(3):
        box.relax(20)
    assert context.asked == {"positions": 6, "energy": 3, "groups": 3}
    box.shrink(0.21)
    assert context.asked == {"positions": 7, "energy": 4, "groups": 4}


CHOOSING = """
import logging
logging.basicConfig()
from openmm_cgpack.packing import Run, choose_platform
for _ in range(2):
    print(choose_platform()[0].getName())
try:
    choose_platform(Run(platform="cuda"))
except ValueError as error:
    print(error)
"""


def test_a_gpu_that_does_not_work_is_one_line_and_the_processor(tmp_path):
    for plugin in Path(openmm.version.openmm_library_path, "plugins").iterdir():
        (tmp_path / plugin.name).symlink_to(plugin)
    cuda = tmp_path / "libOpenMMCUDA.so"
    cuda.unlink(missing_ok=True)
    cuda.write_text("no library", encoding="utf-8")
    # Without OpenCL, too: a machine may have it.
    places = {"OPENMM_PLUGIN_DIR": str(tmp_path), "OCL_ICD_VENDORS": str(tmp_path)}
    own = {k: v for k, v in os.environ.items() if k != "OPENMM_DEFAULT_PLATFORM"}
    found = subprocess.run(
        [sys.executable, "-c", CHOOSING],
        env=own | places,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    assert found.returncode == 0, found.stderr
    (warning,) = found.stderr.splitlines()
    assert "libOpenMMCUDA.so" in warning
    first, second, refused = found.stdout.splitlines()
    assert first == second == "CPU"
    assert refused.startswith('platform: "cuda" is not here, only Reference, CPU; ')
    assert "libOpenMMCUDA.so" in refused
