"""Structures from the Protein Data Bank, with a cache."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from ..core.arrays import positive
from ..core.progress import progress_bar
from ..core.runtime import StructureError
from ..core.structure import AtomicStructure
from ..io.files import atomic_path
from .coordinate_files import Reading, load_structure
from .species import library

PDB_URL = "https://files.rcsb.org/download"
"""Where entries come from, as ``<PDB_URL>/1f1b.cif.gz``."""

# The ids of four characters, and the extended ones that the PDB will move to.
_ID = re.compile(r"[1-9][a-z0-9]{3}|pdb_[a-z0-9]{8}")


def fetch_structure(
    pdb_id: str,
    reading: Reading = Reading(),
    *,
    name: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    timeout: float = 30.0,
    url: str = PDB_URL,
    progress: bool = True,
) -> AtomicStructure:
    """Download an entry of the Protein Data Bank, or take it from the cache, and read it.

    Parameters
    ----------
    pdb_id : str
        The entry, such as ``"1F1B"``; the case of the letters does not matter.
    reading : Reading, optional
        What of it counts.
    name : str, optional
        The id when left out.
    cache : path-like, optional
        Folder of downloaded entries. When left out: the environment's ``CGPACK_CACHE``, else
        ``openmm_cgpack`` in ``XDG_CACHE_HOME`` or ``~/.cache``.
    timeout : float, optional
        How long to wait for the server, s.
    url : str, optional
        Folder on the server that holds ``<id>.cif.gz``.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Raises
    ------
    StructureError
        There is no such entry, or no network and no cached file.

    Examples
    --------
    >>> structure = fetch_structure("1F1B", Reading(assembly="1"))  # doctest: +SKIP
    """
    entry = pdb_id.strip().lower() if isinstance(pdb_id, str) else ""
    if not _ID.fullmatch(entry):
        raise ValueError(f"pdb_id: wanted an id of the PDB such as '1f1b', got {pdb_id!r}")
    folder = _cache_folder() if cache is None else Path(cache)
    path = folder / f"{entry}.cif.gz"
    timeout = positive(timeout, "timeout")
    if not path.exists():
        with progress_bar(f"download of {entry}", show=progress):
            _download(f"{url.rstrip('/')}/{entry}.cif.gz", path, entry, timeout)
    return load_structure(path, reading, name=name or entry)


def _cache_folder() -> Path:
    if os.environ.get("CGPACK_CACHE"):
        return Path(os.environ["CGPACK_CACHE"]).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "openmm_cgpack"


def _download(address: str, path: Path, entry: str, timeout: float) -> None:
    """Download a file whole: what is in the cache is good for ever."""
    offline = f"the library works without a network: {', '.join(library.names)}"
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:
            data = answer.read()
            expected = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            raise StructureError(f"{entry}: the PDB has no such entry ({address})") from None
        raise StructureError(
            f"{entry}: {address} answered {error.code} {error.reason}; {offline}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        # URLError wraps the reason; a time limit while reading comes bare.
        reason = getattr(error, "reason", None) or error
        raise StructureError(f"{entry}: no download from {address} ({reason}); {offline}") from None
    except ValueError as error:
        raise ValueError(f"url: {error}") from None
    if (expected is not None and len(data) != int(expected)) or data[:2] != b"\x1f\x8b":
        raise StructureError(f"{entry}: {address} sent {len(data)} bytes that are no whole gzip")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise StructureError(
            f"{entry}: the cache folder {path.parent} cannot be written: {error.strerror}"
        ) from None
