"""What dense packing promises, on species drawn at random: clear, or a PackingError."""

import time

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.spatial import ConvexHull
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

PLAN = (
    *((20, 0.30, 10), (20, 0.33, 10), (100, 0.30, 10), (100, 0.33, 10)),
    *((1000, 0.30, 1), (1000, 0.33, 1), (3000, 0.33, 1), (100, 0.40, 2)),
)
"""How many molecules, to which fraction, and how many draws."""

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
def test_promise(models, full, record):
    """Draws of 20 species in equal copies, from a dilute start to their end."""
    drawn = 20 if full else 4
    rows = []
    for n, fraction, draws in PLAN if full else ((12, 0.3, 1), (12, 0.33, 1)):
        ends = [pack_draw(models, drawn, n, fraction, seed) for seed in range(FIRST, FIRST + draws)]
        left = {
            what: max(found[what] for *_, found in ends)
            for what in ("atoms < 2.5 Å, %", "< 1.5 Å, %")
            if full
        }
        seconds = [taken for _, taken, _ in ends]
        errors = [error for error, *_ in ends if error is not None]
        rows.append(
            {
                "molecules": n,
                "fraction": f"{fraction:.2f}",
                "draws": draws,
                "`PackingError`": len(errors),
                **{f"{what}, the most": share for what, share in left.items()},
                "CPU s, median": f"{np.median(seconds):.0f}",
                "CPU s, the most": f"{max(seconds):.0f}",
            }
        )
        print(errors)
        for error, _, found in ends:
            # Whoever did not reach it says so.
            if full and fraction <= 0.33 and error is None:
                assert float(found["atoms < 2.5 Å, %"]) == 0
        note = f"{drawn} of {len(models)} species, seeds from {FIRST}, one thread."
        record(rows, note=note)


@pytest.mark.slow
def test_promise_room(models, full, record):
    """What room molecules keep from others, beside their envelopes."""
    names, volumes = [], []
    for model in models:
        atoms = model.structure.positions
        names.append(model.name)
        volumes.append((model.volume, room_of(atoms), ConvexHull(atoms).volume))
        assert volumes[-1][1] > model.volume
    rows = [
        {
            "structure": name,
            "envelope, nm³": f"{envelope:.0f}",
            "room kept": f"{room / envelope:.2f}",
            "convex hull": f"{hull / envelope:.2f}",
        }
        for name, (envelope, room, hull) in zip(
            [*names, "all, one of each"], [*volumes, np.sum(volumes, axis=0)], strict=True
        )
    ]
    record(
        rows,
        note=f"Room that a sphere of {PROBE:g} nm cannot use, and hull, over the envelope.",
    )


PROBE = 1.0
"""Radius of a sphere that is rolled around molecules, smaller than any other molecule, nm."""

VOXEL = 0.4


def room_of(atoms):
    """Return the volume, nm^3, that a sphere cannot reach which keeps 0.25 nm from all atoms.

    Of atoms (n, 3) in nm, of which each has half of that distance: their closing by the sphere.
    """
    edge = int(np.ceil((0.125 + 2 * PROBE) / VOXEL)) + 1
    index = np.floor((atoms - atoms.min(axis=0)) / VOXEL).astype(int) + edge
    empty = np.ones(index.max(axis=0) + edge + 1, bool)
    empty[tuple(index.T)] = False
    within = distance_transform_edt(empty) * VOXEL <= 0.125 + PROBE
    return (distance_transform_edt(within) * VOXEL > PROBE).sum() * VOXEL**3


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
