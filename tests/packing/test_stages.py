"""Packings to a fraction that stop between their stages and go on."""

import dataclasses
import importlib
from contextlib import contextmanager, suppress

import numpy as np
import openmm.app
import pytest
from dense_scenes import blob

from openmm_cgpack.core import PackingError, Periodic, RigidTransforms
from openmm_cgpack.io.scenes import load_scene, save_packed, save_scene, scene_digest
from openmm_cgpack.packing import (
    FrameReporter,
    as_packed,
    box_fraction,
    compress,
    crowding_series,
    dense,
    insert,
    pack_scene,
    place,
    press,
)
from openmm_cgpack.poses import extract_transforms

# The package has the function by this name.
compressing = importlib.import_module("openmm_cgpack.packing.compress")

TWO = [(blob("a"), 8), (blob("b", 2, n=250), 8)]
FRACTIONS = [0.1, 0.3]
STAGES = ["insert", "compress", "remove_clashes", "compress", "remove_clashes"]


class Cut(Exception):
    """Stands for the end of a process."""


@contextmanager
def at_most(stages):
    """Let a number of stages run, and raise at the next; yield the names of those that ran."""
    ran = []

    def counted(name, stage):
        def run(*args, **kwargs):
            if len(ran) == stages:
                raise Cut
            ran.append(name)
            return stage(*args, **kwargs)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in ("insert", "compress", "remove_clashes"):
            patch.setattr(dense, name, counted(name, getattr(dense, name)))
        yield ran


@pytest.fixture(scope="module")
def scene():
    return place(TWO, boundary=Periodic(box=20.0), seed=1)


def series_of(scene, path, platform="CPU", *, fractions=FRACTIONS, seed=4, frames=None):
    return crowding_series(
        scene,
        fractions=fractions,
        platform=platform,
        threads=1 if platform == "CPU" else None,
        seed=seed,
        checkpoint=path,
        reporters=[] if frames is None else [frames],
    )


def content(folder, series):
    """Return the bytes of a series' files."""
    folder.mkdir()
    for number, packed in enumerate(series):
        save_packed(folder / f"{number}.npz", packed)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_cut_off_after_every_stage_equals_uninterrupted(scene, tmp_path, platform):
    whole_frames = FrameReporter(30)
    whole = series_of(scene, None, platform, frames=whole_frames)
    ran = []
    for _ in STAGES:
        frames = FrameReporter(30)
        with suppress(Cut), at_most(1) as once:
            parts = series_of(scene, tmp_path / "c.npz", platform, frames=frames)
        ran += once
    assert ran == STAGES
    assert content(tmp_path / "parts", parts) == content(tmp_path / "whole", whole)
    assert whole_frames.steps
    assert frames.steps == whole_frames.steps
    assert np.array_equal(frames.frames, whole_frames.frames)


@contextmanager
def steps_at_most(calls):
    """Let OpenMM be called to step a number of times, and raise at the next."""
    left, step = [calls], openmm.app.Simulation.step

    def counted(self, steps):
        if not left[0]:
            raise Cut
        left[0] -= 1
        step(self, steps)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openmm.app.Simulation, "step", counted)
        yield


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@pytest.mark.parametrize("fraction", [0.4, 0.9])
def test_a_compression_cut_off_anywhere_equals_uninterrupted(
    tmp_path, monkeypatch, platform, fraction
):
    monkeypatch.setattr(press, "_EVERY", 60)
    start = as_packed(insert(TWO, fraction=0.25, seed=1))

    def compressed(frames, checkpoint=None):
        settings = {"anneal_steps": 150, "max_steps": 700, "acceptable": 1e-4, "seed": 2}
        settings |= {"platform": platform, "threads": 1 if platform == "CPU" else None}
        try:
            return compress(
                start, fraction=fraction, reporters=[frames], checkpoint=checkpoint, **settings
            )
        except PackingError as error:
            assert fraction == 0.9
            return error.best

    whole_frames = FrameReporter(30)
    whole = compressed(whole_frames)
    path = tmp_path / "c.npz"
    for cuts in range(100):
        frames = FrameReporter(30)
        # Three, four, five blocks: a checkpoint at least, and never at the same place.
        with suppress(Cut), steps_at_most(4 + cuts % 3):
            parts = compressed(frames, path)
            break
    assert cuts > 3
    assert path.exists()
    assert content(tmp_path / "parts", [parts]) == content(tmp_path / "whole", [whole])
    # Of blocks that were taken again with shorter steps, too, there is only what went on.
    assert whole_frames.steps == list(range(30, whole_frames.steps[-1] + 1, 30))
    assert np.isfinite(whole_frames.frames).all()
    assert frames.steps == whole_frames.steps
    assert np.array_equal(frames.frames, whole_frames.frames)
    with pytest.raises(ValueError, match=r"c\.npz: is a checkpoint of another run"):
        compress(start, fraction=fraction, seed=3, platform=platform, checkpoint=path)


def test_a_stage_that_is_done_leaves_no_file_of_its_own(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(press, "_EVERY", 20)
    path = tmp_path / "c.npz"
    whole = content(tmp_path / "whole", series_of(scene, None))
    seen = set()
    for _ in range(100):
        with suppress(Cut), steps_at_most(2):
            parts = series_of(scene, path)
            break
        seen |= {file.name for file in tmp_path.glob("*.npz")}
    # To the first fraction a single block leads, and no file outlives it.
    assert seen == {"c.npz", "c.compress-2.npz"}
    assert [file.name for file in tmp_path.glob("*.npz")] == ["c.npz"]
    assert content(tmp_path / "parts", parts) == whole


def test_the_file_of_a_compression_of_another_run_is_refused_at_once(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(press, "_EVERY", 20)
    path = tmp_path / "c.npz"
    with pytest.raises(Cut), steps_at_most(3):
        series_of(scene, path)
    path.unlink()
    with (
        pytest.raises(ValueError, match=r"c\.compress-2\.npz: is a checkpoint of another"),
        at_most(0),
    ):
        series_of(scene, path)


def test_a_file_of_another_protocol_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(press, "_EVERY", 60)
    start, path = as_packed(insert(TWO, fraction=0.25, seed=1)), tmp_path / "c.npz"
    settings = {"fraction": 0.4, "seed": 2, "platform": "CPU", "checkpoint": path}
    with pytest.raises(Cut), steps_at_most(20):
        compress(start, **settings)
    # As a later version of the package might.
    monkeypatch.setattr(compressing, "_LEVELS", 10)
    with pytest.raises(ValueError, match=r"another protocol, which took 50 steps"):
        compress(start, **settings)


def test_numbers_of_numpy_are_as_good_with_a_file(tmp_path):
    start = as_packed(insert(TWO, fraction=0.2, seed=1))
    compress(
        start,
        fraction=np.float32(0.25),
        tolerance=np.float32(0.02),
        gap=np.float32(0.2),
        stiffness=np.float32(1e5),
        block=np.int64(20),
        anneal_steps=1000.0,
        seed=1,
        platform="CPU",
        checkpoint=tmp_path / "c.npz",
    )


def test_a_file_changes_nothing(scene, tmp_path):
    """A run with a file equals one without, and one that is asked again and does nothing."""
    path = tmp_path / "c.npz"
    first = content(tmp_path / "first", series_of(scene, path))
    assert content(tmp_path / "without", series_of(scene, None)) == first
    with at_most(0):
        again = series_of(scene, path)
    assert content(tmp_path / "again", again) == first


def test_what_is_dense_already_has_nothing_to_keep_before_it_is_compressed(tmp_path):
    start = insert(TWO, fraction=0.25, seed=1)
    with pytest.raises(Cut), at_most(0):
        pack_scene(start, fraction=0.3, seed=1, platform="CPU", checkpoint=tmp_path / "c.npz")
    assert not list(tmp_path.iterdir())


def test_another_run_is_refused(scene, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(Cut), at_most(2):
        series_of(scene, path)
    before = path.read_bytes()
    rotated = RigidTransforms(
        rotations=scene.transforms.rotations[::-1], translations=scene.transforms.translations
    )
    others = [
        (scene, {"seed": 5}),
        (scene, {"seed": np.random.SeedSequence(4, spawn_key=(1,))}),
        (scene, {"fractions": [0.1, 0.31]}),
        (scene, {"fractions": [0.1]}),
        (place(TWO, boundary=Periodic(box=20.0), seed=2), {}),
        (place(TWO, boundary=Periodic(box=21.0), seed=1), {}),
        (dataclasses.replace(scene, transforms=rotated), {}),
        (dataclasses.replace(scene, species=(blob("a"), blob("b", 3, n=250))), {}),
    ]
    for other, settings in others:
        refused = pytest.raises(ValueError, match=r"c\.npz: is a checkpoint of another run")
        with refused, at_most(0):
            series_of(other, path, **settings)
    with pytest.raises(ValueError, match="wanted format 'openmm_cgpack checkpoint'"):
        pack_scene(place(TWO, seed=1), seed=1, platform="CPU", checkpoint=path)
    assert path.read_bytes() == before


def test_a_write_that_fails_leaves_the_last_one(scene, tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    with pytest.raises(Cut), at_most(1):
        series_of(scene, path)
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        series_of(scene, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.npz"]


def test_a_scene_read_from_its_file_is_the_same_scene(scene, tmp_path):
    save_scene(tmp_path / "scene.npz", scene)
    assert scene_digest(load_scene(tmp_path / "scene.npz")) == scene_digest(scene)


def test_a_compression_goes_on_on_another_platform(tmp_path, monkeypatch):
    monkeypatch.setattr(press, "_EVERY", 60)
    start, path = as_packed(insert(TWO, fraction=0.25, seed=1)), tmp_path / "c.npz"
    settings = {"fraction": 0.4, "seed": 2, "checkpoint": path}
    with pytest.raises(Cut), steps_at_most(20):
        compress(start, platform="Reference", **settings)
    packed = compress(start, platform="CPU", **settings)
    assert box_fraction(packed.scene, packed.boundary) == pytest.approx(0.4)
    assert packed.provenance["platform"] == "CPU"
    # Bodies are the bodies that they were.
    assert extract_transforms(packed).rms.max() < 1e-4
