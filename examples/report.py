"""Run the paper's experiments and write one HTML page that needs no other file.

python examples/report.py --quick -o report.html
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from common.html_page import findings_markdown, report_html
from common.section import Section
from common.settings import EXPERIMENTS, Settings, run_experiment

import openmm_cgpack
from openmm_cgpack.io.files import atomic_path


def main(
    arguments: Sequence[str] | None = None,
    *,
    run: Callable[[int, Settings], Section] = run_experiment,
) -> int:
    """Run the command; the report is written anew after each experiment.

    Returns
    -------
    int
        0, or 130 where the run was interrupted.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.structures is not None and not options.structures.is_dir():
        parser.error(f"--structures: {options.structures}: no such folder")
    for path in filter(None, (options.out, options.markdown)):
        if os.path.lexists(path) and not options.force:
            parser.error(f"{path}: exists; give another file, or --force to replace it")
    try:
        run_on = openmm_cgpack.Run(platform=options.platform, threads=options.threads)
    except ValueError as error:
        parser.error(str(error))
    settings = Settings(
        full=not options.quick,
        seed=options.seed,
        structures=options.structures,
        run=run_on,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    sections: list[Section] = []
    try:
        for number in options.only:
            start = time.monotonic()
            sections.append(run(number, settings))
            _write(options, sections)
            if not options.quiet:
                _tell(sections[-1], time.monotonic() - start)
    except KeyboardInterrupt:
        numbers = ", ".join(str(section.number) for section in sections)
        kept = f"{options.out} holds experiments {numbers}" if sections else "nothing was written"
        print(f"report: interrupted; {kept}", file=sys.stderr)
        return 130
    if not options.quiet:
        print(f"wrote {options.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="report", description="the paper's experiments, reported")
    parser.add_argument(
        "-o", "--out", type=Path, default="report.html", metavar="HTML", help="the report"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument(
        "--only",
        type=_numbers,
        default=sorted(EXPERIMENTS),
        metavar="N,N,...",
        help=f"numbers of the experiments, 1 to {len(EXPERIMENTS)}",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--structures", type=Path, metavar="FOLDER", help="structure files, for every atom"
    )
    parser.add_argument("--platform", metavar="NAME", help="OpenMM platform; else the fastest")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the CPU platform")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write findings and tables there too"
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return parser


def _numbers(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdigit() and int(word) in EXPERIMENTS for word in words):
        raise argparse.ArgumentTypeError(
            f"wanted numbers from 1 to {len(EXPERIMENTS)} like 1,3, got {text!r}"
        )
    return sorted({int(word) for word in words})


def _write(options: argparse.Namespace, sections: Sequence[Section]) -> None:
    with atomic_path(options.out) as temporary:
        page = report_html(sections, made_by=_made_by(options))
        temporary.write_text(page, encoding="utf-8")
    if options.markdown is not None:
        with atomic_path(options.markdown) as temporary:
            temporary.write_text(findings_markdown(sections), encoding="utf-8")


def _tell(section: Section, seconds: float) -> None:
    print(f"{section.number}. {section.title} ({seconds:.0f} s)")
    if section.skipped:
        print(f"   not run: {section.skipped}")
    for finding in section.findings:
        print(f"   {finding.verdict:18} {finding.paper}", flush=True)


def _made_by(options: argparse.Namespace) -> str:
    import numpy
    import openmm

    words = ["python examples/report.py"]
    words += ["--quick"] if options.quick else []
    if options.only != sorted(EXPERIMENTS):
        words += [f"--only {','.join(str(number) for number in options.only)}"]
    words += ["--structures FOLDER"] if options.structures else []
    words += [f"--seed {options.seed}"]
    return (
        f"Made by {' '.join(words)} with openmm_cgpack {openmm_cgpack.__version__}, "
        f"openmm {openmm.__version__}, numpy {numpy.__version__}."
    )


if __name__ == "__main__":
    sys.exit(main())
