"""Another tomogram of a scene that is packed already."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from ..io.atomic import atomic_folder, atomic_path
from ..io.scenes import load_packed
from .folder import MANIFEST
from .imaging import describe_tomogram, render_recipe, write_rendered
from .manifest import file_list
from .pipeline import draw_density
from .toml import dump_imaging, load_imaging, load_recipe

RENDERS = "renders"
"""Folder of the renders in the folder of a run; one folder for each."""


def render_again(
    out: str | os.PathLike[str],
    imaging: str | os.PathLike[str],
    *,
    name: str | None = None,
    force: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Make another tomogram of a run's scene, on the same grid and so with the same masks.

    The density is drawn from ``packed.npz`` anew, as the run's recipe has it; nothing is packed.
    The new files are in ``OUT/renders/NAME``, with ``imaging.toml``, which makes them again, and
    the run's manifest names them all under ``"renders"``.

    Parameters
    ----------
    out : path-like
        The folder of a run.
    imaging : path-like
        A TOML file with ``[imaging]`` and ``[tomogram]``: see `load_imaging`.
    name : str, optional
        Name of the render; by default that of the file.
    force : bool, optional
        Whether a render of the same name is replaced.
    progress : bool, optional
        Whether to show progress bars on standard error.

    Returns
    -------
    dict
        What the manifest says of the render.

    Raises
    ------
    FileExistsError
        There is a render of that name, and it may not be replaced.
    FileNotFoundError
        `out` lacks a file of a run.
    ValueError, TypeError, OSError
        A file is not good.
    """
    out, imaging = Path(out), Path(imaging)
    name = imaging.stem if name is None else name
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise ValueError(f"name: wanted letters, digits, '.', '-' and '_', got {name!r}")
    target = out / RENDERS / name
    if target.exists() and not force:
        raise FileExistsError(f"{target}: exists; give another name, or --force to replace it")
    _read_manifest(out)
    recipe = load_imaging(imaging, load_recipe(out / "recipe.toml"))
    start = time.perf_counter()
    packed = load_packed(out / "packed.npz")
    density = draw_density(recipe, packed, progress=progress)
    rendered, additions = render_recipe(recipe, density, progress=progress)
    target.parent.mkdir(exist_ok=True)
    with atomic_folder(target) as folder:
        write_rendered(folder, rendered, additions)
        (folder / "imaging.toml").write_text(dump_imaging(recipe), encoding="utf-8")
    record = {
        "seed": recipe.seed,
        "tomogram": describe_tomogram(recipe, rendered),
        "seconds": time.perf_counter() - start,
        "files": file_list(target),
    }
    # Read anew: another render may have been written meanwhile.
    manifest = _read_manifest(out)
    manifest.setdefault(RENDERS, {})[name] = record
    with atomic_path(out / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n", "utf-8")
    return record


def _read_manifest(out: Path) -> dict[str, Any]:
    path = out / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; wanted the folder of a run")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: wanted the manifest of a run ({error})") from None
