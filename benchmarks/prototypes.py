"""The two prototypes of dense packing that the protocols are measured against.

A: all starts dilute, and a periodic cube shrinks by 4 % of volume fraction every 100 steps of
0.05 ps; 2500 steps follow. B: the same poses with 40 atoms a ball, farthest-atom radii and 0.1 nm
more, 300 cold steps. Both with the body index and with OutOfPlaneSite, the two accelerations.

Their fractions are of a larger envelope than the package's: see `voxel_envelope`.
"""

import dataclasses

import numpy as np
from scipy.optimize import brentq
from scipy.spatial import cKDTree

from openmm_cgpack.core import BallModel
from openmm_cgpack.models import union_volume
from openmm_cgpack.packing import Compression, Run, as_packed, insert
from openmm_cgpack.packing.checkpoint import Checkpoint
from openmm_cgpack.packing.scenes import moved_bodies
from openmm_cgpack.packing.shrinking_box import ShrinkingBox
from openmm_cgpack.packing.surfaces import atom_points
from openmm_cgpack.poses import extract_transforms

ATOMS = 40
ROOM = 0.1
ATOM, PROBE, VOXEL = 0.18, 0.14, 0.2


def voxel_envelope(model: BallModel) -> float:
    """Return the volume of the envelope as the prototypes measured it, nm^3.

    Closing with a probe means to grow the atoms by its radius and to shrink the whole by it again.
    In voxels of 0.2 nm a probe of 0.14 nm is one voxel, which shrinks nothing: what is left is all
    within 0.32 nm of an atom.
    """
    atoms = model.structure.positions
    low = atoms.min(axis=0) - 3 * VOXEL
    shape = np.ceil((atoms.max(axis=0) + 3 * VOXEL - low) / VOXEL).astype(int)
    axes = [low[k] + VOXEL * np.arange(shape[k]) for k in range(3)]
    voxels = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    near, _ = cKDTree(atoms).query(voxels, distance_upper_bound=ATOM + PROBE)
    return float(np.isfinite(near).sum()) * VOXEL**3


def widened(model: BallModel) -> BallModel:
    """Return a model whose balls' union has the volume of `voxel_envelope`."""
    volume = voxel_envelope(model)
    scale = brentq(
        lambda s: union_volume(model.positions, s * model.radii) - volume, 1.0, 1.4, xtol=1e-3
    )
    return dataclasses.replace(model, radii=scale * model.radii)


def _press(packed, *, timestep, seed):
    return ShrinkingBox(
        packed,
        Compression(gap=0.0, timestep=timestep),
        forces=(),
        run=Run(platform="CPU", threads=2),
        seed=seed,
        reporters=(),
        checkpoint=Checkpoint(None, packed.scene, settings={}),
        stage="prototype",
    )


def prototype_a(counts, fraction, *, seed):
    """Return a packed scene at a fraction of `voxel_envelope`, by slow shrinking from 0.08."""
    larger = sum(n * voxel_envelope(m) for m, n in counts) / sum(n * m.volume for m, n in counts)
    wide = [(widened(model), n) for model, n in counts]
    start = insert(wide, fraction=0.08 / larger, seed=seed)
    press = _press(as_packed(start), timestep=0.05, seed=seed)
    press.simulation.integrator.setTemperature(300)
    goal = fraction / larger
    while press.fraction < goal * (1 - 1e-9):
        press.shrink(min(1.04 * press.fraction, goal))
        press.relax(100)
    press.relax(2500)
    return press.packed()


def prototype_b(packed, *, steps=300, seed):
    """Return a packed scene whose bodies have moved by finer balls."""
    scene = packed.scene
    poses = extract_transforms(packed).transforms
    fine = dataclasses.replace(
        scene,
        species=tuple(_fine(model) for model in scene.species),
        transforms=poses,
        boundary=packed.boundary,
    )
    press = _press(as_packed(fine), timestep=0.05, seed=seed)
    press.relax(steps)
    moved = extract_transforms(press.packed()).transforms
    everything = np.ones(scene.n_instances, bool)
    return dataclasses.replace(
        packed, positions=moved_bodies(scene, packed.positions, everything, moved)
    )


def _fine(model: BallModel) -> BallModel:
    points = atom_points(model, 0.0)[0]
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
