"""Picks: positions that somebody found, from CSV, STAR and copick, of one tomogram."""

from __future__ import annotations

import csv
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.messages import said_of
from ..core.particles import Picks
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import Grid
from .files import atomic_path
from .inputs import existing, read_json, read_table
from .star import read_star

CSV_POSITIONS = (("x_angst", "y_angst", "z_angst"), ("x", "y", "z"))
CSV_SPECIES = ("species", "particle_type")
CSV_TOMOGRAMS = (
    "tomogram",
    "tomogram_name",
    "tomogram_id",
    "tomo",
    "tomo_name",
    "tomo_id",
    "experiment",
    "run",
    "run_name",
)
STAR_SCORES = ("rlnAutopickFigureOfMerit", "rlnLCCmax", "ptmScore")
STAR_TOMOGRAMS = ("rlnTomoName", "rlnMicrographName")
STAR_PIXELS = (
    "rlnTomoTiltSeriesPixelSize",
    "rlnMicrographOriginalPixelSize",
    "rlnMicrographPixelSize",
    "rlnPixelSize",
    "rlnImagePixelSize",
)
"""Columns with the size of a pixel in Å, of the particles or of their optics groups."""
COPICK_CONFIG = "copick_config.json"
COPICK_RUNS, COPICK_PICKS = "ExperimentRuns", "Picks"
COPICK_USER = "cgpack"
"""Whose the truth is in the projects that this package writes."""

_ENDING = re.compile(r"(\.(mrc|mrcs|rec|st|ali|tomostar|star|xml|zarr|gz))+$", re.IGNORECASE)

Block = Mapping[str, list[str]]


class PickList(NamedTuple):
    """What a file lists, before the picks of one tomogram are taken: a value for each pick."""

    places: np.ndarray
    """(n, 3), Å; where `middle`, from the middle of the tomogram."""
    scores: np.ndarray
    species: list[str] | None
    tomograms: list[str] | None
    rotations: np.ndarray | None = None
    middle: bool = False
    files: list[str] | None = None
    """Names of the files, without their endings; None where these hold points by objects."""

    def names(self) -> list[str]:
        """Return the names of the tomograms, in the order in which they first appear."""
        return list(dict.fromkeys(self.tomograms or ()))

    def rows_of(self, names: Iterable[str]) -> np.ndarray | None:
        """Return the indices of the picks of a tomogram by the first of its names that is there.

        That is the name itself, or that of a file of it; None where none is there.
        """
        for asked in names:
            for plain in (str, _without_ending):
                mine = [plain(name) == plain(asked) for name in self.tomograms or ()]
                if any(mine):
                    return np.flatnonzero(mine)
        return None

    def picks(self, path: Path, rows: np.ndarray, grid: Grid | None) -> Picks:
        """Return some of the picks; centred ones need the grid of their tomogram."""
        places = self.places
        if self.middle:
            if grid is None:
                raise ValueError(
                    f"grid: {path} has places from the middle of the tomogram, and needs its size"
                )
            places = places + grid.size / 2 * ANGSTROM_PER_NM
        if not np.isfinite(places).all() or not np.isfinite(self.scores).all():
            raise ValueError(f"{path}: wanted finite places and scores")
        return Picks(
            positions=places[rows] / ANGSTROM_PER_NM,
            scores=self.scores[rows],
            species=None if self.species is None else np.array(self.species, np.str_)[rows],
        )


def read_picks(
    path: str | os.PathLike[str],
    *,
    grid: Grid | None = None,
    tomogram: str | None = None,
    own_names: Iterable[str] = (),
) -> Picks:
    """Read positions that somebody picked, in Å, from CSV, STAR or copick.

    Parameters
    ----------
    path : path-like
        By its suffix:

        ``.csv``
            Columns ``x_angst``, ``y_angst``, ``z_angst``, or ``x``, ``y``, ``z``, in Å with the
            first voxel's centre at 0; ``species`` or ``particle_type`` and ``score`` where they
            are there, and the tomogram as `CSV_TOMOGRAMS` name it.
        ``.star``
            RELION's particles. ``rlnCoordinateX``, Y, Z in pixels, whose size the first there is
            of `STAR_PIXELS` holds, or ``rlnDetectorPixelSize``: in Å, as PyTom writes it, and
            beside a ``rlnMagnification`` in µm of the detector, as RELION 3.0 and Warp write it.
            Or ``rlnCenteredCoordinateXAngst``, Y, Z, in Å from the middle of the tomogram (voxel
            N/2), for which `grid` is needed. ``rlnOriginXAngst``, Y, Z, or ``rlnOriginX`` in
            pixels, are subtracted, turned by ``rlnTomoSubtomogramRot``, Tilt, Psi as RELION does.
            The species is ``rlnClassNumber``, as text, of which `score_picks` finds the name; the
            score the first there is of ``rlnAutopickFigureOfMerit``, ``rlnLCCmax`` and
            ``ptmScore``.
        ``.json``
            Picks of copick in Å; the species is the object's name.

        A folder may hold them as well; see `read_pick_list`.
    grid : Grid, optional
        The tomogram's, for centred coordinates.
    tomogram : str, optional
        Whose picks are taken, where the list names tomograms.
    own_names : iterable of str, optional
        Names that the tomogram goes by: where the list has several tomograms and `tomogram` says
        none, the one of such a name is taken, with a warning.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, it is no list of picks, or has picks of several tomograms of which
        neither name tells one; the message lists them.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "picks.csv")
    ...     write_picks(path, Picks(positions=[(1, 2, 3)], scores=[0.5]))
    ...     read_picks(path).positions
    array([[1., 2., 3.]])
    """
    path = existing(path)
    held = read_pick_list(path)
    return held.picks(path, rows_of_one(path, held, tomogram, own_names), grid)


def read_pick_list(path: str | os.PathLike[str]) -> PickList:
    """Read the picks of any number of tomograms; see `read_picks`.

    Parameters
    ----------
    path : path-like
        A file as of `read_picks`, or a folder: an export's (``copick``, ``relion5``, ``kaggle``), a
        copick project or a run in it, or one of lists, a tomogram each, whose names are those of
        the files where the lists name none.
    """
    path = existing(path)
    if path.is_dir():
        with said_of(path):
            return _read_folder(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        wanted = ", ".join(READERS)
        raise ValueError(f"{path}: wanted picks as {wanted} or a folder, got {path.suffix!r}")
    with said_of(path):
        return _joined([(path, reader(path))])


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


def rows_of_one(
    path: Path, held: PickList, wanted: str | None, own_names: Iterable[str]
) -> np.ndarray:
    """Return the indices of the picks of one tomogram: of all, where the list has but one."""
    everything = np.arange(len(held.places))
    if held.tomograms is None:
        if wanted is not None:
            raise ValueError(f"{path}: names no tomograms, wanted {wanted!r}")
        return everything
    found = held.names()
    if wanted is None and len(found) < 2:
        return everything
    for asked in own_names if wanted is None else [wanted]:
        rows = held.rows_of([asked])
        if rows is not None:
            if wanted is None:
                said = f"{path}: picks of {len(found)} tomograms: those of {asked} are taken"
                warnings.warn(said, stacklevel=3)
            return rows
    which = "wanted the name of one of them" if wanted is None else f"none of them is {wanted!r}"
    raise ValueError(f"tomogram: {path}: picks of {len(found)} tomograms, {listed(found)}: {which}")


def listed(names: list[str]) -> str:
    """Return names as words, and of many the first ten."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") or "none"


def _without_ending(name: str) -> str:
    """Return the name of a tomogram from that of its file."""
    return _ENDING.sub("", PurePath(name.replace("\\", "/")).name)


def _read_csv(path: Path) -> PickList:
    names, rows = read_table(path)
    axes = next((axes for axes in CSV_POSITIONS if set(axes) <= set(names)), None)
    if axes is None:
        wanted = ", ".join(CSV_POSITIONS[0])
        raise ValueError(f"{path}: wanted columns {wanted}, got {', '.join(names) or 'none'}")
    columns = [*axes, *(["score"] if "score" in names else [])]
    numbers = []
    for line, row in rows:
        try:
            numbers.append([float(row[name]) for name in columns])
        except ValueError:
            raise ValueError(f"{path}: line {line}: wanted numbers, got {row}") from None
        if not np.isfinite(numbers[-1]).all():
            raise ValueError(f"{path}: line {line}: wanted finite numbers, got {row}")
    data = np.array(numbers, float).reshape(-1, len(columns))

    def column(wanted: tuple[str, ...]) -> list[str] | None:
        lower = {name.lower(): name for name in names}
        name = next((lower[one] for one in wanted if one in lower), None)
        return None if name is None else [row[name] for _, row in rows]

    return PickList(
        places=data[:, :3],
        scores=data[:, 3] if data.shape[1] > 3 else np.zeros(len(data)),
        species=column(CSV_SPECIES),
        tomograms=column(CSV_TOMOGRAMS),
    )


def _read_star(path: Path) -> PickList:
    blocks = read_star(path)
    pixels, centred = "rlnCoordinateX", "rlnCenteredCoordinateXAngst"
    table = next((b for b in blocks.values() if pixels in b or centred in b), None)
    if table is None:
        got = ", ".join(name for block in blocks.values() for name in block)
        raise ValueError(f"{path}: wanted a table with {pixels} or {centred}, got {got or 'none'}")
    sizes = _pixel_sizes(path, blocks, table)
    middle = pixels not in table or (sizes is None and centred in table)
    if middle:
        places = _star_axes(path, table, "rlnCenteredCoordinate{}Angst")
    elif sizes is None:
        wanted = ", ".join([*STAR_PIXELS, "rlnDetectorPixelSize"])
        raise ValueError(f"{path}: wanted a pixel size, one of {wanted}")
    else:
        places = _star_axes(path, table, "rlnCoordinate{}") * sizes[:, None]
        if not np.isfinite(sizes).all():
            raise ValueError(f"{path}: wanted a column rlnOpticsGroup: pixel sizes differ")
    score = next((name for name in STAR_SCORES if name in table), None)
    tomograms = next((table[name] for name in STAR_TOMOGRAMS if name in table), None)
    return PickList(
        places=places - _offsets(path, table, sizes),
        scores=np.zeros(len(places)) if score is None else _numbers(path, table, score),
        species=table.get("rlnClassNumber"),
        tomograms=tomograms,
        middle=middle,
    )


def _offsets(path: Path, table: Block, sizes: np.ndarray | None) -> np.ndarray:
    """Return by how much particles are out of their places, (n, 3), Å; RELION subtracts it.

    Of `ParticleSet::getPosition`, src/jaz/tomography/particle_set.cpp of RELION 4 and 5.
    """
    n = len(next(iter(table.values())))
    if "rlnOriginXAngst" in table:
        offsets = _star_axes(path, table, "rlnOrigin{}Angst")
    elif "rlnOriginX" in table and sizes is not None:
        offsets = _star_axes(path, table, "rlnOrigin{}") * sizes[:, None]
    else:
        return np.zeros((n, 3))
    turns = [f"rlnTomoSubtomogram{angle}" for angle in ("Rot", "Tilt", "Psi")]
    if n and turns[0] in table:
        angles = np.stack([_numbers(path, table, name) for name in turns], axis=1)
        offsets = Rotation.from_euler("ZYZ", angles, degrees=True).inv().apply(offsets)
    return offsets


def _pixel_sizes(path: Path, blocks: Mapping[str, Block], table: Block) -> np.ndarray | None:
    """Return the size of the pixels in which each particle's place is, (n,) Å.

    It is NaN where the list does not say which of several it is.
    """
    sizes = _first_sizes(path, blocks, table)
    if sizes is not None and (np.isinf(sizes) | (sizes <= 0)).any():
        raise ValueError(f"{path}: wanted positive pixel sizes, got {sizes.min():g}")
    return sizes


def _first_sizes(path: Path, blocks: Mapping[str, Block], table: Block) -> np.ndarray | None:
    for name in STAR_PIXELS:
        if name in table:
            return _numbers(path, table, name)
        optics = blocks.get("optics", {})
        if name in optics:
            sizes = _numbers(path, optics, name)
            groups = optics.get("rlnOpticsGroup", ["1"] * len(sizes))
            by_group = dict(zip(groups, sizes.tolist(), strict=True))
            n = len(next(iter(table.values())))
            if "rlnOpticsGroup" not in table and len(set(sizes.tolist())) > 1:
                return np.full(n, np.nan)
            mine = table.get("rlnOpticsGroup", groups[:1] * n)
            unknown = sorted(set(mine) - set(by_group))
            if unknown:
                raise ValueError(f"{path}: no optics group {unknown[0]}")
            return np.array([by_group[group] for group in mine], float)
    if "rlnDetectorPixelSize" not in table:
        return None
    sizes = _numbers(path, table, "rlnDetectorPixelSize")
    if "rlnMagnification" not in table:
        return sizes
    # From µm on the detector to Å on the specimen; a magnification of 1 says that it is done.
    magnification = _numbers(path, table, "rlnMagnification")
    if not (magnification > 0).all():
        raise ValueError(f"{path}: wanted positive numbers as rlnMagnification")
    return np.where(magnification == 1, sizes, sizes * 1e4 / magnification)


def _star_axes(path: Path, table: Block, name: str) -> np.ndarray:
    return np.stack([_numbers(path, table, name.format(axis)) for axis in "XYZ"], axis=1)


def _numbers(path: Path, table: Block, name: str) -> np.ndarray:
    if name not in table:
        raise ValueError(f"{path}: wanted a column {name}, got {', '.join(table)}")
    try:
        return np.array(table[name], float)
    except ValueError as error:
        raise ValueError(f"{path}: column {name}: {error}") from None


def _read_folder(path: Path) -> PickList:
    """Return the picks of a folder: of copick, of an export, or of a list for each tomogram."""
    if is_project(path) or (path / COPICK_PICKS).is_dir():
        return read_copick(path, _picks_of_user(path))
    if any(path.glob("*.json")):
        return read_copick(path)
    for suffix in (".star", ".csv"):
        one = path / f"particles{suffix}"
        files = [one] if one.is_file() else sorted(path.glob(f"*{suffix}"))
        if files:
            return _joined([(file, READERS[suffix](file)) for file in files])
    raise ValueError("wanted picks: a copick project, or .json, .star or .csv files, got none")


def _picks_of_user(path: Path) -> list[Path]:
    """Return a project's picks; beside the truth, which is ours, those that somebody added."""
    every = project_picks(path)
    theirs = [file for file in every if not file.name.startswith(f"{COPICK_USER}_")]
    users = sorted({"_".join(file.name.split("_")[:2]) for file in theirs})
    if len(users) > 1:
        raise ValueError(
            f"picks of several users and sessions, {listed(users)}: wanted a folder with those of "
            "one"
        )
    if users and len(theirs) < len(every):
        warnings.warn(f"{path}: the picks of {users[0]} are taken, not the truth", stacklevel=4)
    return theirs or every


def project_picks(path: Path) -> list[Path]:
    """Return the files of picks of a copick project, or of a run in one; ValueError without any."""
    runs = path.glob(f"{COPICK_RUNS}/*") if is_project(path) else [path]
    files = sorted(file for run in runs for file in run.glob(f"{COPICK_PICKS}/*.json"))
    if not files:
        raise ValueError("wanted picks of copick, got a project without any")
    return files


def is_project(path: Path) -> bool:
    """Return whether a folder is a copick project."""
    return (path / COPICK_RUNS).is_dir()


def _joined(parts: list[tuple[Path, PickList]]) -> PickList:
    """Return several lists as one; a list that names no tomogram is of that of its file's name."""
    lists = [held for _, held in parts]
    files = [file.stem for file, held in parts for _ in held.places]
    if len(lists) == 1:
        return lists[0]._replace(files=files)
    if len({held.middle for held in lists}) > 1:
        raise ValueError("wanted places from the middle of the tomogram in all lists or in none")
    named = all(held.species is not None for held in lists)
    return PickList(
        places=np.concatenate([held.places for held in lists]),
        scores=np.concatenate([held.scores for held in lists]),
        species=[one for held in lists for one in held.species or ()] if named else None,
        tomograms=[
            name
            for file, held in parts
            for name in held.tomograms or [file.stem] * len(held.places)
        ],
        middle=lists[0].middle,
        files=files,
    )


def read_copick(path: Path, files: Sequence[Path] = ()) -> PickList:
    """Return all points of files of picks, by default of a file or of all in a folder."""
    if not files:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    places, scores, species, tomograms, rotations = [], [], [], [], []
    for file in files:
        content = read_json(file, wanted="picks of copick")
        with said_of(file, "picks of copick in Å"):
            name = str(content["pickable_object_name"])
            if content.get("unit", "angstrom") != "angstrom":
                raise ValueError(f"unit {content['unit']!r}")
            for point in content["points"] or []:
                matrix = np.array(point.get("transformation_", np.eye(4)), float)
                if matrix.shape != (4, 4):
                    raise ValueError(f"a transformation of shape {matrix.shape}")
                location = np.array([point["location"][axis] for axis in "xyz"], float)
                if not (np.isfinite(location).all() and np.isfinite(matrix).all()):
                    raise ValueError("numbers that are not finite")
                with np.errstate(over="ignore"):
                    places.append(location + matrix[:3, 3])
                scores.append(float(point.get("score") or 0.0))
                species.append(name)
                tomograms.append(str(content.get("run_name", "")))
                rotations.append(matrix[:3, :3])
    return PickList(
        places=np.array(places, float).reshape(-1, 3),
        scores=np.array(scores, float),
        species=species,
        tomograms=tomograms,
        rotations=np.array(rotations, float).reshape(-1, 3, 3),
    )


READERS: dict[str, Callable[[Path], PickList]] = {
    ".csv": _read_csv,
    ".star": _read_star,
    ".json": read_copick,
}
"""What reads picks of each suffix."""
