"""RELION's files for subtomogram averaging: versions 5 and 4."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..core.transforms import euler_angles
from ..core.units import ANGSTROM_PER_NM
from ..io import write_mrc
from ..io.shared_folders import SharedFolder, things
from ..io.star import join_star, lines_of, read_star, write_star
from ..io.tilts import write_tilt_stack
from .formats import PointFormat
from .truth import GroundTruth, unique_names

ACROSS = Rotation.from_euler("Y", 90, degrees=True).as_matrix()
"""RELION's helical particles lie along x: filament frames, with their axis along z, times this."""

ANGSTROM_PER_UM = 1e4

TOMOGRAM = "rlnTomoName"
"""The column by which rows of several runs are told apart."""

Columns = dict[str, np.ndarray | list]


@kind("relion5")
class Relion5(PointFormat):
    """A RELION project, to which every export adds its tomogram, tilt series and particles.

    Places are in both of RELION's ways, so that version 4 and version 5 read one file:
    ``rlnCenteredCoordinateXAngst`` is in Å from the middle of the tomogram, voxel N/2;
    ``rlnCoordinateX`` in pixels of the tilt series from the first voxel's centre. RELION 4.0 adds
    one pixel to these when it reads them (``ParticleSet::getPosition``), which puts its particles
    one pixel of the tilt series off along each axis; 5.0 does not. Angles are
    those for which ``Rotation.from_euler("ZYZ", [rot, tilt, psi], degrees=True).inv()`` takes the
    body frame into the tomogram's. The pixel of the tilt series is taken as the voxel where there
    is none.

    ``particles.star`` holds all molecules in the field of view, with the number of their species
    as ``rlnClassNumber``; ``particles/SPECIES.star`` those of one species, and for a filament,
    places along it, or its monomers, with RELION's helical columns. Without a tilt series,
    ``tomograms.star`` names none.

    Two halves of the tomogram that share no noise are ``rlnTomoReconstructedTomogramHalf1`` and
    ``Half2``, which RELION's denoising learns from.

    A project's species keep the numbers that they were given first, and a run of another pixel or
    microscope gets an optics group of its own. Runs with and without a tilt series, or halves, have
    different columns and go into different projects.
    """

    names_runs = True
    merged = ("particles.star", "particles/*.star", "tomograms.star")

    def refuses(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> str | None:
        """Refuse odd sizes, whose middle RELION puts on a voxel here and between two there."""
        if any(n % 2 for n in truth.grid.shape):
            return f"wanted even sizes, got {truth.grid.shape}"
        return super().refuses(truth, tilts)

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write ``particles.star``, one list for each species, ``tomograms.star`` and the rest."""
        self._write(folder, truth, tilts, _Names.of_one(truth))

    def add(
        self, project: SharedFolder, truth: GroundTruth, tilts: TiltSeries | None = None
    ) -> None:
        """Write the run's files, and its rows among those that the project's lists have."""
        names = _Names.of(project, truth, tilts)
        self._write(project.stage, truth, tilts, names)
        staged = (path.relative_to(project.stage).as_posix() for path in things(project.stage))
        before = {} if project.old is None else project.old.notes.get("rows", {})
        rows: dict[str, str | None] = {}
        for name in sorted({*filter(project.shares, staged), *before}):
            new, there = project.stage / name, project.shared_file(name)
            if there is not None:
                held = _rows(there, truth.name)
                if held not in (None, before.get(name)) and not project.force:
                    raise FileExistsError(
                        f"{there}: its rows of {truth.name} are not those that were written there; "
                        "give this run another name, or force=True to replace them"
                    )
                tables = read_star(new) if new.exists() else {}
                new.parent.mkdir(exist_ok=True)
                join_star(there, tables, new, key=TOMOGRAM, value=truth.name)
            if new.exists():
                rows[name] = _rows(new, truth.name)
        project.record.notes = {"numbers": names.numbers, "files": names.files, "rows": rows}

    def _write(
        self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None, names: _Names
    ) -> None:
        self.check(truth, tilts)
        pixel = _pixel(truth, tilts)
        optics: Columns = {
            "rlnOpticsGroup": [names.group],
            "rlnOpticsGroupName": [names.group_name],
            **_optics(truth, tilts),
        }

        def write(path: Path, particles: Columns) -> None:
            general = {"rlnTomoSubTomosAre2DStacks": 0}
            write_star(path, {"general": general, "optics": optics, "particles": particles})

        write(folder / "particles.star", _molecules(truth, truth.molecules, pixel, names))
        (folder / "particles").mkdir()
        for species in truth.species:
            match truth.kind(species):
                case "molecule":
                    columns = _molecules(truth, truth.rows(species), pixel, names)
                case "filament":
                    columns = self._helical(truth, species, pixel, names)
                case _:
                    continue
            name = names.files[species]
            write(folder / "particles" / f"{name}.star", columns)
        if truth.tomogram is not None:
            (folder / "tomograms").mkdir()
            write_mrc(folder / "tomograms" / f"{truth.name}.mrc", truth.tomogram)
            for number, half in enumerate(truth.halves or (), start=1):
                write_mrc(folder / "tomograms" / f"{truth.name}_half{number}.mrc", half)
        _write_tomograms(folder, truth, tilts, names)
        if tilts is not None:
            _write_tilts(folder, truth.name, tilts)

    def _helical(self, truth: GroundTruth, species: str, pixel: float, names: _Names) -> Columns:
        """Return places along all filaments of a species; whole filaments go to one half set.

        Of helices these are the monomers, each in its pose, and which way a filament goes is known.
        """
        points = self.points(truth, species)
        monomers = truth.monomers_of(species)
        n = len(points)
        tube = np.array([number for number, _, _ in points], np.int64)
        centres = np.array([centre for _, centre, _ in points]).reshape(-1, 3)
        frames = np.array([frame for _, _, frame in points]).reshape(-1, 3, 3)
        steps = np.linalg.norm(np.diff(centres, axis=0, prepend=centres[:1]), axis=1)
        track = np.zeros(n)
        half = np.zeros(n, np.int64)
        for order, number in enumerate(dict.fromkeys(tube.tolist())):
            mine = np.flatnonzero(tube == number)
            track[mine[1:]] = np.cumsum(steps[mine[1:]]) * ANGSTROM_PER_NM
            half[mine] = 1 + order % 2
        if monomers is not None:
            track = monomers.track * ANGSTROM_PER_NM
        columns = _places(truth, centres, pixel)
        for key, values in zip(
            ("Rot", "Tilt", "Psi"), relion_angles(frames @ ACROSS).T, strict=True
        ):
            columns[f"rlnTomoSubtomogram{key}"] = values
        return columns | {
            "rlnAngleRot": np.zeros(n),
            "rlnAngleTilt": np.full(n, 90.0),
            "rlnAnglePsi": np.zeros(n),
            "rlnAngleTiltPrior": np.full(n, 90.0),
            "rlnAnglePsiPrior": np.zeros(n),
            "rlnAnglePsiFlipRatio": np.full(n, 0.5 if monomers is None else 0.0),
            "rlnHelicalTubeID": tube,
            "rlnHelicalTrackLengthAngst": track,
            "rlnRandomSubset": half,
            "rlnTomoParticleName": [f"{truth.name}/{i}" for i in range(1, n + 1)],
            "rlnOpticsGroup": np.full(n, names.group),
        }


def relion_angles(rotations: np.ndarray) -> np.ndarray:
    """Return RELION's rot, tilt and psi of rotations of the body frame.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        Rotations from the body frame to the tomogram's.

    Returns
    -------
    (n, 3) array
        Degrees. Where the tilt is 0 or 180, psi is 0.

    Examples
    --------
    >>> quarter = Rotation.from_euler("Z", 90, degrees=True).as_matrix()
    >>> (relion_angles(quarter[None]).round(6) + 0.0).tolist()
    [[-90.0, 0.0, 0.0]]
    """
    return np.degrees(euler_angles(np.swapaxes(rotations, 1, 2), "ZYZ"))


@dataclass(frozen=True, kw_only=True)
class _Names:
    """How a project calls things: the numbers and files of species, and a run's optics group."""

    numbers: dict[str, int]
    files: dict[str, str]
    group: int = 1

    @property
    def group_name(self) -> str:
        return f"opticsGroup{self.group}"

    @staticmethod
    def of_one(truth: GroundTruth) -> _Names:
        """Return those of a project of one run."""
        numbers = {species: number for number, species in enumerate(truth.species, start=1)}
        return _Names(numbers=numbers, files=truth.file_names)

    @staticmethod
    def of(project: SharedFolder, truth: GroundTruth, tilts: TiltSeries | None) -> _Names:
        """Return those that other runs of a project brought, and new ones for what is new."""
        records = [*project.others, *([] if project.old is None else [project.old])]
        numbers = {k: n for record in records for k, n in record.notes.get("numbers", {}).items()}
        files = {k: name for record in records for k, name in record.notes.get("files", {}).items()}
        there = project.shared_file("particles.star")
        held = {} if there is None else read_star(there)
        last = max([0, *numbers.values(), *map(int, _column(held, "particles", "rlnClassNumber"))])
        new = [species for species in truth.species if species not in numbers]
        numbers |= {species: number for number, species in enumerate(new, start=last + 1)}
        files |= unique_names(new, taken=files.values())
        wanted = {key: float(value) for key, (value,) in _optics(truth, tilts).items()}
        groups = [int(number) for number in _column(held, "optics", "rlnOpticsGroup")]
        for row, number in enumerate(groups):
            have = {key: _column(held, "optics", key)[row : row + 1] for key in wanted}
            if all(v and math.isclose(float(v[0]), wanted[key]) for key, v in have.items()):
                return _Names(numbers=numbers, files=files, group=number)
        return _Names(numbers=numbers, files=files, group=max(groups, default=0) + 1)


def _column(tables: dict[str, dict[str, list[str]]], block: str, name: str) -> list[str]:
    return tables.get(block, {}).get(name, [])


def _rows(path: Path, run: str) -> str | None:
    """Return a digest of the rows of a run in a list; None where it has none."""
    lines = lines_of(path, TOMOGRAM, run)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else None


def _pixel(truth: GroundTruth, tilts: TiltSeries | None) -> float:
    return (truth.grid.voxel_size if tilts is None else tilts.pixel_size) * ANGSTROM_PER_NM


def _optics(truth: GroundTruth, tilts: TiltSeries | None) -> dict[str, list[float]]:
    return {**_microscope(tilts), "rlnTomoTiltSeriesPixelSize": [_pixel(truth, tilts)]}


def _microscope(tilts: TiltSeries | None) -> dict[str, list[float]]:
    if tilts is None or tilts.optics is None:
        return {}
    return {
        "rlnVoltage": [float(tilts.optics.voltage_kv)],
        "rlnSphericalAberration": [float(tilts.optics.cs_mm)],
        "rlnAmplitudeContrast": [float(tilts.optics.amplitude_contrast)],
    }


def _places(truth: GroundTruth, centres: np.ndarray, pixel: float) -> Columns:
    """Return the columns of places in nm, as both versions have them."""
    angst = centres * ANGSTROM_PER_NM
    middle = truth.grid.size / 2 * ANGSTROM_PER_NM
    columns: Columns = {TOMOGRAM: [truth.name] * len(centres)}
    for axis, values in zip("XYZ", angst.T, strict=True):
        columns[f"rlnCoordinate{axis}"] = values / pixel
    for axis, values in zip("XYZ", (angst - middle).T, strict=True):
        columns[f"rlnCenteredCoordinate{axis}Angst"] = values
    return columns


def _molecules(truth: GroundTruth, rows: np.ndarray, pixel: float, names: _Names) -> Columns:
    table = truth.particles
    columns = _places(truth, table.centre[rows], pixel)
    angles = relion_angles(table.rotation[rows])
    for key, values in zip(("Rot", "Tilt", "Psi"), angles.T, strict=True):
        columns[f"rlnAngle{key}"] = values
    return columns | {
        "rlnTomoParticleName": [f"{truth.name}/{i}" for i in table.instance[rows].tolist()],
        "rlnTomoParticleId": table.instance[rows],
        "rlnClassNumber": [names.numbers[species] for species in table.species[rows].tolist()],
        "rlnOpticsGroup": np.full(len(rows), names.group),
    }


def _write_tomograms(
    folder: Path, truth: GroundTruth, tilts: TiltSeries | None, names: _Names
) -> None:
    pixel = _pixel(truth, tilts)
    hand = -1 if tilts is None or tilts.optics is None else tilts.optics.hand
    binning = truth.grid.voxel_size * ANGSTROM_PER_NM / pixel
    sizes = np.rint(np.array(truth.grid.shape[::-1]) * binning).astype(int)
    columns: Columns = {TOMOGRAM: [truth.name]}
    if tilts is not None:
        columns["rlnTomoTiltSeriesStarFile"] = [f"tilt_series/{truth.name}.star"]
    columns |= _microscope(tilts)
    columns |= {
        "rlnMicrographOriginalPixelSize": [pixel],
        "rlnTomoHand": [float(hand)],
        "rlnOpticsGroupName": [names.group_name],
        "rlnTomoTiltSeriesPixelSize": [pixel],
        "rlnTomoTomogramBinning": [binning],
    }
    columns |= {f"rlnTomoSize{axis}": [n] for axis, n in zip("XYZ", sizes.tolist(), strict=True)}
    if truth.tomogram is not None:
        columns["rlnTomoReconstructedTomogram"] = [f"tomograms/{truth.name}.mrc"]
        for number, _ in enumerate(truth.halves or (), start=1):
            file = f"tomograms/{truth.name}_half{number}.mrc"
            columns[f"rlnTomoReconstructedTomogramHalf{number}"] = [file]
    write_star(folder / "tomograms.star", {"global": columns})


def _write_tilts(folder: Path, name: str, tilts: TiltSeries) -> None:
    (folder / "tilt_series").mkdir()
    stack = f"tilt_series/{name}.mrcs"
    write_tilt_stack(folder / stack, tilts)
    zeros = np.zeros(len(tilts))
    shifts = np.asarray(tilts.shifts, float) * ANGSTROM_PER_NM
    angles = np.degrees(tilts.angles)
    columns: Columns = {
        "rlnMicrographName": [f"{i:06d}@{stack}" for i in range(1, len(tilts) + 1)],
        "rlnTomoNominalStageTiltAngle": angles,
        "rlnTomoNominalTiltAxisAngle": zeros,
        "rlnMicrographPreExposure": tilts.pre_dose_e_per_a2,
        "rlnTomoXTilt": zeros,
        "rlnTomoYTilt": angles,
        "rlnTomoZRot": np.degrees(np.asarray(tilts.rotations, float)),
        "rlnTomoXShiftAngst": shifts[:, 0],
        "rlnTomoYShiftAngst": shifts[:, 1],
    }
    if tilts.optics is not None:
        defocus = tilts.optics.defocus_um
        columns |= {
            "rlnTomoNominalDefocus": -defocus.mean(axis=1),
            "rlnDefocusU": defocus[:, 0] * ANGSTROM_PER_UM,
            "rlnDefocusV": defocus[:, 1] * ANGSTROM_PER_UM,
            "rlnDefocusAngle": np.degrees(np.asarray(tilts.optics.astigmatism_angle, float)),
            "rlnPhaseShift": np.degrees(np.asarray(tilts.optics.phase_shift, float)),
            "rlnCtfScalefactor": np.cos(tilts.angles),
        }
    write_star(folder / "tilt_series" / f"{name}.star", {name: columns})
