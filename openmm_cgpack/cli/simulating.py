"""The commands ``cgpack simulate`` and ``cgpack demo``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .console import say
from .options import in_words_of, value_of

if TYPE_CHECKING:
    from ..recipe import Recipe


def add(commands: Any) -> None:
    """Add the commands to the parser's."""
    simulate = commands.add_parser(
        "simulate",
        examples=(
            "cgpack simulate crowd.toml -o crowd",
            "cgpack simulate crowd.toml -o crowd --set imaging.snr=0.1 --set seed=2",
            "cgpack simulate --resume crowd",
        ),
        help="run a recipe, from structures to tomogram",
    )
    simulate.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="a TOML file; see the recipe reference"
    )
    simulate.add_argument(
        "--resume",
        metavar="OUT",
        help="go on with the run that was to make OUT, as it began, or with a RECIPE or --set "
        "that changes what follows the packing",
    )
    simulate.add_argument("--index", type=int, metavar="N", help="number of the scene")
    _add_options(simulate, out_required=False)
    simulate.set_defaults(action=_simulate)

    demo = commands.add_parser(
        "demo",
        examples=("cgpack demo -o out", "cgpack demo filaments -o filaments"),
        help="run a recipe that comes along; of itself a small piece of a cell, in a minute",
    )
    demo.add_argument(
        "recipe",
        metavar="NAME",
        nargs="?",
        default="demo",
        help="one of cgpack recipes, of those for data sets the first scene; demo when left out",
    )
    _add_options(demo)
    demo.set_defaults(action=_demo)


def _add_options(parser: argparse.ArgumentParser, *, out_required: bool = True) -> None:
    parser.add_argument(
        "-o", "--out", required=out_required, metavar="OUT", help="the folder to make"
    )
    add_changes(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="in place of the recipe's")
    parser.add_argument("--platform", metavar="NAME", help="OpenMM platform; else the fastest")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the CPU platform")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace an earlier run's folder, and begin one that takes more than there is",
    )


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--set``."""
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a key of the recipe in place of its own, as pack.max_steps=100; again for more",
    )


def changes(options: argparse.Namespace) -> dict[str, Any]:
    """Return what ``--set`` says as nested tables."""
    tables: dict[str, Any] = {}
    for change in options.changes:
        key, sign, text = change.partition("=")
        parts = key.strip().split(".")
        if not sign or not all(parts):
            raise ValueError(f"--set: wanted KEY=VALUE, got {change!r}")
        table = tables
        for part in parts[:-1]:
            table = table.setdefault(part, {})
        # A word needs no quotation marks, which shells take off.
        table[parts[-1]] = value_of(text.strip())
    return tables


def _changed(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    from ..packing import Run
    from ..packing.simulations import asked_platform
    from ..recipe import recipe_from

    with _of_option("--set"):
        recipe = recipe_from(changes(options), folder=os.getcwd(), base=recipe)
    if options.platform is not None:
        with _of_option("--platform", beside="platform: "):
            asked_platform(Run(platform=options.platform))
    for name in ("seed", "platform", "threads"):
        value = getattr(options, name)
        if value is not None:
            table: dict[str, Any] = {name: value} if name == "seed" else {"run": {name: value}}
            with _of_option(f"--{name}", beside=f"{name}: "):
                recipe = recipe_from(table, base=recipe)
    return recipe


@contextmanager
def _of_option(option: str, *, beside: str = "") -> Iterator[None]:
    """Begin errors with an option, in place of where its key stands in a recipe."""
    try:
        yield
    except (TypeError, ValueError) as error:
        text = str(error).partition(beside)[2] if beside and beside in str(error) else str(error)
        raise type(error)(f"{option}: {text}") from None


def _simulate(options: argparse.Namespace) -> None:
    from ..recipe import load_recipe

    if options.resume is not None:
        _resume(options)
        return
    if options.recipe is None or options.out is None:
        raise ValueError("simulate: wanted RECIPE and -o OUT, or --resume OUT")
    _run(load_recipe(options.recipe), options)


def _resume(options: argparse.Namespace) -> None:
    from ..recipe import load_recipe
    from ..runs import load_unfinished, resume

    for name in ("out", "index", "seed", "platform", "threads"):
        if getattr(options, name) is not None:
            raise ValueError(f"--resume: goes on as the run began; it takes no {name}")
    recipe = None
    if options.recipe is not None or options.changes:
        found = load_unfinished(options.resume)
        recipe = _changed(found if options.recipe is None else load_recipe(options.recipe), options)
    manifest = resume(options.resume, recipe, force=options.force, progress=not options.quiet)
    if not options.quiet:
        say(_summary(manifest, options.resume))


def _demo(options: argparse.Namespace) -> None:
    from ..recipe import demo_recipe

    options.index = None
    _run(demo_recipe(options.recipe), options)


def _run(recipe: Recipe, options: argparse.Namespace) -> None:
    from ..runs import run

    with in_words_of({"index": "--index"}):
        manifest = run(
            _changed(recipe, options),
            options.out,
            index=options.index,
            force=options.force,
            progress=not options.quiet,
        )
    if not options.quiet:
        say(_summary(manifest, options.out))


def snr_line(tomogram: dict[str, Any]) -> str:
    """Return what a manifest says of a tomogram as a line."""
    if tomogram["snr_measured"] is None:
        return f"{tomogram['kind']}, no noise"
    return f"SNR {tomogram['snr_measured']:.4g} ({tomogram['snr_definition']})"


def _summary(manifest: dict[str, Any], out: str) -> str:
    if "series" in manifest:
        return _series_summary(manifest, out)
    packing, density, tomogram = (manifest[k] for k in ("packing", "density", "tomogram"))
    shape = " x ".join(str(n) for n in reversed(density["shape_zyx"]))
    dynamics = manifest["dynamics"]
    mirrored = packing["mirrored"]
    how = "inserted, without dynamics"
    if "platform" in dynamics:
        how = f"in {packing['steps']} steps on {dynamics['platform']}"
    return "\n".join(
        (
            f"packed     {packing['instances']} instances of {len(manifest['species'])} species "
            f"({packing['balls']} balls) {how}",
            f"           radius of gyration {packing['radius_of_gyration_start_nm']:.1f} to "
            f"{packing['radius_of_gyration_end_nm']:.1f} nm, volume fraction "
            f"{packing['fraction_start']:.3f} to {packing['fraction_end']:.3f}",
            f"           deepest overlap of balls {packing['deepest_overlap_end']:.3f} of the "
            f"contact distance, rigid bodies kept to {packing['rigid_body_rms_max_nm']:.1g} nm, "
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
