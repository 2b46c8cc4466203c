"""A folder as the SHREC challenges on cryo-electron tomograms hand them out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..core.transforms import euler_angles
from ..io import write_mrc
from ..io.mrc import MOST_LABELS
from ..io.tilts import write_tilt_stack
from .formats import Format
from .truth import GroundTruth


@kind("shrec")
class Shrec(Format):
    """Maps, masks and the list of particles under SHREC's names.

    ``particle_locations.txt`` has one line ``name x y z rot1 rot2 rot3`` for every instance, in
    and out of the field of view: the values of ``occupancy_mask.mrc`` are line numbers from 1,
    those of ``class_mask.mrc`` numbers of species. Places are the nearest voxels, because the
    challenge's evaluation reads whole numbers; ``particle_locations_exact.txt`` has the same lines
    with places to 1e-4 voxels. Angles in degrees are intrinsic ZXZ: ``Rz(rot1) Rx(rot2) Rz(rot3)``
    takes the body frame into the tomogram's.
    """

    def refuses(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> str | None:
        """Refuse more labels than MRC holds, and numbers that are no line numbers."""
        most = int(truth.instances.data.max())
        if most > MOST_LABELS:
            return f"wanted labels up to {MOST_LABELS}, as MRC holds, got {most}"
        if (truth.particles.instance != np.arange(1, len(truth.particles) + 1)).any():
            return "wanted instances 1, 2, ... in order, as line numbers are"
        return super().refuses(truth, tilts)

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write the density as ``grandmodel.mrc``, the tomogram as ``reconstruction.mrc``, ..."""
        self.check(truth, tilts)
        for volume, file_name in (
            (truth.maps.get("density"), "grandmodel.mrc"),
            (truth.tomogram, "reconstruction.mrc"),
        ):
            if volume is not None:
                write_mrc(folder / file_name, volume)
        write_mrc(folder / "occupancy_mask.mrc", truth.instances)
        write_mrc(folder / "class_mask.mrc", truth.semantic)
        if tilts is not None:
            write_tilt_stack(folder / "projections.mrc", tilts)
        _write_locations(folder / "particle_locations.txt", truth, digits=0)
        _write_locations(folder / "particle_locations_exact.txt", truth, digits=4)


def _write_locations(path: Path, truth: GroundTruth, *, digits: int) -> None:
    table = truth.particles
    names = truth.file_names
    # + 0.0: no minus sign before a zero.
    places = (table.centre / truth.grid.voxel_size).round(digits) + 0.0
    angles = shrec_angles(table.rotation)
    lines = []
    for species, (x, y, z), (a, b, c) in zip(table.species.tolist(), places, angles, strict=True):
        place = f"{x:.{digits}f} {y:.{digits}f} {z:.{digits}f}"
        lines.append(f"{names[species]} {place} {a:.4f} {b:.4f} {c:.4f}\n")
    path.write_text("".join(lines), encoding="utf-8")


def shrec_angles(rotations: np.ndarray) -> np.ndarray:
    """Return intrinsic ZXZ angles of rotations (n, 3, 3), in degrees, (n, 3).

    Examples
    --------
    >>> from scipy.spatial.transform import Rotation
    >>> turn = Rotation.from_euler("ZXZ", [[10, 20, 30]], degrees=True).as_matrix()
    >>> shrec_angles(turn).round(6).tolist()
    [[10.0, 20.0, 30.0]]
    """
    return np.degrees(euler_angles(rotations, "ZXZ"))
