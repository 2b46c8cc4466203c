"""Build the shipped library from structure files, and measure how good its points are.

python tools/build_library.py FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from reduction import reduce_structure, write_points

from openmm_cgpack.core.runtime import StructureError
from openmm_cgpack.core.structure import AtomicStructure
from openmm_cgpack.core.volume import Volume
from openmm_cgpack.density import Sampling, species_map
from openmm_cgpack.io.files import atomic_path
from openmm_cgpack.models import number_of_balls
from openmm_cgpack.structures import (
    Library,
    LibraryEntry,
    Reading,
    envelope_volume,
    find_belt,
    load_structure,
)
from openmm_cgpack.structures.assemblies import Turns
from openmm_cgpack.structures.species import DATA, FORMAT, INDEX, read_points

ATOMS_PER_POINT = 6
"""1.2 MB for the shipped species, 3 % error of a map at 1 nm.

docs/reference/library.md has other choices.
"""
ATOMS_PER_BALL = 5000
SPECIES = "species.toml"


def build_library(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    species: str | os.PathLike[str] | None = None,
    atoms_per_point: int = ATOMS_PER_POINT,
    progress: Callable[[str], None] | None = None,
) -> Library:
    """Build a library of reduced structures from a folder of PDB and mmCIF files.

    Parameters
    ----------
    folder : path-like
        Where the files of the species' table are.
    out : path-like, optional
        Where ``index.json`` and a ``.npz`` for each species go; the shipped library's folder in
        the package when left out.
    species : path-like, optional
        TOML with a table for each species: ``file``, ``title``, and where they are wanted
        ``assembly``, ``turns``, ``inside`` or ``outside`` (a chain on that side of the membrane
        that the protein sits in) and ``note``. The shipped library's when left out.
    atoms_per_point : int, optional
        Heavy atoms a point stands for, in the mean.
    progress : callable, optional
        Called with a line of text for each species.

    Returns
    -------
    Library
        What was written.

    Raises
    ------
    StructureError
        A file is missing or broken, or the species' table is.
    """
    folder = Path(folder)
    out = DATA if out is None else Path(out)
    table = _read_species(DATA / SPECIES if species is None else Path(species))
    out.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, row in sorted(table.items()):
        entry = _build(folder, out, name, row, atoms_per_point)
        entries.append(asdict(entry))
        if progress is not None:
            progress(
                f"{name}: {entry.n_atoms} atoms as {entry.n_points} points, correlation at 1 nm "
                f"{entry.map_correlation_1nm:.4f}"
            )
    with atomic_path(out / INDEX) as path:
        text = json.dumps({"format": FORMAT, "species": entries}, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    return Library(out)


def library_table(library: Library) -> str:
    """Return a Markdown table of a library's species and of the quality of their points.

    Parameters
    ----------
    library : Library
        The library.

    Returns
    -------
    str
        The table of docs/reference/library.md.
    """
    head = (
        "name",
        "molecule",
        "assembly",
        "atoms",
        "points",
        "kDa",
        "envelope nm³",
        "R nm",
        "CC 1 nm",
        "error 1 nm",
        "CC 4 nm",
        "error 4 nm",
        "balls",
        "centres nm",
        "radii nm",
        "note",
    )
    rows = [head, ("---",) * len(head)]
    for e in library.entries:
        rows.append(
            (
                e.name,
                e.title,
                e.assembly or "as filed",
                f"{e.n_atoms}",
                f"{e.n_points}",
                f"{e.mass / 1000:.1f}",
                f"{e.envelope_volume:.1f}",
                f"{e.radius:.2f}",
                f"{e.map_correlation_1nm:.5f}",
                f"{100 * e.map_error_1nm:.1f} %",
                f"{e.map_correlation_4nm:.6f}",
                f"{100 * e.map_error_4nm:.2f} %",
                f"{e.n_balls}",
                f"{e.ball_centre_rms:.3f}",
                f"{e.ball_radius_difference:.2f}",
                e.note,
            )
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def compare_maps(
    full: AtomicStructure, points: AtomicStructure, *, resolution: float
) -> tuple[float, float]:
    """Return the correlation of two structures' maps and their difference.

    Parameters
    ----------
    full, points : AtomicStructure
        The atoms, and what stands for them, in one body frame.
    resolution : float
        Resolution of the maps, nm; their voxels are a quarter of it.

    Returns
    -------
    correlation : float
        Pearson's, over the box that holds both maps.
    error : float
        Root mean square of the difference over that of the full map.
    """
    maps = [
        species_map(structure, Sampling(voxel_size=resolution / 4, resolution=resolution))
        for structure in (full, points)
    ]
    a, b = _common_box(*maps)
    error = float(np.linalg.norm(a - b) / np.linalg.norm(a))
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1]), error


def compare_balls(
    full: AtomicStructure, points: AtomicStructure, *, seed: int = 0
) -> tuple[int, float, float]:
    """Return how far the paper's ball model of points is from that of the atoms.

    A symmetric molecule has many equally good k-means models, of which chance takes one. So
    k-means runs on the atoms, and on the points from the centres that it found there: what is
    left is the difference that the points make.

    Parameters
    ----------
    full, points : AtomicStructure
        The atoms, and what stands for them, in one body frame.
    seed : int, optional
        Seed of k-means on the atoms.

    Returns
    -------
    n_balls : int
        Number of balls, ``max(3, ceil(N / 5000))``.
    centre_rms : float
        Root mean square distance of the balls' centres, nm.
    radius_difference : float
        Largest difference of a ball's farthest-atom radius, nm.
    """
    from sklearn.cluster import KMeans

    k = number_of_balls(full.n_atoms, ATOMS_PER_BALL)
    first = KMeans(n_clusters=k, n_init=10, random_state=seed, tol=0)
    first.fit(full.positions, sample_weight=full.atoms)
    second = KMeans(n_clusters=k, n_init=1, init=first.cluster_centers_, tol=0)
    second.fit(points.positions, sample_weight=points.atoms)
    radii = []
    for means, structure in ((first, full), (second, points)):
        distances = np.linalg.norm(
            structure.positions - means.cluster_centers_[means.labels_], axis=1
        )
        farthest = np.zeros(k)
        np.maximum.at(farthest, means.labels_, distances + structure.spread)
        radii.append(farthest)
    apart = np.linalg.norm(first.cluster_centers_ - second.cluster_centers_, axis=1)
    return k, float(np.sqrt(np.mean(apart**2))), float(np.abs(radii[0] - radii[1]).max())


def _read_species(path: Path) -> dict[str, dict[str, Any]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StructureError(f"{path}: cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise StructureError(f"{path}: {error}") from None
    for name, row in table.items():
        if not isinstance(row, dict) or not {"file", "title"} <= row.keys():
            raise StructureError(f"{path}: {name}: wanted a table with file and title")
        unknown = row.keys() - {"file", "title", "assembly", "turns", "inside", "outside", "note"}
        if unknown:
            raise StructureError(f"{path}: {name}: unknown key {sorted(unknown)[0]!r}")
    return table


def _build(
    folder: Path, out: Path, name: str, row: dict[str, Any], atoms_per_point: int
) -> LibraryEntry:
    path = folder / row["file"]
    full = load_structure(path, Reading(assembly=row.get("assembly")), name=name)
    turns = Turns(**row["turns"]) if "turns" in row else None
    if turns is not None:
        full = turns.assembled(full)
    membrane = _membrane(full, row)
    volume = envelope_volume(full)
    reduced = reduce_structure(full, atoms_per_point=atoms_per_point)
    write_points(out / f"{name}.npz", reduced)
    # Judged as users get them, after rounding.
    points = read_points(
        out / f"{name}.npz",
        name=name,
        mass=full.mass,
        envelope_volume=volume,
        point_variance=reduced.point_variance,
    )
    correlation_1, error_1 = compare_maps(full, points, resolution=1.0)
    correlation_4, error_4 = compare_maps(full, points, resolution=4.0)
    n_balls, centre_rms, radius_difference = compare_balls(full, points)
    return LibraryEntry(
        name=name,
        title=row["title"],
        file=row["file"],
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        assembly=row.get("assembly"),
        turns=turns,
        file_origin=_rounded(full.file_origin),
        membrane=membrane,
        n_atoms=full.n_atoms,
        n_points=len(points.masses),
        atoms_per_point=atoms_per_point,
        mass=round(full.mass, 3),
        radius=round(full.radius, 4),
        envelope_volume=round(volume, 3),
        point_variance=round(reduced.point_variance, 6),
        map_correlation_1nm=round(correlation_1, 6),
        map_error_1nm=round(error_1, 5),
        map_correlation_4nm=round(correlation_4, 8),
        map_error_4nm=round(error_4, 6),
        n_balls=n_balls,
        ball_centre_rms=round(centre_rms, 5),
        ball_radius_difference=round(radius_difference, 4),
        note=row.get("note", ""),
    )


def _membrane(full: AtomicStructure, row: dict[str, Any]) -> Any:
    """Return the membrane about a protein of which a chain's side is known, the inner side first.

    By heart we know which chain is inside; where it is the belt says.
    """
    sides = {"inside": -1, "outside": 1}
    known = [(row[side], sign) for side, sign in sides.items() if side in row]
    if not known:
        return None
    [(chain, sign)] = known
    plane = find_belt(full).plane
    assert full.atom_table is not None
    ours = np.char.startswith(full.atom_table["chain"], chain)
    height = (full.positions[ours].mean(axis=0) - plane.centre) @ plane.normal
    up = np.sign(height) * sign * plane.half_thickness * plane.normal
    return _rounded(plane.centre - up), _rounded(plane.centre + up)


def _rounded(point: np.ndarray) -> tuple[float, float, float]:
    x, y, z = np.round(point, 4).tolist()
    return x, y, z


def _common_box(one: Volume, other: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return the data of two maps on one lattice, padded to the box that holds both."""
    corners = [np.rint(v.origin / v.voxel_size).astype(int)[::-1] for v in (one, other)]
    first = np.min(corners, axis=0)
    last = np.max(
        [c + v.data.shape for c, v in zip(corners, (one, other), strict=True)],
        axis=0,
    )
    padded = []
    for corner, volume in zip(corners, (one, other), strict=True):
        low = corner - first
        high = last - corner - volume.data.shape
        padded.append(np.pad(volume.data.astype(np.float64), np.stack([low, high], axis=1)))
    return padded[0], padded[1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="build the library from structure files")
    parser.add_argument("folder", metavar="FOLDER", help="holds the files of the species' table")
    parser.add_argument("-o", "--out", metavar="FOLDER", help="the package's own when left out")
    options = parser.parse_args(arguments)
    built = build_library(options.folder, options.out, progress=print)
    print(f"{len(built.entries)} species")


if __name__ == "__main__":
    main()
