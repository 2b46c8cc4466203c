"""A recipe run into a folder, and a run that was cut off gone on with."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path
from typing import Any

from ..core.progress import progress_bar
from ..core.settings import settings_fields
from ..packing.building import check_files
from ..packing.protocols import Watch
from ..packing.simulations import asked_platform
from ..recipe import Recipe, dump_recipe, load_recipe
from .folder import RECIPE, read_manifest
from .manifest import (
    describe,
    describe_series,
    write_manifest,
)
from .outputs import write_outputs
from .pipeline import Hook, Simulated, simulate, simulate_series, tell_time, timed
from .size import check_stage, intention
from .work import (
    begun,
    check_free,
    forget,
    load_unfinished,
    place_of,
    was_moved,
    whole_folder,
)

_log = logging.getLogger(__name__)

LATER = ("name", "density", "imaging", "files")
"""Tables of a recipe that follow the packing: a run goes on from its packing with others."""


def run(
    recipe: Recipe | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    index: int | None = None,
    force: bool = False,
    hook: Hook | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Run a recipe and write everything into a folder.

    A plain function of plain arguments, which any scheduler can send away. The folder appears
    when all of it is written. Until then the run works in the folder ``OUT.unfinished``, which
    stays where it fails or is interrupted after the packing began: `resume` goes on from there. A
    recipe with ``fractions`` makes a folder of folders, as from a run each: see
    `simulate_series`.

    Parameters
    ----------
    recipe : Recipe or path-like
        The recipe, or its file.
    out : path-like
        The folder to make.
    index : int, optional
        Number of the scene, where one recipe makes many: each index has seeds of its own. The
        recipe's when left out.
    force : bool, optional
        Whether a folder that an earlier run wrote, and an unfinished one, is replaced, and whether
        a run that takes more memory or disk than there is begins all the same, with a warning.
    hook, watch : callable, optional
        See `simulate`; `hook` is called once more when the files are written, as ``"files"``.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    dict
        What ``manifest.json`` holds.

    Raises
    ------
    FileExistsError
        `out` exists and may not be replaced.
    ValueError, TypeError, StructureError, OSError
        The recipe or a file that it names is not good, or the run takes more than there is.
    PlacementError, PackingError
        The scene could not be made; of a packing, the best state is kept.

    Examples
    --------
    The first two scenes of a recipe, each with seeds of its own:

    >>> for index in range(2):  # doctest: +SKIP
    ...     manifest = run("crowded.toml", f"scenes/{index}", index=index)
    ...     print(manifest["packing"])
    """
    out = place_of(out)
    check_free(out, force=force)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    if index is not None:
        recipe = dataclasses.replace(recipe, index=index)
    with recipe.within("[run]"):
        asked_platform(recipe.run)
    with recipe.within():
        check_files(recipe.structures)
    with begun(out, recipe, force=force) as work:
        _log.info("%s", intention(recipe))
        return _run(recipe, out, work, force, hook, watch, progress)


def resume(
    out: str | os.PathLike[str],
    recipe: Recipe | str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    hook: Hook | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Go on with a run that did not come to its end; return what ``manifest.json`` holds.

    On the Reference platform, and on the CPU platform with one thread, it ends with the files of
    a run that was not interrupted, byte for byte but for the times in the manifest.

    Parameters
    ----------
    out : path-like
        The folder that the run was to make.
    recipe : Recipe or path-like, optional
        The run's recipe with other tables `LATER`: the run goes on with these and the packing that
        it has.
    force, hook, watch, progress : optional
        See `run`.

    Raises
    ------
    FileNotFoundError
        There is no such run.
    FileExistsError
        `out` exists and may not be replaced, or another process is at the run.
    ValueError
        The recipe is that of another packing.
    PackingError
        The packing failed.
    """
    out = place_of(out)
    kept = load_unfinished(out)
    if was_moved(out):
        # The process was killed after its last act but one.
        forget(out)
        return read_manifest(out)
    check_free(out, force=force)
    if recipe is not None:
        kept = _with_later(kept, recipe if isinstance(recipe, Recipe) else load_recipe(recipe))
    with begun(out, kept, resume=True) as work:
        return _run(kept, out, work, force, hook, watch, progress)


def _with_later(kept: Recipe, wanted: Recipe) -> Recipe:
    """Return an unfinished run's recipe with the later tables of another."""
    for field in settings_fields(Recipe):
        if field.name not in LATER and getattr(wanted, field.name) != getattr(kept, field.name):
            raise ValueError(
                f"recipe: {field.name}: differs from that of the unfinished run, which can only go "
                f"on with other {', '.join(LATER)}; begin anew with force=True"
            )
    if wanted.files.trajectory and not kept.files.trajectory:
        raise ValueError(
            "files: trajectory: the frames of what is packed so far were not kept; begin anew with "
            "force=True"
        )
    return dataclasses.replace(kept, **{name: getattr(wanted, name) for name in LATER})


def _run(
    recipe: Recipe,
    out: Path,
    work: Path,
    force: bool,
    hook: Hook | None,
    watch: Watch | None,
    progress: bool,
) -> dict[str, Any]:
    def after(stage: str, made: Simulated) -> None:
        with recipe.within():
            check_stage(stage, made, out, force=force)
        if hook is not None:
            hook(stage, made)

    with whole_folder(out, force=force, inside=work) as folder:
        if recipe.fractions is None:
            made = simulate(recipe, work=work, hook=after, watch=watch, progress=progress)
            return _write(made, folder, out, hook)
        parts = {}
        series = simulate_series(recipe, work=work, hook=after, watch=watch, progress=progress)
        for fraction, made in zip(recipe.fractions, series, strict=True):
            name = f"fraction_{fraction}"
            (folder / name).mkdir()
            parts[name] = _write(made, folder / name, out / name, hook)
        # The last one's recipe has all fractions, and the platform.
        text = dump_recipe(made.recipe, folder=out)
        (folder / RECIPE).write_text(text, encoding="utf-8")
        return write_manifest(folder, describe_series(made.recipe, parts))


def _write(made: Simulated, folder: Path, final: Path, hook: Hook | None) -> dict[str, Any]:
    """Write a run's files and its manifest; return the latter."""
    with timed(made.seconds, "files"), progress_bar("files", show=made.progress):
        made.file_seconds = write_outputs(made, folder, final=final)
    tell_time("files", made.seconds)
    if hook is not None:
        hook("files", made)
    return write_manifest(folder, describe(made))
