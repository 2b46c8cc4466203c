"""Scenes and packed scenes as .npz: arrays by name, and everything else as JSON inside."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np

from ..core import (
    AtomicStructure,
    BallModel,
    Elasticity,
    History,
    Links,
    Obstacle,
    PackedScene,
    RigidTransforms,
    Scene,
)
from ..core.boundary import boundary_from_json
from ..core.geometry import geometry_named
from .files import open_npz, write_npz

Value = TypeVar("Value")

FORMAT = "openmm_cgpack scene"
FORMAT_VERSION = 4


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
    history = _pack(arrays, "history/", packed.history)
    _write(
        path,
        arrays,
        {
            "kind": "packed scene",
            "scene": header,
            "boundary": packed.boundary.to_json(),
            "history": history,
            "provenance": packed.provenance,
        },
    )


def load_scene(path: str | os.PathLike[str]) -> Scene:
    """Read a scene from its file, or the placed one from that of a packed scene.

    Raises
    ------
    ValueError
        The file is not one of this program, or of another version of the format.
    FileNotFoundError
        There is no such file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack import as_packed, Filament, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1))
    >>> with TemporaryDirectory() as folder:
    ...     save_packed(Path(folder, "packed.npz"), packed)
    ...     load_scene(Path(folder, "packed.npz")).n_instances
    2
    """
    with _opened(path) as (header, arrays):
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
        The file is not a packed scene of this program, or of another version of the format.
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
    with _opened(path) as (header, arrays):
        if header["kind"] != "packed scene":
            raise ValueError(f"{path}: wanted a packed scene, got a {header['kind']}")
        return PackedScene(
            scene=_unpack_scene(arrays, header["scene"]),
            positions=arrays["packed/positions"],
            boundary=boundary_from_json(header["boundary"]),
            history=_unpack(History, arrays, "history/", header["history"]),
            provenance=dict(header["provenance"]),
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


def _opened(
    path: str | os.PathLike[str],
) -> AbstractContextManager[tuple[dict[str, Any], Mapping[str, np.ndarray]]]:
    return open_npz(path, kind=FORMAT, version=FORMAT_VERSION, wanted="a scene")


def _pack_scene(scene: Scene) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays: dict[str, np.ndarray] = {"species_index": scene.species_index, "fixed": scene.fixed}
    if scene.placed is not None:
        arrays["placed"] = scene.placed
    _pack(arrays, "", scene.transforms)
    _pack(arrays, "links/", scene.links)
    models = [_pack_model(arrays, f"species/{s}/", m) for s, m in enumerate(scene.species)]
    obstacle = scene.obstacle
    return arrays, {
        "species": models,
        "boundary": scene.boundary.to_json(),
        "obstacle": None if obstacle is None else _pack(arrays, "obstacle/", obstacle),
    }


def _pack_model(arrays: dict[str, np.ndarray], prefix: str, model: BallModel) -> dict[str, Any]:
    record = _pack(arrays, prefix, model, leave_out=("rigid_groups", "geometry", "structure"))
    for g, group in enumerate(model.rigid_groups):
        arrays[f"{prefix}rigid_groups/{g}"] = group
    record["rigid_groups"] = len(model.rigid_groups)
    geometry, structure = model.geometry, model.structure
    if geometry is not None:
        own = _pack(arrays, f"{prefix}geometry/", geometry)
        record["geometry"] = {"kind": geometry.kind, **own}
    if structure is not None:
        record["structure"] = _pack(arrays, f"{prefix}structure/", structure)
    return record


def _pack(
    arrays: dict[str, np.ndarray], prefix: str, value: Any, *, leave_out: Sequence[str] = ()
) -> dict[str, Any]:
    """Add a data type's arrays by their names after a prefix, and return its other fields."""
    record: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        if field.name in leave_out:
            continue
        if isinstance(held, np.ndarray):
            arrays[prefix + field.name] = held
        elif dataclasses.is_dataclass(held) and not isinstance(held, type):
            record[field.name] = dataclasses.asdict(held)
        else:
            record[field.name] = held
    return record


def _unpack(
    cls: type[Value],
    arrays: Mapping[str, np.ndarray],
    prefix: str,
    record: Mapping[str, Any],
    **more: Any,
) -> Value:
    """Return the data type whose fields `_pack` has returned and added to the arrays."""
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    fields: dict[str, Any] = {name: record[name] for name in names if name in record}
    fields |= {name: arrays[prefix + name] for name in names if prefix + name in arrays}
    return cls(**fields | more)


def _unpack_scene(arrays: Mapping[str, np.ndarray], header: dict[str, Any]) -> Scene:
    obstacle = header["obstacle"]
    return Scene(
        species=tuple(
            _unpack_model(arrays, f"species/{s}/", record)
            for s, record in enumerate(header["species"])
        ),
        species_index=arrays["species_index"],
        transforms=_unpack(RigidTransforms, arrays, "", {}),
        boundary=boundary_from_json(header["boundary"]),
        fixed=arrays["fixed"],
        placed=arrays.get("placed"),
        links=_unpack(Links, arrays, "links/", {}),
        obstacle=None if obstacle is None else _unpack(Obstacle, arrays, "obstacle/", obstacle),
    )


def _unpack_model(
    arrays: Mapping[str, np.ndarray], prefix: str, record: dict[str, Any]
) -> BallModel:
    more: dict[str, Any] = {}
    groups = range(record["rigid_groups"])
    more["rigid_groups"] = tuple(arrays[f"{prefix}rigid_groups/{g}"] for g in groups)
    if "geometry" in record:
        shape = record["geometry"]
        cls = geometry_named(shape["kind"])
        more["geometry"] = _unpack(cls, arrays, f"{prefix}geometry/", shape)
    if "structure" in record:
        structure = record["structure"]
        more["structure"] = _unpack(AtomicStructure, arrays, f"{prefix}structure/", structure)
    if record["elasticity"] is not None:
        more["elasticity"] = Elasticity(**record["elasticity"])
    return _unpack(BallModel, arrays, prefix, record, **more)
