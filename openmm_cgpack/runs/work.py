"""Folders on their way: outputs that are whole or not there, and what an unfinished run leaves.

A run that is to make OUT works in ``OUT.unfinished``: its recipe, the scene as it was placed and
the packing's checkpoint are there from when they exist, and the outputs are written into a hidden
folder in it, which takes the name OUT when the last file is written. So OUT is whole or not there,
and whatever ends a run early, what it has made is there to go on from.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core import PackingError
from ..core.messages import shell_word
from ..io.scenes import save_packed
from ..recipe import Recipe, dump_recipe, load_recipe
from .folder import BEST, CHECKPOINT, MANIFEST, RECIPE

_LOCK = "lock"
_MOVING = "moving"
_FAILED = "failed"
"""Notes in the folder: outputs are whole and about to be moved; the packing failed for good."""

_log = logging.getLogger(__name__)


def check_free(out: str | os.PathLike[str], *, force: bool = False) -> None:
    """Raise FileExistsError where a run may not write to `out`."""
    out = Path(out)
    if not os.path.lexists(out):
        return
    if not (out / MANIFEST).is_file():
        raise FileExistsError(f"{out}: exists, and is no folder that a run wrote; give another one")
    if not force:
        raise FileExistsError(f"{out}: exists; give another folder, or --force to replace it")


@contextmanager
def whole_folder(out: Path, *, force: bool = False, inside: Path) -> Iterator[Path]:
    """Yield an empty hidden folder in `inside` that becomes `out` when the block ends well.

    With `force` a folder that an earlier run wrote is replaced, and removed only when the new one
    is in its place. The hidden one does not survive an error or an interruption.
    """
    partial = Path(tempfile.mkdtemp(dir=inside, prefix=f".{out.name}.partial-"))
    # mkdtemp makes folders for the owner alone; give it the mode that mkdir() would have.
    mask = os.umask(0)
    os.umask(mask)
    partial.chmod(0o777 & ~mask)
    try:
        yield partial
        check_free(out, force=force)
        (inside / _MOVING).write_text(_digest(partial), encoding="utf-8")
        _put(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put(partial: Path, out: Path) -> None:
    if not out.exists():
        partial.rename(out)
        return
    aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.partial-old-"))
    old = aside / out.name
    out.rename(old)
    try:
        partial.rename(out)
    except BaseException:
        old.rename(out)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)


def work_folder(out: str | os.PathLike[str]) -> Path:
    """Return the folder beside `out` that its run works in."""
    out = Path(out).resolve()
    return out.with_name(f"{out.name}.unfinished")


def load_unfinished(out: str | os.PathLike[str]) -> Recipe:
    """Return the recipe of the unfinished run that was to make `out`.

    Raises
    ------
    FileNotFoundError
        There is no such run.
    PackingError
        Its packing failed, and would fail again.
    """
    work = work_folder(out)
    if not (work / RECIPE).is_file():
        raise FileNotFoundError(f"{out}: no unfinished run to resume: there is no {work}")
    if (work / _FAILED).is_file():
        raise PackingError((work / _FAILED).read_text(encoding="utf-8"))
    return load_recipe(work / RECIPE)


def was_moved(out: Path) -> bool:
    """Return whether an unfinished run has put its outputs in their place, and only that."""
    note = work_folder(out) / _MOVING
    if not (note.is_file() and (out / MANIFEST).is_file()):
        return False
    return note.read_text(encoding="utf-8") == _digest(out)


def forget(out: Path) -> None:
    """Remove the folder of an unfinished run."""
    shutil.rmtree(work_folder(out))


@contextmanager
def begun(
    out: Path, recipe: Recipe, *, force: bool = False, resume: bool = False
) -> Iterator[Path]:
    """Yield the folder that a run works in; it goes when the block ends well.

    It goes too when the block fails before there is anything to go on from. After any other end,
    the end of the process by force included, `load_unfinished` finds it. `force` throws an earlier
    unfinished run away, `resume` goes on with it; FileExistsError where there is one and neither
    was said, or where another process is at it.
    """
    work = work_folder(out)
    if not resume:
        _clear(work, out, force=force)
        work.mkdir(parents=True)
    with _locked(work):
        for left in work.glob(".*"):
            # Of a process that was killed: files half written, and outputs.
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        # Whole before it has its name: a run that is killed here has no recipe, and is none.
        part = work / f".{RECIPE}"
        part.write_text(dump_recipe(recipe, folder=work), encoding="utf-8")
        part.replace(work / RECIPE)
        try:
            yield work
        except BaseException as error:
            words = _left(work, out, error)
            if words is None and not resume:
                shutil.rmtree(work, ignore_errors=True)
            if words is None:
                raise
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(words) from None
            _log.warning("cgpack: note: %s", words)
            raise
    shutil.rmtree(work, ignore_errors=True)


def _left(work: Path, out: Path, error: BaseException) -> str | None:
    """Say what an error leaves to go on from; None where that is nothing."""
    if isinstance(error, PackingError):
        if error.best is None:
            return None
        save_packed(work / BEST, error.best)
        (work / _FAILED).write_text(str(error), encoding="utf-8")
        return f"the best state is kept: {work / BEST}"
    if not any(work.glob(f"{Path(CHECKPOINT).stem}*")):
        return None
    place = shell_word(out)
    return (
        f"unfinished, what is packed is kept; go on with: cgpack simulate --resume {place}, or "
        "with a recipe in which later tables were changed: cgpack simulate RECIPE --resume ..."
    )


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def _clear(work: Path, out: Path, *, force: bool) -> None:
    check_free(out, force=force)
    if not work.exists():
        return
    # Without a recipe it is what is left of a run that had just begun, or just ended.
    if (work / RECIPE).exists() and not force:
        raise FileExistsError(
            f"{work}: an unfinished run; go on with --resume {shell_word(out)}, or --force to "
            "begin anew"
        )
    with _locked(work):
        shutil.rmtree(work)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out; the lock goes with the process, however that ends."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with open(folder / _LOCK, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(f"{folder}: another process is at this run") from None
        yield
