"""Which balls cover a molecule best: atoms that stand out, room taken in vain, cost of a step."""

import dataclasses
import time
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from test_dense import full_structures

from openmm_cgpack import Cover, Run, as_packed, coarse_grain, insert, library
from openmm_cgpack.auditing.shapes import body_mask
from openmm_cgpack.models.ball_geometry import scaled_radii, union_volume
from openmm_cgpack.packing import Compression
from openmm_cgpack.packing.checkpoint import Checkpoint
from openmm_cgpack.packing.shrinking_box import ShrinkingBox
from openmm_cgpack.structures.envelope import envelope_mask

FULL = ("3hhb", "1u6g", "3d2f", "1w6t", "1yg6", "4v4r_30S")
"""Compact, a coil, two long proteins, a flat ring, a hollow shell, RNA: six of `test_dense`'s."""

SMALL = ("3hhb", "2bo9")

BASE = "300, volume"
ATOM = 0.14
"""Radius of an atom that may stand out, nm."""

_MARGIN = 5
"""Voxels around the envelope that `greedy` and `fitted` know of."""

_DIRECTIONS = 60
_NEAREST = 8
"""Balls looked at for each atom: others are nearest to no part of its surface."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Envelope:
    """A molecule's envelope as voxels.

    Parameters
    ----------
    points : (v, 3) array
        Centres of the voxels in it and around it, nm.
    inside : (v,) bool array
        Whether each is in it.
    spacing : float
        Edge of a voxel, nm.
    """

    points: np.ndarray
    inside: np.ndarray
    spacing: float

    @property
    def volume(self):
        return float(self.inside.sum()) * self.spacing**3


def envelope_of(model):
    """Return the envelope of a molecule."""
    if (model.structure.atoms > 1).any():
        # The library's points leave gaps between them that the probe would enter.
        mask = body_mask(model)
        inside, origin, spacing = mask.inside, mask.origin, mask.spacing
    else:
        mask, grid = envelope_mask(model.structure)
        inside, origin, spacing = mask.transpose(), grid.origin, grid.voxel_size
    inside = np.pad(inside, _MARGIN)
    cells = np.argwhere(distance_transform_edt(~inside) < _MARGIN)
    return Envelope(
        points=origin + (cells - _MARGIN) * spacing,
        inside=inside[tuple(cells.T)],
        spacing=spacing,
    )


def with_balls(model, centres, base, volume):
    """Return a model with other balls, as many, scaled to a volume of their union."""
    radii = scaled_radii(centres, base, volume)
    return dataclasses.replace(model, positions=centres, radii=radii)


def by_reach(model, envelope):
    """The same centres; each ball holds nine tenths of its own atoms, but for one common scale."""
    points = model.structure.positions
    distance = cdist(points, model.positions)
    own = distance.argmin(axis=1)
    reach = distance.min(axis=1)
    base = np.array([np.quantile(reach[own == k], 0.9) for k in range(model.n_balls)])
    return with_balls(model, model.positions, np.maximum(base, ATOM), envelope.volume)


def greedy(model, envelope, *, sizes=(0.8, 1.0, 1.2, 1.5), tries=20, thinned=3):
    """One ball after the other, that which adds most of the envelope less what is outside of it.

    Sizes are given, as balls inscribed in the envelope would be too small: it has voids, and
    hardly anything in it is farther than 0.8 nm from a surface.
    """
    rng = np.random.default_rng(1)
    some = rng.permutation(len(envelope.points))[: len(envelope.points) // thinned]
    points, inside = envelope.points[some], envelope.inside[some]
    middles = rng.choice(points[inside], min(tries * model.n_balls, inside.sum()), replace=False)
    centres, radii = np.repeat(middles, len(sizes), axis=0), np.tile(sizes, len(middles))
    held = [np.array(h) for h in cKDTree(points).query_ball_point(centres, radii)]
    value = np.where(inside, 1.0, -1.0)
    gain = np.array([value[h].sum() for h in held])
    chosen = []
    while len(chosen) < model.n_balls:
        # Values of what is taken turn to 0: most gains only fall, and one looked at anew is true.
        best = int(gain.argmax())
        true = value[held[best]].sum()
        if true < gain[best]:
            gain[best] = true
            continue
        chosen.append(best)
        value[held[best]] = 0.0
        gain[best] = -np.inf
    return with_balls(model, centres[chosen], radii[chosen], envelope.volume)


def fitted(model, envelope, *, rounds=20, pace=0.7, outside=0.35, damping=0.02, per_ball=1200):
    """Move and size the balls by least squares over the voxels that they get wrong.

    Each round gives every voxel to the ball whose surface is nearest, and takes a step of Gauss
    and Newton for every ball: down the sum of squares of how far voxels of the envelope lie out
    of the ball, and others in it. None becomes larger than the largest was, which sets the cutoff
    of the force and so the cost of a step.
    """
    rng = np.random.default_rng(1)
    chosen = rng.permutation(len(envelope.points))[: per_ball * model.n_balls]
    points, inside = envelope.points[chosen], envelope.inside[chosen]
    centres, radii = model.positions.copy(), model.radii.copy()
    for _ in range(rounds):
        # The small addition spares a division by 0 at a ball's centre.
        distance = cdist(points, centres) + 1e-9
        ball = (distance - radii).argmin(axis=1)
        nearest = distance[np.arange(len(points)), ball]
        gap = nearest - radii[ball]
        wrong = (gap > 0) == inside
        ball, gap = ball[wrong], gap[wrong]
        outward = (points[wrong] - centres[ball]) / nearest[wrong, None]
        slope = -np.column_stack([outward, np.ones(len(gap))])
        weighted = np.where(inside[wrong], 1.0, outside)[:, None] * slope
        normal, pull = np.zeros((len(radii), 4, 4)), np.zeros((len(radii), 4))
        np.add.at(normal, ball, weighted[:, :, None] * slope[:, None])
        np.add.at(pull, ball, weighted * gap[:, None])
        damped = damping * np.trace(normal, axis1=1, axis2=2) + 1e-9
        step = np.linalg.solve(normal + damped[:, None, None] * np.eye(4), -pull[..., None])
        centres += pace * step[:, :3, 0]
        radii = np.clip(radii + pace * step[:, 3, 0], ATOM, model.radii.max())
    return with_balls(model, centres, radii, envelope.volume)


def larger(model, envelope):
    """The same balls, their union 5 % larger than the envelope."""
    return with_balls(model, model.positions, model.radii, 1.05 * envelope.volume)


def covers_of(structure):
    """Return a structure's covers by name, and its envelope."""
    covers = {
        f"{atoms}, {radius}": coarse_grain(
            structure, Cover(atoms_per_ball=atoms, radius=radius), seed=1
        )
        for atoms, radius in (
            (1000, "volume"),
            (300, "volume"),
            (200, "volume"),
            (100, "volume"),
            (300, "farthest"),
        )
    }
    base = covers[BASE]
    envelope = envelope_of(base)
    covers["300, own reach"] = by_reach(base, envelope)
    covers["300, greedy"] = greedy(base, envelope)
    covers["300, fitted"] = fitted(base, envelope)
    covers["300, volume, 5 % larger"] = larger(base, envelope)
    covers["300, fitted, 5 % larger"] = larger(covers["300, fitted"], envelope)
    return covers, envelope


def standing_out(model):
    """Return how far each atom's sphere stands out of the union of balls, nm; below 0: inside."""
    index = np.arange(_DIRECTIONS) + 0.5
    z, angle = 1 - 2 * index / _DIRECTIONS, index * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z**2)
    surface = ATOM * np.column_stack([flat * np.cos(angle), flat * np.sin(angle), z])
    nearest = min(_NEAREST, model.n_balls)
    parts = []
    for points in np.array_split(heavy_atoms(model.structure), 1 + model.structure.n_atoms // 2000):
        gap = cdist(points, model.positions) - model.radii
        near = np.argpartition(gap, nearest - 1, axis=1)[:, :nearest]
        places = (points[:, None] + surface)[:, :, None]
        distance = np.linalg.norm(places - model.positions[near][:, None], axis=3)
        parts.append((distance - model.radii[near][:, None]).min(axis=2).max(axis=1))
    return np.concatenate(parts)


def heavy_atoms(structure):
    if structure.elements is None:
        return structure.positions
    return structure.positions[~np.isin(structure.elements, ("H", "D"))]


def covered_volume(model, envelope):
    """Return how much of the envelope lies in the balls, nm^3."""
    points = envelope.points[envelope.inside]
    covered = np.zeros(len(points), bool)
    for held in cKDTree(points).query_ball_point(model.positions, model.radii):
        covered[held] = True
    return float(covered.sum()) * envelope.spacing**3


def costs(scenes, *, rounds, steps=20):
    """Return the cost of a step of each scene over that of the base: medians over rounds.

    All take turns, as what else the machine does must meet all of them alike.
    """
    presses = {
        name: ShrinkingBox(
            as_packed(scene),
            Compression(timestep=0.1),
            forces=(),
            run=Run(platform="CPU"),
            seed=1,
            reporters=(),
            checkpoint=Checkpoint(None, scene, settings={}),
            stage="costs",
        )
        for name, scene in scenes.items()
    }
    seconds = {name: [] for name in presses}
    for turn in range(1 + rounds):
        for name, press in presses.items():
            start = time.perf_counter()
            press.relax(steps)
            # The first turn builds neighbour lists, and eases the deepest overlaps.
            if turn:
                seconds[name].append(time.perf_counter() - start)
    base = np.array(seconds[BASE])
    ratios = {name: float(np.median(np.array(s) / base)) for name, s in seconds.items()}
    return ratios, 1e3 * float(np.median(base)) / steps


@pytest.mark.slow
def test_covers(full, record):
    """How well different balls cover molecules, and what they cost."""
    structures = small_or_full(full)
    every, envelopes = zip(*map(covers_of, structures), strict=True)
    names = list(every[0])
    copies = 10 if full else 4
    inserted = insert([(covers[BASE], copies) for covers in every], fraction=0.25, seed=1)
    scenes = {
        name: dataclasses.replace(inserted, species=tuple(covers[name] for covers in every))
        for name in names
    }
    ratios, base_ms = costs(scenes, rounds=25 if full else 1)
    rows, out = [], {}
    for name in names:
        models = [covers[name] for covers in every]
        out[name] = np.concatenate([standing_out(model) for model in models])
        union = sum(union_volume(model.positions, model.radii) for model in models)
        covered = sum(map(covered_volume, models, envelopes))
        rows.append(
            {
                "atoms a ball, radii": name,
                "balls": sum(model.n_balls for model in models),
                **{f"out by > {d:g} nm, %": f"{share(out[name], d):.2f}" for d in (0, 0.2, 0.5)},
                "farthest out, nm": f"{out[name].max():.2f}",
                "excess volume, %": f"{100 * (1 - covered / union):.1f}",
                "largest ball, nm": f"{max(model.radii.max() for model in models):.2f}",
                "cost of a step": f"{ratios[name]:.2f}",
            }
        )
    record(
        rows,
        note=f"{', '.join(s.name for s in structures)}; a step of {copies} copies of each at "
        f"0.25 takes {base_ms:.1f} ms with the balls of `{BASE}`, 2 threads.",
    )
    finer = [share(out[f"{atoms}, volume"], 0.2) for atoms in (1000, 300, 100)]
    assert finer[0] > finer[1] > finer[2]
    # A ball that holds all of its atoms' centres leaves nothing but their own radius out.
    assert out["300, farthest"].max() < ATOM + 1e-6
    counts = {row["balls"] for row in rows if row["atoms a ball, radii"].startswith("300,")}
    assert len(counts) == 1


def share(out, distance):
    """Return the atoms that stand out by more than a distance, %."""
    return 100 * float((out > distance).mean())


def small_or_full(full):
    """Return six full structures, or two of the library."""
    return full_structures(FULL) if full else [library.load(name) for name in SMALL]
