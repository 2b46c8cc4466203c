"""Runs that are killed at random moments, gone on with, and compared with undisturbed ones.

``python tools/kill_runs.py --kills 200 --seed 1`` starts small runs of both protocols and of a
tilt series, on one thread, and sends SIGKILL, SIGINT or SIGTERM at moments drawn over their whole
length. A run that was cut off is resumed, and often cut off again. What comes of it must be the
files of a run that was never cut off, byte for byte but for the manifest, which holds times. It
prints a table, and ends with 1 where anything differed. Processes are forked from one that has
loaded everything, so that their time is the run's. A wait of more than two seconds for a process
that was interrupted is a fault, too (`--patience`), on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from openmm_cgpack.cli import main as cgpack
from openmm_cgpack.runs.folder import MANIFEST, RECIPE
from openmm_cgpack.runs.work import work_folder

SMALL = """
[density]
voxel_size = 2.0
resolution = 6.0
[run]
platform = "CPU"
threads = 1
"""

RECIPES = {
    "pull": """
seed = 3
[[molecule]]
species = "3hhb"
count = 6
atoms_per_ball = 600
[[filament]]
n_balls = 8
count = 3
[pack]
max_steps = 800
relax_steps = 200
tolerance = 0
patience = 99999
block = 50
checkpoint_every = 100
[files]
trajectory = true
frame_interval = 130
""",
    "dense": """
seed = 3
[start]
boundary = "periodic"
[[molecule]]
species = "3hhb"
count = 16
[[molecule]]
species = "1s3x"
count = 8
[pack]
kind = "dense"
fraction = 0.4
[pack.compression]
checkpoint_every = 100
[files]
trajectory = true
frame_interval = 30
""",
    "imaging": """
seed = 3
[[filament]]
n_balls = 12
count = 4
[pack]
max_steps = 100
relax_steps = 0
checkpoint_every = 50
[imaging]
kind = "tilt_series"
""",
}

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
CODES = {signal.SIGINT: {130}, signal.SIGTERM: {128 + signal.SIGTERM}}
AT_MOST = 4
"""Times that one run is cut off before it may end."""


@dataclass
class Tally:
    """What came of the kills of one recipe by one signal."""

    sent: int = 0
    too_late: int = 0
    """The run had ended."""
    before: int = 0
    """Nothing was kept yet, and the command begins again."""
    to_end: list[float] = field(default_factory=list)
    """Seconds from the signal to the end of the process."""


def start(words: list[str], log: Path) -> int:
    """Fork a process that runs a command of cgpack; return its id."""
    process = os.fork()
    if process:
        return process
    code = 70
    with contextlib.suppress(BaseException):
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        # As if begun by a shell: nothing of the parent's handlers.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            code = cgpack(words)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def ended(process: int) -> int:
    """Wait for a process; return its exit code, negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def words_for(recipe: Path, out: Path) -> list[str]:
    """Return the command that begins a run, or goes on with it where there is something kept."""
    if (work_folder(out) / RECIPE).exists():
        return ["simulate", "--resume", str(out), "--quiet"]
    return ["simulate", str(recipe), "-o", str(out), "--quiet"]


def content(out: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a run but the manifest."""
    files = (path for path in out.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


class Trial:
    """One recipe, its undisturbed run, and what came of runs of it that were cut off."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.recipe = folder / f"{name}.toml"
        self.recipe.write_text(RECIPES[name] + SMALL, encoding="utf-8")
        self.log = folder / f"{name}.log"
        whole = folder / f"{name}-whole"
        begin = time.monotonic()
        if ended(start(words_for(self.recipe, whole), self.log)):
            raise SystemExit(f"{name}: {self.log.read_text('utf-8')}")
        self.seconds = time.monotonic() - begin
        self.whole = content(whole)
        self.tallies = {number: Tally() for number in SIGNALS}
        self.runs = 0
        self.faults: list[str] = []

    def run(self, draw: random.Random, kills: int, patience: float) -> int:
        """Cut a run off a few times, end it and compare; return how many signals were sent."""
        out = self.folder / f"{self.name}-{self.runs}"
        self.runs += 1
        sent = 0
        for _ in range(draw.randint(1, min(AT_MOST, kills))):
            number = draw.choice(SIGNALS)
            moment = draw.uniform(0, self.seconds)
            tally = self.tallies[number]
            process = start(words_for(self.recipe, out), self.log)
            time.sleep(moment)
            os.kill(process, number)
            begin = time.monotonic()
            code = ended(process)
            sent, tally.sent = sent + 1, tally.sent + 1
            if code == 0:
                tally.too_late += 1
                break
            tally.to_end.append(time.monotonic() - begin)
            if tally.to_end[-1] > patience:
                words = f"{out.name}: {tally.to_end[-1]:.1f} s to end after {number.name}"
                self.faults.append(words)
            tally.before += not (work_folder(out) / RECIPE).exists()
            if code not in CODES.get(number, {-number}):
                self.faults.append(f"{out.name}: exit code {code} after signal {number.name}")
            if out.exists() and content(out) != self.whole:
                self.faults.append(f"{out.name}: there, but not whole, after {number.name}")
        if not out.exists() or (work_folder(out) / RECIPE).exists():
            code = ended(start(words_for(self.recipe, out), self.log))
            if code:
                self.faults.append(f"{out.name}: exit code {code} at the end")
        if not out.exists() or content(out) != self.whole:
            self.faults.append(f"{out.name}: differs from the undisturbed run")
        left = [path.name for path in self.folder.glob(f"*{out.name}.*")]
        if left:
            self.faults.append(f"{out.name}: left {', '.join(left)}")
        shutil.rmtree(out, ignore_errors=True)
        return sent

    def table(self) -> str:
        """Return the figures, a line for each signal."""
        rows = []
        for number, tally in self.tallies.items():
            longest = f"{max(tally.to_end):.2f}" if tally.to_end else "-"
            rows.append(
                f"| {self.name} | {number.name} | {tally.sent} | {tally.too_late} | {tally.before} "
                f"| {longest} |"
            )
        return "\n".join(rows)


def kill_runs(kills: int, seed: int, patience: float) -> tuple[str, list[str]]:
    """Send so many signals, a recipe after the other; return the table, and what was wrong."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        trials = [Trial(name, Path(folder)) for name in RECIPES]
        left = kills
        while left > 0:
            for trial in trials:
                left -= trial.run(draw, left, patience) if left > 0 else 0
    head = (
        "| recipe | signal | sent | run had ended | nothing kept yet | longest to end, s |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    lines = [head, *(trial.table() for trial in trials)]
    faults = [fault for trial in trials for fault in trial.faults]
    runs = Counter({trial.name: trial.runs for trial in trials})
    lines.append(
        f"\n{kills} signals to {runs.total()} runs "
        f"({', '.join(f'{n} of {name}' for name, n in runs.items())}), "
        f"{runs.total()} resumed to their end, {len(faults)} faults"
    )
    return "\n".join(lines), faults


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=2.0)
    options = parser.parse_args()
    # Loaded once: forked processes have them.
    import openmm.app  # noqa: F401
    import sklearn.cluster  # noqa: F401

    table, faults = kill_runs(options.kills, options.seed, options.patience)
    print(table)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
