"""RELION's files for subtomogram averaging: versions 5 and 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..core.transforms import euler_angles
from ..core.units import ANGSTROM_PER_NM
from ..io import write_mrc
from ..io.star import write_star
from ..io.tilts import write_tilt_stack
from .formats import PointFormat
from .truth import GroundTruth

ACROSS = Rotation.from_euler("Y", 90, degrees=True).as_matrix()
"""RELION's helical particles lie along x: filament frames, with their axis along z, times this."""

ANGSTROM_PER_UM = 1e4

Columns = dict[str, np.ndarray | list]


@kind("relion5")
class Relion5(PointFormat):
    """A RELION project: lists of particles, the tomogram and the tilt series.

    Places are in both of RELION's ways, so that version 4 and version 5 read one file:
    ``rlnCenteredCoordinateXAngst`` is in Å from the middle of the tomogram, voxel N/2;
    ``rlnCoordinateX`` in pixels of the tilt series from the first voxel's centre. Angles are
    those for which ``Rotation.from_euler("ZYZ", [rot, tilt, psi], degrees=True).inv()`` takes the
    body frame into the tomogram's. The pixel of the tilt series is taken as the voxel where there
    is none.

    ``particles.star`` holds all molecules in the field of view, with the number of their species
    as ``rlnClassNumber``; ``particles/SPECIES.star`` those of one species, and for a filament,
    places along it with RELION's helical columns. Without a tilt series, ``tomograms.star`` names
    none.
    """

    def refuses(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> str | None:
        """Refuse odd sizes, whose middle RELION puts on a voxel here and between two there."""
        if any(n % 2 for n in truth.grid.shape):
            return f"wanted even sizes, got {truth.grid.shape}"
        return super().refuses(truth, tilts)

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write ``particles.star``, one list for each species, ``tomograms.star`` and the rest."""
        self.check(truth, tilts)
        pixel = (truth.grid.voxel_size if tilts is None else tilts.pixel_size) * ANGSTROM_PER_NM
        microscope = _microscope(tilts)
        optics: Columns = {
            "rlnOpticsGroup": [1],
            "rlnOpticsGroupName": ["opticsGroup1"],
            **microscope,
            "rlnTomoTiltSeriesPixelSize": [pixel],
        }

        def write(path: Path, particles: Columns) -> None:
            general = {"rlnTomoSubTomosAre2DStacks": 0}
            write_star(path, {"general": general, "optics": optics, "particles": particles})

        write(folder / "particles.star", _molecules(truth, truth.molecules, pixel))
        (folder / "particles").mkdir()
        for species, name in truth.file_names.items():
            match truth.kind(species):
                case "molecule":
                    columns = _molecules(truth, truth.rows(species), pixel)
                case "filament":
                    columns = self._helical(truth, species, pixel)
                case _:
                    continue
            write(folder / "particles" / f"{name}.star", columns)
        if "tomogram" in truth.maps:
            (folder / "tomograms").mkdir()
            write_mrc(folder / "tomograms" / f"{truth.name}.mrc", truth.maps["tomogram"])
        _write_tomograms(folder, truth, tilts, microscope, pixel)
        if tilts is not None:
            _write_tilts(folder, truth.name, tilts)

    def _helical(self, truth: GroundTruth, species: str, pixel: float) -> Columns:
        """Return places along all filaments of a species; whole filaments go to one half set."""
        points = self.points(truth, species)
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
            "rlnAnglePsiFlipRatio": np.full(n, 0.5),
            "rlnHelicalTubeID": tube,
            "rlnHelicalTrackLengthAngst": track,
            "rlnRandomSubset": half,
            "rlnTomoParticleName": [f"{truth.name}/{i}" for i in range(1, n + 1)],
            "rlnOpticsGroup": np.ones(n, int),
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
    columns: Columns = {"rlnTomoName": [truth.name] * len(centres)}
    for axis, values in zip("XYZ", angst.T, strict=True):
        columns[f"rlnCoordinate{axis}"] = values / pixel
    for axis, values in zip("XYZ", (angst - middle).T, strict=True):
        columns[f"rlnCenteredCoordinate{axis}Angst"] = values
    return columns


def _molecules(truth: GroundTruth, rows: np.ndarray, pixel: float) -> Columns:
    table = truth.particles
    columns = _places(truth, table.centre[rows], pixel)
    angles = relion_angles(table.rotation[rows])
    for key, values in zip(("Rot", "Tilt", "Psi"), angles.T, strict=True):
        columns[f"rlnAngle{key}"] = values
    return columns | {
        "rlnTomoParticleName": [f"{truth.name}/{i}" for i in table.instance[rows].tolist()],
        "rlnTomoParticleId": table.instance[rows],
        "rlnClassNumber": truth.classes[rows],
        "rlnOpticsGroup": np.ones(len(rows), int),
    }


def _write_tomograms(
    folder: Path,
    truth: GroundTruth,
    tilts: TiltSeries | None,
    microscope: dict[str, list[float]],
    pixel: float,
) -> None:
    hand = -1 if tilts is None or tilts.optics is None else tilts.optics.hand
    binning = truth.grid.voxel_size * ANGSTROM_PER_NM / pixel
    sizes = np.rint(np.array(truth.grid.shape[::-1]) * binning).astype(int)
    columns: Columns = {"rlnTomoName": [truth.name]}
    if tilts is not None:
        columns["rlnTomoTiltSeriesStarFile"] = [f"tilt_series/{truth.name}.star"]
    columns |= microscope
    columns |= {
        "rlnMicrographOriginalPixelSize": [pixel],
        "rlnTomoHand": [float(hand)],
        "rlnOpticsGroupName": ["opticsGroup1"],
        "rlnTomoTiltSeriesPixelSize": [pixel],
        "rlnTomoTomogramBinning": [binning],
    }
    columns |= {f"rlnTomoSize{axis}": [n] for axis, n in zip("XYZ", sizes.tolist(), strict=True)}
    if "tomogram" in truth.maps:
        columns["rlnTomoReconstructedTomogram"] = [f"tomograms/{truth.name}.mrc"]
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
