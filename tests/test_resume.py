"""Runs of recipes that are cut off, and gone on with."""

import dataclasses
import functools
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openmm_cgpack.cli import main
from openmm_cgpack.core import PackingError
from openmm_cgpack.io.scenes import load_packed
from openmm_cgpack.recipe import load_recipe
from openmm_cgpack.runs import resume, run, simulate
from openmm_cgpack.runs.folder import BEST, CHECKPOINT, RECIPE, SCENE
from openmm_cgpack.runs.work import work_folder

LOCALE_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Variables of a locale without any letter beyond ASCII, which Python is to take as it is."""

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
checkpoint_every = {every}
[files]
trajectory = true
frame_interval = 130
overview = false
[density]
voxel_size = 2.0
resolution = 6.0
[run]
platform = "{platform}"
threads = 1
"""

DENSE = """
seed = 3
[start]
boundary = "periodic"
[[molecule]]
species = "3hhb"
count = 6
[pack]
kind = "dense"
squeeze = {{ up_to = {up_to} }}
fraction = 0.3
[files]
trajectory = true
frame_interval = 30
overview = false
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


def write_dense(folder, *, platform="CPU", up_to=0.0):
    return written(folder, DENSE.format(platform=platform, up_to=up_to))


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


def after(wanted, error=Cut):
    """Return a hook that ends a run after one of its stages."""

    def hook(stage, made):
        if stage == wanted:
            raise error

    return hook


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of the run of `write_recipe` on a platform, never cut off."""

    @functools.cache
    def made(platform="CPU"):
        folder = tmp_path_factory.mktemp(platform)
        run(write_recipe(folder, platform=platform), folder / "whole")
        return folder / "whole"

    return made


@pytest.mark.parametrize(
    ("where", "platform"),
    # Once it is packed, it is of no matter what it was packed on.
    [("packing", "Reference"), ("packing", "CPU"), ("density", "CPU"), ("files", "CPU")],
)
def test_a_run_cut_off_and_resumed_writes_the_same_bytes(tmp_path, whole, platform, where):
    recipe = write_recipe(tmp_path, platform=platform)
    out = tmp_path / "out"
    with pytest.raises(Cut):
        run(recipe, out, hook=after(where))
    assert not out.exists()
    assert (work_folder(out) / CHECKPOINT).is_file()
    seen = []
    manifest = resume(out, watch=lambda block: seen.append(block))
    assert seen == []
    assert not work_folder(out).exists()
    assert content(out) == content(whole(platform))
    assert manifest == json.loads((out / "manifest.json").read_text())


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_a_run_cut_off_within_the_packing_writes_the_same_bytes(tmp_path, whole, platform):
    recipe, out = write_recipe(tmp_path, platform=platform), tmp_path / "out"
    blocks = []

    def cut(block):
        blocks.append(block.step)
        if len(blocks) == 5:
            raise Cut

    with pytest.raises(Cut):
        run(recipe, out, watch=cut)
    again = []
    resume(out, watch=lambda block: again.append(block.step))
    # What the checkpoint, every 100 steps, holds is not done again.
    assert again[0] > 150
    assert content(out) == content(whole(platform))


@pytest.mark.parametrize(("platform", "up_to"), [("Reference", 0.0), ("CPU", 0.0), ("CPU", 0.3)])
def test_a_dense_run_cut_off_between_stages_writes_the_same_bytes(tmp_path, platform, up_to):
    recipe, out = write_dense(tmp_path, platform=platform, up_to=up_to), tmp_path / "out"
    stages = []

    def note(block):
        if block.finished:
            stages.append(block.stage)

    run(recipe, tmp_path / "whole", watch=note)
    assert len(stages) >= (1 if up_to else 2)
    for number, stage in enumerate(stages):

        def cut(block, stage=stage, done=tuple(stages[:number])):
            assert block.stage not in done
            if block.finished and block.stage == stage:
                raise Cut

        with pytest.raises(Cut):
            resume(out, watch=cut) if number else run(recipe, out, watch=cut)
    resume(out, watch=lambda block: pytest.fail("all of the packing was kept"))
    assert content(out) == content(tmp_path / "whole")
    assert dynamics(out) == dynamics(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "recipe.toml", "whole"]


def test_an_interruption_says_how_to_go_on(tmp_path, capsys):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    command = re.escape(f"cgpack simulate --resume {shlex.quote(str(out))}")
    with pytest.raises(KeyboardInterrupt, match=command):
        run(recipe, out, hook=after("labels", KeyboardInterrupt))
    assert main(["simulate", str(recipe), "-o", str(out)]) == 2
    assert "an unfinished run; go on with --resume" in capsys.readouterr().err
    assert main(["simulate", "--resume", str(out)]) == 0
    assert f"wrote      {out}" in capsys.readouterr().out
    assert main(["simulate", "--resume", str(out)]) == 2
    assert "no unfinished run to resume" in capsys.readouterr().err


def test_a_later_stage_that_fails_keeps_the_packing(tmp_path, caplog):
    """And the run goes on with it by a recipe whose later tables were mended."""
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    text = recipe.read_text()
    recipe.write_text(text + "[imaging]\nsnr = 0.5\n")

    def fail(stage, made):
        if stage == "tomogram":
            raise ValueError("the microscope is on fire")

    with pytest.raises(ValueError, match="on fire"):
        run(recipe, out, hook=fail)
    assert "what is packed is kept" in caplog.text
    recipe.write_text(text + "[imaging]\nsnr = 2.0\n")
    manifest = resume(out, recipe, watch=lambda block: pytest.fail("it is packed already"))
    assert manifest["tomogram"]["snr_measured"] == pytest.approx(2.0, rel=1e-3)
    run(recipe, tmp_path / "whole")
    assert content(out) == content(tmp_path / "whole")


def test_later_tables_may_be_set_by_command(tmp_path, capsys):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    with pytest.raises(Cut):
        run(recipe, out, hook=after("packing"))
    words = ["simulate", "--resume", str(out), "--quiet"]
    assert main([*words, "--set", "pack.max_steps=7"]) == 2
    assert "recipe: pack: differs from that of the unfinished run" in capsys.readouterr().err
    assert main([*words, "--set", "imaging.snr=3"]) == 0
    assert json.loads((out / "manifest.json").read_text())["tomogram"]["snr_asked"] == 3


def test_a_packing_that_fails_keeps_its_best_state(tmp_path, caplog):
    text = DENSE.format(platform="CPU", up_to=0).replace("fraction = 0.3", "fraction = 0.9")
    recipe, out = (
        written(tmp_path, text + "[pack.compression]\nmax_steps = 300\n"),
        tmp_path / "out",
    )
    with pytest.raises(PackingError, match="was not reached"):
        run(recipe, out)
    best = load_packed(work_folder(out) / BEST)
    assert str(work_folder(out) / BEST) in caplog.text
    assert best.scene.volume / best.boundary.volume > 0.2
    # It would fail again.
    with pytest.raises(PackingError, match="was not reached"):
        resume(out)


def test_a_checkpoint_of_another_run_is_refused(tmp_path, capsys):
    out = tmp_path / "out"
    with pytest.raises(Cut):
        run(write_dense(tmp_path), out, hook=after("packing"))
    kept = work_folder(out) / RECIPE
    kept.write_text(kept.read_text().replace("fraction = 0.3", "fraction = 0.31"))
    assert main(["simulate", "--resume", str(out)]) == 2
    assert f"{CHECKPOINT}: is a checkpoint of another run" in capsys.readouterr().err


def test_keeping_checkpoints_changes_nothing(tmp_path, whole):
    recipe = load_recipe(write_recipe(tmp_path))
    packed = load_packed(whole() / "packed.npz")
    assert simulate(recipe).packed.positions.tobytes() == packed.positions.tobytes()


def test_force_begins_anew(tmp_path):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    with pytest.raises(Cut):
        run(recipe, out, hook=after("packing"))
    # A start of another seed would show if it were gone on from.
    other = dataclasses.replace(load_recipe(recipe), seed=4)
    run(other, out, force=True)
    run(other, tmp_path / "other")
    assert content(out) == content(tmp_path / "other")


def test_killed_when_all_was_done_but_the_clearing_up(tmp_path):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    with pytest.raises(Cut):
        run(recipe, out, hook=after("files"))
    work, kept = work_folder(out), tmp_path / "kept"
    shutil.copytree(work, kept)
    resume(out)
    # As a kill would leave it: the note says what was moved.
    kept.rename(work)
    digest = hashlib.sha256((out / "manifest.json").read_bytes()).hexdigest()
    (work / "moving").write_text(digest)
    before = content(out)
    assert resume(out, hook=lambda stage, made: pytest.fail("all was done"))["name"] == "scene"
    assert content(out) == before
    assert not work.exists()


@pytest.mark.skipif(os.name == "nt", reason="locks are POSIX's")
def test_one_process_at_a_time(tmp_path):
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    seen = []

    def look(stage, made):
        if stage == "packing":
            with pytest.raises(FileExistsError, match="another process is at this run"):
                resume(out)
            seen.append(True)

    run(recipe, out, hook=look)
    assert seen == [True]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["simulate"], "wanted RECIPE and -o OUT, or --resume OUT"),
        (["simulate", "x.toml"], "wanted RECIPE and -o OUT"),
        (["simulate", "--resume", "out", "--seed", "3"], "takes no seed"),
        (["simulate", "--resume", "nowhere"], "no unfinished run to resume"),
        (["demo", "-o", "out", "--set", "seed"], "--set: wanted KEY=VALUE, got 'seed'"),
        (["demo", "-o", "out", "--set", "pack.speed=3"], 'unknown key "speed"'),
        (["demo", "-o", "out", "--set", "imaging.snr=-3"], "snr: wanted a number > 0, got -3"),
    ],
)
def test_words_that_do_not_go_together(tmp_path, monkeypatch, capsys, arguments, match):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert match in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_killed_at_any_moment(tmp_path):
    """SIGKILL, at moments over the whole run; then one that ends, with the bytes of one never cut.

    Moments before the recipe is kept leave nothing to resume, and the command begins again.
    """
    recipe = write_recipe(tmp_path, steps=2000, relax=1000, every=50)
    whole, out = tmp_path / "whole", tmp_path / "out"
    begin = time.monotonic()
    subprocess.run([*COMMAND, "simulate", recipe, "-o", whole], check=True, capture_output=True)
    takes = time.monotonic() - begin
    killed = 0
    for part in (0.1, 0.5, 0.7, 0.9):
        if out.exists():
            break
        going = (work_folder(out) / "recipe.toml").exists()
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
    if work_folder(out).exists():
        subprocess.run([*COMMAND, "simulate", "--resume", out], check=True, capture_output=True)
    assert content(out) == content(whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "recipe.toml", "whole"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_a_dense_run_killed_in_every_stage(tmp_path):
    """SIGKILL when nothing, and when some of the packing is kept; resumed in another locale."""
    recipe, out = write_dense(tmp_path), tmp_path / "out"
    run(recipe, tmp_path / "whole")
    for stages in range(2):
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
    resumed = [*COMMAND, "simulate", "--resume", out]
    subprocess.run(resumed, check=True, capture_output=True, env=os.environ | LOCALE_C)
    assert content(out) == content(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "recipe.toml", "whole"]


def stages_kept(out):
    """Return how far an unfinished run is: -1 without a scene, 1 from a checkpoint on."""
    folder = work_folder(out)
    if not (folder / SCENE).exists():
        return -1
    return int((folder / CHECKPOINT).exists())
