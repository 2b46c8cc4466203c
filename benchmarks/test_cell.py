"""A piece of a cell, from recipe to tomogram: what it takes, and whether it is right."""

import resource
import time
from pathlib import Path

import numpy as np
import pytest
from cell_scene import correlations, cube, slab

from openmm_cgpack.auditing import audit
from openmm_cgpack.density import MapSettings, render_density
from openmm_cgpack.runs import simulate


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
    assert membranes.crossings.total == 0 == wrong
    assert all(tilt.largest_deg < 10 for tilt in membranes.tilts)
    assert found.contacts is None or found.contacts.within[0].atoms == 0
