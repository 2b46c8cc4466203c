"""What ``cgpack check`` tells: versions, platforms, and a tiny self-test on each of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core import PackedScene, PackingError, Scene
from ..models import Cover, coarse_grain
from ..packing import Pull, Run, pack_scene, place, platform_names
from ..packing.simulations import load_failures
from ..recipe import find_recipe, first_scene
from ..runs import Simulated
from ..runs.manifest import package_versions
from ..runs.size import forecast, intention, run_size, size_lines
from ..structures import library
from .console import say

SPECIES = 3
STEPS = 20
ENERGY_TOLERANCE = 1e-4
"""Largest relative difference of a platform's energy from Reference's."""

POSITION_TOLERANCE = 1e-4
"""Largest difference of a ball's place after the steps from Reference's, nm."""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    check = commands.add_parser(
        "check",
        examples=("cgpack check", "cgpack check cytoplasm"),
        help="versions, platforms and a tiny self-test, or the size of a recipe's run",
    )
    check.add_argument(
        "recipe",
        metavar="RECIPE",
        nargs="?",
        help="tell what its run, or its first scene, would take in memory and on disk, in place of "
        "the self-test; a file, or one of cgpack recipes",
    )
    check.set_defaults(action=_check)


def _check(options: argparse.Namespace) -> int:
    if options.recipe is not None:
        _say_size(options.recipe)
        return 0
    failed = 0
    for line, passed in report():
        say(line)
        failed += not passed
    return 1 if failed else 0


def _say_size(path: str) -> None:
    made = Simulated(recipe=first_scene(find_recipe(path)))
    made.make("models")
    say(intention(made.recipe))
    say(forecast(made.recipe, made.models))
    for line in size_lines(run_size(made.recipe, made.models), Path.cwd()):
        say(line)


def report() -> Iterator[tuple[str, bool]]:
    """Yield lines that tell what is installed and whether it works.

    The self-test places three molecules of the library and lets them fall towards the centre for
    a few steps, without noise: on every platform energy and final places are those of Reference,
    and so are the forces that led there.

    Yields
    ------
    line : str
    passed : bool
        False where something does not work.
    """
    for name, number in package_versions().items():
        yield f"{name:14s} {number}", True
    for failure in load_failures():
        yield f"{'OpenMM':14s} {failure}", True
    scene = _scene()
    names = platform_names()
    reference = _fall(scene, "Reference")
    for name in sorted(names, key=lambda name: name != "Reference"):
        try:
            packed = _fall(scene, name)
        except PackingError as error:
            yield f"{name:14s} FAILED: {error}", False
            continue
        energy, place_ = _difference(packed, reference)
        good = energy < ENERGY_TOLERANCE and place_ < POSITION_TOLERANCE
        device = packed.provenance["properties"].get("DeviceName")
        threads = packed.provenance["properties"].get("Threads")
        where = device or (f"{threads} threads" if threads else "one thread")
        yield (
            f"{name:14s} {'works' if good else 'FAILED'} ({where}): energy within {energy:.0e}, "
            f"places within {place_:.0e} nm of Reference",
            good,
        )


def _scene() -> Scene:
    entries = sorted(library.entries, key=lambda entry: entry.n_atoms)[:SPECIES]
    cover = Cover(atoms_per_ball=1000)
    models = [coarse_grain(library.load(entry.name), cover, seed=0) for entry in entries]
    return place([(model, 1) for model in models], seed=0)


def _fall(scene: Scene, platform: str) -> PackedScene:
    return pack_scene(
        scene,
        Pull(
            rigidity="bonds",
            temperature=0,
            friction=1,
            timestep=0.002,
            max_steps=STEPS,
            relax_steps=0,
        ),
        run=Run(platform=platform),
        seed=1,
    )


def _difference(packed: PackedScene, reference: PackedScene) -> tuple[float, float]:
    """Return the relative difference of the energies and the largest one of the places, nm."""
    energies, wanted = packed.history.energy, reference.history.energy
    energy = np.abs(energies - wanted).max() / np.abs(wanted).max()
    return float(energy), float(np.abs(packed.positions - reference.positions).max())
