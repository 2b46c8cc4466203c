"""A recipe, run into a folder, and a run that was cut off gone on with."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..packing.protocols import Watch
from .folder import MANIFEST, check_free, whole_folder
from .manifest import describe, describe_series, write_manifest
from .pipeline import Simulated, simulate, simulate_series, stage, write_outputs
from .sections import Recipe
from .toml import dump_recipe, load_recipe
from .unfinished import forget, load_unfinished, mark_moving, started, was_moved


def run(
    recipe: Recipe | str | os.PathLike[str],
    index: int | None,
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    resumable: bool = False,
    watch: Watch | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Run a recipe and write everything into a folder.

    A plain function of plain arguments, which any scheduler can send away. The folder appears
    when all of it is written; a run that fails or is interrupted leaves nothing, unless it can be
    resumed. A recipe with ``fractions`` makes a folder of folders, as from a run each: see
    `simulate_series`.

    Parameters
    ----------
    recipe : Recipe or path-like
        The recipe, or its file.
    index : int or None
        Number of the scene, where one recipe makes many: each index has seeds of its own. None
        takes the recipe's.
    out : path-like
        The folder to make.
    force : bool, optional
        Whether a folder that an earlier run wrote is replaced.
    resumable : bool, optional
        Whether to keep checkpoints in the folder ``OUT.unfinished`` until `out` is there, for
        `resume` to go on from.
    watch : callable, optional
        See `pack_scene`.
    progress : bool, optional
        Whether to show progress bars on standard error.

    Returns
    -------
    dict
        What ``manifest.json`` holds.

    Raises
    ------
    FileExistsError
        `out` exists and may not be replaced.
    ValueError, TypeError, StructureError, OSError
        The recipe or a file that it names is not good.
    PlacementError, PackingError
        The scene could not be made.

    Examples
    --------
    The first two scenes of a recipe, each with seeds of its own:

    >>> for index in range(2):  # doctest: +SKIP
    ...     manifest = run("crowded.toml", index, f"scenes/{index}")
    ...     print(manifest["packing"])
    """
    out = Path(out).resolve()
    check_free(out, force=force)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    if index is not None:
        recipe = dataclasses.replace(recipe, index=index)
    if not resumable:
        return _run(recipe, out, force=force, watch=watch, progress=progress)
    with started(out, recipe, force=force) as work:
        return _run(recipe, out, force=force, watch=watch, progress=progress, work=work)


def resume(
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    watch: Watch | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Go on with a run that did not come to its end.

    On the Reference platform, and on the CPU platform with one thread, it ends with the files of
    a run that was not interrupted, byte for byte but for the times in the manifest.

    Parameters
    ----------
    out : path-like
        The folder that the run was to make.
    force : bool, optional
        Whether a folder that an earlier run wrote is replaced.
    watch : callable, optional
        See `pack_scene`.
    progress : bool, optional
        Whether to show progress bars on standard error.

    Returns
    -------
    dict
        What ``manifest.json`` holds.

    Raises
    ------
    FileNotFoundError
        There is no such run.
    FileExistsError
        `out` exists and may not be replaced, or another process is at the run.
    """
    out = Path(out).resolve()
    recipe = load_unfinished(out)
    if was_moved(out):
        # The process was killed after its last act but one.
        forget(out)
        return dict(json.loads((out / MANIFEST).read_text(encoding="utf-8")))
    check_free(out, force=force)
    with started(out, recipe, resume=True) as work:
        return _run(recipe, out, force=force, watch=watch, progress=progress, work=work)


def _run(
    recipe: Recipe,
    out: Path,
    *,
    force: bool,
    watch: Watch | None,
    progress: bool,
    work: Path | None = None,
) -> dict[str, Any]:
    with whole_folder(out, force=force, inside=work) as folder:
        if recipe.scene.fractions is None:
            simulated = simulate(recipe, work=work, watch=watch, progress=progress)
            manifest = _written(simulated, folder, final=out)
        else:
            series = simulate_series(recipe, work=work, watch=watch, progress=progress)
            manifest = _series_written(series, recipe.scene.fractions, folder, final=out)
        if work is not None:
            mark_moving(work, folder)
        return manifest


def _written(simulated: Simulated, folder: Path, *, final: Path) -> dict[str, Any]:
    """Write a run's files and its manifest; return the latter."""
    with stage(simulated.seconds, "files"):
        write_outputs(simulated, folder, final=final)
    return write_manifest(folder, describe(simulated))


def _series_written(
    series: Iterable[Simulated], fractions: Sequence[float], folder: Path, *, final: Path
) -> dict[str, Any]:
    """Write each run of a series into a folder of its own; return the manifest of the whole."""
    parts = {}
    for fraction, simulated in zip(fractions, series, strict=True):
        name = f"fraction_{fraction}"
        (folder / name).mkdir()
        parts[name] = _written(simulated, folder / name, final=final / name)
        # The last one's has all fractions.
        recipe = simulated.recipe
    text = dump_recipe(recipe, folder=final)
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    return write_manifest(folder, describe_series(recipe, parts))
