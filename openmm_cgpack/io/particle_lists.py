"""Lists of particles: truth as CSV, in Å and degrees, and picks from CSV, STAR and copick."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.particles import ParticleTable, Picks
from ..core.transforms import to_quaternion, to_zyz
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import Grid
from .files import atomic_path
from .inputs import existing, read_json, read_table
from .star import read_star

COLUMNS = (
    "instance",
    "species",
    "x_angst",
    "y_angst",
    "z_angst",
    "radius_angst",
    "qx",
    "qy",
    "qz",
    "qw",
    "alpha_deg",
    "beta_deg",
    "gamma_deg",
)
"""Columns of a list of true particles."""

CSV_POSITIONS = (("x_angst", "y_angst", "z_angst"), ("x", "y", "z"))
CSV_SPECIES = ("species", "particle_type")
STAR_SCORES = ("rlnAutopickFigureOfMerit", "rlnLCCmax", "ptmScore")
STAR_PIXELS = ("rlnTomoTiltSeriesPixelSize", "rlnMicrographOriginalPixelSize")
COPICK_CONFIG = "copick_config.json"


def write_particles(
    path: str | os.PathLike[str],
    table: ParticleTable,
    *,
    columns: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a list of particles as CSV with a header.

    Coordinates are in Å in the frame of the volume's file: the first voxel's centre is at 0.
    Rotations turn the body frame (the axes of the structure file) into the volume's, twice over:
    as a unit quaternion (x, y, z, w) with w >= 0, and as intrinsic ZYZ angles in degrees,
    ``R = Rz(alpha) Ry(beta) Rz(gamma)`` on column vectors.

    Parameters
    ----------
    path : path-like
        Where to write.
    table : ParticleTable
        The particles.
    columns : mapping of str to (n,) array, optional
        Further numbers of each particle by the name of their column: a run writes ``visible``, the
        part of the mass in the field of view, and ``border_angst``, the centre's distance to the
        nearest face of its box.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> table = ParticleTable(
    ...     instance=[1], species=["1f1b"], centre=[(1, 2, 3)], radius=[5], rotation=[np.eye(3)]
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     write_particles(Path(folder, "particles.csv"), table)
    ...     again = read_particles(Path(folder, "particles.csv"))
    >>> again.species.tolist(), again.centre.tolist()
    (['1f1b'], [[1.0, 2.0, 3.0]])
    """
    columns = dict(columns or {})
    for name, values in columns.items():
        if len(values) != len(table) or name in COLUMNS:
            raise ValueError(
                f"columns: wanted {len(table)} numbers under a new name, got {len(values)} "
                f"as {name!r}"
            )
    quaternion = to_quaternion(table.rotation)
    lengths = np.column_stack([table.centre, table.radius]) * ANGSTROM_PER_NM
    angles = np.degrees(to_zyz(table.rotation))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*COLUMNS, *columns])
        for i in range(len(table)):
            rows.writerow(
                [int(table.instance[i]), table.species[i]]
                + [f"{value:.4f}" for value in lengths[i]]
                + [f"{value:.9f}" for value in quaternion[i]]
                + [f"{value:.6f}" for value in angles[i]]
                + [f"{values[i]:.4f}" for values in columns.values()]
            )


def read_particles(path: str | os.PathLike[str]) -> ParticleTable:
    """Read a list of particles that `write_particles` wrote.

    Raises
    ------
    ValueError
        A column is missing, or a line holds no number where one has to be; the message names
        the file and the line.
    """
    rows = read_table(path)
    missing = [name for name in COLUMNS[:10] if name not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(f"{path}: wanted a column {missing[0]!r}, got {rows.fieldnames}")
    instance, species, numbers = [], [], []
    for row in rows:
        try:
            instance.append(int(row["instance"]))
            values = [float(row[name]) for name in COLUMNS[2:10]]
        except (TypeError, ValueError):
            raise ValueError(f"{path}: line {rows.line_num}: wanted numbers, got {row}") from None
        if not np.isfinite(values).all() or not np.any(values[4:]):
            raise ValueError(f"{path}: line {rows.line_num}: no rotation in {row}")
        species.append(row["species"])
        numbers.append(values)
    data = np.array(numbers, float).reshape(-1, 8)
    rotation = Rotation.from_quat(data[:, 4:]).as_matrix() if len(data) else np.empty((0, 3, 3))
    return ParticleTable(
        instance=np.array(instance, np.int64),
        species=np.array(species, np.str_),
        centre=data[:, :3] / ANGSTROM_PER_NM,
        radius=data[:, 3] / ANGSTROM_PER_NM,
        rotation=rotation,
    )


def read_column(path: str | os.PathLike[str], name: str) -> np.ndarray:
    """Return a further column of numbers of a list of particles, (n,).

    Raises
    ------
    ValueError
        There is no such column, or no number in a line of it.
    """
    rows = read_table(path)
    if name not in (rows.fieldnames or ()):
        raise ValueError(f"{path}: wanted a column {name!r}, got {rows.fieldnames}")
    try:
        return np.array([float(row[name]) for row in rows])
    except (TypeError, ValueError):
        raise ValueError(f"{path}: line {rows.line_num}: wanted a number as {name!r}") from None


def read_picks(path: str | os.PathLike[str], *, grid: Grid | None = None) -> Picks:
    """Read positions that somebody picked, in Å, from CSV, STAR or copick.

    Parameters
    ----------
    path : path-like
        By its suffix:

        ``.csv``
            Columns ``x_angst``, ``y_angst``, ``z_angst``, or ``x``, ``y``, ``z``, in Å with the
            first voxel's centre at 0; ``species`` or ``particle_type`` and ``score`` where they
            are there.
        ``.star``
            RELION's particles. ``rlnCoordinateX``, Y, Z in pixels of the tilt series, whose size
            the optics table holds; or ``rlnCenteredCoordinateXAngst``, Y, Z, in Å from the middle
            of the tomogram (voxel N/2), for which `grid` is needed. ``rlnOriginXAngst``, Y, Z are
            subtracted. The species is ``rlnClassNumber``, as text; the score the first there is
            of ``rlnAutopickFigureOfMerit``, ``rlnLCCmax`` and ``ptmScore``.
        ``.json``, or a folder of such files
            Picks of copick in Å; the species is the object's name.
    grid : Grid, optional
        The tomogram's, for centred coordinates.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "picks.csv")
    ...     write_picks(path, Picks(positions=[(1, 2, 3)], scores=[0.5]))
    ...     read_picks(path).positions
    array([[1., 2., 3.]])
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    reader = READERS.get(".json" if path.is_dir() else path.suffix)
    if reader is None:
        wanted = ", ".join(READERS)
        raise ValueError(f"{path}: wanted picks as {wanted} or a folder, got {path.suffix!r}")
    return reader(path, grid)


def write_picks(path: str | os.PathLike[str], picks: Picks) -> None:
    """Write picks as CSV that `read_picks` reads.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_picks(Path(folder, "picks.csv"), Picks(positions=[(1, 2, 3)], scores=[0.5]))
    ...     print(Path(folder, "picks.csv").read_text())
    x_angst,y_angst,z_angst,score
    10.0000,20.0000,30.0000,0.5
    <BLANKLINE>
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        named = picks.species is not None
        rows.writerow([*CSV_POSITIONS[0], "score", *(["species"] if named else [])])
        for i, place in enumerate(picks.positions * ANGSTROM_PER_NM):
            row = [*(f"{value:.4f}" for value in place), f"{picks.scores[i]:.9g}"]
            rows.writerow([*row, picks.species[i]] if picks.species is not None else row)


def read_truth(path: str | os.PathLike[str]) -> ParticleTable:
    """Read the particles that are there, with the radii by which picks are judged.

    Parameters
    ----------
    path : path-like
        A CSV that `write_particles` wrote, as a run's; or picks of copick, one JSON or a folder
        of them, in a project whose ``copick_config.json``, in a folder above, holds the
        radii of the objects.
    """
    path = existing(path)
    if not path.is_dir() and path.suffix != ".json":
        return read_particles(path)
    picks, rotation = _read_copick(path)
    radii = _copick_radii(path)
    assert picks.species is not None
    missing = sorted(set(picks.species.tolist()) - set(radii))
    if missing:
        raise ValueError(f"{path}: {COPICK_CONFIG} has no radius of {missing[0]!r}")
    return ParticleTable(
        instance=np.arange(1, len(picks) + 1),
        species=picks.species,
        centre=picks.positions,
        radius=np.array([radii[name] for name in picks.species]) / ANGSTROM_PER_NM,
        rotation=rotation,
    )


def _picks(places: list, scores: list, species: list | None) -> Picks:
    """Return picks from places in Å."""
    return Picks(
        positions=np.array(places, float).reshape(-1, 3) / ANGSTROM_PER_NM,
        scores=np.array(scores, float),
        species=None if species is None else np.array(species, np.str_),
    )


def _read_csv(path: Path, grid: Grid | None) -> Picks:
    rows = read_table(path)
    names = tuple(rows.fieldnames or ())
    axes = next((axes for axes in CSV_POSITIONS if set(axes) <= set(names)), None)
    if axes is None:
        raise ValueError(f"{path}: wanted columns {', '.join(CSV_POSITIONS[0])}, got {names}")
    columns = [*axes, "score"] if "score" in names else [*axes]
    kind = next((name for name in CSV_SPECIES if name in names), None)
    numbers, species = [], []
    for row in rows:
        where = f"{path}: line {rows.line_num}: wanted"
        try:
            numbers.append([float(row[name]) for name in columns])
        except (TypeError, ValueError):
            raise ValueError(f"{where} numbers, got {row}") from None
        if not np.isfinite(numbers[-1]).all():
            raise ValueError(f"{where} finite numbers, got {row}")
        species.append(row[kind] if kind else "")
    scores = [row[3] if len(row) > 3 else 0.0 for row in numbers]
    return _picks([row[:3] for row in numbers], scores, species if kind else None)


def _read_star(path: Path, grid: Grid | None) -> Picks:
    blocks = read_star(path)
    pixels, centred = "rlnCoordinateX", "rlnCenteredCoordinateXAngst"
    table = next((b for b in blocks.values() if pixels in b or centred in b), None)
    if table is None:
        raise ValueError(f"{path}: wanted a table with {pixels} or {centred}")
    sizes = _pixel_sizes(path, blocks, table)
    if pixels in table and sizes is not None:
        places = _star_axes(path, table, "rlnCoordinate{}") * sizes[:, None]
    elif centred not in table:
        raise ValueError(f"{path}: wanted a pixel size, {' or '.join(STAR_PIXELS)}")
    elif grid is None:
        raise ValueError(f"{path}: centred coordinates: wanted the tomogram's grid with them")
    else:
        places = _star_axes(path, table, "rlnCenteredCoordinate{}Angst")
        places = places + grid.size / 2 * ANGSTROM_PER_NM
    if "rlnOriginXAngst" in table:
        places = places - _star_axes(path, table, "rlnOrigin{}Angst")
    score = next((name for name in STAR_SCORES if name in table), None)
    scores = np.zeros(len(places)) if score is None else _numbers(path, table, score)
    return _picks(places.tolist(), scores.tolist(), table.get("rlnClassNumber"))


def _pixel_sizes(
    path: Path, blocks: Mapping[str, Mapping[str, list[str]]], table: Mapping[str, list[str]]
) -> np.ndarray | None:
    """Return the size of the tilt series' pixels for each particle, Å."""
    for name in STAR_PIXELS:
        if name in table:
            return _numbers(path, table, name)
        optics = blocks.get("optics", {})
        if name in optics:
            sizes = _numbers(path, optics, name)
            groups = optics.get("rlnOpticsGroup", ["1"] * len(sizes))
            by_group = dict(zip(groups, sizes.tolist(), strict=True))
            n = len(next(iter(table.values())))
            mine = table.get("rlnOpticsGroup", [groups[0]] * n)
            unknown = sorted(set(mine) - set(by_group))
            if unknown:
                raise ValueError(f"{path}: no optics group {unknown[0]}")
            return np.array([by_group[group] for group in mine], float)
    return None


def _star_axes(path: Path, table: Mapping[str, list[str]], name: str) -> np.ndarray:
    return np.stack([_numbers(path, table, name.format(axis)) for axis in "XYZ"], axis=1)


def _numbers(path: Path, table: Mapping[str, list[str]], name: str) -> np.ndarray:
    if name not in table:
        raise ValueError(f"{path}: wanted a column {name}, got {', '.join(table)}")
    try:
        return np.array(table[name], float)
    except ValueError as error:
        raise ValueError(f"{path}: column {name}: {error}") from None


def _read_copick(path: Path) -> tuple[Picks, np.ndarray]:
    """Return all points of one or more files of picks, and their rotations (n, 3, 3)."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: wanted picks of copick, got a folder without any .json")
    places, scores, species, rotations = [], [], [], []
    for file in files:
        content = read_json(file, wanted="picks of copick")
        try:
            name = content["pickable_object_name"]
            if content.get("unit", "angstrom") != "angstrom":
                raise ValueError(f"unit {content['unit']!r}")
            for point in content["points"]:
                matrix = np.array(point.get("transformation_", np.eye(4)), float)
                if matrix.shape != (4, 4):
                    raise ValueError(f"a transformation of shape {matrix.shape}")
                location = np.array([point["location"][axis] for axis in "xyz"], float)
                places.append(location + matrix[:3, 3])
                scores.append(float(point.get("score") or 0.0))
                species.append(name)
                rotations.append(matrix[:3, :3])
        except KeyError as error:
            raise ValueError(f"{file}: wanted picks of copick in Å, got no {error}") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{file}: wanted picks of copick in Å ({error})") from None
    return _picks(places, scores, species), np.array(rotations, float).reshape(-1, 3, 3)


def _copick_radii(path: Path) -> dict[str, float]:
    for folder in path.resolve().parents:
        config = folder / COPICK_CONFIG
        if config.exists():
            held = read_json(config, wanted="the objects of copick")
            return {
                entry["name"]: float(entry["radius"])
                for entry in held.get("pickable_objects", [])
                if entry.get("radius")
            }
    raise ValueError(f"{path}: wanted a {COPICK_CONFIG} with radii in a folder above")


READERS: dict[str, Callable[[Path, Grid | None], Picks]] = {
    ".csv": _read_csv,
    ".star": _read_star,
    ".json": lambda path, grid: _read_copick(path)[0],
}
"""What reads picks of each suffix; a folder is read as its ``.json``."""
