"""Runs that stop and go on."""

import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import openmm
import openmm.app
import pytest
from helpers import body, chain

from openmm_cgpack.core import PackedScene
from openmm_cgpack.forces import LENNARD_JONES_SCALE, PULL_SCALE, paper_forces
from openmm_cgpack.packing import (
    FrameReporter,
    create_system,
    pack,
    pack_scene,
    place,
    to_topology,
)
from openmm_cgpack.packing.checkpoint import load_checkpoint, save_checkpoint

SETTINGS = {
    "max_steps": 600,
    "block": 50,
    "relax_steps": 400,
    "tolerance": 0.0,
    "patience": 50,
    "checkpoint_every": 150,
}
PLATFORMS = ["Reference", "CPU"]


class Stop(Exception):
    """Ends a run from a reporter."""


class StopAt:
    """A reporter that raises at a step."""

    def __init__(self, step):
        self.step = step

    def describeNextReport(self, simulation):
        return {"steps": self.step - simulation.currentStep % self.step, "include": []}

    def report(self, simulation, state):
        if simulation.currentStep == self.step:
            raise Stop


@pytest.fixture(scope="module")
def scene():
    return place([(body("a", 6, 1), 5), (body("b", 3, 2), 5), (chain(n=6), 2)], seed=1)


def run(scene, path, platform, *, stop=None, frames=None, rigidity="bonds", seed=4, **settings):
    reporters = [] if frames is None else [frames]
    if stop is not None:
        reporters.append(StopAt(stop))
    return pack_scene(
        scene,
        platform=platform,
        threads=1 if platform == "CPU" else None,
        seed=seed,
        rigidity=rigidity,
        checkpoint=path,
        reporters=reporters,
        **{**SETTINGS, **settings},
    )


def assert_same(first: PackedScene, second: PackedScene):
    assert np.array_equal(first.positions, second.positions)
    for key in ("step", "radius_of_gyration", "fraction", "overlap", "energy"):
        assert np.array_equal(getattr(first.history, key), getattr(second.history, key)), key
    assert first.provenance == second.provenance


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("rigidity", ["bonds", "constraints"])
def test_interrupted_and_gone_on_equals_uninterrupted(scene, tmp_path, platform, rigidity):
    """Bit for bit, stopped while squeezing, in both ramps, and more than once."""
    whole_frames, frames = FrameReporter(70), None
    whole = run(scene, tmp_path / "whole.npz", platform, frames=whole_frames, rigidity=rigidity)
    assert whole.history.step[-1] == 1000
    path = tmp_path / "parts.npz"
    for stop in (120, 330, 340, 720, 910):
        frames = FrameReporter(70)
        with pytest.raises(Stop):
            run(scene, path, platform, stop=stop, frames=frames, rigidity=rigidity)
    frames = FrameReporter(70)
    parts = run(scene, path, platform, frames=frames, rigidity=rigidity)
    assert_same(whole, parts)
    assert frames.steps == whole_frames.steps
    assert np.array_equal(frames.frames, whole_frames.frames)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_file_changes_nothing(scene, tmp_path, platform):
    """A run without a file equals one with a file, and one that is asked twice."""
    first = run(scene, tmp_path / "a.npz", platform)
    assert_same(first, run(scene, None, platform))
    assert_same(first, run(scene, tmp_path / "a.npz", platform))


def test_what_was_stepped_is_not_stepped_again(scene, tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    with pytest.raises(Stop):
        run(scene, path, "Reference", stop=520)
    kept = load_checkpoint(path)
    assert (kept.step, kept.phase) == (450, "squeezing")
    assert kept.history["step"].tolist() == list(range(0, 451, 50))
    stepped = []
    step = openmm.app.Simulation.step
    monkeypatch.setattr(
        openmm.app.Simulation, "step", lambda s, n: (stepped.append(n), step(s, n))[1]
    )
    run(scene, path, "Reference")
    assert sum(stepped) == 550
    stepped.clear()
    assert load_checkpoint(path).phase == "done"
    run(scene, path, "Reference")
    assert stepped == []


def test_the_ramps_go_on_where_they_were(scene, tmp_path):
    """The pull is off and the Lennard-Jones energy scaled as in the run that did not stop."""
    parameters = []
    for stops in ((), (870, 950)):
        path = tmp_path / f"{len(stops)}.npz"
        for stop in (*stops, None):
            simulation = simulation_of(scene)
            if stop:
                simulation.reporters.append(StopAt(stop))
            try:
                pack(simulation, scene, checkpoint=path, **SETTINGS)
            except Stop:
                continue
        known = dict(simulation.context.getParameters())
        parameters.append((known[PULL_SCALE], known[LENNARD_JONES_SCALE]))
    assert parameters[0] == parameters[1]
    assert parameters[0][0] == 0.0
    assert parameters[0][1] < 0.01


def simulation_of(scene, *, seed=1, timestep=0.02, platform="Reference", **forces):
    system = create_system(scene, forces=paper_forces(**forces))
    integrator = openmm.LangevinMiddleIntegrator(300, 10, timestep)
    integrator.setRandomNumberSeed(seed)
    simulation = openmm.app.Simulation(
        to_topology(scene), system, integrator, openmm.Platform.getPlatformByName(platform)
    )
    simulation.context.setPositions(scene.positions)
    return simulation


def test_another_run_is_refused(scene, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(Stop):
        run(scene, path, "Reference", stop=330)
    before = path.read_bytes()
    others = [
        {"seed": 5},
        {"block": 40},
        {"checkpoint_every": 200},
        {"rigidity": "constraints"},
    ]
    for other in others:
        with pytest.raises(ValueError, match=r"c.npz: is a checkpoint of another run"):
            run(scene, path, "Reference", **other)
    moved = place([(body("a", 6, 1), 5), (body("b", 3, 2), 5), (chain(n=6), 2)], seed=2)
    with pytest.raises(ValueError, match="another run"):
        run(moved, path, "Reference")
    assert path.read_bytes() == before


def test_files_that_are_no_checkpoints(scene, tmp_path):
    path = tmp_path / "c.npz"
    for content in (b"", b"PK\x03\x04 broken", b"text"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"c\.npz: wanted a checkpoint of openmm_cgpack"):
            run(scene, path, "Reference")
    np.savez(path, a=np.zeros(3))
    with pytest.raises(ValueError, match=r"c\.npz: wanted a checkpoint of openmm_cgpack"):
        run(scene, path, "Reference")


def test_a_checkpoint_reads_back(scene, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(Stop):
        run(scene, path, "Reference", stop=330, frames=FrameReporter(100))
    kept = load_checkpoint(path)
    again = tmp_path / "again.npz"
    save_checkpoint(again, kept)
    other = load_checkpoint(again)
    for key in ("fingerprint", "phase", "step", "settings", "engine", "state", "parameters"):
        assert getattr(kept, key) == getattr(other, key)
    assert np.array_equal(kept.positions, other.positions)
    assert [steps.tolist() for steps, _ in other.frames] == [[100, 200, 300]]
    assert other.frames[0][1].shape == (3, scene.n_balls, 3)


def test_a_write_that_fails_leaves_the_last_one(scene, tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    with pytest.raises(Stop):
        run(scene, path, "Reference", stop=330)
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        run(scene, path, "Reference")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["c.npz"]


def test_another_platform_goes_on_with_a_warning(scene, tmp_path, caplog):
    path = tmp_path / "c.npz"
    with pytest.raises(Stop):
        run(scene, path, "Reference", stop=330)
    with caplog.at_level(logging.WARNING):
        packed = run(scene, path, "CPU")
    assert "taken on Reference" in caplog.text
    whole = run(scene, None, "Reference")
    kept = (whole.history.step > 0) & (whole.history.step <= 300)
    assert packed.history.step[-1] == 1000
    assert np.array_equal(packed.history.energy[kept], whole.history.energy[kept])
    assert packed.history.overlap[-1] < 0.5


def test_bad_intervals(scene, tmp_path):
    for every in (0, 1.5, -10):
        with pytest.raises(ValueError, match="checkpoint_every: wanted a whole number >= 1"):
            run(scene, tmp_path / "c.npz", "Reference", checkpoint_every=every)


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from helpers import body, chain
from openmm_cgpack.packing import pack_scene, place
from openmm_cgpack.io.scenes import save_packed
scene = place([(body("a", 6, 1), 5), (body("b", 3, 2), 5), (chain(n=6), 2)], seed=1)
print("ready", flush=True)
packed = pack_scene(scene, platform={platform!r}, threads=1, seed=4, rigidity="bonds",
                    checkpoint={path!r}, **{settings!r})
save_packed({out!r}, packed)
"""


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
def test_killed_at_any_moment(scene, tmp_path, platform):
    """A process is killed (SIGKILL) again and again; the last one ends as if none had been."""
    settings = SETTINGS | {"max_steps": 6000, "relax_steps": 3000, "checkpoint_every": 50}
    path, out = tmp_path / "c.npz", tmp_path / "packed.npz"
    code = CHILD.format(
        tests=os.path.dirname(os.path.dirname(__file__)),
        platform=platform,
        path=str(path),
        out=str(out),
        settings=settings,
    )
    rng = np.random.default_rng(0)
    steps = []
    for _ in range(6):
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
        steps.append(load_checkpoint(path).step)
    assert steps == sorted(steps)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    whole = tmp_path / "whole.npz"
    code = code.replace(str(out), str(whole)).replace(str(path), str(tmp_path / "other.npz"))
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert out.read_bytes() == whole.read_bytes()
    assert steps[0] < 9000
