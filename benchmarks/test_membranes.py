"""What membranes cost: their share of a step's time, beside the contacts of a crowd."""

import time

import numpy as np
import pytest

from openmm_cgpack import Periodic, Run
from openmm_cgpack.core import BallModel, RigidTransforms, Scene
from openmm_cgpack.forces import MembraneElasticity, SoftRepulsion
from openmm_cgpack.models import Vesicle
from openmm_cgpack.packing import create_system
from openmm_cgpack.packing.simulations import langevin_simulation

CROWD = 10
"""Balls of a crowd for each of the membrane, about as in a slab of vesicles and small proteins."""


def vesicle_in_a_crowd(vertices):
    """Return a vesicle of about so many vertices, and balls around it on a lattice."""
    # A vertex has the area of two even triangles of edge 4 nm.
    radius = float(np.sqrt(vertices * 8 * 3**0.5 / (4 * np.pi)))
    vesicle = Vesicle(radius=radius).build(seed=1)
    ball = BallModel(name="ball", positions=[[0, 0, 0]], radii=[1.2], masses=[5000.0], volume=7.0)
    n = CROWD * vesicle.n_balls
    # Apart by a little less than their diameter, outside of the vesicle and its balls.
    spacing = 2.3
    reach = radius + 5
    side = np.ceil((n + 4 / 3 * np.pi * (reach / spacing) ** 3) ** (1 / 3)) + 1
    steps = spacing * (np.arange(side) - (side - 1) / 2)
    places = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    places = places[np.linalg.norm(places, axis=1) > reach][:n]
    count = 1 + len(places)
    return Scene(
        species=(vesicle, ball),
        species_index=np.minimum(np.arange(count), 1),
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (count, 1, 1)),
            translations=np.concatenate([np.zeros((1, 3)), places]),
        ),
        boundary=Periodic(box=max(spacing * side, 2 * reach)),
    )


def seconds_a_step(scene, forces, steps):
    """Return the processor time of a step on one thread: others on the machine do not count."""
    simulation = langevin_simulation(
        scene,
        create_system(scene, forces=forces),
        temperature=300.0,
        friction=1.0,
        timestep=0.1,
        constraint_tolerance=1e-6,
        run=Run(platform="CPU", threads=1),
        seed=1,
    )
    simulation.step(3)
    start = time.process_time()
    simulation.step(steps)
    return (time.process_time() - start) / steps


@pytest.mark.slow
def test_membrane_share(full, record):
    """Steps with contacts alone, and with the membrane's elasticity."""
    rows = []
    for vertices in (1000, 3000, 10_000, 30_000, 100_000) if full else (300,):
        scene = vesicle_in_a_crowd(vertices)
        contacts = SoftRepulsion(k=1e4)
        steps = max(5, 100_000 // vertices) if full else 5
        bare = seconds_a_step(scene, [contacts], steps)
        both = seconds_a_step(scene, [contacts, MembraneElasticity()], steps)
        n = scene.species[0].n_balls
        rows.append(
            {
                "vertices": n,
                "balls": scene.n_balls,
                "contacts, ms/step": f"{1e3 * bare:.1f}",
                "with the membrane, ms/step": f"{1e3 * both:.1f}",
                "membrane's share": f"{1 - bare / both:.0%}",
                "membrane, µs/vertex": f"{1e6 * (both - bare) / n:.1f}",
            }
        )
    record(rows, note="Processor time on one thread of the CPU platform.")
    assert both < 3 * bare
