"""A data set whose workers are killed while it is made, compared with one that was left alone.

``python tools/kill_dataset.py`` makes 200 scenes of 128³ voxels on two workers, and again while one
of the workers is killed by signal 9 five times, at moments drawn over the whole. All scenes must be
there, and every file of theirs, of the copick project and of the table the same, byte for byte but
for times: those in manifests and logs, and the column ``seconds``. Before that it makes the first
of the scenes with one worker and with two, and compares how long that takes; start and end of the
command are in it. It prints a table, writes it where ``--table`` says, and ends with 1 where
anything differed. ``--scaling 0`` or ``--scenes 0`` leaves one of the two out.
``--scenes 6 --kills 2 --scaling 4 --recipe tiny`` rehearses it in a minute or two.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import io
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from openmm_cgpack.datasets.folder import PROJECT, PROJECT_CONFIG, SCENES, TABLE
from openmm_cgpack.datasets.scene_table import DONE
from openmm_cgpack.runs.folder import MANIFEST

RECIPES = {
    "light": """
seed = 1
[start]
boundary = "periodic"
box = 128
[pack]
kind = "cell"
[[molecule]]
species = "3j9i"
atoms_per_ball = 2000
count = { integers = [20, 60] }
[[molecule]]
species = "1f1b"
atoms_per_ball = 2000
count = { integers = [20, 60] }
[imaging]
snr = { log_uniform = [0.1, 2] }
[run]
platform = "CPU"
threads = 1
""",
    "tiny": """
seed = 1
[[filament]]
n_balls = 8
count = { integers = [2, 6] }
[pack]
max_steps = 3000
relax_steps = 200
tolerance = 0
checkpoint_every = 200
[density]
voxel_size = 2.0
resolution = 6.0
[imaging]
snr = { log_uniform = [0.5, 2] }
[run]
platform = "CPU"
threads = 1
""",
}
"""Scenes of 128³ voxels that take some seconds each, and small ones for rehearsals."""


DIFFERS = "differs"


class Made(NamedTuple):
    """A data set: where it is, how long it took, and the scenes whose workers were killed."""

    path: Path
    seconds: float
    killed: tuple[str, ...] = ()


def make(
    recipe: Path,
    out: Path,
    scenes: int,
    workers: int,
    *,
    moments: Iterable[tuple[int, float]] = (),
) -> Made:
    """Make a data set, and kill a worker at some moments.

    A moment is how many scenes are there, and how many seconds later a worker is killed.
    """
    words = ["dataset", str(recipe), "-n", str(scenes), "-o", str(out), "--quiet"]
    begin = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "openmm_cgpack", *words, "--workers", str(workers)]
    )
    killed: list[str] = []
    draw = random.Random(scenes)
    for there, later in moments:
        while process.poll() is None and (len(finished(out)) < there or not under_way(out)):
            time.sleep(0.1)
        time.sleep(later)
        while process.poll() is None:
            if busy := under_way(out):
                scene, pid = draw.choice(sorted(busy.items()))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(scene)
                    break
            time.sleep(0.1)
    code = process.wait()
    if code:
        raise SystemExit(f"{out}: exit code {code}")
    return Made(out, time.monotonic() - begin, tuple(killed))


def finished(out: Path) -> list[str]:
    """Return the names of the scenes that are there."""
    return [path.parent.name for path in (out / SCENES).glob(f"*/{MANIFEST}")]


def under_way(out: Path) -> dict[str, int]:
    """Return the process that is at each scene which is not there yet, where it lives."""
    busy = {}
    for log in (out / SCENES).glob("*.log"):
        begun = [line for line in log.read_text("utf-8").splitlines() if " by process " in line]
        if log.stem in finished(out) or not begun:
            continue
        pid = int(begun[-1].rpartition(" ")[2])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            busy[log.stem] = pid
    return busy


def table_of(made: Made) -> list[dict[str, str]]:
    """Return the rows of ``scenes.csv``."""
    with (made.path / TABLE).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def content(made: Made) -> dict[str, str]:
    """Return the digests of all data of a data set, by file: of what holds times, of the rest."""
    held = {}
    for folder in (SCENES, PROJECT):
        for path in sorted((made.path / folder).rglob("*")):
            if path.is_file() and path.name != MANIFEST and path.suffix != ".log":
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                held[path.relative_to(made.path).as_posix()] = digest
    rows = [{**row, "seconds": ""} for row in table_of(made)]
    config = json.loads((made.path / PROJECT_CONFIG).read_text("utf-8"))
    config = {key: value for key, value in config.items() if key not in ("name", "overlay_root")}
    return {**held, TABLE: json.dumps(rows), PROJECT_CONFIG: json.dumps(config)}


def faults(whole: Made, disturbed: Made, scenes: int) -> list[str]:
    """Return what is wrong with a disturbed data set."""
    found = []
    states = [row["state"] for row in table_of(disturbed)]
    if states != [DONE] * scenes:
        found.append(f"{states.count(DONE)} of {scenes} scenes are there")
    one, other = content(whole), content(disturbed)
    found += [
        f"{name}: differs"
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
    left = [path.name for path in (disturbed.path / SCENES).iterdir() if "." in path.stem]
    left += [path.name for path in (disturbed.path / SCENES).glob("*.unfinished")]
    return found + [f"{name}: is left" for name in left]


def kill_dataset(options: argparse.Namespace, folder: Path) -> tuple[str, list[str]]:
    """Make all data sets; return the table, and what was wrong."""
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPES[options.recipe], encoding="utf-8")
    draw = random.Random(options.seed)
    rows, wrong, note = [], [], ""
    if options.scaling:
        one, two = (
            make(recipe, folder / f"by-{workers}", options.scaling, workers) for workers in (1, 2)
        )
        rows.append(line("scaling", options.scaling, 1, one))
        rows.append(line("scaling", options.scaling, 2, two))
        note = f"Two workers are {one.seconds / two.seconds:.2f} times as fast as one. "
    if options.scenes:
        whole = make(recipe, folder / "whole", options.scenes, options.workers)
        rows.append(line("left alone", options.scenes, options.workers, whole))
        of_one = sum(float(row["seconds"]) for row in table_of(whole)) / options.scenes
        last = max(1, options.scenes - 2 * options.workers)
        there = sorted(draw.randrange(last) for _ in range(options.kills))
        disturbed = make(
            recipe,
            folder / "disturbed",
            options.scenes,
            options.workers,
            moments=[(number, draw.uniform(0, of_one)) for number in there],
        )
        rows.append(line("killed", options.scenes, options.workers, disturbed))
        wrong = faults(whole, disturbed, options.scenes)
        if len(disturbed.killed) != options.kills:
            wrong.append(f"{len(disturbed.killed)} of {options.kills} kills were sent")
    text = io.StringIO()
    print("| data set | scenes | workers | workers killed | s | s a scene |", file=text)
    print("|---|---|---|---|---|---|", file=text)
    print("\n".join(rows), file=text)
    if options.scenes:
        scenes = ", ".join(disturbed.killed)
        files = len(content(whole))
        note += (
            f"Workers were killed at scenes {scenes}. Of {files} files, the table and the "
            "project's configuration included, "
            f"{sum(fault.endswith(DIFFERS) for fault in wrong)} differ. "
        )
    note += f"{os.cpu_count()} cores ({platform.machine()}), recipe `{options.recipe}`."
    print(f"\n{note} Made by `tools/kill_dataset.py`.", file=text)
    return text.getvalue(), wrong


def line(what: str, scenes: int, workers: int, made: Made) -> str:
    """Return a row of the table."""
    return (
        f"| {what} | {scenes} | {workers} | {len(made.killed)} | {made.seconds:.0f} | "
        f"{made.seconds / scenes:.2f} |"
    )


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200, help="0 leaves the kills out")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--scaling", type=int, default=40, help="scenes; 0 leaves it out")
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="light")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary one else")
    parser.add_argument("--table", type=Path, help="a Markdown file for the table")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        table, wrong = kill_dataset(options, folder)
    print(table)
    print("\n".join(wrong))
    if options.table is not None and not wrong:
        options.table.write_text(table, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
