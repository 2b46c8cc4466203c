"""How the examples are run: alone and in the gallery as the environment says, or by the report."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import runpy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from openmm_cgpack import Cover, Run
from openmm_cgpack.core.runtime import stage_seed

from .section import Section

EXAMPLES = Path(__file__).parents[1]
EXPERIMENTS = {int(path.stem[:2]): path for path in sorted(EXAMPLES.glob("0[1-7]_*.py"))}
"""The examples that are experiments of the paper, by number."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an example is run."""

    full: bool = False  # as large as in the paper, or small
    seed: int = 0
    structures: str | os.PathLike[str] | None = None  # a folder of files, for every atom
    run: Run = field(default_factory=Run)  # where packings run
    progress: bool = False

    def shape_cover(self, atoms_per_ball: int = 300) -> Cover:
        """Return balls that follow a molecule's shape; in the small size of one clustering."""
        starts = None if self.full else 1
        return Cover(atoms_per_ball=atoms_per_ball, radius="volume", n_starts=starts)

    def seed_of(self, stage: str, index: int = 0) -> np.random.SeedSequence:
        """Return the seed of a stage ("models", "placement", "dynamics" or "noise")."""
        return stage_seed(self.seed, stage, index)


_given: list[Settings] = []


def current_settings() -> Settings:
    """Return the report's settings, or those of the environment where an example runs alone.

    ``CGPACK_EXAMPLE_SIZE`` is the size, ``CGPACK_STRUCTURES`` names a folder of structure files.
    """
    if _given:
        return _given[-1]
    size = os.environ.get("CGPACK_EXAMPLE_SIZE", "small")
    if size not in ("small", "full"):
        raise ValueError(f"CGPACK_EXAMPLE_SIZE: wanted small or full, got {size!r}")
    return Settings(full=size == "full", structures=os.environ.get("CGPACK_STRUCTURES"))


def run_experiment(number: int, settings: Settings) -> Section:
    """Run the example of an experiment, 1 to 7, and return the section that it made."""
    path = EXPERIMENTS[number]
    _given.append(settings)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return runpy.run_path(str(path))["section"]
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "monai"):
            raise
        title = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()[0]
        return Section(number=number, title=title, skipped=f"{error.name} is not installed")
    finally:
        _given.pop()
