"""Another tomogram of a run: its own imaging, but for what is to be changed."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..core.keys import check_names
from ..core.messages import path_from_text, said_of, shown
from ..core.names import checked_file_name, name_of_file
from ..core.runtime import stage_seed
from ..core.settings import default_of, settings_fields
from ..core.tables import to_table
from ..imaging import Imaging, render
from ..io.files import atomic_folder, read_toml, toml_text, write_text
from ..io.shared_folders import HOME, locked
from ..recipe import Recipe, recipe_from
from .folder import IMAGING, MANIFEST, RENDERS, RunFolder, read_manifest
from .manifest import describe_tomogram, file_list
from .outputs import write_rendered
from .size import check_size, map_size
from .work import foreign_files

_log = logging.getLogger(__name__)

MOST_SAID = 8
"""Keys that a note names at most."""


class Changes(NamedTuple):
    """What makes a render: its imaging, the seed of its noise, and what is no longer the run's."""

    imaging: Imaging
    seed: int
    dropped: list[str]
    """``KEY = VALUE`` of the run's, where another preset or kind was begun from."""


def render_again(
    out: str | os.PathLike[str],
    imaging: str | os.PathLike[str] | Mapping[str, Any],
    *,
    name: str | None = None,
    force: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Make another tomogram of a run's density, on the same grid and so with the same masks.

    It is imaged as the run was, but for what is to be changed: ``defocus_um = 3`` alone changes
    the defocus, and noise, dose and all else stay. Where a ``preset``, or a ``kind`` that is not
    the run's, is named, that is begun from, and a note in the log tells what is thereby no longer
    the run's.

    The new files are in ``OUT/renders/NAME``, with ``imaging.toml``, which makes them again, and
    the run's manifest names them all under ``"renders"``, with the SNR that was measured; what it
    says of this one is returned.

    Parameters
    ----------
    out : path-like
        The folder of a run.
    imaging : path-like or mapping
        What is to be changed: a TOML file with the keys of ``[imaging]``, with or without that
        heading, and at the top, where wanted, a ``seed`` for the noise; or the same as a mapping.
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
        `out` lacks a file of a run, or what is to be changed is not good.

    Examples
    --------
    >>> render_again("scenes/0", {"defocus_um": 3}, name="closer")  # doctest: +SKIP
    {'seed': 0, 'tomogram': {'kind': 'tilt_series', 'snr_measured': 0.1, ...}, ...}
    """
    run_folder = RunFolder(out)
    name = render_name(imaging, name)
    target = run_folder.path / RENDERS / path_from_text(name)
    if os.path.lexists(target) and not force:
        raise FileExistsError(f"{target}: exists; give another name, or force=True to replace it")
    if target.parent.is_symlink():
        raise FileExistsError(f"{target.parent}: is a link; nothing is written through it")
    recipe = run_folder.recipe()
    wanted, seed, dropped = load_imaging(imaging, recipe)
    if dropped:
        more = f" and {len(dropped) - MOST_SAID} more" if len(dropped) > MOST_SAID else ""
        words = ", ".join(dropped[:MOST_SAID])
        _log.warning("cgpack: note: [imaging]: no longer the run's %s%s", words, more)
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


def render_name(imaging: str | os.PathLike[str] | Mapping[str, Any], name: str | None) -> str:
    """Return the name of a render: that of the file of its imaging, where none is given."""
    if name is None:
        if isinstance(imaging, Mapping):
            raise ValueError("name: is missing; wanted that of the render")
        name = name_of_file(Path(imaging).stem)
    return checked_file_name(name)


def load_imaging(imaging: str | os.PathLike[str] | Mapping[str, Any], recipe: Recipe) -> Changes:
    """Return what a file, or a mapping, for `render_again` makes of a recipe's imaging."""
    if isinstance(imaging, Mapping):
        return _changes(dict(imaging), recipe)
    document = read_toml(imaging)
    try:
        return _changes(document, recipe)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{imaging}: {error}") from None


def _changes(document: dict[str, Any], recipe: Recipe) -> Changes:
    if "imaging" not in document:
        # Of nothing but imaging, the heading may be left out.
        rest = {key: value for key, value in document.items() if key != "seed"}
        document = {key: document[key] for key in ("seed",) if key in document}
        document["imaging"] = rest
    check_names(document, ["seed", "imaging"], "")
    changed = recipe_from(document, base=recipe)
    before, now = recipe.imaging, changed.imaging
    begun_anew = "preset" in document["imaging"] or type(now) is not type(before)
    dropped = list(_dropped(before, now, document["imaging"])) if begun_anew else []
    return Changes(now, changed.seed, dropped)


def _dropped(before: Imaging, now: Imaging, asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield what one imaging sets and another has otherwise, but for what was asked for."""
    held, plain = dict(_flat(to_table(before))), dict(_flat(_defaults(type(before))))
    after, given = dict(_flat(to_table(now))), [key for key, _ in _flat(asked)]
    for key, value in held.items():
        chosen = value != plain.get(key)
        wanted = any(key == one or key.endswith(f".{one}") for one in given)
        if chosen and not wanted and after.get(key) != value:
            yield f"{key} = {shown(value)}"


def _defaults(kind: type[Imaging]) -> dict[str, Any]:
    """Return what a kind of imaging is of itself; nothing where something must be given."""
    given = [default_of(kind, field.name) for field in settings_fields(kind)]
    return {} if dataclasses.MISSING in given else to_table(kind())


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables under dotted keys."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
