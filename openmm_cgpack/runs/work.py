"""Folders on their way: outputs that are whole or not there, and what an unfinished run leaves.

A run that is to make OUT works in ``OUT.unfinished``: its recipe, the scene as it was placed and
the packing's checkpoint are there from when they exist, and the outputs are written into a hidden
folder in it, which takes the name OUT when the last file is written. So OUT is whole or not there,
and whatever ends a run early, what it has made is there to go on from.

Of both, only what a run wrote is ever removed: in OUT what its manifest, and the records of what
was added later, list and nobody has changed; in ``OUT.unfinished``, which the hidden folder of its
lock marks as a run's, the files of the names below. Where there is anything else, `--force` is
refused.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from ..core import PackingError
from ..core.messages import said_of, shell_word
from ..io.files import write_text
from ..io.scenes import save_packed
from ..io.shared_folders import HOME, alone, digest, records_of, things
from ..recipe import Recipe, dump_recipe, load_recipe
from .folder import BEST, CHECKPOINT, MANIFEST, RECIPE, RENDERS, SCENE, read_manifest

_MOVING = "moving"
_FAILED = "failed"
"""Notes in the folder: outputs are whole and about to be moved; the packing failed for good."""

_log = logging.getLogger(__name__)


def place_of(out: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a run's folder; FileExistsError where it is a link."""
    if Path(out).is_symlink():
        raise FileExistsError(f"{out}: is a link; nothing is written through it")
    return Path(out).resolve()


def check_free(out: str | os.PathLike[str], *, force: bool = False) -> None:
    """Raise FileExistsError where a run may not write to `out`."""
    out = Path(out)
    if not os.path.lexists(out):
        return
    if not _is_run(out):
        raise FileExistsError(
            f"{out}: exists, and is no folder that a run wrote; give another one (force=True "
            "replaces only a run's)"
        )
    if not force:
        raise FileExistsError(f"{out}: exists; give another folder, or force=True to replace it")
    if held := foreign_files(out):
        more = f" (and {len(held) - 1} more)" if len(held) > 1 else ""
        raise FileExistsError(
            f"{held[0]}{more}: is not the run's, or was changed since; move it away before "
            f"force=True replaces {out}"
        )


def _is_run(folder: Path) -> bool:
    """Return whether a folder has the manifest of a run; one that cannot be read is none."""
    try:
        manifest = read_manifest(folder)
    except (OSError, ValueError):
        return False
    return str(manifest.get("format")).startswith("openmm_cgpack ")


def foreign_files(out: Path, inside: Path | None = None) -> list[Path]:
    """Return the files in a run's folder, or inside one in it, that this package did not write.

    Those of the run and its renders are listed in its manifest; views, audits and exports of it
    have records. A file that was changed since is its user's.
    """
    with said_of(out / MANIFEST, "the manifest of a run"):
        ours = _written_into(out)
    return [
        path
        for thing in things(out if inside is None else inside)
        if digest(thing) not in ours.get(thing, ())
        for path in ([thing] if not thing.is_dir() else sorted(thing.rglob("*")))
        if not path.is_dir() and digest(path) not in ours.get(path, ())
    ]


def _written_into(out: Path) -> dict[Path, set[str]]:
    """Return the digests of all that manifests and records list."""
    ours: dict[Path, set[str]] = {}
    for folder in (out, *(out / name for name in read_manifest(out).get("series", {}))):
        manifest = read_manifest(folder)
        ours[folder / MANIFEST] = {digest(folder / MANIFEST)}
        lists = {
            "": manifest,
            **{f"{RENDERS}/{k}": v for k, v in manifest.get(RENDERS, {}).items()},
        }
        for place, table in lists.items():
            for name, facts in table.get("files", {}).items():
                ours.setdefault(folder / place / name, set()).add(facts["sha256"])
        for home in (folder, *(path for path in folder.iterdir() if path.is_dir())):
            for record in records_of(home):
                # Exports of other runs have found a place here, too.
                if home == folder or record.source == str(folder.resolve()):
                    for name, digests in record.files.items():
                        ours.setdefault(home / name, set()).update(digests)
    return ours


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
        write_text(inside / _MOVING, digest(partial / MANIFEST))
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
    out = Path(out).absolute()
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
    if work.is_symlink() or not ((work / HOME).is_dir() and (work / RECIPE).is_file()):
        raise FileNotFoundError(f"{out}: no unfinished run to resume: there is no {work}")
    if (work / _FAILED).is_file():
        raise PackingError((work / _FAILED).read_text(encoding="utf-8"))
    return load_recipe(work / RECIPE)


def was_moved(out: Path) -> bool:
    """Return whether an unfinished run has put its outputs in their place, and only that."""
    note = work_folder(out) / _MOVING
    if not (note.is_file() and (out / MANIFEST).is_file()):
        return False
    return note.read_text(encoding="utf-8") == digest(out / MANIFEST)


def forget(out: Path) -> None:
    """Remove the folder of an unfinished run, but for what is its user's."""
    work = work_folder(out)
    _clear(work)
    shutil.rmtree(work / HOME, ignore_errors=True)
    try:
        work.rmdir()
    except OSError:
        _log.warning("cgpack: note: %s stays: it holds what no run wrote", work)


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
        _check_work(work)
    text = dump_recipe(recipe, folder=work)
    with alone(work, "run"):
        if not resume:
            check_free(out, force=force)
            # Without a recipe it is what is left of a run that had just begun, or just ended.
            if (work / RECIPE).exists() and not force:
                raise FileExistsError(
                    f"{work}: an unfinished run; go on with --resume {shell_word(out)}, or "
                    "force=True to begin anew"
                )
        # Of a process that was killed: files half written, and outputs.
        _clear(work, half_written=resume)
        # Whole before it has its name: a run that is killed here has no recipe, and is none.
        write_text(work / RECIPE, text)
        try:
            yield work
        except BaseException as error:
            words = _left(work, out, error)
            if words is None and not resume:
                forget(out)
            if words is None:
                raise
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(words) from None
            _log.warning("cgpack: note: %s", words)
            raise
        forget(out)


def _left(work: Path, out: Path, error: BaseException) -> str | None:
    """Say what an error leaves to go on from; None where that is nothing."""
    if isinstance(error, PackingError) and error.best is not None:
        save_packed(work / BEST, error.best)
        write_text(work / _FAILED, str(error))
        return f"the best state is kept: {work / BEST}"
    if not any(work.glob(f"{Path(CHECKPOINT).stem}*")):
        return None
    place = shell_word(out)
    return (
        f"unfinished, what is packed is kept; go on with: cgpack simulate --resume {place}, or "
        "with a recipe in which later tables were changed: cgpack simulate RECIPE --resume ..."
    )


def _check_work(work: Path) -> None:
    """Raise FileExistsError where a run may not work in a folder that is there."""
    if work.is_symlink() or (work.exists() and not work.is_dir()):
        raise FileExistsError(f"{work}: exists, and is no folder of an unfinished run")
    if not work.exists():
        return
    marked = (work / HOME).is_dir()
    for path in work.iterdir():
        if path.name != HOME and not (marked and _of_a_run(path.name)):
            raise FileExistsError(
                f"{path}: was not written by an unfinished run; move it away, or give another OUT"
            )


def _of_a_run(name: str, *, half_written: bool = False) -> bool:
    """Return whether a run writes files of this name into its folder, or begins them so."""
    names = (RECIPE, SCENE, BEST, _MOVING, _FAILED, f"{Path(CHECKPOINT).stem}*.npz")
    begun_so = [f".{Path(each).stem.rstrip('*')}*-*" for each in names]
    patterns = [*begun_so, ".*.partial-*", *(() if half_written else names)]
    return any(fnmatch(name, pattern) for pattern in patterns)


def _clear(work: Path, *, half_written: bool = False) -> None:
    """Remove what a run has written into its folder, or only what it has not written whole."""
    for path in work.iterdir():
        if _of_a_run(path.name, half_written=half_written):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
