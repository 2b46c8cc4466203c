"""Dynamo tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    """A Dynamo table of all molecules and monomers in the field of view, ``NAME.tbl``.

    Places are in voxels; classes are the numbers of the species. A molecule's tag is the number of
    its instance; the monomers of helices have tags of their own after those of all instances, and
    in column 31 the number of their filament. Filaments without monomers are left out. Programs
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
        table, rows = truth.particles, truth.molecules
        molecules = (table.instance, table.centre, table.rotation, truth.classes)
        held = [[column[rows] for column in molecules]]
        for number, species in enumerate(truth.species, start=1):
            if (own := truth.monomers_of(species)) is not None:
                held.append([own.instance, own.centre, own.rotation, np.full(len(own), number)])
        instance, centre, rotation, classes = (
            np.concatenate(parts) for parts in zip(*held, strict=True)
        )
        monomers = np.arange(1, len(instance) - len(rows) + 1)
        tag = np.append(table.instance[rows], table.instance.max(initial=0) + monomers)
        values = np.zeros((len(instance), N_COLUMNS))
        # Dynamo counts columns from 1.
        columns: dict[int, Any] = {
            1: tag[:, None],
            2: 1,  # aligned
            3: 1,  # averaged
            7: dynamo_angles(rotation),
            10: 1,  # cross-correlation
            13: 1,  # type of the missing wedge
            14: first_tilt,
            15: last_tilt,
            20: 1,  # number of the tomogram
            22: classes[:, None],
            24: centre / truth.grid.voxel_size + self.first_voxel,
            31: instance[:, None],
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
