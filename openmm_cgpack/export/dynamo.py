"""Dynamo tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.settings import kind, setting
from ..core.tilts import TiltSeries
from ..core.transforms import euler_angles
from ..core.units import ANGSTROM_PER_NM
from .formats import Format
from .truth import GroundTruth

N_COLUMNS = 36
"""Columns of a table, up to the pixel size."""

WEDGE_DEG = (-60.0, 60.0)
"""First and last tilt where there is no tilt series."""


@kind("dynamo")
class Dynamo(Format):
    """A Dynamo table of all molecules in the field of view, ``NAME.tbl``.

    Places are in voxels; tags are instance numbers, classes the numbers of the species. Programs
    differ in where they count from: copick, cryocat and eulerangles take the first voxel's centre
    for 0, Dynamo itself for 1, and so does RELION's reader of these tables, before it adds half a
    pixel of its own (`dynamo_particle.cpp` of RELION 4).
    """

    first_voxel: int = setting(
        "place of the first voxel's centre: 0 as copick, cryocat and eulerangles read tables, 1 as "
        "Dynamo itself and RELION do",
        default=0,
        minimum=0,
        maximum=1,
    )

    names_runs = True

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write the table."""
        first_tilt, last_tilt = WEDGE_DEG
        if tilts is not None:
            first_tilt, *_, last_tilt = np.degrees(tilts.angles).tolist()
        rows = truth.molecules
        table = truth.particles
        values = np.zeros((len(rows), N_COLUMNS))
        # Dynamo counts columns from 1.
        columns = {
            1: table.instance[rows, None],
            2: 1,  # aligned
            3: 1,  # averaged
            7: dynamo_angles(table.rotation[rows]),
            10: 1,  # cross-correlation
            13: 1,  # type of the missing wedge
            14: first_tilt,
            15: last_tilt,
            20: 1,  # number of the tomogram
            22: truth.classes[rows, None],
            24: table.centre[rows] / truth.grid.voxel_size + self.first_voxel,
            31: table.instance[rows, None],
            36: truth.grid.voxel_size * ANGSTROM_PER_NM,
        }
        for first, data in columns.items():
            width = np.shape(data)[1] if np.ndim(data) else 1
            values[:, first - 1 : first - 1 + width] = data
        lines = (" ".join(map(_number, row)) + "\n" for row in values)
        (folder / f"{truth.name}.tbl").write_text("".join(lines), encoding="utf-8")


def dynamo_angles(rotations: np.ndarray) -> np.ndarray:
    """Return Dynamo's tdrot, tilt and narot of rotations of the body frame.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        Rotations from the body frame to the tomogram's.

    Returns
    -------
    (n, 3) array
        Degrees; ``Rotation.from_euler("zxz", angles, degrees=True).inv()`` is the rotation. Where
        the tilt is 0 or 180, narot is 0.

    Examples
    --------
    >>> dynamo_angles(np.eye(3)[None]).tolist()
    [[0.0, 0.0, 0.0]]
    """
    return np.degrees(euler_angles(np.swapaxes(rotations, 1, 2), "zxz"))


def _number(value: float) -> str:
    return f"{value:.5f}".rstrip("0").rstrip(".")
