"""The command ``cgpack``."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from . import __version__
from .cli_audit import add_audit
from .cli_export import add_export
from .cli_render import add_render, snr_line
from .cli_score import add_score
from .core import BallModel, PackingError, PlacementError, RigidTransforms, Scene

if TYPE_CHECKING:
    from .recipe import Recipe

BAD_INPUT = 2
"""Exit code for input that is not good, and for runs that failed for it."""

INTERRUPTED = 130
PIPE_CLOSED = 141

# StructureError is a ValueError, files that are missing or unreadable are OSErrors.
# A grid of too many voxels is bad input too.
_USER_ERRORS = (ValueError, TypeError, OSError, MemoryError, PlacementError, PackingError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``cgpack``; those of the process when left out.

    Returns
    -------
    int
        0, 2 after one line on standard error that says what is wrong, or 130 after an
        interruption.
    """
    options = _parser().parse_args(arguments)
    try:
        with _console(quiet=getattr(options, "quiet", False)):
            return int(options.action(options) or 0)
    except BrokenPipeError:
        # Whoever read the output has had enough; the rest goes nowhere, also that of the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except _USER_ERRORS as error:
        if options.traceback:
            raise
        print(f"cgpack: {_one_line(error)}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as interruption:
        rest = str(interruption) or "nothing was written"
        print(f"cgpack: interrupted; {rest}", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cgpack",
        description="Pack molecules, filaments and membranes into labelled cryo-ET tomograms.",
    )
    parser.add_argument("--version", action="version", version=f"cgpack {__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show the whole traceback of an error"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    simulate = commands.add_parser("simulate", help="run a recipe, from structures to tomogram")
    simulate.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="a TOML file; see the recipe reference"
    )
    simulate.add_argument(
        "--resume", metavar="OUT", help="in place of RECIPE: go on with the run that was to make it"
    )
    simulate.add_argument("--index", type=int, metavar="N", help="number of the scene")
    _add_run_options(simulate, out_required=False)
    simulate.set_defaults(action=_simulate)

    demo = commands.add_parser("demo", help="run the built-in recipe: 100 molecules in a minute")
    _add_run_options(demo)
    demo.set_defaults(action=_demo)

    grain = commands.add_parser("coarse-grain", help="show the ball model of a structure")
    grain.add_argument("file", metavar="FILE", help="a PDB or mmCIF file, or a library species")
    grain.add_argument("-o", "--out", metavar="MODEL", help="write the balls: .bild or .cmm")
    grain.add_argument("--atoms-per-ball", type=int, default=5000, metavar="N")
    grain.add_argument("--radius", choices=("farthest", "volume"), default="farthest")
    grain.add_argument("--assembly", metavar="ID", help="biological assembly to expand")
    grain.add_argument("--seed", type=int, default=0, metavar="N")
    grain.add_argument("--force", action="store_true", help="replace MODEL where it exists")
    grain.set_defaults(action=_coarse_grain)

    library = commands.add_parser("library", help="list the species that come with the package")
    library.add_argument("name", nargs="?", metavar="NAME", help="tell more of one species")
    library.set_defaults(action=_library)

    add_render(commands)
    add_audit(commands)
    add_export(commands)
    add_score(commands)

    check = commands.add_parser("check", help="versions, platforms and a tiny self-test")
    check.set_defaults(action=_check)
    return parser


def _add_run_options(parser: argparse.ArgumentParser, *, out_required: bool = True) -> None:
    parser.add_argument(
        "-o", "--out", required=out_required, metavar="OUT", help="the folder to make"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="in place of the recipe's")
    parser.add_argument("--platform", metavar="NAME", help="OpenMM platform; else the fastest")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the CPU platform")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.add_argument("--force", action="store_true", help="replace an earlier run's folder")


def _simulate(options: argparse.Namespace) -> None:
    from .recipe import load_recipe, resume

    if options.resume is None:
        if options.recipe is None or options.out is None:
            raise ValueError("simulate: wanted RECIPE and -o OUT, or --resume OUT")
        _run(load_recipe(options.recipe), options)
        return
    for name in ("recipe", "out", "index", "seed", "platform", "threads"):
        if getattr(options, name) is not None:
            raise ValueError(f"--resume: goes on as the run began; it takes no {name}")
    manifest = resume(options.resume, force=options.force, progress=_shows_progress(options))
    if not options.quiet:
        print(_summary(manifest, options.resume))


def _demo(options: argparse.Namespace) -> None:
    from .recipe import demo_recipe

    options.index = None
    _run(demo_recipe(), options)


def _run(recipe: Recipe, options: argparse.Namespace) -> None:
    from .recipe import run

    where = {
        name: value
        for name, value in (("platform", options.platform), ("threads", options.threads))
        if value is not None
    }
    recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, **where))
    if options.seed is not None:
        recipe = dataclasses.replace(recipe, seed=options.seed)
    manifest = run(
        recipe,
        options.index,
        options.out,
        force=options.force,
        resumable=True,
        progress=_shows_progress(options),
    )
    if not options.quiet:
        print(_summary(manifest, options.out))


def _shows_progress(options: argparse.Namespace) -> bool:
    return not options.quiet and sys.stderr.isatty()


def _summary(manifest: dict[str, Any], out: str) -> str:
    if "series" in manifest:
        return _series_summary(manifest, out)
    packing, density, tomogram = (manifest[k] for k in ("packing", "density", "tomogram"))
    shape = " x ".join(str(n) for n in reversed(density["shape_zyx"]))
    dynamics = manifest["dynamics"]
    mirrored = packing["mirrored"]
    return "\n".join(
        (
            f"packed     {packing['instances']} instances of {len(manifest['species'])} species "
            f"({packing['balls']} balls) in {packing['steps']} steps on {dynamics['platform']}",
            f"           radius of gyration {packing['radius_of_gyration_start_nm']:.1f} to "
            f"{packing['radius_of_gyration_end_nm']:.1f} nm, volume fraction "
            f"{packing['fraction_start']:.3f} to {packing['fraction_end']:.3f}",
            f"           deepest overlap {packing['deepest_overlap_end']:.3f} of the contact "
            f"distance, rigid bodies kept to {packing['rigid_body_rms_max_nm']:.1g} nm, "
            f"{mirrored} mirrored",
            f"density    {shape} voxels of {density['voxel_size_nm']:g} nm, "
            f"{density['mass_da'] / 1e6:.2f} MDa of {density['expected_mass_da'] / 1e6:.2f} MDa",
            f"tomogram   {snr_line(tomogram)}",
            f"wrote      {out}: {', '.join([*manifest['files'], 'manifest.json'])}",
            f"           in {sum(manifest['seconds'].values()):.1f} s",
        )
    )


def _series_summary(manifest: dict[str, Any], out: str) -> str:
    lines = [
        f"packed     {part['instances']} instances to volume fraction {part['fraction_end']:.3f}, "
        f"after {part['steps']} steps: {os.path.join(out, name)}"
        for name, part in manifest["series"].items()
    ]
    return "\n".join([*lines, f"wrote      {out}: {len(manifest['files'])} files, manifest.json"])


def _coarse_grain(options: argparse.Namespace) -> None:
    from .core.units import ANGSTROM_PER_NM
    from .models import Cover, coarse_grain
    from .structures import Reading, library, load_structure

    if options.out is not None and os.path.lexists(options.out) and not options.force:
        raise FileExistsError(f"{options.out}: exists; give another file, or --force to replace it")
    if options.seed < 0:
        raise ValueError(f"--seed: wanted a whole number >= 0, got {options.seed}")
    if not os.path.exists(options.file) and options.file in library:
        structure = library.load(options.file)
    else:
        structure = load_structure(options.file, Reading(assembly=options.assembly))
    model = coarse_grain(
        structure,
        Cover(atoms_per_ball=options.atoms_per_ball, radius=options.radius),
        seed=options.seed,
    )
    print(f"{structure.name}: {structure.n_atoms} atoms, {structure.mass / 1e3:.1f} kDa")
    print("ball        x/Å       y/Å       z/Å  radius/Å")
    centres = (model.positions + structure.file_origin) * ANGSTROM_PER_NM
    for number, (centre, radius) in enumerate(zip(centres, model.radii, strict=True), start=1):
        x, y, z = centre
        print(f"{number:4d} {x:10.3f}{y:10.3f}{z:10.3f}{radius * ANGSTROM_PER_NM:10.3f}")
    print(f"molecular envelope {model.volume * ANGSTROM_PER_NM**3:.0f} Å³")
    if options.out is not None:
        _write_balls(Path(options.out), model, centres / ANGSTROM_PER_NM)
        print(f"wrote {options.out}")


def _write_balls(path: Path, model: BallModel, centres: np.ndarray) -> None:
    from .io import write_bild, write_cmm

    scene = Scene(
        species=(model,), species_index=np.zeros(1, int), transforms=RigidTransforms.identity(1)
    )
    writers = {".bild": write_bild, ".cmm": write_cmm}
    if path.suffix not in writers:
        raise ValueError(f"{path}: wanted a file name that ends in .bild or .cmm")
    writers[path.suffix](path, scene, centres)


def _library(options: argparse.Namespace) -> None:
    from .structures import library

    if options.name is not None:
        for field, value in dataclasses.asdict(library.entry(options.name)).items():
            if value not in (None, ""):
                print(f"{field:22s} {value}")
    else:
        print(library)


def _check(options: argparse.Namespace) -> int:
    from .check import report

    failed = 0
    for line, passed in report():
        print(line, flush=True)
        failed += not passed
    return 1 if failed else 0


def _one_line(error: BaseException | str) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _console(*, quiet: bool) -> Iterator[None]:
    """Send the package's messages and warnings to standard error while a command runs."""
    log = logging.getLogger(__package__)
    handler = logging.StreamHandler(sys.stderr)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    # A queue system ends a job by SIGTERM: let it clean up as Ctrl-C does.
    old = signal.signal(signal.SIGTERM, _terminate)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    finally:
        signal.signal(signal.SIGTERM, old)
        log.setLevel(before)
        log.removeHandler(handler)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    logging.getLogger(__name__).warning("cgpack: note: %s", _one_line(message))


def _terminate(number: int, frame: object) -> NoReturn:
    """Turn the end that a queue system asks for into one that cleans up."""
    raise SystemExit(128 + number)
