"""The command ``cgpack reproduce``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reproduce import Section


def add_reproduce(commands: Any) -> None:
    """Add ``reproduce`` to the parser's commands.

    Parameters
    ----------
    commands : argparse._SubParsersAction
        What ``add_subparsers`` returned.
    """
    parser = commands.add_parser("reproduce", help="run the paper's experiments and report")
    parser.add_argument("-o", "--out", default="reproduce.html", metavar="HTML", help="the report")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--only", metavar="N,N,...", help="numbers of the experiments, 1 to 7")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--structures", metavar="FOLDER", help="structure files, for every atom")
    parser.add_argument("--platform", metavar="NAME", help="OpenMM platform; else the fastest")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the CPU platform")
    parser.add_argument("--markdown", metavar="FILE", help="write findings and tables there too")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.set_defaults(action=_reproduce)


def _reproduce(options: argparse.Namespace) -> None:
    import os
    import sys

    from .io.atomic import atomic_path
    from .reproduce import Settings, findings_markdown, reproduce, write_report

    if options.structures is not None and not os.path.isdir(options.structures):
        raise ValueError(f"--structures: {options.structures}: no such folder")
    settings = Settings(
        quick=options.quick,
        seed=options.seed,
        structures=options.structures,
        platform=options.platform,
        threads=options.threads,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    made_by = _made_by(options)
    finished: list[int] = []

    def write(sections: tuple[Section, ...]) -> None:
        write_report(options.out, sections, made_by=made_by)
        if options.markdown is not None:
            with atomic_path(options.markdown) as temporary:
                temporary.write_text(findings_markdown(sections), encoding="utf-8")
        finished[:] = [section.number for section in sections]

    try:
        sections = reproduce(settings, only=_numbers(options.only), after_each=write)
    except KeyboardInterrupt:
        if not finished:
            raise
        held = ", ".join(str(number) for number in finished)
        raise KeyboardInterrupt(f"{options.out} holds experiments {held}") from None
    if not options.quiet:
        for section in sections:
            print(f"{section.number}. {section.title}")
            if section.skipped:
                print(f"   not run: {section.skipped}")
            for finding in section.findings:
                print(f"   {finding.verdict:18} {finding.paper}")
        print(f"wrote {options.out}")


def _numbers(only: str | None) -> list[int] | None:
    if only is None:
        return None
    words = only.split(",")
    if not all(word.strip().isdigit() for word in words):
        raise ValueError(f"--only: wanted numbers like 1,3, got {only!r}")
    return [int(word) for word in words]


def _made_by(options: argparse.Namespace) -> str:
    from . import __version__
    from .recipe.manifest import package_versions

    words = ["cgpack reproduce"]
    words += ["--quick"] if options.quick else []
    words += [f"--only {options.only}"] if options.only else []
    words += ["--structures FOLDER"] if options.structures else []
    words += [f"--seed {options.seed}"]
    versions = package_versions()
    named = ", ".join(
        f"{name} {versions[name]}" for name in ("openmm", "numpy") if name in versions
    )
    return f"Made by {' '.join(words)} with openmm_cgpack {__version__}, {named}."
