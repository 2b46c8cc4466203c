"""What an unfinished run leaves, to go on from."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core import PackingError, PlacementError
from .folder import MANIFEST, check_free
from .sections import Recipe
from .toml import dump_recipe, load_recipe

RECIPE = "recipe.toml"
SCENE = "scene.npz"
CHECKPOINT = "checkpoint.npz"
"""Files of an unfinished run's folder: what it makes, where it began, how far it is."""

_LOCK = "lock"
_MOVING = "moving"

_log = logging.getLogger(__name__)


def unfinished_folder(out: str | os.PathLike[str]) -> Path:
    """Return the folder beside `out` that a run which can be resumed works in.

    Examples
    --------
    >>> unfinished_folder("runs/a").name
    'a.unfinished'
    """
    out = Path(out).resolve()
    return out.with_name(f"{out.name}.unfinished")


def load_unfinished(out: str | os.PathLike[str]) -> Recipe:
    """Return the recipe of the unfinished run that was to make `out`.

    Parameters
    ----------
    out : path-like
        The folder that the run was to make.

    Returns
    -------
    Recipe

    Raises
    ------
    FileNotFoundError
        There is no such run.
    """
    path = unfinished_folder(out) / RECIPE
    if not path.is_file():
        raise FileNotFoundError(f"{out}: no unfinished run to resume: there is no {path.parent}")
    return load_recipe(path)


@contextmanager
def started(
    out: str | os.PathLike[str], recipe: Recipe, *, force: bool = False, resume: bool = False
) -> Iterator[Path]:
    """Yield the folder that an unfinished run works in; it goes when the block ends well.

    It goes too when the recipe is what fails, or when a run is interrupted before its first
    checkpoint. After any other end, the end of the process by force included, `load_unfinished`
    finds it.

    Parameters
    ----------
    out : path-like
        The folder that the run makes.
    recipe : Recipe
        The recipe, kept in the folder.
    force : bool, optional
        Whether an earlier unfinished run of the same folder is thrown away.
    resume : bool, optional
        Whether an unfinished run goes on; then its folder must be there.

    Yields
    ------
    pathlib.Path
        The folder.

    Raises
    ------
    FileExistsError
        There is an unfinished run and neither `force` nor `resume`, or another process is at it.
    """
    folder = unfinished_folder(out)
    if not resume:
        _begin(folder, Path(out), recipe, force=force)
    with _locked(folder):
        for left in folder.glob(".*"):
            # Of a process that was killed: files half written, and outputs.
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield folder
        except (ValueError, TypeError, PlacementError, PackingError):
            if not resume:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        except BaseException as error:
            if not resume and not any(folder.glob(f"{Path(CHECKPOINT).stem}*")):
                shutil.rmtree(folder, ignore_errors=True)
                raise
            words = f"unfinished; go on with: cgpack simulate --resume {out}"
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(words) from None
            _log.warning(words)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def mark_moving(folder: Path, outputs: Path) -> None:
    """Note in an unfinished run's folder that `outputs` are whole and about to take their place."""
    (folder / _MOVING).write_text(_digest(outputs), encoding="utf-8")


def was_moved(out: str | os.PathLike[str]) -> bool:
    """Return whether an unfinished run has put its outputs in their place, and only that."""
    note = unfinished_folder(out) / _MOVING
    if not (note.is_file() and (Path(out) / MANIFEST).is_file()):
        return False
    return note.read_text(encoding="utf-8") == _digest(Path(out))


def forget(out: str | os.PathLike[str]) -> None:
    """Remove the folder of an unfinished run."""
    shutil.rmtree(unfinished_folder(out))


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def _begin(folder: Path, out: Path, recipe: Recipe, *, force: bool) -> None:
    check_free(out, force=force)
    if folder.exists():
        # Without a recipe it is what is left of a run that had just begun, or just ended.
        if (folder / RECIPE).exists() and not force:
            raise FileExistsError(
                f"{folder}: an unfinished run; go on with --resume {out}, or --force to begin anew"
            )
        with _locked(folder):
            shutil.rmtree(folder)
    folder.mkdir(parents=True)
    # Whole before it has its name: a run that is killed here has no recipe, and is none.
    part = folder / f".{RECIPE}"
    part.write_text(dump_recipe(recipe, folder=folder), encoding="utf-8")
    part.replace(folder / RECIPE)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out; the lock goes with the process, however that ends."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with open(folder / _LOCK, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(f"{folder}: another process is at this run") from None
        yield
