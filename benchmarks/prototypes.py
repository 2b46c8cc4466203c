"""The two prototypes of dense packing that the protocols are measured against.

A: all starts dilute, and a periodic cube shrinks by 4 % of volume fraction every 100 steps of
0.05 ps; 2500 steps follow. B: the same poses with 40 atoms a ball, farthest-atom radii and 0.1 nm
more, 300 cold steps. Both with the body index and with OutOfPlaneSite, the two accelerations.
"""

import dataclasses

import numpy as np

from openmm_cgpack.core import BallModel
from openmm_cgpack.packing import as_packed, choose_platform, insert
from openmm_cgpack.packing.contacts import rigid_points
from openmm_cgpack.packing.press import Press
from openmm_cgpack.packing.state import body_poses, moved_bodies

ATOMS = 40
ROOM = 0.1


def _press(packed, *, timestep, seed):
    return Press(
        packed,
        stiffness=1e5,
        gap=0.0,
        timestep=timestep,
        platform=choose_platform("CPU", threads=2),
        seed=seed,
        reporters=(),
    )


def prototype_a(counts, fraction, *, seed):
    """Return a packed scene at a fraction, by slow shrinking from 0.08."""
    press = _press(as_packed(insert(counts, fraction=0.08, seed=seed)), timestep=0.05, seed=seed)
    press.simulation.integrator.setTemperature(300)
    while press.fraction < fraction * (1 - 1e-9):
        press.shrink(min(1.04 * press.fraction, fraction))
        press.relax(100)
    press.relax(2500)
    return press.packed()


def prototype_b(packed, *, steps=300, seed):
    """Return a packed scene whose bodies have moved by finer balls."""
    scene = packed.scene
    poses = body_poses(scene, packed.positions)
    fine = dataclasses.replace(
        scene,
        species=tuple(_fine(model) for model in scene.species),
        transforms=poses,
        boundary=packed.boundary,
    )
    press = _press(as_packed(fine), timestep=0.05, seed=seed)
    press.relax(steps)
    moved = body_poses(fine, press.positions())
    everything = np.ones(scene.n_instances, bool)
    return dataclasses.replace(
        packed, positions=moved_bodies(scene, packed.positions, everything, moved)
    )


def _fine(model: BallModel) -> BallModel:
    points = rigid_points(model, 0.0)[0]
    edge = (ATOMS * model.volume / len(points)) ** (1 / 3)
    _, group = np.unique(np.floor(points / edge).astype(int), axis=0, return_inverse=True)
    group = group.reshape(-1)
    counts = np.bincount(group)
    centres = np.stack([np.bincount(group, x) for x in points.T], 1) / counts[:, None]
    radii = np.zeros(len(counts))
    np.maximum.at(radii, group, np.linalg.norm(points - centres[group], axis=1))
    # A ball with most of its 26 neighbours is inside.
    near = np.linalg.norm(centres[:, None] - centres[None], axis=2) < 2 * edge
    keep = near.sum(axis=1) < 27
    return dataclasses.replace(
        model,
        positions=centres[keep],
        radii=radii[keep] + ROOM,
        masses=np.full(int(keep.sum()), model.masses.sum() / keep.sum()),
        bonds=np.empty((0, 2), np.int64),
        rigid_groups=(np.arange(int(keep.sum())),),
    )
