"""Even triangulations of any surface: isotropic remeshing after Botsch and Kobbelt.

M. Botsch and L. Kobbelt, A remeshing approach to multiresolution modeling, Symposium on Geometry
Processing (2004), 189: edges that are too long are cut, those that are too short go, edges are
flipped until vertices have six neighbours, and vertices move along the surface to the middle of
theirs; again and again. Changes that do not touch each other are made at once.
"""

from __future__ import annotations

import numpy as np

from .projections import Projection
from .triangulation import adjacency, area_vectors, middles

LONGEST, SHORTEST = 4 / 3, 4 / 5
"""Over the edge wanted; a longer one cut, and a shorter one gone, come nearer to it."""

_ROUNDS, _AT_ONCE = 10, 60
"""Rounds of all steps, and repetitions of one step, which are fewer but for the first round."""


def remesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    edge: float,
    project: Projection,
) -> tuple[np.ndarray, np.ndarray]:
    """Return an even triangulation of a surface.

    Parameters
    ----------
    vertices, faces : (v, 3), (f, 3) arrays
        Any triangulation, nm, which is manifold and whose triangles are turned alike. The vertices
        of a rim stay on its edges.
    edge : float
        Mean length of the edges wanted, nm.
    project : callable
        Takes points (n, 3) near the surface and returns points on it.

    Returns
    -------
    vertices, faces : (v', 3), (f', 3) arrays
        Edges are mostly within 15 % of the length wanted, and vertices have five to seven
        neighbours, wherever the surface bends less than the edges.

    Examples
    --------
    >>> from openmm_cgpack.models.triangulation import edges_of, sphere_mesh
    >>> vertices, faces = sphere_mesh(radius=10, edge=8)
    >>> on_sphere = lambda points: 10 * points / np.linalg.norm(points, axis=1)[:, None]
    >>> vertices, faces = remesh(vertices, faces, 3.0, on_sphere)
    >>> first, second = vertices[edges_of(faces)].transpose(1, 0, 2)
    >>> bool(2.8 < np.linalg.norm(first - second, axis=1).mean() < 3.2)
    True
    """
    vertices, faces = np.array(vertices, float), np.array(faces)
    for round_ in range(_ROUNDS):
        repeats = _AT_ONCE if round_ == 0 else _ROUNDS
        vertices, faces = _cut_long(vertices, faces, LONGEST * edge, repeats)
        vertices, faces = _drop_short(vertices, faces, edge, repeats)
        faces = _flip(vertices, faces)
        vertices = _relax(vertices, faces, project)
    for _ in range(_ROUNDS):
        faces = _flip(vertices, faces)
        vertices = _relax(vertices, faces, project)
    return vertices, faces


class _Edges:
    """The edges of a mesh: their ends (e, 2), and what lies to their sides.

    Attributes
    ----------
    ends : (e, 2) array
        Vertices, the lower number first.
    sides : (e, 2) array
        Numbers ``3 * face + k`` of the face whose corner k lies opposite to the edge; first the
        face that has the ends in this order, -1 where there is none.
    of_face : (f, 3) array
        Edge opposite to each corner of a face.
    """

    def __init__(self, faces: np.ndarray) -> None:
        start, end = faces[:, [1, 2, 0]].ravel(), faces[:, [2, 0, 1]].ravel()
        low, high = np.minimum(start, end), np.maximum(start, end)
        key = low * (int(faces.max()) + 1) + high
        _, first, number = np.unique(key, return_index=True, return_inverse=True)
        self.ends = np.stack([low[first], high[first]], axis=1)
        self.of_face = number.reshape(-1, 3)
        self.sides = np.full((len(first), 2), -1)
        self.sides[number.ravel(), (start > end).astype(int)] = np.arange(faces.size)

    @property
    def on_rim(self) -> np.ndarray:
        """Which edges have a face on one side only, (e,) bool."""
        return np.any(self.sides < 0, axis=1)

    def lengths(self, vertices: np.ndarray) -> np.ndarray:
        """Return their lengths, (e,) nm."""
        return np.linalg.norm(vertices[self.ends[:, 0]] - vertices[self.ends[:, 1]], axis=1)

    def rim(self, count: int) -> np.ndarray:
        """Return which of `count` vertices lie on a rim, (v,) bool."""
        rim = np.zeros(count, bool)
        rim[self.ends[self.on_rim]] = True
        return rim


def _cut_long(
    vertices: np.ndarray, faces: np.ndarray, longest: float, repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    """Halve edges that are too long, each the longest of its faces."""
    for _ in range(repeats):
        edges = _Edges(faces)
        lengths = edges.lengths(vertices)
        rank = np.empty(len(lengths), int)
        rank[np.argsort(lengths, kind="stable")] = np.arange(len(lengths))
        most = np.full(len(faces), -1)
        np.maximum(most, rank[edges.of_face].max(axis=1), out=most)
        highest = most[edges.sides // 3] == rank[:, None]
        cut = np.flatnonzero((lengths > longest) & (highest | (edges.sides < 0)).all(axis=1))
        if not len(cut):
            break
        ends = edges.ends[cut]
        middle = len(vertices) + np.arange(len(cut))
        vertices = np.concatenate([vertices, vertices[ends].mean(axis=1)])
        halves = []
        for side in (0, 1):
            there = edges.sides[cut, side] >= 0
            face, corner = np.divmod(edges.sides[cut[there], side], 3)
            after, before = (corner + 1) % 3, (corner + 2) % 3
            half = faces[face]
            half[np.arange(len(face)), after] = middle[there]
            halves.append(half)
            faces[face, before] = middle[there]
        faces = np.concatenate([faces, *halves])
    return vertices, faces


def _drop_short(
    vertices: np.ndarray, faces: np.ndarray, edge: float, repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the ends of edges together that are too short, where the mesh stays one."""
    refused: set[int] = set()
    for _ in range(repeats):
        edges, count = _Edges(faces), len(vertices)
        lengths = edges.lengths(vertices)
        rim, on_rim = edges.rim(count), edges.on_rim
        ends = edges.ends
        joined = adjacency(edges.ends, count)
        short = np.flatnonzero(lengths < SHORTEST * edge)
        # Two rims must not meet, and only the corners of the faces beside it are joined to both.
        short = short[(rim[ends[short]].sum(axis=1) < 2) | on_rim[short]]
        shared = joined[ends[short, 0]].multiply(joined[ends[short, 1]]).sum(axis=1)
        short = short[shared == 2 - on_rim[short]]
        if len(refused):
            known = np.fromiter(refused, int)
            short = short[~np.isin(ends[short] @ [2**31, 1], known)]
        if not len(short):
            break
        # Of those whose neighbourhoods meet, the shortest goes.
        rank = np.full(len(ends), len(ends))
        rank[short[np.argsort(lengths[short], kind="stable")]] = np.arange(len(short))
        best = np.full(count, len(ends))
        for side in (0, 1):
            np.minimum.at(best, ends[short, side], rank[short])
        for _ in range(2):
            spread = best.copy()
            np.minimum.at(spread, ends[:, 0], best[ends[:, 1]])
            np.minimum.at(spread, ends[:, 1], best[ends[:, 0]])
            best = spread
        chosen = short[(best[ends[short]] == rank[short, None]).all(axis=1)]
        keep, go = ends[chosen].T
        # A vertex of the rim stays.
        swap = rim[go] & ~rim[keep]
        keep, go = np.where(swap, go, keep), np.where(swap, keep, go)
        alone = rim[keep] & ~rim[go]
        place = np.where(alone[:, None], vertices[keep], (vertices[keep] + vertices[go]) / 2)
        moved = vertices.copy()
        moved[keep] = moved[go] = place
        gone = np.zeros(len(faces), bool)
        beside = edges.sides[chosen].ravel()
        gone[beside[beside >= 0] // 3] = True
        before, after = area_vectors(vertices[faces]), area_vectors(moved[faces])
        turned = np.einsum("fi,fi->f", before, after) <= 0.2 * np.linalg.norm(
            before, axis=1
        ) * np.linalg.norm(after, axis=1)
        bad = np.zeros(count, bool)
        bad[faces[turned & ~gone]] = True
        bad[ends[edges.lengths(moved) > np.maximum(LONGEST * edge, lengths)]] = True
        good = ~(bad[keep] | bad[go])
        refused.update((ends[chosen[~good]] @ [2**31, 1]).tolist())
        if not good.any():
            continue
        keep, go, chosen = keep[good], go[good], chosen[good]
        gone[:] = False
        beside = edges.sides[chosen].ravel()
        gone[beside[beside >= 0] // 3] = True
        vertices = vertices.copy()
        vertices[keep] = place[good]
        target = np.arange(count)
        target[go] = keep
        left = np.ones(count, bool)
        left[go] = False
        # Numbers change: what was refused is looked at anew, unless it has the same.
        number = np.cumsum(left) - 1
        refused = _renumbered(refused, left, number)
        faces = number[target[faces[~gone]]]
        vertices = vertices[left]
    return vertices, faces


def _renumbered(pairs: set[int], left: np.ndarray, number: np.ndarray) -> set[int]:
    if not pairs:
        return pairs
    first, second = np.divmod(np.fromiter(pairs, int), 2**31)
    there = left[first] & left[second]
    return set((number[first[there]] * 2**31 + number[second[there]]).tolist())


def _flip(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Turn edges to the other diagonal where that brings vertices nearer to six neighbours."""
    for _ in range(_AT_ONCE):
        edges, count = _Edges(faces), len(vertices)
        excess = np.bincount(edges.ends.ravel(), minlength=count) - np.where(edges.rim(count), 4, 6)
        inner = np.flatnonzero(~edges.on_rim)
        a, b = edges.ends[inner].T
        (left, left_at), (right, right_at) = (np.divmod(side, 3) for side in edges.sides[inner].T)
        c, d = faces[left, left_at], faces[right, right_at]
        before = sum(excess[v] ** 2 for v in (a, b, c, d))
        after = sum((excess[v] + change) ** 2 for v, change in ((a, -1), (b, -1), (c, 1), (d, 1)))
        gain = before - after
        up = area_vectors(vertices[faces[left]]) + area_vectors(vertices[faces[right]])
        new = np.stack([np.stack([c, a, d], 1), np.stack([d, b, c], 1)])
        flat = [area_vectors(vertices[triangle]) for triangle in new]
        # Both new triangles are a fair part of the old ones, and face the same way.
        size = np.einsum("fi,fi->f", up, up)
        fair = np.min([np.einsum("fi,fi->f", up, area) for area in flat], axis=0) > 0.15 * size
        wanted = np.flatnonzero((gain > 0) & fair & (c != d))
        if not len(wanted):
            break
        joined = adjacency(edges.ends, count)
        wanted = wanted[np.asarray(joined[c[wanted], d[wanted]]).ravel() == 0]
        rank = np.empty(len(wanted), int)
        rank[np.argsort(-gain[wanted], kind="stable")] = np.arange(len(wanted))
        best = np.full(count, len(wanted))
        quads = np.stack([a, b, c, d], axis=1)[wanted]
        np.minimum.at(best, quads, rank[:, None])
        now = wanted[(best[quads] == rank[:, None]).all(axis=1)]
        if not len(now):
            break
        faces = faces.copy()
        faces[left[now]], faces[right[now]] = new[0, now], new[1, now]
    return faces


def _relax(vertices: np.ndarray, faces: np.ndarray, project: Projection) -> np.ndarray:
    """Move vertices along the surface to the middle of the faces around; those of a rim stay."""
    step = middles(vertices, faces) - vertices
    normals = np.zeros_like(vertices)
    up = area_vectors(vertices[faces])
    for corner in range(3):
        np.add.at(normals, faces[:, corner], up)
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-300)[:, None]
    step -= np.einsum("vi,vi->v", step, normals)[:, None] * normals
    free = ~_Edges(faces).rim(len(vertices))
    moved = vertices.copy()
    moved[free] = project(vertices[free] + step[free])
    return moved
