"""Annotations of the CryoET Data Portal: one JSON object a line."""

from __future__ import annotations

import json
import os
from pathlib import Path

from .atomic import atomic_path
from .names import unique_names
from .truth import GroundTruth, poses_along


def write_portal(
    folder: str | os.PathLike[str], truth: GroundTruth, *, step: float | None = None
) -> list[Path]:
    """Write one file of oriented points for each species of molecules or filaments.

    Locations are in VOXELS, the first voxel's centre at 0; the 3 x 3 matrix is the rotation from
    the body frame to the tomogram's, row by row. Points of filaments lie along them, their z
    axes along the filament. Every point has its ``instance_id``.

    Parameters
    ----------
    folder : path-like
        Where to write; it exists.
    truth : GroundTruth
        What is known.
    step : float, optional
        Distance of points along filaments, nm; by default the radius of the tube.

    Returns
    -------
    list of pathlib.Path
        The files, ``SPECIES_orientedpoint.ndjson``.
    """
    table, voxel = truth.particles, truth.grid.voxel_size
    names = unique_names(truth.species)
    written = []
    for species in truth.species:
        points = []
        for row in truth.rows(species).tolist():
            number = int(table.instance[row])
            if number in truth.surfaces:
                continue
            if number in truth.lines:
                line = truth.lines[number]
                centres, turns = poses_along(line, step or line.radius)
            else:
                centres, turns = table.centre[row : row + 1], table.rotation[row : row + 1]
            points += [(number, c, r) for c, r in zip(centres / voxel, turns, strict=True)]
        if not points:
            continue
        path = Path(folder) / f"{names[species]}_orientedpoint.ndjson"
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            for number, centre, turn in points:
                record = {
                    "type": "orientedPoint",
                    "location": dict(zip("xyz", centre.round(6).tolist(), strict=True)),
                    "xyz_rotation_matrix": turn.round(9).tolist(),
                    "instance_id": number,
                }
                file.write(json.dumps(record) + "\n")
        written.append(path)
    return written
