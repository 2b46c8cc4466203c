"""Runs of the pull that stop and go on."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import body, chain
from limits import no_room_beyond

from openmm_cgpack.core import PackedScene
from openmm_cgpack.forces import LENNARD_JONES_SCALE, PULL_SCALE
from openmm_cgpack.io.files import open_npz
from openmm_cgpack.packing import FrameReporter, Pull, Run, pack, pack_scene, place
from openmm_cgpack.packing.checkpoint import FORMAT, FORMAT_VERSION

SETTINGS = {
    "max_steps": 600,
    "block": 50,
    "relax_steps": 400,
    "tolerance": 0.0,
    "patience": 50,
    "checkpoint_every": 150,
    "rigidity": "bonds",
}
RUNS = [Run(platform="Reference"), Run(platform="CPU", threads=1)]
REFERENCE = RUNS[0]


class Cut(Exception):
    """Ends a run from a reporter."""


class CutAt:
    """A reporter that raises at a step, in the middle of a block too."""

    def __init__(self, step):
        self.step = step

    def describeNextReport(self, simulation):
        return {"steps": self.step - simulation.currentStep % self.step, "include": []}

    def report(self, simulation, state):
        if simulation.currentStep == self.step:
            raise Cut


@pytest.fixture(scope="module")
def scene():
    return place([(body("a", 6, 1), 5), (body("b", 3, 2), 5), (chain(n=6), 2)], seed=1)


def packed_on(run, scene, path, *, cut=None, frames=None, seed=4, watch=None, **settings):
    reporters = [] if frames is None else [frames]
    if cut is not None:
        reporters.append(CutAt(cut))
    protocol = Pull(**{**SETTINGS, **settings})
    return pack_scene(
        scene,
        protocol,
        run=run,
        seed=seed,
        checkpoint=path,
        reporters=reporters,
        watch=watch,
    )


def kept(path):
    """Return what a file holds of the stage under way: the header, and the steps measured."""
    opened = open_npz(path, kind=FORMAT, version=FORMAT_VERSION, wanted="a checkpoint")
    with opened as (header, arrays):
        arrays = dict(arrays)
    return header["under way"], arrays["under way/outcomes/step"].tolist()


def assert_same(first: PackedScene, second: PackedScene):
    assert np.array_equal(first.positions, second.positions)
    for key in ("step", "radius_of_gyration", "fraction", "overlap", "energy"):
        assert np.array_equal(getattr(first.history, key), getattr(second.history, key)), key
    assert first.provenance == second.provenance


@pytest.mark.parametrize("run", RUNS, ids=str)
@pytest.mark.parametrize("rigidity", ["bonds", "constraints"])
def test_interrupted_and_gone_on_equals_uninterrupted(scene, tmp_path, run, rigidity):
    """Bit for bit, cut off while it is pulled, in both ramps, and more than once."""
    whole_frames, frames = FrameReporter(70), None
    whole = packed_on(run, scene, tmp_path / "whole.npz", frames=whole_frames, rigidity=rigidity)
    assert whole.history.step[-1] == 1000
    path = tmp_path / "parts.npz"
    for cut in (120, 330, 340, 720, 910):
        frames = FrameReporter(70)
        with pytest.raises(Cut):
            packed_on(run, scene, path, cut=cut, frames=frames, rigidity=rigidity)
    frames = FrameReporter(70)
    parts = packed_on(run, scene, path, frames=frames, rigidity=rigidity)
    assert_same(whole, parts)
    assert frames.steps == whole_frames.steps
    assert np.array_equal(frames.frames, whole_frames.frames)


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_a_file_changes_nothing(scene, tmp_path, run):
    """A run without a file equals one with a file, and one that is asked twice."""
    first = packed_on(run, scene, tmp_path / "a.npz")
    assert_same(first, packed_on(run, scene, None))
    assert_same(first, packed_on(run, scene, tmp_path / "a.npz"))


def test_what_was_stepped_is_not_stepped_again(scene, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(Cut):
        packed_on(REFERENCE, scene, path, cut=520)
    under_way, measured = kept(path)
    assert (under_way["stage"], under_way["step"], under_way["done"]) == ("pull", 450, False)
    assert measured == list(range(0, 451, 50))
    blocks = []
    packed_on(REFERENCE, scene, path, watch=blocks.append)
    assert sum(block.steps for block in blocks) == 550
    assert [block.stage for block in blocks if block.finished] == ["pulling", "relaxing"]
    blocks.clear()
    assert kept(path)[0]["done"]
    packed_on(REFERENCE, scene, path, watch=blocks.append)
    assert blocks == []


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_a_packing_that_was_stopped_goes_on_as_if_it_had_not_been(scene, tmp_path, run):
    path = tmp_path / "c.npz"
    part = packed_on(run, scene, path, watch=lambda block: block.step >= 400)
    assert (part.history.step[-1], part.provenance["stopped"]) == (400, "pulling")
    assert_same(packed_on(run, scene, path), packed_on(run, scene, None))


def test_the_ramps_go_on_where_they_were(scene, tmp_path):
    """The pull is off and the Lennard-Jones energy scaled as in the run that was not cut off."""
    parameters = []
    protocol = Pull(**SETTINGS)
    for cuts in ((), (870, 950)):
        path = tmp_path / f"{len(cuts)}.npz"
        for cut in (*cuts, None):
            reporters = [CutAt(cut)] if cut else []
            simulation = protocol.simulation(scene, run=REFERENCE, seed=1, reporters=reporters)
            try:
                pack(simulation, scene, protocol, checkpoint=path)
            except Cut:
                continue
        known = dict(simulation.context.getParameters())
        parameters.append((known[PULL_SCALE], known[LENNARD_JONES_SCALE]))
    assert parameters[0] == parameters[1]
    assert parameters[0][0] == 0.0
    assert parameters[0][1] < 0.01


def test_another_run_is_refused(scene, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(Cut):
        packed_on(REFERENCE, scene, path, cut=330)
    before = path.read_bytes()
    others = [
        {"seed": 5},
        {"block": 40},
        {"checkpoint_every": 200},
        {"rigidity": "constraints"},
        {"friction": 9.0},
    ]
    for other in others:
        with pytest.raises(ValueError, match=r"c.npz: is a checkpoint of another run"):
            packed_on(REFERENCE, scene, path, **other)
    moved = place([(body("a", 6, 1), 5), (body("b", 3, 2), 5), (chain(n=6), 2)], seed=2)
    with pytest.raises(ValueError, match="another run"):
        packed_on(REFERENCE, moved, path)
    protocol = Pull(**SETTINGS)
    simulation = protocol.simulation(scene, run=REFERENCE, seed=4)
    simulation.integrator.setFriction(1.0)
    with pytest.raises(ValueError, match="another run"):
        pack(simulation, scene, protocol, checkpoint=path)
    assert path.read_bytes() == before


def test_files_that_are_no_checkpoints(scene, tmp_path):
    path = tmp_path / "c.npz"
    for content in (b"", b"PK\x03\x04 broken", b"text"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"c\.npz: wanted a checkpoint of openmm_cgpack"):
            packed_on(REFERENCE, scene, path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(ValueError, match=r"c\.npz: wanted a checkpoint of openmm_cgpack"):
        packed_on(REFERENCE, scene, path)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_write_that_fails_leaves_the_last_one(scene, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(Cut):
        packed_on(REFERENCE, scene, path, cut=330)
    before = path.read_bytes()
    with no_room_beyond(len(before) // 2), pytest.raises(OSError, match="too large"):
        packed_on(REFERENCE, scene, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["c.npz"]


def test_another_platform_goes_on_with_a_warning(scene, tmp_path, caplog):
    path = tmp_path / "c.npz"
    with pytest.raises(Cut):
        packed_on(REFERENCE, scene, path, cut=330)
    with caplog.at_level(logging.WARNING):
        packed = packed_on(RUNS[1], scene, path)
    assert "taken on Reference" in caplog.text
    whole = packed_on(REFERENCE, scene, None)
    same = (whole.history.step > 0) & (whole.history.step <= 300)
    assert packed.history.step[-1] == 1000
    assert np.array_equal(packed.history.energy[same], whole.history.energy[same])
    assert packed.history.overlap[-1] < 0.5


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from helpers import body, chain
from openmm_cgpack.core.tables import from_table
from openmm_cgpack.packing import Protocol, Run, pack_scene, place
scene = place([(body("a", 6, 1), 5), (body("b", 3, 2), 5), (chain(n=6), 2)], seed=1)
print("ready", flush=True)
pack_scene(scene, from_table(Protocol, {protocol!r}), run=from_table(Run, {run!r}), seed=4,
           checkpoint={path!r})
"""


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS, ids=str)
def test_killed_at_any_moment(scene, tmp_path, run):
    """A process is killed (SIGKILL) again and again; the last one ends as if none had been."""
    settings = SETTINGS | {"max_steps": 4000, "relax_steps": 2000, "checkpoint_every": 50}
    path = tmp_path / "c.npz"
    code = CHILD.format(
        tests=str(Path(__file__).parents[1]),
        run={name: value for name, value in vars(run).items() if value is not None},
        path=str(path),
        protocol={"kind": "pull", **settings},
    )
    rng = np.random.default_rng(0)
    steps = []
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"ready\n"
        before = path.stat().st_mtime_ns if path.exists() else None
        # Wait until it has written, so that every part gets on, and then for any time.
        while child.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.15))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        steps.append(kept(path)[0]["step"])
    assert steps == sorted(steps)
    assert steps[0] < 6000
    last = packed_on(run, scene, path, **settings)
    assert_same(last, packed_on(run, scene, tmp_path / "other.npz", **settings))
