"""Folders that several runs and their user share: what in them is ours to replace, and what is not.

Whatever this package puts into such a folder is listed there, with a digest, in a record of its
writer (a run, an audit, a viewer) in the hidden folder ``.cgpack``. What the writer's own record
lists, and nobody has changed since, is replaced when it writes again. Everything else stays, and a
writing that would need its place is refused before anything is touched.

A Zarr is one thing, like a file, though it is a folder of many.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ..core.messages import said_of
from .files import atomic_path
from .inputs import read_json

HOME = ".cgpack"
"""Hidden folder of the records, our mark."""

_FORMAT = "openmm_cgpack record 1"
_WANTED = "a record of openmm_cgpack"
_LOCK, _NEW = "lock", "new"


@dataclass(kw_only=True)
class Record:
    """What a writer has put into a folder.

    `identity` tells apart two writers of one name and `source` says where it came from; `place` is
    the folder within the shared one that it has for itself, or nothing; `files` has for each file
    or Zarr the digests that are ours (two, while it is being replaced); `notes` is the writer's.
    """

    writer: str
    identity: str = ""
    source: str = ""
    place: str = ""
    files: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


class SharedFolder:
    """A folder that is being written into; see `sharing`.

    Write into `stage`, call `check`, and when that has raised nothing, `put`.
    """

    def __init__(
        self,
        path: Path,
        record: Record,
        *,
        old: Record | None,
        others: list[Record],
        merged: Iterable[str],
        whole: bool,
        force: bool,
    ) -> None:
        self.path, self.record, self.old, self.others = path, record, old, others
        self.whole, self.force = whole, force
        self._merged = tuple(merged)
        self._root = path / HOME / _NEW
        self.stage = self._root / record.place
        self.stage.mkdir(parents=True)
        self._counts = dict.fromkeys(("new", "replaced", "extended", "removed"), 0)

    @property
    def place(self) -> Path:
        """Where the writer's files are in the end."""
        return self.path / self.record.place

    def shared_file(self, name: str) -> Path | None:
        """Return a file that all writers share, as it is now; None where there is none."""
        path = self.path / name
        _refuse_detour(self.path, path.parent)
        if path.is_symlink():
            raise FileExistsError(f"{path}: is a link; nothing is written through it")
        return path if path.is_file() else None

    def shares(self, name: str) -> bool:
        """Return whether all writers share a file, which each writes with what the others said."""
        return any(fnmatch(name, pattern) for pattern in self._merged)

    def check(self, names: Iterable[str] | None = None) -> None:
        """Raise FileExistsError where what is in `stage` needs the place of what is not ours.

        Names that will be written may be given before they are. With `force` the files and Zarrs of
        those names are replaced, but never a folder, and nothing is written through a link.
        """
        taken = []
        for name, path in self._staged() if names is None else self._places(names):
            _refuse_detour(self.path, path.parent)
            if path.is_dir() and not path.is_symlink() and not _is_zarr(path):
                raise FileExistsError(f"{path}: is a folder where a file is to be written")
            if os.path.lexists(path) and not (self.shares(name) or self._ours(name, path)):
                taken.append(path)
        if taken and not self.force:
            more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
            raise FileExistsError(
                f"{taken[0]}{more}: exists, and is not what {self.record.writer} wrote there or "
                "was changed since; move it away, or force=True to replace it"
            )

    def put(self) -> None:
        """Move what is in `stage` to its place, and remove what was written before and is not now.

        Files that were changed since they were written are not removed. The record is written
        before and after: whatever ends this early, what is there is known to be ours.
        """
        before = {} if self.old is None else self.old.files
        staged = dict(self._staged())
        new: dict[str, str] = {}
        for name, path in staged.items():
            held = digest(self._root / name)
            # The same bytes by somebody else stay theirs.
            if name in before or not os.path.lexists(path) or digest(path) != held:
                new[name] = held
        pending = {name: [*before.get(name, []), held] for name, held in new.items()}
        self._write({**before, **pending})
        for name in new:
            path = staged[name]
            what = "extended" if self.shares(name) else "replaced"
            self._counts[what if os.path.lexists(path) else "new"] += 1
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir() and not path.is_symlink():
                path.rename(self.path / HOME / f"{_NEW}-old")
            (self._root / name).replace(path)
            shutil.rmtree(self.path / HOME / f"{_NEW}-old", ignore_errors=True)
        kept = {} if self.whole else before
        for name in before.keys() - staged.keys() - kept.keys():
            path = self.path / name
            if not self.shares(name) and self._ours(name, path):
                self._remove(path)
        self._write({**kept, **{name: [held] for name, held in new.items()}})

    def __str__(self) -> str:
        """Say what was done."""
        done = ", ".join(f"{count} {what}" for what, count in self._counts.items() if count)
        others = sum(1 for _ in things(self.path)) - len(self.record.files)
        return (
            f"{self.path}: {'added' if self.old is None else 'wrote again'} "
            f"{self.record.writer}: {done or 'nothing new'}, {others} others kept"
        )

    def _staged(self) -> Iterator[tuple[str, Path]]:
        yield from self._places(
            path.relative_to(self._root).as_posix() for path in things(self._root)
        )

    def _places(self, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
        for name in names:
            yield name, self.path / name

    def _ours(self, name: str, path: Path) -> bool:
        straight = (self.path.resolve() / name).parent
        if not os.path.lexists(path) or path.parent.resolve() != straight:
            return False
        held = digest(path)
        listed = [] if self.old is None else self.old.files.get(name, [])
        staged = self._root / name
        return held in listed or (os.path.lexists(staged) and held == digest(staged))

    def _remove(self, path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._counts["removed"] += 1
        for parent in path.parents:
            if parent == self.path or any(parent.iterdir()):
                break
            parent.rmdir()

    def _write(self, files: dict[str, list[str]]) -> None:
        self.record.files = files
        text = json.dumps({"format": _FORMAT, **asdict(self.record)}, indent=1)
        with atomic_path(self.path / HOME / f"{self.record.writer}.json") as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def sharing(
    path: str | os.PathLike[str],
    writer: str,
    *,
    identity: str = "",
    source: str = "",
    apart: bool = False,
    merged: Iterable[str] = (),
    whole: bool = True,
    force: bool = False,
) -> Iterator[SharedFolder]:
    """Keep other processes out of a folder while a writer adds to it; make it where it is not.

    Parameters
    ----------
    path : path-like
        The folder.
    writer : str
        Name under which it writes.
    identity, source : str, optional
        What tells it from others of that name, and where it comes from, for the message.
    apart : bool, optional
        Whether its files go into a folder of the writer's name where another one's are at the top.
    merged : iterable of str, optional
        Patterns of the names of files that all writers share.
    whole : bool, optional
        Whether what the writer wrote before and does not write now goes.
    force : bool, optional
        Whether what is not the writer's is replaced.

    Yields
    ------
    SharedFolder

    Raises
    ------
    FileExistsError
        Another writer of this name has written there, or `path` is a link.
    NotADirectoryError
        `path` is a file.
    ValueError
        The name is none of a file, or a record cannot be read.
    """
    path = Path(path)
    if writer.startswith(".") or writer.endswith(".zarr"):
        raise ValueError(
            f"name: wanted one that neither begins with a dot nor ends in .zarr, got {writer!r}"
        )
    for made in (path, path / HOME):
        if made.is_symlink():
            raise FileExistsError(f"{made}: is a link; nothing is written through it")
        if made.exists() and not made.is_dir():
            raise NotADirectoryError(f"{made}: exists, and is no folder")
    absent = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in absent:
        if folder.is_symlink():
            raise FileExistsError(f"{folder}: is a link to nothing")
        if folder.parent.exists() and not folder.parent.is_dir():
            raise NotADirectoryError(f"{folder.parent}: exists, and is no folder")
    with locked(path / HOME / _LOCK, wait=True):
        try:
            shutil.rmtree(path / HOME / _NEW, ignore_errors=True)
            records = list(records_of(path))
            old = next((record for record in records if record.writer == writer), None)
            others = [record for record in records if record is not old]
            if old is not None and old.identity != identity and not force:
                of = f" (of {old.source})" if old.source else ""
                raise FileExistsError(
                    f"{path}: holds another run of the name {writer!r}{of}; give this one "
                    "another name, or force=True to replace that one"
                )
            place = writer if apart and any(not other.place for other in others) else ""
            record = Record(
                writer=writer,
                identity=identity,
                source=source,
                place=place if old is None else old.place,
            )
            yield SharedFolder(
                path, record, old=old, others=others, merged=merged, whole=whole, force=force
            )
        finally:
            shutil.rmtree(path / HOME / _NEW, ignore_errors=True)
            if not any((path / HOME).glob("*.json")):
                # Nothing came of it: what was made for it goes.
                (path / HOME / _LOCK).unlink(missing_ok=True)
                with suppress(OSError):
                    for folder in (path / HOME, *absent):
                        folder.rmdir()


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Keep other processes from a folder, or raise FileExistsError that says what they are at."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / HOME / _LOCK, wait=False))
        except BlockingIOError:
            raise FileExistsError(f"{folder}: another process is at this {what}") from None
        yield


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Keep other processes out by a lock file, which is made, with its folder, and never written.

    The lock goes with the process, however that ends.

    Raises
    ------
    BlockingIOError
        Another process has it, and `wait` is False.
    """
    if sys.platform == "win32":
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
        return
    import fcntl

    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # Whoever had it may have removed the file meanwhile: then it keeps nobody out.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                yield
                return
        finally:
            os.close(handle)


def things(folder: Path) -> Iterator[Path]:
    """Yield the files, links and Zarrs of a folder, at any depth, but for records."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_dir() or _is_zarr(path):
            yield path
        elif path.name != HOME:
            yield from things(path)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a Zarr's files and their names; a link has none."""
    if path.is_symlink():
        return "link"
    if not path.is_dir():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    every = hashlib.sha256()
    for part in sorted(path.rglob("*")):
        if part.is_symlink() or not part.is_dir():
            every.update(f"{part.relative_to(path).as_posix()}\n{digest(part)}\n".encode())
    return every.hexdigest()


def records_of(folder: Path) -> Iterator[Record]:
    """Yield what writers have put into a folder; ValueError where a record cannot be read."""
    for path in sorted((folder / HOME).glob("*.json")):
        table = read_json(path, wanted=_WANTED)
        with said_of(path, _WANTED):
            if table.pop("format") != _FORMAT:
                raise ValueError("another format")
            record = Record(**table)
            if not all(type(digests) is list for digests in record.files.values()):
                raise TypeError("files")
        yield record


def _refuse_detour(top: Path, folder: Path) -> None:
    """Raise FileExistsError where what is on the way from `top` to a folder is no plain folder."""
    for part in (folder, *folder.parents):
        if part == top:
            return
        if part.is_symlink():
            raise FileExistsError(f"{part}: is a link; nothing is written through it")
        if part.exists() and (_is_zarr(part) or not part.is_dir()):
            raise FileExistsError(f"{part}: exists where a folder is to be made")


def _is_zarr(path: Path) -> bool:
    return path.suffix == ".zarr"
