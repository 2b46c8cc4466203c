"""What has gone through a membrane, and who is on which side of it.

**Sides.** A membrane without a rim has two: a closed one an inside and an outside, one that spans
a box the side that its faces look to and the other one. A body must be on one of them with all its
balls, and on the same one at the end as at the start. Winding numbers tell (`core.triangles`), of
one ball for most bodies: where no segment between two balls goes through the membrane, both are on
one side.

**Around the box.** Where a box repeats across a sheet that spans it, a way around the box leads
from one side to the other. What can be told there is whether images of the sheet lie between the
balls of one body, and, of several sheets, between which of them a body is.

**Crossings.** Segments that pass through a face: sides of the faces of membranes, the same one or
another, and bonds of filaments.

A membrane protein is on both sides of the membrane that it is joined to, which is not looked at.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..core.arrays import noun
from ..core.boundary import Boundary
from ..core.model import BallModel
from ..core.scene import PackedScene, Scene
from ..core.triangles import pierced, winding_numbers

_AROUND = 3
"""Images to either side with which a tube that spans a box is as good as without ends."""


@noun
class Crossings:
    """What has gone through membranes; the numbers are 0 where nothing has.

    Parameters
    ----------
    membranes : int
        Membranes that were looked at.
    changed : int
        Bodies on another side of a membrane than at the start.
    straddling : int
        Bodies with balls on both sides of a membrane that they are not joined to.
    pierced : int
        Faces of membranes that a face, of the same one or another, or a filament passes through.
    where : str
        One of them, in words; empty where there are none.
    """

    membranes: int
    changed: int
    straddling: int
    pierced: int
    where: str

    @property
    def total(self) -> int:
        """All of them."""
        return self.changed + self.straddling + self.pierced


def crossings(packed: PackedScene) -> Crossings | None:
    """Count what has gone through membranes since the start; None for a scene without any.

    Parameters
    ----------
    packed : PackedScene
        The scene, each instance in one piece.

    Returns
    -------
    Crossings or None

    Examples
    --------
    >>> from openmm_cgpack import Filament, Membrane, as_packed, place
    >>> sheet, rod = Membrane(shape=(3, 3)).build(), Filament(n_balls=3).build()
    >>> crossings(as_packed(place([(sheet, 1), (rod, 2)], seed=1))).total
    0
    """
    scene = packed.scene
    membranes = [i for i in range(scene.n_instances) if len(scene.model(i).faces)]
    if not membranes:
        return None
    skeleton = _Skeleton(scene)
    segment, membrane, face = skeleton.passing(packed.positions, packed.boundary, membranes)
    supple = skeleton.supple[segment]
    notes = [
        f"{_name(scene, i)} through {_name(scene, m)}"
        for i, m in zip(skeleton.owner[segment[supple]], membrane[supple], strict=True)
    ]
    hit = np.unique(np.stack([membrane[supple], face[supple]], axis=1), axis=0)
    changed, straddling = set(), set()
    first: dict[int, int] = {}
    for m in membranes:
        spanned = spanned_axes(scene.model(m))
        if spanned is None:
            continue
        # A box that repeats across the sheet: only between two sheets there is a place to be.
        axis = None if len(spanned) < 2 else int(np.setdiff1d(range(3), spanned)[0])
        around = axis is not None and packed.boundary.periodic[axis]
        against = first.setdefault(axis, m) if around and axis is not None else None
        own = [m] if against is None else [m, against]
        others = np.setdiff1d(np.arange(scene.n_instances), [*own, *_joined(scene, own)])
        doubtful = skeleton.owner[segment[np.isin(membrane, own)]]
        balls = skeleton.representatives(others, doubtful)
        before, after = (
            side_numbers(scene, places, boundary, m, balls)
            for places, boundary in (
                (scene.positions, scene.boundary),
                (packed.positions, packed.boundary),
            )
        )
        owner = scene.instance_of_ball[balls]
        split = _split(owner, after)
        if against is not None:
            before = before - side_numbers(scene, scene.positions, scene.boundary, against, balls)
            after = after - side_numbers(scene, packed.positions, packed.boundary, against, balls)
        moved = np.setdiff1d(owner[before != after], split)
        notes += [f"{_name(scene, i)} on both sides of {_name(scene, m)}" for i in split]
        notes += [f"{_name(scene, i)} on another side of {_name(scene, m)}" for i in moved]
        straddling.update(split.tolist())
        changed.update(moved.tolist())
    return Crossings(
        membranes=len(membranes),
        changed=len(changed),
        straddling=len(straddling),
        pierced=len(hit),
        where=notes[0] if notes else "",
    )


def spanned_axes(model: BallModel) -> np.ndarray | None:
    """Return along which axes a surface with two sides spans a box, (0 to 2,) int; else None."""
    if not len(model.faces) or model.has_rim:
        return None
    axes = np.flatnonzero(model.mesh.period > 0)
    return axes if len(axes) < 3 else None


def side_numbers(
    scene: Scene, positions: np.ndarray, boundary: Boundary, membrane: int, balls: np.ndarray
) -> np.ndarray:
    """Return on which side of a membrane balls are, as whole numbers.

    Of a closed membrane, or a tube that spans the box, it is in how many of its images a ball is.
    Of a sheet that spans it, 1 on the side that its faces look away from and 0 on the other; where
    the box repeats across the sheet, less the number of its images that the way there goes through.

    Parameters
    ----------
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm.
    boundary : Open, Periodic or Slab
        The boundary.
    membrane : int
        Its instance; it has no rim.
    balls : (k,) int array
        Balls of the scene.

    Returns
    -------
    (k,) int array
    """
    model = scene.model(membrane)
    mesh, spanned = model.mesh, spanned_axes(model)
    assert spanned is not None
    own = positions[scene.balls(membrane)]
    corners = mesh.corners(own)
    # The image that is where the membrane was at the start.
    mean = scene.positions[scene.balls(membrane)].mean(axis=0)
    corners = corners + _whole_boxes(mean - own.mean(axis=0), boundary.repeat)
    flat = corners.reshape(-1, 3)
    middle, half = (flat.min(axis=0) + flat.max(axis=0)) / 2, np.ptp(flat, axis=0) / 2
    reach = 1 if len(spanned) == 2 else _AROUND
    steps = [range(-reach, reach + 1) if axis in spanned else [0] for axis in range(3)]
    surface = np.concatenate([corners + np.array(step) * mesh.period for step in product(*steps)])
    offset = positions[balls] - middle
    shift = _whole_boxes(offset, boundary.repeat)
    near = offset - shift
    if len(spanned) == 2:
        axis = int(np.setdiff1d(range(3), spanned)[0])
        turns = np.rint(shift[:, axis] / (boundary.repeat[axis] or 1.0)).astype(np.int64)
        a, b, c = np.moveaxis(corners, 1, 0)
        up = int(np.sign(np.cross(b - a, c - a).sum(axis=0)[axis]))
        return (winding_numbers(near + middle, surface) > 0) - up * turns
    number = np.zeros(len(balls), np.int64)
    half[spanned] = np.inf
    for image in _images(half, boundary.repeat, spanned):
        inside = (np.abs(near + image) <= half).all(axis=1)
        winding = winding_numbers(near[inside] + image + middle, surface)
        number[inside] += np.rint(winding).astype(np.int64)
    return number


def _whole_boxes(offset: np.ndarray, repeat: np.ndarray) -> np.ndarray:
    """Return the whole boxes nearest to offsets (..., 3), nm."""
    return repeat * np.rint(offset / np.where(repeat > 0, repeat, np.inf))


def _images(half: np.ndarray, repeat: np.ndarray, spanned: np.ndarray) -> list[np.ndarray]:
    """Return the boxes by which a point in the box may be moved into an extent, nm."""
    counts = [
        0 if axis in spanned or not repeat[axis] else int(half[axis] / repeat[axis] + 0.5)
        for axis in range(3)
    ]
    return [np.array(step) * repeat for step in product(*(range(-c, c + 1) for c in counts))]


class _Skeleton:
    """Segments between the balls of each instance, along which it holds together."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        own = {s: _segments(model) for s, model in enumerate(scene.species)}
        index = scene.species_index
        counts = [len(own[s]) for s in index]
        self.pairs = np.concatenate(
            [own[s] + start for s, start in zip(index, scene.offsets[:-1], strict=True)]
        )
        self.owner = np.repeat(np.arange(scene.n_instances), counts)
        rigid = np.array([model.is_rigid for model in scene.species])
        self.supple = ~rigid[index[self.owner]]
        n = scene.n_balls
        bonds = coo_array((np.ones(len(self.pairs)), tuple(self.pairs.T)), shape=(n, n))
        piece = connected_components(bonds, directed=False)[1]
        self.first = np.unique(piece, return_index=True)[1]

    def representatives(self, instances: np.ndarray, doubtful: np.ndarray) -> np.ndarray:
        """Return one ball of each piece of some instances, and every ball of doubtful ones."""
        instance = self.scene.instance_of_ball
        wanted = np.isin(instance, doubtful)
        wanted[self.first] = True
        return np.flatnonzero(wanted & np.isin(instance, instances))

    def passing(
        self, positions: np.ndarray, boundary: Boundary, membranes: list[int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the segments that pass through faces of membranes, (k,) each: their numbers.

        Segments and faces that share a ball do not count, nor does the membrane of a protein.
        """
        scene = self.scene
        starts, offset = positions[self.pairs[:, 0]], np.diff(positions[self.pairs], axis=1)[:, 0]
        corners, balls, owner = [], [], []
        for m in membranes:
            mesh = scene.model(m).mesh
            corners.append(mesh.corners(positions[scene.balls(m)]))
            balls.append(mesh.faces + scene.offsets[m])
            owner.append(np.full(len(mesh.faces), m))
            rows = self.owner == m
            offset[rows] -= _whole_boxes(offset[rows], mesh.period)
        faces, membrane = np.concatenate(balls), np.concatenate(owner)
        number = np.concatenate([np.arange(len(part)) for part in balls])
        segment, face = pierced(starts, starts + offset, np.concatenate(corners), boundary)
        ends, corner = self.pairs[segment], faces[face]
        shared = (ends[:, :, None] == corner[:, None]).any(axis=(1, 2))
        keep = ~shared & ~scene.are_partners(self.owner[segment], membrane[face])
        return segment[keep], membrane[face[keep]], number[face[keep]]


def _segments(model: BallModel) -> np.ndarray:
    """Return pairs of balls that hold a model together: sides of faces, bonds, or a row of them."""
    if len(model.faces):
        sides = np.sort(model.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        return np.unique(sides, axis=0)
    if not model.is_rigid:
        return model.bonds
    ball = np.arange(model.n_balls)
    return np.stack([ball[:-1], ball[1:]], axis=1)


def _joined(scene: Scene, instances: list[int]) -> list[int]:
    """Return the instances that links join to some."""
    rows = np.isin(scene.partners, instances).any(axis=1)
    return np.unique(scene.partners[rows]).tolist()


def _split(owner: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return the bodies whose balls are on more than one side."""
    seen = np.unique(np.stack([owner, side], axis=1), axis=0)[:, 0]
    bodies, count = np.unique(seen, return_counts=True)
    return bodies[count > 1]


def _name(scene: Scene, instance: int) -> str:
    return f"instance {instance + 1} ({scene.model(instance).name})"
