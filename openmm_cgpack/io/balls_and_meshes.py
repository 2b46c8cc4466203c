"""Shapes for viewers, in Å: balls as BILD and CMM, meshes as Wavefront OBJ and binary glTF 2.0."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import ArrayLike

from ..core.arrays import frozen
from ..core.palette import species_colours
from ..core.scene import Scene
from ..core.units import ANGSTROM_PER_NM
from .files import atomic_path

# Links as thick as this part of the thinner ball that they join stay visible within no ball.
_LINK = 0.1

# Codes of glTF.
_FLOAT, _UINT32 = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_MAGIC = 0x46546C67


def write_bild(
    path: str | os.PathLike[str],
    scene: Scene,
    positions: np.ndarray,
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
) -> None:
    """Write balls as spheres at their true radii, one colour a species.

    Parameters
    ----------
    path : path-like
        The file, ``.bild``.
    scene : Scene
        Whose balls these are.
    positions : (b, 3) array
        Ball centres, nm: those of the scene or of a packed scene.
    origin : (3,) array, optional
        Point that becomes 0 in the file, nm: the first voxel's centre, where the balls shall lie
        over a map written with its origin at 0.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack.core import BallModel, RigidTransforms
    >>> ball = BallModel(name="b", positions=[[0, 0, 0]], radii=[2], masses=[1], volume=33.5)
    >>> scene = Scene(species=(ball,), species_index=[0], transforms=RigidTransforms.identity(1))
    >>> with TemporaryDirectory() as folder:
    ...     write_bild(Path(folder, "b.bild"), scene, [[1, 2, 3]], origin=[0, 0, 1])
    ...     print(Path(folder, "b.bild").read_text().splitlines()[-1])
    .sphere 10.000 20.000 20.000 20.000
    """
    spheres = _spheres(scene, positions, origin)
    species = scene.species_index[scene.instance_of_ball]
    colours = species_colours(len(scene.species))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for index, model in enumerate(scene.species):
            rows = spheres[species == index]
            red, green, blue = colours[index]
            file.write(f".comment {' '.join(model.name.split())}\n")
            file.write(f".color {red:.4f} {green:.4f} {blue:.4f}\n")
            file.write((".sphere %.3f %.3f %.3f %.3f\n" * len(rows)) % tuple(rows.ravel()))


def write_cmm(
    path: str | os.PathLike[str],
    scene: Scene,
    positions: np.ndarray,
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
    links: bool = True,
) -> None:
    """Write balls as markers at their true radii, and bonds as links.

    Marker i + 1 is ball i; its note holds the species and the instance, counted from 1.

    Parameters
    ----------
    path : path-like
        The file, ``.cmm``.
    scene : Scene
        Whose balls these are.
    positions : (b, 3) array
        Ball centres, nm: those of the scene or of a packed scene.
    origin : (3,) array, optional
        Point that becomes 0 in the file, nm.
    links : bool, optional
        Whether bonds are written, those of `Scene.skeleton`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack.core import BallModel, RigidTransforms
    >>> ball = BallModel(name="b", positions=[[0, 0, 0]], radii=[2], masses=[1], volume=33.5)
    >>> scene = Scene(species=(ball,), species_index=[0], transforms=RigidTransforms.identity(1))
    >>> with TemporaryDirectory() as folder:
    ...     write_cmm(Path(folder, "b.cmm"), scene, scene.positions)
    ...     print(Path(folder, "b.cmm").read_text().count("<marker "))
    1
    """
    spheres = _spheres(scene, positions, origin)
    colours = [
        f'r="{red:.4f}" g="{green:.4f}" b="{blue:.4f}"'
        for red, green, blue in species_colours(len(scene.species))
    ]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('<marker_set name="openmm_cgpack">\n')
        for instance, species in enumerate(scene.species_index):
            note = quoteattr(f"{scene.species[species].name} {instance + 1}")
            for ball in range(scene.offsets[instance], scene.offsets[instance + 1]):
                x, y, z, radius = spheres[ball]
                file.write(
                    f'<marker id="{ball + 1}" x="{x:.3f}" y="{y:.3f}" z="{z:.3f}" '
                    f'{colours[species]} radius="{radius:.3f}" note={note}/>\n'
                )
        if links:
            pairs = scene.skeleton
            thickness = _LINK * spheres[pairs, 3].min(axis=1, initial=np.inf)
            of_bond = scene.species_index[scene.instance_of_ball[pairs[:, 0]]]
            for (a, b), species, radius in zip(pairs, of_bond, thickness, strict=True):
                ends = f'id1="{a + 1}" id2="{b + 1}"'
                file.write(f'<link {ends} {colours[species]} radius="{radius:.3f}"/>\n')
        file.write("</marker_set>\n")


def _spheres(scene: Scene, positions: np.ndarray, origin: ArrayLike) -> np.ndarray:
    """Return x, y, z and radius of all balls, (b, 4) Å."""
    positions = frozen(positions, "positions", (scene.n_balls, 3))
    places = positions - frozen(origin, "origin", (3,))
    return np.column_stack([places, scene.radii]) * ANGSTROM_PER_NM


def write_obj(
    path: str | os.PathLike[str], surfaces: Mapping[int, tuple[np.ndarray, np.ndarray]]
) -> None:
    """Write surfaces as Wavefront OBJ, in Å, with the vertices' normals.

    `surfaces` has vertices (v, 3), nm, and triangles (f, 3) by the number of their instance: each
    is an object ``instance-NUMBER``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> corner = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    >>> with TemporaryDirectory() as folder:
    ...     write_obj(Path(folder, "a.obj"), {7: (corner, [[0, 1, 2]])})
    ...     print(Path(folder, "a.obj").read_text())
    o instance-7
    v 0.000 0.000 0.000
    v 10.000 0.000 0.000
    v 0.000 10.000 0.000
    vn 0.0000 0.0000 1.0000
    vn 0.0000 0.0000 1.0000
    vn 0.0000 0.0000 1.0000
    f 1//1 2//2 3//3
    <BLANKLINE>
    """
    first = 1
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for number, (vertices, triangles) in surfaces.items():
            places, faces = np.asarray(vertices, float), np.asarray(triangles, np.int64)
            normals = _vertex_normals(places, faces)
            corners = np.repeat(faces + first, 2)
            file.write(f"o instance-{number}\n")
            flat = tuple((places * ANGSTROM_PER_NM).ravel())
            file.write(("v %.3f %.3f %.3f\n" * len(places)) % flat)
            file.write(("vn %.4f %.4f %.4f\n" * len(places)) % tuple(normals.ravel()))
            file.write(("f %d//%d %d//%d %d//%d\n" * len(faces)) % tuple(corners.tolist()))
            first += len(places)


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals of the vertices (v, 3), those of their faces weighted by area."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    across = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in faces.T:
        np.add.at(normals, corner, across)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    # 0 is added so that no zero has a sign.
    return normals / np.maximum(lengths, np.finfo(float).tiny) + 0.0


def write_glb(
    path: str | os.PathLike[str],
    surfaces: Mapping[int, tuple[np.ndarray, np.ndarray]],
    *,
    colour: tuple[float, float, float] = (0.7, 0.7, 0.7),
) -> None:
    """Write surfaces as one binary glTF file, in Å, of one colour (red, green, blue; 0 to 1).

    `surfaces` has vertices (v, 3), nm, and triangles (f, 3) by the number of their instance: each
    is a mesh ``instance-NUMBER`` whose ``extras`` hold ``instance_id``.
    """
    if not surfaces:
        raise ValueError(f"{path}: wanted at least one surface, got none")
    blobs: list[bytes] = []
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []

    def store(data: np.ndarray, target: int, accessor: dict[str, Any]) -> int:
        raw = data.tobytes()
        start = sum(map(len, blobs))
        views.append({"buffer": 0, "byteOffset": start, "byteLength": len(raw), "target": target})
        accessors.append({"bufferView": len(views) - 1, "byteOffset": 0, **accessor})
        blobs.append(raw)
        return len(accessors) - 1

    meshes, nodes = [], []
    for number, (vertices, triangles) in surfaces.items():
        places = (np.asarray(vertices) * ANGSTROM_PER_NM).astype("<f4")
        corners = store(
            places,
            _VERTICES,
            {
                "componentType": _FLOAT,
                "count": len(places),
                "type": "VEC3",
                "min": places.min(axis=0).tolist(),
                "max": places.max(axis=0).tolist(),
            },
        )
        faces = np.asarray(triangles).astype("<u4").ravel()
        indices = store(
            faces,
            _INDICES,
            {"componentType": _UINT32, "count": len(faces), "type": "SCALAR"},
        )
        primitive = {"attributes": {"POSITION": corners}, "indices": indices, "material": 0}
        extras = {"instance_id": int(number)}
        name = f"instance-{number}"
        meshes.append({"name": name, "primitives": [primitive], "extras": extras})
        nodes.append({"name": name, "mesh": len(meshes) - 1, "extras": extras})
    binary = b"".join(blobs)
    head = {
        "asset": {"version": "2.0", "generator": "openmm_cgpack"},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": [
            {
                "pbrMetallicRoughness": {
                    "baseColorFactor": [*map(float, colour), 1.0],
                    "metallicFactor": 0.0,
                },
                # Membranes have two sides.
                "doubleSided": True,
            }
        ],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    # Chunks end at multiples of four bytes, text filled with blanks.
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    with atomic_path(path) as temporary, Path(temporary).open("wb") as file:
        file.write(struct.pack("<III", _MAGIC, 2, 12 + 8 + len(text) + 8 + len(binary)))
        file.write(struct.pack("<II", len(text), _JSON) + text)
        file.write(struct.pack("<II", len(binary), _BIN) + binary)
