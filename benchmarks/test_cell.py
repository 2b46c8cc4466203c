"""A piece of a cell, from recipe to tomogram: what it takes, and whether it is right."""

import dataclasses
import resource
import time
from pathlib import Path

import numpy as np
import pytest
from cell_scene import correlations, cube, slab, tiles

from openmm_cgpack.auditing import audit
from openmm_cgpack.density import MapSettings, render_density
from openmm_cgpack.packing import Cell, Settling
from openmm_cgpack.poses import crossings
from openmm_cgpack.runs import simulate
from openmm_cgpack.runs.pipeline import STAGES

_GROWING = ("placement", "packing", "density", "labels", "tomogram")
"""The stages whose time grows with the size."""


def _structures() -> Path | None:
    """Return the developers' folder of structure files, where it is here."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "shared" / "pdb").is_dir():
            return parent / "shared" / "pdb"
    return None


def wrong_sides(packed) -> int:
    """Return how many molecules that belong inside of a vesicle are outside, or the reverse.

    Seen from its middle, a vesicle's surface is where the ball next to a direction is.
    """
    scene, boundary = packed.scene, packed.boundary
    vesicles = [
        packed.positions[scene.balls(i)]
        for i in range(scene.n_instances)
        if scene.model(i).is_closed
    ]
    wrong = 0
    for i in range(scene.n_instances):
        name = scene.model(i).name
        if not name.endswith((" in", " out")):
            continue
        centre, inside = packed.positions[scene.balls(i)].mean(axis=0), False
        for balls in vesicles:
            middle = balls.mean(axis=0)
            arms, way = balls - middle, boundary.minimum_image(centre - middle)
            ahead = np.argmax(arms @ way / np.linalg.norm(arms, axis=1))
            inside |= bool(np.linalg.norm(way) < np.linalg.norm(arms[ahead]))
        wrong += inside != name.endswith(" in")
    return wrong


def passing(made) -> int:
    """Return how much has gone through a membrane in any frame of the trajectory."""
    frames = (dataclasses.replace(made.packed, positions=frame) for frame in made.frames)
    return max(crossings(frame).total for frame in frames)


@pytest.mark.slow
def test_cell_scene(full, record):
    """Time by stage, and what the audit and averages over the true poses find."""
    recipe = slab(_structures()) if full else cube()
    start, stages = time.perf_counter(), {}

    def note(name, made):
        stages[name] = time.perf_counter()

    made = simulate(recipe, hook=note)
    ends = np.array([start, *stages.values()])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = audit(made.packed)
    membranes = found.membranes
    fine = MapSettings(voxel_size=0.6, resolution=1.2) if full else recipe.density
    averages = correlations(made.packed, render_density(made.packed, fine), fine)
    rows = {f"{n}, s": f"{t:.0f}" for n, t in zip(stages, np.diff(ends), strict=True)}
    rows |= {
        "all, s": f"{ends[-1] - start:.0f}",
        "peak memory, MiB": f"{memory:.0f}",
        "instances": made.packed.scene.n_instances,
        "balls": made.packed.scene.n_balls,
        "gone through membranes": membranes.crossings.total,
        f"the same in {len(made.frames)} frames on the way": (on_the_way := passing(made)),
    }
    if found.contacts is not None:
        rows["heavy atoms within 2.5 Å of another's"] = found.contacts.within[0].atoms
    rows["molecules on the wrong side"] = wrong = wrong_sides(made.packed)
    for shape in membranes.shapes:
        rows[f"{shape.name}, area and volume off by, %"] = (
            f"{100 * shape.stretched:.2f}, {100 * shape.swollen:.2f}"
        )
    for tilt in membranes.tilts:
        rows[f"{tilt.name}, mean and largest tilt, °"] = (
            f"{tilt.mean_deg:.1f}, {tilt.largest_deg:.1f}"
        )
    rows |= {f"average of {name}, correlation": f"{c:.3f}" for name, c in averages.items()}
    record([{"what": what, "found": value} for what, value in rows.items()])
    assert membranes.crossings.total == 0 == wrong == on_the_way
    assert all(tilt.largest_deg < 10 for tilt in membranes.tilts)
    assert found.contacts is None or found.contacts.within[0].atoms == 0


@pytest.mark.slow
def test_cell_scaling(full, record):
    """How the time of each stage grows with the size of a cell, on one thread."""
    rows = []
    for number in (1, 2, 4, 8) if full else (1,):
        recipe, times = tiles(number, crowd=0.2 if full else 0.03), [time.process_time()]
        if not full:
            recipe = dataclasses.replace(recipe, pack=Cell(settling=Settling(steps=0)))
        made = simulate(
            recipe, hook=lambda name, made, times=times: times.append(time.process_time())
        )
        seconds = dict(zip(STAGES, np.diff(times), strict=True))
        scene = made.packed.scene
        rows.append(
            {
                "box, nm": " x ".join(f"{edge:.0f}" for edge in scene.boundary.box),
                "instances": scene.n_instances,
                "balls": scene.n_balls,
                "fraction": f"{scene.volume / scene.boundary.volume:.3f}",
            }
            | {f"{name}, ms": f"{1e3 * seconds[name] / scene.n_instances:.0f}" for name in _GROWING}
        )
        # As much of everything as was asked for, whatever the size.
        held = dict(
            zip((m.name for m in scene.species), np.bincount(scene.species_index), strict=True)
        )
        assert [held[name] for name in ("v", "2r9r", "actin")] == [number, 10 * number, 2 * number]
    record(rows, note="Processor time an instance; the packing has 200 hot steps.")
    smallest, largest = (float(rows[k]["packing, ms"]) for k in (0, -1))
    assert largest < 1.5 * smallest or len(rows) == 1
