"""A command in a child with bounds on memory and time, and what is wrong with how it went."""

import contextlib
import hashlib
import os
import resource
import signal
import stat
import sys
import time
import traceback
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from .cases import Case

MEMORY = 2 << 30
"""Bytes that a command may take above what the interpreter holds before it."""

SECONDS = 20.0
"""Processor time that a command may take; a run whose work has begun is ended as by Ctrl-C."""

WAITING = 15.0
"""Seconds without any processor time after which a command hangs."""

LONGEST_ECHO = 80
"""Characters of an input that a message may repeat."""


@dataclass
class Verdict:
    """How a command went."""

    code: int
    seconds: float
    memory: int
    errors: str
    long_work: bool = False
    """Whether it was ended as by Ctrl-C, in a run whose packing had begun."""
    findings: list[str] = field(default_factory=list)


def judged(case: Case, folder: Path) -> Verdict:
    """Run a case's command in its folder, and look at what it said and did."""
    before = snapshot(folder)
    verdict = run(case, folder)
    after = snapshot(folder)
    verdict.findings += _of_the_end(verdict, case)
    verdict.findings += _of_messages(verdict, case, folder)
    verdict.findings += _of_files(before, after, case, verdict)
    return verdict


def run(case: Case, folder: Path) -> Verdict:
    """Run the command in a child, which has the package imported already."""
    log = folder.with_name("log")
    log.write_bytes(b"")
    base = _address_space()
    start = time.monotonic()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_the_command(case, folder, log, base)
    long_work, asked, used, at_work = False, 0.0, 0.0, start
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.01)
        now = time.monotonic()
        if (time_used := _processor_time(child)) != used:
            used, at_work = time_used, now
        if used > SECONDS or now - at_work > WAITING:
            begun = case.words[0] in ("simulate", "demo") and b"placement" in log.read_bytes()
            if begun and not asked:
                os.kill(child, signal.SIGINT)
                long_work, asked = True, now
            elif not begun or now - asked > 60:
                os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    errors = log.read_bytes().decode("utf-8", "replace")
    seconds = usage.ru_utime + usage.ru_stime
    return Verdict(code, seconds, usage.ru_maxrss << 10, errors, long_work)


def _be_the_command(case: Case, folder: Path, log: Path, base: int) -> None:
    code = 70
    try:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_APPEND)
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, out), (2, out)):
            os.dup2(source, target)
        resource.setrlimit(resource.RLIMIT_AS, (base + MEMORY,) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        os.chdir(folder)
        os.environ["HOME"] = str(folder.parent)
        code = _exit_code(case)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _exit_code(case: Case) -> int:
    from openmm_cgpack.cli import main

    try:
        return main(case.words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        return 1


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _processor_time(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def snapshot(folder: Path) -> dict[str, str]:
    """Return what every path of a folder is, by its name from there."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(root, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                what = f"link to {os.readlink(path)}"
            elif stat.S_ISREG(mode):
                what = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            else:
                what = "folder" if stat.S_ISDIR(mode) else "other"
            found[os.path.relpath(path, folder)] = what
    return found


def _of_the_end(verdict: Verdict, case: Case) -> list[str]:
    found = []
    text = verdict.errors
    if "Traceback (most recent call last)" in text:
        last = [line for line in text.splitlines() if line and not line[0].isspace()][-1]
        found.append(f"traceback: {last[:100]}")
    if verdict.code < 0:
        kind = "hang" if verdict.code == -signal.SIGKILL else "signal"
        found.append(f"{kind}: {signal.Signals(-verdict.code).name}")
    elif verdict.long_work:
        if verdict.code != 130:
            found.append(f"exit code {verdict.code} after Ctrl-C")
    elif verdict.code not in (0, 1, 2):
        found.append(f"exit code {verdict.code}")
    elif verdict.seconds > SECONDS:
        found.append("time")
    packed = case.words[0] in ("simulate", "demo")
    if verdict.code == 1 and not packed and not found:
        found.append("exit code 1 without a packing")
    if verdict.memory > MEMORY + _BASE_MEMORY:
        found.append("memory")
    if verdict.code == 2 and not found and not _has_a_reason(text):
        found.append("no reason given")
    low = text.lower()
    bug = [w for w in ("unable to allocate", "memoryerror", "bad_alloc", "report it") if w in low]
    return found + [f"message: {word}" for word in bug]


_BASE_MEMORY = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _has_a_reason(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.startswith("cgpack")]
    lines = [line for line in lines if not line.startswith("cgpack: note")]
    return any(len(line.partition(": ")[2]) > 12 for line in lines)


def _of_messages(verdict: Verdict, case: Case, folder: Path) -> list[str]:
    found, text = [], verdict.errors
    # What went well may name its outputs as they were given.
    words = case.words if verdict.code else []
    odd = {c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"}
    if odd:
        found.append("control characters")
    if any(repeats(line.replace(str(folder), ""), words, folder) for line in text.splitlines()):
        found.append(f"repeats more than {LONGEST_ECHO} characters")
    return found


def repeats(line: str, words: list[str], folder: Path) -> bool:
    """Return whether a line has more than a few characters of words or files in one piece."""
    if len(line) <= LONGEST_ECHO or line.startswith(("usage:", "    ")):
        return False
    if len(line) > 3000:
        return True
    inputs = [*words]
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file() and path.stat().st_size < 300_000:
                inputs.append(path.read_bytes().decode("latin-1"))
    size = LONGEST_ECHO + 1
    pieces = [line[i : i + size] for i in range(len(line) - size + 1)]
    return any(piece in text for text in inputs for piece in pieces)


def _of_files(before, after, case: Case, verdict: Verdict) -> list[str]:
    found = []
    forced = "--force" in case.words
    mine = [*case.outputs, *(os.path.normpath(word) for word in case.words[1:] if word)]
    # Into a folder that a link of the user's leads to.
    links = (before.get(path, "") for path in mine)
    mine += [os.path.normpath(what[8:]) for what in links if what.startswith("link to ")]
    for path, what in before.items():
        if after.get(path) == what or path in case.changes:
            continue
        by_name = path in mine and forced and what != "folder"
        # An unfinished run goes on there; a render is replaced.
        of_a_run = path.startswith(("cut.unfinished", "run/renders")) and verdict.code != 2
        # The recipe that it was told to go on with is kept there.
        kept_there = path == "cut.unfinished/recipe.toml" and "--resume" in case.words
        # The hidden folder without a record in it is nobody's.
        no_record = path.endswith(("/.cgpack", "/.cgpack/lock"))
        if not (
            by_name or of_a_run or kept_there or no_record or path.startswith("cut.unfinished/.")
        ):
            kind = "removed" if path not in after else "changed"
            found.append(f"{kind} a file of the user's: {_kind_of(path)}")
            break
    new = sorted(set(after) - set(before))
    for path in new:
        if not any(path.startswith(each) or f"{path}/".startswith(f"{each}/") for each in mine):
            found.append(f"litter: {_kind_of(path)}")
            break
    kept = [p for p in new if ".unfinished" not in p.split("/")[0]]
    # Folders for an output that was then refused are no output.
    kept = [p for p in kept if after[p] != "folder"]
    if verdict.code == 2 and kept:
        found.append(f"exit code 2 and an output: {_kind_of(kept[0])}")
    if verdict.code == 2 and not kept and any(p.endswith(".unfinished") for p in new):
        found.append("exit code 2 after work began")
    return found


def _kind_of(path: str) -> str:
    """Return a path without what differs from case to case."""
    name = path if len(path) < 60 else path[:57] + "..."
    return name.encode("unicode_escape").decode()
