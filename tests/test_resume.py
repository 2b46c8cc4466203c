"""Runs of recipes that are cut off, and gone on with."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openmm_cgpack.cli import main
from openmm_cgpack.io.npz import read_npz
from openmm_cgpack.packing.checkpoint import FORMAT, FORMAT_VERSION
from openmm_cgpack.recipe import load_recipe, pipeline, resume, run, running, simulate
from openmm_cgpack.recipe.unfinished import CHECKPOINT, SCENE, unfinished_folder

COMMAND = [sys.executable, "-c", "from openmm_cgpack.cli import main; raise SystemExit(main())"]

TEXT = """
seed = 3
[[molecule]]
species = "3hhb"
count = 6
atoms_per_ball = 600
[[filament]]
n_balls = 8
count = 3
[pack]
max_steps = {steps}
relax_steps = {relax}
tolerance = 0
patience = 99999
block = 50
frame_interval = 130
checkpoint_every = {every}
[density]
voxel_size = 2.0
resolution = 6.0
[run]
platform = "{platform}"
threads = 1
"""

DENSE = """
seed = 3
[scene]
boundary = "periodic"
fraction = 0.3
[[molecule]]
species = "3hhb"
count = 6
atoms_per_ball = 300
radius = "volume"
[pack]
frame_interval = 30
[density]
voxel_size = 2.0
resolution = 6.0
[run]
platform = "{platform}"
threads = 1
"""
"""In a box: its stages are the compression and the clash removal."""


def write_recipe(folder, *, steps=400, relax=200, every=100, platform="CPU"):
    return written(folder, TEXT.format(steps=steps, relax=relax, every=every, platform=platform))


def write_dense(folder, *, platform="CPU"):
    return written(folder, DENSE.format(platform=platform))


def written(folder, text):
    if 'platform = "CPU"' not in text:
        text = text.replace("threads = 1\n", "")
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def content(out):
    """Return the bytes of a run's files but the manifest, which holds times."""
    return {p.name: p.read_bytes() for p in Path(out).iterdir() if p.name != "manifest.json"}


def dynamics(out):
    """Return what the manifest says of the dynamics, as it is written."""
    return json.dumps(json.loads((Path(out) / "manifest.json").read_text())["dynamics"])


class Cut(Exception):
    """Stands for the end of a process: nothing of the run handles it."""


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@pytest.mark.parametrize("where", ["pack_scene", "extract_transforms", "write_particles"])
def test_a_run_cut_off_and_resumed_writes_the_same_bytes(tmp_path, monkeypatch, platform, where):
    recipe = write_recipe(tmp_path, platform=platform)
    run(recipe, None, tmp_path / "whole")
    out = tmp_path / "out"

    def cut(*args, **kwargs):
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, where, cut)
        with pytest.raises(Cut):
            run(recipe, None, out, resumable=True)
    if where == "pack_scene":
        # Before the first checkpoint an error of the run's leaves nothing; a kill would.
        assert not unfinished_folder(out).exists()
        return
    assert not out.exists()
    assert (unfinished_folder(out) / CHECKPOINT).is_file()
    monkeypatch.setattr(pipeline, "build_start", cut)
    manifest = resume(out)
    assert not unfinished_folder(out).exists()
    assert content(out) == content(tmp_path / "whole")
    assert manifest == json.loads((out / "manifest.json").read_text())


def raising(error, when):
    """Return a rule that raises at a block."""

    def watch(block):
        if when(block):
            raise error

    return watch


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@pytest.mark.parametrize("stage", ["compression 1", "clash removal 1"])
def test_a_dense_run_cut_off_between_stages_writes_the_same_bytes(tmp_path, platform, stage):
    recipe = write_dense(tmp_path, platform=platform)
    run(recipe, None, tmp_path / "whole")
    out = tmp_path / "out"
    watch = raising(Cut, lambda block: block.finished and block.stage == stage)
    with pytest.raises(Cut):
        run(recipe, None, out, resumable=True, watch=watch)
    assert (unfinished_folder(out) / CHECKPOINT).is_file()
    stages = []
    resume(out, watch=lambda block: stages.append(block.stage))
    assert stages == (["clash removal 1"] if stage == "compression 1" else [])
    assert content(out) == content(tmp_path / "whole")
    assert dynamics(out) == dynamics(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "recipe.toml", "whole"]


def test_keeping_checkpoints_changes_nothing(tmp_path):
    recipe = load_recipe(write_recipe(tmp_path))
    run(recipe, None, tmp_path / "a", resumable=True)
    run(recipe, None, tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert simulate(recipe).packed.positions.tobytes() == (
        simulate(recipe).packed.positions.tobytes()
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "recipe.toml"]


def test_an_interruption_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "render_labels", interrupt)
        assert main(["simulate", str(recipe), "-o", str(out), "--quiet"]) == 130
    assert f"cgpack simulate --resume {out}" in capsys.readouterr().err
    assert main(["simulate", str(recipe), "-o", str(out)]) == 2
    assert "an unfinished run; go on with --resume" in capsys.readouterr().err
    assert main(["simulate", "--resume", str(out)]) == 0
    assert f"wrote      {out}" in capsys.readouterr().out
    assert main(["simulate", "--resume", str(out)]) == 2
    assert "no unfinished run to resume" in capsys.readouterr().err


def test_an_interruption_says_how_to_go_on_from_the_first_checkpoint_on(tmp_path):
    recipe, out = write_dense(tmp_path), tmp_path / "out"
    for finished in (False, True):
        when = raising(KeyboardInterrupt, lambda b, finished=finished: b.finished is finished)
        with pytest.raises(KeyboardInterrupt) as caught:
            run(recipe, None, out, resumable=True, watch=when)
        assert (f"cgpack simulate --resume {out}" in str(caught.value)) is finished
        assert unfinished_folder(out).exists() is finished


def test_a_checkpoint_of_another_dense_run_is_refused(tmp_path, capsys):
    out = tmp_path / "out"
    watch = raising(KeyboardInterrupt, lambda block: block.finished)
    with pytest.raises(KeyboardInterrupt):
        run(write_dense(tmp_path), None, out, resumable=True, watch=watch)
    kept = unfinished_folder(out) / "recipe.toml"
    kept.write_text(kept.read_text().replace("fraction = 0.3", "fraction = 0.31"))
    assert main(["simulate", "--resume", str(out)]) == 2
    assert f"{CHECKPOINT}: is a checkpoint of another run" in capsys.readouterr().err


def test_force_begins_anew(tmp_path, monkeypatch):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "render_labels", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(recipe, None, out, resumable=True)
    # A start of another seed would show if it were gone on from.
    other = dataclasses.replace(load_recipe(recipe), seed=4)
    run(other, None, out, resumable=True, force=True)
    run(other, None, tmp_path / "other")
    assert content(out) == content(tmp_path / "other")


def test_a_recipe_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("bad")

    monkeypatch.setattr(pipeline, "render_labels", fail)
    with pytest.raises(ValueError, match="bad"):
        run(write_recipe(tmp_path), None, tmp_path / "out", resumable=True)
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.toml"]


def test_killed_when_all_was_done_but_the_clearing_up(tmp_path, monkeypatch):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    kept = tmp_path / "kept"
    from openmm_cgpack.recipe import unfinished

    def keep(folder, **options):
        # As a kill would leave it.
        if Path(folder).name.endswith(".unfinished"):
            Path(folder).rename(kept)

    with monkeypatch.context() as patch:
        patch.setattr(unfinished.shutil, "rmtree", keep)
        run(recipe, None, out, resumable=True)
    kept.rename(unfinished_folder(out))
    before = content(out)
    monkeypatch.setattr(running, "simulate", None)
    assert resume(out)["name"] == "scene"
    assert content(out) == before
    assert not unfinished_folder(out).exists()


@pytest.mark.skipif(os.name == "nt", reason="locks are POSIX's")
def test_one_process_at_a_time(tmp_path, monkeypatch):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    seen = []

    def look(*args, **kwargs):
        with pytest.raises(FileExistsError, match="another process is at this run"):
            resume(out)
        seen.append(True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "render_labels", look)
        with pytest.raises(KeyboardInterrupt):
            run(recipe, None, out, resumable=True)
    assert seen == [True]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["simulate"], "wanted RECIPE and -o OUT, or --resume OUT"),
        (["simulate", "x.toml"], "wanted RECIPE and -o OUT"),
        (["simulate", "x.toml", "--resume", "out"], "takes no recipe"),
        (["simulate", "--resume", "out", "--seed", "3"], "takes no seed"),
        (["simulate", "--resume", "nowhere"], "no unfinished run to resume"),
    ],
)
def test_words_that_do_not_go_together(tmp_path, monkeypatch, capsys, arguments, match):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert match in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_killed_at_any_moment(tmp_path, platform):
    """SIGKILL, at moments over the whole run; then one that ends, with the bytes of one never cut.

    Moments before the recipe is kept leave nothing to resume, and the command begins again.
    """
    recipe = write_recipe(tmp_path, steps=3000, relax=1500, every=50, platform=platform)
    whole, out = tmp_path / "whole", tmp_path / "out"
    begin = time.monotonic()
    subprocess.run([*COMMAND, "simulate", recipe, "-o", whole], check=True, capture_output=True)
    takes = time.monotonic() - begin
    killed = 0
    for part in (0.05, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9):
        if out.exists():
            break
        going = (unfinished_folder(out) / "recipe.toml").exists()
        words = ["--resume", out] if going else [recipe, "-o", out]
        process = subprocess.Popen(
            [*COMMAND, "simulate", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(part * takes)
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not out.exists() or content(out) == content(whole)
    assert killed >= 2
    if unfinished_folder(out).exists():
        subprocess.run([*COMMAND, "simulate", "--resume", out], check=True, capture_output=True)
    assert content(out) == content(whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "recipe.toml", "whole"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_a_dense_run_killed_in_every_stage(tmp_path, platform):
    """SIGKILL when nothing, the compression, and all of the packing is kept."""
    recipe, out = write_dense(tmp_path, platform=platform), tmp_path / "out"
    run(recipe, None, tmp_path / "whole")
    for stages in range(3):
        words = ["--resume", out] if stages else [recipe, "-o", out]
        process = subprocess.Popen(
            [*COMMAND, "simulate", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and stages_kept(out) < stages:
            time.sleep(0.002)
        # On into the stage that follows.
        time.sleep(0.05)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not out.exists()
    subprocess.run([*COMMAND, "simulate", "--resume", out], check=True, capture_output=True)
    assert content(out) == content(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "recipe.toml", "whole"]


def stages_kept(out):
    """Return how many stages an unfinished run has kept; -1 before its scene is placed."""
    folder = unfinished_folder(out)
    if not (folder / SCENE).exists():
        return -1
    if not (folder / CHECKPOINT).exists():
        return 0
    header, _ = read_npz(
        folder / CHECKPOINT, kind=FORMAT, version=FORMAT_VERSION, wanted="a checkpoint"
    )
    return len(header["stages"])
