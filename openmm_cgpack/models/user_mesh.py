"""Membranes over a triangle mesh of the user's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ..core.arrays import frozen
from ..core.messages import within
from ..core.model import BallModel
from ..core.names import name_of_file
from ..core.progress import progress_bar
from ..core.settings import kind, setting
from ..io.surfaces import read_mesh
from .elastic_membrane import ClosedMembrane
from .projections import onto_triangles
from .remeshing import remesh
from .triangulation import area_of, middles, volume_of

_SAME = 1e-6
"""Distance over the size of a mesh below which two vertices are one, as in STL files."""

_TO, _FRO, _SMOOTHINGS = 0.5, -0.53, 10
"""Steps of smoothing, and how many of both."""

_FEWEST = 20
"""Triangles of a membrane."""


class UserMesh(ClosedMembrane):
    """How a triangle mesh becomes a membrane."""

    scale: float = setting("nm for each unit of its coordinates; 0.1 for Å", default=1.0, above=0)
    rim: bool = setting(
        "whether it ends at a rim, as a patch does; one that is not closed is refused otherwise",
        default=False,
    )

    def meaningless(self) -> dict[str, str]:
        """Return what a patch has no use for."""
        if not self.rim:
            return super().meaningless()
        inside = ("volume_modulus_kpa", "pressure_kpa")
        return super().meaningless() | dict.fromkeys(inside, "with a rim: there is no inside")

    @property
    def is_closed(self) -> bool:
        """Whether it has no rim."""
        return not self.rim

    def remeshed(self, vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return an even triangulation of a surface that is one; see `checked_surface`."""
        vertices, faces = checked_surface(vertices, faces, rim=self.rim)
        vertices = vertices * self.scale
        self.check_size(area_of(vertices[faces]))
        # Well below the edge, so that none of the nearest faces is missed by much.
        project = onto_triangles(vertices, faces, self.edge / 2)
        vertices, faces = remesh(vertices, faces, self.edge, project)
        if len(faces) < _FEWEST:
            raise ValueError(
                f"wanted a surface with room for {_FEWEST} triangles of edges of {self.edge:g} nm, "
                f"got {len(faces)}; scale says what its unit is"
            )
        return _rounded(vertices, faces), faces


@kind("mesh")
class MeshFile(UserMesh):
    """A membrane over the triangle mesh of a file.

    Its faces may be of any size and turned anyhow: it is remeshed evenly, on the surface that they
    are, and faces outwards. Edges that are sharper than the mesh resolves become round.
    """

    file: Path = setting("an OBJ, PLY or STL file, plain or packed with gzip or bzip2")

    @property
    def label(self) -> str:
        """Name of the species: that given, else of the file."""
        return name_of_file(self.file.name.split(".")[0]) if self.name is None else self.name

    def mesh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the file's surface, remeshed."""
        with within("file"):
            vertices, faces = read_mesh(self.file)
        with within(f"file: {self.file}"):
            return *self.remeshed(vertices, faces), np.zeros(3)


def mesh_membrane(
    vertices: np.ndarray,
    faces: np.ndarray,
    membrane: UserMesh | None = None,
    *,
    progress: bool = True,
) -> BallModel:
    """Return a membrane over a triangle mesh.

    Parameters
    ----------
    vertices, faces : (v, 3), (f, 3) arrays
        Places in units of `membrane.scale`, nm when left out, and triangles of any size and sense.
    membrane : UserMesh, optional
        Its elasticity, and the edge to which it is remeshed.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Raises
    ------
    ValueError
        As of `checked_surface`; or it is too small for the edge.

    Examples
    --------
    A cube, whose corners become round:

    >>> corners = 20 * np.array(list(np.ndindex(2, 2, 2)))
    >>> sides = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    >>> faces = [face for a, b, c, d in sides for face in ([a, b, c], [a, c, d])]
    >>> model = mesh_membrane(corners, faces, UserMesh(name="cube"))
    >>> model.name, model.is_closed, bool(0.9 < model.elasticity.volume / 20**3 < 1)
    ('cube', True, True)
    """
    given = UserMesh() if membrane is None else membrane
    named = dataclasses.replace(given, name=given.name or MeshFile.kind)
    with progress_bar(f"mesh of {named.name}", show=progress):
        return named.over(*named.remeshed(vertices, faces), np.zeros(3))


def _rounded(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return vertices with edges of a surface rounded that are sharper than the mesh resolves.

    Steps to the middle and, a little longer, away from it take the shortest waves only, and keep
    the rest, the volume too (Taubin 1995, SIGGRAPH, 351). A rim stays.
    """
    edges, counts = np.unique(
        np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1),
        axis=0,
        return_counts=True,
    )
    free = np.ones(len(vertices), bool)
    free[edges[counts == 1]] = False
    vertices = vertices.copy()
    for step in (_TO, _FRO) * _SMOOTHINGS:
        vertices[free] += step * (middles(vertices, faces) - vertices)[free]
    return vertices


def checked_surface(
    vertices: np.ndarray, faces: np.ndarray, *, rim: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return a mesh whose faces are turned alike, outwards where it is closed.

    Vertices at one place become one; faces without area and vertices without a face go.

    Parameters
    ----------
    vertices, faces : (v, 3), (f, 3) arrays
        Places in any unit, and triangles.
    rim : bool, optional
        Whether it has to have a rim, or must not.

    Raises
    ------
    ValueError
        It is empty; has a rim, or none; an edge has more than two faces, or faces meet at a
        vertex alone; it is in several pieces; or it has one side only, as a Möbius strip.
    """
    vertices = frozen(vertices, "vertices", (None, 3))
    faces = frozen(faces, "faces", (None, 3), np.int64)
    if faces.size and not (faces.min() >= 0 and faces.max() < len(vertices)):
        raise ValueError(f"faces: wanted vertices 0 to {len(vertices) - 1}, got {faces.max()}")
    vertices, faces = _welded(vertices, faces)
    if not len(faces):
        raise ValueError("wanted a triangle mesh, got no triangles with an area")
    start, end = faces[:, [1, 2, 0]].ravel(), faces[:, [2, 0, 1]].ravel()
    key = np.minimum(start, end) * len(vertices) + np.maximum(start, end)
    order = np.argsort(key, kind="stable")
    _, first, counts = np.unique(key[order], return_index=True, return_counts=True)
    if counts.max() > 2:
        many = int((counts > 2).sum())
        raise ValueError(f"wanted a surface, got {many} edges where three faces or more meet")
    ends = int((counts == 1).sum())
    if ends and not rim:
        raise ValueError(
            f"wanted a closed surface, got a rim or holes with {ends} edges in all; "
            "rim = true takes patches"
        )
    if rim and not ends:
        raise ValueError("wanted a surface with a rim, got a closed one; leave out rim")
    # Sides of two faces along one edge.
    one, other = order[first[counts == 2]], order[first[counts == 2] + 1]
    pieces = _parts(len(faces), one // 3, other // 3).max() + 1
    if pieces > 1:
        raise ValueError(f"wanted one surface, got {pieces} pieces")
    _check_vertices(faces, one, other)
    faces = _turned_alike(faces, one, other, same=start[one] == start[other])
    if not ends and volume_of(vertices[faces]) < 0:
        faces = faces[:, ::-1]
    return vertices, faces


def _welded(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mesh with one vertex at a place, and no face without area or that comes twice."""
    if not len(faces):
        return vertices, faces
    used = vertices[np.unique(faces)]
    step = _SAME * max(float(np.ptp(used, axis=0).max()), 1e-300)
    cells = np.rint((vertices - used.min(axis=0)) / step)
    _, first, number = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    faces = number.reshape(-1)[faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    faces = faces[np.sort(np.unique(np.sort(faces, axis=1), axis=0, return_index=True)[1])]
    kept, faces = np.unique(faces, return_inverse=True)
    return vertices[first][kept], faces.reshape(-1, 3)


def _parts(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the number of the part that each of `count` things is in, joined by pairs, (n,)."""
    joined = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return connected_components(joined, directed=False)[1]


def _check_vertices(faces: np.ndarray, one: np.ndarray, other: np.ndarray) -> None:
    """Raise ValueError where the faces around a vertex are not one fan."""
    # Corners of two faces at one vertex belong together where an edge from it joins the faces.
    mine, theirs = [], []
    for step in (1, 2):
        at = one // 3 * 3 + (one % 3 + step) % 3
        for their_step in (1, 2):
            there = other // 3 * 3 + (other % 3 + their_step) % 3
            same = faces.ravel()[at] == faces.ravel()[there]
            mine.append(at[same])
            theirs.append(there[same])
    fans = _parts(faces.size, np.concatenate(mine), np.concatenate(theirs)).max() + 1
    vertices = len(np.unique(faces))
    if fans > vertices:
        raise ValueError(
            f"wanted a surface, got parts that meet in single vertices, {fans - vertices} times"
        )


def _turned_alike(
    faces: np.ndarray, one: np.ndarray, other: np.ndarray, *, same: np.ndarray
) -> np.ndarray:
    """Return the faces with one sense; `same` says which neighbours go along their edge alike."""
    # Each face twice, as it is and turned over: those that fit each other hang together.
    count = len(faces)
    mine, theirs = one // 3, other // 3
    first = np.concatenate([mine, mine + count])
    second = np.concatenate([theirs + count * same, theirs + count * ~same])
    part = _parts(2 * count, first, second)
    if part[0] == part[count]:
        raise ValueError("wanted a surface with two sides, got one with a single side")
    over = part[:count] != part[0]
    return np.where(over[:, None], faces[:, ::-1], faces)
