"""Benchmarks are tests: small by default; `CGPACK_BENCHMARK=full pytest -n0 -s benchmarks` is full.

A full run writes the tables that the docs show to docs/tables.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("OPENMM_DEFAULT_PLATFORM", "CPU")

TABLES = Path(__file__).resolve().parents[1] / "docs" / "tables"


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the sizes are those of the docs."""
    return os.environ.get("CGPACK_BENCHMARK") == "full"


@pytest.fixture
def record(full: bool, request: pytest.FixtureRequest) -> Callable[[list[dict]], None]:
    """Return a function that prints a table, and keeps it when the run is full."""

    def show(rows: list[dict], *, note: str = "") -> None:
        head = list(rows[0])
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        lines += ["| " + " | ".join(str(row[key]) for key in head) + " |" for row in rows]
        source = f"benchmarks/{request.path.name}::{request.node.name}"
        text = "\n".join([*lines, "", f"{note} Made by `{source}`.".strip(), ""])
        print("\n" + text)
        if full:
            TABLES.mkdir(parents=True, exist_ok=True)
            # One of a test with parameters has its own table: test_a[b] writes a_b.md.
            name = re.sub(r"\W+", "_", request.node.name.removeprefix("test_")).strip("_")
            (TABLES / f"{name}.md").write_text(text, encoding="utf-8")

    return show
