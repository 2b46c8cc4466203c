"""How long runs are said to take, beside how long they took: the recipes that come along."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from openmm_cgpack.recipe import find_recipe, first_scene
from openmm_cgpack.runs import Simulated
from openmm_cgpack.runs.size import TIME_WITHIN, extent, forecast, run_seconds

ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
TABLES = Path(__file__).resolve().parents[1] / "docs" / "tables"
NOT_FITTED = ("demo", "droplet")
"""Recipes whose times the forecast's numbers were not fitted to."""
SETS = ("paper", "cytoplasm", "shrec", "czii", "membranes", "filaments")


@pytest.mark.slow
def test_forecast_of_others(full, record, tmp_path):
    """Runs of one thread, each in a process of its own, as a user's."""
    rows = []
    for name in NOT_FITTED if full else NOT_FITTED[:1]:
        made = Simulated(recipe=first_scene(find_recipe(name)))
        made.make("models")
        said = run_seconds(made.recipe, extent(made.recipe, made.models))
        command = [sys.executable, "-m", "openmm_cgpack", "demo", name, "-o", tmp_path / name]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "--threads", "1", "--quiet"], check=True, env=ONE_THREAD)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        rows.append(
            {
                "recipe": f"`{name}`",
                "said, s": f"{said:.0f}",
                "took, s": f"{took:.0f}",
                "ratio": f"{took / said:.2f}",
            }
        )
    record(rows, note="Recipes that the forecast was not fitted to; processor time of one thread.")
    assert all(1 / TIME_WITHIN < float(row["ratio"]) < TIME_WITHIN for row in rows), rows


@pytest.mark.slow
def test_forecast(full, record):
    rows = []
    for name in SETS if full else ("czii",):
        made = Simulated(recipe=first_scene(find_recipe(name)))
        made.make("models")
        seconds = run_seconds(made.recipe, extent(made.recipe, made.models))
        table = (TABLES / f"recipe_{name}.md").read_text(encoding="utf-8")
        took, bodies = (
            float(re.search(rf"\| {what} \| ([0-9.]+) \|", table)[1])
            for what in ("processor time, s", "bodies")
        )
        assert f"{bodies:.0f} instances of" in forecast(made.recipe, made.models) or full
        rows.append(
            {
                "recipe": f"`{name}`",
                "said, s": f"{seconds:.0f}",
                "took, s": f"{took:.0f}",
                "ratio": f"{took / seconds:.2f}",
            }
        )
        assert 1 / TIME_WITHIN < took / seconds < TIME_WITHIN, rows[-1]
    record(rows, note="First scenes; processor time, as in the pages of the recipes.")
