"""Dynamo tables."""

from __future__ import annotations

import os

import numpy as np

from ..core.transforms import euler_angles
from .atomic import atomic_path
from .truth import GroundTruth

N_COLUMNS = 36
"""Columns of a table, up to the pixel size."""


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
    >>> (dynamo_angles(np.eye(3)[None]) + 0.0).tolist()
    [[0.0, 0.0, 0.0]]
    """
    return np.degrees(euler_angles(np.swapaxes(rotations, 1, 2), "zxz"))


def write_dynamo(
    path: str | os.PathLike[str],
    truth: GroundTruth,
    *,
    tomogram: int = 1,
    tilt_range_deg: tuple[float, float] = (-60.0, 60.0),
) -> None:
    """Write all molecules in the field of view as a Dynamo table.

    Places are in voxels, the first voxel's centre at 0; tags are instance numbers, classes the
    numbers of the species.

    Parameters
    ----------
    path : path-like
        Where to write: ``.tbl``.
    truth : GroundTruth
        What is known.
    tomogram : int, optional
        Number of the tomogram.
    tilt_range_deg : (float, float), optional
        First and last tilt, for the missing wedge.
    """
    rows = truth.molecules
    table = truth.particles
    numbers = {name: i for i, name in enumerate(truth.species, start=1)}
    values = np.zeros((len(rows), N_COLUMNS))

    def put(first: int, data: object) -> None:
        data = np.asarray(data, float)
        width = data.shape[1] if data.ndim == 2 else 1
        values[:, first - 1 : first - 1 + width] = data.reshape(-1, width) if data.ndim else data

    put(1, table.instance[rows])
    put(2, 1)
    put(3, 1)
    put(7, dynamo_angles(table.rotation[rows]))
    put(10, 1)
    put(13, 1)
    put(14, tilt_range_deg[0])
    put(15, tilt_range_deg[1])
    put(20, tomogram)
    put(22, [numbers[name] for name in table.species[rows].tolist()])
    put(24, table.centre[rows] / truth.grid.voxel_size)
    put(31, table.instance[rows])
    put(36, truth.grid.voxel_size * 10)
    with atomic_path(path) as temporary:
        temporary.write_text("".join(" ".join(map(_number, row)) + "\n" for row in values))


def _number(value: float) -> str:
    return f"{value:.5f}".rstrip("0").rstrip(".")
