"""A folder of outputs that is whole or not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MANIFEST = "manifest.json"
"""The file that says that a folder is a run's: the last one written."""


@contextmanager
def whole_folder(
    out: str | os.PathLike[str], *, force: bool = False, inside: Path | None = None
) -> Iterator[Path]:
    """Yield a hidden folder beside `out` that becomes `out` when the block ends well.

    Parameters
    ----------
    out : path-like
        The folder to make.
    force : bool, optional
        Whether a folder that an earlier run wrote is replaced. It is removed only when the new
        one is in its place.
    inside : pathlib.Path, optional
        Where the hidden folder is, on the same disc, in place of beside `out`.

    Yields
    ------
    pathlib.Path
        An empty folder; it does not survive an error or an interruption.

    Raises
    ------
    FileExistsError
        `out` exists and may not be replaced.
    """
    out = Path(out).resolve()
    check_free(out, force=force)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=inside or out.parent, prefix=f".{out.name}.partial-"))
    # mkdtemp makes folders for the owner alone; give it the mode that mkdir() would have.
    mask = os.umask(0)
    os.umask(mask)
    partial.chmod(0o777 & ~mask)
    try:
        yield partial
        check_free(out, force=force)
        _put(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_free(out: str | os.PathLike[str], *, force: bool = False) -> None:
    """Raise an error where a run may not write to `out`.

    Parameters
    ----------
    out : path-like
        The folder to make.
    force : bool, optional
        Whether a folder that an earlier run wrote may be replaced.

    Raises
    ------
    FileExistsError
        Something else is there, or a run's folder and `force` was not asked for.
    """
    out = Path(out)
    if not os.path.lexists(out):
        return
    if not (out / MANIFEST).is_file():
        raise FileExistsError(f"{out}: exists, and is no folder that a run wrote; give another one")
    if not force:
        raise FileExistsError(f"{out}: exists; give another folder, or --force to replace it")


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
