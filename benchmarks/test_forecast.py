"""How long runs are said to take, beside how long they took: the recipes that come along."""

import re
from pathlib import Path

import pytest

from openmm_cgpack.recipe import find_recipe, first_scene
from openmm_cgpack.runs import Simulated
from openmm_cgpack.runs.size import TIME_WITHIN, extent, forecast, run_seconds

TABLES = Path(__file__).resolve().parents[1] / "docs" / "tables"
SETS = ("paper", "cytoplasm", "shrec", "czii", "membranes", "filaments")


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
