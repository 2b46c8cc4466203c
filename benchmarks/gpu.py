"""What this project does on a GPU, beside the processor: tests first, then times, in one table.

``benchmarks/gpu.sh`` installs everything and calls this. Steps stand in the order of their worth.
Each is a process of its own with a limit, so that one that crashes or takes too long costs no
other; the table is written anew after every row, so that a run that is cut off leaves what it has.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform as machine
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPLOSIONS = "tests/packing/test_divergence.py"
CPU = "CPU"
SECONDS = 400.0
"""For which the limits of the steps are; they grow where there is more time."""

Row = tuple[str, dict[str, float | str], str]
"""What was measured, what was found by platform, and its unit: "s", "/s" or ""."""


@dataclass
class Task:
    """What a step is told."""

    platform: str
    small: bool
    seconds: float

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform, and the processor beside it."""
        return tuple(dict.fromkeys((self.platform, CPU)))


STEPS: dict[str, tuple[float, Callable[[Task], Iterator[Row]]]] = {}
"""Most seconds of each step, and the step, in their order."""


def step(seconds: float):
    """Add a function to the steps, by its name."""

    def add(function):
        STEPS[function.__name__] = (seconds, function)
        return function

    return add


@step(60)
def installed(task: Task) -> Iterator[Row]:
    """Say what there is, and whether its platforms work at all."""
    import openmm

    from openmm_cgpack import Run
    from openmm_cgpack.cli.checking import report
    from openmm_cgpack.packing import choose_platform

    system = openmm.System()
    system.addParticle(1.0)
    for name in task.platforms:
        chosen, properties = choose_platform(Run(platform=name))
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), chosen, properties)
        keys = [key for key in ("DeviceName", "Precision", "Threads") if key in properties]
        keys += ["DeviceName"] if "DeviceName" in chosen.getPropertyNames() else ["Threads"]
        values = [chosen.getPropertyValue(context, key) for key in dict.fromkeys(keys)]
        yield "device", {name: ", ".join(values)}, ""
    yield "OpenMM, Python", {task.platform: f"{openmm.__version__}, {sys.version.split()[0]}"}, ""
    yield "processor", {CPU: f"{machine.processor() or machine.machine()}, {os.cpu_count()}"}, ""
    for line, passed in report():
        name, _, words = line.partition(" ")
        if name in task.platforms:
            yield "self-test", {name: words.strip() if passed else f"FAILED: {words.strip()}"}, ""


@step(150)
def tests(task: Task) -> Iterator[Row]:
    """Run the tests of the platform; a few of them where the sizes are small."""
    some = ["tests/forces/test_platforms.py", "tests/packing/test_platforms.py"]
    # A device that has met an explosion may be lost to its process: those come last.
    whole = ["tests/forces", "tests/packing", f"--ignore={EXPLOSIONS}"]
    yield from tested(task, some if task.small else whole)


def tested(task: Task, what: list[str]) -> Iterator[Row]:
    """Yield how many tests passed, and which did not."""
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", task.platform]
    command += ["-n", str(min(8, os.cpu_count() or 1)), *what]
    begin = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    killer = threading.Timer(task.seconds - 5, child.kill)
    killer.start()
    outcomes = {"PASSED": [], "FAILED": [], "ERROR": [], "SKIPPED": []}
    for line in child.stdout:
        # With several processes the outcome stands before the test, with one behind it.
        found = re.search(r"(PASSED|FAILED|ERROR|SKIPPED)", line)
        name = re.search(r"tests/\S+::\S+", line)
        if found and name:
            outcomes[found[1]].append(name[0].rpartition("::")[2])
    ended = killer.is_alive()
    killer.cancel()
    # Those that failed are told a second time, in the summary.
    failed = list(dict.fromkeys(outcomes["FAILED"] + outcomes["ERROR"]))
    words = f"{len(outcomes['PASSED'])} passed, {len(failed)} failed"
    words += "" if ended else "; cut off"
    yield "tests", {task.platform: " ".join([words, *(f"`{name}`" for name in failed)])}, ""
    yield "tests", {task.platform: time.perf_counter() - begin}, "s"


@step(40)
def repeats(task: Task) -> Iterator[Row]:
    """Say how far two runs of one seed end from each other."""
    import numpy as np

    from openmm_cgpack import Run, insert
    from openmm_cgpack.packing import compress

    start = insert(
        [(m, 4) for m in models(dataclasses.replace(task, small=True))], fraction=0.2, seed=1
    )
    for name in task.platforms:
        one, other = (compress(start, fraction=0.3, seed=1, run=Run(platform=name)) for _ in "12")
        off = np.abs(one.positions - other.positions).max()
        yield (
            "two runs of one seed end apart by, nm",
            {name: f"{off:.1e}" if off else "nothing"},
            "",
        )


def rate(simulation, seconds: float) -> float:
    """Return bare steps a second of a Simulation, over about so many seconds."""
    integrator, context = simulation.integrator, simulation.context
    integrator.step(10)
    context.getState(energy=True)
    steps, begin = 0, time.perf_counter()
    chunk = 10
    while (taken := time.perf_counter() - begin) < seconds:
        integrator.step(chunk)
        # A GPU has only been told to step: whoever reads waits for it.
        context.getState(energy=True)
        steps, chunk = steps + chunk, min(2 * chunk, 2000)
    return steps / taken


def models(task: Task) -> list:
    """Return the models of the 20 species, or of three."""
    from paper_scene import TYPES

    from openmm_cgpack import SHAPE_COVER, coarse_grain, library

    names = ("3hhb", "2bo9", "1f1b") if task.small else TYPES
    return [coarse_grain(library[name], SHAPE_COVER, seed=1) for name in names]


@step(60)
def pull(task: Task) -> Iterator[Row]:
    """Take the paper's scene: bare steps, and those of the driver."""
    from paper_scene import paper_scene

    from openmm_cgpack import Pull, Run, pack

    scene = paper_scene(1 if task.small else 20)
    steps = 250 if task.small else 2000
    what = f"pull, {scene.n_instances} molecules, {scene.n_balls} balls"
    protocol = Pull(max_steps=steps, tolerance=0, patience=steps, relax_steps=0)
    for name in task.platforms:
        simulation = protocol.simulation(scene, run=Run(platform=name), seed=1)
        if name == CPU:
            # Every step of the processor is looked at; that is a part of what it costs.
            yield f"{what}: steps", {name: rate(simulation, 1 if task.small else 5)}, "/s"
            continue
        yield f"{what}: steps", {name: rate(simulation, 1 if task.small else 5)}, "/s"
        begin = time.perf_counter()
        pack(simulation, scene, protocol)
        yield (
            "the same, driven by the protocol",
            {name: steps / (time.perf_counter() - begin)},
            "/s",
        )


@step(120)
def dense(task: Task) -> Iterator[Row]:
    """Compress 200 molecules: to 0.33, and on the platform to 0.40."""
    from openmm_cgpack import Run, insert
    from openmm_cgpack.packing import compress

    copies = 4 if task.small else 10
    counts = [(model, copies) for model in models(task)]
    begin = time.perf_counter()
    start = insert(counts, fraction=0.25, seed=1)
    what = f"{start.n_instances} molecules, {start.n_balls} balls"
    yield f"insert {what} to 0.25", {CPU: time.perf_counter() - begin}, "s"
    goals = (0.30,) if task.small else (0.33, 0.40)
    for goal in goals:
        for name in task.platforms if goal < 0.4 else (task.platform,):
            begin = time.perf_counter()
            packed = compress(start, fraction=goal, seed=1, run=Run(platform=name))
            taken = time.perf_counter() - begin
            done = packed.provenance["compression"]
            yield f"compress them to {goal:.2f}", {name: taken}, "s"
            words = f"{done['steps']}, {done['rms_overlap_nm']:.3f} nm"
            yield f"its steps, and the overlap left at {goal:.2f}", {name: words}, ""


@step(60)
def whole(task: Task) -> Iterator[Row]:
    """Pack by the protocol, end to end: what is left too close, and where the time goes."""
    from openmm_cgpack import Dense, Run, insert
    from openmm_cgpack.packing import Packing

    # Up to 0.30 rigid molecules are squeezed, on the processor.
    fraction = 0.32 if task.small else 0.33
    counts = [(model, 4 if task.small else 10) for model in models(task)]
    start = insert(counts, fraction=0.1, seed=1)
    packing = Packing(
        Dense(fraction=fraction).steps(start, run=Run(platform=task.platform), seed=1)
    )
    begin, stages = time.perf_counter(), {}
    for block in packing:
        now = time.perf_counter()
        stages[block.stage] = stages.get(block.stage, 0.0) + now - begin
        begin = now
    for stage, seconds in stages.items():
        yield f"`Dense` to {fraction:.2f}: {stage}", {task.platform: seconds}, "s"
    left = {k: v for k, v in packing.result.provenance.items() if k.startswith("clash")}
    close = [str(found.get("points_too_close")) for found in left.values()]
    yield "points of atoms left too close", {task.platform: ", ".join(close) or "not told"}, ""


@step(60)
def made_of(task: Task) -> Iterator[Row]:
    """Say what a step of the compression costs without one or another of its parts."""
    import openmm

    from openmm_cgpack import Run, insert
    from openmm_cgpack.forces import SoftRepulsion
    from openmm_cgpack.packing import choose_platform, create_system

    start = insert([(m, 4 if task.small else 10) for m in models(task)], fraction=0.25, seed=1)
    contacts = SoftRepulsion(k=1e5, gap=0.2)

    def system(*, by_list=False, constrained=True):
        made = create_system(start, forces=() if by_list else (contacts,), rigidity="constraints")
        if by_list:
            made.addForce(contacts.build(start, "bonds"))
        for i in reversed(range(0 if constrained else made.getNumConstraints())):
            made.removeConstraint(i)
        return made

    cases = {
        "steps of contacts": ({}, {}),
        "the same, pairs of a body in a list of exclusions": ({"by_list": True}, {}),
        "the same without constraints": ({"constrained": False}, {}),
        "the same in single precision": ({}, {"Precision": "single"}),
    }
    for what, (changed, asked) in cases.items():
        for name in task.platforms:
            chosen, properties = choose_platform(Run(platform=name))
            if asked and "Precision" not in properties:
                continue
            begin = time.perf_counter()
            integrator = openmm.LangevinMiddleIntegrator(0.0, 1.0, 0.02)
            integrator.setConstraintTolerance(1e-6)
            made = openmm.Context(system(**changed), integrator, chosen, {**properties, **asked})
            made.setPositions(start.positions)
            built = time.perf_counter() - begin
            bare = rate(_Simulated(integrator, made), 1 if task.small else 3)
            yield what, {name: bare}, "/s"
            if not changed and not asked:
                yield "their Context", {name: built}, "s"


@dataclass
class _Simulated:
    integrator: object
    context: object


@step(120)
def many(task: Task) -> Iterator[Row]:
    """Take 5000 and 20 000 molecules at 0.25: what it takes to build them, and their steps."""
    from openmm_cgpack import Run, insert
    from openmm_cgpack.packing import Compression, as_packed
    from openmm_cgpack.packing.checkpoint import Checkpoint
    from openmm_cgpack.packing.shrinking_box import ShrinkingBox

    piece = insert([(m, 4 if task.small else 10) for m in models(task)], fraction=0.25, seed=1)
    sizes = [((2, 1, 1), task.platforms)]
    if not task.small:
        sizes = [((5, 5, 1), task.platforms), ((10, 10, 1), (task.platform,))]
    for tiles, names in sizes:
        scene = tiled(piece, tiles)
        what = f"{scene.n_instances} molecules, {scene.n_balls} balls"
        for name in names:
            begin = time.perf_counter()
            box = ShrinkingBox(
                as_packed(scene),
                Compression(),
                forces=(),
                run=Run(platform=name),
                seed=1,
                reporters=[],
                checkpoint=Checkpoint(None, scene, settings={}),
                stage="compression",
            )
            yield f"build {what}", {name: time.perf_counter() - begin}, "s"
            enough = 1 if task.small else 5
            yield f"steps of {what}", {name: rate(box.simulation, enough)}, "/s"
            begin, steps = time.perf_counter(), 0
            while (taken := time.perf_counter() - begin) < enough:
                box.relax(20)
                steps += 20
            yield "the same, driven in blocks of 20", {name: steps / taken}, "/s"
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        yield f"peak memory, {what}, GiB", {CPU: f"{memory:.2f}"}, ""


def tiled(piece, tiles: tuple[int, int, int]):
    """Return a periodic scene of equal pieces, so many along each axis."""
    import numpy as np

    from openmm_cgpack.core import Periodic, RigidTransforms, Scene

    steps = np.stack(np.meshgrid(*map(np.arange, tiles), indexing="ij"), axis=-1).reshape(-1, 3)
    shifts = (steps - (np.array(tiles) - 1) / 2) * piece.boundary.box
    n = len(steps)
    return Scene(
        species=piece.species,
        species_index=np.tile(piece.species_index, n),
        transforms=RigidTransforms(
            rotations=np.tile(piece.transforms.rotations, (n, 1, 1)),
            translations=(shifts[:, None] + piece.transforms.translations).reshape(-1, 3),
        ),
        boundary=Periodic(box=np.array(piece.boundary.box) * tiles),
    )


@step(90)
def cell(task: Task) -> Iterator[Row]:
    """Take a piece of a cell, whose membranes are worked out in numpy on any platform."""
    from cell_scene import cube, tiles

    from openmm_cgpack import Run
    from openmm_cgpack.packing import Settling, pack_scene
    from openmm_cgpack.runs import STAGES, Simulated

    recipe = cube() if task.small else tiles(1, crowd=0.2)
    made = Simulated(recipe=recipe)
    for stage in ("models", "placement"):
        STAGES[stage](made)
    settling = Settling(steps=20 if task.small else 200, patience=100)
    protocol = dataclasses.replace(recipe.pack, settling=settling)
    for name in task.platforms:
        begin = time.perf_counter()
        packed = pack_scene(made.scene, protocol, run=Run(platform=name), seed=1)
        what = f"cell of {packed.scene.n_balls} balls, {packed.history.step[-1]} steps"
        yield what, {name: time.perf_counter() - begin}, "s"


@step(60)
def explosions(task: Task) -> Iterator[Row]:
    """Run the tests of dynamics that diverges, and of signals."""
    small = ["-k", f"{task.platform} and interruption"] if task.small else []
    yield from tested(task, [EXPLOSIONS, *small])


class Table:
    """The rows so far, in a file that is written anew with each."""

    def __init__(self, path: Path, task: Task) -> None:
        self.path, self.task = path, task
        self.rows: dict[tuple[str, str, str], dict[str, float | str]] = {}
        self.begin = time.monotonic()

    def add(self, step: str, what: str, found: dict[str, float | str], unit: str) -> None:
        """Add what was found; of two platforms in one row."""
        self.rows.setdefault((step, what, unit), {}).update(found)
        self.write()

    def write(self) -> None:
        """Write the file."""
        names = self.task.platforms
        faster = [f"{names[0]} is faster by"] if len(names) > 1 else []
        head = ["step", "what", *names, *faster]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for (step_name, what, unit), found in self.rows.items():
            cells = [_words(found.get(name, ""), unit) for name in names]
            cells += [_faster(found, names, unit)] if faster else []
            lines.append("| " + " | ".join([step_name, f"{what}", *cells]) + " |")
        sizes = "Small sizes, to rehearse. " if self.task.small else ""
        taken = time.monotonic() - self.begin
        lines += ["", f"{sizes}Made by `benchmarks/gpu.sh` in {taken:.0f} s.", ""]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".part")
        beside.write_text("\n".join(lines), encoding="utf-8")
        beside.replace(self.path)


def _words(value: float | str, unit: str) -> str:
    if isinstance(value, str):
        return value.replace("|", "/")
    number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{number} {unit}".replace(" /s", "/s")


def _faster(found: dict[str, float | str], names: tuple[str, ...], unit: str) -> str:
    one, other = (found.get(name) for name in names)
    if not (unit and isinstance(one, float) and isinstance(other, float) and one and other):
        return ""
    return f"{other / one if unit == 's' else one / other:.2g}"


def run_steps(task: Task, table: Table, deadline: float, only: list[str]) -> None:
    """Run the steps one after the other until the deadline, each in a process of its own."""
    for name in only or STEPS:
        left = deadline - time.monotonic()
        limit = min(STEPS[name][0] * max(1.0, task.seconds / SECONDS), left)
        if limit < 15:
            table.add(name, "not begun: the time was up", {}, "")
            continue
        command = [sys.executable, __file__, "--platform", task.platform, "--step", name]
        command += ["--seconds", str(limit), *(["--small"] if task.small else [])]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        killer = threading.Timer(limit, child.kill)
        killer.start()
        for line in child.stdout:
            if line.startswith("{"):
                row = json.loads(line)
                table.add(name, row["what"], row["found"], row["unit"])
                print(f"{name}: {row['what']}: {row['found']} {row['unit']}", flush=True)
        status, ended = child.wait(), killer.is_alive()
        killer.cancel()
        if status:
            why = f"ended by {status}" if ended else f"cut off after {limit:.0f} s"
            table.add(name, why, {}, "")
            print(f"{name}: {why}", flush=True)


def main() -> None:
    """Run one step and print its rows as JSON, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--platform", default="CUDA", choices=("CUDA", "HIP", "OpenCL", CPU))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of all steps")
    parser.add_argument("--small", action="store_true", help="small sizes, to rehearse")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "tables" / "gpu.md")
    parser.add_argument("--only", default="", help=f"some of {', '.join(STEPS)}")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    task = Task(options.platform, options.small, options.seconds)
    if options.step:
        for what, found, unit in STEPS[options.step][1](task):
            print(json.dumps({"what": what, "found": found, "unit": unit}), flush=True)
        return
    table = Table(options.out, task)
    deadline = time.monotonic() + options.seconds
    run_steps(task, table, deadline, [name for name in options.only.split(",") if name])
    table.write()
    print(options.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
