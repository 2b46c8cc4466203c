"""Lists of true particles as CSV, in Å and degrees."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.curves import along
from ..core.geometry import Line
from ..core.messages import said_of
from ..core.particles import MonomerTable, ParticleTable
from ..core.transforms import to_quaternion, to_zyz
from ..core.units import ANGSTROM_PER_NM
from .files import atomic_path
from .inputs import read_table

_ROTATION = ("qx", "qy", "qz", "qw", "alpha_deg", "beta_deg", "gamma_deg")

COLUMNS = ("instance", "species", "x_angst", "y_angst", "z_angst", "radius_angst", *_ROTATION)
"""Columns of a list of true particles."""

MONOMER_COLUMNS = (
    *("instance", "species", "monomer", "x_angst", "y_angst", "z_angst", "track_angst"),
    *_ROTATION,
)
"""Columns of a list of helices' monomers."""


CURVE_COLUMNS = ("instance", "species", "point", "x_angst", "y_angst", "z_angst", "track_angst")
"""Columns of a list of filaments' curves."""


def write_particles(
    path: str | os.PathLike[str],
    table: ParticleTable,
    *,
    columns: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a list of particles as CSV with a header.

    Coordinates are in Å in the frame of the volume's file: the first voxel's centre is at 0.
    Rotations turn the body frame (the axes of the structure file) into the volume's, twice over:
    as a unit quaternion (x, y, z, w) with w >= 0, and as intrinsic ZYZ angles in degrees,
    ``R = Rz(alpha) Ry(beta) Rz(gamma)`` on column vectors.

    Parameters
    ----------
    path : path-like
        Where to write.
    table : ParticleTable
        The particles.
    columns : mapping of str to (n,) array, optional
        Further numbers of each particle by the name of their column: a run writes ``visible``, the
        part of the mass in the field of view, and ``border_angst``, the centre's distance to the
        nearest face of its box.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> table = ParticleTable(
    ...     instance=[1], species=["1f1b"], centre=[(1, 2, 3)], radius=[5], rotation=[np.eye(3)]
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     write_particles(Path(folder, "particles.csv"), table)
    ...     again = read_particles(Path(folder, "particles.csv"))
    >>> again.species.tolist(), again.centre.tolist()
    (['1f1b'], [[1.0, 2.0, 3.0]])
    """
    columns = dict(columns or {})
    for name, values in columns.items():
        if len(values) != len(table) or name in COLUMNS:
            raise ValueError(
                f"columns: wanted {len(table)} numbers under a new name, got {len(values)} "
                f"as {name!r}"
            )
    lengths = np.column_stack([table.centre, table.radius]) * ANGSTROM_PER_NM
    turns = _turns(table.rotation)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*COLUMNS, *columns])
        for i in range(len(table)):
            rows.writerow(
                [int(table.instance[i]), table.species[i]]
                + [f"{value:.4f}" for value in lengths[i]]
                + turns[i]
                + [f"{values[i]:.4f}" for values in columns.values()]
            )


def write_monomers(path: str | os.PathLike[str], table: MonomerTable) -> None:
    """Write the monomers of all helices as CSV with a header, places and rotations as particles'.

    ``instance`` is the filament's number, ``monomer`` the number in it, and ``track_angst`` the way
    along it from its first monomer.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> table = MonomerTable(
    ...     instance=[1], species=["actin"], number=[1], track=[0], centre=[(1, 2, 3)],
    ...     rotation=[np.eye(3)],
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     write_monomers(Path(folder, "monomers.csv"), table)
    ...     print(Path(folder, "monomers.csv").read_text().splitlines()[1][:42])
    1,actin,1,10.0000,20.0000,30.0000,0.0000,0
    """
    lengths = np.column_stack([table.centre, table.track]) * ANGSTROM_PER_NM
    turns = _turns(table.rotation)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(MONOMER_COLUMNS)
        for i in range(len(table)):
            named = [int(table.instance[i]), table.species[i], int(table.number[i])]
            rows.writerow([*named, *(f"{value:.4f}" for value in lengths[i]), *turns[i]])


def write_curves(
    path: str | os.PathLike[str], lines: Mapping[int, Line], species: Mapping[int, str]
) -> None:
    """Write the centre lines of filaments as CSV with a header, places as particles'.

    Parameters
    ----------
    path : path-like
        Where to write.
    lines : mapping of int to Line
        The line of each filament by the number of its instance.
    species : mapping of int to str
        Its species.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> line = Line(points=[(1, 2, 3), (1, 2, 5)], radius=3.5)
    >>> with TemporaryDirectory() as folder:
    ...     write_curves(Path(folder, "curves.csv"), {4: line}, {4: "actin"})
    ...     print(Path(folder, "curves.csv").read_text().splitlines()[2])
    4,actin,2,10.0000,20.0000,50.0000,20.0000
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(CURVE_COLUMNS)
        for number, line in lines.items():
            lengths = np.column_stack([line.points, along(line.points)]) * ANGSTROM_PER_NM
            for point, values in enumerate(lengths, start=1):
                named = [number, species[number], point]
                rows.writerow([*named, *(f"{value:.4f}" for value in values)])


def _turns(rotations: np.ndarray) -> list[list[str]]:
    """Return the rotation of each row as the text of its columns."""
    quaternions, angles = to_quaternion(rotations), np.degrees(to_zyz(rotations))
    return [
        [*(f"{value:.9f}" for value in one), *(f"{value:.6f}" for value in other)]
        for one, other in zip(quaternions, angles, strict=True)
    ]


def read_particles(path: str | os.PathLike[str]) -> ParticleTable:
    """Read a list of particles that `write_particles` wrote.

    Raises
    ------
    ValueError
        A column is missing, or a line holds no number where one has to be; the message names
        the file and the line.
    """
    names, rows = read_table(path)
    missing = [name for name in COLUMNS[:10] if name not in names]
    if missing:
        raise ValueError(f"{path}: wanted a column {missing[0]!r}, got {', '.join(names)}")
    instance, species, numbers = [], [], []
    for line, row in rows:
        where = f"{path}: line {line}"
        try:
            number = int(row["instance"])
            values = [float(row[name]) for name in COLUMNS[2:10]]
        except ValueError:
            raise ValueError(f"{where}: wanted numbers, got {row}") from None
        if not np.isfinite(values).all() or values[3] < 0 or not np.any(values[4:]):
            raise ValueError(f"{where}: wanted a place, a radius and a rotation, got {row}")
        if not 0 < number < 2**63:
            raise ValueError(f"{where}: wanted an instance from 1 on, got {number}")
        instance.append(number)
        species.append(row["species"])
        numbers.append(values)
    if len(set(instance)) < len(instance):
        twice = next(number for number in instance if instance.count(number) > 1)
        raise ValueError(f"{path}: instance {twice} comes twice")
    data = np.array(numbers, float).reshape(-1, 8)
    with said_of(path):
        return ParticleTable(
            instance=np.array(instance, np.int64),
            species=np.array(species, np.str_),
            centre=data[:, :3] / ANGSTROM_PER_NM,
            radius=data[:, 3] / ANGSTROM_PER_NM,
            rotation=(
                Rotation.from_quat(data[:, 4:]).as_matrix() if len(data) else np.empty((0, 3, 3))
            ),
        )


def read_column(path: str | os.PathLike[str], name: str) -> np.ndarray:
    """Return a further column of numbers of a list of particles, (n,).

    Raises
    ------
    ValueError
        There is no such column, or no number in a line of it.
    """
    names, rows = read_table(path)
    if name not in names:
        raise ValueError(f"{path}: wanted a column {name!r}, got {', '.join(names)}")
    values = []
    for line, row in rows:
        try:
            values.append(float(row[name]))
        except ValueError:
            raise ValueError(
                f"{path}: line {line}: wanted a number as {name!r}, got {row[name]!r}"
            ) from None
    return np.array(values, float)
