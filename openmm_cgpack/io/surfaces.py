"""Triangle meshes from OBJ, PLY and STL files, read by trimesh."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np

from ..core.messages import said_of
from .inputs import read_bytes

SUFFIXES = (".obj", ".ply", ".stl")
"""Of the files that are read, also packed with gzip or bzip2."""


def read_mesh(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    r"""Read a triangle mesh; faces with more corners are cut into triangles.

    Parameters
    ----------
    path : path-like
        An OBJ, PLY or STL file, in text or binary, plain or compressed with gzip or bzip2.

    Returns
    -------
    vertices, faces : (v, 3), (f, 3) arrays
        Places in the file's unit, and the triangles' corners, as the file has them: an STL file
        has three vertices for each triangle.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file; its name has another suffix; or it holds no triangles.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "triangle.obj")
    ...     _ = path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", encoding="utf-8")
    ...     vertices, faces = read_mesh(path)
    >>> vertices.shape, faces.tolist()
    ((3, 3), [[0, 1, 2]])
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    while suffixes and suffixes[-1] in (".gz", ".bz2"):
        suffixes.pop()
    if not suffixes or suffixes[-1] not in SUFFIXES:
        raise ValueError(f"{path}: wanted a mesh whose name ends with {', '.join(SUFFIXES)}")
    data = read_bytes(path)
    with said_of(path, "a triangle mesh"):
        import trimesh

        mesh = trimesh.load_mesh(
            io.BytesIO(data), file_type=suffixes[-1][1:], process=False, skip_materials=True
        )
        vertices = np.array(getattr(mesh, "vertices", []), float).reshape(-1, 3)
        faces = np.array(getattr(mesh, "faces", []), np.int64).reshape(-1, 3)
    if not len(faces):
        raise ValueError(f"{path}: wanted a triangle mesh, got no triangles")
    return vertices, faces
