"""A recipe run into a folder, a run that was cut off gone on with, another tomogram of a run."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

from ..core.messages import path_from_text, said_of, within
from ..core.names import checked_file_name, name_of_file
from ..core.runtime import progress_bar, stage_seed
from ..core.tables import check_names, to_table
from ..imaging import Imaging, render
from ..io.files import atomic_folder, read_toml, toml_text, write_text
from ..io.shared_folders import HOME, locked
from ..packing.protocols import Watch
from ..packing.simulations import asked_platform
from ..recipe import Recipe, dump_recipe, load_recipe, recipe_from
from .folder import IMAGING, MANIFEST, RECIPE, RENDERS, RunFolder, read_manifest
from .manifest import (
    describe,
    describe_series,
    describe_tomogram,
    file_list,
    write_manifest,
)
from .outputs import write_outputs, write_rendered
from .pipeline import Hook, Simulated, simulate, simulate_series, timed
from .size import check_size, check_stage, map_size
from .work import (
    begun,
    check_free,
    foreign_files,
    forget,
    load_unfinished,
    place_of,
    was_moved,
    whole_folder,
)

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
    with within("[run]"):
        asked_platform(recipe.run)
    with begun(out, recipe, force=force) as work:
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
    for name, value in vars(kept).items():
        if name not in LATER and getattr(wanted, name) != value:
            raise ValueError(
                f"recipe: {name}: differs from that of the unfinished run, which can only go on "
                f"with other {', '.join(LATER)}; begin anew with --force"
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
        write_outputs(made, folder, final=final)
    if hook is not None:
        hook("files", made)
    return write_manifest(folder, describe(made))


def render_again(
    out: str | os.PathLike[str],
    imaging: str | os.PathLike[str],
    *,
    name: str | None = None,
    force: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Make another tomogram of a run's density, on the same grid and so with the same masks.

    The new files are in ``OUT/renders/NAME``, with ``imaging.toml``, which makes them again, and
    the run's manifest names them all under ``"renders"``; what it says of this one is returned.

    Parameters
    ----------
    out : path-like
        The folder of a run.
    imaging : path-like
        A TOML file with ``[imaging]``, which changes only what it names of the run's own, and
        at the top, where wanted, a ``seed`` for the noise.
    name : str, optional
        Name of the render; by default that of the file.
    force : bool, optional
        Whether a render of the same name is replaced, and one that takes more memory or disk than
        there is begun all the same, with a warning; files in it that the manifest does not list,
        or that were changed, forbid it.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Raises
    ------
    FileExistsError
        There is a render of that name, and it may not be replaced.
    FileNotFoundError, ValueError, TypeError
        `out` lacks a file of a run, or a file is not good.
    """
    run_folder, imaging = RunFolder(out), Path(imaging)
    name = render_name(imaging, name)
    target = run_folder.path / RENDERS / path_from_text(name)
    if os.path.lexists(target) and not force:
        raise FileExistsError(f"{target}: exists; give another name, or --force to replace it")
    if target.parent.is_symlink():
        raise FileExistsError(f"{target.parent}: is a link; nothing is written through it")
    recipe = run_folder.recipe()
    wanted, seed = load_imaging(imaging, recipe)
    if run_folder.grid is not None:
        again = dataclasses.replace(recipe, imaging=wanted)
        check_size(map_size(again, run_folder.grid.shape), target, force=force)
    start = time.perf_counter()
    target.parent.mkdir(exist_ok=True)
    foreign = partial(foreign_files, run_folder.path)
    with atomic_folder(target, foreign=foreign) as folder:
        rendered = render(
            run_folder.density(),
            wanted,
            seed=stage_seed(seed, "noise", recipe.index),
            progress=progress,
        )
        write_rendered(folder, rendered)
        write_text(folder / IMAGING, toml_text({"seed": seed, "imaging": to_table(wanted)}))
    record = {
        "seed": seed,
        "tomogram": describe_tomogram(wanted, rendered),
        "seconds": time.perf_counter() - start,
        "files": file_list(target),
    }
    with locked(run_folder.path / HOME / "lock", wait=True):
        # Read anew: another render may have been written meanwhile.
        manifest = read_manifest(run_folder.path)
        with said_of(run_folder.path / MANIFEST, "the manifest of a run"):
            manifest.setdefault(RENDERS, {})[name] = record
        text = json.dumps(manifest, indent=1, allow_nan=False)
        write_text(run_folder.path / MANIFEST, text + "\n")
    return record


def render_name(imaging: str | os.PathLike[str], name: str | None) -> str:
    """Return the name of a render: that of the file of its imaging, where none is given."""
    return checked_file_name(name_of_file(Path(imaging).stem) if name is None else name)


def load_imaging(path: Path, recipe: Recipe) -> tuple[Imaging, int]:
    """Return how a file for `render_again` changes a recipe's imaging, and its seed."""
    document = read_toml(path)
    try:
        check_names(document, ["seed", "imaging"], "")
        changed = recipe_from(document, base=recipe)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from None
    return changed.imaging, changed.seed
