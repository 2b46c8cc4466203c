"""Scenes and packed scenes as .npz: arrays by name, and everything else as JSON inside."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core import (
    AtomicStructure,
    BallModel,
    Geometry,
    History,
    Obstacle,
    PackedScene,
    RigidTransforms,
    Scene,
)
from ..core.boundary import boundary_from_json
from .npz import read_npz, write_npz
from .present import present

FORMAT = "openmm_cgpack scene"
FORMAT_VERSION = 2

_MODEL_ARRAYS = ("positions", "radii", "masses", "bonds", "angles")
_MODEL_NUMBERS = ("bond_k", "angle_k", "volume")
_STRUCTURE_ARRAYS = ("positions", "masses", "atoms", "spread", "file_origin")
_STRUCTURE_OPTIONAL = ("elements", "atom_table")
_STRUCTURE_PLAIN = ("name", "point_variance", "envelope_volume", "source")
_HISTORY = ("step", "radius_of_gyration", "fraction", "overlap", "energy")


def save_scene(path: str | os.PathLike[str], scene: Scene) -> None:
    """Write a scene.

    Parameters
    ----------
    path : path-like
        The file, ``*.npz``. Equal scenes give equal bytes.
    scene : Scene
        The scene, with its models and their structures.

    Raises
    ------
    OSError
        The file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 2)], seed=1)
    >>> with TemporaryDirectory() as folder:
    ...     save_scene(Path(folder, "scene.npz"), scene)
    ...     again = load_scene(Path(folder, "scene.npz"))
    >>> bool(np.array_equal(again.positions, scene.positions))
    True
    """
    arrays, header = _pack_scene(scene)
    _write(path, arrays, {"kind": "scene", "scene": header})


def save_packed(path: str | os.PathLike[str], packed: PackedScene) -> None:
    """Write a packed scene.

    Parameters
    ----------
    path : path-like
        The file, ``*.npz``. Equal scenes give equal bytes.
    packed : PackedScene
        The packed scene; all of it is kept.

    Raises
    ------
    OSError
        The file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack import as_packed, Filament, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1))
    >>> with TemporaryDirectory() as folder:
    ...     save_packed(Path(folder, "packed.npz"), packed)
    ...     again = load_packed(Path(folder, "packed.npz"))
    >>> bool(np.array_equal(again.positions, packed.positions))
    True
    """
    arrays, header = _pack_scene(packed.scene)
    arrays["packed/positions"] = packed.positions
    arrays |= {f"history/{key}": getattr(packed.history, key) for key in _HISTORY}
    _write(
        path,
        arrays,
        {
            "kind": "packed scene",
            "scene": header,
            "boundary": packed.boundary.to_json(),
            "provenance": packed.provenance,
        },
    )


def load_scene(path: str | os.PathLike[str]) -> Scene:
    """Read a scene, also from the file of a packed scene.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        The file is not one of this program, or of a later version of the format.
    FileNotFoundError
        There is no such file.

    Examples
    --------
    The placed scene of a packing's file:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack import as_packed, Filament, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1))
    >>> with TemporaryDirectory() as folder:
    ...     save_packed(Path(folder, "packed.npz"), packed)
    ...     load_scene(Path(folder, "packed.npz")).n_instances
    2
    """
    arrays, header = _read(path)
    return _unpack_scene(arrays, header["scene"])


def load_packed(path: str | os.PathLike[str]) -> PackedScene:
    """Read a packed scene.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    PackedScene

    Raises
    ------
    ValueError
        The file is not a packed scene of this program, or of a later version of the format.
    FileNotFoundError
        There is no such file.

    Examples
    --------
    A run keeps its packing as ``packed.npz``:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack import as_packed, Filament, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1))
    >>> with TemporaryDirectory() as folder:
    ...     save_packed(Path(folder, "packed.npz"), packed)
    ...     load_packed(Path(folder, "packed.npz")).scene.species[0].name
    'filament'
    """
    arrays, header = _read(path)
    if header["kind"] != "packed scene":
        raise ValueError(f"{path}: wanted a packed scene, got a {header['kind']}")
    return PackedScene(
        scene=_unpack_scene(arrays, header["scene"]),
        positions=arrays["packed/positions"],
        boundary=boundary_from_json(header["boundary"]),
        history=History(**{key: arrays[f"history/{key}"] for key in _HISTORY}),
        provenance=header["provenance"],
    )


def scene_digest(scene: Scene) -> str:
    """Return a digest of all that a scene's file holds.

    Parameters
    ----------
    scene : Scene
        The scene.

    Returns
    -------
    str
        The same for a scene and for what `load_scene` reads of it.
    """
    arrays, header = _pack_scene(scene)
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for key, array in sorted(arrays.items()):
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _write(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], header: dict) -> None:
    write_npz(path, header, arrays, kind=FORMAT, version=FORMAT_VERSION, compressed=True)


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    header, arrays = read_npz(present(path), kind=FORMAT, version=FORMAT_VERSION, wanted="a scene")
    return arrays, header


def _pack_scene(scene: Scene) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays = {
        "species_index": scene.species_index,
        "rotations": scene.transforms.rotations,
        "translations": scene.transforms.translations,
        "fixed": scene.fixed,
    }
    models = []
    for s, model in enumerate(scene.species):
        prefix = f"species/{s}"
        arrays |= {f"{prefix}/{key}": getattr(model, key) for key in _MODEL_ARRAYS}
        for g, group in enumerate(model.rigid_groups):
            arrays[f"{prefix}/rigid_groups/{g}"] = group
        models.append(
            {
                "name": model.name,
                "rigid_groups": len(model.rigid_groups),
                "geometry": _geometry_to_json(arrays, f"{prefix}/geometry", model.geometry),
                "structure": _structure_to_json(arrays, f"{prefix}/structure", model.structure),
                **{key: getattr(model, key) for key in _MODEL_NUMBERS},
            }
        )
    return arrays, {
        "species": models,
        "boundary": scene.boundary.to_json(),
        "obstacle": _obstacle_to_json(arrays, scene.obstacle),
    }


def _unpack_scene(arrays: Mapping[str, np.ndarray], header: dict[str, Any]) -> Scene:
    species = []
    for s, record in enumerate(header["species"]):
        prefix = f"species/{s}"
        groups = [arrays[f"{prefix}/rigid_groups/{g}"] for g in range(record["rigid_groups"])]
        fields: dict[str, Any] = {"name": record["name"], "rigid_groups": tuple(groups)}
        fields |= {key: arrays[f"{prefix}/{key}"] for key in _MODEL_ARRAYS}
        fields |= {key: record[key] for key in _MODEL_NUMBERS}
        species.append(
            BallModel(
                geometry=_geometry_from_json(arrays, f"{prefix}/geometry", record["geometry"]),
                structure=_structure_from_json(arrays, f"{prefix}/structure", record["structure"]),
                **fields,
            )
        )
    return Scene(
        species=tuple(species),
        species_index=arrays["species_index"],
        transforms=RigidTransforms(
            rotations=arrays["rotations"], translations=arrays["translations"]
        ),
        boundary=boundary_from_json(header["boundary"]),
        fixed=arrays.get("fixed", np.zeros(len(arrays["species_index"]), bool)),
        obstacle=_obstacle_from_json(arrays, header.get("obstacle")),
    )


def _geometry_to_json(
    arrays: dict[str, np.ndarray], prefix: str, geometry: Geometry | None
) -> dict[str, Any] | None:
    if geometry is None:
        return None
    record: dict[str, Any] = {"kind": geometry.kind}
    for field in dataclasses.fields(geometry):  # type: ignore[arg-type]
        value = getattr(geometry, field.name)
        if isinstance(value, np.ndarray):
            arrays[f"{prefix}/{field.name}"] = value
        else:
            record[field.name] = value
    return record


def _geometry_from_json(
    arrays: Mapping[str, np.ndarray], prefix: str, record: dict[str, Any] | None
) -> Geometry | None:
    if record is None:
        return None
    values = dict(record)
    kind = values.pop("kind")
    if kind not in Geometry.kinds:
        raise ValueError(
            f"geometry: wanted one of {', '.join(Geometry.kinds)}, got {kind!r}; a kind of "
            "your own is known once its module has been imported"
        )
    start = f"{prefix}/"
    values |= {key.removeprefix(start): a for key, a in arrays.items() if key.startswith(start)}
    return Geometry.kinds[kind](**values)


def _structure_to_json(
    arrays: dict[str, np.ndarray], prefix: str, structure: AtomicStructure | None
) -> dict[str, Any] | None:
    if structure is None:
        return None
    arrays |= {f"{prefix}/{key}": getattr(structure, key) for key in _STRUCTURE_ARRAYS}
    for key in _STRUCTURE_OPTIONAL:
        if getattr(structure, key) is not None:
            arrays[f"{prefix}/{key}"] = getattr(structure, key)
    return {key: getattr(structure, key) for key in _STRUCTURE_PLAIN}


def _structure_from_json(
    arrays: Mapping[str, np.ndarray], prefix: str, record: dict[str, Any] | None
) -> AtomicStructure | None:
    if record is None:
        return None
    fields: dict[str, Any] = dict(record)
    fields |= {key: arrays[f"{prefix}/{key}"] for key in _STRUCTURE_ARRAYS}
    fields |= {key: arrays.get(f"{prefix}/{key}") for key in _STRUCTURE_OPTIONAL}
    return AtomicStructure(**fields)


def _obstacle_to_json(
    arrays: dict[str, np.ndarray], obstacle: Obstacle | None
) -> dict[str, Any] | None:
    if obstacle is None:
        return None
    arrays["obstacle/mask"] = np.packbits(obstacle.mask)
    arrays["obstacle/origin"] = obstacle.origin
    shape = list(obstacle.mask.shape)
    return {"shape": shape, "voxel_size": obstacle.voxel_size, "beyond": obstacle.beyond}


def _obstacle_from_json(
    arrays: Mapping[str, np.ndarray], record: dict[str, Any] | None
) -> Obstacle | None:
    if record is None:
        return None
    shape = record["shape"]
    bits = np.unpackbits(arrays["obstacle/mask"], count=int(np.prod(shape)))
    return Obstacle(
        mask=bits.reshape(shape).astype(bool),
        origin=arrays["obstacle/origin"],
        voxel_size=record["voxel_size"],
        beyond=record["beyond"],
    )
