"""A folder as the SHREC challenges on cryo-electron tomograms hand them out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..core.tilts import TiltSeries
from ..core.transforms import euler_angles
from .atomic import atomic_path
from .mrc import write_mrc
from .names import unique_names
from .tilts import write_tilt_stack
from .truth import GroundTruth

MAPS = {"density": "grandmodel.mrc", "tomogram": "reconstruction.mrc"}
"""Names of the files by names of maps."""


def write_shrec(
    folder: str | os.PathLike[str], truth: GroundTruth, *, tilts: TiltSeries | None = None
) -> None:
    """Write maps, masks and the list of particles under SHREC's names.

    ``particle_locations.txt`` has one line ``name x y z rot1 rot2 rot3`` for every instance, in
    and out of the field of view: the values of ``occupancy_mask.mrc`` are line numbers from 1,
    those of ``class_mask.mrc`` numbers of species. Places are the nearest voxels, because the
    challenge's evaluation reads whole numbers; ``particle_locations_exact.txt`` has the same lines
    with places to 1e-4 voxels. Angles in degrees are intrinsic ZXZ: ``Rz(rot1) Rx(rot2) Rz(rot3)``
    takes the body frame into the tomogram's.

    Parameters
    ----------
    folder : path-like
        Where to write; it exists.
    truth : GroundTruth
        What is known: ``density`` becomes ``grandmodel.mrc``, ``tomogram`` ``reconstruction.mrc``.
    tilts : TiltSeries, optional
        What becomes ``projections.mrc``.

    Raises
    ------
    ValueError
        Instances are not numbered from 1 without gaps, or are more than MRC labels can name.
    """
    folder = Path(folder)
    table = truth.particles
    if (table.instance != np.arange(1, len(table) + 1)).any():
        raise ValueError("truth: wanted instances 1, 2, ... in order, as line numbers are")
    for name, file_name in MAPS.items():
        if name in truth.maps:
            write_mrc(folder / file_name, truth.maps[name])
    write_mrc(folder / "occupancy_mask.mrc", truth.instances)
    write_mrc(folder / "class_mask.mrc", truth.semantic)
    if tilts is not None:
        write_tilt_stack(folder / "projections.mrc", tilts)
    names = unique_names(truth.species)
    places = table.centre / truth.grid.voxel_size
    angles = shrec_angles(table.rotation)
    for file_name, digits in (("particle_locations.txt", 0), ("particle_locations_exact.txt", 4)):
        with atomic_path(folder / file_name) as temporary:
            temporary.write_text(
                "".join(
                    f"{names[species]} {x:.{digits}f} {y:.{digits}f} {z:.{digits}f} "
                    f"{a:.4f} {b:.4f} {c:.4f}\n"
                    for species, (x, y, z), (a, b, c) in zip(
                        # + 0.0: no minus sign before a zero.
                        table.species.tolist(),
                        (places.round(digits) + 0.0).tolist(),
                        angles.tolist(),
                        strict=True,
                    )
                )
            )


def shrec_angles(rotations: np.ndarray) -> np.ndarray:
    """Return intrinsic ZXZ angles of rotations.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        Rotations.

    Returns
    -------
    (n, 3) array
        Degrees; ``Rotation.from_euler("ZXZ", angles, degrees=True)`` is the rotation.

    Examples
    --------
    >>> from scipy.spatial.transform import Rotation
    >>> turn = Rotation.from_euler("ZXZ", [[10, 20, 30]], degrees=True).as_matrix()
    >>> shrec_angles(turn).round(6).tolist()
    [[10.0, 20.0, 30.0]]
    """
    return np.degrees(euler_angles(rotations, "ZXZ"))
