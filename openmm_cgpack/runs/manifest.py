"""What a run says of itself: versions, seeds, times, and the numbers that it achieved."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..core import BallModel
from ..core.runtime import STAGES, stage_seed
from ..core.tables import to_table
from ..density import map_notes, scene_mass
from ..imaging import Imaging, Rendered
from ..io.shared_folders import digest
from ..io.volumes import fits_mrc
from ..recipe import Recipe
from .folder import INSTANCES, MANIFEST
from .pipeline import Simulated

PACKAGES = (
    "openmm_cgpack",
    "openmm",
    "numpy",
    "scipy",
    "scikit-learn",
    "mdtraj",
    "gemmi",
    "mrcfile",
    "matplotlib",
    "tqdm",
)
"""Packages whose versions a manifest records."""

FORMAT_VERSION = 1


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a run depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def describe(simulated: Simulated) -> dict[str, Any]:
    """Return the manifest of a run but for its files, in plain JSON types."""
    recipe = simulated.recipe
    packed = simulated.packed
    return {
        **_head(recipe, "run"),
        "stage_seeds": {
            stage: stage_seed(recipe.seed, stage, recipe.index).generate_state(4).tolist()
            for stage in STAGES
        },
        "versions": package_versions(),
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "settings": to_table(recipe),
        "dynamics": packed.provenance,
        "seconds": simulated.seconds,
        "file_seconds": simulated.file_seconds,
        "peak_memory_mib": _peak_memory(),
        "species": _species(simulated),
        "packing": _packing(simulated),
        "density": _density(simulated),
        "tomogram": describe_tomogram(recipe.imaging, simulated.rendered),
    }


def describe_tomogram(imaging: Imaging, rendered: Rendered) -> dict[str, Any]:
    """Return what a manifest says of a tomogram; the ratios are None where there is no noise."""
    definition = getattr(imaging, "snr_definition", "volume")
    return {
        "kind": imaging.kind,
        "snr_definition": definition,
        "snr_asked": getattr(imaging, "snr", None),
        "snr_measured": rendered.snr.get(definition),
        "snr_all": rendered.snr,
        "tilts": 0 if rendered.series is None else len(rendered.series),
    }


def describe_series(recipe: Recipe, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest of a crowding series; `parts` has those of its runs by folder."""
    return {
        **_head(recipe, "series"),
        "versions": package_versions(),
        "series": {name: manifest["packing"] for name, manifest in parts.items()},
    }


def _head(recipe: Recipe, kind: str) -> dict[str, Any]:
    return {
        "format": f"openmm_cgpack {kind}",
        "format_version": FORMAT_VERSION,
        "name": recipe.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": recipe.seed,
        "index": recipe.index,
    }


def write_manifest(folder: str | os.PathLike[str], manifest: dict[str, Any]) -> dict[str, Any]:
    """Write a manifest beside its files; return it with the size and SHA-256 of each."""
    folder = Path(folder)
    manifest = manifest | {"files": file_list(folder)}
    text = json.dumps(manifest, indent=1, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def file_list(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the size and SHA-256 of every file of a folder but manifests, by its path from there.

    Manifests grow with every render.
    """
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": digest(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def _species(simulated: Simulated) -> list[dict[str, Any]]:
    scene = simulated.packed.scene
    recipe = simulated.recipe
    placed = np.bincount(scene.species_index, minlength=len(scene.species))
    models = list(zip(scene.species, (e.count for e in recipe.structures), strict=True))
    asked = [count for _, count in recipe.start.asked(models, fraction=recipe.fraction)]
    if recipe.pack.populates:
        # Counts that follow from regions are known to `populate`, which places all or fails.
        asked = placed.tolist()
    return [
        {
            "name": model.name,
            "asked": asked[s],
            "placed": int(placed[s]),
            "balls": model.n_balls,
            "mass_da": _mass(model),
            "volume_nm3": model.volume,
            "atoms": model.structure.n_atoms * model.copies if model.structure else None,
            "source": model.structure.source if model.structure else None,
            "read": _read(model),
        }
        for s, model in enumerate(scene.species)
    ]


def _read(model: BallModel) -> dict[str, Any] | None:
    """Return what a species' file held and what of it was left out, and the membrane it marks."""
    structure = model.structure
    if structure is None or structure.contents is None:
        return None
    plane = structure.membrane_plane
    return asdict(structure.contents) | {
        "membrane": None
        if plane is None
        else {
            "centre_nm": plane.centre.tolist(),
            "normal": plane.normal.tolist(),
            "half_thickness_nm": plane.half_thickness,
        }
    }


def _packing(simulated: Simulated) -> dict[str, Any]:
    history = simulated.packed.history
    poses = simulated.poses
    mirrored = np.flatnonzero(poses.mirrored)
    return {
        "instances": simulated.packed.scene.n_instances,
        "balls": simulated.packed.scene.n_balls,
        "steps": int(history.step[-1]),
        "radius_of_gyration_start_nm": float(history.radius_of_gyration[0]),
        "radius_of_gyration_end_nm": float(history.radius_of_gyration[-1]),
        "fraction_start": float(history.fraction[0]),
        "fraction_end": float(history.fraction[-1]),
        "deepest_overlap_end": float(history.overlap[-1]),
        "rigid_body_rms_max_nm": float(poses.rms[poses.rigid].max(initial=0.0)),
        "mirrored": len(mirrored),
        "mirrored_instances": (mirrored + 1).tolist(),
    }


def _density(simulated: Simulated) -> dict[str, Any]:
    density, packed, settings = simulated.density, simulated.packed, simulated.recipe.density
    return {
        "shape_zyx": list(density.data.shape),
        "voxel_size_nm": density.voxel_size,
        "origin_in_scene_nm": density.origin.tolist(),
        "mass_da": float(density.data.sum(dtype=np.float64) * density.voxel_size**3),
        "expected_mass_da": scene_mass(packed, settings),
        "notes": list(map_notes(packed, density, settings)),
        "instances_file": INSTANCES + (".mrc" if fits_mrc(simulated.labels.instances) else ".zarr"),
        "labelled_instances": len(np.unique(simulated.labels.instances.data)) - 1,
    }


def _mass(model: BallModel) -> float:
    """Return the mass that a map of a model at rest holds, Da."""
    if model.structure is not None:
        return model.structure.mass * model.copies
    if model.geometry is None:
        raise ValueError(f"{model.name}: has neither a structure nor a geometry")
    return model.volume * model.geometry.density


def _peak_memory() -> float | None:
    """Return the largest memory that the process has held, MiB; None where nothing tells."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
