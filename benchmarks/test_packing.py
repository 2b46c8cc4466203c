"""Packing the paper's first scene: the driver, epsilon, and the two ways to be rigid."""

import dataclasses
import resource
import time
import warnings

import numpy as np
import pytest
from paper_scene import paper_scene

from openmm_cgpack import Pull, Run, SwitchedLennardJones, extract_transforms, pack, pack_scene
from openmm_cgpack.packing import overlaps

KCAL = 4.184


@pytest.fixture(scope="module")
def scene(full):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return paper_scene(20 if full else 2)


def simulation_of(scene, *, lennard_jones="standard", rigidity="constraints"):
    protocol = Pull(lennard_jones=SwitchedLennardJones(form=lennard_jones), rigidity=rigidity)
    return protocol.simulation(scene, run=Run(platform="CPU"), seed=1)


@pytest.mark.slow
def test_driver_overhead(scene, full, record):
    """The time in pack() over that in the integrator's steps, which are all bare ones, within it.

    Both are taken from one run, so that whatever else the machine does weighs on both alike.
    """
    steps = 4000 if full else 1000
    ratios, rates = [], []
    for _ in range(3):
        simulation = simulation_of(scene)
        simulation.context.getState(energy=True)
        bare_step, stepping = simulation.integrator.step, []

        def timed_step(n, bare_step=bare_step, stepping=stepping):
            start = time.perf_counter()
            bare_step(n)
            stepping.append(time.perf_counter() - start)

        simulation.integrator.step = timed_step
        start = time.perf_counter()
        protocol = Pull(max_steps=steps, tolerance=0, patience=steps, relax_steps=0)
        pack(simulation, scene, protocol)
        ratios.append((time.perf_counter() - start) / sum(stepping))
        rates.append(steps / sum(stepping))
        assert simulation.currentStep == steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    record(
        [
            {
                "molecules": scene.n_instances,
                "balls": scene.n_balls,
                "steps": steps,
                "bare steps/s": f"{np.median(rates):.0f}",
                "pack() over its bare steps, median of 3": f"{np.median(ratios):.3f}",
                "peak memory, GiB": f"{peak:.2f}",
            }
        ]
    )
    assert np.median(ratios) < 1.2


@pytest.mark.slow
def test_epsilon(scene, full, record):
    """Epsilon against the overlap that a packing leaves."""
    rows, protocol = [], Pull() if full else Pull(max_steps=1500, relax_steps=500)
    for epsilon in (1, 50, 500, 2000, 10_000, 50_000) if full else (1, 2000):
        term = SwitchedLennardJones(epsilon=epsilon * KCAL, form="standard")
        protocol = dataclasses.replace(protocol, lennard_jones=term)
        packed = pack_scene(scene, protocol, run=Run(platform="CPU"), seed=1)
        history = packed.history
        tightest = int(np.argmin(history.radius_of_gyration))
        _, depth = overlaps(scene, packed.positions)
        rows.append(
            {
                "epsilon, kcal/mol": f"{epsilon:,}",
                "fraction while pulled": f"{history.fraction[tightest]:.2f}",
                "deepest overlap while pulled": f"{history.overlap[tightest]:.2f}",
                "fraction at the end": f"{history.fraction[-1]:.2f}",
                "deepest overlap at the end": f"{depth.max():.2f}",
                "mean overlap at the end": f"{depth.mean():.3f}",
                "steps": history.step[-1],
            }
        )
    record(rows)
    deepest = [float(row["deepest overlap at the end"]) for row in rows]
    assert deepest[0] > deepest[-1]


@pytest.mark.slow
def test_rigidity(full, record):
    """Both ways to be rigid on 80 molecules of the 20 types: time, shape, mirror images."""
    scene = paper_scene(4 if full else 1)
    protocol = Pull(relax_steps=8000) if full else Pull(max_steps=1500, relax_steps=1000)
    rows = []
    for rigidity in ("bonds", "constraints"):
        for form in ("custom", "standard") if full else ("standard",):
            simulation = simulation_of(scene, rigidity=rigidity, lennard_jones=form)
            start = time.perf_counter()
            packed = pack(simulation, scene, protocol)
            seconds = time.perf_counter() - start
            poses = extract_transforms(packed)
            sizes = np.array([scene.model(i).radius_of_gyration for i in range(scene.n_instances)])
            strain = poses.rms / sizes
            rows.append(
                {
                    "rigidity": rigidity,
                    "Lennard-Jones force": form,
                    "steps/s": f"{packed.history.step[-1] / seconds:.0f}",
                    "mirror images": int(poses.mirrored.sum()),
                    "largest rms / size of the others": f"{strain[~poses.mirrored].max():.1e}",
                    "fraction at the end": f"{packed.history.fraction[-1]:.3f}",
                }
            )
    record(rows)
    held = [row["mirror images"] for row in rows if row["rigidity"] == "constraints"]
    assert set(held) == {0}
