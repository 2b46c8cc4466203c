"""How deep balls of different instances overlap."""

from __future__ import annotations

import numpy as np

from ..core import Boundary, Scene
from ..core.arrays import frozen, noun
from ..packing import overlaps

_DEPTHS = np.linspace(0, 1, 51)


@noun
class BallOverlap:
    """Overlaps of balls of different instances.

    Parameters
    ----------
    deepest : float
        ``1 - distance / (sum of radii)`` of the deepest: 0 is touching, 1 the same place.
    where : str
        The two balls, in words; empty where nothing overlaps.
    edges : (k + 1,) array
        Edges of the bins of depth.
    pairs : (k,) int array
        Overlapping pairs of balls in each.
    """

    deepest: float
    where: str
    edges: np.ndarray
    pairs: np.ndarray

    def __post_init__(self) -> None:
        edges = frozen(self.edges, "edges", (None,))
        object.__setattr__(self, "edges", edges)
        pairs = frozen(self.pairs, "pairs", (len(edges) - 1,), np.int64)
        object.__setattr__(self, "pairs", pairs)


def ball_overlap(scene: Scene, positions: np.ndarray, boundary: Boundary) -> BallOverlap:
    """Return how deep balls of different instances, or of two images of one, overlap.

    Parameters
    ----------
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm.
    boundary : Open, Periodic or Slab
        The boundary at the end.
    """
    pairs, depth = overlaps(scene, positions, boundary=boundary)
    where = ""
    if len(depth):
        first, second = pairs[np.argmax(depth)].tolist()
        where = f"{scene.ball_name(first)}, {scene.ball_name(second)}"
    return BallOverlap(
        deepest=float(depth.max(initial=0.0)),
        where=where,
        edges=_DEPTHS,
        pairs=np.histogram(depth, _DEPTHS)[0],
    )
