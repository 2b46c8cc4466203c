"""Run many cases and print a table, or one of them again."""

import argparse
import collections
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from . import cases, valid
from .judging import Verdict, judged


def main() -> int:
    """Run what the command line says; the exit code is 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=300, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=0, help="another one makes other cases")
    parser.add_argument("--case", type=int, help="run this one alone, and show it")
    parser.add_argument("--keep", type=Path, help="folder for valid files, and for --case's")
    parser.add_argument("--quick", action="store_true", help="no files that take long to make")
    parser.add_argument("--json", type=Path, help="write all findings there, a line each")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        made = made_in_a_child((options.keep or home) / "valid", quick=options.quick)
        numbers = range(options.first, options.first + options.cases)
        if options.case is not None:
            numbers = range(options.case, options.case + 1)
        found = fuzz(
            numbers, options.seed, made, home, show=options.case is not None, log=options.json
        )
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 1 if found else 0


def made_in_a_child(folder: Path, *, quick: bool) -> Path:
    """Make the valid files where there are none, in a child: threads do not outlive a fork."""
    if folder.exists():
        return folder
    child = os.fork()
    if child == 0:
        code = 1
        try:
            valid.make(folder.with_name("making"), quick=quick)
            folder.with_name("making").rename(folder)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError("the valid files could not be made")
    return folder


def fuzz(numbers, seed: int, made: Path, home: Path, *, show=False, log: Path | None = None) -> int:
    """Run cases by their numbers; print what was found; return how many have findings."""
    import_all()
    kinds: dict[str, list[int]] = collections.defaultdict(list)
    codes: collections.Counter = collections.Counter()
    start, used, longest, most = time.monotonic(), 0.0, (0.0, -1), (0, -1)
    for number in numbers:
        case, verdict = one(number, seed, made, home / str(number))
        codes["ended by Ctrl-C at work" if verdict.long_work else f"exit code {verdict.code}"] += 1
        used += verdict.seconds
        longest = max(longest, (verdict.seconds, number))
        most = max(most, (verdict.memory, number))
        for finding in verdict.findings:
            kinds[finding].append(number)
        if verdict.findings and log is not None:
            with log.open("a") as file:
                record = {"case": number, "words": case.words, "did": case.said}
                record |= {"findings": verdict.findings, "errors": verdict.errors[-600:]}
                file.write(json.dumps(record) + "\n")
        if show:
            print(f"{case.words!r}\n{case.said}\n{verdict.errors}\n{verdict}")
    wrong = len({number for found in kinds.values() for number in found})
    seconds = time.monotonic() - start
    print(f"{len(numbers)} cases, seed {seed}, {seconds:.0f} s: {wrong} with findings")
    print(", ".join(f"{name}: {n}" for name, n in sorted(codes.items())))
    print(f"processor time {used:.0f} s, longest {longest[0]:.1f} s (case {longest[1]})")
    print(f"most memory {most[0] >> 20} MiB (case {most[1]})")
    for kind, found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"{len(found):5d}  {kind}   cases {', '.join(map(str, found[:6]))}")
    sys.stdout.flush()
    return wrong


def one(number: int, seed: int, made: Path, home: Path) -> tuple[cases.Case, Verdict]:
    """Run a case in a new folder, which goes again."""
    folder = home / "work"
    try:
        case = cases.make(number, seed, made, folder)
        return case, judged(case, folder)
    finally:
        os.system(f"chmod -R u+rwx '{home}' 2>/dev/null") if home.exists() else None
        shutil.rmtree(home, ignore_errors=True)


def import_all() -> None:
    """Import what commands import when they run, once for all children."""
    import openmm.app  # noqa: F401
    import sklearn.cluster  # noqa: F401
    import tomlkit  # noqa: F401

    import openmm_cgpack.cli
    import openmm_cgpack.draw
    import openmm_cgpack.export
    import openmm_cgpack.recipe
    import openmm_cgpack.runs  # noqa: F401


if __name__ == "__main__":
    raise SystemExit(main())
