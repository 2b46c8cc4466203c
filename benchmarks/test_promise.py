"""What dense packing promises, on species drawn at random: clear, or a PackingError."""

import time

import numpy as np
import pytest
from test_dense import contacts, full_structures, shared_folder

from openmm_cgpack import (
    SHAPE_COVER,
    Dense,
    PackingError,
    Run,
    coarse_grain,
    insert,
    library,
    pack_scene,
)
from openmm_cgpack.packing import box_fraction

SMALL = ("3hhb", "2bo9", "1f1b", "3qm1", "3h84")

PLAN = {
    20: {0.25: 10, 0.30: 10, 0.33: 10, 0.40: 10},
    100: {0.25: 10, 0.30: 10, 0.33: 10, 0.40: 3},
    1000: {0.30: 2, 0.33: 2},
    3000: {0.33: 1},
}
"""Of how many molecules which fractions are asked for, and how many draws of them."""

FIRST = 1001
"""The first draw's seed: none of these were looked at before."""


@pytest.fixture(scope="module")
def models(full):
    """Return all structures at hand with every atom, or a few species of the library."""
    if not full:
        structures = [library.load(name) for name in SMALL]
    else:
        folder = shared_folder()
        names = {path.name.split(".")[0] for path in folder.glob("*.gz")} if folder else ()
        structures = full_structures(sorted(names))
    return [coarse_grain(structure, SHAPE_COVER, seed=1) for structure in structures]


@pytest.mark.slow
@pytest.mark.parametrize("n", PLAN)
def test_promise(n, models, full, record):
    """Draws of 20 species in equal copies, from a dilute start to their end."""
    plan, drawn = (PLAN[n], 20) if full else ({0.3: 1, 0.33: 1}, 4)
    rows = []
    for fraction, draws in plan.items():
        ends = [
            pack_draw(models, drawn, n if full else 12, fraction, seed)
            for seed in range(FIRST, FIRST + draws)
        ]
        rows.append(
            {
                "fraction": f"{fraction:.2f}",
                "draws": draws,
                "reached": sum(error is None for error, *_ in ends),
                "`PackingError`": sum(error is not None for error, *_ in ends),
                "atoms < 2.5 Å, %, most of any": max(left["atoms < 2.5 Å, %"] for *_, left in ends)
                if full
                else "",
                "< 1.5 Å, %": max(left["< 1.5 Å, %"] for *_, left in ends) if full else "",
                "CPU s, median": f"{np.median([seconds for _, seconds, _ in ends]):.0f}",
                "most": f"{max(seconds for _, seconds, _ in ends):.0f}",
            }
        )
        print(rows[-1], [error for error, *_ in ends if error is not None], flush=True)
        for error, _, left in ends:
            # Whoever did not reach it says so.
            if full and fraction <= 0.33 and error is None:
                assert float(left["atoms < 2.5 Å, %"]) == 0
    note = f"{n} molecules of {drawn} of {len(models)} species, seeds from {FIRST}, one thread."
    record(rows, note=note)


def pack_draw(models, drawn, n, fraction, seed):
    """Pack a draw; return the error or None, CPU time in s, and what is left too close."""
    chosen = np.random.default_rng(seed).choice(len(models), drawn, replace=False)
    counts = [(models[i], n // drawn) for i in chosen]
    start, error = insert(counts, fraction=0.1, seed=seed), None
    began = time.process_time()
    run = Run(platform="CPU", threads=1)
    try:
        packed = pack_scene(start, Dense(fraction=fraction), run=run, seed=seed)
        assert box_fraction(packed.scene, packed.boundary) == pytest.approx(fraction, rel=0.005)
    except PackingError as failed:
        packed, error = failed.best, str(failed)
    return error, time.process_time() - began, contacts(packed)
