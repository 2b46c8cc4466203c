"""RELION's files for subtomogram averaging: versions 5 and 4."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.tilts import TiltSeries
from ..core.transforms import to_zyz
from ..core.units import ANGSTROM_PER_NM
from .names import unique_names
from .star import write_star
from .truth import GroundTruth, poses_along

ACROSS = Rotation.from_euler("Y", 90, degrees=True).as_matrix()
"""RELION's helical particles lie along x: filament frames, with their axis along z, times this."""

ANGSTROM_PER_UM = 1e4

Columns = dict[str, np.ndarray | list]


def write_relion(
    folder: str | os.PathLike[str],
    truth: GroundTruth,
    *,
    tilts: TiltSeries | None = None,
    stack: str | None = None,
    tomogram: str | None = None,
    step: float | None = None,
) -> None:
    """Write ``particles.star``, one list for each species, ``tomograms.star`` and the tilts.

    Places are in both of RELION's ways, so that version 4 and version 5 read one file:
    ``rlnCenteredCoordinateXAngst`` is in Å from the middle of the tomogram, voxel N/2;
    ``rlnCoordinateX`` in pixels of the tilt series from the first voxel's centre. Angles are
    those for which ``Rotation.from_euler("ZYZ", [rot, tilt, psi], degrees=True).inv()`` takes the
    body frame into the tomogram's. The pixel of the tilt series is taken as the voxel where there
    is none.

    Parameters
    ----------
    folder : path-like
        Where to write; it exists.
    truth : GroundTruth
        What is known. ``particles.star`` holds all molecules in the field of view, with the
        number of their species as ``rlnClassNumber``; ``particles/SPECIES.star`` those of one
        species, and for a filament, places along it with RELION's helical columns.
    tilts : TiltSeries, optional
        The tilt series; without one, no tilts are written, and ``tomograms.star`` names none.
    stack : str, optional
        Path of the stack of tilt images from `folder`.
    tomogram : str, optional
        Path of the tomogram from `folder`.
    step : float, optional
        Distance of places along filaments, nm; by default the radius of the tube.

    Raises
    ------
    ValueError
        Tilts are given and no stack, or a size of the tomogram is odd: RELION's middle of it
        would then lie between two voxels in one place, and on one in another.
    """
    folder = Path(folder)
    if any(n % 2 for n in truth.grid.shape):
        raise ValueError(f"truth: wanted even sizes, as RELION needs, got {truth.grid.shape}")
    if tilts is not None and stack is None:
        raise ValueError("stack: wanted the path of the tilt images, got none")
    pixel = (truth.grid.voxel_size if tilts is None else tilts.pixel_size) * ANGSTROM_PER_NM
    optics_of = None if tilts is None else tilts.optics
    microscope = {}
    if optics_of is not None:
        microscope = {
            "rlnVoltage": float(optics_of.voltage_kv),
            "rlnSphericalAberration": float(optics_of.cs_mm),
            "rlnAmplitudeContrast": float(optics_of.amplitude_contrast),
        }
    optics: Columns = {
        "rlnOpticsGroup": [1],
        "rlnOpticsGroupName": ["opticsGroup1"],
        **{key: [value] for key, value in microscope.items()},
        "rlnTomoTiltSeriesPixelSize": [pixel],
    }

    def write(path: Path, particles: Columns) -> None:
        write_star(
            path,
            {
                "general": {"rlnTomoSubTomosAre2DStacks": 0},
                "optics": optics,
                "particles": particles,
            },
        )

    write(folder / "particles.star", _molecules(truth, truth.molecules, pixel))
    (folder / "particles").mkdir(exist_ok=True)
    names = unique_names(truth.species)
    for species in truth.species:
        kind = truth.kind(species)
        if kind == "molecule":
            columns = _molecules(truth, truth.rows(species), pixel)
        elif kind == "filament":
            columns = _helical(truth, species, pixel, step)
        else:
            continue
        write(folder / "particles" / f"{names[species]}.star", columns)
    _write_tomograms(
        folder, truth, tilts=tilts, tomogram=tomogram, microscope=microscope, pixel=pixel
    )
    if tilts is not None and stack is not None:
        _write_tilts(folder, truth.name, tilts, stack)


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
    return np.degrees(to_zyz(np.swapaxes(rotations, 1, 2)))


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
    numbers = {name: i for i, name in enumerate(truth.species, start=1)}
    columns = _places(truth, table.centre[rows], pixel)
    for key, values in zip(
        ("Rot", "Tilt", "Psi"), relion_angles(table.rotation[rows]).T, strict=True
    ):
        columns[f"rlnAngle{key}"] = values
    columns["rlnTomoParticleName"] = [f"{truth.name}/{i}" for i in table.instance[rows].tolist()]
    columns["rlnTomoParticleId"] = table.instance[rows]
    columns["rlnClassNumber"] = [numbers[name] for name in table.species[rows].tolist()]
    columns["rlnOpticsGroup"] = np.ones(len(rows), int)
    return columns


def _helical(truth: GroundTruth, species: str, pixel: float, step: float | None) -> Columns:
    """Return places along all filaments of a species; whole filaments go to one half set."""
    centres, frames, tube, track = [], [], [], []
    numbers = truth.particles.instance[truth.rows(species)].tolist()
    for number in numbers:
        line = truth.lines[number]
        positions, rotations = poses_along(line, step or line.radius)
        centres.append(positions)
        frames.append(rotations)
        tube += [number] * len(positions)
        steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        track.append(np.concatenate([[0.0], np.cumsum(steps)]) * ANGSTROM_PER_NM)
    n = len(tube)
    half = {number: 1 + i % 2 for i, number in enumerate(numbers)}
    columns = _places(truth, np.concatenate([*centres, np.empty((0, 3))]), pixel)
    turned = np.concatenate([*frames, np.empty((0, 3, 3))]) @ ACROSS
    for key, values in zip(("Rot", "Tilt", "Psi"), relion_angles(turned).T, strict=True):
        columns[f"rlnTomoSubtomogram{key}"] = values
    columns |= {
        "rlnAngleRot": np.zeros(n),
        "rlnAngleTilt": np.full(n, 90.0),
        "rlnAnglePsi": np.zeros(n),
        "rlnAngleTiltPrior": np.full(n, 90.0),
        "rlnAnglePsiPrior": np.zeros(n),
        "rlnAnglePsiFlipRatio": np.full(n, 0.5),
        "rlnHelicalTubeID": tube,
        "rlnHelicalTrackLengthAngst": np.concatenate([*track, np.empty(0)]),
        "rlnRandomSubset": [half[number] for number in tube],
        "rlnTomoParticleName": [f"{truth.name}/{i}" for i in range(1, n + 1)],
        "rlnOpticsGroup": np.ones(n, int),
    }
    return columns


def _write_tomograms(
    folder: Path,
    truth: GroundTruth,
    *,
    tilts: TiltSeries | None,
    tomogram: str | None,
    microscope: dict[str, float],
    pixel: float,
) -> None:
    hand = -1 if tilts is None or tilts.optics is None else tilts.optics.hand
    binning = truth.grid.voxel_size * ANGSTROM_PER_NM / pixel
    sizes = np.rint(np.array(truth.grid.shape[::-1]) * binning).astype(int)
    columns: Columns = {"rlnTomoName": [truth.name]}
    if tilts is not None:
        columns["rlnTomoTiltSeriesStarFile"] = [f"tilt_series/{truth.name}.star"]
    columns |= {key: [value] for key, value in microscope.items()}
    columns |= {
        "rlnMicrographOriginalPixelSize": [pixel],
        "rlnTomoHand": [float(hand)],
        "rlnOpticsGroupName": ["opticsGroup1"],
        "rlnTomoTiltSeriesPixelSize": [pixel],
        "rlnTomoTomogramBinning": [binning],
    }
    columns |= {f"rlnTomoSize{axis}": [n] for axis, n in zip("XYZ", sizes.tolist(), strict=True)}
    if tomogram is not None:
        columns["rlnTomoReconstructedTomogram"] = [tomogram]
    write_star(folder / "tomograms.star", {"global": columns})


def _write_tilts(folder: Path, name: str, tilts: TiltSeries, stack: str) -> None:
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
    (folder / "tilt_series").mkdir(exist_ok=True)
    write_star(folder / "tilt_series" / f"{name}.star", {name: columns})
