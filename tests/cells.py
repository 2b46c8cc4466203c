"""A small cell by hand: a vesicle with molecules on both sides, a filament, and a protein in it."""

import numpy as np
from dense_scenes import blob
from helpers import chain

from openmm_cgpack.core import BallModel, Links, Periodic, RigidTransforms, Scene
from openmm_cgpack.models import Vesicle

RADIUS = 12.0
BOX = 46.0


def scene_of(parts, *, boundary=Periodic(box=BOX), links=Links()):
    """Return a scene of models and their places, (n, 3) nm each, not turned."""
    places = [np.reshape(at, (-1, 3)) for _, at in parts]
    index = np.repeat(np.arange(len(parts)), [len(at) for at in places])
    return Scene(
        species=tuple(model for model, _ in parts),
        species_index=index,
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (len(index), 1, 1)), translations=np.concatenate(places)
        ),
        boundary=boundary,
        links=links,
    )


def small_cell(*, centre=(0.0, 0, 0), protein=True, large=0.0):
    """Return a vesicle, five molecules in it, eight and a filament outside, and one in its wall.

    A ball of a `large` radius, nm, touches the vesicle, where one is given.
    """
    vesicle = Vesicle(radius=RADIUS).build()
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    axes = np.concatenate([np.eye(3), -np.eye(3)])[:5]
    parts = [
        (vesicle, [0.0, 0, 0]),
        (blob("inner"), 3.0 * axes),
        (blob("outer", 2, n=250), 12.0 * corners),
        (chain(n=5), [19.0, 0, 0]),
    ]
    links = Links()
    if protein:
        parts.append((blob("channel"), RADIUS * np.array([0.0, 0, 1])))
        ball = sum(model.n_balls * len(np.reshape(at, (-1, 3))) for model, at in parts[:-1])
        near = np.argsort(np.linalg.norm(vesicle.positions - [0, 0, RADIUS], axis=1))[:6]
        pairs = np.array([[b, ball + c] for b in near for c in (0, 4)])
        places = scene_of(parts).positions
        links = Links(
            pairs=pairs,
            lengths=np.linalg.norm(np.subtract(*places[pairs].swapaxes(0, 1)), axis=1),
            constants=np.full(len(pairs), 300.0),
            slacks=np.zeros(len(pairs)),
        )
    if large:
        ball = BallModel(
            name="large", positions=[[0, 0, 0]], radii=[large], masses=[5000], volume=large**3
        )
        parts.append((ball, [0, RADIUS + 3.0 + large, 0]))
    moved = [(model, np.reshape(at, (-1, 3)) + np.array(centre)) for model, at in parts]
    return scene_of(moved, links=links)
