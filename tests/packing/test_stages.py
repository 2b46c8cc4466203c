"""Packings to a fraction that are cut off, between their stages and within them, and go on."""

import dataclasses
import sys
from contextlib import suppress

import numpy as np
import pytest
from dense_scenes import BY_DYNAMICS, blob
from limits import no_room_beyond

from openmm_cgpack.core import PackingError, Periodic, RigidTransforms
from openmm_cgpack.io.files import open_npz, write_npz
from openmm_cgpack.io.scenes import load_scene, save_packed, save_scene, scene_digest
from openmm_cgpack.packing import (
    Compression,
    Dense,
    FrameReporter,
    Run,
    as_packed,
    box_fraction,
    compress,
    crowding_series,
    insert,
    pack_scene,
    place,
)
from openmm_cgpack.packing.checkpoint import FORMAT, FORMAT_VERSION
from openmm_cgpack.poses import extract_transforms

TWO = [(blob("a"), 8), (blob("b", 2, n=250), 8)]
FRACTIONS = [0.27, 0.3]
STAGES = [
    "insertion",
    *("compression 1", "clash removal 1"),
    *("compression 2", "clash removal 2"),
]
REFERENCE, CPU = Run(platform="Reference"), Run(platform="CPU", threads=1)
RUNS = [REFERENCE, CPU]
OFTEN = Dense(squeeze=BY_DYNAMICS, compression=Compression(checkpoint_every=20))


class Cut(Exception):
    """Stands for the end of a process."""


class CutAfter:
    """Watches a packing, and raises after a number of blocks, or of finished stages."""

    def __init__(self, *, blocks=None, stages=None):
        self.blocks, self.stages = blocks, stages
        self.steps, self.finished = [], []

    def __call__(self, block):
        if block.finished:
            self.finished.append(block.stage)
        else:
            self.steps.append(block.steps)
        if len(self.steps) == self.blocks or len(self.finished) == self.stages:
            raise Cut


@pytest.fixture(scope="module")
def scene():
    return place(TWO, boundary=Periodic(box=20.0), seed=1)


def series_of(
    scene, path, run=CPU, *, fractions=FRACTIONS, protocol=OFTEN, seed=4, frames=None, watch=None
):
    return crowding_series(
        scene,
        fractions,
        protocol,
        run=run,
        seed=seed,
        checkpoint=path,
        reporters=[] if frames is None else [frames],
        watch=watch,
    )


def content(folder, series):
    """Return the bytes of a series' files."""
    folder.mkdir()
    for number, packed in enumerate(series):
        save_packed(folder / f"{number}.npz", packed)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_cut_off_after_every_stage_equals_uninterrupted(scene, tmp_path, run):
    whole_frames = FrameReporter(30)
    whole = series_of(scene, None, run, frames=whole_frames)
    ran = []
    for _ in STAGES:
        once = CutAfter(stages=1)
        with pytest.raises(Cut):
            series_of(scene, tmp_path / "c.npz", run, frames=FrameReporter(30), watch=once)
        ran += once.finished
    assert ran == STAGES
    frames, blocks = FrameReporter(30), []
    parts = series_of(scene, tmp_path / "c.npz", run, frames=frames, watch=blocks.append)
    assert blocks == []
    assert content(tmp_path / "parts", parts) == content(tmp_path / "whole", whole)
    assert whole_frames.steps
    assert frames.steps == whole_frames.steps
    assert np.array_equal(frames.frames, whole_frames.frames)


@pytest.mark.parametrize("run", RUNS, ids=str)
@pytest.mark.parametrize("fraction", [0.4, 0.9])
def test_a_compression_cut_off_anywhere_equals_uninterrupted(tmp_path, run, fraction):
    start = as_packed(insert(TWO, fraction=0.25, seed=1))
    settings = Compression(anneal_steps=150, max_steps=700, acceptable=1e-4, checkpoint_every=60)

    def compressed(frames, checkpoint=None, watch=None):
        try:
            return compress(
                start,
                settings,
                fraction=fraction,
                run=run,
                seed=2,
                reporters=[frames],
                checkpoint=checkpoint,
                watch=watch,
            )
        except PackingError as error:
            assert fraction == 0.9
            return error.best

    whole_frames = FrameReporter(30)
    whole = compressed(whole_frames)
    path = tmp_path / "c.npz"
    for cuts in range(100):
        frames = FrameReporter(30)
        # Four, five, six blocks: a checkpoint at least, and never at the same place.
        with suppress(Cut):
            parts = compressed(frames, path, CutAfter(blocks=4 + cuts % 3))
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
        compress(start, settings, fraction=fraction, seed=3, run=run, checkpoint=path)


def test_a_series_cut_off_anywhere_keeps_one_file(scene, tmp_path):
    path = tmp_path / "c.npz"
    whole = content(tmp_path / "whole", series_of(scene, None))
    cuts = 0
    while cuts < 100:
        with suppress(Cut):
            parts = series_of(scene, path, watch=CutAfter(blocks=2))
            break
        cuts += 1
        assert [file.name for file in tmp_path.glob("*.npz")] == ["c.npz"]
    assert cuts > 2
    assert content(tmp_path / "parts", parts) == whole


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_a_series_that_was_stopped_goes_on_as_if_it_had_not_been(scene, tmp_path, run):
    path = tmp_path / "c.npz"
    part = series_of(scene, path, run, watch=lambda b: b.stage == "compression 2")
    assert [packed.provenance.get("stopped") for packed in part] == [None, "compression 2"]
    whole = series_of(scene, None, run)
    parts = series_of(scene, path, run)
    assert content(tmp_path / "parts", parts) == content(tmp_path / "whole", whole)
    assert np.array_equal(part[0].positions, whole[0].positions)


def test_a_file_of_another_protocol_is_refused(tmp_path):
    start, path = as_packed(insert(TWO, fraction=0.25, seed=1)), tmp_path / "c.npz"

    def compressed(watch=None):
        settings = Compression(checkpoint_every=60)
        return compress(
            start, settings, fraction=0.4, seed=2, run=CPU, checkpoint=path, watch=watch
        )

    with pytest.raises(Cut):
        compressed(CutAfter(blocks=20))
    opened = open_npz(path, kind=FORMAT, version=FORMAT_VERSION, wanted="a checkpoint")
    with opened as (header, arrays):
        arrays = dict(arrays)
    steps = arrays["under way/outcomes/steps"]
    # As a later version of the package might step.
    steps[np.flatnonzero(steps)[3]] = 50
    for key in ("format", "version"):
        del header[key]
    write_npz(path, header, arrays, kind=FORMAT, version=FORMAT_VERSION)
    with pytest.raises(ValueError, match=r"another protocol, which took 50 steps"):
        compressed()


def test_numbers_of_numpy_are_as_good_with_a_file(tmp_path):
    settings = Compression(
        tolerance=np.float32(0.02),
        gap=np.float32(0.2),
        stiffness=np.float32(1e5),
        block=np.int64(20),
    )
    start = as_packed(insert(TWO, fraction=0.2, seed=1))
    path = tmp_path / "c.npz"
    compress(start, settings, fraction=np.float32(0.25), seed=1, run=CPU, checkpoint=path)


def test_a_file_changes_nothing(scene, tmp_path):
    """A run with a file equals one without, and one that is asked again and does nothing."""
    path = tmp_path / "c.npz"
    first = content(tmp_path / "first", series_of(scene, path))
    assert content(tmp_path / "without", series_of(scene, None)) == first
    blocks = []
    again = series_of(scene, path, watch=blocks.append)
    assert content(tmp_path / "again", again) == first
    assert blocks == []


def test_another_run_is_refused(scene, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(Cut):
        series_of(scene, path, watch=CutAfter(stages=2))
    before = path.read_bytes()
    rotated = RigidTransforms(
        rotations=scene.transforms.rotations[::-1], translations=scene.transforms.translations
    )
    others = [
        (scene, {"seed": 5}),
        (scene, {"seed": np.random.SeedSequence(4, spawn_key=(1,))}),
        (scene, {"fractions": [0.1, 0.31]}),
        (scene, {"fractions": [0.1]}),
        (scene, {"protocol": Dense()}),
        (place(TWO, boundary=Periodic(box=20.0), seed=2), {}),
        (place(TWO, boundary=Periodic(box=21.0), seed=1), {}),
        (dataclasses.replace(scene, transforms=rotated), {}),
        (dataclasses.replace(scene, species=(blob("a"), blob("b", 3, n=250))), {}),
    ]
    for other, settings in others:
        with pytest.raises(ValueError, match=r"c\.npz: is a checkpoint of another run"):
            series_of(other, path, **settings)
    with pytest.raises(ValueError, match=r"c\.npz: is a checkpoint of another run"):
        pack_scene(place(TWO, seed=1), seed=1, run=CPU, checkpoint=path)
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_write_that_fails_leaves_the_last_one(scene, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(Cut):
        series_of(scene, path, watch=CutAfter(stages=1))
    before = path.read_bytes()
    with no_room_beyond(len(before) // 2), pytest.raises(OSError, match="too large"):
        series_of(scene, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.npz"]


def test_a_scene_read_from_its_file_is_the_same_scene(scene, tmp_path):
    save_scene(tmp_path / "scene.npz", scene)
    assert scene_digest(load_scene(tmp_path / "scene.npz")) == scene_digest(scene)


def test_a_compression_goes_on_on_another_platform(tmp_path):
    start, path = as_packed(insert(TWO, fraction=0.25, seed=1)), tmp_path / "c.npz"
    settings = Compression(checkpoint_every=60)

    def compressed(run, watch=None):
        return compress(
            start, settings, fraction=0.4, seed=2, run=run, checkpoint=path, watch=watch
        )

    with pytest.raises(Cut):
        compressed(REFERENCE, CutAfter(blocks=20))
    packed = compressed(Run(platform="CPU", threads=1))
    assert box_fraction(packed.scene, packed.boundary) == pytest.approx(0.4)
    assert packed.provenance["platform"] == "CPU"
    # Bodies are the bodies that they were.
    assert extract_transforms(packed).rms.max() < 1e-4
