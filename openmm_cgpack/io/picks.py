"""Picks and true particles from the files that pickers and simulators write."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.particles import ParticleTable
from ..core.picks import Picks
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import Grid
from .atomic import atomic_path
from .particles import read_particles
from .present import present
from .star import read_star

CSV_PLACES = (("x_angst", "y_angst", "z_angst"), ("x", "y", "z"))
CSV_SPECIES = ("species", "particle_type")
STAR_SCORES = ("rlnAutopickFigureOfMerit", "rlnLCCmax", "ptmScore")
STAR_PIXELS = ("rlnTomoTiltSeriesPixelSize", "rlnMicrographOriginalPixelSize")
COPICK_CONFIG = "copick_config.json"


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
            Picks of copick; the species is the object's name.
    grid : Grid, optional
        The tomogram's, for centred coordinates.

    Returns
    -------
    Picks

    Raises
    ------
    ValueError
        It holds no picks; the message names the file, and the line where there is one.
    FileNotFoundError
        There is no such file.

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
    if path.is_dir() or path.suffix == ".json":
        points = _copick_points(path)
        return Picks(
            positions=_column([p["place"] for p in points], (0, 3)) / ANGSTROM_PER_NM,
            scores=np.array([p["score"] for p in points], float),
            species=np.array([p["species"] for p in points], np.str_),
        )
    if path.suffix == ".csv":
        return _from_csv(path)
    if path.suffix == ".star":
        return _from_star(path, grid)
    raise ValueError(f"{path}: wanted picks as .csv, .star, .json or a folder, got {path.suffix!r}")


def write_picks(path: str | os.PathLike[str], picks: Picks) -> None:
    """Write picks as CSV that `read_picks` reads.

    Parameters
    ----------
    path : path-like
        Where to write.
    picks : Picks
        The picks.

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
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        named = picks.species is not None
        rows.writerow([*CSV_PLACES[0], "score", *(["species"] if named else [])])
        for i, place in enumerate(picks.positions * ANGSTROM_PER_NM):
            row = [*(f"{value:.4f}" for value in place), f"{picks.scores[i]:.9g}"]
            rows.writerow([*row, picks.species[i]] if picks.species is not None else row)


def read_truth(path: str | os.PathLike[str]) -> ParticleTable:
    """Read the particles that are there, with the radii by which picks are judged.

    Parameters
    ----------
    path : path-like
        A CSV that `write_particles` wrote; the folder of a run, for its ``particles.csv``; or
        picks of copick, one JSON or a folder of them, in a project whose ``copick_config.json``,
        in a folder above, holds the radii of the objects.

    Returns
    -------
    ParticleTable

    Raises
    ------
    ValueError
        It holds no particles, or an object's radius is not known.
    FileNotFoundError
        There is no such file.
    """
    path = present(path)
    if path.is_dir() and ((path / "particles.csv").exists() or (path / "manifest.json").exists()):
        return read_particles(present(path / "particles.csv"))
    if not path.is_dir() and path.suffix != ".json":
        return read_particles(path)
    points = _copick_points(path)
    radii = _copick_radii(path)
    missing = sorted({p["species"] for p in points} - set(radii))
    if missing:
        raise ValueError(f"{path}: {COPICK_CONFIG} has no radius of {missing[0]!r}")
    return ParticleTable(
        instance=np.arange(1, len(points) + 1),
        species=np.array([p["species"] for p in points], np.str_),
        centre=_column([p["place"] for p in points], (0, 3)) / ANGSTROM_PER_NM,
        radius=np.array([radii[p["species"]] for p in points]) / ANGSTROM_PER_NM,
        rotation=_column([p["turn"] for p in points], (0, 3, 3)),
    )


def _column(rows: list, empty: tuple[int, ...]) -> np.ndarray:
    return np.array(rows, float) if rows else np.empty(empty)


def _from_csv(path: Path) -> Picks:
    places, scores, species = [], [], []
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        names = tuple(rows.fieldnames or ())
        axes = next((axes for axes in CSV_PLACES if set(axes) <= set(names)), None)
        if axes is None:
            raise ValueError(f"{path}: wanted columns {', '.join(CSV_PLACES[0])}, got {names}")
        kind = next((name for name in CSV_SPECIES if name in names), None)
        for row in rows:
            try:
                places.append([float(row[axis]) for axis in axes])
                scores.append(float(row["score"]) if "score" in names else 0.0)
            except (TypeError, ValueError):
                raise ValueError(
                    f"{path}: line {rows.line_num}: wanted numbers, got {row}"
                ) from None
            if not np.isfinite([*places[-1], scores[-1]]).all():
                raise ValueError(f"{path}: line {rows.line_num}: wanted finite numbers, got {row}")
            if kind is not None:
                species.append(row[kind])
    return Picks(
        positions=_column(places, (0, 3)) / ANGSTROM_PER_NM,
        scores=np.array(scores),
        species=None if kind is None else np.array(species, np.str_),
    )


def _from_star(path: Path, grid: Grid | None) -> Picks:
    blocks = read_star(path)
    marks = ("rlnCoordinateX", "rlnCenteredCoordinateXAngst")
    table = next((b for b in blocks.values() if any(mark in b for mark in marks)), None)
    if table is None:
        raise ValueError(f"{path}: wanted a table with {' or '.join(marks)}")
    pixels = _pixel_sizes(path, blocks, table)
    if marks[0] in table and pixels is not None:
        places = _star_axes(path, table, "rlnCoordinate{}") * pixels[:, None]
    elif marks[1] in table and grid is not None:
        places = _star_axes(path, table, "rlnCenteredCoordinate{}Angst")
        places = places + grid.size / 2 * ANGSTROM_PER_NM
    elif marks[1] in table:
        raise ValueError(f"{path}: centred coordinates: wanted the tomogram's grid with them")
    else:
        raise ValueError(f"{path}: wanted a pixel size, {' or '.join(STAR_PIXELS)}")
    if "rlnOriginXAngst" in table:
        places = places - _star_axes(path, table, "rlnOrigin{}Angst")
    score = next((name for name in STAR_SCORES if name in table), None)
    kinds = table.get("rlnClassNumber")
    return Picks(
        positions=places / ANGSTROM_PER_NM,
        scores=np.zeros(len(places)) if score is None else _numbers(path, table, score),
        species=None if kinds is None else np.array(kinds, np.str_),
    )


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


def _copick_points(path: Path) -> list[dict[str, Any]]:
    """Return place, rotation, species and score of all points of one or more files of picks."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: wanted picks of copick, got a folder without any .json")
    points = []
    for file in files:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            species = content["pickable_object_name"]
            if content.get("unit", "angstrom") != "angstrom":
                raise ValueError(f"unit {content['unit']!r}")
            for point in content["points"]:
                matrix = np.array(point.get("transformation_", np.eye(4)), float)
                if matrix.shape != (4, 4):
                    raise ValueError(f"a transformation of shape {matrix.shape}")
                place = np.array([point["location"][axis] for axis in "xyz"], float)
                score = point.get("score")
                points.append(
                    {
                        "species": species,
                        "place": place + matrix[:3, 3],
                        "turn": matrix[:3, :3],
                        "score": 0.0 if score is None else float(score),
                    }
                )
        except KeyError as error:
            raise ValueError(f"{file}: wanted picks of copick in Å, got no {error}") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{file}: wanted picks of copick in Å ({error})") from None
    return points


def _copick_radii(path: Path) -> dict[str, float]:
    for folder in path.resolve().parents:
        config = folder / COPICK_CONFIG
        if config.exists():
            held = json.loads(config.read_text(encoding="utf-8"))
            return {
                entry["name"]: float(entry["radius"])
                for entry in held.get("pickable_objects", [])
                if entry.get("radius")
            }
    raise ValueError(f"{path}: wanted a {COPICK_CONFIG} with radii in a folder above")
