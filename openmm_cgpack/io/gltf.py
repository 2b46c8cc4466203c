"""Meshes as binary glTF 2.0."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.units import ANGSTROM_PER_NM
from .atomic import atomic_path

_FLOAT, _UINT32 = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_MAGIC = 0x46546C67


def write_glb(
    path: str | os.PathLike[str],
    surfaces: Mapping[int, tuple[np.ndarray, np.ndarray]],
    *,
    colour: tuple[float, float, float] = (0.7, 0.7, 0.7),
) -> None:
    """Write surfaces as one binary glTF file, in Å.

    Parameters
    ----------
    path : path-like
        Where to write: ``.glb``.
    surfaces : mapping of int to (vertices, faces)
        Vertices (v, 3), nm, and triangles (f, 3) by the number of their instance: each is a mesh
        ``instance-NUMBER`` whose ``extras`` hold ``instance_id``.
    colour : (float, float, float), optional
        Red, green and blue of all, 0 to 1.

    Raises
    ------
    ValueError
        There is no surface.
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
